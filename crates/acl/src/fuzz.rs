//! Rules that anybody may write, against a handful of commands.

use std::sync::OnceLock;

use command::Command;
use command::declare::*;
use command::table::CommandTable;

use KeyFlag::{Access, Delete, OW, RO, RW, Update};

use crate::{Context, User, Users};

const fn of_keys(name: &'static str, flags: &'static [Flag], args: &'static [Arg]) -> Command<()> {
    Command { name, group: Group::String, flags, args, ..Command::base(()) }
}

const COMMANDS: &[Command<()>] = &[
    of_keys("GET", &[Flag::ReadOnly, Flag::Fast], &[key("key", &[RO, Access])]),
    of_keys("STRLEN", &[Flag::ReadOnly, Flag::Fast], &[key("key", &[RO])]),
    of_keys("MGET", &[Flag::ReadOnly, Flag::Fast], &[many(key("key", &[RO, Access]))]),
    of_keys("LPOP", &[Flag::Write, Flag::Fast], &[key("key", &[RW, Access, Delete])]),
    of_keys("LPUSH", &[Flag::Write], &[key("key", &[RW, KeyFlag::Insert]), many(text("element"))]),
    of_keys(
        "SET",
        &[Flag::Write],
        &[
            key("key", &[RW, Access, Update, KeyFlag::VariableFlags]),
            text("value"),
            opt(flag("GET")),
        ],
    ),
    Command {
        group: Group::Generic,
        ..of_keys(
            "COPY",
            &[Flag::Write],
            &[
                key("source", &[RO, Access]),
                key("destination", &[OW, Update]),
                opt(token("DB", integer("db"))),
            ],
        )
    },
    of_keys(
        "SINTERCARD",
        &[Flag::ReadOnly],
        &[integer("numkeys"), many(key("key", &[RO, Access]))],
    ),
    Command {
        name: "SELECT",
        group: Group::Connection,
        flags: &[Flag::Fast],
        args: &[integer("index")],
        ..Command::base(())
    },
    Command { name: "FLUSHALL", group: Group::Generic, flags: &[Flag::Write], ..Command::base(()) },
    Command { name: "PING", group: Group::Connection, flags: &[Flag::Fast], ..Command::base(()) },
    Command {
        name: "AUTH",
        group: Group::Connection,
        flags: &[Flag::Fast, Flag::NoAuth],
        args: &[text("password")],
        ..Command::base(())
    },
    Command {
        name: "PUBLISH",
        group: Group::PubSub,
        flags: &[Flag::PubSub, Flag::Fast],
        args: &[text("channel"), text("message")],
        channels: Some(Channels::Published),
        ..Command::base(())
    },
    Command {
        name: "PSUBSCRIBE",
        group: Group::PubSub,
        flags: &[Flag::PubSub],
        args: &[many(pattern("pattern"))],
        channels: Some(Channels::SubscribedPatterns),
        ..Command::base(())
    },
    Command {
        name: "CONFIG",
        group: Group::Server,
        subcommands: &[
            Command {
                name: "GET",
                group: Group::Server,
                flags: &[Flag::Admin],
                args: &[text("parameter")],
                ..Command::base(())
            },
            Command {
                name: "SET",
                group: Group::Server,
                flags: &[Flag::Admin],
                args: &[text("parameter"), text("value")],
                ..Command::base(())
            },
        ],
        ..Command::base(())
    },
];

/// A few commands of every kind that permissions know.
pub fn table() -> &'static CommandTable<()> {
    static TABLE: OnceLock<CommandTable<()>> = OnceLock::new();
    TABLE.get_or_init(|| CommandTable::build(&[COMMANDS]))
}

/// Fuzz entry: rules, a line each. A user made of them is described by rules that make it again, in
/// SETUSER and in a file.
pub fn fuzz_rules(data: &[u8]) {
    let cx = Context { table: table(), all_channels: data.len().is_multiple_of(2) };
    let mut users = Users::new(cx.table);
    let rules: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    if users.set(b"ann", &rules, cx).is_err() {
        assert!(users.get(b"ann").is_none(), "rules are applied in full or not at all");
        return;
    }
    let made = users.get(b"ann").expect("it was just made").clone();
    let text = users.lines().join(&b'\n');
    let loaded = Users::parse_file(&text, "users.acl", cx).expect("what was written can be read");
    let loaded = loaded.get(b"ann").expect("it was written");
    assert_same(&made, loaded);
    let words = made.describe();
    let words: Vec<&[u8]> =
        [&b"reset"[..]].into_iter().chain(words.split(|b| *b == b' ')).collect();
    users.set(b"bob", &words, cx).expect("what describes a user makes one");
    assert_same(&made, users.get(b"bob").expect("it was just made"));
}

fn assert_same(one: &User, other: &User) {
    assert_eq!(
        one.describe().escape_ascii().to_string(),
        other.describe().escape_ascii().to_string()
    );
    assert_eq!(one.selectors(), other.selectors());
    assert_eq!((one.free(), one.flags()), (other.free(), other.flags()));
    assert_eq!(one.passwords(), other.passwords());
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::random::Random;

    #[test]
    fn fuzz_smoke() {
        const WORDS: &[&str] = &[
            "on",
            "off",
            "nopass",
            "resetpass",
            ">one",
            "<one",
            ">two",
            "reset",
            "clearselectors",
            "~*",
            "~a*",
            "%R~b",
            "%W~b",
            "%RW~c",
            "%rw",
            "resetkeys",
            "allkeys",
            "&*",
            "&n[e]ws",
            "resetchannels",
            "allchannels",
            "+@all",
            "-@all",
            "+@read",
            "-@write",
            "+@FAST",
            "+get",
            "-get",
            "+config",
            "+config|get",
            "-config|set",
            "+select|0",
            "+select|A",
            "-select",
            "db=1,2",
            "db=0",
            "alldbs",
            "resetdbs",
            "(",
            ")",
            "(~\"a\\\"b\" +get)",
            "(+set ~q)",
            "(\"~a)\" +get)",
            "()",
            "skip-sanitize-payload",
            "",
            "~\"",
            "~'",
            "nonsense",
            "( +@all",
        ];
        let mut random = Random::from_seed(3);
        for _ in 0..20_000 {
            let words: Vec<&str> = (0..random.below(8))
                .map(|_| WORDS[random.below(WORDS.len() as u64) as usize])
                .collect();
            let mut data = words.join("\n").into_bytes();
            if random.below(4) == 0 && !data.is_empty() {
                let at = random.below(data.len() as u64) as usize;
                data[at] = random.next_u64() as u8;
            }
            fuzz_rules(&data);
        }
    }
}
