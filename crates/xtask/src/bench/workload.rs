//! The workloads of the throughput modes, and what each may cost beside the peer.

use anyhow::{Result, ensure};

/// One command, repeated by the load generator with random keys.
pub(crate) struct Workload {
    /// Command and pipeline depth: `GET@16`.
    pub(crate) name: &'static str,
    /// `__rand_int__` becomes a random number of 12 digits below `keys`.
    pub(crate) command: &'static [&'static str],
    pub(crate) depth: usize,
    pub(crate) clients: usize,
    pub(crate) keys: Keys,
    /// The most our CPU per command may be, as a share of the peer's.
    pub(crate) budget: Option<f64>,
}

/// A set of keys that both servers hold before anything is measured.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Keys {
    /// A million keys of 16 bytes with values of 64.
    Small,
    /// 32 thousand keys with values of 4 KiB: more than a cache holds.
    Large,
    /// A hundred thousand numbers.
    Counters,
}

impl Keys {
    pub(crate) const ALL: [Keys; 3] = [Keys::Small, Keys::Large, Keys::Counters];

    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Keys::Small => "key:",
            Keys::Large => "big:",
            Keys::Counters => "num:",
        }
    }

    pub(crate) fn count(self) -> usize {
        match self {
            Keys::Small => 1_000_000,
            Keys::Large => 32_000,
            Keys::Counters => 100_000,
        }
    }

    pub(crate) fn value(self) -> Vec<u8> {
        match self {
            Keys::Small => VALUE.as_bytes().to_vec(),
            Keys::Large => vec![b'x'; 4096],
            Keys::Counters => b"1000000".to_vec(),
        }
    }
}

const VALUE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const KEY: &str = "key:__rand_int__";
const GET: &[&str] = &["GET", KEY];
const SET: &[&str] = &["SET", KEY, VALUE];

const BASE: Workload =
    Workload { name: "", command: GET, depth: 16, clients: 50, keys: Keys::Small, budget: None };

const WORKLOADS: &[Workload] = &[
    Workload { name: "GET@1", depth: 1, budget: Some(0.88), ..BASE },
    Workload { name: "GET@16", depth: 16, budget: Some(0.65), ..BASE },
    Workload { name: "GET@64", depth: 64, budget: Some(0.40), ..BASE },
    Workload { name: "SET@1", command: SET, depth: 1, ..BASE },
    Workload { name: "SET@16", command: SET, depth: 16, ..BASE },
    Workload { name: "SET@64", command: SET, depth: 64, ..BASE },
    Workload {
        name: "INCR@16",
        command: &["INCR", "num:__rand_int__"],
        keys: Keys::Counters,
        ..BASE
    },
    Workload {
        name: "MGET10@16",
        command: &["MGET", KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY],
        ..BASE
    },
    Workload {
        name: "GET-4KiB@16",
        command: &["GET", "big:__rand_int__"],
        keys: Keys::Large,
        ..BASE
    },
    Workload { name: "GET@1-1000clients", depth: 1, clients: 1000, ..BASE },
];

/// Those named, in the table's order; all if none is named.
pub(crate) fn choose(names: &[String]) -> Result<Vec<&'static Workload>> {
    for name in names {
        let known = WORKLOADS.iter().any(|workload| workload.name.eq_ignore_ascii_case(name));
        let all: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        ensure!(known, "no workload {name}; there are {}", all.join(", "));
    }
    Ok(WORKLOADS
        .iter()
        .filter(|workload| {
            names.is_empty() || names.iter().any(|name| workload.name.eq_ignore_ascii_case(name))
        })
        .collect())
}
