//! What the server remembers and tells about itself.

use crate::option::Kind;
use crate::option::Opt;
use crate::option::declare::*;

pub(super) const OPTIONS: &[Opt] = &[
    int(
        "slowlog-log-slower-than",
        -1,
        MAX,
        "10000",
        "Microseconds from which a command is slow; 0 logs all, -1 none.",
    )
    .alias(&["commandlog-execution-slower-than"])
    .now(),
    int("slowlog-max-len", 0, MAX, "128", "Slow commands remembered.")
        .alias(&["commandlog-slow-execution-max-len"])
        .now(),
    int("slowlog-entry-max-argc", 2, MAX, "32", "Arguments kept of a slow command.").now(),
    int("slowlog-entry-max-string-len", 1, MAX, "128", "Bytes kept of such an argument.").now(),
    int("commandlog-request-larger-than", -1, MAX, "1048576", "Bytes of a large request; -1 off.")
        .now(),
    int("commandlog-large-request-max-len", 0, MAX, "128", "Large requests remembered.").now(),
    int("commandlog-reply-larger-than", -1, MAX, "1048576", "Bytes of a large reply; -1 off.")
        .now(),
    int("commandlog-large-reply-max-len", 0, MAX, "128", "Large replies remembered.").now(),
    int(
        "latency-monitor-threshold",
        0,
        MAX,
        "0",
        "Milliseconds from which LATENCY notes an event.",
    )
    .now(),
    yes_no("latency-tracking", "yes", "Keep a histogram of each command's latency.").now(),
    of_kind(
        "latency-tracking-info-percentiles",
        Kind::Percentiles,
        "50 99 99.9",
        "Percentiles of them that INFO shows.",
    )
    .now(),
    of_kind(
        "notify-keyspace-events",
        Kind::KeyspaceEvents,
        "",
        "Events to publish. K by key, E by event; g generic, $ strings, l lists, s sets, h hashes, \
         z sorted sets, x expired, e evicted, t streams, d modules, n new keys, m missed keys; A \
         is all but the last two.",
    )
    .now(),
    int(
        "busy-reply-threshold",
        0,
        MAX,
        "5000",
        "Milliseconds after which a script counts as stuck and others are told so.",
    )
    .alias(&["lua-time-limit"])
    .now(),
    yes_no("key-memory-histograms", "no", "Show the memory of keys by type in INFO keysizes."),
];
