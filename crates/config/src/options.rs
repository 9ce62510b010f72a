//! The table: every option of Redis 8, Valkey 9 and ours, by topic.
//!
//! Order here is the order of CONFIG GET, of the lines CONFIG REWRITE appends and of the sample
//! file. Where Redis and Valkey name one thing differently, Redis's word is the name and Valkey's
//! an alias. Where their defaults differ we take Redis 8's.
//!
//! Redis's own test suite sets every option that `CONFIG GET *` lists to the value it has. Options
//! that Redis 8.0 does not know and that may not change at run time are therefore hidden: they
//! answer to their exact name only.

use crate::option::{Opt, OptId};

mod clients;
mod cluster;
mod encodings;
mod memory;
mod modules;
mod network;
mod observe;
mod persistence;
mod process;
mod replication;
mod security;
mod tls;

/// A group of options and the words that head it in the sample file.
pub struct Topic {
    pub title: &'static str,
    pub options: &'static [Opt],
}

pub const TOPICS: &[Topic] = &[
    Topic { title: "Network", options: network::OPTIONS },
    Topic { title: "TLS", options: tls::OPTIONS },
    Topic { title: "Process and log", options: process::OPTIONS },
    Topic { title: "Security", options: security::OPTIONS },
    Topic { title: "Clients", options: clients::OPTIONS },
    Topic { title: "Memory", options: memory::OPTIONS },
    Topic { title: "Encodings", options: encodings::OPTIONS },
    Topic { title: "Persistence", options: persistence::OPTIONS },
    Topic { title: "Replication", options: replication::OPTIONS },
    Topic { title: "Cluster", options: cluster::OPTIONS },
    Topic { title: "Observation", options: observe::OPTIONS },
    Topic { title: "Search, time series and probabilistic types", options: modules::OPTIONS },
];

const COUNT: usize = {
    let (mut count, mut topic) = (0, 0);
    while topic < TOPICS.len() {
        count += TOPICS[topic].options.len();
        topic += 1;
    }
    count
};

/// Every option; an [`OptId`] is an index into it.
pub static OPTIONS: [&Opt; COUNT] = FLAT;

const FLAT: [&Opt; COUNT] = {
    let mut flat = [&TOPICS[0].options[0]; COUNT];
    let (mut at, mut topic) = (0, 0);
    while topic < TOPICS.len() {
        let mut i = 0;
        while i < TOPICS[topic].options.len() {
            flat[at] = &TOPICS[topic].options[i];
            at += 1;
            i += 1;
        }
        topic += 1;
    }
    flat
};

/// The option called `name`, found at compile time: `const PORT: OptId = id("port");`.
///
/// # Panics
///
/// If there is none, which in a `const` is a compile error.
pub const fn id(name: &str) -> OptId {
    let mut i = 0;
    while i < COUNT {
        if is_same(FLAT[i].name, name) {
            return OptId(i as u16);
        }
        i += 1;
    }
    panic!("no option has this name")
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The option with this name or alias in any case, and the name that matched.
pub fn lookup(name: &[u8]) -> Option<(OptId, &'static str)> {
    all().find_map(|id| {
        let matched = id.opt().names().find(|n| n.as_bytes().eq_ignore_ascii_case(name))?;
        Some((id, matched))
    })
}

/// All options in the order of the table.
pub fn all() -> impl Iterator<Item = OptId> {
    (0..COUNT).map(|i| OptId(i as u16))
}
