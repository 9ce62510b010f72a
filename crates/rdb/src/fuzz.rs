//! Attacks on the readers: payloads of real servers with a few bytes spoilt.
//!
//! Random bytes hardly get beyond the first length. A payload that is right but for one byte goes
//! deep, so the input says which payload, and what to do to it:
//!
//! ```text
//!   payload u16 | limits, version u8 | position u16, how u8, byte u8 | …      low bytes first
//! ```

use std::sync::OnceLock;

use store::{Limits, OwnedValue};

use crate::decode::Begun;
use crate::encode::Style;
use crate::error::Bad;
use crate::read::Reader;
use crate::version::{Kind, Version};
use crate::{decode, encode, payload};

const FILES: [&str; 3] = [
    include_str!("../tests/golden/redis-7.0.15.txt"),
    include_str!("../tests/golden/redis-8.0.6.txt"),
    include_str!("../tests/golden/valkey-9.1.2.txt"),
];

/// The golden payloads without their footers.
fn bodies() -> &'static [Vec<u8>] {
    static BODIES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BODIES.get_or_init(|| {
        let lines = FILES.iter().flat_map(|file| file.lines()).filter(|l| !l.starts_with('#'));
        lines
            .map(|line| {
                let hex = line.split_once(' ').map_or("", |(_, hex)| hex);
                let digit = |c: u8| (c as char).to_digit(16).expect("hexadecimal digits") as u8;
                let payload: Vec<u8> = hex
                    .as_bytes()
                    .chunks_exact(2)
                    .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
                    .collect();
                let (body, _) = payload::open(&payload, true, false).expect("a golden payload");
                body.to_vec()
            })
            .collect()
    })
}

/// How many golden payloads there are.
pub fn golden_count() -> usize {
    bodies().len()
}

/// The bytes that an input makes: a golden payload, spoilt.
pub fn spoilt(data: &[u8]) -> Vec<u8> {
    let Some(([low, high, _], edits)) = data.split_first_chunk::<3>() else { return Vec::new() };
    let number = usize::from(u16::from_le_bytes([*low, *high]));
    let mut body = bodies()[number % bodies().len()].clone();
    let (edits, _) = edits.as_chunks::<4>();
    for &[low, high, how, byte] in edits {
        if body.is_empty() {
            break;
        }
        let at = usize::from(u16::from_le_bytes([low, high])) % body.len();
        match how % 6 {
            0 => body[at] = byte,
            1 => body[at] ^= 1 << (byte % 8),
            2 => body[at] = body[at].wrapping_add(1),
            3 => body.truncate(at),
            4 => body.insert(at, byte),
            _ => _ = body.remove(at),
        }
    }
    body
}

/// Whatever the bytes are, they are refused or are a value that holds its invariants, and that is
/// written and read again.
pub fn fuzz_restore(data: &[u8]) {
    let choice = data.get(2).copied().unwrap_or(0);
    restore_any(&spoilt(data), choice);
    restore_any(data, choice);
}

fn restore_any(body: &[u8], choice: u8) {
    let version = if choice & 1 == 0 { Version::REDIS_MAX } else { Version::VALKEY };
    let limits = if choice & 2 == 0 {
        Limits::default()
    } else {
        Limits {
            hash_entries_max: 2,
            set_intset_entries_max: 2,
            set_listpack_entries_max: 2,
            zset_entries_max: 2,
            list_node_size: 2,
            ..Limits::default()
        }
    };
    let mut reader = Reader::new(body);
    let Ok(kind) = reader.byte().and_then(|number| Kind::of(number, version)) else { return };
    let whole = decode::value(kind, &mut reader, &limits);
    let in_steps = value_in_steps(kind, &body[1..], usize::from(choice >> 5) + 1, &limits);
    let Ok(value) = whole else {
        assert_eq!(in_steps.map(|_| ()), whole.map(|_| ()), "in steps it is refused as well");
        return;
    };
    let (value_in_steps, used) = in_steps.expect("in steps it is read as well");
    assert_eq!(used, body.len() - 1 - reader.rest().len());
    assert_eq!(len(&value_in_steps), len(&value));
    check(&value_in_steps);
    check(&value);
    let version = match choice >> 2 & 3 {
        0 => None,
        1 => Some(Version(6)),
        2 => Some(Version::REDIS_MAX),
        _ => Some(Version::VALKEY),
    };
    let style = Style { version, compresses: choice & 16 == 0 };
    let payload = payload::dump(value.view(), style);
    let trust = payload::Trust { checks_crc: true, any_version: false };
    let again = payload::restore(&payload, trust, &limits).expect("what was written is read");
    check(&again);
    assert_eq!(len(&value), len(&again), "nothing was lost or came in addition");
    let _ = encode::kind(again.view(), style);
}

/// Reads a value as who loads a file does: as if its bytes came so many at a time. How many it took.
fn value_in_steps(
    kind: Kind,
    bytes: &[u8],
    step: usize,
    limits: &Limits,
) -> Result<(OwnedValue, usize), Bad> {
    let (mut at, mut there, mut growing) = (0, 0, None);
    loop {
        let mut reader = Reader::new(&bytes[at..there]);
        let read = match growing.take() {
            None => decode::begin(kind, &mut reader, limits),
            Some(parts) => Ok(Begun::Parts(parts)),
        };
        let read = read.and_then(|begun| match begun {
            Begun::Whole(value) => Ok(Some(value)),
            Begun::Parts(mut parts) => match parts.go_on(&mut reader, limits) {
                Err(Bad::Truncated) if there < bytes.len() => {
                    growing = Some(parts);
                    Ok(None)
                }
                Err(bad) => Err(bad),
                Ok(()) => parts.finish(limits).map(Some),
            },
        });
        match read {
            Err(Bad::Truncated) if there < bytes.len() => {}
            Err(bad) => return Err(bad),
            Ok(value) => {
                at = there - reader.rest().len();
                if let Some(value) = value {
                    return Ok((value, at));
                }
            }
        }
        there = bytes.len().min(there + step);
    }
}

/// Panics if an invariant is broken.
pub fn check(value: &OwnedValue) {
    if let OwnedValue::Collection(collection) = value {
        collection.check();
    }
}

fn len(value: &OwnedValue) -> usize {
    match value {
        OwnedValue::Collection(collection) => collection.len(),
        _ => 1,
    }
}
