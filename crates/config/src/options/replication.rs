//! Primary and replica.

use crate::option::Kind;
use crate::option::Opt;
use crate::option::declare::*;

const REPL: &str = "replication";

pub(super) const OPTIONS: &[Opt] = &[
    of_kind("replicaof", Kind::HostPort, "no one", "Host and port of the primary to copy.")
        .alias(&["slaveof"])
        .at_start()
        .later(REPL),
    text_or_none("masterauth", "Password to send to the primary.")
        .alias(&["primaryauth"])
        .sensitive()
        .later(REPL),
    text_or_none("masteruser", "User to log in to the primary as.")
        .alias(&["primaryuser"])
        .sensitive()
        .later(REPL),
    yes_no("replica-serve-stale-data", "yes", "Answer while the primary is out of reach.")
        .alias(&["slave-serve-stale-data"])
        .later(REPL),
    yes_no("replica-read-only", "yes", "Refuse writes from clients of a replica.")
        .alias(&["slave-read-only"])
        .later(REPL),
    yes_no("replica-ignore-maxmemory", "yes", "Leave eviction to the primary.")
        .alias(&["slave-ignore-maxmemory"])
        .later(REPL),
    yes_no("replica-lazy-flush", "no", "Free the old data in the background before a full sync.")
        .alias(&["slave-lazy-flush"])
        .later(REPL),
    int(
        "replica-priority",
        0,
        INT_MAX,
        "100",
        "Sentinel prefers low numbers; 0 is never promoted.",
    )
    .alias(&["slave-priority"])
    .later(REPL),
    yes_no("replica-announced", "yes", "Let Sentinel report this replica.").later(REPL),
    text_or_none("replica-announce-ip", "Address to tell the primary, for NAT.")
        .alias(&["slave-announce-ip"])
        .later(REPL),
    int("replica-announce-port", 0, PORT_MAX, "0", "Port to tell the primary; 0 is the real one.")
        .alias(&["slave-announce-port"])
        .later(REPL),
    yes_no("replica-ignore-disk-write-errors", "no", "Go on although the disk refuses writes.")
        .later(REPL),
    memory(
        "replica-full-sync-buffer-limit",
        0,
        MAX,
        "0",
        "Writes a replica may collect during a full sync; 0 is the replica's output limit.",
    )
    .later(REPL),
    memory("repl-backlog-size", 1, MAX, "1mb", "Recent writes kept for replicas that come back.")
        .later(REPL),
    int("repl-backlog-ttl", 0, MAX, "3600", "Seconds they are kept without a replica; 0 for ever.")
        .later(REPL),
    int("repl-timeout", 1, INT_MAX, "60", "Seconds of silence after which the link is lost.")
        .later(REPL),
    int("repl-ping-replica-period", 1, INT_MAX, "10", "Seconds between signs of life to replicas.")
        .alias(&["repl-ping-slave-period"])
        .later(REPL),
    yes_no("repl-disable-tcp-nodelay", "no", "Send to replicas in fewer, later packets.")
        .later(REPL),
    yes_no("repl-diskless-sync", "yes", "Send a full sync without writing a file first.")
        .later(REPL),
    int("repl-diskless-sync-delay", 0, INT_MAX, "5", "Seconds to wait for more replicas.")
        .later(REPL),
    int(
        "repl-diskless-sync-max-replicas",
        0,
        INT_MAX,
        "0",
        "Replicas that end that wait early; 0 is no such number.",
    )
    .later(REPL),
    choice(
        "repl-diskless-load",
        &["disabled", "on-empty-db", "swapdb", "flush-before-load", "flushdb"],
        "disabled",
        "Load a full sync straight from the link: never, into an empty server, beside the old \
         data, or after flushing it.",
    )
    .not_while_loading()
    .later(REPL),
    yes_no("repl-rdb-channel", "yes", "Use a second connection for a full sync.")
        .hidden()
        .later(REPL),
    yes_no("dual-channel-replication-enabled", "no", "Valkey's word for the same.").later(REPL),
    int("min-replicas-to-write", 0, INT_MAX, "0", "Refuse writes with fewer good replicas.")
        .alias(&["min-slaves-to-write"])
        .later(REPL),
    int("min-replicas-max-lag", 0, INT_MAX, "10", "Seconds of lag at which a replica is good.")
        .alias(&["min-slaves-max-lag"])
        .later(REPL),
    choice(
        "propagation-error-behavior",
        &["ignore", "panic", "panic-on-replicas"],
        "ignore",
        "What to do when a replicated command fails.",
    )
    .later(REPL),
    yes_no(
        "import-mode",
        "no",
        "Expire and evict nothing while data is brought in from elsewhere.",
    )
    .later("imports"),
];
