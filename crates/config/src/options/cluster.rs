//! Cluster mode.

use crate::check;
use crate::option::Opt;
use crate::option::declare::*;

const CLUSTER: &str = "cluster mode";
const MIGRATION: &str = "slot migration";

pub(super) const OPTIONS: &[Opt] = &[
    yes_no("cluster-enabled", "no", "Run as a node of a cluster.").at_start().later(CLUSTER),
    text("cluster-config-file", "nodes.conf", "File the node keeps its view of the cluster in.")
        .at_start()
        .later(CLUSTER),
    choice(
        "cluster-config-save-behavior",
        &["sync", "best-effort"],
        "sync",
        "Whether the node stops when that file cannot be written.",
    )
    .later(CLUSTER),
    int("cluster-databases", 1, INT_MAX, "1", "Number of databases in cluster mode.")
        .at_start()
        .hidden()
        .later(CLUSTER),
    int("cluster-port", 0, PORT_MAX, "0", "Port of the bus; 0 is the client's port plus 10000.")
        .at_start()
        .later(CLUSTER),
    int("cluster-node-timeout", 0, MAX, "15000", "Milliseconds of silence that make a node fail.")
        .later(CLUSTER),
    int("cluster-ping-interval", 0, MAX, "0", "For tests: milliseconds between pings.")
        .hidden()
        .later(CLUSTER),
    int("cluster-message-gossip-perc", 1, 100, "10", "Share of nodes told of in each message.")
        .hidden()
        .later(CLUSTER),
    int("cluster-blacklist-ttl", 0, MAX, "60", "Seconds a forgotten node may not come back.")
        .later(CLUSTER),
    int(
        "cluster-manual-failover-timeout",
        1,
        INT_MAX,
        "5000",
        "Milliseconds that CLUSTER FAILOVER may take.",
    )
    .later(CLUSTER),
    int(
        "cluster-replica-validity-factor",
        0,
        INT_MAX,
        "10",
        "How old a replica's data may be for a failover, in node timeouts; 0 is any age.",
    )
    .alias(&["cluster-slave-validity-factor"])
    .later(CLUSTER),
    yes_no("cluster-replica-no-failover", "no", "Never fail over to this replica by itself.")
        .alias(&["cluster-slave-no-failover"])
        .later(CLUSTER),
    int(
        "cluster-migration-barrier",
        0,
        INT_MAX,
        "1",
        "Replicas a primary keeps before one may move to a primary without any.",
    )
    .later(CLUSTER),
    yes_no("cluster-allow-replica-migration", "yes", "Let replicas move so.").later(CLUSTER),
    yes_no("cluster-require-full-coverage", "yes", "Refuse commands while a slot has no node.")
        .later(CLUSTER),
    yes_no("cluster-allow-reads-when-down", "no", "Answer reads while the cluster is down.")
        .later(CLUSTER),
    yes_no(
        "cluster-allow-pubsubshard-when-down",
        "yes",
        "Serve sharded Pub/Sub while the cluster is down.",
    )
    .later(CLUSTER),
    memory(
        "cluster-link-sendbuf-limit",
        0,
        MAX,
        "0",
        "Unsent bytes at which a bus link is dropped; 0 is no limit.",
    )
    .later(CLUSTER),
    text_or_none("cluster-announce-ip", "Address to tell other nodes, for NAT.").later(CLUSTER),
    int("cluster-announce-port", 0, PORT_MAX, "0", "Client port to tell; 0 is the real one.")
        .later(CLUSTER),
    int("cluster-announce-tls-port", 0, PORT_MAX, "0", "TLS port to tell.").later(CLUSTER),
    int("cluster-announce-bus-port", 0, PORT_MAX, "0", "Bus port to tell.").later(CLUSTER),
    text_or_none("cluster-announce-client-ipv4", "IPv4 address to tell clients.")
        .checked(check::ipv4)
        .later(CLUSTER),
    text_or_none("cluster-announce-client-ipv6", "IPv6 address to tell clients.")
        .checked(check::ipv6)
        .later(CLUSTER),
    int("cluster-announce-client-port", 0, PORT_MAX, "0", "Port to tell clients.").later(CLUSTER),
    int("cluster-announce-client-tls-port", 0, PORT_MAX, "0", "TLS port to tell clients.")
        .later(CLUSTER),
    text_or_none("cluster-announce-hostname", "Host name to tell.")
        .checked(check::announced_hostname)
        .later(CLUSTER),
    text_or_none("cluster-announce-human-nodename", "Name of the node for logs.")
        .checked(check::announced_nodename)
        .later(CLUSTER),
    choice(
        "cluster-preferred-endpoint-type",
        &["ip", "hostname", "unknown-endpoint"],
        "ip",
        "What clients are sent to: the address, the host name, or nothing.",
    )
    .later(CLUSTER),
    int(
        "cluster-compatibility-sample-ratio",
        0,
        100,
        "0",
        "Share of commands tested for being fit for a cluster.",
    )
    .later(CLUSTER),
    yes_no("cluster-slot-stats-enabled", "no", "Count CPU and traffic of each slot.")
        .later(CLUSTER),
    int("cluster-slot-migration-log-max-len", 0, MAX, "1000", "Finished migrations remembered.")
        .later(MIGRATION),
    memory(
        "cluster-slot-migration-handoff-max-lag-bytes",
        0,
        MAX,
        "1mb",
        "Lag below which writes pause for the hand-over of a slot.",
    )
    .later(MIGRATION),
    int(
        "cluster-slot-migration-write-pause-timeout",
        0,
        MAX,
        "10000",
        "Milliseconds that pause may take.",
    )
    .later(MIGRATION),
    memory(
        "slot-migration-max-failover-repl-bytes",
        -1,
        MAX,
        "0",
        "Valkey's bound on the lag at the hand-over; -1 is none.",
    )
    .later(MIGRATION),
    choice("cluster-protocol", &["gossip", "raft"], "gossip", "How nodes agree.")
        .at_start()
        .hidden()
        .later(CLUSTER),
];
