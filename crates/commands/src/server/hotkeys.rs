//! HOTKEYS: which keys cost the most. What is measured, and how, is the engine's
//! ([`engine::hotkeys`]).

use command::declare::*;
use engine::hotkeys::{Session, Weighed, Wish};
use engine::{CmdError, CmdResult, Command, Cx};

use crate::container::{container, help};

use Flag::{Admin, Loading, NoScript, Stale};

pub(super) const HOTKEYS: Command = Command {
    name: "HOTKEYS",
    group: Group::Server,
    since: "8.6.0",
    summary: "Finds the keys that take the most time and the most bytes.",
    complexity: "Depends on the subcommand.",
    subcommands: &[GET, HELP, RESET, START, STOP],
    examples: &[
        ("HOTKEYS NOPE", "(error) ERR unknown subcommand 'NOPE'. Try HOTKEYS HELP."),
        ("HOTKEYS", "(error) ERR wrong number of arguments for 'hotkeys' command"),
    ],
    ..Command::base(container)
};

const HELP: Command = Command {
    name: "HELP",
    group: Group::Server,
    since: "8.6.1",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "HOTKEYS HELP x",
        "(error) ERR wrong number of arguments for 'hotkeys|help' command",
    )],
    ..Command::base(help)
};

const START: Command = Command {
    name: "START",
    group: Group::Server,
    since: "8.6.0",
    summary: "Begins to measure keys: by processor time, by bytes of requests and replies, or both.",
    complexity: "O(1)",
    flags: &[Admin, NoScript],
    args: &[
        token("METRICS", integer("count")),
        opt(flag("CPU")),
        opt(flag("NET")),
        opt(token("COUNT", integer("k"))),
        opt(token("DURATION", integer("seconds"))),
        opt(token("SAMPLE", integer("ratio"))),
        opt(token("SLOTS", block("slots", &[integer("count"), many(integer("slot"))]))),
    ],
    arity: Some(-2),
    examples: &[
        ("HOTKEYS START METRICS 2 CPU NET COUNT 5", "OK"),
        ("HOTKEYS START METRICS 1 CPU", "(error) ERR hotkey tracking session already in progress"),
        ("HOTKEYS STOP", "OK"),
        ("HOTKEYS START", "(error) ERR METRICS parameter is required"),
        (
            "HOTKEYS START METRICS 1 CPU SLOTS 1 0",
            "(error) ERR SLOTS parameter cannot be used in non-cluster mode",
        ),
    ],
    ..Command::base(start)
};

/// Metrics that there are: CPU and NET.
const METRICS_MAX: i64 = 2;
const COUNT_DEFAULT: usize = 10;

fn start(cx: &mut Cx<'_>) -> CmdResult {
    let now_ms = cx.now_ms();
    cx.engine.end_hot_keys_in_time(now_ms);
    if cx.engine.hot_keys.session().as_ref().is_some_and(Session::is_active) {
        return Err(CmdError::HOTKEYS_STARTED);
    }
    let wish = parse(cx)?;
    cx.engine.start_hot_keys(wish, now_ms);
    cx.reply.ok();
    Ok(())
}

fn parse(cx: &Cx<'_>) -> Result<Wish, CmdError> {
    if cx.argc() < 4 || !cx.is_word(2, "METRICS") {
        return Err(CmdError::HOTKEYS_METRICS);
    }
    let count = within(cx, 3, 1, METRICS_MAX, CmdError::HOTKEYS_METRICS_COUNT)? as usize;
    let mut at = 4 + count;
    if at > cx.argc() {
        return Err(CmdError::HOTKEYS_METRICS_MISMATCH);
    }
    // Words that are not known are for a later version's metrics.
    let named = |word| (4..at).filter(|i| cx.is_word(*i, word)).count();
    let (cpu, net) = (named("CPU"), named("NET"));
    match (cpu, net) {
        (2.., _) => return Err(CmdError::HOTKEYS_CPU_TWICE),
        (_, 2..) => return Err(CmdError::HOTKEYS_NET_TWICE),
        (0, 0) => return Err(CmdError::HOTKEYS_NO_METRIC),
        _ => {}
    }
    let mut wish = Wish {
        by_time: cpu > 0,
        by_bytes: net > 0,
        count: COUNT_DEFAULT,
        duration_ms: None,
        sample: 1,
    };
    while at < cx.argc() {
        if at + 1 == cx.argc() {
            return Err(CmdError::SYNTAX);
        }
        let value = at + 1;
        if cx.is_word(at, "COUNT") {
            wish.count = within(cx, value, 1, 64, CmdError::HOTKEYS_COUNT)? as usize;
        } else if cx.is_word(at, "DURATION") {
            let seconds = within(cx, value, 1, 1_000_000, CmdError::HOTKEYS_DURATION)?;
            wish.duration_ms = Some(seconds * 1000);
        } else if cx.is_word(at, "SAMPLE") {
            let max = i64::from(i32::MAX);
            wish.sample = within(cx, value, 1, max, CmdError::HOTKEYS_SAMPLE)? as u64;
        } else if cx.is_word(at, "SLOTS") {
            return Err(CmdError::HOTKEYS_SLOTS);
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 2;
    }
    Ok(wish)
}

/// An argument between these; else this error, whatever is wrong.
fn within(cx: &Cx<'_>, index: usize, min: i64, max: i64, or: CmdError) -> Result<i64, CmdError> {
    cx.int(index).ok().filter(|n| (min..=max).contains(n)).ok_or(or)
}

const STOP: Command = Command {
    name: "STOP",
    group: Group::Server,
    since: "8.6.0",
    summary: "Ends measuring; what was found stays. Nil if nothing was being measured.",
    complexity: "O(1)",
    flags: &[Admin, NoScript],
    examples: &[
        ("HOTKEYS STOP", "(nil)"),
        ("HOTKEYS START METRICS 1 CPU", "OK"),
        ("HOTKEYS STOP", "OK"),
        ("HOTKEYS STOP now", "(error) ERR wrong number of arguments for 'hotkeys|stop' command"),
    ],
    ..Command::base(stop)
};

fn stop(cx: &mut Cx<'_>) -> CmdResult {
    let now_ms = cx.now_ms();
    cx.engine.end_hot_keys_in_time(now_ms);
    if cx.engine.stop_hot_keys(now_ms) {
        cx.reply.ok();
    } else {
        cx.reply.null();
    }
    Ok(())
}

const RESET: Command = Command {
    name: "RESET",
    group: Group::Server,
    since: "8.6.0",
    summary: "Forgets what was found; measuring must have ended.",
    complexity: "O(1)",
    flags: &[Admin, NoScript],
    examples: &[
        ("HOTKEYS START METRICS 1 NET", "OK"),
        ("HOTKEYS RESET", "(error) ERR hotkey tracking session in progress, stop tracking first"),
        ("HOTKEYS STOP", "OK"),
        ("HOTKEYS RESET", "OK"),
    ],
    ..Command::base(reset)
};

fn reset(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.end_hot_keys_in_time(cx.now_ms());
    let mut session = cx.engine.hot_keys.session();
    if session.as_ref().is_some_and(Session::is_active) {
        return Err(CmdError::HOTKEYS_RUNNING);
    }
    *session = None;
    drop(session);
    cx.reply.ok();
    Ok(())
}

const GET: Command = Command {
    name: "GET",
    group: Group::Server,
    since: "8.6.0",
    summary: "Returns what has been found, or nil if nothing was measured.",
    complexity: "O(K), K being the number of keys that are told of",
    flags: &[Admin, NoScript],
    tips: &["nondeterministic_output"],
    examples: &[
        ("HOTKEYS GET", "(nil)"),
        ("HOTKEYS GET x", "(error) ERR wrong number of arguments for 'hotkeys|get' command"),
    ],
    ..Command::base(get)
};

fn get(cx: &mut Cx<'_>) -> CmdResult {
    let now_ms = cx.now_ms();
    let engine = cx.engine;
    engine.end_hot_keys_in_time(now_ms);
    let cpu_now = engine.cpu_time();
    let session = engine.hot_keys.session();
    let Some(session) = session.as_ref() else {
        cx.reply.null();
        return Ok(());
    };
    let (by_time, by_bytes) = (session.wish.by_time, session.wish.by_bytes);
    // One for each node that is asked; here there is one.
    cx.reply.array(1);
    cx.reply.map(7 + if by_time { 3 } else { 0 } + if by_bytes { 2 } else { 0 });
    number(cx, "tracking-active", session.is_active().into());
    number(cx, "sample-ratio", session.wish.sample as i64);
    cx.reply.bulk(b"selected-slots");
    // All: one range.
    cx.reply.array(1);
    cx.reply.array(2);
    cx.reply.integer(0);
    cx.reply.integer(16383);
    number(cx, "all-commands-all-slots-us", session.all_us() as i64);
    number(cx, "net-bytes-all-commands-all-slots", session.all_bytes as i64);
    number(cx, "collection-start-time-unix-ms", session.started_ms);
    number(cx, "collection-duration-ms", session.duration_ms(now_ms));
    if by_time {
        let used = session.cpu(cpu_now);
        number(cx, "total-cpu-time-user-ms", (used.user_us / 1000) as i64);
        number(cx, "total-cpu-time-sys-ms", (used.system_us / 1000) as i64);
    }
    if by_bytes {
        number(cx, "total-net-bytes", session.all_bytes as i64);
    }
    if by_time {
        weighed(cx, "by-cpu-time-us", &session.by_time());
    }
    if by_bytes {
        weighed(cx, "by-net-bytes", &session.by_bytes());
    }
    Ok(())
}

fn number(cx: &mut Cx<'_>, name: &str, value: i64) {
    cx.reply.bulk(name.as_bytes());
    cx.reply.integer(value);
}

/// Keys and their weights, one after the other.
fn weighed(cx: &mut Cx<'_>, name: &str, list: &[Weighed]) {
    cx.reply.bulk(name.as_bytes());
    cx.reply.array(list.len() * 2);
    for (key, weight) in list {
        cx.reply.bulk(key);
        cx.reply.integer(*weight as i64);
    }
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::{Session, TestServer};

    /// The fields of HOTKEYS GET.
    fn get(server: &mut TestServer, session: &mut Session) -> Vec<(String, Value)> {
        let Value::Array(nodes) = server.reply(session, "HOTKEYS GET") else { panic!("no array") };
        let [Value::Array(fields)] = &nodes[..] else { panic!("{nodes:?}") };
        fields
            .chunks(2)
            .map(|pair| (pair[0].text().expect("a name").into_owned(), pair[1].clone()))
            .collect()
    }

    fn field<'a>(fields: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Keys of one list, in its order, and their weights.
    fn list(fields: &[(String, Value)], name: &str) -> Vec<(String, i64)> {
        let Some(Value::Array(list)) = field(fields, name) else { panic!("{name} in {fields:?}") };
        list.chunks(2)
            .map(|pair| match pair {
                [key, Value::Integer(weight)] => (key.text().expect("a key").into_owned(), *weight),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn keys_are_weighed_by_the_bytes_of_requests_and_replies() {
        for workers in [1, 3] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = (server.connect(), server.connect_to(workers - 1));
            server.reply(&mut bob, "SET before 1");
            server.reply(&mut ann, "HOTKEYS START METRICS 1 NET COUNT 2");
            // 29 bytes and 5 of the reply; the second is one of a pipeline.
            server
                .feed(&mut bob, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\nxxx\r\n*1\r\n$4\r\nPING\r\n");
            server.feed(&mut bob, b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
            server.feed(&mut bob, b"*2\r\n$3\r\nGET\r\n$1\r\nc\r\n");
            let fields = get(&mut server, &mut ann);
            let (set, get_a, get_none) = (29 + 5, 20 + 9, 20 + 5);
            let expected = [("a".to_owned(), set + get_a), ("b".to_owned(), get_none)];
            assert_eq!(list(&fields, "by-net-bytes"), expected);
            let total = Value::Integer(set + get_a + 2 * get_none);
            assert_eq!(field(&fields, "total-net-bytes"), Some(&total));
            assert_eq!(field(&fields, "tracking-active"), Some(&Value::Integer(1)));
            assert_eq!(field(&fields, "by-cpu-time-us"), None);
        }
    }

    #[test]
    fn commands_of_a_transaction_are_weighed_one_by_one() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "HOTKEYS START METRICS 2 CPU NET");
        server.feed(&mut ann, b"MULTI\r\nSET a 1\r\nSET a 22\r\nSET b 1\r\nEXEC\r\n");
        server.reply(&mut ann, "HOTKEYS STOP");
        let fields = get(&mut server, &mut ann);
        let bytes = list(&fields, "by-net-bytes");
        assert_eq!(bytes.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(bytes[0].1 > bytes[1].1, "{bytes:?}");
        assert_eq!(list(&fields, "by-cpu-time-us").len(), 2);
        assert_eq!(field(&fields, "tracking-active"), Some(&Value::Integer(0)));
        server.reply(&mut ann, "SET c 1");
        assert_eq!(list(&get(&mut server, &mut ann), "by-net-bytes"), bytes, "it has ended");
    }

    #[test]
    fn what_is_asked_wrongly_is_refused_in_redis_words() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        for (line, error) in [
            ("METRICS", "METRICS parameter is required"),
            ("COUNT 5 METRICS 1", "METRICS parameter is required"),
            ("METRICS 0", "METRICS count must be > 0 and <= 2"),
            ("METRICS x CPU", "METRICS count must be > 0 and <= 2"),
            ("METRICS 3 CPU NET", "METRICS count must be > 0 and <= 2"),
            ("METRICS 2 CPU", "METRICS count does not match number of metric types provided"),
            ("METRICS 2 CPU CPU", "METRICS CPU defined more than once!"),
            ("METRICS 2 NET NET", "METRICS NET defined more than once!"),
            ("METRICS 2 GPU NYET", "METRICS no valid metrics passed. Supported: CPU|NET"),
            ("METRICS 1 CPU NET", "syntax error"),
            ("METRICS 1 CPU COUNT", "syntax error"),
            ("METRICS 1 CPU COUNT 65", "COUNT must be between 1 and 64"),
            ("METRICS 1 CPU DURATION 0", "DURATION must be between 1 and 1000000"),
            ("METRICS 1 CPU SAMPLE 0", "SAMPLE ratio must be positive"),
        ] {
            let reply = server.reply(&mut ann, &format!("HOTKEYS START {line}"));
            assert_eq!(reply, Value::Error(format!("ERR {error}").into_bytes()), "{line}");
        }
        let later = "HOTKEYS START METRICS 2 GPU cpu SAMPLE 10";
        assert_eq!(server.reply(&mut ann, later), Value::Simple(b"OK".to_vec()));
    }

    #[test]
    fn a_session_ends_when_its_time_is_over_and_another_may_begin() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "HOTKEYS START METRICS 1 CPU DURATION 1000");
        let later_ms = base::clock::unix_ms() + 1_000_001;
        server.engine.end_hot_keys_in_time(later_ms);
        let fields = get(&mut server, &mut ann);
        assert_eq!(field(&fields, "tracking-active"), Some(&Value::Integer(0)));
        assert_eq!(
            server.reply(&mut ann, "HOTKEYS START METRICS 1 NET"),
            Value::Simple(b"OK".to_vec())
        );
    }
}
