//! What may stand in redis.conf without being an option.
//!
//! CONFIG GET does not know these and CONFIG REWRITE leaves them alone unless the server hands it
//! their present lines. Those kept are collected raw: their owners (ACL, Sentinel) parse them.

/// What is done with a directive when a file is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// Read other files at this place.
    Include,
    /// Keep the line for its owner.
    Collect,
    /// Older servers had it; it is read over.
    Ignore,
}

/// One such directive.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    pub name: &'static str,
    /// How many arguments may follow.
    pub args_min: usize,
    pub args_max: usize,
    pub handling: Handling,
    pub usage: &'static str,
    pub doc: &'static str,
}

/// A directive that was kept, with where it stood, for messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collected {
    pub directive: &'static str,
    pub args: Vec<Vec<u8>>,
    pub line: usize,
    pub text: Vec<u8>,
}

const MANY: usize = usize::MAX;

pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "include",
        args_min: 1,
        args_max: 1,
        handling: Handling::Include,
        usage: "include /path/to/other.conf",
        doc: "Reads another file here, or all that match a pattern. The last value given wins.",
    },
    Directive {
        name: "user",
        args_min: 1,
        args_max: MANY,
        handling: Handling::Collect,
        usage: "user alice on >secret ~cached:* +@read",
        doc: "Declares a user with the rules of ACL SETUSER.",
    },
    Directive {
        name: "rename-command",
        args_min: 2,
        args_max: 2,
        handling: Handling::Collect,
        usage: "rename-command FLUSHALL \"\"",
        doc: "Gives a command another name, or none. ACL rules do this better.",
    },
    Directive {
        name: "loadmodule",
        args_min: 1,
        args_max: MANY,
        handling: Handling::Collect,
        usage: "loadmodule /path/to/module.so",
        doc: "Loads a module.",
    },
    Directive {
        name: "sentinel",
        args_min: 0,
        args_max: MANY,
        handling: Handling::Collect,
        usage: "sentinel monitor primary 10.0.0.1 6379 2",
        doc: "A setting of Sentinel; allowed only where the server runs as one.",
    },
    ignored("list-max-ziplist-entries"),
    ignored("list-max-ziplist-value"),
    ignored("lua-replicate-commands"),
    ignored("io-threads-do-reads"),
];

const fn ignored(name: &'static str) -> Directive {
    Directive {
        name,
        args_min: 1,
        args_max: 1,
        handling: Handling::Ignore,
        usage: "",
        doc: "Read over; it has no meaning any more.",
    }
}

pub(crate) fn lookup(name: &[u8]) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.name.as_bytes().eq_ignore_ascii_case(name))
}
