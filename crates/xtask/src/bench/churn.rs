//! Connections that come and go, ten thousand a second for a minute, beside a steady load: how long
//! its clients wait.
//!
//! A visitor connects, says PING, reads the answer and closes. Some threads send visitors on a
//! schedule, so a server that is slow to accept does not slow the schedule down; how many came is in
//! the table. Visitors come from many addresses of the loopback network: closed connections keep
//! their ports for a while. The steady clients alternate SET and GET with a pause between, at about
//! four thousand requests a second together.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::server::Server;
use super::wire::Connection;
use super::{Budget, Setup, at_share};

const VISITS_PER_S: u32 = 10_000;
const SENDERS: u32 = 12;
const TIME: Duration = Duration::from_secs(60);

const STEADY_CLIENTS: usize = 4;
/// Between two requests of one of them.
const PAUSE: Duration = Duration::from_millis(1);

const P99_MS: Budget = Budget::AtMost(5.0);

struct Outcome {
    visits_per_s: f64,
    refused: u64,
    /// Round trips of the steady clients, ascending.
    latencies: Vec<Duration>,
}

pub(crate) fn run(setup: &Setup, workers: usize) -> Result<()> {
    let time = TIME / setup.shrink as u32;
    println!(
        "\n{VISITS_PER_S} connections a second for {} s; SET and GET meanwhile",
        time.as_secs()
    );
    println!(
        "{:<6} {:>10} {:>8} {:>8} {:>8} {:>9} {:>8}",
        "server", "visits/s", "failed", "p50 µs", "p99 µs", "p99.9 µs", "max µs"
    );
    for (name, program, threads) in [("peer", &setup.peer, 1), ("ours", &setup.ours, workers)] {
        let outcome = churn(program, threads, time)?;
        let at = |share: f64| at_share(&outcome.latencies, share).as_secs_f64() * 1e6;
        println!(
            "{name:<6} {:>10.0} {:>8} {:>8.0} {:>8.0} {:>9.0} {:>8.0}",
            outcome.visits_per_s,
            outcome.refused,
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
        if name == "ours" {
            println!("p99 of others, ms: {}", P99_MS.judge(at(0.99) / 1000.0));
            let least = Budget::AtLeast(f64::from(VISITS_PER_S) * 0.99);
            println!("visits a second:   {}", least.judge(outcome.visits_per_s));
        }
    }
    Ok(())
}

fn churn(program: &Path, threads: usize, time: Duration) -> Result<Outcome> {
    let server = Server::start(program, threads, None)?;
    let port = server.port();
    let (visits, refused, is_over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let began = Instant::now();
    let latencies = thread::scope(|scope| -> Result<Vec<Duration>> {
        let steady: Vec<_> = (0..STEADY_CLIENTS)
            .map(|n| {
                let is_over = &is_over;
                scope.spawn(move || steady(port, n, is_over))
            })
            .collect();
        let senders: Vec<_> = (0..SENDERS)
            .map(|n| {
                let (visits, refused) = (&visits, &refused);
                scope.spawn(move || send_visitors(port, n, began, time, visits, refused))
            })
            .collect();
        for sender in senders {
            sender.join().expect("a sender counts what fails");
        }
        is_over.store(true, Relaxed);
        let mut all = Vec::new();
        for client in steady {
            all.extend(client.join().expect("a steady client returns its errors")?);
        }
        Ok(all)
    });
    let seconds = began.elapsed().as_secs_f64();
    let mut latencies = latencies?;
    latencies.sort();
    let visits_per_s = visits.load(Relaxed) as f64 / seconds;
    Ok(Outcome { visits_per_s, refused: refused.load(Relaxed), latencies })
}

fn steady(port: u16, n: usize, is_over: &AtomicBool) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(port)?;
    let key = format!("steady:{n}");
    let requests: [&[&[u8]]; 2] = [&[b"SET", key.as_bytes(), b"value"], &[b"GET", key.as_bytes()]];
    let mut latencies = Vec::new();
    for request in requests.into_iter().cycle() {
        if is_over.load(Relaxed) {
            break;
        }
        let sent = Instant::now();
        connection.call(request)?;
        latencies.push(sent.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(latencies)
}

/// One sender's share of the visits, each at its moment or as soon after it as can be.
fn send_visitors(
    port: u16,
    sender: u32,
    began: Instant,
    time: Duration,
    visits: &AtomicU64,
    refused: &AtomicU64,
) {
    let step = Duration::from_secs(1) * SENDERS / VISITS_PER_S;
    let count = (time.as_nanos() / step.as_nanos()) as u32;
    for n in 0..count {
        let moment = began + step * n + step * sender / SENDERS;
        if let Some(wait) = moment.checked_duration_since(Instant::now()) {
            thread::sleep(wait);
        }
        match visit(port, sender, n) {
            Ok(()) => visits.fetch_add(1, Relaxed),
            Err(_) => refused.fetch_add(1, Relaxed),
        };
    }
}

fn visit(port: u16, sender: u32, n: u32) -> Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    let from = SocketAddr::from(([127, 1, sender as u8, (n % 250) as u8 + 1], 0));
    bind(&socket, &from)?;
    connect(&socket, &SocketAddr::from(([127, 0, 0, 1], port)))?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).context("the answer of a visitor")?;
    anyhow::ensure!(&answer == b"+PONG\r\n", "a visitor is answered {answer:?}");
    Ok(())
}
