//! A set of 50 million members is removed: how long other clients wait meanwhile.
//!
//! Nobody should notice that a value was large, whether it goes by DEL or by UNLINK. One connection
//! alternates PING and GET as fast as it is answered, from before the removal until the memory is
//! back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::memory::text;
use super::server::Server;
use super::wire::{Connection, Reply};
use super::{Setup, at_share};

const MEMBERS: usize = 50_000_000;
const MEMBERS_PER_REQUEST: usize = 100;

/// A server that has not given the memory back by then is told so in the table.
const LIMIT: Duration = Duration::from_secs(120);

/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(20);

/// The most that the slowest of a thousand other commands may take.
const BUDGET: Duration = Duration::from_millis(2);

struct Outcome {
    /// Until the command was answered.
    answered_after: Duration,
    freed_after: Option<Duration>,
    /// Round trips meanwhile, ascending.
    latencies: Vec<Duration>,
}

pub(crate) fn run(setup: &Setup) -> Result<()> {
    let members = MEMBERS / setup.shrink;
    println!("\na set of {members} members is removed; PING and GET meanwhile");
    println!(
        "{:<14} {:>11} {:>8} {:>8} {:>8} {:>10} {:>10}",
        "server", "answered ms", "freed s", "p50 µs", "p99 µs", "p99.9 µs", "max µs"
    );
    for command in ["UNLINK", "DEL"] {
        for (name, program) in [("peer", &setup.peer), ("ours", &setup.ours)] {
            let outcome = remove(program, command, members)?;
            let freed = match outcome.freed_after {
                Some(after) => format!("{:.2}", after.as_secs_f64()),
                None => format!("> {}", LIMIT.as_secs()),
            };
            let at = |share: f64| at_share(&outcome.latencies, share);
            let us = |time: Duration| time.as_secs_f64() * 1e6;
            println!(
                "{:<14} {:>11.1} {freed:>8} {:>8.0} {:>8.0} {:>10.0} {:>10.0} {}",
                format!("{name} {command}"),
                outcome.answered_after.as_secs_f64() * 1e3,
                us(at(0.5)),
                us(at(0.99)),
                us(at(0.999)),
                us(at(1.0)),
                match name {
                    "ours" if at(0.999) <= BUDGET => "met",
                    "ours" => "MISSED",
                    _ => "",
                }
            );
        }
    }
    Ok(())
}

fn remove(program: &Path, command: &str, members: usize) -> Result<Outcome> {
    let mut server = Server::start(program, 1, None)?;
    server.connection().call(&[b"SET", b"stays", b"here"])?;
    let before = server.connection().info("memory", "used_memory")?;
    server.connection().pipeline(members / MEMBERS_PER_REQUEST, |n, connection| {
        let first = n * MEMBERS_PER_REQUEST;
        let texts: Vec<Vec<u8>> =
            (first..first + MEMBERS_PER_REQUEST).map(|n| text(n, 1, 16)).collect();
        let mut words: Vec<&[u8]> = vec![b"SADD", b"set"];
        words.extend(texts.iter().map(|text| &text[..]));
        connection.add(&words);
    })?;
    let full = server.connection().info("memory", "used_memory")?;
    ensure!(full > before + members as u64 * 16, "{members} members take memory");

    let mut client = Connection::open(server.port())?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| -> Result<Vec<Duration>> {
            let mut latencies = Vec::new();
            while !is_over.load(Relaxed) {
                for request in [&[b"PING".as_slice()][..], &[b"GET", b"stays"]] {
                    let sent = Instant::now();
                    client.call(request)?;
                    latencies.push(sent.elapsed());
                }
            }
            Ok(latencies)
        });
        let watched = watch(&mut server, command, (before + full) / 2);
        is_over.store(true, Relaxed);
        let mut latencies = load.join().expect("the load does not panic")?;
        latencies.sort();
        let (answered_after, freed_after) = watched?;
        Ok(Outcome { answered_after, freed_after, latencies })
    })
}

/// Removes the set, and waits until half of its memory is back, and as long again.
fn watch(server: &mut Server, command: &str, half: u64) -> Result<(Duration, Option<Duration>)> {
    let start = Instant::now();
    let reply = server.connection().call(&[command.as_bytes(), b"set"])?;
    ensure!(reply == Reply::Integer(1), "{command} answers {reply:?}");
    let answered_after = start.elapsed();
    while start.elapsed() < LIMIT {
        std::thread::sleep(LOOK);
        if server.connection().info("memory", "used_memory")? < half {
            let half_after = start.elapsed();
            std::thread::sleep(half_after);
            return Ok((answered_after, Some(2 * half_after)));
        }
    }
    Ok((answered_after, None))
}
