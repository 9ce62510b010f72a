//! How many clients, and how much each may hold.

use crate::option::Kind;
use crate::option::Opt;
use crate::option::declare::*;

pub(super) const OPTIONS: &[Opt] = &[
    int("maxclients", 1, UINT_MAX, "10000", "Clients that may be connected at the same time.")
        .now(),
    memory(
        "client-query-buffer-limit",
        1 << 20,
        MAX,
        "1gb",
        "Unparsed input a client may pile up before it is closed.",
    )
    .now(),
    memory("proto-max-bulk-len", 1 << 20, MAX, "512mb", "Longest single string in a request.")
        .now(),
    of_kind(
        "client-output-buffer-limit",
        Kind::OutputBufferLimits,
        "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
        "Unread output by class: normal, replica, pubsub. Above the first number a client is \
         closed at once, above the second after so many seconds; 0 is no limit. Classes that are \
         not named keep their limits.",
    )
    .now(),
    of_kind(
        "maxmemory-clients",
        Kind::MemoryOrPercent,
        "0",
        "Memory of all clients together, in bytes or as a share of maxmemory (5%). Above it the \
         largest are closed; 0 is no limit.",
    )
    .now(),
    int(
        "tracking-table-max-keys",
        0,
        MAX,
        "1000000",
        "Keys remembered for client side caching; 0 is no bound.",
    )
    .now(),
    int("client-default-resp", 2, 3, "2", "For tests: protocol of a client before HELLO.")
        .at_start()
        .hidden(),
    text_or_none("req-res-logfile", "For tests: file to record requests and replies in.")
        .at_start()
        .hidden(),
];
