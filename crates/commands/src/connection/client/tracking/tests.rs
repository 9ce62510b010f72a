//! Who is told of what, in every mode.

use resp::Value;
use testkit::{Session, TestServer};

/// What has been pushed to a client since: each as one line.
fn pushed(server: &mut TestServer, session: &mut Session) -> Vec<String> {
    let bytes = server.news(session);
    let mut rest = &bytes[..];
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let (value, used) = resp::decode(rest).expect("it is RESP").expect("it is whole");
        lines.push(line(&value));
        rest = &rest[used..];
    }
    lines
}

fn line(value: &Value) -> String {
    match value {
        Value::Push(parts) | Value::Array(parts) => {
            parts.iter().map(line).collect::<Vec<_>>().join(" ")
        }
        Value::Integer(n) => n.to_string(),
        Value::Null => "nil".to_owned(),
        other => other.text().expect("words").into_owned(),
    }
}

fn run(server: &mut TestServer, session: &mut Session, lines: &[&str]) {
    for line in lines {
        server.feed(session, format!("{line}\r\n").as_bytes());
    }
}

/// Ann, who tracks in RESP3, and Bob on the last worker.
fn tracking(server: &mut TestServer, options: &str) -> (Session, Session) {
    let (mut ann, bob) = (server.connect(), server.connect_to(server.seats.len() - 1));
    run(server, &mut ann, &["HELLO 3", &format!("CLIENT TRACKING ON {options}")]);
    (ann, bob)
}

#[test]
fn who_has_read_a_key_is_told_once_when_it_changes() {
    for workers in [1, 3] {
        let mut server = TestServer::new(workers);
        let (mut ann, mut bob) = tracking(&mut server, "");
        run(&mut server, &mut ann, &["GET a", "MGET a b"]);
        run(&mut server, &mut bob, &["SET other 1"]);
        assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
        run(&mut server, &mut bob, &["SET a 1", "SET a 2", "LPUSH l x"]);
        assert_eq!(pushed(&mut server, &mut ann), ["invalidate a"]);
        run(&mut server, &mut ann, &["SET b 1"]);
        assert_eq!(pushed(&mut server, &mut ann), ["invalidate b"], "also of its own change");
        run(&mut server, &mut ann, &["GET a", "CLIENT TRACKING OFF"]);
        run(&mut server, &mut bob, &["SET a 1"]);
        assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
        assert_eq!(server.engine.tracking.clients(), 0);
    }
}

#[test]
fn reads_in_a_transaction_count_and_noloop_spares_own_changes() {
    let mut server = TestServer::new(1);
    let (mut ann, mut bob) = tracking(&mut server, "NOLOOP");
    run(&mut server, &mut ann, &["MULTI", "GET a", "GET b", "EXEC", "SET a 1"]);
    assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
    run(&mut server, &mut bob, &["SET a 2", "SET b 2"]);
    assert_eq!(pushed(&mut server, &mut ann), ["invalidate b"]);
}

#[test]
fn optin_and_optout_ask_for_the_next_command() {
    for (mode, word, told) in [
        ("OPTIN", "YES", &["invalidate b", "invalidate c", "invalidate d"][..]),
        ("OPTOUT", "NO", &["invalidate a", "invalidate e"][..]),
    ] {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob) = tracking(&mut server, mode);
        let caching = format!("CLIENT CACHING {word}");
        run(
            &mut server,
            &mut ann,
            &["GET a", &caching, "GET b", &caching, "MULTI", "GET c", "GET d", "EXEC", "GET e"],
        );
        run(&mut server, &mut bob, &["SET a 1", "SET b 1", "SET c 1", "SET d 1", "SET e 1"]);
        assert_eq!(pushed(&mut server, &mut ann), told, "{mode}");
    }
}

#[test]
fn broadcasts_tell_of_prefixes_in_one_message_a_turn() {
    for workers in [1, 2] {
        let mut server = TestServer::new(workers);
        let (mut ann, mut bob) = tracking(&mut server, "BCAST NOLOOP PREFIX x: PREFIX y:");
        server
            .feed(&mut bob, b"MULTI\r\nSET x:2 1\r\nSET x:1 1\r\nSET z 1\r\nSET y:1 1\r\nEXEC\r\n");
        assert_eq!(pushed(&mut server, &mut ann), ["invalidate x:1 x:2", "invalidate y:1"]);
        run(&mut server, &mut ann, &["SET x:1 1", "CLIENT TRACKING ON BCAST NOLOOP PREFIX z"]);
        assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
        run(&mut server, &mut bob, &["SET z 1"]);
        assert_eq!(pushed(&mut server, &mut ann), ["invalidate z"]);
        assert_eq!(server.engine.tracking.prefixes(), 3);
        run(&mut server, &mut ann, &["RESET"]);
        assert_eq!(server.engine.tracking.prefixes(), 0);
    }
}

#[test]
fn who_speaks_resp2_has_another_connection_listen() {
    let mut server = TestServer::new(2);
    let (mut ann, mut bob) = (server.connect_to(0), server.connect_to(1));
    // Tests' sessions are in no table; a redirect to oneself finds its target all the same.
    let own = format!("CLIENT TRACKING ON REDIRECT {}", ann.client.id);
    run(&mut server, &mut ann, &[&own, "GET a"]);
    run(&mut server, &mut bob, &["SET a 1"]);
    assert_eq!(pushed(&mut server, &mut ann), [""; 0], "it does not listen yet");
    run(&mut server, &mut ann, &["GET a", "SUBSCRIBE __redis__:invalidate"]);
    run(&mut server, &mut bob, &["SET a 1", "FLUSHALL"]);
    assert_eq!(
        pushed(&mut server, &mut ann),
        ["message __redis__:invalidate a", "message __redis__:invalidate nil"]
    );
}

#[test]
fn a_redirect_that_has_gone_is_told_of() {
    let mut server = TestServer::new(1);
    let (mut ann, mut bob) = tracking(&mut server, "");
    let own = format!("CLIENT TRACKING ON REDIRECT {}", ann.client.id);
    run(&mut server, &mut ann, &[&own, "GET a"]);
    run(&mut server, &mut bob, &["SET a 1"]);
    // As if the place in the table were empty.
    for mail in server.engine.mail.take(0) {
        mail.to.iter().for_each(|(_, id)| server.engine.receive(*id, None, &mail.news));
    }
    let broken = format!("tracking-redir-broken {}", ann.client.id);
    assert_eq!(pushed(&mut server, &mut ann), [broken]);
    let Value::Map(info) = server.reply(&mut ann, "CLIENT TRACKINGINFO") else { panic!() };
    let (_, Value::Set(flags)) = &info[0] else { panic!("{info:?}") };
    assert!(flags.contains(&Value::Bulk(b"broken_redirect".to_vec())), "{flags:?}");
}

#[test]
fn a_flush_a_swap_and_expiry_invalidate_too() {
    for workers in [1, 2] {
        let mut server = TestServer::new(workers);
        let (mut ann, mut bob) = tracking(&mut server, "");
        for line in ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1"] {
            run(&mut server, &mut ann, &["GET a"]);
            run(&mut server, &mut bob, &[line]);
            assert_eq!(pushed(&mut server, &mut ann), ["invalidate nil"], "{line}");
            assert_eq!(server.engine.tracking.keys(), 0);
        }
        // A reader that has stopped to track and begins again has read nothing.
        run(&mut server, &mut ann, &["GET a", "CLIENT TRACKING OFF"]);
        run(&mut server, &mut bob, &["FLUSHALL"]);
        run(&mut server, &mut ann, &["CLIENT TRACKING ON"]);
        run(&mut server, &mut bob, &["SET a 1"]);
        assert_eq!(pushed(&mut server, &mut ann), [""; 0]);
        run(&mut server, &mut ann, &["GET a"]);
        {
            let keyspace = &server.engine.keyspace;
            let key = keyspace.key(b"a");
            let mut shard = keyspace.lock(keyspace.shard_of(key.hash));
            let slot = shard.dbs[0].find(key).expect("it was just set");
            shard.dbs[0].set_expire(slot, Some(1));
        }
        run(&mut server, &mut bob, &["EXISTS a"]);
        assert_eq!(pushed(&mut server, &mut ann), ["invalidate a"]);
    }
}

#[test]
fn the_table_is_bounded_and_who_had_read_is_told() {
    for workers in [1, 2] {
        let mut server = TestServer::new(workers);
        let (mut ann, mut bob) = tracking(&mut server, "");
        run(&mut server, &mut bob, &["CONFIG SET tracking-table-max-keys 100"]);
        for i in 0..250 {
            run(&mut server, &mut ann, &[&format!("GET k{i}")]);
            assert!(server.engine.tracking.keys() <= 100);
        }
        assert_eq!(pushed(&mut server, &mut ann).len(), 150);
        run(&mut server, &mut bob, &["CONFIG SET tracking-table-max-keys 1"]);
        assert_eq!(server.engine.tracking.keys(), 1);
        assert_eq!(pushed(&mut server, &mut ann).len(), 99);
        // What is left is freed when nobody tracks any more.
        run(&mut server, &mut ann, &["CLIENT TRACKING OFF"]);
        server.engine.tick(base::clock::unix_ms());
        assert_eq!(server.engine.tracking.keys(), 0);
    }
}

#[test]
fn prefixes_that_overlap_are_refused() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    for (line, end) in [
        (
            "CLIENT TRACKING ON BCAST PREFIX FOOBAR PREFIX FOO",
            "'FOOBAR' overlaps with another provided prefix 'FOO'",
        ),
        (
            "CLIENT TRACKING ON BCAST PREFIX x PREFIX FOO PREFIX FOO",
            "'FOO' overlaps with another provided prefix 'FOO'",
        ),
    ] {
        let Value::Error(text) = server.reply(&mut ann, line) else { panic!("{line}") };
        assert!(String::from_utf8_lossy(&text).contains(end));
    }
    run(&mut server, &mut ann, &["CLIENT TRACKING ON BCAST PREFIX FOO"]);
    let refused = server.reply(&mut ann, "CLIENT TRACKING ON BCAST PREFIX FO");
    let Value::Error(text) = refused else { panic!("{refused:?}") };
    assert!(String::from_utf8_lossy(&text).contains("overlaps with an existing prefix 'FOO'"));
}
