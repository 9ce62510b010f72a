//! Where the server listens and how its sockets behave.

use crate::option::Kind;
use crate::option::Opt;
use crate::option::declare::*;

const RDMA: &str = "Ochre does not speak RDMA";
const MPTCP: &str = "multipath sockets";

pub(super) const OPTIONS: &[Opt] = &[
    of_kind(
        "bind",
        Kind::Words { max: 16 },
        "* -::*",
        "Addresses to listen on. A leading '-' means: skip it silently if this machine lacks the \
         address. '*' is all of IPv4, '::*' all of IPv6. An empty value listens on no TCP address.",
    )
    .now(),
    int("port", 0, PORT_MAX, "6379", "TCP port to listen on; 0 turns TCP off.").now(),
    int(
        "admin-port",
        0,
        PORT_MAX,
        "0",
        "TCP port that answers tools over HTTP: /metrics for Prometheus, under the names of \
         redis_exporter, /livez and /readyz. It asks for no password and changes nothing; 0 turns \
         it off.",
    )
    .at_start()
    .hidden()
    .now(),
    of_kind(
        "admin-bind",
        Kind::Words { max: 16 },
        "127.0.0.1 -::1",
        "Addresses that the admin port listens on, as for bind.",
    )
    .at_start()
    .hidden()
    .now(),
    int(
        "tcp-backlog",
        0,
        INT_MAX,
        "511",
        "Connections the kernel may queue before they are accepted. The kernel's own \
         net.core.somaxconn caps it.",
    )
    .at_start()
    .now(),
    int(
        "tcp-keepalive",
        0,
        INT_MAX,
        "300",
        "Seconds of silence after which TCP probes whether a client is still there; 0 never asks.",
    )
    .now(),
    int("timeout", 0, INT_MAX, "0", "Seconds after which an idle client is closed; 0 is never.")
        .now(),
    yes_no(
        "protected-mode",
        "yes",
        "While the default user has no password, refuse clients that come from other machines.",
    )
    .now(),
    text_or_none("unixsocket", "Path of a Unix socket to listen on.").at_start().now(),
    of_kind(
        "unixsocketperm",
        Kind::Octal { max: 0o777 },
        "0",
        "Permission bits of the Unix socket in octal; 0 leaves them to the umask.",
    )
    .at_start()
    .now(),
    text_or_none("unixsocketgroup", "Group that owns the Unix socket.")
        .at_start()
        .hidden()
        .later("changing the socket's group"),
    text_or_none(
        "bind-source-addr",
        "Address that connections to other servers are made from: to a primary, to cluster nodes.",
    )
    .later("outgoing connections"),
    int(
        "socket-mark-id",
        0,
        UINT_MAX,
        "0",
        "Mark put on listening sockets and on connections to other servers, for packet filters \
         and routing; 0 is none.",
    )
    .at_start()
    .later("socket marks"),
    int(
        "max-new-connections-per-cycle",
        1,
        1000,
        "10",
        "Connections a worker accepts before it turns to its other clients.",
    )
    .now(),
    int(
        "io-threads",
        1,
        256,
        "<cores>",
        "Worker threads. Each owns its connections and executes their commands itself. The \
         default is the number of cores this process may use.",
    )
    .of_host(|host| host.cores.clamp(1, 256).to_string())
    .at_start()
    .now(),
    yes_no("io-threads-always-active", "no", "For tests: use all threads under any load.")
        .hidden()
        .never("all workers are always active"),
    int(
        "prefetch-batch-max-size",
        0,
        128,
        "16",
        "Commands of a pipeline whose keys are fetched into the CPU's cache together; 0 and 1 \
         fetch none ahead.",
    )
    .later("a batch size that is fixed at build time"),
    int(
        "lookahead",
        1,
        INT_MAX,
        "16",
        "Commands of one client that are parsed ahead of execution.",
    )
    .later("a batch size that is fixed at build time"),
    int(
        "min-io-threads-avoid-copy-reply",
        0,
        INT_MAX,
        "7",
        "Threads from which large replies are sent without a copy.",
    )
    .hidden()
    .later("replies without a copy"),
    int(
        "min-string-size-avoid-copy-reply",
        0,
        INT_MAX,
        "16384",
        "String size in bytes from which one thread sends without a copy.",
    )
    .hidden()
    .later("replies without a copy"),
    int(
        "min-string-size-avoid-copy-reply-threaded",
        0,
        INT_MAX,
        "65536",
        "The same with several threads.",
    )
    .hidden()
    .later("replies without a copy"),
    yes_no("mptcp", "no", "Listen with Multipath TCP where the kernel knows it.")
        .at_start()
        .hidden()
        .later(MPTCP),
    yes_no("repl-mptcp", "no", "Use Multipath TCP towards the primary.")
        .at_start()
        .hidden()
        .later(MPTCP),
    of_kind("rdma-bind", Kind::Words { max: 16 }, "", "Addresses for RDMA.").hidden().never(RDMA),
    int("rdma-port", 0, PORT_MAX, "0", "Port for RDMA.").hidden().never(RDMA),
    int(
        "rdma-rx-size",
        65536,
        16 << 20,
        "1048576",
        "Receive buffer of an RDMA connection in bytes.",
    )
    .at_start()
    .hidden()
    .never(RDMA),
    int("rdma-completion-vector", -1, 1024, "-1", "Completion vector of RDMA; -1 picks one.")
        .at_start()
        .hidden()
        .never(RDMA),
];
