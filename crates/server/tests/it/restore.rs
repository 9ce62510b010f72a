//! `--restore-at`: the data set of any instant is exactly what had been done before it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base::random::Random;
use rustix::process::Signal;

use crate::running::{Folder, Server, Session, run, until};

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    since.as_micros() as i64
}

fn start(dir: &str, more: &[&str]) -> Server {
    let log = ["--dir", dir, "--appendonly", "yes", "--save", ""];
    Server::start(&[&log[..], more].concat())
}

/// A directory in `data`, made.
fn make(data: &Folder, name: &str) -> String {
    let path = data.path(name);
    std::fs::create_dir(&path).expect("there is room");
    path.display().to_string()
}

/// What is in all files of a directory and those in it.
fn contents(dir: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("it is a directory") {
        let path = entry.expect("an entry of it").path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false if path.is_file() => {
                let bytes = std::fs::read(&path).expect("it can be read");
                found.push((path, bytes));
            }
            // The socket of a server that was killed.
            false => {}
        }
    }
    found.sort();
    found
}

/// Show 7 of the issue: RUN_SLOW_TESTS=1 writes each 10 ms for 20 s and restores 20 instants.
#[test]
fn any_instant_is_restored_exactly() {
    let is_slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let (writes, pace_us, instants) = if is_slow { (2000, 10_000, 20) } else { (150, 3000, 5) };
    for policy in ["always", "everysec"] {
        let data = Folder::new();
        let dir = make(&data, "data");
        let timed = ["--aof-timestamp-enabled", "yes", "--appendfsync", policy];
        let mut server = start(&dir, &timed);
        let mut ann = Session::connect(&data.path("data/s"));
        until("it has loaded", || ann.ask("SET n 0") == "OK");
        // When each was sent, and when its reply had come.
        let mut done: Vec<(i64, i64)> = Vec::new();
        let began = Instant::now();
        for n in 1..=writes {
            let due = Duration::from_micros(n * pace_us);
            until("the next is due", || began.elapsed() >= due);
            let sent = now_us();
            assert_eq!(ann.ask("INCR n"), n.to_string());
            done.push((sent, now_us()));
            if n == writes / 3 {
                ann.ask("BGREWRITEAOF");
            }
        }
        until("the rewrite is over", || {
            ann.ask("INFO persistence").contains("aof_rewrite_in_progress:0")
        });
        server.signal(Signal::KILL);
        server.wait();
        let before = contents(&data.path("data"));
        let seed = now_us() as u64;
        let mut random = Random::from_seed(seed);
        // From behind the base, which was begun when a third was done.
        let first_ms = done[(writes / 3 + 10) as usize].1 / 1000;
        let last_ms = done[(writes - 1) as usize].1 / 1000 + 2;
        for i in 0..instants {
            let at_ms = first_ms + random.below((last_ms - first_ms) as u64) as i64;
            let to = data.path(&format!("restored-{i}")).display().to_string();
            let (status, text) = run(&data, &["--restore-at", &at_ms.to_string(), &dir, &to]);
            assert!(status.success(), "{text}");
            let mut server = start(&to, &[]);
            let mut ann = Session::connect(&data.path(&format!("restored-{i}/s")));
            until("it has loaded", || !ann.ask("GET n").contains("LOADING"));
            let found: usize = ann.ask("GET n").parse().expect("a number");
            let at_us = at_ms * 1000;
            let replied = done.iter().take_while(|(_, replied)| *replied < at_us).count();
            let sent = done.iter().take_while(|(sent, _)| *sent < at_us).count();
            assert!(
                (replied..=sent).contains(&found),
                "{policy}, seed {seed}: at {at_ms} {found}, but {replied} had been acknowledged and \
                 {sent} sent"
            );
            server.signal(Signal::KILL);
            server.wait();
        }
        assert!(before == contents(&data.path("data")), "the source is as it was");
    }
}

#[test]
fn what_the_log_does_not_know_is_refused() {
    let data = Folder::new();
    let dir = make(&data, "data");
    let mut server = start(&dir, &["--aof-timestamp-enabled", "yes"]);
    let mut ann = Session::connect(&data.path("data/s"));
    // While it loads it refuses.
    until("it has loaded", || ann.ask("SET a 1") == "OK");
    let with_notes = now_us() / 1000 + 2;
    until("two milliseconds are over", || now_us() / 1000 > with_notes);
    ann.ask("CONFIG SET aof-timestamp-enabled no");
    // The log's writer has seen it when this one is written.
    assert_eq!(ann.ask("SET b 2"), "OK");
    assert_eq!(ann.ask("SET c 3"), "OK");
    server.signal(Signal::TERM);
    server.wait();
    let restored = |when: &str, from: &str, to: &str| {
        let (status, text) = run(&data, &["--restore-at", when, from, to]);
        assert_eq!(status.success(), data.path(to).exists(), "{text}");
        (status.success(), text)
    };
    let (done, text) = restored(&(now_us() / 1000).to_string(), &dir, "r1");
    assert!(!done && text.contains("aof-timestamp-enabled was off"), "{text}");
    let (done, text) = restored("2001-01-01T00:00:00Z", &dir, "r2");
    assert!(!done && text.contains("The log begins with the data set of 20"), "{text}");
    let (done, text) = restored("2901-01-01T00:00:00Z", &dir, "r3");
    assert!(!done && text.contains("has not come yet"), "{text}");
    let (done, text) = restored("tomorrow", &dir, "r4");
    assert!(!done && text.contains("Usage"), "{text}");
    let (done, text) = restored("2001-01-01T00:00:00Z", "nowhere", "r5");
    assert!(!done && text.contains("Can't read nowhere: No such file"), "{text}");
    let full = make(&data, "full");
    data.write("full/some", "file");
    let (status, text) = run(&data, &["--restore-at", "0", &dir, &full]);
    assert!(!status.success() && text.contains("is not empty"), "{text}");
    let (done, text) = restored("0", &full, "r6");
    assert!(!done && text.contains("holds no append only file"), "{text}");
    // Each command before a byte can be had.
    let incr = "appendonly.aof.1.incr.aof";
    let log = data.path(&format!("data/appendonlydir/{incr}"));
    let log = std::fs::read_to_string(log).expect("it is there, and text");
    let at = log.find("#AT:?").unwrap_or_else(|| panic!("nothing is unknown in {log}"));
    let (done, text) = restored(&format!("{incr}:{at}"), &dir, "r7");
    assert!(done, "{text}");
    let to = data.path("r7").display().to_string();
    let again = start(&to, &[]);
    let mut ann = Session::connect(&data.path("r7/s"));
    until("it has loaded", || !ann.ask("GET a").contains("LOADING"));
    assert_eq!(ann.ask("EXISTS a b c"), "1");
    drop(again);
    let (done, text) = restored(&format!("{incr}:{}", at + 20), &dir, "r8");
    assert!(!done && text.contains("is amid a command"), "{text}");
    let (done, text) = restored("other.1.incr.aof:0", &dir, "r9");
    assert!(!done && text.contains("The log has no file other.1.incr.aof"), "{text}");
}
