//! The server itself: what it is set to, what it says of itself, how it is emptied and stopped.
//!
//! ```text
//!   config    CONFIG GET SET RESETSTAT REWRITE       info      INFO
//!   aof       BGREWRITEAOF                           backup    BACKUP START SEAL …
//!   memory    MEMORY USAGE STATS DOCTOR …            debug     DEBUG …
//!   flush     FLUSHALL FLUSHDB SWAPDB DBSIZE         shutdown  SHUTDOWN
//!   status    TIME ROLE                              lolwut    LOLWUT
//!   slowlog   SLOWLOG COMMANDLOG                     latency   LATENCY
//!   monitor   MONITOR                                hotkeys   HOTKEYS
//!   modules   MODULE
//! ```
//!
//! Most of these own the world while they run: they look at all clients and all shards, and nobody
//! waits for them often.

mod aof;
mod backup;
mod config;
mod debug;
mod flush;
mod hotkeys;
mod info;
mod latency;
mod lolwut;
mod memory;
mod modules;
mod monitor;
mod save;
mod shutdown;
mod slowlog;
mod status;

use engine::Command;

use crate::container::{container, help};

pub const COMMANDS: &[Command] = &[
    backup::BACKUP,
    aof::BGREWRITEAOF,
    save::BGSAVE,
    slowlog::COMMANDLOG,
    config::CONFIG,
    flush::DBSIZE,
    debug::DEBUG,
    flush::FLUSHALL,
    flush::FLUSHDB,
    hotkeys::HOTKEYS,
    info::INFO,
    save::LASTSAVE,
    latency::LATENCY,
    lolwut::LOLWUT,
    memory::MEMORY,
    modules::MODULE,
    monitor::MONITOR,
    status::ROLE,
    save::SAVE,
    shutdown::SHUTDOWN,
    slowlog::SLOWLOG,
    flush::SWAPDB,
    status::TIME,
];
