//! What only nodes of a cluster do: CLUSTER, READONLY, READWRITE, ASKING. There is no cluster mode yet
//! (COMPAT.md), so all of them answer as Redis does where `cluster-enabled` is off.

use command::declare::Flag::{Admin, Fast, Loading, NoAsyncLoading, NoScript, Stale};
use command::declare::{
    Arg, Category, Flag, Group, Lock, block, flag, integer, many, one_of, opt, text, token,
};
use engine::{CmdError, CmdResult, Command, Cx};

pub const COMMANDS: &[Command] = &[ASKING, CLUSTER, READONLY, READWRITE];

const DISABLED: &str = "(error) ERR This instance has cluster support disabled";

fn disabled(_: &mut Cx<'_>) -> CmdResult {
    Err(CmdError::NO_CLUSTER)
}

const CLUSTER: Command = Command {
    name: "CLUSTER",
    group: Group::Cluster,
    since: "3.0.0",
    summary: "Asks and tells a node of a cluster.",
    complexity: "Depends on the subcommand.",
    subcommands: SUBCOMMANDS,
    examples: &[
        ("CLUSTER NOPE", "(error) ERR unknown subcommand 'NOPE'. Try CLUSTER HELP."),
        ("CLUSTER", "(error) ERR wrong number of arguments for 'cluster' command"),
    ],
    ..Command::base(crate::container::container)
};

const ADMIN: &[Flag] = &[Admin, Stale, NoAsyncLoading];
const LOOK: &[Flag] = &[Stale];
const LOOK_EARLY: &[Flag] = &[Loading, Stale];
const LOOK_ADMIN: &[Flag] = &[Admin, Stale];
const CHANGES: &[&str] = &["nondeterministic_output"];

const fn sub(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    flags: &'static [Flag],
    args: &'static [Arg],
    examples: &'static [(&'static str, &'static str)],
) -> Command {
    Command {
        name,
        group: Group::Cluster,
        since,
        summary,
        complexity: "O(1)",
        flags,
        args,
        examples,
        lock: Some(Lock::Local),
        ..Command::base(disabled)
    }
}

const fn changing(command: Command) -> Command {
    Command { tips: CHANGES, ..command }
}

const SUBCOMMANDS: &[Command] = &[
    sub(
        "ADDSLOTS",
        "3.0.0",
        "Gives this node hash slots.",
        ADMIN,
        &[many(integer("slot"))],
        &[
            ("CLUSTER ADDSLOTS 1", DISABLED),
            (
                "CLUSTER ADDSLOTS",
                "(error) ERR wrong number of arguments for 'cluster|addslots' command",
            ),
        ],
    ),
    sub(
        "ADDSLOTSRANGE",
        "7.0.0",
        "Gives this node ranges of hash slots.",
        ADMIN,
        &[many(block("range", &[integer("start-slot"), integer("end-slot")]))],
        &[
            ("CLUSTER ADDSLOTSRANGE 1 2", DISABLED),
            (
                "CLUSTER ADDSLOTSRANGE",
                "(error) ERR wrong number of arguments for 'cluster|addslotsrange' command",
            ),
        ],
    ),
    changing(sub(
        "BUMPEPOCH",
        "3.0.0",
        "Raises the epoch of the configuration.",
        ADMIN,
        &[],
        &[
            ("CLUSTER BUMPEPOCH", DISABLED),
            (
                "CLUSTER BUMPEPOCH x",
                "(error) ERR wrong number of arguments for 'cluster|bumpepoch' command",
            ),
        ],
    )),
    changing(sub(
        "COUNT-FAILURE-REPORTS",
        "3.0.0",
        "Counts the nodes that say another one fails.",
        LOOK_ADMIN,
        &[text("node-id")],
        &[
            ("CLUSTER COUNT-FAILURE-REPORTS a", DISABLED),
            (
                "CLUSTER COUNT-FAILURE-REPORTS",
                "(error) ERR wrong number of arguments for 'cluster|count-failure-reports' command",
            ),
        ],
    )),
    sub(
        "COUNTKEYSINSLOT",
        "3.0.0",
        "Counts the keys of a hash slot.",
        LOOK,
        &[integer("slot")],
        &[
            ("CLUSTER COUNTKEYSINSLOT 1", DISABLED),
            (
                "CLUSTER COUNTKEYSINSLOT",
                "(error) ERR wrong number of arguments for 'cluster|countkeysinslot' command",
            ),
        ],
    ),
    sub(
        "DELSLOTS",
        "3.0.0",
        "Takes hash slots from this node.",
        ADMIN,
        &[many(integer("slot"))],
        &[
            ("CLUSTER DELSLOTS 1", DISABLED),
            (
                "CLUSTER DELSLOTS",
                "(error) ERR wrong number of arguments for 'cluster|delslots' command",
            ),
        ],
    ),
    sub(
        "DELSLOTSRANGE",
        "7.0.0",
        "Takes ranges of hash slots from this node.",
        ADMIN,
        &[many(block("range", &[integer("start-slot"), integer("end-slot")]))],
        &[
            ("CLUSTER DELSLOTSRANGE 1 2", DISABLED),
            (
                "CLUSTER DELSLOTSRANGE",
                "(error) ERR wrong number of arguments for 'cluster|delslotsrange' command",
            ),
        ],
    ),
    sub(
        "FAILOVER",
        "3.0.0",
        "Has a replica take the place of its primary.",
        ADMIN,
        &[opt(one_of("how", &[flag("FORCE"), flag("TAKEOVER")]))],
        &[("CLUSTER FAILOVER", DISABLED), ("CLUSTER FAILOVER FORCE", DISABLED)],
    ),
    sub(
        "FLUSHSLOTS",
        "3.0.0",
        "Takes all hash slots from this node.",
        ADMIN,
        &[],
        &[
            ("CLUSTER FLUSHSLOTS", DISABLED),
            (
                "CLUSTER FLUSHSLOTS x",
                "(error) ERR wrong number of arguments for 'cluster|flushslots' command",
            ),
        ],
    ),
    sub(
        "FORGET",
        "3.0.0",
        "Forgets a node.",
        ADMIN,
        &[text("node-id")],
        &[
            ("CLUSTER FORGET a", DISABLED),
            (
                "CLUSTER FORGET",
                "(error) ERR wrong number of arguments for 'cluster|forget' command",
            ),
        ],
    ),
    changing(sub(
        "GETKEYSINSLOT",
        "3.0.0",
        "Lists keys of a hash slot.",
        LOOK,
        &[integer("slot"), integer("count")],
        &[
            ("CLUSTER GETKEYSINSLOT 1 1", DISABLED),
            (
                "CLUSTER GETKEYSINSLOT",
                "(error) ERR wrong number of arguments for 'cluster|getkeysinslot' command",
            ),
        ],
    )),
    sub(
        "HELP",
        "5.0.0",
        "Prints the subcommands and what they are for.",
        LOOK_EARLY,
        &[],
        &[
            ("CLUSTER HELP", DISABLED),
            ("CLUSTER HELP x", "(error) ERR wrong number of arguments for 'cluster|help' command"),
        ],
    ),
    changing(sub(
        "INFO",
        "3.0.0",
        "Tells how the cluster is.",
        LOOK,
        &[],
        &[
            ("CLUSTER INFO", DISABLED),
            ("CLUSTER INFO x", "(error) ERR wrong number of arguments for 'cluster|info' command"),
        ],
    )),
    sub(
        "KEYSLOT",
        "3.0.0",
        "Tells the hash slot of a key.",
        LOOK,
        &[text("key")],
        &[
            ("CLUSTER KEYSLOT a", DISABLED),
            (
                "CLUSTER KEYSLOT",
                "(error) ERR wrong number of arguments for 'cluster|keyslot' command",
            ),
        ],
    ),
    changing(sub(
        "LINKS",
        "7.0.0",
        "Lists the connections to other nodes.",
        LOOK,
        &[],
        &[
            ("CLUSTER LINKS", DISABLED),
            (
                "CLUSTER LINKS x",
                "(error) ERR wrong number of arguments for 'cluster|links' command",
            ),
        ],
    )),
    sub(
        "MEET",
        "3.0.0",
        "Joins this node with another one.",
        ADMIN,
        &[text("ip"), integer("port"), opt(integer("cluster-bus-port"))],
        &[
            ("CLUSTER MEET a 1", DISABLED),
            ("CLUSTER MEET", "(error) ERR wrong number of arguments for 'cluster|meet' command"),
        ],
    ),
    sub(
        "MYID",
        "3.0.0",
        "Tells the id of this node.",
        LOOK,
        &[],
        &[
            ("CLUSTER MYID", DISABLED),
            ("CLUSTER MYID x", "(error) ERR wrong number of arguments for 'cluster|myid' command"),
        ],
    ),
    changing(sub(
        "MYSHARDID",
        "7.2.0",
        "Tells the id of the shard of this node.",
        LOOK,
        &[],
        &[
            ("CLUSTER MYSHARDID", DISABLED),
            (
                "CLUSTER MYSHARDID x",
                "(error) ERR wrong number of arguments for 'cluster|myshardid' command",
            ),
        ],
    )),
    changing(sub(
        "NODES",
        "3.0.0",
        "Describes all nodes.",
        LOOK,
        &[],
        &[
            ("CLUSTER NODES", DISABLED),
            (
                "CLUSTER NODES x",
                "(error) ERR wrong number of arguments for 'cluster|nodes' command",
            ),
        ],
    )),
    changing(sub(
        "REPLICAS",
        "5.0.0",
        "Lists the replicas of a node.",
        LOOK_ADMIN,
        &[text("node-id")],
        &[
            ("CLUSTER REPLICAS a", DISABLED),
            (
                "CLUSTER REPLICAS",
                "(error) ERR wrong number of arguments for 'cluster|replicas' command",
            ),
        ],
    )),
    sub(
        "REPLICATE",
        "3.0.0",
        "Makes this node a replica of another one.",
        ADMIN,
        &[text("node-id")],
        &[
            ("CLUSTER REPLICATE a", DISABLED),
            (
                "CLUSTER REPLICATE",
                "(error) ERR wrong number of arguments for 'cluster|replicate' command",
            ),
        ],
    ),
    sub(
        "RESET",
        "3.0.0",
        "Makes this node leave the cluster.",
        &[Admin, NoScript, Stale],
        &[opt(one_of("how", &[flag("HARD"), flag("SOFT")]))],
        &[("CLUSTER RESET", DISABLED), ("CLUSTER RESET HARD", DISABLED)],
    ),
    sub(
        "SAVECONFIG",
        "3.0.0",
        "Writes the configuration of the cluster to its file.",
        ADMIN,
        &[],
        &[
            ("CLUSTER SAVECONFIG", DISABLED),
            (
                "CLUSTER SAVECONFIG x",
                "(error) ERR wrong number of arguments for 'cluster|saveconfig' command",
            ),
        ],
    ),
    sub(
        "SET-CONFIG-EPOCH",
        "3.0.0",
        "Sets the epoch of a new node.",
        ADMIN,
        &[integer("config-epoch")],
        &[
            ("CLUSTER SET-CONFIG-EPOCH 1", DISABLED),
            (
                "CLUSTER SET-CONFIG-EPOCH",
                "(error) ERR wrong number of arguments for 'cluster|set-config-epoch' command",
            ),
        ],
    ),
    sub(
        "SETSLOT",
        "3.0.0",
        "Changes whose a hash slot is.",
        ADMIN,
        &[
            integer("slot"),
            one_of(
                "what",
                &[
                    token("IMPORTING", text("node-id")),
                    token("MIGRATING", text("node-id")),
                    token("NODE", text("node-id")),
                    flag("STABLE"),
                ],
            ),
        ],
        &[
            ("CLUSTER SETSLOT 1 STABLE", DISABLED),
            (
                "CLUSTER SETSLOT",
                "(error) ERR wrong number of arguments for 'cluster|setslot' command",
            ),
        ],
    ),
    changing(sub(
        "SHARDS",
        "7.0.0",
        "Lists the shards with their nodes and slots.",
        LOOK_EARLY,
        &[],
        &[
            ("CLUSTER SHARDS", DISABLED),
            (
                "CLUSTER SHARDS x",
                "(error) ERR wrong number of arguments for 'cluster|shards' command",
            ),
        ],
    )),
    changing(sub(
        "SLAVES",
        "3.0.0",
        "Lists the replicas of a node.",
        LOOK_ADMIN,
        &[text("node-id")],
        &[
            ("CLUSTER SLAVES a", DISABLED),
            (
                "CLUSTER SLAVES",
                "(error) ERR wrong number of arguments for 'cluster|slaves' command",
            ),
        ],
    )),
    changing(sub(
        "SLOTS",
        "3.0.0",
        "Lists which nodes have which hash slots.",
        LOOK_EARLY,
        &[],
        &[
            ("CLUSTER SLOTS", DISABLED),
            (
                "CLUSTER SLOTS x",
                "(error) ERR wrong number of arguments for 'cluster|slots' command",
            ),
        ],
    )),
];

/// On the state of a connection to a node.
const fn connection(name: &'static str, summary: &'static str, flags: &'static [Flag]) -> Command {
    Command {
        name,
        group: Group::Cluster,
        since: "3.0.0",
        summary,
        complexity: "O(1)",
        flags,
        categories: &[Category::Connection],
        lock: Some(Lock::Local),
        ..Command::base(disabled)
    }
}

const ASKING: Command = Command {
    examples: &[
        ("ASKING", DISABLED),
        ("ASKING x", "(error) ERR wrong number of arguments for 'asking' command"),
    ],
    ..connection("ASKING", "Lets the next command use a slot that is on its way here.", &[Fast])
};

const READONLY: Command = Command {
    examples: &[
        ("READONLY", DISABLED),
        ("READONLY x", "(error) ERR wrong number of arguments for 'readonly' command"),
    ],
    ..connection("READONLY", "Lets this connection read from a replica.", &[Loading, Stale, Fast])
};

const READWRITE: Command = Command {
    examples: &[
        ("READWRITE", DISABLED),
        ("READWRITE x", "(error) ERR wrong number of arguments for 'readwrite' command"),
    ],
    ..connection("READWRITE", "Ends what READONLY began.", &[Loading, Stale, Fast])
};
