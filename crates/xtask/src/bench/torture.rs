//! What `maxmemory` is worth under torture: how far used memory is above it, while everything that
//! takes memory at once is done to a cache that is full.
//!
//! | who | what |
//! |---|---|
//! | slow subscribers | read a hundredth of what they are told, and come again when they are cut off |
//! | large replies | ask for many values of a MiB, and read them later |
//! | pipelines | SET of new keys, hundreds at a time |
//! | churn | SET of keys that live for a moment |
//!
//! A look is one INFO, so what it sees is what a client may see: `used_memory` less what the server
//! says is not counted, beside `maxmemory`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::memory::text;
use super::server::Server;
use super::wire::Connection;
use super::workload::CHANNEL;
use super::{Budget, Setup, at_share};

const MAX_BYTES: u64 = 256 << 20;
const TIME: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

const SLOW_SUBSCRIBERS: usize = 10;
const MESSAGE_BYTES: usize = 16 << 10;
const LARGE: usize = 20;
const LARGE_BYTES: usize = 1 << 20;
const PIPELINE: usize = 500;

const OVER_PERCENT: Budget = Budget::AtMost(2.0);

/// Done to the server at this port by the nth of its kind, until it is over or cannot go on.
type Torment = fn(u16, usize, &AtomicBool);

struct Outcome {
    /// Of `maxmemory`, in each look; ascending. Below zero: under it.
    over_percent: Vec<f64>,
    evicted: u64,
}

pub(crate) fn run(setup: &Setup, workers: usize) -> Result<()> {
    let time = TIME / setup.shrink as u32;
    println!("\nmaxmemory {} MiB, allkeys-lru, {} s of torture", MAX_BYTES >> 20, time.as_secs());
    println!(
        "{:<6} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "server", "looks", "p50 %", "p99 %", "max %", "evicted"
    );
    for (name, program, threads) in [("peer", &setup.peer, 1), ("ours", &setup.ours, workers)] {
        let outcome = torture(program, threads, time)?;
        let over = &outcome.over_percent;
        let at = |share: f64| at_share(over, share);
        println!(
            "{name:<6} {:>7} {:>9.2} {:>9.2} {:>9.2} {:>9}",
            over.len(),
            at(0.5),
            at(0.99),
            at(1.0),
            outcome.evicted
        );
        if name == "ours" {
            println!("most above maxmemory, %: {}", OVER_PERCENT.judge(at(1.0)));
        }
    }
    Ok(())
}

fn torture(program: &Path, threads: usize, time: Duration) -> Result<Outcome> {
    let max = MAX_BYTES.to_string();
    let options = ["--maxmemory", &max, "--maxmemory-policy", "allkeys-lru"];
    let mut server = Server::start_with(program, threads, None, &options)?;
    let port = server.port();
    let keys = MAX_BYTES as usize / 200;
    server.connection().pipeline(keys, |n, connection| {
        connection.add(&[b"SET", &text(n, 1, 16), &text(n, 2, 100)]);
    })?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| -> Result<Outcome> {
        let tormentors: [(usize, Torment); 5] = [
            (SLOW_SUBSCRIBERS, subscribe_slowly),
            (1, publish),
            (4, ask_for_much),
            (2, fill),
            (2, churn),
        ];
        for (count, torment) in tormentors {
            for n in 0..count {
                let is_over = &is_over;
                scope.spawn(move || {
                    while !is_over.load(Relaxed) {
                        torment(port, n, is_over);
                    }
                });
            }
        }
        let looked = look(&mut server, time);
        is_over.store(true, Relaxed);
        looked
    })
}

fn look(server: &mut Server, time: Duration) -> Result<Outcome> {
    let began = Instant::now();
    let mut over_percent = Vec::new();
    while began.elapsed() < time {
        let connection = server.connection();
        let used = connection.info("memory", "used_memory")?;
        let uncounted = connection.info("memory", "mem_not_counted_for_evict")?;
        let above = used as f64 - uncounted as f64 - MAX_BYTES as f64;
        over_percent.push(above * 100.0 / MAX_BYTES as f64);
        thread::sleep(LOOK);
    }
    over_percent.sort_by(f64::total_cmp);
    let evicted = server.connection().info("stats", "evicted_keys")?;
    Ok(Outcome { over_percent, evicted })
}

/// A connection whose reads give up after a moment.
fn open(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(1))).ok()?;
    Some(stream)
}

/// Returns when it is cut off.
fn subscribe_slowly(port: u16, _: usize, is_over: &AtomicBool) {
    let Some(mut stream) = open(port) else { return };
    let mut some = [0; 1024];
    let _ = stream.write_all(format!("SUBSCRIBE {CHANNEL}\r\n").as_bytes());
    while !is_over.load(Relaxed) && stream.read(&mut some).is_ok_and(|n| n > 0) {
        thread::sleep(Duration::from_millis(20));
    }
}

fn publish(port: u16, _: usize, is_over: &AtomicBool) {
    let Ok(mut connection) = Connection::open(port) else { return };
    let message = vec![b'm'; MESSAGE_BYTES];
    while !is_over.load(Relaxed) {
        if connection.call(&[b"PUBLISH", CHANNEL.as_bytes(), &message]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Asks for all large values, stores those that were evicted, and reads what it asked for only then.
fn ask_for_much(port: u16, n: usize, is_over: &AtomicBool) {
    let Some(mut stream) = open(port) else { return };
    let value = vec![b'v'; LARGE_BYTES];
    let mut some = vec![0; 1 << 16];
    for round in (0..).take_while(|_| !is_over.load(Relaxed)) {
        let mut requests = Vec::new();
        for large in 0..LARGE {
            requests.extend_from_slice(format!("GET large:{large}\r\n").as_bytes());
        }
        let large = (round + n) % LARGE;
        requests.extend_from_slice(
            format!("*3\r\n$3\r\nSET\r\n${}\r\nlarge:{large}\r\n", large.to_string().len() + 6)
                .as_bytes(),
        );
        requests.extend_from_slice(format!("${LARGE_BYTES}\r\n").as_bytes());
        requests.extend_from_slice(&value);
        requests.extend_from_slice(b"\r\n");
        if stream.write_all(&requests).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
        // Until there is nothing for a while.
        while stream.read(&mut some).is_ok_and(|n| n > 0) {}
    }
}

fn fill(port: u16, n: usize, is_over: &AtomicBool) {
    let Ok(mut connection) = Connection::open(port) else { return };
    for round in (0..).take_while(|_| !is_over.load(Relaxed)) {
        let sent = connection.pipeline(PIPELINE, |i, connection| {
            let key = format!("new:{n}:{}", round * PIPELINE + i);
            connection.add(&[b"SET", key.as_bytes(), &text(i, 2, 100)]);
        });
        if sent.is_err() {
            return;
        }
    }
}

fn churn(port: u16, n: usize, is_over: &AtomicBool) {
    let Ok(mut connection) = Connection::open(port) else { return };
    for round in (0..).take_while(|_| !is_over.load(Relaxed)) {
        let sent = connection.pipeline(50, |i, connection| {
            let key = format!("brief:{n}:{}", round * 50 + i);
            let ms = (20 + (round * 7 + i * 13) % 180).to_string();
            connection.add(&[b"SET", key.as_bytes(), &text(i, 2, 1000), b"PX", ms.as_bytes()]);
        });
        if sent.is_err() {
            return;
        }
    }
}
