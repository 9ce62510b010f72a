//! Bytes on a socket: requests in pieces, requests that are none, connections that end early.

use crate::running::{Server, until};

fn set(key: &str, value: &[u8]) -> Vec<u8> {
    let head = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n", key.len(), value.len());
    [head.as_bytes(), value, b"\r\n"].concat()
}

#[test]
fn a_malformed_frame_gets_an_error_and_the_connection_is_closed() {
    let server = Server::start(&[]);
    let long = "1".repeat(70_000);
    for (bytes, text) in [
        ("*1000000000000\r\n", "invalid multibulk length"),
        ("*x\r\n", "invalid multibulk length"),
        (&*format!("*{long}"), "too big mbulk count string"),
        (&*format!("*1\r\n${long}"), "too big bulk count string"),
        ("*1\r\nfoo\r\n", "expected '$', got 'f'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$x\r\n", "invalid bulk length"),
        ("*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
        ("*1\r\n$600000000\r\n", "invalid bulk length"),
        ("SET k \"v\r\n", "unbalanced quotes in request"),
        (&*long, "too big inline request"),
    ] {
        let mut session = server.connect();
        session.send_bytes(b"PING\r\n");
        session.send_bytes_until_closed(bytes.as_bytes());
        let rest = String::from_utf8_lossy(&session.rest()).into_owned();
        let shown = &bytes[..bytes.len().min(40)];
        assert_eq!(rest, format!("+PONG\r\n-ERR Protocol error: {text}\r\n"), "{shown:?}");
    }
    until("only the asking client is there", || server.info("connected_clients") == 1);
}

#[test]
fn before_a_password_requests_are_short() {
    let server = Server::start(&["--requirepass", "secret"]);
    for (bytes, text) in [
        ("*11\r\n", "unauthenticated multibulk length"),
        ("*2\r\n$4\r\nAUTH\r\n$20000\r\n", "unauthenticated bulk length"),
    ] {
        let mut session = server.connect();
        session.send_bytes_until_closed(bytes.as_bytes());
        let rest = String::from_utf8_lossy(&session.rest()).into_owned();
        assert_eq!(rest, format!("-ERR Protocol error: {text}\r\n"));
    }
    let mut session = server.connect();
    assert_eq!(session.ask("AUTH secret"), "OK");
    session.send_bytes(&set("k", &[b'v'; 20_000]));
    assert_eq!(session.reply(), "OK");
}

#[test]
fn what_follows_quit_is_not_run() {
    let server = Server::start(&[]);
    let mut session = server.connect();
    session.send_bytes_until_closed(b"QUIT\r\nSET k v\r\n*garbage\r\n");
    assert_eq!(session.rest(), b"+OK\r\n");
    assert_eq!(server.ask("DBSIZE"), "0");
}

#[test]
fn half_a_request_and_a_closed_connection_leave_nothing() {
    let server = Server::start(&[]);
    let request = set("k", b"value");
    for len in 1..request.len() {
        let mut session = server.connect();
        session.send_bytes(&request[..len]);
    }
    until("only the asking client is there", || server.info("connected_clients") == 1);
    assert_eq!(server.ask("DBSIZE"), "0");
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::start(&[]);
    let mut session = server.connect();
    for byte in [&set("k", b"value")[..], b"\r\n*0\r\nGET k\r\n"].concat() {
        session.send_bytes(&[byte]);
    }
    assert_eq!((session.reply(), session.reply()), ("OK".into(), "value".into()));
}

#[test]
fn a_client_that_sends_no_more_still_gets_all_replies() {
    let server = Server::start(&[]);
    let mut session = server.connect();
    session.send_bytes(&set("k", &vec![b'v'; 3 << 20]));
    assert_eq!(session.reply(), "OK");
    // More than a socket takes, and more requests than one turn runs.
    session.send_bytes(&[&b"PING\r\n".repeat(5000)[..], b"GET k\r\nGET k\r\n"].concat());
    session.end();
    assert_eq!(session.rest().len(), 5000 * 7 + 2 * (b"$3145728\r\n\r\n".len() + (3 << 20)));
}

#[test]
fn large_values_arrive_as_they_were_sent() {
    let server = Server::start(&[]);
    let mut session = server.connect();
    let bytes: Vec<u8> =
        (0..5_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut request = Vec::new();
    let lens = [65_000, 65_536, 70_000, 131_072, 1 << 20, 5_000_000, 100_000];
    for len in lens {
        request.extend_from_slice(&set(&format!("k{len}"), &bytes[..len]));
        // Changes the value while the request that brought it may still be held.
        request.extend_from_slice(format!("APPEND k{len} x\r\nSETRANGE k{len} 0 y\r\n").as_bytes());
    }
    session.send_bytes(&request);
    for len in lens {
        assert_eq!(session.reply(), "OK");
        assert_eq!(session.reply(), (len + 1).to_string());
        assert_eq!(session.reply(), (len + 1).to_string());
    }
    for len in lens {
        session.send(&format!("GET k{len}"));
        let expected = [b"y", &bytes[1..len], b"x"].concat();
        assert!(session.value() == resp::Value::Bulk(expected), "the value of {len} bytes");
    }
}

#[test]
fn pipelines_are_answered_in_order_however_long() {
    let server = Server::start(&[]);
    let mut session = server.connect();
    let pipeline: String = (0..20_000).map(|i| format!("ECHO {i}\r\n")).collect();
    session.send_bytes(pipeline.as_bytes());
    for i in 0..20_000 {
        assert_eq!(session.reply(), i.to_string());
    }
}
