//! ACL: users and what they may do.
//!
//! ```text
//!   change   SETUSER DELUSER            own the world: every client of the user has it at once
//!   look     GETUSER LIST USERS WHOAMI CAT DRYRUN
//!   log      LOG                        what was refused
//!   file     LOAD SAVE                  the file of the option aclfile
//!   genpass  GENPASS                    a password nobody can guess
//! ```
//!
//! What rules mean is the crate `acl`'s; how they reach clients is in `engine/src/permission.rs`.

mod change;
mod file;
mod genpass;
mod log;
mod look;
#[cfg(test)]
mod tests;

use command::declare::{Flag, Group, Lock};
use engine::Command;

use Flag::{Admin, Loading, NoScript, Stale};

use crate::container::{container, help};

pub const COMMANDS: &[Command] = &[ACL];

const ACL: Command = Command {
    name: "ACL",
    group: Group::Server,
    since: "6.0.0",
    summary: "Commands about users and their permissions.",
    complexity: "Depends on subcommand.",
    subcommands: &[
        look::CAT,
        change::DELUSER,
        look::DRYRUN,
        genpass::GENPASS,
        look::GETUSER,
        HELP,
        look::LIST,
        file::LOAD,
        log::LOG,
        file::SAVE,
        change::SETUSER,
        look::USERS,
        look::WHOAMI,
    ],
    examples: &[
        ("ACL", "(error) ERR wrong number of arguments for 'acl' command"),
        ("ACL NOPE", "(error) ERR unknown subcommand 'NOPE'. Try ACL HELP."),
    ],
    ..Command::base(container)
};

/// Of the subcommands that are the administrator's.
const FLAGS: &[Flag] = &[Admin, NoScript, Loading, Stale];

const HELP: Command = Command {
    name: "HELP",
    group: Group::Server,
    since: "6.0.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[("ACL HELP x", "(error) ERR wrong number of arguments for 'acl|help' command")],
    ..Command::base(help)
};
