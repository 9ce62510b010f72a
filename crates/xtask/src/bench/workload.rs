//! The workloads of the throughput modes, and what each may cost beside the peer.

use anyhow::{Result, ensure};

/// One command, repeated by the load generator with random keys.
pub(crate) struct Workload {
    /// Command and pipeline depth: `GET@16`.
    pub(crate) name: &'static str,
    /// `__rand_int__` becomes a random number of 12 digits.
    pub(crate) command: &'static [&'static str],
    /// That number is below this, or by default below the keys' count.
    pub(crate) below: Option<usize>,
    pub(crate) depth: usize,
    pub(crate) clients: usize,
    pub(crate) keys: Keys,
    /// The most our CPU per command may be, as a share of the peer's.
    pub(crate) budget: Option<f64>,
    /// The least our throughput with two workers may be, as a multiple of the peer's.
    pub(crate) speed: Option<f64>,
    /// Connections that subscribe to [`CHANNEL`] and read.
    pub(crate) subscribers: usize,
    /// The load logs in as [`LIMITED`].
    pub(crate) is_limited: bool,
    /// The load comes over TLS.
    pub(crate) is_secure: bool,
}

/// What PUBLISH publishes to.
pub(crate) const CHANNEL: &str = "news";

/// A user with rules, and its password.
pub(crate) const LIMITED: (&str, &str) = ("limited", "secret");

/// What both servers hold before anything is measured.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Keys {
    /// A million keys of 16 bytes with values of 64.
    Small,
    /// 32 thousand keys with values of 4 KiB: more than a cache holds.
    Large,
    /// A hundred thousand numbers.
    Counters,
    /// One set of a million members.
    Members,
    /// Two sets of a hundred thousand members, a third of which they share.
    TwoSets,
    /// A list of a thousand elements, and one of as many as LPOP will take.
    Lists,
    /// A hundred thousand hashes of eight small fields.
    Hashes,
    /// A list of a hundred thousand different numbers in no order.
    Numbers,
    /// One sorted set of a million members, their scores in no order.
    Scores,
    /// Two sorted sets of a hundred thousand members, a third of which they share.
    TwoSortedSets,
    /// A hundred HyperLogLogs of twenty thousand elements each.
    HyperLogLogs,
    /// A million places all over the Earth.
    Places,
    /// Scripts by their names, and a hundred thousand numbers.
    Scripts,
}

impl Keys {
    pub(crate) const ALL: [Keys; 13] = [
        Keys::Small,
        Keys::Large,
        Keys::Counters,
        Keys::Members,
        Keys::TwoSets,
        Keys::Lists,
        Keys::Hashes,
        Keys::Numbers,
        Keys::Scores,
        Keys::TwoSortedSets,
        Keys::HyperLogLogs,
        Keys::Places,
        Keys::Scripts,
    ];

    /// Requests that store them.
    pub(crate) fn count(self) -> usize {
        match self {
            Keys::Small | Keys::Members | Keys::Scores | Keys::Places => 1_000_000,
            Keys::Large => 32_000,
            Keys::Counters | Keys::Hashes | Keys::Numbers | Keys::Scripts => 100_000,
            Keys::TwoSets | Keys::TwoSortedSets => 200_000,
            Keys::Lists => 200_000,
            Keys::HyperLogLogs => SKETCHES * 20_000 / PER_PUSH,
        }
    }

    /// The `n`th of these requests.
    pub(crate) fn request(self, n: usize) -> Vec<Vec<u8>> {
        let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
        match self {
            Keys::Small => words(&["SET", &format!("key:{n:012}"), VALUE]),
            Keys::Large => words(&["SET", &format!("big:{n:012}"), &"x".repeat(4096)]),
            Keys::Counters => words(&["SET", &format!("num:{n:012}"), "1000000"]),
            Keys::Scripts => match SCRIPTS.get(n) {
                Some(source) => words(&["SCRIPT", "LOAD", source]),
                None => words(&["SET", &format!("num:{n:012}"), "1000000"]),
            },
            Keys::Members => words(&["SADD", "set", &format!("mem:{n:012}")]),
            Keys::Hashes => {
                let mut request = words(&["HSET", &format!("hash:{n:012}")]);
                request.extend((0..8).flat_map(|i| words_of_field(n, i)));
                request
            }
            Keys::HyperLogLogs => {
                let mut add = words(&["PFADD", SKETCH[n % SKETCHES]]);
                let element = |n| format!("elm:{n:012}").into_bytes();
                add.extend((n * PER_PUSH..(n + 1) * PER_PUSH).map(element));
                add
            }
            Keys::Places => {
                // Evenly and without a pattern: multiples of irrational numbers.
                let part = |ratio: f64| (n as f64 * ratio).fract() - 0.5;
                let longitude = format!("{:.6}", part(0.618_033_988_749_895) * 360.0);
                let latitude = format!("{:.6}", part(0.754_877_666_246_693) * 160.0);
                words(&["GEOADD", "places", &longitude, &latitude, &format!("place:{n:012}")])
            }
            Keys::Lists => {
                let list = if n < 1000 / PER_PUSH { "range" } else { "queue" };
                let mut push = words(&["RPUSH", list]);
                let element = |n| format!("elm:{n:012}").into_bytes();
                push.extend((n * PER_PUSH..(n + 1) * PER_PUSH).map(element));
                push
            }
            // A prime leads through all numbers below another one.
            Keys::Numbers => words(&["RPUSH", "numbers", &(n * 64_007 % 100_003).to_string()]),
            Keys::TwoSets => {
                let (set, step) = if n.is_multiple_of(2) { ("set:a", 2) } else { ("set:b", 3) };
                words(&["SADD", set, &format!("mem:{:012}", n / 2 * step)])
            }
            Keys::Scores => {
                words(&["ZADD", "zset", &score_of(n).to_string(), &format!("mem:{n:012}")])
            }
            Keys::TwoSortedSets => {
                let (set, step) = if n.is_multiple_of(2) { ("zset:a", 2) } else { ("zset:b", 3) };
                let member = format!("mem:{:012}", n / 2 * step);
                words(&["ZADD", set, &score_of(n).to_string(), &member])
            }
        }
    }
}

/// A number below a million that looks random, another for each `n` below a million.
fn score_of(n: usize) -> usize {
    n * 381_966_011 % 1_000_000
}

/// A field of the `n`th hash and its value of eight bytes.
fn words_of_field(n: usize, i: usize) -> [Vec<u8>; 2] {
    [format!("field{i}").into_bytes(), format!("v{i}{:06}", n % 1_000_000).into_bytes()]
}

/// One that calls a command, and one that computes.
const SCRIPTS: [&str; 2] = [
    "return redis.call('GET', KEYS[1])",
    "local n = 0 for i = 1, 1000 do n = n + i % 7 end return n",
];
const SCRIPT_SHAS: [&str; 2] =
    ["d3c21d0c2b9ca22f82737626a27bcaf5d288f99f", "52216453a8713ccfd3dc90c9fa063527bce5e214"];

const VALUE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Elements in each request that fills a list.
const PER_PUSH: usize = 100;
/// How many HyperLogLogs there are, and their keys.
const SKETCHES: usize = 100;
const SKETCH: [&str; SKETCHES] = {
    let mut names = [""; SKETCHES];
    let mut i = 0;
    while i < SKETCHES {
        names[i] = match std::str::from_utf8(&SKETCH_BYTES[i]) {
            Ok(name) => name,
            Err(_) => panic!("digits are text"),
        };
        i += 1;
    }
    names
};
const SKETCH_BYTES: &[[u8; 6]; SKETCHES] = &{
    let mut names = [*b"hll:00"; SKETCHES];
    let mut i = 0;
    while i < SKETCHES {
        names[i][4] += (i / 10) as u8;
        names[i][5] += (i % 10) as u8;
        i += 1;
    }
    names
};
const PFMERGE: [&str; 2 + SKETCHES] = {
    let mut words = ["PFMERGE"; 2 + SKETCHES];
    words[1] = "union";
    let mut i = 0;
    while i < SKETCHES {
        words[2 + i] = SKETCH[i];
        i += 1;
    }
    words
};
const KEY: &str = "key:__rand_int__";
const HASH: &str = "hash:__rand_int__";
const GET: &[&str] = &["GET", KEY];
const SET: &[&str] = &["SET", KEY, VALUE];

const BASE: Workload = Workload {
    name: "",
    command: GET,
    below: None,
    depth: 16,
    clients: 50,
    keys: Keys::Small,
    budget: None,
    speed: None,
    subscribers: 0,
    is_limited: false,
    is_secure: false,
};

/// GET as somebody who may not do everything, and as somebody who may.
pub(crate) const LIMITED_GET: [Workload; 2] = [
    Workload { name: "GET@16 as limited", is_limited: true, ..BASE },
    Workload { name: "GET@16", ..BASE },
];

/// Over TLS.
pub(crate) const SECURE: [Workload; 2] = [
    Workload { name: "GET@1 TLS", depth: 1, budget: Some(1.00), is_secure: true, ..BASE },
    Workload { name: "GET@16 TLS", is_secure: true, ..BASE },
];

const WORKLOADS: &[Workload] = &[
    Workload { name: "GET@1", depth: 1, budget: Some(0.90), ..BASE },
    Workload { name: "GET@16", depth: 16, budget: Some(0.68), speed: Some(1.6), ..BASE },
    Workload { name: "GET@64", depth: 64, budget: Some(0.42), speed: Some(2.0), ..BASE },
    Workload { name: "SET@1", command: SET, depth: 1, budget: Some(0.95), ..BASE },
    Workload { name: "SET@16", command: SET, budget: Some(0.70), speed: Some(1.6), ..BASE },
    Workload {
        name: "SET@64",
        command: SET,
        depth: 64,
        budget: Some(0.45),
        speed: Some(2.0),
        ..BASE
    },
    Workload {
        name: "INCR@16",
        command: &["INCR", "num:__rand_int__"],
        keys: Keys::Counters,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "MGET10@16",
        command: &["MGET", KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY],
        budget: Some(0.60),
        ..BASE
    },
    Workload {
        name: "GET-4KiB@16",
        command: &["GET", "big:__rand_int__"],
        keys: Keys::Large,
        budget: Some(0.85),
        ..BASE
    },
    Workload { name: "GET@1-1000clients", depth: 1, clients: 1000, budget: Some(0.90), ..BASE },
    Workload {
        name: "MULTI10SET@16",
        command: &["MULTI", ";", "10", "SET", KEY, VALUE, ";", "EXEC"],
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "PUBLISH@16",
        command: &["PUBLISH", CHANNEL, VALUE],
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "PUBLISH-100subs@1",
        command: &["PUBLISH", CHANNEL, VALUE],
        depth: 1,
        clients: 10,
        subscribers: 100,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "SADD@16",
        command: &["SADD", "set", "mem:__rand_int__"],
        keys: Keys::Members,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "SADD-new@16",
        command: &["SADD", "set", "mem:__rand_int__"],
        below: Some(1_000_000_000),
        keys: Keys::Members,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "SISMEMBER@16",
        command: &["SISMEMBER", "set", "mem:__rand_int__"],
        keys: Keys::Members,
        ..BASE
    },
    Workload {
        name: "SINTER100k@1",
        command: &["SINTER", "set:a", "set:b"],
        depth: 1,
        clients: 4,
        keys: Keys::TwoSets,
        budget: Some(0.80),
        ..BASE
    },
    Workload {
        name: "SORT100k@1",
        command: &["SORT", "numbers"],
        depth: 1,
        clients: 4,
        keys: Keys::Numbers,
        budget: Some(0.80),
        ..BASE
    },
    Workload {
        name: "SUNION100k@1",
        command: &["SUNION", "set:a", "set:b"],
        depth: 1,
        clients: 4,
        keys: Keys::TwoSets,
        ..BASE
    },
    Workload {
        name: "LPUSH@16",
        command: &["LPUSH", "stack", "elm:__rand_int__"],
        keys: Keys::Lists,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "RPUSH@16",
        command: &["RPUSH", "stack", "elm:__rand_int__"],
        keys: Keys::Lists,
        ..BASE
    },
    Workload {
        name: "LPOP@16",
        command: &["LPOP", "queue"],
        keys: Keys::Lists,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "LRANGE100@4",
        command: &["LRANGE", "range", "0", "99"],
        depth: 4,
        keys: Keys::Lists,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "HSET3@16",
        command: &["HSET", HASH, "field0", "value-00", "field3", "value-03", "field7", "value-07"],
        keys: Keys::Hashes,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "HGETALL@16",
        command: &["HGETALL", HASH],
        keys: Keys::Hashes,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "PFMERGE100@4",
        command: &PFMERGE,
        depth: 4,
        clients: 4,
        keys: Keys::HyperLogLogs,
        budget: Some(0.80),
        ..BASE
    },
    Workload {
        name: "GEOSEARCH1M@16",
        command: &["GEOSEARCH", "places", "FROMLONLAT", "15", "37", "BYRADIUS", "200", "km", "ASC"],
        clients: 10,
        keys: Keys::Places,
        budget: Some(0.80),
        ..BASE
    },
    Workload { name: "HGET@16", command: &["HGET", HASH, "field5"], keys: Keys::Hashes, ..BASE },
    Workload {
        name: "ZADD@16",
        command: &["ZADD", "zset", "__rand_int__", "mem:__rand_int__"],
        keys: Keys::Scores,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "ZINCRBY@16",
        command: &["ZINCRBY", "zset", "1", "mem:__rand_int__"],
        keys: Keys::Scores,
        ..BASE
    },
    Workload {
        name: "ZRANK@16",
        command: &["ZRANK", "zset", "mem:__rand_int__"],
        keys: Keys::Scores,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "ZSCORE@16",
        command: &["ZSCORE", "zset", "mem:__rand_int__"],
        keys: Keys::Scores,
        ..BASE
    },
    Workload {
        name: "ZRANGE100@4",
        command: &["ZRANGE", "zset", "0", "99"],
        depth: 4,
        keys: Keys::Scores,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "ZUNIONSTORE100k@1",
        command: &["ZUNIONSTORE", "zset:c", "2", "zset:a", "zset:b"],
        depth: 1,
        clients: 4,
        keys: Keys::TwoSortedSets,
        budget: Some(0.80),
        ..BASE
    },
    // The call within counts as a command too, with us as with Redis.
    Workload {
        name: "EVALSHA@16",
        command: &["EVALSHA", SCRIPT_SHAS[0], "1", "num:__rand_int__"],
        keys: Keys::Scripts,
        budget: Some(0.75),
        ..BASE
    },
    Workload {
        name: "EVALSHA-loop@16",
        command: &["EVALSHA", SCRIPT_SHAS[1], "0"],
        keys: Keys::Scripts,
        budget: Some(0.60),
        ..BASE
    },
    Workload {
        name: "XADD@16",
        command: &["XADD", "log", "*", "field", "0123456789abcdef"],
        budget: Some(0.75),
        ..BASE
    },
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
