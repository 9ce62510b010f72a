//! A start never has less than is durable on the disk: it has all of it, or it is refused with one
//! line that says what to do, exit code 1, and nothing overwritten.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::process::Signal;

use crate::running::{Folder, Server, Session, run, until};

const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";

fn arguments(data: &Folder, more: &[&str]) -> Vec<String> {
    let dir = data.path("").display().to_string();
    let mut args = vec!["--dir".to_owned(), dir];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

fn start(data: &Folder, more: &[&str]) -> (Server, Session) {
    let args = arguments(data, more);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let server = Server::start(&args);
    (server, Session::connect(&data.path("s")))
}

/// The log, without save points.
const LOG: [&str; 6] = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];

fn end(mut server: Server, signal: Signal) {
    server.signal(signal);
    server.wait();
}

/// Every file, with its bytes; locks have none.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("it is a directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type().expect("it is there") {
            kind if kind.is_dir() => {
                let inner = contents(&entry.path());
                all.extend(
                    inner.into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)),
                );
            }
            kind if kind.is_file() && !name.ends_with(".lock") => {
                all.insert(name, std::fs::read(entry.path()).expect("it can be read"));
            }
            _ => {}
        }
    }
    all
}

/// A start that must be refused with `text`, and leave everything as it is.
fn refused(data: &Folder, more: &[&str], text: &str) {
    let before = contents(&data.path(""));
    let mut args = arguments(data, more);
    args.extend(["--port", "0", "--unixsocket", "other"].map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (status, log) = run(&Folder::new(), &args);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(text), "{text} in {log}");
    assert_eq!(contents(&data.path("")), before, "nothing is overwritten");
}

fn rewritten(session: &mut Session) {
    session.ask("BGREWRITEAOF");
    until("it is written anew", || {
        let info = session.ask("INFO persistence");
        info.contains("aof_rewrites:1") && info.contains("aof_rewrite_in_progress:0")
    });
}

#[test]
fn a_log_switched_on_beside_a_snapshot_begins_with_it() {
    let data = Folder::new();
    let (server, mut ann) = start(&data, &[]);
    ann.ask("SET k v");
    assert_eq!(ann.ask("SAVE"), "OK");
    end(server, Signal::KILL);
    let (server, mut ann) = start(&data, &LOG);
    assert_eq!(ann.ask("GET k"), "v");
    ann.ask("SET l w");
    end(server, Signal::KILL);
    std::fs::remove_file(data.path("dump.rdb")).expect("it is there");
    let (_server, mut ann) = start(&data, &LOG);
    assert_eq!((ann.ask("GET k"), ann.ask("GET l")), ("v".to_owned(), "w".to_owned()));
}

#[test]
fn a_manifest_whose_files_are_gone_is_refused() {
    let data = Folder::new();
    let (server, mut ann) = start(&data, &LOG);
    ann.ask("SET k v");
    let old = data.read(MANIFEST);
    rewritten(&mut ann);
    ann.ask("SET l w");
    end(server, Signal::KILL);
    let new = data.read(MANIFEST);
    assert_ne!(old, new);
    data.write(MANIFEST, &old);
    refused(&data, &LOG, "is older and does not name it");
    // Without the newer file it is the old ones that are missed.
    let newer = data.path("appendonlydir/appendonly.aof.2.incr.aof");
    std::fs::rename(&newer, data.path("kept")).expect("it is there");
    refused(&data, &LOG, "appendonly.aof.1.base.rdb");
    std::fs::rename(data.path("kept"), &newer).expect("it was just moved");
    data.write(MANIFEST, &new);
    let (_server, mut ann) = start(&data, &LOG);
    assert_eq!((ann.ask("GET k"), ann.ask("GET l")), ("v".to_owned(), "w".to_owned()));
}

#[test]
fn a_manifest_that_is_older_than_its_log_is_refused() {
    let data = Folder::new();
    let keeping = [&LOG[..], &["--aof-disable-auto-gc", "yes"]].concat();
    let (server, mut ann) = start(&data, &keeping);
    ann.ask("SET k v");
    let old = data.read(MANIFEST);
    rewritten(&mut ann);
    ann.ask("SET l w");
    end(server, Signal::KILL);
    data.write(MANIFEST, &old);
    refused(&data, &LOG, "is older and does not name it");
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let data = Folder::new();
    let (server, mut ann) = start(&data, &LOG);
    ann.ask("SET k v");
    rewritten(&mut ann);
    ann.ask("SET l w");
    end(server, Signal::KILL);
    let base = data.path("appendonlydir/appendonly.aof.2.base.rdb");
    let good = std::fs::read(&base).expect("it is there");
    // As another version would write it, with a bit that flipped, and cut off.
    let mut newer = good.clone();
    newer[5..9].copy_from_slice(b"0999");
    let mut flipped = good.clone();
    let middle = flipped.len() - 12;
    flipped[middle] ^= 4;
    for bad in [&newer[..], &flipped, &good[..good.len() - 9]] {
        std::fs::write(&base, bad).expect("it can be written");
        refused(&data, &LOG, "appendonly.aof.2.base.rdb");
    }
    std::fs::remove_file(&base).expect("it is there");
    std::fs::create_dir(&base).expect("there is room");
    refused(&data, &LOG, "appendonly.aof.2.base.rdb");
    std::fs::remove_dir(&base).expect("it is there");
    refused(&data, &LOG, "appendonly.aof.2.base.rdb");
    std::fs::write(&base, good).expect("it can be written");
    data.write("appendonlydir/appendonly.aof.manifest.kept", &data.read(MANIFEST));
    data.write(MANIFEST, "file appendonly.aof.2.base.rdb seq 2 ty");
    refused(&data, &LOG, "Fatal error reading the AOF manifest");
    data.write(MANIFEST, &data.read("appendonlydir/appendonly.aof.manifest.kept"));
    let (_server, mut ann) = start(&data, &LOG);
    assert_eq!((ann.ask("GET k"), ann.ask("GET l")), ("v".to_owned(), "w".to_owned()));
}

#[test]
fn a_snapshot_that_cannot_be_read_is_refused_with_and_without_a_log() {
    let data = Folder::new();
    let (server, mut ann) = start(&data, &[]);
    ann.ask("SET k v");
    assert_eq!(ann.ask("SAVE"), "OK");
    end(server, Signal::KILL);
    let good = std::fs::read(data.path("dump.rdb")).expect("it is there");
    let mut bad = good.clone();
    bad[5..9].copy_from_slice(b"0999");
    for bad in [&bad[..], &good[..good.len() - 9]] {
        std::fs::write(data.path("dump.rdb"), bad).expect("it can be written");
        refused(&data, &[], "dump.rdb");
        refused(&data, &LOG, "dump.rdb");
    }
}

#[test]
fn a_torn_end_is_dropped_and_counted_and_the_middle_is_not() {
    let data = Folder::new();
    let (server, mut ann) = start(&data, &LOG);
    ann.ask("SET k v");
    ann.ask("SET l w");
    end(server, Signal::KILL);
    let incr = data.path("appendonlydir/appendonly.aof.1.incr.aof");
    let good = std::fs::read(&incr).expect("it is there");
    let half = &b"*3\r\n$3\r\nSET\r\n$1\r\nm\r\n$1\r\n"[..];
    for tail in [half, &[0; 700]] {
        std::fs::write(&incr, [&good, tail].concat()).expect("it can be written");
        let log = [&LOG[..], &["--aof-load-truncated", "no"]].concat();
        refused(&data, &log, "redis-check-aof --fix");
        let (server, mut ann) = start(&data, &LOG);
        assert_eq!(ann.ask("DBSIZE"), "2");
        end(server, Signal::KILL);
        assert_eq!(std::fs::read(&incr).expect("it is there"), good, "it is cut off");
    }
    let mut flipped = good.clone();
    let at = good.windows(3).position(|word| word == b"SET").expect("there is one");
    flipped[at - 3] = b'x';
    std::fs::write(&incr, flipped).expect("it can be written");
    refused(&data, &LOG, "Bad file format reading the append only file");
}

#[test]
fn two_servers_do_not_save_into_one_file() {
    let data = Folder::new();
    let saves = ["--save", "900 1"];
    let (server, mut ann) = start(&data, &saves);
    ann.ask("SET k v");
    refused(&data, &saves, "Another server saves to");
    // Who never saves needs no lock, until it does.
    let other =
        arguments(&data, &["--save", "", "--unixsocket", "t", "--enable-protected-configs", "yes"]);
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    let _other = Server::start(&other);
    let mut bob = Session::connect(&data.path("t"));
    assert!(bob.ask("SAVE").starts_with("ERR"), "it would overwrite another's");
    assert_eq!(bob.ask("CONFIG SET dbfilename other.rdb"), "OK");
    assert_eq!(bob.ask("SAVE"), "OK");
    assert_eq!(ann.ask("SAVE"), "OK");
    end(server, Signal::KILL);
    let (_server, mut ann) = start(&data, &saves);
    assert_eq!(ann.ask("GET k"), "v", "a killed server leaves no lock");
}

#[test]
fn all_is_loaded_although_it_is_more_than_may_be() {
    let data = Folder::new();
    let (server, mut ann) = start(&data, &LOG);
    let value = "x".repeat(20_000);
    for n in 0..300 {
        ann.ask(&format!("SET k:{n} {value}"));
    }
    end(server, Signal::KILL);
    let small = [&LOG[..], &["--maxmemory", "3mb"]].concat();
    let (_server, mut ann) = start(&data, &small);
    assert_eq!(ann.ask("DBSIZE"), "300");
    assert!(ann.ask("SET m v").starts_with("OOM"));
}

#[test]
fn a_snapshot_that_is_newer_than_a_log_of_before_is_not_forgotten() {
    let data = Folder::new();
    let (server, mut ann) = start(&data, &LOG);
    assert_eq!(ann.ask("SET k old"), "OK");
    end(server, Signal::KILL);
    // The log is off for a while.
    let (server, mut ann) = start(&data, &["--save", ""]);
    assert_eq!(ann.ask("SET k new"), "OK");
    assert_eq!(ann.ask("SAVE"), "OK");
    end(server, Signal::KILL);
    refused(&data, &LOG, "dump.rdb was saved while the AOF was off");
    // As the text says.
    std::fs::rename(data.path("appendonlydir"), data.path("away")).expect("it is there");
    let (server, mut ann) = start(&data, &LOG);
    assert_eq!(ann.ask("GET k"), "new");
    // The log begins with that snapshot, and is not older.
    assert_eq!(ann.ask("SET k newer"), "OK");
    end(server, Signal::KILL);
    let (server, mut ann) = start(&data, &LOG);
    assert_eq!(ann.ask("GET k"), "newer");
    // One that is saved beside the log says nothing against it.
    assert_eq!(ann.ask("SAVE"), "OK");
    end(server, Signal::KILL);
    let (_server, mut ann) = start(&data, &LOG);
    assert_eq!(ann.ask("GET k"), "newer");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_and_a_save_into_it_fails() {
    use std::os::unix::fs::PermissionsExt;
    let data = Folder::new();
    let (server, mut ann) = start(&data, &LOG);
    assert_eq!(ann.ask("SET k v"), "OK");
    end(server, Signal::KILL);
    let closed = |is_closed: bool| {
        let mode = if is_closed { 0o555 } else { 0o755 };
        for dir in [data.path("appendonlydir"), data.path("")] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(dir, mode).expect("it is ours");
        }
    };
    closed(true);
    // Whoever may do anything is not kept out by a mode.
    let is_root = std::fs::write(data.path("appendonlydir/probe"), "").is_ok();
    if is_root {
        std::fs::remove_file(data.path("appendonlydir/probe")).expect("it was just made");
    } else {
        refused(&data, &LOG, "Permission denied");
    }
    closed(false);
    // A file where the directory should be keeps everybody out.
    let other = Folder::new();
    other.write("appendonlydir", "a file");
    refused(&other, &LOG, "appendonlydir");
    let (_server, mut ann) = start(&data, &LOG);
    assert_eq!(ann.ask("GET k"), "v");
}

#[test]
fn a_value_of_512_megabytes_is_saved_logged_and_loaded() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    const BYTES: usize = 512 << 20;
    let data = Folder::new();
    let (server, mut ann) = start(&data, &LOG);
    // The last byte makes it as long as it may be.
    assert_eq!(ann.ask(&format!("SETRANGE k {} x", BYTES - 1)), BYTES.to_string());
    assert_eq!(ann.ask("SET l after"), "OK");
    end(server, Signal::KILL);
    let (server, mut ann) = start(&data, &LOG);
    until("it has loaded", || !ann.ask("STRLEN k").contains("LOADING"));
    assert_eq!(ann.ask("STRLEN k"), BYTES.to_string());
    rewritten(&mut ann);
    assert_eq!(ann.ask("SAVE"), "OK");
    end(server, Signal::KILL);
    for more in [&LOG[..], &["--save", ""]] {
        let (server, mut ann) = start(&data, more);
        until("it has loaded", || !ann.ask("STRLEN k").contains("LOADING"));
        assert_eq!(ann.ask("STRLEN k"), BYTES.to_string());
        assert_eq!(ann.ask("MGET l"), "after");
        assert_eq!(ann.ask(&format!("GETRANGE k {} -1", BYTES - 2)), "\0x");
        end(server, Signal::KILL);
    }
}

#[test]
fn overwrites_during_a_slow_save_do_not_fill_the_memory() {
    const KEYS: u64 = 400;
    const BYTES: u64 = 512 << 10;
    let data = Folder::new();
    let slowly = ["--save", "", "--rdb-key-save-delay", "2000", "--rdbcompression", "no"];
    let (server, mut ann) = start(&data, &[&slowly[..], &["--io-threads", "1"]].concat());
    for n in 0..KEYS {
        assert_eq!(ann.ask(&format!("SETRANGE k:{n} {} x", BYTES - 1)), BYTES.to_string());
    }
    let memory = |ann: &mut Session| -> u64 {
        let info = ann.ask("INFO memory");
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|n| n.trim().parse().ok()).expect("a number")
    };
    let before = memory(&mut ann);
    assert_eq!(ann.ask("BGSAVE"), "Background saving started");
    let mut most = 0;
    for n in 0..KEYS {
        assert_eq!(ann.ask(&format!("SETRANGE k:{n} 0 y")), BYTES.to_string());
        most = most.max(memory(&mut ann));
    }
    // What waits, what is being written, and buffers; without a bound it would be 200 MiB.
    let more = most.saturating_sub(before) >> 20;
    assert!(more < 100, "{more} MiB");
    end(server, Signal::KILL);
}
