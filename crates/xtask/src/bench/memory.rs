//! Resident bytes per key beyond the payload.
//!
//! Each data set is loaded by ourselves into a fresh server; the growth of its resident memory,
//! divided by the keys, less the bytes of key and value, is what the server adds. Keys look random,
//! as in the field: neither sorted nor with a common prefix. An integer's payload is its text.

use std::path::Path;

use anyhow::{Result, ensure};
use base::random::Random;

use super::Setup;
use super::server::Server;

const KEYS: usize = 2_000_000;
const LENGTH: usize = 16;

struct DataSet {
    name: &'static str,
    /// Writes the value of key `n`.
    value: fn(usize) -> Vec<u8>,
    has_ttl: bool,
    /// The most bytes a key may cost us beyond the payload.
    budget: f64,
}

const DATA_SETS: &[DataSet] = &[
    DataSet { name: "16+16", value: |n| text(n, 2, LENGTH), has_ttl: false, budget: 22.0 },
    DataSet { name: "16+64", value: |n| text(n, 2, 64), has_ttl: false, budget: 24.0 },
    DataSet { name: "16+16-TTL", value: |n| text(n, 2, LENGTH), has_ttl: true, budget: 28.0 },
    DataSet { name: "16+integer", value: integer, has_ttl: false, budget: 20.0 },
];

pub(crate) fn run(setup: &Setup, only: &[String]) -> Result<()> {
    let keys = KEYS / setup.shrink;
    println!("\nresident bytes per key beyond the payload, {keys} keys");
    println!("{:<12} {:>8} {:>8} {:>8} {:>8}", "data set", "payload", "peer", "ours", "budget");
    for set in DATA_SETS {
        if !only.is_empty() && !only.iter().any(|name| name == set.name) {
            continue;
        }
        let payload = payload(set, keys);
        let peer = bytes_per_key(&setup.peer, set, keys)? - payload;
        let ours = bytes_per_key(&setup.ours, set, keys)? - payload;
        println!(
            "{:<12} {payload:>8.1} {peer:>8.1} {ours:>8.1} {:>8.0} {}",
            set.name,
            set.budget,
            if ours <= set.budget { "met" } else { "MISSED" }
        );
    }
    Ok(())
}

fn bytes_per_key(program: &Path, set: &DataSet, keys: usize) -> Result<f64> {
    let mut server = Server::start(program, 1, None)?;
    let before = server.resident_bytes()?;
    server.connection().pipeline(keys, |n, connection| {
        let (key, value) = (text(n, 1, LENGTH), (set.value)(n));
        if set.has_ttl {
            let ttl_s = (100_000 + Random::from_seed(n as u64).below(1_000_000)).to_string();
            connection.add(&[b"SET", &key, &value, b"EX", ttl_s.as_bytes()]);
        } else {
            connection.add(&[b"SET", &key, &value]);
        }
    })?;
    let stored = server.dbsize()?;
    ensure!(stored == keys as i64, "{stored} keys of {keys} are there");
    let after = server.resident_bytes()?;
    Ok((after as f64 - before as f64) / keys as f64)
}

fn payload(set: &DataSet, keys: usize) -> f64 {
    let values: usize = (0..keys).map(|n| (set.value)(n).len()).sum();
    LENGTH as f64 + values as f64 / keys as f64
}

/// `length` letters and digits that look random and differ for every `n`.
pub(crate) fn text(n: usize, salt: u64, length: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    let mut random = Random::from_seed(n as u64 ^ (salt << 48));
    let mut text = Vec::with_capacity(length);
    while text.len() < length {
        // Ten letters hold 60 of the 64 bits.
        let mut bits = random.next_u64();
        for _ in 0..10.min(length - text.len()) {
            text.push(ALPHABET[(bits % 64) as usize]);
            bits /= 64;
        }
    }
    text
}

/// Numbers of mostly nine digits: beyond any pool of shared integers.
fn integer(n: usize) -> Vec<u8> {
    Random::from_seed(n as u64).below(1_000_000_000).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_have_their_length() {
        let keys: std::collections::HashSet<Vec<u8>> =
            (0..100_000).map(|n| text(n, 1, 16)).collect();
        assert_eq!(keys.len(), 100_000);
        assert!(keys.iter().all(|key| key.len() == 16));
    }
}
