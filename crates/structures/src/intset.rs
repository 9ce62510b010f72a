//! Intset: a sorted array of integers, all in the smallest width that holds each of them.
//!
//! Sets of integers are common. In a hash table a member costs a slot and a record; here 2, 4 or 8
//! bytes, and the bytes are Redis's, so that DUMP and RDB files need no conversion.
//!
//! ```text
//!   | width u32 | length u32 | integers, ascending |      little endian
//!     2, 4, 8                  width bytes each
//! ```
//!
//! # How it works
//!
//! Finding is binary search. A value too wide for the array is smaller or larger than all of it: the
//! array is written anew, wider, and the value goes to one end without a search.
//!
//! # Invariants
//!
//! [`validate`] verifies them; whatever else is here relies on them and may panic, but not more,
//! without them.
//!
//! (1) The integers ascend strictly.
//! (2) The buffer is exactly 8 + length * width bytes long, and width is 2, 4 or 8.
//!
//! # Limits
//!
//! Inserting and removing move what lies behind, O(n): this is why `set-max-intset-entries` exists.
//! It never becomes narrower again: to know would take a scan for each removal.

use crate::packed::{self, Invalid};

/// Bytes before the first integer.
pub const HEADER_LEN: usize = 8;

/// A view of a valid intset. Copying it copies a pointer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Intset<'a> {
    bytes: &'a [u8],
}

impl<'a> Intset<'a> {
    /// The view of bytes that this module made or [`validate`]d.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Intset<'a> {
        let set = Intset { bytes };
        debug_assert_eq!(HEADER_LEN + set.len() * set.width(), bytes.len(), "invariant (2)");
        set
    }

    /// The whole intset, as a DUMP contains it.
    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    pub fn len(self) -> usize {
        read_u32(self.bytes, 4)
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.bytes.len() == HEADER_LEN
    }

    /// Bytes for each integer: 2, 4 or 8.
    #[inline]
    pub fn width(self) -> usize {
        read_u32(self.bytes, 0)
    }

    /// The integer with this index, counted from the least. Panics beyond the last.
    #[inline]
    pub fn get(self, index: usize) -> i64 {
        let body = &self.bytes[HEADER_LEN..];
        match self.width() {
            2 => i64::from(i16::from_le_bytes(array(body, index))),
            4 => i64::from(i32::from_le_bytes(array(body, index))),
            _ => i64::from_le_bytes(array(body, index)),
        }
    }

    /// The index of `value`, or where it would be.
    pub fn position(self, value: i64) -> Result<usize, usize> {
        let body = &self.bytes[HEADER_LEN..];
        match self.width() {
            2 => search(body, value, |bytes| i64::from(i16::from_le_bytes(bytes))),
            4 => search(body, value, |bytes| i64::from(i32::from_le_bytes(bytes))),
            _ => search(body, value, i64::from_le_bytes),
        }
    }

    #[inline]
    pub fn contains(self, value: i64) -> bool {
        self.position(value).is_ok()
    }

    /// Ascending, and descending from the back.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        Iter { set: self, front: 0, back: self.len() }
    }

    /// Panics if an invariant is broken.
    pub fn check(self) {
        assert!(self.is_empty() || validate(self.bytes) == Ok(self.len()));
    }
}

impl std::fmt::Debug for Intset<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Intset<'a> {
    type Item = i64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The integers of an intset, from both ends.
#[derive(Clone)]
pub struct Iter<'a> {
    set: Intset<'a>,
    front: usize,
    back: usize,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        (self.front < self.back).then(|| {
            self.front += 1;
            self.set.get(self.front - 1)
        })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.back - self.front, Some(self.back - self.front))
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<i64> {
        self.front = self.front.saturating_add(n).min(self.back);
        self.next()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        (self.front < self.back).then(|| {
            self.back -= 1;
            self.set.get(self.back)
        })
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// An intset without integers.
pub fn new() -> Vec<u8> {
    let mut set = Vec::new();
    packed::reserve(&mut set, HEADER_LEN);
    set.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
    set
}

/// The intset of strictly ascending integers.
pub fn from_sorted(values: &[i64]) -> Vec<u8> {
    debug_assert!(values.is_sorted_by(|a, b| a < b), "integers ascend strictly");
    // The widest is at one of the ends.
    let ends = [values.first(), values.last()].into_iter().flatten();
    let width = ends.map(|&value| width_of(value)).max().unwrap_or(2);
    let mut set = Vec::new();
    packed::reserve(&mut set, HEADER_LEN + values.len() * width);
    set.extend_from_slice(&(width as u32).to_le_bytes());
    set.extend_from_slice(&(values.len() as u32).to_le_bytes());
    for value in values {
        set.extend_from_slice(&value.to_le_bytes()[..width]);
    }
    set
}

/// Puts a value in its place; false if it was there. O(n).
pub fn insert(set: &mut Vec<u8>, value: i64) -> bool {
    let view = Intset::new(set);
    let width = width_of(value);
    let index = if width > view.width() {
        let index = if value < 0 { 0 } else { view.len() };
        widen(set, width);
        index
    } else {
        match view.position(value) {
            Ok(_) => return false,
            Err(index) => index,
        }
    };
    let (len, width) = (Intset::new(set).len(), Intset::new(set).width());
    let at = HEADER_LEN + index * width;
    packed::open_gap(set, at, width);
    set[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    set_len(set, len + 1);
    true
}

/// Takes a value out; false if it was not there. O(n).
pub fn remove(set: &mut Vec<u8>, value: i64) -> bool {
    match Intset::new(set).position(value) {
        Ok(index) => {
            remove_at(set, index);
            true
        }
        Err(_) => false,
    }
}

/// Takes the value with this index out. O(n).
pub fn remove_at(set: &mut Vec<u8>, index: usize) -> i64 {
    let view = Intset::new(set);
    let (value, len, width) = (view.get(index), view.len(), view.width());
    let at = HEADER_LEN + index * width;
    set.drain(at..at + width);
    set_len(set, len - 1);
    value
}

/// Verifies every invariant, in one pass; gives the number of integers. An empty one is refused, as
/// Redis refuses it: no key holds it.
pub fn validate(bytes: &[u8]) -> Result<usize, Invalid> {
    if bytes.len() < HEADER_LEN {
        return Err(Invalid("an intset is shorter than its header"));
    }
    let (width, len) = (read_u32(bytes, 0), read_u32(bytes, 4));
    if !matches!(width, 2 | 4 | 8) {
        return Err(Invalid("an intset of no encoding"));
    }
    if len.checked_mul(width) != Some(bytes.len() - HEADER_LEN) {
        return Err(Invalid("an intset's length is not what its header says"));
    }
    if len == 0 {
        return Err(Invalid("an intset without integers"));
    }
    if !Intset::new(bytes).iter().is_sorted_by(|a, b| a < b) {
        return Err(Invalid("an intset out of order"));
    }
    Ok(len)
}

/// Any bytes are refused, or hold a set from which every integer can be taken and put back.
pub fn fuzz_intset(data: &[u8]) {
    let Ok(len) = validate(data) else { return };
    let view = Intset::new(data);
    let values: Vec<i64> = view.iter().collect();
    assert!(values.len() == len && view.iter().rev().eq(values.iter().rev().copied()));
    let mut set = data.to_vec();
    for (index, &value) in values.iter().enumerate() {
        assert_eq!(view.position(value), Ok(index));
        assert!(remove(&mut set, value) && !Intset::new(&set).contains(value));
        assert!(insert(&mut set, value) && !insert(&mut set, value));
    }
    assert_eq!(set, data);
}

/// The bytes a value needs.
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

/// Writes all integers anew, `width` bytes each.
fn widen(set: &mut Vec<u8>, width: usize) {
    let (len, old) = (Intset::new(set).len(), Intset::new(set).width());
    packed::reserve(set, len * (width - old) + width);
    set.resize(HEADER_LEN + len * width, 0);
    // From the last one on, so that none is written over before it was read.
    for index in (0..len).rev() {
        let from = HEADER_LEN + index * old;
        let mut wide = [0; 8];
        wide[8 - old..].copy_from_slice(&set[from..from + old]);
        let value = i64::from_le_bytes(wide) >> (8 * (8 - old));
        let to = HEADER_LEN + index * width;
        set[to..to + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    set[..4].copy_from_slice(&(width as u32).to_le_bytes());
}

fn set_len(set: &mut [u8], len: usize) {
    set[4..8].copy_from_slice(&u32::try_from(len).expect("small enough").to_le_bytes());
}

fn read_u32(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

#[inline]
fn array<const N: usize>(body: &[u8], index: usize) -> [u8; N] {
    body[index * N..][..N].try_into().expect("as many bytes")
}

#[inline]
fn search<const N: usize>(
    body: &[u8],
    value: i64,
    read: impl Fn([u8; N]) -> i64,
) -> Result<usize, usize> {
    let (integers, _) = body.as_chunks::<N>();
    integers.binary_search_by(|&bytes| read(bytes).cmp(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::random::Random;
    use std::collections::BTreeSet;

    #[test]
    fn the_bytes_are_those_of_redis() {
        // From DUMPs of Redis 8.0.6, after SADD of 1 5 -3, then 70000, then -5000000000, then SREM.
        let mut set = new();
        for value in [1, 5, -3] {
            assert!(insert(&mut set, value));
        }
        assert_eq!(set, b"\x02\x00\x00\x00\x03\x00\x00\x00\xfd\xff\x01\x00\x05\x00");
        assert!(insert(&mut set, 70_000) && !insert(&mut set, -3));
        let wider = b"\x04\x00\x00\x00\x04\x00\x00\x00\xfd\xff\xff\xff\x01\x00\x00\x00\x05\x00\x00\x00p\x11\x01\x00";
        assert_eq!(set, wider);
        assert_eq!(set, from_sorted(&[-3, 1, 5, 70_000]));
        assert!(insert(&mut set, -5_000_000_000) && remove(&mut set, 70_000));
        assert!(!remove(&mut set, 70_000));
        let widest = b"\x08\x00\x00\x00\x04\x00\x00\x00\x00\x0e\xfa\xd5\xfe\xff\xff\xff\
            \xfd\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00";
        assert_eq!(set, widest);
        assert_eq!(validate(widest), Ok(4));
        assert_eq!(set, from_sorted(&[-5_000_000_000, -3, 1, 5]));
    }

    #[test]
    fn spoilt_bytes_are_refused() {
        let set = from_sorted(&[-1, 0, 300]);
        assert_eq!(validate(&set), Ok(3));
        for len in 0..set.len() {
            assert!(validate(&set[..len]).is_err());
        }
        for (at, byte) in [(0, 3), (0, 0), (0, 4), (4, 2), (4, 4), (7, 0xff), (9, 0), (11, 0xff)] {
            let mut spoilt = set.clone();
            spoilt[at] = byte;
            assert!(validate(&spoilt).is_err(), "{byte} at {at}");
        }
        assert!(validate(&new()).is_err(), "no key holds an empty set");
    }

    #[test]
    fn random_edits_match_a_set() {
        for seed in 0..20 {
            let mut random = Random::from_seed(seed);
            let (mut set, mut model) = (new(), BTreeSet::new());
            // Widths come one after the other, so that each is grown from the one before.
            for step in 0..600u64 {
                let bits = 12 + 50 * (step / 200) / 2;
                let value = random.next_u64() as i64 >> (64 - bits);
                let value = if random.below(3) == 0 { value % 50 } else { value };
                if random.below(3) > 0 {
                    assert_eq!(insert(&mut set, value), model.insert(value));
                } else {
                    assert_eq!(remove(&mut set, value), model.remove(&value));
                }
                Intset::new(&set).check();
            }
            let view = Intset::new(&set);
            assert!(view.iter().eq(model.iter().copied()));
            assert!(view.iter().rev().eq(model.iter().rev().copied()));
            assert_eq!(view.iter().nth(7), model.iter().copied().nth(7));
            if !model.is_empty() {
                let index = random.below(model.len() as u64) as usize;
                let value = remove_at(&mut set, index);
                assert!(model.remove(&value) && !Intset::new(&set).contains(value));
            }
            fuzz_intset(&set);
        }
    }
}
