//! Judging bytes from outside, and attacking the judge.

use super::entry::{backlen_len, body_len, decode_backlen, length_len};
use super::{COUNT_UNKNOWN, EMPTY_LEN, END, HEADER_LEN, LENGTH_LEN, Listpack, stored_count};
use crate::packed::Invalid;

/// Takes a listpack of Redis's form, verified in full; gives also the number of entries.
pub fn from_redis(mut bytes: Vec<u8>) -> Result<(Vec<u8>, usize), Invalid> {
    let count = validate_redis(&bytes)?;
    bytes.drain(..LENGTH_LEN);
    Ok((bytes, count))
}

pub(super) fn validate_redis(bytes: &[u8]) -> Result<usize, Invalid> {
    let Some((total, held)) = bytes.split_first_chunk::<LENGTH_LEN>() else {
        return Err(Invalid("a listpack is shorter than its header"));
    };
    if u32::from_le_bytes(*total) as usize != bytes.len() {
        return Err(Invalid("a listpack's length is not what its header says"));
    }
    validate(held)
}

/// Verifies every invariant of the module's essay, in one pass; gives the number of entries.
pub fn validate(bytes: &[u8]) -> Result<usize, Invalid> {
    if bytes.len() < EMPTY_LEN {
        return Err(Invalid("a listpack is shorter than its header"));
    }
    let end = bytes.len() - 1;
    if bytes[end] != END {
        return Err(Invalid("a listpack lacks its end"));
    }
    let (mut at, mut count) = (HEADER_LEN, 0);
    while at < end {
        let known = length_len(bytes[at]).ok_or(Invalid("a listpack entry of no encoding"))?;
        if end - at < known {
            return Err(Invalid("a listpack entry reaches beyond the end"));
        }
        let body = body_len(bytes, at);
        let next = at + body + backlen_len(body);
        if next > end {
            return Err(Invalid("a listpack entry reaches beyond the end"));
        }
        if decode_backlen(bytes, next) != (body, backlen_len(body)) {
            return Err(Invalid("a listpack entry's two lengths differ"));
        }
        (at, count) = (next, count + 1);
    }
    match stored_count(bytes) {
        COUNT_UNKNOWN => Ok(count),
        stored if usize::from(stored) == count => Ok(count),
        _ => Err(Invalid("a listpack's count is not what its header says")),
    }
}

/// Any bytes are refused or walked both ways to the same values, and everything found in them.
pub fn fuzz_listpack(data: &[u8]) {
    walk(data);
    if data.len() >= LENGTH_LEN + EMPTY_LEN {
        // Most spoilt inputs fail at the first look: the length. This way they get further.
        let mut bytes = data.to_vec();
        bytes[..LENGTH_LEN].copy_from_slice(&(data.len() as u32).to_le_bytes());
        *bytes.last_mut().expect("not empty") = END;
        walk(&bytes);
        bytes[LENGTH_LEN..LENGTH_LEN + HEADER_LEN].copy_from_slice(&COUNT_UNKNOWN.to_le_bytes());
        walk(&bytes);
    }
}

fn walk(bytes: &[u8]) {
    let Ok((pack, count)) = Listpack::of_redis(bytes) else { return };
    assert_eq!(pack.to_redis(), bytes, "it goes out as it came");
    let values: Vec<_> = pack.iter().collect();
    let mut backward: Vec<_> = pack.iter().rev().collect();
    backward.reverse();
    assert_eq!(values, backward, "both ways give the same");
    assert_eq!((values.len(), pack.len()), (count, count));
    let mut copy = super::new();
    for (index, (at, value)) in pack.entries().enumerate() {
        assert_eq!(pack.nth(index as i64), Some(at));
        assert_eq!(pack.nth(index as i64 - count as i64), Some(at));
        let text = value.to_vec();
        assert!(value.is(&text) && value.text_len() == text.len());
        assert!(pack.find(&text, 0).is_some_and(|found| found <= at), "what is there is found");
        super::append(&mut copy, &text);
    }
    let copied = Listpack::new(&copy);
    copied.check();
    assert!(
        copied.iter().map(|value| value.to_vec()).eq(values.iter().map(|value| value.to_vec()))
    );
}
