//! What goes, what stays and what is said when memory is short, under every policy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use engine::mail::News;
use resp::Value;
use testkit::{Session, TestServer};

const MAX_BYTES: usize = 1_000_000;
/// What each eviction gives back.
const KEY_BYTES: usize = 100;
const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";

struct Full {
    server: TestServer,
    session: Session,
    /// Bytes used if nothing had been evicted.
    used: Arc<AtomicUsize>,
}

impl Full {
    /// A server whose memory is what the test says, less what was evicted.
    fn new(workers: usize, policy: &str) -> Full {
        let mut server = TestServer::new(workers);
        let used = Arc::new(AtomicUsize::new(0));
        let (engine, of_all) = (Arc::downgrade(&server.engine), used.clone());
        let measure = move || {
            let evicted = engine.upgrade().map_or(0, |e| e.total(|s| s.evicted_keys.get()));
            of_all.load(Relaxed).saturating_sub(evicted as usize * KEY_BYTES)
        };
        *server.host.memory.lock().unwrap() = Some(Box::new(measure));
        let mut session = server.connect();
        let limit = format!(
            "CONFIG SET maxmemory {MAX_BYTES} maxmemory-policy {policy} maxmemory-eviction-tenacity 100"
        );
        assert_eq!(server.reply(&mut session, &limit), Value::Simple(b"OK".to_vec()));
        Full { server, session, used }
    }

    fn ask(&mut self, line: &str) -> Value {
        self.server.reply(&mut self.session, line)
    }

    fn fails(&mut self, line: &str, text: &str) {
        let reply = self.ask(line);
        assert_eq!(reply, Value::Error(text.as_bytes().to_vec()), "{line}");
    }

    fn has(&mut self, key: &str) -> bool {
        self.ask(&format!("EXISTS {key}")) == Value::Integer(1)
    }

    /// So much more is used that `keys` must go, which the next command sees to.
    fn lacks(&mut self, keys: usize) {
        let evicted = self.evicted() as usize;
        self.used.store(MAX_BYTES + (evicted + keys) * KEY_BYTES, Relaxed);
    }

    fn evicted(&self) -> u64 {
        self.server.engine.total(|s| s.evicted_keys.get())
    }

    /// Stores `count` keys `k0` … of which `option(n)` says how RESTORE shall make them.
    fn restore(&mut self, count: usize, option: impl Fn(usize) -> String) {
        self.ask("SET model value");
        let Value::Bulk(payload) = self.ask("DUMP model") else { panic!("DUMP gives bytes") };
        self.ask("DEL model");
        for n in 0..count {
            let (key, options) = (format!("k{n}"), option(n));
            let mut call: Vec<&[u8]> = vec![b"RESTORE", key.as_bytes()];
            let (ttl, rest) = options.split_once(' ').unwrap_or((&options, ""));
            call.extend([ttl.as_bytes(), &payload]);
            call.extend(rest.split_whitespace().map(str::as_bytes));
            let reply = self.server.call(&mut self.session, &call);
            assert_eq!(reply, Value::Simple(b"OK".to_vec()), "{call:?}");
        }
    }

    /// Which of the keys are gone.
    fn gone(&mut self, count: usize) -> Vec<usize> {
        (0..count).filter(|n| !self.has(&format!("k{n}"))).collect()
    }
}

/// Evicts 100 of 400 keys, where those with the lowest numbers are the best to go. Nearly all that
/// go are of the better half, and none of the worst quarter.
fn evicts_the_best(policy: &str, option: impl Fn(usize) -> String) {
    for workers in [1, 4] {
        let mut full = Full::new(workers, policy);
        full.restore(400, &option);
        full.lacks(100);
        full.ask("PING");
        let gone = full.gone(400);
        assert_eq!((gone.len(), full.evicted()), (100, 100), "{policy}");
        let good = gone.iter().filter(|n| **n < 200).count();
        assert!(good >= 95, "{policy}: {good} of 100 were good to evict: {gone:?}");
        assert!(gone.iter().all(|n| *n < 300), "{policy}: {gone:?}");
    }
}

#[test]
fn the_longest_idle_go_first() {
    let idle = |n: usize| format!("0 IDLETIME {}", 10_000 - 10 * n);
    evicts_the_best("allkeys-lru", idle);
    evicts_the_best("allkeys-lrm", idle);
}

#[test]
fn the_least_frequently_used_go_first() {
    evicts_the_best("allkeys-lfu", |n| format!("0 FREQ {}", n / 2));
}

#[test]
fn those_that_expire_soonest_go_first() {
    evicts_the_best("volatile-ttl", |n| format!("{}", 100_000 + 1000 * n));
}

#[test]
fn volatile_policies_spare_what_does_not_expire() {
    for policy in
        ["volatile-lru", "volatile-lfu", "volatile-lrm", "volatile-random", "volatile-ttl"]
    {
        for workers in [1, 4] {
            let mut full = Full::new(workers, policy);
            for n in 0..100 {
                full.ask(&format!("SET stays{n} v"));
                full.ask(&format!("SET k{n} v EX 1000"));
                // It expires in parts, but not as a whole.
                full.ask(&format!("HSET hash{n} f v"));
                full.ask(&format!("HEXPIRE hash{n} 1000 FIELDS 1 f"));
            }
            full.lacks(40);
            full.ask("PING");
            assert_eq!(full.gone(100).len(), 40, "{policy}");
            full.lacks(100);
            full.fails("SET new v", OOM);
            assert_eq!(full.gone(100).len(), 100, "{policy}");
            assert_eq!(full.ask("DBSIZE"), Value::Integer(200), "{policy}");
        }
    }
}

#[test]
fn random_policies_take_keys_of_all_databases() {
    for policy in ["allkeys-random", "volatile-random"] {
        let mut full = Full::new(4, policy);
        for db in 0..3 {
            full.ask(&format!("SELECT {db}"));
            for n in 0..100 {
                full.ask(&format!("SET k{n} v EX 1000"));
            }
        }
        full.lacks(150);
        full.ask("PING");
        for db in 0..3 {
            full.ask(&format!("SELECT {db}"));
            let gone = full.gone(100).len();
            assert!((30..70).contains(&gone), "{policy}: {gone} of database {db}");
        }
    }
}

#[test]
fn only_a_change_counts_under_lrm_and_any_use_under_lru() {
    let idle_s = |full: &mut Full, key: &str| match full.ask(&format!("OBJECT IDLETIME {key}")) {
        Value::Integer(idle) => idle,
        other => panic!("{other:?} is no idle time"),
    };
    for (policy, read_idle_s) in [("allkeys-lrm", 500), ("allkeys-lru", 0)] {
        let mut full = Full::new(1, policy);
        full.restore(2, |_| "0 IDLETIME 500".into());
        full.ask("GET k0");
        full.ask("GETRANGE k0 0 1");
        full.ask("APPEND k1 x");
        assert!((read_idle_s..read_idle_s + 5).contains(&idle_s(&mut full, "k0")), "{policy}");
        assert!(idle_s(&mut full, "k1") < 5, "{policy}");
    }
}

#[test]
fn a_key_that_was_used_since_it_was_noted_stays() {
    let mut full = Full::new(1, "allkeys-lru");
    full.restore(10, |n| format!("0 IDLETIME {}", 10_000 - n));
    full.lacks(1);
    // All ten are in the pool afterwards, and k0 has gone.
    full.ask("PING");
    assert_eq!(full.gone(10), [0]);
    full.ask("MGET k1 k2 k3 k4");
    full.lacks(1);
    full.ask("PING");
    assert!(full.has("k1") && !full.has("k5"));
}

#[test]
fn without_eviction_what_takes_memory_is_refused_and_all_else_runs() {
    for workers in [1, 4] {
        let mut full = Full::new(workers, "noeviction");
        full.ask("SET k v");
        full.ask("RPUSH list a b");
        full.lacks(1);
        for call in
            ["SET k w", "INCR n", "LPUSH list c", "HSET h f v", "XADD s * f v", "SETRANGE k 9 x"]
        {
            full.fails(call, OOM);
        }
        assert_eq!(full.ask("GET k"), Value::Bulk(b"v".to_vec()));
        assert_eq!(full.ask("LPOP list"), Value::Bulk(b"a".to_vec()));
        assert_eq!(full.ask("EXPIRE k 100"), Value::Integer(1));
        assert_eq!(full.ask("DEL k"), Value::Integer(1));
        assert!(!full.has("n"));
        full.used.store(0, Relaxed);
        assert_eq!(full.ask("INCR n"), Value::Integer(1));
    }
}

#[test]
fn a_pipeline_is_refused_from_the_command_on_at_which_memory_is_short() {
    let mut full = Full::new(1, "noeviction");
    let (engine, max) = (full.server.engine.clone(), MAX_BYTES);
    // Three changes fit.
    let measure = move || max - 2 + engine.total(|s| s.dirty.get()) as usize;
    *full.server.host.memory.lock().unwrap() = Some(Box::new(measure));
    let replies = full.server.feed(&mut full.session, &b"INCR n\r\n".repeat(5));
    let text = String::from_utf8(replies).unwrap();
    assert_eq!(text, format!(":1\r\n:2\r\n:3\r\n-{OOM}\r\n-{OOM}\r\n"));
    *full.server.host.memory.lock().unwrap() = None;
}

#[test]
fn transactions_are_refused_when_queued_and_when_run() {
    let mut full = Full::new(1, "noeviction");
    full.lacks(1);
    full.ask("MULTI");
    full.fails("SET k v", OOM);
    full.fails("EXEC", "EXECABORT Transaction discarded because of previous errors.");

    full.used.store(0, Relaxed);
    for call in ["MULTI", "SET k v", "GET k"] {
        full.ask(call);
    }
    full.lacks(1);
    full.fails("EXEC", &format!("EXECABORT Transaction discarded because of: {OOM}"));
    assert!(!full.has("k"));

    // One that only reads runs, and DISCARD always does.
    full.ask("MULTI");
    full.ask("GET k");
    assert_eq!(full.ask("EXEC"), Value::Array(vec![Value::Null]));
    full.ask("MULTI");
    full.fails("SET k v", OOM);
    assert_eq!(full.ask("DISCARD"), Value::Simple(b"OK".to_vec()));
}

#[test]
fn an_evicted_key_is_told_of_like_a_deleted_one() {
    for (lazy, command) in [("no", "DEL"), ("yes", "UNLINK")] {
        let mut full = Full::new(2, "allkeys-random");
        full.ask(&format!("CONFIG SET notify-keyspace-events Ee lazyfree-lazy-eviction {lazy}"));
        full.ask("SELECT 3");
        full.ask("SET k v");
        let mut listener = full.server.connect();
        full.server.reply(&mut listener, "PSUBSCRIBE *");
        full.ask("WATCH k");
        let mut journal = full.server.engine.journal.reader(None).expect("it has an end");
        full.lacks(1);
        full.ask("MULTI");
        assert_eq!(full.ask("EXEC"), Value::Null, "a watched key has gone");

        let mut stream = Vec::new();
        while journal.read(&mut |bytes: &[u8]| stream.extend_from_slice(bytes)).unwrap() > 0 {}
        let stream = String::from_utf8(stream).unwrap();
        let deleted = format!("*2\r\n${}\r\n{command}\r\n$1\r\nk\r\n", command.len());
        assert!(stream.ends_with(&deleted), "{stream:?}");
        assert!(stream.contains("SELECT\r\n$1\r\n3"), "{stream:?}");

        let mail = full.server.engine.mail.take(0);
        let News::Message(frame) = &mail.first().expect("an event was published").news else {
            panic!("an event is a message")
        };
        let frame = String::from_utf8_lossy(frame);
        assert!(frame.contains("__keyevent@3__:evicted") && frame.contains("\r\nk\r\n"), "{frame}");
    }
}

#[test]
fn a_stream_of_effects_evicts_nothing() {
    let mut server = TestServer::new(1).replays();
    let mut session = server.connect();
    server.reply(&mut session, "SET k v");
    server.reply(&mut session, "CONFIG SET maxmemory 1 maxmemory-policy allkeys-lru");
    assert_eq!(server.reply(&mut session, "SET other v"), Value::Simple(b"OK".to_vec()));
    assert_eq!(server.reply(&mut session, "DBSIZE"), Value::Integer(2));
}

#[test]
fn the_limit_may_be_a_share_of_what_the_machine_grants() {
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    let set = "CONFIG SET maxmemory 75% maxmemory-clients 10%";
    assert_eq!(server.reply(&mut session, set), Value::Simple(b"OK".to_vec()));
    let settings = &server.engine.settings;
    assert_eq!(settings.memory.max_bytes(), (1 << 30) / 100 * 75);
    assert_eq!(settings.clients_bytes_max(), settings.memory.max_bytes() / 100 * 10);
    let Value::Array(pair) = server.reply(&mut session, "CONFIG GET maxmemory") else {
        panic!("CONFIG GET replies pairs")
    };
    assert_eq!(pair[1], Value::Bulk(b"75%".to_vec()));
}
