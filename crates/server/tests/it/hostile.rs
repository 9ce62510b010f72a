//! Clients that mean no good: what they cost is bounded, and others do not notice.

use crate::running::{Server, Session, until};

const MB: usize = 1 << 20;

fn used_memory(server: &Server) -> usize {
    server.info("used_memory") as usize
}

#[test]
fn a_subscriber_that_never_reads_is_closed() {
    let server = Server::start(&["--io-threads", "2"]);
    let (mut deaf, mut listener) = (server.connect(), server.connect());
    assert_eq!(server.ask("CONFIG SET client-output-buffer-limit \"pubsub 2mb 0 0\""), "OK");
    deaf.send("SUBSCRIBE news");
    listener.send("SUBSCRIBE news");
    let subscribed = listener.reply();
    assert!(subscribed.contains("subscribe"), "{subscribed}");
    until("both listen", || server.ask("PUBSUB NUMSUB news").ends_with(" 2"));
    let before = used_memory(&server);
    let mut speaker = server.connect();
    let request = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n${MB}\r\n{}\r\n", "x".repeat(MB));
    for _ in 0..40 {
        speaker.send_bytes(request.as_bytes());
        speaker.reply();
        let message = listener.reply();
        assert!(message.len() > MB, "who reads gets every message");
    }
    until("only who reads listens", || server.ask("PUBSUB NUMSUB news").ends_with(" 1"));
    assert!(used_memory(&server) < before + 8 * MB);
}

#[test]
fn watching_very_many_keys_costs_little_and_no_more_when_others_do_it_again() {
    const KEYS: usize = 200_000;
    let server = Server::start(&["--io-threads", "2"]);
    let before = used_memory(&server);
    let mut first_cost = 0;
    for round in 0..4 {
        let mut watcher = server.connect();
        for first in (0..KEYS).step_by(1000) {
            let keys: String = (first..first + 1000).map(|n| format!(" {round}:{n}")).collect();
            assert_eq!(watcher.ask(&format!("WATCH{keys}")), "OK");
        }
        assert_eq!(server.info("total_watched_keys"), KEYS as u64);
        assert_eq!(server.ask(&format!("SET {round}:77777 1")), "OK");
        assert_eq!(watcher.ask("MULTI"), "OK");
        assert_eq!(watcher.ask("SET a 1"), "QUEUED");
        watcher.ask("EXEC");
        assert_eq!(server.ask("EXISTS a"), "0", "one of them had changed");
        assert_eq!(server.info("total_watched_keys"), 0);
        // What is no longer watched is swept when others watch, not before.
        let cost = used_memory(&server) - before;
        assert!(cost / KEYS < 400, "a watched key has cost {} bytes", cost / KEYS);
        first_cost = if round == 0 { cost } else { first_cost };
        assert!(cost < 3 * first_cost, "{cost} bytes now, {first_cost} after the first");
    }
}

#[test]
fn patterns_made_to_backtrack_are_decided_soon() {
    let server = Server::start(&["--io-threads", "2"]);
    let pattern = format!("{}b", "a*".repeat(200));
    assert_eq!(server.ask(&format!("ACL SETUSER eve on nopass ~{pattern} &{pattern} +@all")), "OK");
    let mut eve = server.connect();
    assert_eq!(eve.ask("AUTH eve x"), "OK");
    let name = "a".repeat(20_000);
    for line in [format!("GET {name}"), format!("SUBSCRIBE {name}"), format!("PUBLISH {name} x")] {
        let reply = eve.ask(&line);
        assert!(reply.starts_with("NOPERM"), "{reply}");
    }
    assert_eq!(server.ask(&format!("SET {name} 1")), "OK");
    assert_eq!(server.ask(&format!("KEYS {pattern}")), "");
    assert_eq!(server.ask("PING"), "PONG");
}

#[test]
fn connections_that_stop_in_the_midst_of_something_cost_little() {
    let server = Server::start(&["--io-threads", "2"]);
    let before = used_memory(&server);
    let half = |server: &Server, bytes: &[u8]| {
        let mut session = server.connect();
        session.send_bytes(bytes);
        session
    };
    let beginnings = [
        &b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$500000000\r\nx"[..],
        b"*1000000\r\n$3\r\nDEL\r\n",
        b"GET ",
        b"*",
        b"",
    ];
    let stalled: Vec<Session> =
        (0..500).map(|n| half(&server, beginnings[n % beginnings.len()])).collect();
    until("all are there", || server.info("connected_clients") == 501);
    assert_eq!(server.ask("PING"), "PONG");
    let each = used_memory(&server).saturating_sub(before) / stalled.len();
    assert!(each < 20_000, "one costs {each} bytes");
    drop(stalled);
    until("all are gone", || server.info("connected_clients") == 1);
}

#[test]
fn tracking_remembers_no_more_keys_than_it_may() {
    let server = Server::start(&["--io-threads", "2"]);
    assert_eq!(server.ask("CONFIG SET tracking-table-max-keys 1000"), "OK");
    // Nobody reads the invalidations either.
    let mut tracker = server.connect();
    tracker.ask("HELLO 3");
    tracker.ask("CLIENT TRACKING ON");
    for first in (0..100_000).step_by(1000) {
        let keys: String = (first..first + 1000).map(|n| format!(" key:{n}")).collect();
        tracker.send(&format!("CLIENT REPLY SKIP\r\nMGET{keys}"));
    }
    until("all were read", || server.ask("INFO commandstats").contains("cmdstat_mget:calls=100,"));
    assert!(server.info("tracking_total_keys") <= 1000);
    assert_eq!(server.ask("PING"), "PONG");
}
