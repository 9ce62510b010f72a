//! Listpack: a sequence of strings and integers in one buffer, with two bytes of overhead for most.
//!
//! Small lists, hashes, sorted sets and sets are listpacks, and so are the nodes of large lists and
//! streams. The bytes are Redis's but for the length in front, which every owner knows anyway: it is
//! written for DUMP, RDB files and full resynchronization ([`Listpack::to_redis`]) and taken off
//! what comes from there ([`from_redis`]). For a small hash or sorted set that is 4 bytes of some 40
//! beyond its payload.
//!
//! ```text
//!   Redis:  | total bytes u32 | count u16 | entry | entry | ... | 0xff |      little endian
//!   here:                     | count u16 | entry | entry | ... | 0xff |
//!                                           |
//!                         | header 1..5 (9) | payload | backlen 1..5 |
//!                           what follows                bytes of header and payload
//! ```
//!
//! The header's first byte tells the encoding, the smallest that fits is used:
//!
//! | first byte | the entry is |
//! |---|---|
//! | `0xxxxxxx` | an integer from 0 to 127, the byte itself |
//! | `10xxxxxx` | a string of less than 64 bytes |
//! | `110xxxxx` + 1 | an integer of 13 bits, two's complement |
//! | `1110xxxx` + 1 | a string of less than 4096 bytes |
//! | `0xf0` + 4 | a string, its length a u32 |
//! | `0xf1` + 2, `0xf2` + 3, `0xf3` + 4, `0xf4` + 8 | an integer of 16, 24, 32, 64 bits |
//! | `0xff` | no entry: the end |
//!
//! # How it works
//!
//! A reader holds a [`Listpack`], a view of the bytes; a writer edits a `Vec<u8>` with the functions
//! of this module. An entry is named by its *position*, the offset of its first byte. An edit keeps
//! positions before it and moves those behind it. Walking forward reads headers; walking backward
//! reads backlens, seven bits a byte from the end, the high bit saying that more bytes lie before.
//!
//! A string that is the canonical text of an integer ([`base::number::parse_i64`]) is stored as
//! that integer, so [`Value::Int`] and its text are one and the same to the owner. Comparisons here
//! know it.
//!
//! # Invariants
//!
//! [`validate`] verifies them; whatever else is here relies on them and may panic, but not more,
//! without them.
//!
//! (1) The last byte, no earlier entry, is 0xff.
//! (2) Each entry's backlen tells the length of its header and payload, in as many bytes as such
//!     a length takes.
//! (3) The count is exact, or 65535 when there are, or once were, as many or more.
//!
//! # Limits
//!
//! Finding and editing are O(bytes): this is why there are thresholds to keep listpacks small. A
//! listpack may have [`BYTES_MAX`] bytes; owners stay far below.

mod deque;
mod edit;
mod entry;
mod iter;
#[cfg(test)]
mod tests;
mod validate;

pub use deque::Deque;
pub use edit::{
    append, append_entries, delete, delete_groups, delete_many, delete_range, delete_span, extend,
    insert, new, prepend, replace, split_off,
};
pub use entry::{TextBuffer, Value};
pub use iter::{Entries, Iter, Pairs};
pub use validate::{from_redis, fuzz_listpack, validate};

use crate::packed::Invalid;
use entry::{decode, decode_backlen, entry_end, same};
use std::ops::Range;

/// Bytes before the first entry, which is also the position of the first entry.
pub const HEADER_LEN: usize = 2;
/// Bytes of a listpack without entries.
pub const EMPTY_LEN: usize = HEADER_LEN + 1;
/// Bytes of the length that Redis's form has in front.
pub const LENGTH_LEN: usize = 4;
/// A listpack never grows beyond it; editing functions assert so.
pub const BYTES_MAX: usize = 1 << 30;

/// The byte that ends a listpack.
const END: u8 = 0xff;
/// The count that says: walk and count.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// A view of a valid listpack. Copying it copies a pointer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Listpack<'a> {
    bytes: &'a [u8],
}

impl<'a> Listpack<'a> {
    /// One without entries.
    pub const EMPTY: Listpack<'static> = Listpack { bytes: &[0, 0, END] };

    /// The view of bytes that this module made or [`validate`]d.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Listpack<'a> {
        debug_assert_eq!(bytes.last(), Some(&END), "a listpack ends in 0xff");
        Listpack { bytes }
    }

    /// The view of Redis's form, verified in full, and its entries.
    pub fn of_redis(bytes: &'a [u8]) -> Result<(Listpack<'a>, usize), Invalid> {
        let count = validate::validate_redis(bytes)?;
        Ok((Listpack::new(&bytes[LENGTH_LEN..]), count))
    }

    /// Redis's form, as a DUMP contains it.
    pub fn to_redis(self) -> Vec<u8> {
        [&(self.byte_len() as u32).to_le_bytes()[..], self.bytes].concat()
    }

    /// The bytes that are held.
    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes of Redis's form, which thresholds are about.
    #[inline]
    pub fn byte_len(self) -> usize {
        LENGTH_LEN + self.bytes.len()
    }

    /// Entries. O(1) below 65535, else O(n).
    #[inline]
    pub fn len(self) -> usize {
        match stored_count(self.bytes) {
            COUNT_UNKNOWN => self.count(HEADER_LEN..self.end()),
            count => usize::from(count),
        }
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.bytes.len() == EMPTY_LEN
    }

    /// The position behind the last entry, where an insertion appends.
    #[inline]
    pub fn end(self) -> usize {
        self.bytes.len() - 1
    }

    /// The value of the entry at a position.
    #[inline]
    pub fn get(self, at: usize) -> Value<'a> {
        decode(self.bytes, at).0
    }

    /// The position of the first entry.
    #[inline]
    pub fn first(self) -> Option<usize> {
        self.some(HEADER_LEN)
    }

    /// The position of the last entry.
    #[inline]
    pub fn last(self) -> Option<usize> {
        self.previous(self.end())
    }

    /// The position after an entry's.
    #[inline]
    pub fn next(self, at: usize) -> Option<usize> {
        self.some(entry_end(self.bytes, at))
    }

    /// The position before an entry's, or before [`end`](Listpack::end).
    #[inline]
    pub fn previous(self, at: usize) -> Option<usize> {
        (at > HEADER_LEN).then(|| self.before(at))
    }

    /// The position of the entry with this index, counted from 0, or, when negative, from the last
    /// entry as -1. Walks from the nearer end.
    pub fn nth(self, index: i64) -> Option<usize> {
        let (mut from_front, mut steps) = if index < 0 {
            (false, index.unsigned_abs() - 1)
        } else {
            (true, index.unsigned_abs())
        };
        if stored_count(self.bytes) != COUNT_UNKNOWN {
            let len = self.len() as u64;
            if steps >= len {
                return None;
            }
            if steps > len / 2 {
                (from_front, steps) = (!from_front, len - 1 - steps);
            }
        }
        let mut at = if from_front { self.first()? } else { self.last()? };
        for _ in 0..steps {
            at = if from_front { self.next(at)? } else { self.previous(at)? };
        }
        Some(at)
    }

    /// The position of the entry with this index, counted from 0.
    pub fn at_index(self, index: usize) -> Option<usize> {
        self.nth(i64::try_from(index).ok()?)
    }

    /// The position of the first entry equal to `needle`, looking at the first entry and then at
    /// each after leaving out `skip`: 1 finds a field among pairs of field and value.
    #[inline]
    pub fn find(self, needle: &[u8], skip: usize) -> Option<usize> {
        self.find_from(HEADER_LEN, needle, skip)
    }

    /// [`find`](Listpack::find), beginning at the entry at `at` (or at the end: finds nothing).
    pub fn find_from(self, mut at: usize, needle: &[u8], skip: usize) -> Option<usize> {
        let number = base::number::parse_i64(needle);
        let bytes = self.bytes;
        loop {
            // The two commonest encodings, without the detour over `Value`.
            let first = bytes[at];
            let next = match first {
                0..0x80 => {
                    if number == Some(i64::from(first)) {
                        return Some(at);
                    }
                    at + 2
                }
                0x80..0xc0 => {
                    let text = &bytes[at + 1..][..usize::from(first & 0x3f)];
                    if same(text, needle) {
                        return Some(at);
                    }
                    at + 1 + text.len() + 1
                }
                END => return None,
                _ => {
                    let (value, next) = decode(bytes, at);
                    let equal = match value {
                        Value::Int(n) => number == Some(n),
                        Value::Bytes(text) => same(text, needle),
                    };
                    if equal {
                        return Some(at);
                    }
                    next
                }
            };
            at = next;
            for _ in 0..skip {
                if bytes[at] == END {
                    return None;
                }
                at = entry_end(bytes, at);
            }
        }
    }

    /// All values; goes both ways.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        self.iter_span(HEADER_LEN..self.end())
    }

    /// The values between two positions (the second may be the end); goes both ways.
    #[inline]
    pub fn iter_span(self, span: Range<usize>) -> Iter<'a> {
        Iter { pack: self, front: span.start, back: span.end }
    }

    /// All positions and their values; goes both ways.
    #[inline]
    pub fn entries(self) -> Entries<'a> {
        Entries { iter: self.iter() }
    }

    /// All values, two by two, such as fields and their values; goes both ways. A last one without
    /// a partner is left out.
    #[inline]
    pub fn pairs(self) -> Pairs<'a> {
        Pairs { iter: self.iter() }
    }

    /// [`pairs`](Listpack::pairs) between two positions (the second may be the end); goes both ways.
    #[inline]
    pub fn pairs_span(self, span: Range<usize>) -> Pairs<'a> {
        Pairs { iter: self.iter_span(span) }
    }

    /// The raw entries between two positions, for [`append_entries`].
    #[inline]
    pub fn raw(self, span: Range<usize>) -> &'a [u8] {
        &self.bytes[span]
    }

    /// How many entries lie between two positions.
    pub fn count(self, span: Range<usize>) -> usize {
        let (mut at, mut count) = (span.start, 0);
        while at < span.end {
            at = entry_end(self.bytes, at);
            count += 1;
        }
        count
    }

    #[inline]
    fn some(self, at: usize) -> Option<usize> {
        (at < self.end()).then_some(at)
    }

    /// The position of the entry that ends where `at` is.
    #[inline]
    fn before(self, at: usize) -> usize {
        let (body, backlen) = decode_backlen(self.bytes, at);
        at - backlen - body
    }

    /// The bytes the entry takes, its backlen included.
    #[inline]
    pub fn entry_len(self, at: usize) -> usize {
        entry_end(self.bytes, at) - at
    }

    /// Panics if an invariant is broken.
    pub fn check(self) {
        assert_eq!(validate(self.bytes), Ok(self.len()));
    }
}

impl std::fmt::Debug for Listpack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Listpack<'a> {
    type Item = Value<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

fn stored_count(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}
