//! What one client may cost the others.

use crate::running::{Server, Session, until};

const MB: usize = 1 << 20;

/// A server that holds `MB` × `megabytes` under `big`, and a session.
fn with_big_value(args: &[&str], megabytes: usize) -> (Server, Session) {
    let server = Server::start(args);
    let mut session = server.connect();
    assert_eq!(
        session.ask(&format!("SETRANGE big {} x", megabytes * MB - 1)),
        (megabytes * MB).to_string()
    );
    (server, session)
}

/// A field of the line that CLIENT LIST has about this client.
fn client_field(server: &Server, id: &str, field: &str) -> usize {
    let list = server.ask(&format!("CLIENT LIST ID {id}"));
    let value =
        list.split_whitespace().find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
    value.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no number {field} in {list}"))
}

#[test]
fn a_slow_reader_of_a_big_reply_does_not_keep_others_waiting() {
    let (server, mut slow) = with_big_value(&[], 50);
    let id = slow.ask("CLIENT ID");
    slow.send("GET big");
    let mut other = server.connect();
    until("the reply waits for its reader", || client_field(&server, &id, "omem") > 40 * MB);
    for i in 1..=1000 {
        assert_eq!(other.ask("INCR n"), i.to_string());
    }
    let reply = slow.reply();
    assert_eq!((reply.len(), reply.as_bytes()[50 * MB - 1]), (50 * MB, b'x'));
    until("nothing of it is kept", || client_field(&server, &id, "omem") == 0);
    assert!(client_field(&server, &id, "tot-mem") < 4096);
}

#[test]
fn replies_beyond_the_hard_limit_close_the_client() {
    let (server, mut session) = with_big_value(&[], 20);
    assert_eq!(session.ask("CONFIG SET client-output-buffer-limit \"normal 1mb 0 0\""), "OK");
    session.send("GET big");
    server.wait_for_line("closed for overcoming of output buffer limits");
    assert!(session.rest().len() < 20 * MB);
    assert_eq!(server.info("client_output_buffer_limit_disconnections"), 1);
}

#[test]
fn replies_beyond_the_soft_limit_close_the_client_after_a_while() {
    let (server, mut session) = with_big_value(&[], 20);
    assert_eq!(session.ask("CONFIG SET client-output-buffer-limit \"normal 0 1mb 1\""), "OK");
    session.send("GET big");
    server.wait_for_line("closed for overcoming of output buffer limits");
}

#[test]
fn who_has_said_no_password_does_not_fill_memory_with_replies() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut session = server.connect();
    // The replies are more than a socket takes, and nobody reads them.
    session.send_bytes_until_closed(&b"PING\r\n".repeat(200_000));
    server.wait_for_line("closed for overcoming of output buffer limits");
    let rest = session.rest();
    assert!(rest.starts_with(b"-NOAUTH Authentication required.\r\n"));
}

#[test]
fn input_beyond_the_query_buffer_limit_closes_the_client() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut session = server.connect();
    session.send_bytes_until_closed(format!("*2\r\n$4\r\nECHO\r\n${}\r\n", 3 * MB).as_bytes());
    session.send_bytes_until_closed(&vec![b'x'; 3 * MB]);
    assert!(session.is_closed());
    assert_eq!(server.info("client_query_buffer_limit_disconnections"), 1);
}

#[test]
fn a_transaction_counts_against_the_query_buffer_limit() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut session = server.connect();
    assert_eq!(session.ask("MULTI"), "OK");
    let request = format!("SET k {}\r\n", "v".repeat(1000));
    session.send_bytes_until_closed(request.repeat(3000).as_bytes());
    let rest = session.rest();
    assert!(rest.starts_with(b"+QUEUED\r\n") || rest.is_empty());
    assert_eq!(server.info("client_query_buffer_limit_disconnections"), 1);
    assert_eq!(server.ask("DBSIZE"), "0");
}

#[test]
fn half_a_request_costs_what_was_sent_of_it() {
    let server = Server::start(&[]);
    let mut session = server.connect();
    let id = session.ask("CLIENT ID");
    let half = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$400000000\r\nabc";
    session.send_bytes(half);
    until("it has arrived", || client_field(&server, &id, "qbuf") == b"abc".len());
    assert!(client_field(&server, &id, "tot-mem") < 16 * 1024);
    until("room that stays unused is given back", || client_field(&server, &id, "qbuf-free") == 0);
}

#[test]
fn one_client_too_many_is_refused_and_told_so() {
    let server = Server::start(&["--maxclients", "2", "--io-threads", "2"]);
    let (mut first, mut second) = (server.connect(), server.connect());
    assert_eq!((first.ask("PING"), second.ask("PING")), ("PONG".into(), "PONG".into()));
    assert_eq!(server.connect().rest(), b"-ERR max number of clients reached\r\n");
    assert_eq!(first.ask("CONFIG SET maxclients 3"), "OK");
    assert_eq!(server.ask("PING"), "PONG");
    assert_eq!(second.ask("CONFIG SET maxclients 2"), "OK");
    drop(first);
    until("there is room again", || {
        let mut session = server.connect();
        session.send_bytes_until_closed(b"PING\r\nQUIT\r\n");
        session.rest().starts_with(b"+PONG")
    });
}

#[test]
fn an_idle_client_is_closed_when_its_time_is_over() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut idle: Vec<Session> = (0..4).map(|_| server.connect()).collect();
    assert_eq!(server.ask("CONFIG SET timeout 1"), "OK");
    for session in &mut idle {
        assert!(session.is_closed());
    }
}

#[test]
fn nobody_sees_clients_take_more_than_they_may_together() {
    const MAX: usize = 3_000_000;
    const ROUNDS: u64 = 100;
    let server = Server::start(&["--io-threads", "4", "--maxmemory-clients", &MAX.to_string()]);
    let key = "k".repeat(200 * 1024);
    let change = format!("*2\r\n$4\r\nINCR\r\n${}\r\n{key}\r\n", key.len());
    for _ in 0..ROUNDS {
        // It is told of every change, and reads nothing.
        let mut deaf = server.connect();
        let id = deaf.ask("CLIENT ID");
        deaf.ask("SUBSCRIBE __redis__:invalidate");
        let (mut tracking, mut viewer) = (server.connect(), server.connect());
        assert_eq!(tracking.ask(&format!("CLIENT TRACKING ON REDIRECT {id} BCAST")), "OK");
        let is_there = |list: &str| list.contains("tot-mem");
        while let list = viewer.ask(&format!("CLIENT LIST ID {id}"))
            && is_there(&list)
        {
            let field = list.split(' ').find_map(|word| word.strip_prefix("tot-mem="));
            let bytes: usize = field.expect("it has one").parse().expect("a number");
            assert!(bytes < MAX, "{list}");
            tracking.send_bytes(change.as_bytes());
            tracking.reply();
        }
    }
    assert_eq!(server.info("evicted_clients"), ROUNDS);
}
