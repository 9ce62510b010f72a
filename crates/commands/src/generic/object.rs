//! OBJECT: what is known about a value besides its contents. And TYPE.
//!
//! Looking at a key with these is not using it: no clock moves.

use command::declare::{Flag::*, Group, KeyFlag::*, Lock, key};
use command::help::help_lines;
use config::{Config, id};
use engine::{CmdError, CmdResult, Command, Cx};
use store::{StrRef, Type};

pub const TYPE: Command = Command {
    name: "TYPE",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Tells the type of the value a key holds.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO])],
    examples: &[
        ("SET k v", "OK"),
        ("TYPE k", "string"),
        ("TYPE nokey", "none"),
        ("TYPE", "(error) ERR wrong number of arguments for 'type' command"),
    ],
    ..Command::base(type_of)
};

fn type_of(cx: &mut Cx<'_>) -> CmdResult {
    let name = cx.db.type_of(cx.key(1)).map_or("none", Type::name);
    cx.reply.simple(name);
    Ok(())
}

pub const OBJECT: Command = Command {
    name: "OBJECT",
    group: Group::Generic,
    since: "2.2.3",
    summary: "Tells how a value is held and how it is used.",
    complexity: "Depends on the subcommand",
    subcommands: &[ENCODING, FREQ, IDLETIME, REFCOUNT, HELP],
    examples: &[
        ("SET k v", "OK"),
        ("OBJECT ENCODING k", "\"embstr\""),
        ("OBJECT NOPE k", "(error) ERR unknown subcommand 'NOPE'. Try OBJECT HELP."),
        ("OBJECT", "(error) ERR wrong number of arguments for 'object' command"),
    ],
    ..Command::base(container)
};

/// The table finds subcommands; only a call without one, which its arity refuses, could get here.
fn container(cx: &mut Cx<'_>) -> CmdResult {
    Err(CmdError::wrong_arity(cx.name()))
}

const fn sub(handler: engine::Handler) -> Command {
    Command {
        group: Group::Generic,
        complexity: "O(1)",
        flags: &[ReadOnly],
        args: const { &[key("key", &[RO])] },
        tips: &["nondeterministic_output"],
        ..Command::base(handler)
    }
}

const ENCODING: Command = Command {
    name: "ENCODING",
    since: "2.2.3",
    summary: "The kind of memory representation a value has.",
    examples: &[
        ("SET k 12", "OK"),
        ("OBJECT ENCODING k", "\"int\""),
        ("OBJECT ENCODING nokey", "(nil)"),
        ("OBJECT ENCODING", "(error) ERR wrong number of arguments for 'object|encoding' command"),
    ],
    ..sub(encoding)
};

fn encoding(cx: &mut Cx<'_>) -> CmdResult {
    match cx.db.read_untouched(cx.key(2)) {
        Some(record) => cx.reply.bulk(record.encoding_name().as_bytes()),
        None => cx.reply.null(),
    }
    Ok(())
}

const FREQ: Command = Command {
    name: "FREQ",
    since: "4.0.0",
    summary: "How often a value is used, on a logarithmic scale, under an LFU policy.",
    examples: &[
        ("OBJECT FREQ nokey", "(nil)"),
        ("OBJECT FREQ", "(error) ERR wrong number of arguments for 'object|freq' command"),
    ],
    ..sub(freq)
};

fn freq(cx: &mut Cx<'_>) -> CmdResult {
    let usage = cx.db.usage;
    let record = cx.db.read_untouched(cx.key(2));
    let frequency = record.map(|record| usage.frequency(record.usage()).into());
    if frequency.is_some() && !usage.clock.counts() {
        return Err(CmdError::NO_FREQUENCY);
    }
    integer_or_null(cx, frequency)
}

const IDLETIME: Command = Command {
    name: "IDLETIME",
    since: "2.2.3",
    summary: "Seconds since a value was last used, under any policy but LFU.",
    examples: &[
        ("SET k v", "OK"),
        ("OBJECT IDLETIME k", "(integer) 0"),
        ("OBJECT IDLETIME nokey", "(nil)"),
        ("OBJECT IDLETIME", "(error) ERR wrong number of arguments for 'object|idletime' command"),
    ],
    ..sub(idletime)
};

fn idletime(cx: &mut Cx<'_>) -> CmdResult {
    let usage = cx.db.usage;
    let record = cx.db.read_untouched(cx.key(2));
    let idle_s = record.map(|record| (usage.idle_ms(record.usage()) / 1000) as i64);
    if idle_s.is_some() && usage.clock.counts() {
        return Err(CmdError::NO_IDLE_TIME);
    }
    integer_or_null(cx, idle_s)
}

const REFCOUNT: Command = Command {
    name: "REFCOUNT",
    since: "2.2.3",
    summary: "How many keys share a value: one, save for small integers, which Redis shares.",
    examples: &[
        ("SET k v", "OK"),
        ("OBJECT REFCOUNT k", "(integer) 1"),
        ("OBJECT REFCOUNT nokey", "(nil)"),
        ("OBJECT REFCOUNT", "(error) ERR wrong number of arguments for 'object|refcount' command"),
    ],
    ..sub(refcount)
};

fn refcount(cx: &mut Cx<'_>) -> CmdResult {
    let engine = cx.engine;
    let count = cx.db.read_untouched(cx.key(2)).map(|record| match record.string() {
        Some(StrRef::Int(0..SHARED_INTEGERS)) if shares_integers(&engine.config()) => {
            SHARED_REFCOUNT
        }
        _ => 1,
    });
    integer_or_null(cx, count)
}

/// Redis shares the values of integers below this, unless eviction needs a clock for each. Ours
/// lie inside their records; what is printed is what tools know.
const SHARED_INTEGERS: i64 = 10_000;
const SHARED_REFCOUNT: i64 = i32::MAX as i64;

fn shares_integers(config: &Config) -> bool {
    let policy = config.choice(id::MAXMEMORY_POLICY);
    let has_clocks = ["lru", "lfu", "lrm"].iter().any(|order| policy.ends_with(order));
    config.int(id::MAXMEMORY) == 0 || !has_clocks
}

const HELP: Command = Command {
    name: "HELP",
    group: Group::Generic,
    since: "6.2.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "OBJECT HELP x",
        "(error) ERR wrong number of arguments for 'object|help' command",
    )],
    ..Command::base(help)
};

fn help(cx: &mut Cx<'_>) -> CmdResult {
    let lines = help_lines(&OBJECT);
    cx.reply.array(lines.len());
    lines.iter().for_each(|line| cx.reply.simple(line));
    Ok(())
}

fn integer_or_null(cx: &mut Cx<'_>, number: Option<i64>) -> CmdResult {
    match number {
        Some(number) => cx.reply.integer(number),
        None => cx.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::TestServer;
    use testkit::transcript::{check, check_on};

    fn with_option(name: &str, value: &str) -> TestServer {
        let mut config = Config::new(&config::Host { cores: 1, dir: "/".into() });
        let by = config::SetBy { is_local: true, is_loading: false };
        let plan = config.plan_set(&[(name.as_bytes(), value.as_bytes())], by);
        let Ok(plan) = plan else { panic!("{name} {value} is refused") };
        config.commit(plan);
        TestServer::with_config(1, config)
    }

    use super::*;

    #[test]
    fn strings_are_int_embstr_or_raw() {
        check(&format!(
            "> SET k 12345
             OK
             > OBJECT ENCODING k
             \"int\"
             > SET k 012345
             OK
             > OBJECT ENCODING k
             \"embstr\"
             > SET k {}
             OK
             > OBJECT ENCODING k
             \"embstr\"
             > SET k {}
             OK
             > OBJECT ENCODING k
             \"raw\"
             > COPY k c
             (integer) 1
             > OBJECT ENCODING c
             \"raw\"",
            "x".repeat(44),
            "x".repeat(45)
        ));
    }

    #[test]
    fn small_integers_look_shared_unless_eviction_needs_their_clocks() {
        check(
            "> SET k 9999
             OK
             > OBJECT REFCOUNT k
             (integer) 2147483647
             > SET k 10000
             OK
             > OBJECT REFCOUNT k
             (integer) 1
             > SET k -1
             OK
             > OBJECT REFCOUNT k
             (integer) 1",
        );
    }

    #[test]
    fn frequency_and_idle_time_depend_on_the_policy() {
        let no_frequency = "(error) ERR An LFU maxmemory policy is not selected, access*";
        let no_idle_time = "(error) ERR An LFU maxmemory policy is selected, idle time*";
        check(&format!("> SET k v\nOK\n> OBJECT FREQ k\n{no_frequency}\n"));
        let mut server = with_option("maxmemory-policy", "allkeys-lfu");
        let mut session = server.connect();
        let transcript = format!(
            "> SET k v\nOK\n> OBJECT FREQ k\n(integer) 5\n> OBJECT IDLETIME k\n{no_idle_time}
             > OBJECT IDLETIME nokey\n(nil)"
        );
        check_on(&mut server, &mut session, &transcript);
    }

    #[test]
    fn looking_at_a_key_is_not_using_it() {
        let mut server = with_option("maxmemory-policy", "allkeys-lfu");
        let mut session = server.connect();
        server.reply(&mut session, "SET k v");
        for call in ["TYPE k", "OBJECT ENCODING k", "TTL k", "EXISTS k"] {
            // Below a frequency of five every use counts.
            server.reply(&mut session, call);
        }
        check_on(&mut server, &mut session, "> OBJECT FREQ k\n(integer) 5\n> GET k\n\"v\"");
        check_on(&mut server, &mut session, "> OBJECT FREQ k\n(integer) 6");
        session.client.no_touch = true;
        check_on(&mut server, &mut session, "> GET k\n\"v\"\n> OBJECT FREQ k\n(integer) 6");
    }

    #[test]
    fn help_names_every_subcommand() {
        let mut server = TestServer::new(1);
        let mut session = server.connect();
        let help = testkit::transcript::printed(&server.reply(&mut session, "OBJECT HELP"));
        assert!(help.contains("OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for sub in OBJECT.subcommands {
            assert!(help.contains(sub.name), "{}", sub.name);
        }
    }
}
