//! Scripts that keep to their keys, and what happens when one does not.

use std::sync::atomic::Ordering::Relaxed;

use resp::Value;
use testkit::{Session, TestServer};

/// Adds to a counter and a set; then, if told to, does what ARGV[1] says. Not all of the strays lie in
/// shards that are held by chance.
const SCRIPT: &str = "\
    local n = redis.call('INCR', KEYS[1])
    redis.call('SADD', KEYS[2], n)
    local what = ARGV[1]
    local strays = {'another', n, 'b', n, 'c', n, 'd', n, 'e', n, 'f', n, 'g', n, 'h', n}
    if what == 'stray' then redis.call('MSET', unpack(strays))
    elseif what == 'strays' then pcall(redis.call, 'MSET', unpack(strays)) redis.call('INCR', KEYS[1]) redis.call('DECR', KEYS[1])
    elseif what == 'world' then redis.call('PUBLISH', 'news', n)
    elseif what == 'long' then for i = 1, 20000000 do n = n + 1 - 1 end
    elseif what == 'log' then redis.log(redis.LOG_WARNING, 'once')
    elseif what == 'fail' then error('no') end
    return n";

struct Server {
    inner: TestServer,
    ann: Session,
    sha: String,
}

impl Server {
    /// One whose script has run as often as is needed to know it.
    fn new() -> Server {
        let mut inner = TestServer::new(4);
        let mut ann = inner.connect_to(1);
        let sha = inner.call(&mut ann, &[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()]);
        let sha = sha.text().expect("a name").into_owned();
        let mut server = Server { inner, ann, sha };
        // Runs that take long, as on a machine with other work, do not count.
        for _ in 0..1000 {
            let worlds = server.worlds();
            server.run("");
            if server.worlds() == worlds {
                break;
            }
        }
        server.reply("DEL set");
        server.reply("SET counter 64");
        for n in 1..=64 {
            server.reply(&format!("SADD set {n}"));
        }
        server
    }

    fn run(&mut self, what: &str) -> Value {
        let sha = self.sha.clone();
        let words = ["EVALSHA", &sha, "2", "counter", "set", what];
        self.inner.call(&mut self.ann, &words.map(str::as_bytes))
    }

    fn worlds(&self) -> u64 {
        self.inner.engine.stats.iter().map(|stats| stats.world_commands.get()).sum()
    }

    fn reply(&mut self, line: &str) -> Value {
        self.inner.reply(&mut self.ann, line)
    }
}

#[test]
fn a_script_that_keeps_to_its_keys_leaves_the_others_alone() {
    let mut server = Server::new();
    let worlds = server.worlds();
    for n in 65..=80 {
        assert_eq!(server.run(""), Value::Integer(n));
    }
    assert_eq!(server.worlds(), worlds);
    // An error of its own is no reason to run it again.
    let failed = server.run("fail");
    assert!(matches!(failed, Value::Error(_)), "{failed:?}");
    assert_eq!(server.reply("GET counter").text().as_deref(), Some("81"));
    assert_eq!(server.worlds(), worlds);
    // Another worker has not compiled it yet.
    server.ann = server.inner.connect_to(2);
    assert_eq!(server.run(""), Value::Integer(82));
    assert_eq!(server.worlds(), worlds);
    server.reply("SCRIPT FLUSH");
    let gone = server.run("");
    assert!(matches!(gone, Value::Error(_)), "{gone:?}");
}

#[test]
fn one_that_does_not_runs_again_and_leaves_what_it_would_have_left() {
    for what in ["stray", "strays", "world", "long", "log", "large"] {
        let mut server = Server::new();
        server.reply("SET counter 64 EX 1000");
        let mut members = 65;
        if what == "large" {
            // Too large to be kept aside.
            server.reply(&format!("SADD set {}", "x".repeat(20_000)));
            members += 1;
        }
        let worlds = server.worlds();
        let ran = server.run(what);
        assert_eq!(ran, Value::Integer(65), "{what}");
        assert_eq!(server.reply("GET counter").text().as_deref(), Some("65"));
        assert_eq!(server.worlds(), worlds + 1, "{what}");
        let Value::Integer(ttl) = server.reply("TTL counter") else { panic!("no number") };
        assert!(ttl > 900, "{what}: {ttl}");
        assert_eq!(server.reply("SCARD set"), Value::Integer(members), "{what}");
        assert_eq!(
            server.reply("EXISTS another"),
            Value::Integer(i64::from(what.starts_with("stray")))
        );
        let lines = server.inner.host.log.lock().expect("a test's own").clone();
        let said = lines.iter().filter(|line| line.contains("once")).count();
        assert_eq!(said, usize::from(what == "log"));
        // It is remembered.
        server.run("");
        assert_eq!(server.worlds(), worlds + 2, "{what}");
    }
}

#[test]
fn where_it_would_be_seen_it_is_not_tried() {
    let mut server = Server::new();
    let mut bob = server.inner.connect();
    server.inner.feed(&mut bob, b"MONITOR\r\n");
    let worlds = server.worlds();
    assert_eq!(server.run(""), Value::Integer(65));
    assert_eq!(server.worlds(), worlds + 1);
    assert!(server.inner.engine.late.error().is_none());
    assert_eq!(server.inner.engine.scripts.evicted.load(Relaxed), 0);
}
