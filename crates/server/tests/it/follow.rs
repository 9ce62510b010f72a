//! SYNC: a connection that follows every change.

use crate::running::{Server, until};

#[test]
fn a_follower_gets_the_data_set_and_then_every_change() {
    for threads in ["1", "3"] {
        let server = Server::start(&["--io-threads", threads]);
        server.ask("SET before 1");
        let mut follower = server.connect();
        follower.send("SYNC");
        let file = follower.file();
        assert!(file.starts_with(b"REDIS0010") && file.windows(6).any(|six| six == b"before"));
        until("it follows", || server.info("connected_slaves") == 1);
        server.ask("INCR n");
        server.ask("PUBLISH news hello");
        server.ask("RPUSH l a b");
        for expected in [
            &["SELECT", "0"][..],
            &["INCR", "n"],
            &["PUBLISH", "news", "hello"],
            &["RPUSH", "l", "a", "b"],
        ] {
            let resp::Value::Array(words) = follower.value() else {
                panic!("a stream of requests")
            };
            let words: Vec<_> = words.iter().map(|word| word.text().expect("words")).collect();
            assert_eq!(words, expected);
        }
        drop(follower);
        until("it follows no more", || server.info("connected_slaves") == 0);
    }
}
