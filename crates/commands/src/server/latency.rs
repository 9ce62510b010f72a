//! LATENCY: what took long and when, and how long commands take.
//!
//! ```text
//!   LATEST HISTORY RESET   the events of the latency monitor     graph    GRAPH   drawn
//!   HISTOGRAM              the durations of every command        doctor   DOCTOR  in words
//! ```

mod doctor;
mod graph;

use command::declare::{Flag::*, Group, Lock, many, opt, text};
use command::table::{CommandId, Entry};
use engine::histogram::Distribution;
use engine::{CmdError, CmdResult, Command, Cx, Handler};

use crate::container::{container, help};

pub(super) const LATENCY: Command = Command {
    name: "LATENCY",
    group: Group::Server,
    since: "2.8.13",
    summary: "The latency monitor, and the durations of commands.",
    complexity: "Depends on the subcommand.",
    subcommands: &[DOCTOR, GRAPH, HELP, HISTOGRAM, HISTORY, LATEST, RESET],
    examples: &[
        ("LATENCY NOPE", "(error) ERR unknown subcommand 'NOPE'. Try LATENCY HELP."),
        ("LATENCY", "(error) ERR wrong number of arguments for 'latency' command"),
    ],
    ..Command::base(container)
};

const DOCTOR: Command = Command {
    name: "DOCTOR",
    group: Group::Server,
    since: "2.8.13",
    summary: "Tells in words what the latency monitor has seen and what may be done about it.",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    examples: &[
        ("LATENCY DOCTOR", "\"*latency-monitor-threshold*\""),
        (
            "LATENCY DOCTOR command",
            "(error) ERR wrong number of arguments for 'latency|doctor' command",
        ),
    ],
    ..Command::base(doctor)
};

fn doctor(cx: &mut Cx<'_>) -> CmdResult {
    let report = doctor::report(cx.engine, cx.now_ms() / 1000);
    cx.reply.verbatim(b"txt", report.as_bytes());
    Ok(())
}

/// What GRAPH and HISTORY share: they show the samples of one event.
const OF_ONE_EVENT: Command = Command {
    group: Group::Server,
    since: "2.8.13",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    args: &[text("event")],
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..Command::base(history)
};

const GRAPH: Command = Command {
    name: "GRAPH",
    summary: "Draws an event's samples with letters.",
    examples: &[
        ("LATENCY GRAPH command", "(error) ERR No samples available for event 'command'"),
        ("LATENCY GRAPH", "(error) ERR wrong number of arguments for 'latency|graph' command"),
    ],
    handler: graph,
    ..OF_ONE_EVENT
};

fn graph(cx: &mut Cx<'_>) -> CmdResult {
    let event = cx.arg(2);
    let (name, series) = cx.engine.latency.get(event).ok_or_else(|| CmdError::no_samples(event))?;
    let drawn = graph::draw(name, &series, cx.now_ms() / 1000);
    cx.reply.verbatim(b"txt", drawn.as_bytes());
    Ok(())
}

const HELP: Command = Command {
    name: "HELP",
    group: Group::Server,
    since: "2.8.13",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "LATENCY HELP x",
        "(error) ERR wrong number of arguments for 'latency|help' command",
    )],
    ..Command::base(help)
};

const HISTOGRAM: Command = Command {
    name: "HISTOGRAM",
    group: Group::Server,
    since: "7.0.0",
    summary: "Returns for each command, or for those named, how many calls were done within how \
              many microseconds.",
    complexity: "O(N), N being the number of commands that ran",
    flags: &[Admin, NoScript, Loading, Stale],
    args: &[opt(many(text("command")))],
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    examples: &[
        ("LATENCY HISTOGRAM nope", "(empty array)"),
        ("LATENCY HISTOGRAM set", "(empty array)"),
    ],
    ..Command::base(histogram)
};

/// The first bound, in nanoseconds; each further one is twice the one before.
const FIRST_BOUND_NS: u64 = 1024;
/// What took longer than the bound before the last counts to the last, which is above a second.
const BOUNDS: u32 = 21;

fn histogram(cx: &mut Cx<'_>) -> CmdResult {
    let table = &cx.engine.table;
    let ids: Vec<CommandId> = if cx.argc() == 2 {
        table.entries().map(|entry| entry.id).collect()
    } else {
        let named = (2..cx.argc()).filter_map(|i| table.lookup_full(cx.arg(i)));
        named
            .flat_map(|id| std::iter::once(id).chain(table.get(id).subcommands.iter().copied()))
            .collect()
    };
    let durations = |id: &CommandId| (table.get(*id), cx.engine.durations(*id));
    let found: Vec<(&Entry<Handler>, Distribution)> =
        ids.iter().map(durations).filter(|(_, durations)| durations.calls > 0).collect();
    cx.reply.map(found.len());
    for (entry, durations) in found {
        cx.reply.bulk(entry.full_name.as_bytes());
        reply_durations(cx, &durations);
    }
    Ok(())
}

fn reply_durations(cx: &mut Cx<'_>, durations: &Distribution) {
    cx.reply.map(2);
    cx.reply.bulk(b"calls");
    cx.reply.integer(durations.calls as i64);
    cx.reply.bulk(b"histogram_usec");
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let mut before = 0;
    for i in 0..BOUNDS {
        let is_last = i + 1 == BOUNDS;
        // Redis's histogram rounds a bound up to the end of a range, which has two digits and a bit.
        let rest_ns = if is_last { 0 } else { FIRST_BOUND_NS << i >> 7 };
        let bound_ns = (FIRST_BOUND_NS << i) + rest_ns - 1;
        let within = if is_last { durations.calls } else { durations.within(bound_ns) };
        if within > before {
            steps.push((bound_ns / 1000, within));
            before = within;
        }
    }
    cx.reply.map(steps.len());
    for (us, calls) in steps {
        cx.reply.integer(us as i64);
        cx.reply.integer(calls as i64);
    }
}

const HISTORY: Command = Command {
    name: "HISTORY",
    summary: "Returns an event's samples: unix time and milliseconds, the oldest first.",
    examples: &[
        ("LATENCY HISTORY command", "(empty array)"),
        ("LATENCY HISTORY", "(error) ERR wrong number of arguments for 'latency|history' command"),
    ],
    ..OF_ONE_EVENT
};

fn history(cx: &mut Cx<'_>) -> CmdResult {
    let series = cx.engine.latency.get(cx.arg(2));
    let samples: Vec<_> = series.iter().flat_map(|(_, series)| series.samples()).collect();
    cx.reply.array(samples.len());
    for sample in samples {
        cx.reply.array(2);
        cx.reply.integer(sample.unix_s);
        cx.reply.integer(sample.ms as i64);
    }
    Ok(())
}

const LATEST: Command = Command {
    name: "LATEST",
    group: Group::Server,
    since: "2.8.13",
    summary: "Returns each event's name, the time and milliseconds of its latest sample, and the \
              worst ever.",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    examples: &[
        ("LATENCY LATEST", "(empty array)"),
        (
            "LATENCY LATEST command",
            "(error) ERR wrong number of arguments for 'latency|latest' command",
        ),
    ],
    ..Command::base(latest)
};

fn latest(cx: &mut Cx<'_>) -> CmdResult {
    let events = cx.engine.latency.all();
    cx.reply.array(events.len());
    for (name, series) in events {
        cx.reply.array(4);
        cx.reply.bulk(name.as_bytes());
        cx.reply.integer(series.latest().unix_s);
        cx.reply.integer(series.latest().ms as i64);
        cx.reply.integer(series.worst_ms as i64);
    }
    Ok(())
}

const RESET: Command = Command {
    name: "RESET",
    group: Group::Server,
    since: "2.8.13",
    summary: "Forgets the samples of all events, or of those named.",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    args: &[opt(many(text("event")))],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
    examples: &[("LATENCY RESET", "(integer) 0"), ("LATENCY RESET command", "(integer) 0")],
    ..Command::base(reset)
};

fn reset(cx: &mut Cx<'_>) -> CmdResult {
    let latency = &cx.engine.latency;
    let forgotten: usize = match cx.argc() {
        2 => latency.reset(None),
        argc => (2..argc).map(|i| latency.reset(Some(cx.arg(i)))).sum(),
    };
    cx.reply.integer(forgotten as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::{Session, TestServer};

    use crate::server::debug::tests::allowing;

    fn text(server: &mut TestServer, session: &mut Session, line: &str) -> String {
        match server.reply(session, line) {
            Value::Bulk(text) => String::from_utf8(text).expect("it is text"),
            other => panic!("{line} answered {other:?}"),
        }
    }

    /// The names in a histogram reply, and the calls of each.
    fn histogram(server: &mut TestServer, session: &mut Session, line: &str) -> Vec<(String, i64)> {
        let Value::Array(all) = server.reply(session, line) else { panic!("no array") };
        all.chunks(2)
            .map(|pair| match pair {
                [Value::Bulk(name), Value::Array(fields)] => {
                    let Value::Integer(calls) = fields[1] else { panic!("no calls") };
                    let Value::Array(steps) = &fields[3] else { panic!("no steps") };
                    assert_eq!(steps.last(), Some(&Value::Integer(calls)), "all calls are told of");
                    (String::from_utf8_lossy(name).into_owned(), calls)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn durations_of_commands_are_counted_by_every_worker() {
        let mut server = TestServer::new(2);
        let (mut ann, mut bob) = (server.connect(), server.connect_to(1));
        server.feed(&mut ann, b"SET a 1\r\nSET b 1\r\nGET a\r\nCLIENT ID\r\n");
        server.reply(&mut bob, "SET c 1");
        let named = |name: &str, calls| (name.to_owned(), calls);
        assert_eq!(
            histogram(&mut server, &mut ann, "LATENCY HISTOGRAM nope set client get"),
            [named("set", 3), named("client|id", 1), named("get", 1)]
        );
        let all = histogram(&mut server, &mut ann, "LATENCY HISTOGRAM");
        assert!(all.contains(&named("latency|histogram", 1)), "{all:?}");
        server.reply(&mut ann, "CONFIG RESETSTAT");
        let all = histogram(&mut server, &mut ann, "LATENCY HISTOGRAM");
        assert_eq!(all, [named("config|resetstat", 1)]);
    }

    #[test]
    fn without_latency_tracking_nothing_is_counted() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "CONFIG SET latency-tracking no");
        server.reply(&mut ann, "CONFIG RESETSTAT");
        server.reply(&mut ann, "SET a 1");
        assert!(histogram(&mut server, &mut ann, "LATENCY HISTOGRAM").is_empty());
        assert_eq!(text(&mut server, &mut ann, "INFO latencystats"), "# Latencystats\r\n");
    }

    #[test]
    fn info_tells_the_percentiles_that_are_asked_for() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "CONFIG SET latency-tracking-info-percentiles \"0 99.9 100\"");
        server.reply(&mut ann, "CONFIG RESETSTAT");
        server.reply(&mut ann, "SET a 1");
        let info = text(&mut server, &mut ann, "INFO latencystats");
        let line = info.lines().find(|line| line.starts_with("latency_percentiles_usec_set:"));
        let line = line.expect("SET ran");
        let values: Vec<f64> = ["p0=", "p99.9=", "p100="]
            .into_iter()
            .zip(line.split(':').nth(1).expect("it has values").split(','))
            .map(|(name, field)| field.strip_prefix(name).expect(name).parse().expect("a number"))
            .collect();
        assert!(values[0] > 0.0 && values[0] == values[2], "{line}");
    }

    #[test]
    fn slow_commands_are_events_and_can_be_looked_at_in_every_way() {
        let (mut server, mut ann) = allowing();
        assert!(text(&mut server, &mut ann, "LATENCY DOCTOR").contains("not watched"));
        server.reply(&mut ann, "CONFIG SET latency-monitor-threshold 20");
        server.reply(&mut ann, "DEBUG SLEEP 0.03");
        let Value::Array(events) = server.reply(&mut ann, "LATENCY LATEST") else { panic!() };
        let [Value::Array(event)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(event[0], Value::Bulk(b"command".to_vec()));
        let Value::Integer(ms) = event[2] else { panic!("{event:?}") };
        assert!((30..10_000).contains(&ms));
        assert_eq!(event[3], Value::Integer(ms));
        let history = server.reply(&mut ann, "LATENCY HISTORY command");
        assert_eq!(history, Value::Array(vec![Value::Array(event[1..3].to_vec())]));
        let graph = text(&mut server, &mut ann, "LATENCY GRAPH command");
        assert!(
            graph.starts_with(&format!(
                "command - high {ms} ms, low {ms} ms (all time high {ms} ms)\n{}\n",
                "-".repeat(80)
            )),
            "{graph}"
        );
        let report = text(&mut server, &mut ann, "LATENCY DOCTOR");
        assert!(report.contains("command: 1 spike"), "{report}");
        assert_eq!(server.reply(&mut ann, "LATENCY RESET COMMAND nope"), Value::Integer(1));
        assert_eq!(server.reply(&mut ann, "LATENCY LATEST"), Value::Array(Vec::new()));
    }
}
