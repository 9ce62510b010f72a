//! Overwrites at full speed while the data set is saved: what memory it takes, who waits and how long.
//!
//! ```text
//!   fill ─► steady: the load alone ─► BGSAVE under load ─► appendonly yes ─► steady ─► BGREWRITEAOF
//!        ─► SAVE and DEBUG RELOAD without load
//! ```
//!
//! The load is one thread with 50 connections, each with one request under way: it sends to all of
//! them, then reads from all of them. A round trip so takes along the reading of those before it,
//! some microseconds, on both servers alike.
//!
//! A fork's memory is the child's: the peer tells of it in `rdb_last_cow_size`, which is added to the
//! growth of its own resident memory.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use base::random::Random;

use super::memory::text;
use super::server::Server;
use super::wire::{Connection, Reply};
use super::{Budget, Setup, at_share};

const CLIENTS: usize = 50;
const VALUE_BYTES: usize = 512;
/// Of each large value.
const ELEMENTS: usize = 1_000_000;
/// One element with its key, about, over the four of them.
const ELEMENT_BYTES: usize = 48;
const LOOK: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(600);

const EXTRA_MEMORY: Budget = Budget::AtMost(5.0);
const STALL_MS: Budget = Budget::AtMost(10.0);
const P999: Budget = Budget::AtMost(2.0);
const THROUGHPUT: Budget = Budget::AtLeast(0.8);
const SPEED: Budget = Budget::AtLeast(1.5);

struct Data {
    strings: usize,
    elements: usize,
}

/// Round trips of a stretch of time.
struct Stretch {
    latencies: Vec<Duration>,
    took: Duration,
    /// Resident memory at its beginning and the most of it meanwhile.
    resident: (u64, u64),
}

impl Stretch {
    fn at(&self, share: f64) -> f64 {
        at_share(&self.latencies, share).as_secs_f64() * 1e3
    }

    fn per_s(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }
}

/// What one server did.
struct Outcome {
    stretches: Vec<(&'static str, Stretch, Option<u64>)>,
    data_bytes: u64,
    save: Duration,
    load: Duration,
    file_bytes: u64,
}

pub(crate) fn run(setup: &Setup, size_mib: usize, workers: usize) -> Result<()> {
    let elements = ELEMENTS / setup.shrink;
    let bytes = size_mib << 20;
    let strings = bytes.saturating_sub(4 * elements * ELEMENT_BYTES) / (VALUE_BYTES + 16);
    let data = Data { strings, elements };
    println!(
        "\n{size_mib} MiB: {strings} strings of {VALUE_BYTES} bytes, a hash, a set, a sorted set and a \
         list of {elements} elements; {CLIENTS} clients overwrite"
    );
    let peer = measure(setup, &setup.peer, 1, &data)?;
    let ours = measure(setup, &setup.ours, workers, &data)?;
    println!(
        "{:<5} {:<14} {:>8} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "", "while", "s", "cmd/s", "p50 ms", "p99 ms", "p99.9", "worst ms", "extra MiB"
    );
    for (name, outcome) in [("peer", &peer), ("ours", &ours)] {
        for (what, stretch, extra) in &outcome.stretches {
            println!(
                "{name:<5} {what:<14} {:>8.2} {:>9.0} {:>8.2} {:>8.2} {:>8.2} {:>9.2} {:>9}",
                stretch.took.as_secs_f64(),
                stretch.per_s(),
                stretch.at(0.5),
                stretch.at(0.99),
                stretch.at(0.999),
                stretch.at(1.0),
                extra.map_or("–".to_owned(), |bytes| (bytes >> 20).to_string()),
            );
        }
    }
    for pair in ours.stretches.chunks_exact(2) {
        let [(_, steady, _), (what, during, extra)] = pair else { unreachable!("pairs") };
        let extra = extra.unwrap_or(0) as f64 * 100.0 / ours.data_bytes as f64;
        println!("{what}: extra memory, %      {}", EXTRA_MEMORY.judge(extra));
        println!("{what}: longest stall, ms    {}", STALL_MS.judge(during.at(1.0)));
        println!(
            "{what}: p99.9 to steady      {}",
            P999.judge(during.at(0.999) / steady.at(0.999))
        );
        println!(
            "{what}: throughput to steady {}",
            THROUGHPUT.judge(during.per_s() / steady.per_s())
        );
    }
    let mib_s = |outcome: &Outcome, took: Duration| {
        outcome.data_bytes as f64 / f64::from(1 << 20) / took.as_secs_f64()
    };
    for (name, outcome) in [("peer", &peer), ("ours", &ours)] {
        println!(
            "{name:<5} file of {} MiB, data set of {} MiB in memory; SAVE {:.2} s, load {:.2} s, {:.0} \
             and {:.0} MiB of data a second",
            outcome.file_bytes >> 20,
            outcome.data_bytes >> 20,
            outcome.save.as_secs_f64(),
            outcome.load.as_secs_f64(),
            mib_s(outcome, outcome.save),
            mib_s(outcome, outcome.load),
        );
    }
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("save speed: {}", SPEED.judge(ratio(peer.save, ours.save)));
    println!("load speed: {}", SPEED.judge(ratio(peer.load, ours.load)));
    Ok(())
}

fn measure(setup: &Setup, program: &Path, threads: usize, data: &Data) -> Result<Outcome> {
    let options = ["--auto-aof-rewrite-percentage", "0", "--rdbcompression", "no"];
    let mut server = Server::start_with(program, threads, None, &options)?;
    let empty = server.resident_bytes()?;
    fill(&mut server, data)?;
    let data_bytes = server.resident_bytes()? - empty;
    let port = server.port();
    let mut stretches = Vec::new();
    let window = setup.window;
    let rests = |_: &mut Server| -> Result<()> {
        std::thread::sleep(window);
        Ok(())
    };
    stretches.push(("steady", under_load(&mut server, port, data, rests)?, None));
    let saved = under_load(&mut server, port, data, |server| {
        wait(server, b"BGSAVE", "rdb_bgsave_in_progress")
    })?;
    ensure!(status(&mut server, "rdb_last_bgsave_status")? == "ok", "BGSAVE failed");
    let extra = extra(&mut server, &saved, "rdb_last_cow_size")?;
    stretches.push(("BGSAVE", saved, Some(extra)));
    server.connection().call(&[b"CONFIG", b"SET", b"appendonly", b"yes"])?;
    ended(&mut server, "aof_rewrite_in_progress")?;
    stretches.push(("steady, AOF", under_load(&mut server, port, data, rests)?, None));
    let rewritten = under_load(&mut server, port, data, |server| {
        wait(server, b"BGREWRITEAOF", "aof_rewrite_in_progress")
    })?;
    ensure!(status(&mut server, "aof_last_bgrewrite_status")? == "ok", "BGREWRITEAOF failed");
    let extra = self::extra(&mut server, &rewritten, "aof_last_cow_size")?;
    stretches.push(("BGREWRITEAOF", rewritten, Some(extra)));
    server.connection().call(&[b"CONFIG", b"SET", b"appendonly", b"no"])?;
    let timed = |server: &mut Server, words: &[&[u8]]| -> Result<Duration> {
        let began = Instant::now();
        server.connection().call(words)?;
        Ok(began.elapsed())
    };
    let save = timed(&mut server, &[b"SAVE"])?;
    let file_bytes = fs::metadata(server.dir().join("dump.rdb"))?.len();
    let load = timed(&mut server, &[b"DEBUG", b"RELOAD", b"NOSAVE"])?;
    Ok(Outcome { stretches, data_bytes, save, load, file_bytes })
}

fn fill(server: &mut Server, data: &Data) -> Result<()> {
    const PER_REQUEST: usize = 20;
    server.connection().pipeline(data.strings, |n, connection| {
        connection.add(&[b"SET", &key(n), &text(n, 2, VALUE_BYTES)]);
    })?;
    for name in ["hash", "set", "zset", "list"] {
        server.connection().pipeline(data.elements / PER_REQUEST, |n, connection| {
            let mut words = vec![verb(name).to_vec(), name.as_bytes().to_vec()];
            for n in n * PER_REQUEST..(n + 1) * PER_REQUEST {
                element(name, n, n, &mut words);
            }
            connection.add(&words.iter().map(|word| &word[..]).collect::<Vec<_>>());
        })?;
    }
    Ok(())
}

fn key(n: usize) -> Vec<u8> {
    text(n, 1, 16)
}

fn verb(name: &str) -> &'static [u8] {
    match name {
        "hash" => b"HSET",
        "set" => b"SADD",
        "zset" => b"ZADD",
        _ => b"RPUSH",
    }
}

/// Element `n` of a large value, in its version `salt`.
fn element(name: &str, n: usize, salt: usize, words: &mut Vec<Vec<u8>>) {
    match name {
        "hash" => words.extend([text(n, 3, 16), text(salt, 4, 16)]),
        "zset" => words.extend([(salt % 1_000_000).to_string().into_bytes(), text(n, 3, 16)]),
        _ => words.push(text(n, 3, 16)),
    }
}

/// One write, to a string mostly: one in ten is to a large value.
fn write(data: &Data, random: &mut Random, connection: &mut Connection) {
    let mut at = |count: usize| random.below(count.max(1) as u64) as usize;
    match at(40) {
        0 => {
            let mut words = vec![b"HSET".to_vec(), b"hash".to_vec()];
            element("hash", at(data.elements), at(1 << 30), &mut words);
            connection.add(&words.iter().map(|word| &word[..]).collect::<Vec<_>>());
        }
        1 => {
            let mut words = vec![b"ZADD".to_vec(), b"zset".to_vec()];
            element("zset", at(data.elements), at(1 << 30), &mut words);
            connection.add(&words.iter().map(|word| &word[..]).collect::<Vec<_>>());
        }
        2 => connection.add(&[b"SADD", b"set", &text(at(data.elements * 2), 3, 16)]),
        3 => {
            let index = at(data.elements).to_string();
            connection.add(&[b"LSET", b"list", index.as_bytes(), &text(at(1 << 30), 4, 16)]);
        }
        _ => connection.add(&[b"SET", &key(at(data.strings)), &text(at(1 << 30), 2, VALUE_BYTES)]),
    }
}

/// Runs `act` while the load overwrites.
fn under_load(
    server: &mut Server,
    port: u16,
    data: &Data,
    act: impl FnOnce(&mut Server) -> Result<()>,
) -> Result<Stretch> {
    const WARM_UP: Duration = Duration::from_millis(500);
    let (is_on, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let most = &AtomicU64::new(0);
    let process = server.id();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| overwrite(port, data, &is_on, &is_over));
        let look = scope.spawn(|| -> Result<()> {
            while !is_over.load(Relaxed) {
                most.fetch_max(super::server::resident_bytes(process)?, Relaxed);
                std::thread::sleep(LOOK);
            }
            Ok(())
        });
        std::thread::sleep(WARM_UP);
        let before = server.resident_bytes();
        is_on.store(true, Relaxed);
        let began = Instant::now();
        let acted = act(server);
        let took = began.elapsed();
        is_over.store(true, Relaxed);
        let mut latencies = load.join().expect("the load does not panic")?;
        look.join().expect("looking does not panic")?;
        acted?;
        ensure!(!latencies.is_empty(), "no load reached the server");
        latencies.sort();
        Ok(Stretch { latencies, took, resident: (before?, most.load(Relaxed)) })
    })
}

fn overwrite(
    port: u16,
    data: &Data,
    is_on: &AtomicBool,
    is_over: &AtomicBool,
) -> Result<Vec<Duration>> {
    let mut random = Random::from_seed(u64::from(port));
    let mut clients: Vec<Connection> =
        (0..CLIENTS).map(|_| Connection::open(port)).collect::<Result<_>>()?;
    let mut sent = [Instant::now(); CLIENTS];
    let mut latencies = Vec::new();
    while !is_over.load(Relaxed) {
        let counts = is_on.load(Relaxed);
        for (client, sent) in clients.iter_mut().zip(&mut sent) {
            write(data, &mut random, client);
            *sent = Instant::now();
            client.send()?;
        }
        for (client, sent) in clients.iter_mut().zip(&sent) {
            client.reply()?;
            if counts {
                latencies.push(sent.elapsed());
            }
        }
    }
    Ok(latencies)
}

/// Begins something in the background, and waits for its end.
fn wait(server: &mut Server, command: &[u8], field: &str) -> Result<()> {
    let reply = server.connection().call(&[command])?;
    ensure!(matches!(reply, Reply::Status(_)), "it answers {reply:?}");
    ended(server, field)
}

fn ended(server: &mut Server, field: &str) -> Result<()> {
    let began = Instant::now();
    while server.connection().info("persistence", field)? != 0 {
        ensure!(began.elapsed() < LIMIT, "{field} does not end");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn status(server: &mut Server, field: &str) -> Result<String> {
    let reply = server.connection().call(&[b"INFO", b"persistence"])?;
    let Reply::Bulk(Some(info)) = reply else { bail!("INFO answers {reply:?}") };
    let info = String::from_utf8_lossy(&info).into_owned();
    let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    Ok(line.unwrap_or_default().to_owned())
}

/// How much more memory was used at most: by the server, and by a child that it had.
fn extra(server: &mut Server, stretch: &Stretch, cow: &str) -> Result<u64> {
    let (before, most) = stretch.resident;
    let own = most.saturating_sub(before);
    Ok(own + server.connection().info("persistence", cow).unwrap_or(0))
}
