//! A million keys that expire at the same moment: how long until they are gone, and how long other
//! clients wait meanwhile.
//!
//! Expired keys must go without being asked for, and without a pause anyone notices. One connection
//! alternates PING and GET of a key that stays, as fast as it is answered; another asks DBSIZE.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use super::memory::text;
use super::server::Server;
use super::wire::Connection;
use super::{Budget, Setup, at_share};

const KEYS: usize = 1_000_000;

/// Between the first PEXPIREAT and the moment it names: enough to send them all.
const LEAD: Duration = Duration::from_secs(8);

/// A server that has not finished by then is told so in the table.
const LIMIT: Duration = Duration::from_secs(120);

/// Between two looks at DBSIZE.
const LOOK: Duration = Duration::from_millis(5);

const GONE_S: Budget = Budget::AtMost(2.0);
const P99_MS: Budget = Budget::AtMost(5.0);

struct Outcome {
    gone_after: Option<Duration>,
    /// Round trips while keys were expiring, ascending.
    latencies: Vec<Duration>,
}

pub(crate) fn run(setup: &Setup) -> Result<()> {
    let keys = KEYS / setup.shrink;
    println!("\n{keys} keys with the same moment of expiry; PING and GET meanwhile");
    println!(
        "{:<6} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "server", "gone s", "p50 µs", "p99 µs", "p99.9 µs", "max µs"
    );
    for (name, program) in [("peer", &setup.peer), ("ours", &setup.ours)] {
        let outcome = expire(program, keys)?;
        let gone = match outcome.gone_after {
            Some(after) => format!("{:.2}", after.as_secs_f64()),
            None => format!("> {}", LIMIT.as_secs()),
        };
        let at = |share: f64| at_share(&outcome.latencies, share).as_secs_f64() * 1e6;
        println!(
            "{name:<6} {gone:>10} {:>10.0} {:>10.0} {:>10.0} {:>10.0}",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
        if name == "ours" {
            let gone_s = outcome.gone_after.unwrap_or(LIMIT).as_secs_f64();
            println!("all gone, s:      {}", GONE_S.judge(gone_s));
            println!("p99 of others, ms: {}", P99_MS.judge(at(0.99) / 1000.0));
        }
    }
    Ok(())
}

fn expire(program: &Path, keys: usize) -> Result<Outcome> {
    let mut server = Server::start(program, 1, None)?;
    server.connection().pipeline(keys, |n, connection| {
        connection.add(&[b"SET", &text(n, 1, 16), &text(n, 2, 16)]);
    })?;
    let moment = SystemTime::now() + LEAD;
    let moment_ms = moment.duration_since(UNIX_EPOCH)?.as_millis().to_string();
    server.connection().pipeline(keys, |n, connection| {
        connection.add(&[b"PEXPIREAT", &text(n, 1, 16), moment_ms.as_bytes()]);
    })?;
    server.connection().call(&[b"SET", b"stays", b"here"])?;
    let wait = moment.duration_since(SystemTime::now());
    ensure!(wait.is_ok(), "setting {keys} expiry times took longer than {LEAD:?}");
    let stored = server.dbsize()?;
    ensure!(stored == keys as i64 + 1, "{stored} keys of {} are there", keys + 1);
    std::thread::sleep(wait?);

    let mut client = Connection::open(server.port())?;
    let start = Instant::now();
    let mut next_look = start;
    let mut outcome = Outcome { gone_after: None, latencies: Vec::new() };
    while outcome.gone_after.is_none() && start.elapsed() < LIMIT {
        for request in [&[b"PING".as_slice()][..], &[b"GET", b"stays"]] {
            let sent = Instant::now();
            client.call(request)?;
            outcome.latencies.push(sent.elapsed());
        }
        if Instant::now() >= next_look {
            next_look = Instant::now() + LOOK;
            if server.dbsize()? == 1 {
                outcome.gone_after = Some(start.elapsed());
            }
        }
    }
    outcome.latencies.sort();
    Ok(outcome)
}
