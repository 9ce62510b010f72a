//! Commands of many shapes, declared as `commands` declares them.

use command::declare::Flag::*;
use command::declare::KeyFlag::{Access, Delete, NotKey, OW, RO, RW, Update, VariableFlags};
use command::declare::*;
use command::{CommandId, CommandTable, Entry};

const BASE: Command<()> = Command::base(());

pub(crate) fn table() -> CommandTable<()> {
    CommandTable::build(&[COMMANDS])
}

pub(crate) fn entry<'t>(table: &'t CommandTable<()>, name: &str) -> &'t Entry<()> {
    table.get(id(table, name))
}

pub(crate) fn id(table: &CommandTable<()>, name: &str) -> CommandId {
    table.lookup_full(name.as_bytes()).expect("a declared command")
}

pub(crate) const COMMANDS: &[Command<()>] = &[
    GET,
    SET,
    MSET,
    MSETEX,
    BITOP,
    SORT,
    EVAL,
    XREAD,
    ZADD,
    LCS,
    OBJECT,
    BITFIELD,
    BLPOP,
    ZUNIONSTORE,
    SSUBSCRIBE,
    MIGRATE,
    PING,
];

const GET: Command<()> = Command {
    name: "GET",
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string value of a key.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access])],
    examples: &[("SET k hello", "OK"), ("GET k", "\"hello\"")],
    ..BASE
};

const SET: Command<()> = Command {
    name: "SET",
    group: Group::String,
    flags: &[Write, DenyOom],
    args: &[
        key("key", &[RW, Access, Update, VariableFlags]),
        text("value"),
        opt(one_of(
            "condition",
            &[
                flag("NX"),
                flag("XX"),
                token("IFEQ", text("ifeq-value")).since("8.4.0"),
                token("IFNE", text("ifne-value")).since("8.4.0"),
                token("IFDEQ", text("ifdeq-digest")).since("8.4.0"),
                token("IFDNE", text("ifdne-digest")).since("8.4.0"),
            ],
        )),
        opt(flag("GET")).since("6.2.0"),
        opt(one_of(
            "expiration",
            &[
                token("EX", integer("seconds")),
                token("PX", integer("milliseconds")),
                token("EXAT", unix_time("unix-time-seconds")),
                token("PXAT", unix_time("unix-time-milliseconds")),
                flag("KEEPTTL").since("6.0.0"),
            ],
        )),
    ],
    history: &[("6.0.0", "KEEPTTL.")],
    ..BASE
};

const MSET: Command<()> = Command {
    name: "MSET",
    group: Group::String,
    flags: &[Write, DenyOom],
    args: &[many(block("data", &[key("key", &[OW, Update]), text("value")]))],
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    ..BASE
};

const MSETEX: Command<()> = Command {
    name: "MSETEX",
    group: Group::String,
    flags: &[Write, DenyOom],
    args: &[
        integer("numkeys"),
        many(block("data", &[key("key", &[OW, Update]), text("value")])),
        opt(one_of("condition", &[flag("NX"), flag("XX")])),
        opt(token("EX", integer("seconds"))),
    ],
    ..BASE
};

const BITOP: Command<()> = Command {
    name: "BITOP",
    group: Group::Bitmap,
    flags: &[Write, DenyOom],
    args: &[
        one_of("operation", &[flag("AND"), flag("OR"), flag("XOR"), flag("NOT")]),
        key("destkey", &[OW, Update]),
        many(key("key", &[RO, Access])),
    ],
    ..BASE
};

const SORT: Command<()> = Command {
    name: "SORT",
    group: Group::Generic,
    flags: &[Write, DenyOom],
    categories: &[Category::Set, Category::SortedSet, Category::List, Category::Dangerous],
    args: &[
        key("key", &[RO, Access]),
        opt(token("BY", pattern("by-pattern").shown_as("pattern"))),
        opt(token("LIMIT", block("limit", &[integer("offset"), integer("count")]))),
        opt(many(token("GET", pattern("get-pattern").shown_as("pattern")))).repeat_token(),
        opt(one_of("order", &[flag("ASC"), flag("DESC")])),
        opt(flag("ALPHA")),
        opt(token("STORE", key("destination", &[OW, Update]))),
    ],
    keys: Some(&[
        KeySpec {
            flags: &[RO, Access],
            begin: Begin::Index(1),
            find: Find::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
        KeySpec { flags: &[RO, Access], begin: Begin::Unknown, find: Find::Unknown, notes: "" },
        KeySpec { flags: &[OW, Update], begin: Begin::Unknown, find: Find::Unknown, notes: "" },
    ]),
    ..BASE
};

const EVAL: Command<()> = Command {
    name: "EVAL",
    group: Group::Scripting,
    flags: &[NoScript, Stale, SkipMonitor, NoMandatoryKeys],
    args: &[
        text("script"),
        integer("numkeys"),
        opt(many(key("key", &[RW, Access, Update]))),
        opt(many(text("arg"))),
    ],
    lock: Some(Lock::World),
    ..BASE
};

const XREAD: Command<()> = Command {
    name: "XREAD",
    group: Group::Stream,
    flags: &[ReadOnly, Blocking],
    args: &[
        opt(token("COUNT", integer("count"))),
        opt(token("BLOCK", integer("milliseconds"))),
        token("STREAMS", block("streams", &[many(key("key", &[RO, Access])), many(text("id"))])),
    ],
    ..BASE
};

const ZADD: Command<()> = Command {
    name: "ZADD",
    group: Group::SortedSet,
    flags: &[Write, DenyOom, Fast],
    args: &[
        key("key", &[RW, Update]),
        opt(one_of("condition", &[flag("NX"), flag("XX")])).since("3.0.2"),
        opt(one_of("comparison", &[flag("GT"), flag("LT")])).since("6.2.0"),
        opt(flag("CH")).since("3.0.2"),
        opt(flag("INCR")).since("3.0.2"),
        many(block("data", &[double("score"), text("member")])),
    ],
    ..BASE
};

const LCS: Command<()> = Command {
    name: "LCS",
    group: Group::String,
    flags: &[ReadOnly],
    args: &[
        key("key1", &[RO, Access]),
        key("key2", &[RO, Access]),
        opt(flag("LEN")),
        opt(flag("IDX")),
        opt(token("MINMATCHLEN", integer("min-match-len"))),
        opt(flag("WITHMATCHLEN")),
    ],
    keys: Some(&[KeySpec {
        flags: &[RO, Access],
        begin: Begin::Index(1),
        find: Find::Range { last: 1, step: 1, limit: 0 },
        notes: "",
    }]),
    ..BASE
};

const OBJECT: Command<()> = Command {
    name: "OBJECT",
    group: Group::Generic,
    since: "2.2.3",
    summary: "Looks inside values.",
    subcommands: &[OBJECT_ENCODING, OBJECT_HELP],
    ..BASE
};

const OBJECT_ENCODING: Command<()> = Command {
    name: "ENCODING",
    group: Group::Generic,
    since: "2.2.3",
    summary: "Returns how a value is stored.",
    flags: &[ReadOnly],
    args: &[key("key", &[RO])],
    tips: &["nondeterministic_output"],
    examples: &[("OBJECT ENCODING nokey", "(nil)")],
    ..BASE
};

const OBJECT_HELP: Command<()> = Command {
    name: "HELP",
    group: Group::Generic,
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    ..BASE
};

const BITFIELD: Command<()> = Command {
    name: "BITFIELD",
    group: Group::Bitmap,
    flags: &[Write, DenyOom],
    args: &[
        key("key", &[RW, Access, Update, VariableFlags]),
        opt(many(one_of(
            "operation",
            &[
                token("GET", block("get-block", &[text("encoding"), integer("offset")])),
                block(
                    "write",
                    &[
                        opt(token(
                            "OVERFLOW",
                            one_of("overflow-block", &[flag("WRAP"), flag("SAT"), flag("FAIL")]),
                        )),
                        one_of(
                            "write-operation",
                            &[
                                token(
                                    "SET",
                                    block(
                                        "set-block",
                                        &[text("encoding"), integer("offset"), integer("value")],
                                    ),
                                ),
                                token(
                                    "INCRBY",
                                    block(
                                        "incrby-block",
                                        &[
                                            text("encoding"),
                                            integer("offset"),
                                            integer("increment"),
                                        ],
                                    ),
                                ),
                            ],
                        ),
                    ],
                ),
            ],
        ))),
    ],
    ..BASE
};

const BLPOP: Command<()> = Command {
    name: "BLPOP",
    group: Group::List,
    flags: &[Write, Blocking],
    args: &[many(key("key", &[RW, Access, Delete])), double("timeout")],
    ..BASE
};

const ZUNIONSTORE: Command<()> = Command {
    name: "ZUNIONSTORE",
    group: Group::SortedSet,
    flags: &[Write, DenyOom],
    args: &[
        key("destination", &[OW, Update]),
        integer("numkeys"),
        many(key("key", &[RO, Access])),
        opt(many(token("WEIGHTS", integer("weight")))),
        opt(token("AGGREGATE", one_of("aggregate", &[flag("SUM"), flag("MIN"), flag("MAX")]))),
    ],
    ..BASE
};

const SSUBSCRIBE: Command<()> = Command {
    name: "SSUBSCRIBE",
    group: Group::PubSub,
    flags: &[PubSub, NoScript, Loading, Stale],
    args: &[many(key("shardchannel", &[NotKey]))],
    ..BASE
};

const MIGRATE: Command<()> = Command {
    name: "MIGRATE",
    group: Group::Generic,
    flags: &[Write],
    categories: &[Category::Dangerous],
    args: &[
        text("host"),
        integer("port"),
        one_of("key-selector", &[key("key", &[RW, Access, Delete]), flag("")]),
        integer("destination-db"),
        integer("timeout"),
        opt(flag("COPY")),
        opt(token("AUTH", text("password"))),
        opt(many(token("KEYS", key("keys", &[RW, Access, Delete]).shown_as("key")))),
    ],
    keys: Some(&[
        KeySpec {
            flags: &[RW, Access, Delete],
            begin: Begin::Index(3),
            find: Find::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
        KeySpec {
            flags: &[RW, Access, Delete, KeyFlag::Incomplete],
            begin: Begin::Keyword("KEYS", -2),
            find: Find::Range { last: -1, step: 1, limit: 0 },
            notes: "",
        },
    ]),
    ..BASE
};

const PING: Command<()> = Command {
    name: "PING",
    group: Group::Connection,
    flags: &[Fast],
    args: &[opt(text("message"))],
    lock: Some(Lock::Local),
    deprecated: Some(("99.0.0", "nothing")),
    ..BASE
};
