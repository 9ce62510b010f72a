//! Pub/Sub as clients see it.

use engine::mail::News;
use resp::Value;
use testkit::transcript::check;
use testkit::{Session, TestServer};

#[test]
fn a_subscriber_of_resp2_may_do_little_else() {
    check(
        "> SUBSCRIBE a
         1) \"subscribe\"
         2) \"a\"
         3) (integer) 1
         > PSUBSCRIBE b*
         1) \"psubscribe\"
         2) \"b*\"
         3) (integer) 2
         > SSUBSCRIBE a
         1) \"ssubscribe\"
         2) \"a\"
         3) (integer) 1
         > GET k
         (error) ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
         > PING
         1) \"pong\"
         2) \"\"
         > RESET
         RESET
         > GET k
         (nil)
         > PUBSUB NUMPAT
         (integer) 0",
    );
}

#[test]
fn a_subscription_is_confirmed_even_to_who_wants_no_replies() {
    let mut server = TestServer::new(1);
    let mut ann = server.connect();
    server.feed(&mut ann, b"HELLO 3\r\nCLIENT REPLY OFF\r\n");
    assert_eq!(server.feed(&mut ann, b"PING\r\n"), b"");
    let confirmed = server.feed(&mut ann, b"SUBSCRIBE news\r\nPING\r\n");
    assert_eq!(confirmed, b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
}

/// What has been published to this client's worker, as text.
fn mail(server: &mut TestServer, session: &Session) -> Vec<String> {
    let mail = server.engine.mail.take(session.worker);
    let mine = mail.iter().filter(|mail| mail.to.iter().any(|(_, id)| *id == session.client.id));
    mine.map(|mail| {
        let News::Message(frame) = &mail.news else { panic!("{mail:?}") };
        let (value, _) = resp::decode(frame).expect("it is RESP").expect("it is whole");
        let (Value::Array(words) | Value::Push(words)) = value else { panic!("not a message") };
        let words: Vec<_> = words.iter().map(|word| word.text().expect("words")).collect();
        words.join(" ")
    })
    .collect()
}

#[test]
fn who_listens_in_two_ways_gets_a_message_twice() {
    let mut server = TestServer::new(2);
    let (mut ann, mut bob) = (server.connect_to(0), server.connect_to(1));
    server.reply(&mut ann, "SUBSCRIBE news");
    server.reply(&mut ann, "PSUBSCRIBE n*");
    assert_eq!(server.reply(&mut bob, "PUBLISH news hello"), Value::Integer(2));
    assert_eq!(server.reply(&mut bob, "PUBLISH other hello"), Value::Integer(0));
    assert_eq!(mail(&mut server, &ann), ["message news hello", "pmessage n* news hello"]);
}

#[test]
fn events_are_published_by_key_and_by_name_if_their_class_is_wanted() {
    let mut server = TestServer::new(1);
    let (mut ann, mut bob) = (server.connect(), server.connect());
    server.reply(&mut bob, "CONFIG SET notify-keyspace-events KE$g");
    server.reply(&mut ann, "PSUBSCRIBE __key*");
    for call in ["SET k 1", "EXPIRE k 100", "SADD s a", "DEL k"] {
        server.reply(&mut bob, call);
    }
    assert_eq!(
        mail(&mut server, &ann),
        [
            "pmessage __key* __keyspace@0__:k set",
            "pmessage __key* __keyevent@0__:set k",
            "pmessage __key* __keyspace@0__:k expire",
            "pmessage __key* __keyevent@0__:expire k",
            "pmessage __key* __keyspace@0__:k del",
            "pmessage __key* __keyevent@0__:del k",
        ]
    );
}

#[test]
fn a_key_is_new_once_however_it_comes() {
    let mut server = TestServer::new(1);
    let (mut ann, mut bob) = (server.connect(), server.connect());
    server.reply(&mut bob, "CONFIG SET notify-keyspace-events En");
    server.reply(&mut ann, "SUBSCRIBE __keyevent@0__:new");
    for call in [
        "SET a 1",
        "SET a 2",
        "INCR b",
        "APPEND c x",
        "APPEND c y",
        "SADD d x",
        "RENAME d e",
        "COPY a f",
        "SETBIT g 1 1",
    ] {
        server.reply(&mut bob, call);
    }
    let expected = ["a", "b", "c", "d", "e", "f", "g"];
    let expected = expected.map(|key| format!("message __keyevent@0__:new {key}"));
    assert_eq!(mail(&mut server, &ann), expected);
}

#[test]
fn a_miss_is_an_event_but_no_change() {
    let mut server = TestServer::new(1);
    let (mut ann, mut bob) = (server.connect(), server.connect());
    server.reply(&mut bob, "CONFIG SET notify-keyspace-events Em");
    server.reply(&mut ann, "SUBSCRIBE __keyevent@0__:keymiss");
    server.reply(&mut bob, "GET nokey");
    assert_eq!(mail(&mut server, &ann), ["message __keyevent@0__:keymiss nokey"]);
}
