//! Resident bytes per key, or per element of one large value, beyond the payload.
//!
//! Each data set is loaded by ourselves into a fresh server; the growth of its resident memory,
//! divided by the requests that loaded it, less the bytes of key and value (or of the element), is
//! what the server adds. Keys and elements look random, as in the field: neither sorted nor with a
//! common prefix. An integer's payload is its text.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use base::random::Random;

use super::server::Server;
use super::{Budget, Setup};

const COUNT: usize = 2_000_000;
const LENGTH: usize = 16;
/// After loading, before resident memory is read: what was only held to grow further may go.
const SETTLE: Duration = Duration::from_secs(4);

struct DataSet {
    name: &'static str,
    /// The request that stores element `n`.
    request: fn(usize) -> Vec<Vec<u8>>,
    /// Which of its words are payload.
    payload: std::ops::RangeInclusive<usize>,
    /// All go into one key.
    is_one_key: bool,
    /// The most bytes an element may cost us beyond the payload; none: what it costs the peer.
    budget: Option<f64>,
}

const DATA_SETS: &[DataSet] = &[
    DataSet { name: "16+16", request: |n| set(n, text(n, 2, LENGTH)), budget: Some(22.0), ..KEY },
    DataSet { name: "16+64", request: |n| set(n, text(n, 2, 64)), budget: Some(24.0), ..KEY },
    DataSet { name: "16+16-TTL", request: set_with_ttl, budget: Some(28.0), ..KEY },
    DataSet { name: "16+integer", request: |n| set(n, integer(n)), budget: Some(20.0), ..KEY },
    DataSet {
        name: "set-member",
        request: |n| vec![b"SADD".to_vec(), b"set".to_vec(), text(n, 1, LENGTH)],
        payload: 2..=2,
        is_one_key: true,
        budget: Some(18.0),
    },
    DataSet {
        name: "hash-8",
        request: hash,
        payload: 1..=17,
        is_one_key: false,
        budget: Some(85.0),
    },
    DataSet {
        name: "hash-field",
        request: |n| {
            let (field, value) = (text(n, 1, LENGTH), text(n, 2, LENGTH));
            vec![b"HSET".to_vec(), b"hash".to_vec(), field, value]
        },
        payload: 2..=3,
        is_one_key: true,
        budget: Some(26.0),
    },
    DataSet { name: "zset-of-10", request: zset_of_10, payload: 1..=21, budget: Some(45.0), ..KEY },
    DataSet {
        name: "zset-member",
        // Eight digits: as long as the double that a score is.
        request: |n| {
            let score = 10_000_000 + Random::from_seed(n as u64).below(90_000_000);
            let score = score.to_string().into_bytes();
            vec![b"ZADD".to_vec(), b"zset".to_vec(), score, text(n, 1, LENGTH)]
        },
        payload: 2..=3,
        is_one_key: true,
        budget: Some(30.0),
    },
    DataSet {
        name: "list-item",
        request: |n| vec![b"RPUSH".to_vec(), b"list".to_vec(), text(n, 1, LENGTH)],
        payload: 2..=2,
        is_one_key: true,
        budget: Some(3.0),
    },
    DataSet {
        name: "list-item-head",
        request: |n| vec![b"LPUSH".to_vec(), b"list".to_vec(), text(n, 1, LENGTH)],
        payload: 2..=2,
        is_one_key: true,
        budget: Some(3.0),
    },
    DataSet {
        name: "stream-entry",
        request: |n| {
            let id = format!("{}-0", 1_700_000_000_000 + n as u64).into_bytes();
            vec![b"XADD".to_vec(), b"stream".to_vec(), id, b"field".to_vec(), text(n, 1, LENGTH)]
        },
        payload: 3..=4,
        is_one_key: true,
        budget: None,
    },
];

const KEY: DataSet = DataSet {
    name: "",
    request: |_| Vec::new(),
    payload: 1..=2,
    is_one_key: false,
    budget: Some(0.0),
};

fn set(n: usize, value: Vec<u8>) -> Vec<Vec<u8>> {
    vec![b"SET".to_vec(), text(n, 1, LENGTH), value]
}

/// Eight fields with names as people give them and values of eight bytes.
fn hash(n: usize) -> Vec<Vec<u8>> {
    const NAMES: [&str; 8] = ["name", "mail", "phone", "street", "city", "zip", "land", "age"];
    let mut request = vec![b"HSET".to_vec(), text(n, 1, LENGTH)];
    for (i, name) in NAMES.iter().enumerate() {
        request.extend([name.as_bytes().to_vec(), text(n, 2 + i as u64, 8)]);
    }
    request
}

/// Ten members of eight letters, with scores of two to three digits.
fn zset_of_10(n: usize) -> Vec<Vec<u8>> {
    let mut request = vec![b"ZADD".to_vec(), text(n, 1, LENGTH)];
    for i in 0..10 {
        let score = 10 + Random::from_seed((n * 10 + i) as u64).below(990);
        request.extend([score.to_string().into_bytes(), text(n * 10 + i, 3, 8)]);
    }
    request
}

fn set_with_ttl(n: usize) -> Vec<Vec<u8>> {
    let ttl_s = (100_000 + Random::from_seed(n as u64).below(1_000_000)).to_string();
    let mut request = set(n, text(n, 2, LENGTH));
    request.extend([b"EX".to_vec(), ttl_s.into_bytes()]);
    request
}

pub(crate) fn run(setup: &Setup, only: &[String]) -> Result<()> {
    let count = COUNT / setup.shrink;
    println!("\nresident bytes per key or element beyond the payload, {count} of them");
    println!("{:<12} {:>8} {:>8} {:>8} {:>8}", "data set", "payload", "peer", "ours", "budget");
    for set in DATA_SETS {
        if !only.is_empty() && !only.iter().any(|name| name == set.name) {
            continue;
        }
        let payload = payload(set, count);
        let peer = bytes_each(&setup.peer, set, count)? - payload;
        let ours = bytes_each(&setup.ours, set, count)? - payload;
        let budget = set.budget.unwrap_or(peer);
        println!(
            "{:<12} {payload:>8.1} {peer:>8.1} {ours:>8.1} {budget:>8.1} {}",
            set.name,
            if Budget::AtMost(budget).is_met(ours) { "met" } else { "MISSED" }
        );
    }
    Ok(())
}

fn bytes_each(program: &Path, set: &DataSet, count: usize) -> Result<f64> {
    let mut server = Server::start(program, 1, None)?;
    let before = server.resident_bytes()?;
    server.connection().pipeline(count, |n, connection| {
        let words = (set.request)(n);
        connection.add(&words.iter().map(|word| &word[..]).collect::<Vec<_>>());
    })?;
    let (stored, keys) = (server.dbsize()?, if set.is_one_key { 1 } else { count as i64 });
    ensure!(stored == keys, "{stored} keys of {keys} are there");
    std::thread::sleep(SETTLE);
    let after = server.resident_bytes()?;
    Ok((after as f64 - before as f64) / count as f64)
}

fn payload(set: &DataSet, count: usize) -> f64 {
    let bytes = |n| (set.request)(n)[set.payload.clone()].iter().map(Vec::len).sum::<usize>();
    (0..count).map(bytes).sum::<usize>() as f64 / count as f64
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
