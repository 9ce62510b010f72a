//! What happens between a request and its reply: look up, refuse or lock, run, note the effects.
//!
//! Read in this order: [`engine`] (what all workers share), [`client`] (what one connection is),
//! [`batch`] (requests of one connection, parsed, prefetched and run in order), [`call`] (one
//! command: reasons to refuse, locks, handler, effects), [`cx`] and [`db`] (all that a handler
//! sees). No socket, file or thread is in here: the server feeds bytes and takes bytes.
#![forbid(unsafe_code)]

pub mod ahead;
pub mod aof;
pub mod attention;
pub mod backup;
pub mod batch;
pub mod blocked;
pub mod call;
pub mod client;
pub mod client_line;
pub mod client_memory;
pub mod clients;
pub mod collate;
pub mod command_log;
pub mod cx;
pub mod db;
pub mod effects;
mod elements;
pub mod engine;
pub mod error;
pub mod eviction;
pub mod expire_cycle;
pub mod histogram;
pub mod hotkeys;
pub mod in_transit;
pub mod info;
pub mod late;
pub mod latency;
pub mod mail;
pub mod monitor;
pub mod multi;
pub mod notify;
pub mod output;
pub mod pause;
pub mod permission;
pub mod persistence;
pub mod pubsub;
pub mod refuse;
pub mod replay;
pub mod sampler;
pub mod scan_cursor;
mod script_call;
pub mod scripting;
pub mod settings;
pub mod stats;
mod straight;
pub mod tracking;

pub use client::Client;
pub use cx::{Cx, Handler};
pub use db::{Absent, Db, Edited};
pub use engine::Engine;
pub use error::{CmdError, CmdResult};

/// A command of ours.
pub type Command = command::Command<Handler>;
