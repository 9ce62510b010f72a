//! CLIENT: a connection about itself, and about the others.
//!
//! ```text
//!   names      SETNAME GETNAME SETINFO ID INFO      what the caller is called
//!   switches   REPLY NO-EVICT NO-TOUCH CAPA …       what the caller wants done differently
//!   list       LIST                                 a line for each client ─┬─ filter  which ones
//!   kill       KILL                                 closes clients ─────────┘
//!   unblock    UNBLOCK                              ends a wait
//!   pause      PAUSE UNPAUSE                        holds commands for a while
//!   tracking   TRACKING CACHING …                   what the caller may hold in a cache
//! ```

mod filter;
mod kill;
mod list;
pub(super) mod names;
mod pause;
mod switches;
mod tracking;
mod unblock;

use command::declare::*;
use engine::Command;

use Flag::{Loading, Stale};

use crate::container::{container, help};

pub(super) const CLIENT: Command = Command {
    name: "CLIENT",
    group: Group::Connection,
    since: "2.4.0",
    summary: "Commands about connections.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        tracking::told::CACHING,
        switches::CAPA,
        names::GETNAME,
        tracking::told::GETREDIR,
        HELP,
        names::ID,
        switches::IMPORT_SOURCE,
        names::INFO,
        kill::KILL,
        list::LIST,
        switches::NO_EVICT,
        switches::NO_TOUCH,
        pause::PAUSE,
        switches::REPLY,
        names::SETINFO,
        names::SETNAME,
        tracking::TRACKING,
        tracking::told::TRACKINGINFO,
        unblock::UNBLOCK,
        pause::UNPAUSE,
    ],
    examples: &[
        ("CLIENT", "(error) ERR wrong number of arguments for 'client' command"),
        ("CLIENT NOPE", "(error) ERR unknown subcommand 'NOPE'. Try CLIENT HELP."),
    ],
    ..Command::base(container)
};

const HELP: Command = Command {
    name: "HELP",
    group: Group::Connection,
    since: "5.0.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "CLIENT HELP x",
        "(error) ERR wrong number of arguments for 'client|help' command",
    )],
    ..Command::base(help)
};
