//! How often a cache finds what it is asked for: the choice of the keys to evict, beside a peer's.
//!
//! One client reads keys in a Zipf distribution and stores what it did not find, as one does before
//! a database. Both servers get the same requests in the same order and the same `maxmemory`, which
//! holds a part of the keys. A second line gives the peer so much more that it keeps about as many keys
//! as ours: it shows the choice alone, the first also what a key takes.
//!
//! LRU clocks count seconds, ours as Redis's: a run must last some of them, or all keys are alike.

use std::path::Path;

use anyhow::{Result, ensure};
use base::random::Random;

use super::server::Server;
use super::wire::Reply;
use super::{Budget, Setup};

const KEYS: u64 = 500_000;
const EXPONENT: f64 = 0.99;
const VALUE_BYTES: usize = 100;
const LIMIT_BYTES: usize = 32 << 20;
const REQUESTS: usize = 6_000_000;
const BATCH: usize = 256;
const SEED: u64 = 7;

/// Ours may not be below; a thousandth is what two runs differ by.
const BUDGET: Budget = Budget::AtLeast(0.999);

struct Outcome {
    hits: usize,
    requests: usize,
    keys: i64,
}

impl Outcome {
    fn ratio(&self) -> f64 {
        self.hits as f64 / self.requests as f64
    }
}

pub(crate) fn run(setup: &Setup) -> Result<()> {
    let requests = REQUESTS / setup.shrink;
    let zipf = Zipf::new(KEYS, EXPONENT);
    println!(
        "\nGET, and SET of what was not found: {requests} requests, Zipf {EXPONENT} over {KEYS} keys"
    );
    println!(
        "{:<12} {:<14} {:>10} {:>10} {:>12} {:>12}  ours/peer",
        "policy", "limit", "peer", "ours", "keys (peer)", "keys (ours)"
    );
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        let ours = measure(&setup.ours, policy, LIMIT_BYTES, requests, &zipf)?;
        let peer = measure(&setup.peer, policy, LIMIT_BYTES, requests, &zipf)?;
        line(policy, "same memory", &peer, &ours, |ratio| BUDGET.judge(ratio));
        let factor = ours.keys as f64 / peer.keys as f64;
        let raised = (LIMIT_BYTES as f64 * factor) as usize;
        let peer = measure(&setup.peer, policy, raised, requests, &zipf)?;
        line(policy, "about as many", &peer, &ours, |ratio| format!("{ratio:.3}"));
    }
    Ok(())
}

fn line(policy: &str, limit: &str, peer: &Outcome, ours: &Outcome, judge: impl Fn(f64) -> String) {
    println!(
        "{policy:<12} {limit:<14} {:>10.4} {:>10.4} {:>12} {:>12}  {}",
        peer.ratio(),
        ours.ratio(),
        peer.keys,
        ours.keys,
        judge(ours.ratio() / peer.ratio())
    );
}

fn measure(
    program: &Path,
    policy: &str,
    limit_bytes: usize,
    requests: usize,
    zipf: &Zipf,
) -> Result<Outcome> {
    let mut server = Server::start(program, 1, None)?;
    let connection = server.connection();
    // Both begin with what an empty server takes.
    let limit = (limit_bytes as u64 + connection.info("memory", "used_memory")?).to_string();
    for (option, value) in [("maxmemory-policy", policy), ("maxmemory", limit.as_str())] {
        connection.call(&[b"CONFIG", b"SET", option.as_bytes(), value.as_bytes()])?;
    }
    let mut random = Random::from_seed(SEED);
    let value = [b'v'; VALUE_BYTES];
    let mut outcome = Outcome { hits: 0, requests: 0, keys: 0 };
    let mut keys = Vec::with_capacity(BATCH);
    for batch in 0..requests / BATCH {
        keys.clear();
        keys.extend((0..BATCH).map(|_| format!("key:{}", zipf.draw(&mut random))));
        keys.iter().for_each(|key| connection.add(&[b"GET", key.as_bytes()]));
        let replies = connection.answers(BATCH)?;
        let missed = keys.iter().zip(&replies).filter(|(_, reply)| **reply == Reply::Bulk(None));
        let missed: Vec<&String> = missed.map(|(key, _)| key).collect();
        missed.iter().for_each(|key| connection.add(&[b"SET", key.as_bytes(), &value]));
        connection.answers(missed.len())?;
        // The first half fills the cache.
        if batch * 2 * BATCH >= requests {
            outcome.requests += BATCH;
            outcome.hits += BATCH - missed.len();
        }
    }
    let used = connection.info("memory", "used_memory")?;
    let most: u64 = limit.parse()?;
    ensure!(used * 100 <= most * 102, "{used} bytes are used of {most}");
    outcome.keys = server.dbsize()?;
    Ok(outcome)
}

/// Numbers from 0 on, of which the `n`th is drawn in proportion to `1 / (n + 1)^exponent`.
struct Zipf {
    /// The sum of the weights up to each number, as a share of all.
    up_to: Vec<f64>,
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = (1..=count)
            .map(|n| {
                sum += (n as f64).powf(-exponent);
                sum
            })
            .collect();
        up_to.iter_mut().for_each(|share| *share /= sum);
        Zipf { up_to }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let chance = random.unit_f64();
        self.up_to.partition_point(|share| *share <= chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_drawn_most() {
        let (zipf, mut random) = (Zipf::new(1000, 1.0), Random::from_seed(1));
        let mut times = [0; 1000];
        (0..100_000).for_each(|_| times[zipf.draw(&mut random)] += 1);
        // The harmonic sum of 1000 is 7.485.
        for (n, expected) in [(0, 13_360), (1, 6_680), (9, 1_336)] {
            assert!(
                (expected * 9 / 10..expected * 11 / 10).contains(&times[n]),
                "{n}: {}",
                times[n]
            );
        }
    }
}
