//! The append only file of the real binary: what was acknowledged is there after kill -9, and what
//! cannot be read is refused.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::process::Signal;

use crate::running::{Folder, Server, Session, run, until};

const CLIENTS: u64 = 6;

fn start(data: &Folder, more: &[&str]) -> Server {
    let dir = data.path("").display().to_string();
    let mut args = vec!["--dir", &dir, "--appendonly", "yes", "--appendfsync", "always"];
    args.extend(["--save", ""]);
    args.extend(more);
    Server::start(&args)
}

/// The socket lies in the data directory.
fn connect(data: &Folder) -> Session {
    Session::connect(&data.path("s"))
}

/// Counts up in two keys at once until the server is gone. Notes what was acknowledged.
fn count_up(socket: &Path, client: u64, acknowledged: &AtomicU64, sent: &AtomicU64) {
    let mut session = Session::connect(socket);
    for n in acknowledged.load(Relaxed) + 1.. {
        sent.store(n, Relaxed);
        let request = format!(
            "MULTI\r\nSET a:{client} {n}\r\nSET b:{client} {n}\r\nEXEC\r\nSET c:{client} {n}\r\n"
        );
        session.send_bytes_until_closed(request.as_bytes());
        for _ in 0..5 {
            if session.value_or_end().is_none() {
                return;
            }
        }
        acknowledged.store(n, Relaxed);
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_by_kill_9() {
    // A thousand with RUN_SLOW_TESTS=1.
    let kills = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 1000 } else { 8 };
    let data = Folder::new();
    let acknowledged: Vec<AtomicU64> = (0..CLIENTS).map(|_| AtomicU64::new(0)).collect();
    let sent: Vec<AtomicU64> = (0..CLIENTS).map(|_| AtomicU64::new(0)).collect();
    for round in 0..kills {
        let mut server = start(&data, &["--io-threads", "4"]);
        let mut session = connect(&data);
        for client in 0..CLIENTS as usize {
            let known = acknowledged[client].load(Relaxed);
            let sent = sent[client].load(Relaxed);
            let mut read = |key: &str| {
                let value = session.ask(&format!("GET {key}:{client}"));
                value.parse::<u64>().unwrap_or(0)
            };
            let (a, b, c) = (read("a"), read("b"), read("c"));
            let found =
                format!("round {round}, client {client}: {a}, {b} and {c} of {known} to {sent}");
            assert!(a == b && a >= known && c >= known && a <= sent && c <= a, "{found}");
            acknowledged[client].store(a, Relaxed);
        }
        let socket = data.path("s");
        let goal = 20 + round * 37 % 200;
        let before: u64 = acknowledged.iter().map(|n| n.load(Relaxed)).sum();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS as usize {
                let (acknowledged, sent) = (&acknowledged[client], &sent[client]);
                let socket = &socket;
                scope.spawn(move || count_up(socket, client as u64, acknowledged, sent));
            }
            if round % 3 == 1 {
                connect(&data).ask("BGREWRITEAOF");
            }
            until("enough writes", || {
                acknowledged.iter().map(|n| n.load(Relaxed)).sum::<u64>() >= before + goal
            });
            server.signal(Signal::KILL);
            server.wait();
        });
    }
}

#[test]
fn a_log_without_its_manifest_is_not_started_beside() {
    let data = Folder::new();
    let mut server = start(&data, &[]);
    assert_eq!(connect(&data).ask("SET k v"), "OK");
    server.signal(Signal::TERM);
    server.wait();
    let manifest = data.path("appendonlydir/appendonly.aof.manifest");
    let kept = std::fs::read(&manifest).expect("it is there");
    std::fs::remove_file(&manifest).expect("it can be removed");
    let dir = data.path("").display().to_string();
    let args = ["--port", "0", "--unixsocket", "s", "--dir", &dir, "--appendonly", "yes"];
    let (status, log) = run(&Folder::new(), &args);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("the manifest") && log.contains("is missing"), "{log}");
    std::fs::write(&manifest, kept).expect("it can be written");
    let server = start(&data, &[]);
    assert_eq!(connect(&data).ask("GET k"), "v");
    drop(server);
}

#[test]
fn two_servers_do_not_share_a_log() {
    let data = Folder::new();
    let _server = start(&data, &[]);
    let dir = data.path("").display().to_string();
    let args = ["--port", "0", "--unixsocket", "t", "--dir", &dir, "--appendonly", "yes"];
    let (status, log) = run(&Folder::new(), &args);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("Another server uses the AOF"), "{log}");
}

#[test]
fn it_is_switched_on_and_off_and_written_anew() {
    let data = Folder::new();
    let mut server = start(&data, &["--appendonly", "no", "--aof-use-rdb-preamble", "no"]);
    let mut ann = connect(&data);
    ann.ask("RPUSH l a b c");
    ann.ask("SET k v PX 100000000");
    assert_eq!(ann.ask("CONFIG SET appendonly yes"), "OK");
    assert_eq!(ann.ask("HSET h f v"), "1");
    until("there is a base", || data.path("appendonlydir/appendonly.aof.1.base.aof").exists());
    assert_eq!(ann.ask("CONFIG SET appendonly no"), "OK");
    assert_eq!(ann.ask("CONFIG SET appendonly yes"), "OK");
    until("it is there again", || {
        ann.ask("INFO persistence").contains("aof_rewrite_in_progress:0")
    });
    assert_eq!(ann.ask("INCR n"), "1");
    server.signal(Signal::KILL);
    server.wait();
    let _server = start(&data, &[]);
    let mut ann = connect(&data);
    assert_eq!(ann.ask("LRANGE l 0 -1"), "a b c");
    assert_eq!(ann.ask("HGET h f"), "v");
    assert_eq!(ann.ask("GET n"), "1");
    assert!(ann.ask("PTTL k").parse::<u64>().expect("it expires") > 1_000_000);
}

#[test]
fn large_values_are_in_a_base_of_either_form() {
    const FILL: &str = "for n = 1, 20000 do local e = 'element:' .. n \
        redis.call('HSET', 'hash', e, e) redis.call('SADD', 'set', e) \
        redis.call('ZADD', 'sorted', n % 100, e) redis.call('RPUSH', 'list', e) \
        redis.call('XADD', 'stream', n, 'f', e) end \
        redis.call('HPEXPIRE', 'hash', 100000000, 'FIELDS', 1, 'element:1') \
        redis.call('XGROUP', 'CREATE', 'stream', 'g', '5') return 'filled'";
    for form in ["yes", "no"] {
        let data = Folder::new();
        let more = ["--save", "", "--enable-debug-command", "yes", "--aof-use-rdb-preamble", form];
        let mut server = start(&data, &more);
        let mut ann = connect(&data);
        assert_eq!(ann.ask(&format!("EVAL \"{FILL}\" 0")), "filled");
        ann.ask("BGREWRITEAOF");
        // They are handed over while they change.
        for n in 1..500 {
            ann.ask(&format!("HSET hash element:{n} changed"));
            ann.ask(&format!("ZADD sorted {n} element:{n}"));
            ann.ask(&format!("LSET list {} changed", 40 * n));
            ann.ask(&format!("XDEL stream {}", 40 * n));
            ann.ask(&format!("SREM set element:{}", 40 * n));
        }
        until("it is written anew", || {
            let info = ann.ask("INFO persistence");
            info.contains("aof_rewrites:1") && info.contains("aof_rewrite_in_progress:0")
        });
        let digest = ann.ask("DEBUG DIGEST");
        server.signal(Signal::KILL);
        server.wait();
        let _server = start(&data, &more);
        let mut ann = connect(&data);
        until("it has loaded", || !ann.ask("PING").contains("LOADING"));
        assert_eq!(ann.ask("DEBUG DIGEST"), digest, "aof-use-rdb-preamble {form}");
        assert_eq!(ann.ask("LLEN list"), "20000");
    }
}
