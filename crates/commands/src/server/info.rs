//! INFO: the server's own account of itself. The fields are declared in [`engine::info`].

use command::declare::{Category, Flag::*, Group, many, opt, text};
use engine::info::{Seen, Wanted};
use engine::{CmdResult, Command, Cx};

pub(super) const INFO: Command = Command {
    name: "INFO",
    group: Group::Server,
    since: "1.0.0",
    summary: "Tells what the server is and how it fares, in sections of fields.",
    complexity: "O(N), N being the number of clients and of shards",
    flags: &[Loading, Stale],
    categories: &[Category::Dangerous],
    args: &[opt(many(text("section")))],
    history: &[("7.0.0", "Takes several sections.")],
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    examples: &[
        ("INFO cluster", "\"# Cluster\\r\\ncluster_enabled:0\\r\\n\""),
        ("INFO keyspace errorstats", "\"# Errorstats\\r\\n\\r\\n# Keyspace\\r\\n\""),
        ("INFO nosuchsection", "\"\""),
    ],
    ..Command::base(info)
};

fn info(cx: &mut Cx<'_>) -> CmdResult {
    let wanted = Wanted::parse(cx.args.iter().skip(1));
    let measures = wanted.names("keysizes");
    let seen = if measures { Seen::gather_with_key_sizes(cx) } else { Seen::gather(cx) };
    let text = engine::info::text(&seen, &wanted);
    drop(seen);
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::{Session, TestServer};

    fn info(server: &mut TestServer, session: &mut Session, args: &str) -> String {
        match server.reply(session, &format!("INFO {args}")) {
            Value::Bulk(text) => String::from_utf8(text).expect("INFO is text"),
            other => panic!("INFO answered {other:?}"),
        }
    }

    #[test]
    fn commandstats_tell_calls_failures_and_refusals_apart() {
        let mut server = TestServer::new(2);
        let mut ann = server.connect();
        for line in ["DBSIZE", "SWAPDB 0 99", "SWAPDB 0", "CONFIG GET hz"] {
            server.reply(&mut ann, line);
        }
        let text = info(&mut server, &mut ann, "commandstats errorstats");
        assert!(text.contains("cmdstat_dbsize:calls=1,usec="), "{text}");
        assert!(text.contains("cmdstat_config|get:calls=1,"), "{text}");
        let swapdb = text.lines().find(|line| line.starts_with("cmdstat_swapdb:"));
        assert!(swapdb.is_some_and(|l| l.ends_with("rejected_calls=1,failed_calls=1")), "{text}");
        assert!(text.contains("errorstat_ERR:count=2\r\n"), "{text}");
    }

    #[test]
    fn sections_come_in_their_own_order_with_a_blank_line_between() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let text = info(&mut server, &mut ann, "KEYSPACE cpu");
        let titles: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(titles, ["# CPU", "# Keyspace"]);
        assert!(text.contains("\r\n\r\n# Keyspace\r\n"));
    }

    #[test]
    fn keysizes_tell_lengths_by_powers_of_two_to_who_asks_by_name() {
        for workers in [1, 2] {
            let mut server = TestServer::new(workers);
            let mut ann = server.connect();
            for line in [
                "SET a x",
                "SET b \"\"",
                "SET n 12345",
                "RPUSH l 1 2 3",
                "SADD s 1",
                "ZADD z 1 a 2 b",
                "HSET h a 1",
                "XADD x * a 1",
                "SELECT 3",
                "SET a xyz",
            ] {
                server.reply(&mut ann, line);
            }
            assert_eq!(
                info(&mut server, &mut ann, "keysizes"),
                "# Keysizes\r\ndb0_distrib_strings_sizes:0=1,1=1,4=1\r\n\
                 db0_distrib_lists_items:2=1\r\ndb0_distrib_sets_items:1=1\r\n\
                 db0_distrib_zsets_items:2=1\r\ndb0_distrib_hashes_items:1=1\r\n\
                 db3_distrib_strings_sizes:2=1\r\n"
            );
            assert!(!info(&mut server, &mut ann, "all").contains("Keysizes"));
        }
    }

    #[test]
    fn each_worker_has_a_line() {
        let mut server = TestServer::new(3);
        let mut ann = server.connect();
        let text = info(&mut server, &mut ann, "threads");
        assert_eq!(text.lines().filter(|line| line.starts_with("io_thread_")).count(), 3);
    }
}
