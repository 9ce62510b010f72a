//! SLOWLOG, and Valkey's COMMANDLOG: the commands that stood out, read and forgotten. What gets
//! there and what is kept of it is the engine's ([`engine::command_log`]).

use command::declare::{Flag::*, Group, Lock, flag, integer, one_of, opt};
use engine::command_log::LogKind;
use engine::{CmdError, CmdResult, Command, Cx};

use crate::container::{container, help};

/// Entries that SLOWLOG GET returns unless it is told how many.
const COUNT: usize = 10;

pub(super) const SLOWLOG: Command = Command {
    name: "SLOWLOG",
    group: Group::Server,
    since: "2.2.12",
    summary: "The log of slow commands.",
    complexity: "Depends on the subcommand.",
    subcommands: &[SLOWLOG_GET, SLOWLOG_HELP, SLOWLOG_LEN, SLOWLOG_RESET],
    examples: &[
        ("SLOWLOG NOPE", "(error) ERR unknown subcommand 'NOPE'. Try SLOWLOG HELP."),
        ("SLOWLOG", "(error) ERR wrong number of arguments for 'slowlog' command"),
    ],
    ..Command::base(container)
};

const SLOWLOG_GET: Command = Command {
    name: "GET",
    group: Group::Server,
    since: "2.2.12",
    summary: "Returns the newest slow commands: id, unix time, microseconds, arguments, and the \
              client's address and name.",
    complexity: "O(N), N being the number of entries returned",
    flags: &[Admin, Loading, Stale],
    args: &[opt(integer("count"))],
    lock: Some(Lock::Local),
    history: &[("4.0.0", "Tells the client's address and name.")],
    tips: &["request_policy:all_nodes", "nondeterministic_output"],
    examples: &[
        ("SLOWLOG GET 0", "(empty array)"),
        ("SLOWLOG GET -2", "(error) ERR count should be greater than or equal to -1"),
    ],
    ..Command::base(slowlog_get)
};

fn slowlog_get(cx: &mut Cx<'_>) -> CmdResult {
    let count = if cx.argc() == 3 { count(cx, 2)? } else { COUNT };
    reply_newest(cx, LogKind::Slow, count);
    Ok(())
}

const SLOWLOG_LEN: Command = Command {
    name: "LEN",
    group: Group::Server,
    since: "2.2.12",
    summary: "Counts the slow commands that are remembered.",
    complexity: "O(1)",
    flags: &[Admin, Loading, Stale],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
    examples: &[
        ("SLOWLOG LEN", "(integer) 0"),
        ("SLOWLOG LEN x", "(error) ERR wrong number of arguments for 'slowlog|len' command"),
    ],
    ..Command::base(slowlog_len)
};

fn slowlog_len(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.integer(cx.engine.command_logs.len(LogKind::Slow) as i64);
    Ok(())
}

const SLOWLOG_RESET: Command = Command {
    name: "RESET",
    group: Group::Server,
    since: "2.2.12",
    summary: "Forgets the slow commands.",
    complexity: "O(N), N being the number of entries",
    flags: &[Admin, Loading, Stale],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("SLOWLOG RESET", "OK"),
        ("SLOWLOG RESET x", "(error) ERR wrong number of arguments for 'slowlog|reset' command"),
    ],
    ..Command::base(slowlog_reset)
};

fn slowlog_reset(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.command_logs.reset(LogKind::Slow);
    cx.reply.ok();
    Ok(())
}

const SLOWLOG_HELP: Command = Command {
    name: "HELP",
    group: Group::Server,
    since: "6.2.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    ..Command::base(help)
};

pub(super) const COMMANDLOG: Command = Command {
    name: "COMMANDLOG",
    group: Group::Server,
    since: "valkey 8.1.0",
    summary: "The logs of slow commands, large requests and large replies.",
    complexity: "Depends on the subcommand.",
    subcommands: &[COMMANDLOG_GET, COMMANDLOG_HELP, COMMANDLOG_LEN, COMMANDLOG_RESET],
    examples: &[
        ("COMMANDLOG NOPE", "(error) ERR unknown subcommand 'NOPE'. Try COMMANDLOG HELP."),
        ("COMMANDLOG", "(error) ERR wrong number of arguments for 'commandlog' command"),
    ],
    ..Command::base(container)
};

const KIND: command::declare::Arg =
    one_of("type", &[flag("SLOW"), flag("LARGE-REQUEST"), flag("LARGE-REPLY")]);

const COMMANDLOG_GET: Command = Command {
    name: "GET",
    group: Group::Server,
    since: "valkey 8.1.0",
    summary: "Returns the newest entries of a log: id, unix time, microseconds or bytes, \
              arguments, and the client's address and name.",
    complexity: "O(N), N being the number of entries returned",
    flags: &[Admin, Loading, Stale],
    args: &[integer("count"), KIND],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "nondeterministic_output"],
    examples: &[
        ("COMMANDLOG GET 10 large-reply", "(empty array)"),
        ("COMMANDLOG GET -2 slow", "(error) ERR count should be greater than or equal to -1"),
    ],
    ..Command::base(commandlog_get)
};

fn commandlog_get(cx: &mut Cx<'_>) -> CmdResult {
    let count = count(cx, 2)?;
    let kind = kind(cx, 3)?;
    reply_newest(cx, kind, count);
    Ok(())
}

const COMMANDLOG_LEN: Command = Command {
    name: "LEN",
    group: Group::Server,
    since: "valkey 8.1.0",
    summary: "Counts the entries of a log.",
    complexity: "O(1)",
    flags: &[Admin, Loading, Stale],
    args: &[KIND],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
    examples: &[
        ("COMMANDLOG LEN large-request", "(integer) 0"),
        (
            "COMMANDLOG LEN x",
            "(error) ERR type should be one of the following: slow, large-request, large-reply",
        ),
    ],
    ..Command::base(commandlog_len)
};

fn commandlog_len(cx: &mut Cx<'_>) -> CmdResult {
    let kind = kind(cx, 2)?;
    cx.reply.integer(cx.engine.command_logs.len(kind) as i64);
    Ok(())
}

const COMMANDLOG_RESET: Command = Command {
    name: "RESET",
    group: Group::Server,
    since: "valkey 8.1.0",
    summary: "Forgets the entries of a log.",
    complexity: "O(N), N being the number of entries",
    flags: &[Admin, Loading, Stale],
    args: &[KIND],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("COMMANDLOG RESET slow", "OK"),
        (
            "COMMANDLOG RESET",
            "(error) ERR wrong number of arguments for 'commandlog|reset' command",
        ),
    ],
    ..Command::base(commandlog_reset)
};

fn commandlog_reset(cx: &mut Cx<'_>) -> CmdResult {
    let kind = kind(cx, 2)?;
    cx.engine.command_logs.reset(kind);
    cx.reply.ok();
    Ok(())
}

const COMMANDLOG_HELP: Command = Command {
    name: "HELP",
    group: Group::Server,
    since: "valkey 8.1.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    ..Command::base(help)
};

fn kind(cx: &Cx<'_>, index: usize) -> Result<LogKind, CmdError> {
    let kinds = [
        ("slow", LogKind::Slow),
        ("large-request", LogKind::LargeRequest),
        ("large-reply", LogKind::LargeReply),
    ];
    let found = kinds.into_iter().find(|(word, _)| cx.is_word(index, word));
    found.map(|(_, kind)| kind).ok_or(CmdError::LOG_KIND)
}

/// How many entries; -1 is all.
fn count(cx: &Cx<'_>, index: usize) -> Result<usize, CmdError> {
    match base::number::parse_i64(cx.arg(index)) {
        Some(-1) => Ok(usize::MAX),
        Some(count) => usize::try_from(count).map_err(|_| CmdError::LOG_COUNT),
        None => Err(CmdError::LOG_COUNT),
    }
}

fn reply_newest(cx: &mut Cx<'_>, kind: LogKind, count: usize) {
    let entries = cx.engine.command_logs.newest(kind, count);
    cx.reply.array(entries.len());
    for entry in entries {
        cx.reply.array(6);
        cx.reply.integer(entry.id as i64);
        cx.reply.integer(entry.unix_s);
        cx.reply.integer(entry.amount as i64);
        cx.reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| cx.reply.bulk(arg));
        cx.reply.bulk(entry.address.as_bytes());
        cx.reply.bulk(&entry.name);
    }
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::{Session, TestServer};

    use crate::server::debug::tests::allowing;

    /// The arguments of a log's entries, the newest first, each as one line.
    fn logged(server: &mut TestServer, session: &mut Session, call: &str) -> Vec<String> {
        let Value::Array(entries) = server.reply(session, call) else { panic!("no array") };
        let line = |entry: Value| {
            let Value::Array(fields) = entry else { panic!("no entry") };
            assert_eq!(fields.len(), 6);
            let Value::Array(args) = &fields[3] else { panic!("no arguments") };
            let words = args.iter().map(|arg| match arg {
                Value::Bulk(word) => String::from_utf8_lossy(word).into_owned(),
                other => panic!("{other:?}"),
            });
            words.collect::<Vec<_>>().join(" ")
        };
        entries.into_iter().map(line).collect()
    }

    fn run(server: &mut TestServer, session: &mut Session, lines: &[&str]) {
        for line in lines {
            server.reply(session, line);
        }
    }

    #[test]
    fn a_threshold_of_0_logs_every_command_and_minus_1_none() {
        for workers in [1, 3] {
            let mut server = TestServer::new(workers);
            let mut ann = server.connect();
            run(
                &mut server,
                &mut ann,
                &["CLIENT SETNAME ann", "CONFIG SET slowlog-log-slower-than 0"],
            );
            // As one pipeline: each is timed by itself.
            server.feed(&mut ann, b"SET a 1\r\nGET a\r\nGET a\r\n");
            run(&mut server, &mut ann, &["CONFIG SET slowlog-log-slower-than -1", "GET a"]);
            assert_eq!(
                logged(&mut server, &mut ann, "SLOWLOG GET"),
                ["GET a", "GET a", "SET a 1", "CONFIG SET slowlog-log-slower-than 0"]
            );
            assert_eq!(logged(&mut server, &mut ann, "SLOWLOG GET 1"), ["GET a"]);
            assert_eq!(logged(&mut server, &mut ann, "COMMANDLOG GET -1 slow").len(), 4);
            run(&mut server, &mut ann, &["SLOWLOG RESET"]);
            assert_eq!(server.reply(&mut ann, "SLOWLOG LEN"), Value::Integer(0));
        }
    }

    #[test]
    fn a_slow_command_in_a_pipeline_of_others_is_the_one_that_is_logged() {
        let (mut server, mut ann) = allowing();
        run(&mut server, &mut ann, &["CONFIG SET slowlog-log-slower-than 50000"]);
        server.feed(&mut ann, b"GET a\r\nGET b\r\nDEBUG SLEEP 0.06\r\nGET c\r\nGET d\r\n");
        assert_eq!(logged(&mut server, &mut ann, "SLOWLOG GET"), ["DEBUG SLEEP 0.06"]);
    }

    #[test]
    fn a_transaction_is_logged_as_its_commands() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        run(
            &mut server,
            &mut ann,
            &["CONFIG SET slowlog-log-slower-than 0", "SLOWLOG RESET", "MULTI", "SET a 1", "EXEC"],
        );
        assert_eq!(
            logged(&mut server, &mut ann, "SLOWLOG GET"),
            ["SET a 1", "MULTI", "SLOWLOG RESET"]
        );
    }

    #[test]
    fn a_command_that_waits_is_logged_when_that_is_over() {
        for workers in [1, 2] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = (server.connect(), server.connect_to(workers - 1));
            run(&mut server, &mut ann, &["CONFIG SET slowlog-log-slower-than 0", "SLOWLOG RESET"]);
            run(&mut server, &mut bob, &["CLIENT SETNAME bob"]);
            server.block(&mut bob, "BLPOP q 0");
            assert!(!logged(&mut server, &mut ann, "SLOWLOG GET").contains(&"BLPOP q 0".into()));
            run(&mut server, &mut ann, &["RPUSH q x"]);
            assert!(server.served(&mut bob).is_some());
            let all = logged(&mut server, &mut ann, "SLOWLOG GET");
            assert_eq!(all.iter().filter(|line| *line == "BLPOP q 0").count(), 1, "{all:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown_and_long_requests_are_cut() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let long = "x".repeat(129);
        let many = (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        run(
            &mut server,
            &mut ann,
            &[
                "CONFIG SET slowlog-log-slower-than 0",
                "SLOWLOG RESET",
                "AUTH joe secret",
                "HELLO 2 AUTH joe secret SETNAME ann",
                "CONFIG SET maxmemory 0 requirepass \"\"",
                &format!("SADD s {long}"),
                &format!("SADD s {many}"),
            ],
        );
        let thirty: Vec<_> = (0..29).map(|n| n.to_string()).collect();
        assert_eq!(
            logged(&mut server, &mut ann, "SLOWLOG GET 5"),
            [
                format!("SADD s {} ... (11 more arguments)", thirty.join(" ")),
                format!("SADD s {}... (1 more bytes)", "x".repeat(128)),
                "CONFIG SET maxmemory 0 requirepass (redacted)".into(),
                "HELLO 2 AUTH (redacted) (redacted) SETNAME ann".into(),
                "AUTH (redacted) (redacted)".into(),
            ]
        );
    }

    #[test]
    fn large_requests_and_replies_have_logs_of_their_own() {
        for (limit, len) in [("100", 200), ("1048576", 1 << 21)] {
            let mut server = TestServer::new(1);
            let mut ann = server.connect();
            let set = format!(
                "CONFIG SET commandlog-request-larger-than {limit} commandlog-reply-larger-than \
                 {limit}"
            );
            run(&mut server, &mut ann, &[&set, "COMMANDLOG RESET large-request", "SET small x"]);
            let value = vec![b'x'; len];
            server.call(&mut ann, &[b"SET", b"big", &value]);
            server.feed(&mut ann, b"GET small\r\nGET small\r\nGET big\r\nGET small\r\n");
            assert_eq!(logged(&mut server, &mut ann, "COMMANDLOG GET -1 large-reply"), ["GET big"]);
            let requests = logged(&mut server, &mut ann, "COMMANDLOG GET -1 large-request");
            assert_eq!(requests.len(), 1, "{requests:?}");
            assert!(requests[0].starts_with("SET big xxx"));
            run(&mut server, &mut ann, &["COMMANDLOG RESET large-reply"]);
            assert_eq!(server.reply(&mut ann, "COMMANDLOG LEN large-reply"), Value::Integer(0));
            assert_eq!(server.reply(&mut ann, "COMMANDLOG LEN large-request"), Value::Integer(1));
        }
    }
}
