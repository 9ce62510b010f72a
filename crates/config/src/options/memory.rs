//! How much memory, and what to do when it runs out or can be given back.

use crate::option::declare::*;
use crate::option::{Kind, Opt};

const LAZY: &str = "freeing in the background";
const DEFRAG: &str = "defragmentation";

pub(super) const OPTIONS: &[Opt] = &[
    of_kind(
        "maxmemory",
        Kind::MemoryOrPercent,
        "0",
        "Memory that may be used, such as 100mb, or a share of what the cgroup or else the machine \
         grants (75%); 0 is no limit. At the limit keys are evicted, or writes refused, as \
         maxmemory-policy says.",
    )
    .now(),
    choice(
        "maxmemory-policy",
        &[
            "volatile-lru",
            "volatile-lfu",
            "volatile-lrm",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-lrm",
            "allkeys-random",
            "noeviction",
        ],
        "noeviction",
        "Which keys are evicted: 'volatile' ones have a TTL, 'allkeys' are all; by least recent \
         use (lru) or change (lrm), least frequent use (lfu), at random, or nearest end (ttl).",
    )
    .now(),
    int("maxmemory-samples", 1, 64, "5", "Keys looked at to find one to evict.").now(),
    int(
        "maxmemory-eviction-tenacity",
        0,
        100,
        "10",
        "Effort of one round of eviction: 0 shortest, 100 as long as it takes.",
    )
    .now(),
    int("lfu-log-factor", 0, INT_MAX, "10", "How many uses it takes to raise a key's LFU counter.")
        .now(),
    int("lfu-decay-time", 0, INT_MAX, "1", "Minutes after which a key's LFU counter falls by one.")
        .now(),
    int("active-expire-effort", 1, 10, "1", "How hard to look for keys that have expired.")
        .later("a variable effort"),
    yes_no("lazyfree-lazy-eviction", "no", "Free evicted values in the background.").now(),
    yes_no("lazyfree-lazy-expire", "no", "Free expired values in the background.").later(LAZY),
    yes_no(
        "lazyfree-lazy-server-del",
        "no",
        "Free in the background what a command removes on its way, such as RENAME's target.",
    )
    .later(LAZY),
    yes_no("lazyfree-lazy-user-del", "no", "Let DEL work as UNLINK.").later(LAZY),
    yes_no("lazyfree-lazy-user-flush", "no", "Let FLUSHALL and FLUSHDB work as with ASYNC.")
        .later(LAZY),
    yes_no("activedefrag", "no", "Move live values together to give memory back.").later(DEFRAG),
    memory("active-defrag-ignore-bytes", 1, MAX, "100mb", "Waste below which nothing is moved.")
        .later(DEFRAG),
    int("active-defrag-threshold-lower", 0, 1000, "10", "Waste in percent at which moving begins.")
        .later(DEFRAG),
    int(
        "active-defrag-threshold-upper",
        0,
        1000,
        "100",
        "Waste in percent at which it works hardest.",
    )
    .later(DEFRAG),
    int("active-defrag-cycle-min", 1, 99, "1", "CPU in percent at the lower threshold.")
        .later(DEFRAG),
    int("active-defrag-cycle-max", 1, 99, "25", "CPU in percent at the upper threshold.")
        .later(DEFRAG),
    int("active-defrag-cycle-us", 0, 100_000, "500", "Longest single step in microseconds.")
        .later(DEFRAG),
    int(
        "active-defrag-max-scan-fields",
        1,
        MAX,
        "1000",
        "Elements above which a value is moved in several steps.",
    )
    .later(DEFRAG),
    yes_no("jemalloc-bg-thread", "yes", "Let the allocator give memory back in its own thread.")
        .later("the allocator's thread"),
    yes_no("activerehashing", "yes", "Spend idle time on growing tables.")
        .never("tables grow a segment at a time"),
];
