//! One element in one record: what it is, and how it is laid out.
//!
//! ```text
//!  0        1, 3 or 9  +8 if it expires  +8 in a sorted set
//!  +--------+----------+-----------------+------------------+--------------+--------+-------+
//!  | header | length   | expiry, ms      | score            | member       | length | value |
//!  +--------+----------+-----------------+------------------+--------------+--------+-------+
//!    u8       0, 2, 8    i64               f64                               only in a hash
//!
//!  header   expires:1 | length of the member:7
//!           0 .. 125 is the length; 126: a u16 follows; 127: a u64 follows
//!  length   of the value: one byte below 254; 254: a u16 follows; 255: a u64 follows
//! ```
//!
//! Whether there is a score or a value is known from the table ([`Parts`]), whether there is an
//! expiry from the record. Nothing behind the header is aligned.

use super::{Entry, process_key};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// What a table's elements have besides their member.
pub trait Parts: 'static {
    const HAS_SCORE: bool;
    const HAS_VALUE: bool;
}

/// Elements of a set: members.
#[derive(Clone, Copy, Debug)]
pub enum Members {}
/// Elements of a hash: a field is a member, and has a value.
#[derive(Clone, Copy, Debug)]
pub enum Fields {}
/// Elements of a sorted set: members with a score.
#[derive(Clone, Copy, Debug)]
pub enum Scored {}

impl Parts for Members {
    const HAS_SCORE: bool = false;
    const HAS_VALUE: bool = false;
}

impl Parts for Fields {
    const HAS_SCORE: bool = false;
    const HAS_VALUE: bool = true;
}

impl Parts for Scored {
    const HAS_SCORE: bool = true;
    const HAS_VALUE: bool = false;
}

const EXPIRES: u8 = 0x80;
const NUMBER_BYTES: usize = 8;

/// A length in a byte, or behind the escapes `short_max + 1` (u16) and `short_max + 2` (u64).
struct Length {
    short_max: u8,
}

const MEMBER: Length = Length { short_max: 125 };
const VALUE: Length = Length { short_max: 253 };

impl Length {
    fn size(&self, len: usize) -> usize {
        match len {
            _ if len <= usize::from(self.short_max) => 1,
            0..=0xffff => 3,
            _ => 9,
        }
    }

    /// The length and its size, from its first byte at `at` with other bits masked out.
    ///
    /// # Safety
    /// A length written by [`Length::write`] lies there.
    #[inline(always)]
    unsafe fn read(&self, first: u8, at: NonNull<u8>) -> (usize, usize) {
        if first <= self.short_max {
            return (usize::from(first), 1);
        }
        // SAFETY: the escape says what follows.
        unsafe {
            if first == self.short_max + 1 {
                (usize::from(at.add(1).cast::<u16>().read_unaligned()), 3)
            } else {
                (at.add(1).cast::<u64>().read_unaligned() as usize, 9)
            }
        }
    }

    /// Writes the length; `bits` join its first byte. The size.
    ///
    /// # Safety
    /// `at` has room for `size(len)` bytes.
    unsafe fn write(&self, len: usize, bits: u8, at: NonNull<u8>) -> usize {
        let size = self.size(len);
        // SAFETY: as promised.
        unsafe {
            match size {
                1 => at.write(len as u8 | bits),
                3 => {
                    at.write((self.short_max + 1) | bits);
                    at.add(1).cast::<u16>().write_unaligned(len as u16);
                }
                _ => {
                    at.write((self.short_max + 2) | bits);
                    at.add(1).cast::<u64>().write_unaligned(len as u64);
                }
            }
        }
        size
    }
}

/// What a new record is made of; what the table has no part for is left out.
#[derive(Clone, Copy)]
pub(super) struct NewRecord<'a> {
    pub(super) member: &'a [u8],
    pub(super) expire_ms: Option<i64>,
    pub(super) score: f64,
    pub(super) value: &'a [u8],
}

impl<'a> NewRecord<'a> {
    pub(super) fn of_member(member: &'a [u8]) -> NewRecord<'a> {
        NewRecord { member, expire_ms: None, score: 0.0, value: &[] }
    }

    pub(super) fn bytes<P: Parts>(&self) -> usize {
        let len = self.member.len();
        let expire = if self.expire_ms.is_some() { NUMBER_BYTES } else { 0 };
        let score = if P::HAS_SCORE { NUMBER_BYTES } else { 0 };
        let value = if P::HAS_VALUE { VALUE.size(self.value.len()) + self.value.len() } else { 0 };
        MEMBER.size(len) + expire + score + len + value
    }

    /// # Safety
    /// `at` has room for [`NewRecord::bytes`].
    pub(super) unsafe fn write<P: Parts>(&self, at: NonNull<u8>) {
        let bits = if self.expire_ms.is_some() { EXPIRES } else { 0 };
        // SAFETY: `bytes` counts exactly what is written here; sources are borrowed, so they do
        // not overlap with memory that is ours alone.
        unsafe {
            let mut end = at.add(MEMBER.write(self.member.len(), bits, at));
            if let Some(ms) = self.expire_ms {
                end.cast::<i64>().write_unaligned(ms);
                end = end.add(NUMBER_BYTES);
            }
            if P::HAS_SCORE {
                end.cast::<f64>().write_unaligned(self.score);
                end = end.add(NUMBER_BYTES);
            }
            end.copy_from_nonoverlapping(NonNull::from(self.member).cast(), self.member.len());
            if P::HAS_VALUE {
                write_value(end.add(self.member.len()), self.value);
            }
        }
    }
}

/// # Safety
/// `at` has room for length and value, which lies elsewhere.
unsafe fn write_value(at: NonNull<u8>, value: &[u8]) {
    // SAFETY: as promised.
    unsafe {
        let start = at.add(VALUE.write(value.len(), 0, at));
        start.copy_from_nonoverlapping(NonNull::from(value).cast(), value.len());
    }
}

/// A borrowed element. It stays where it is until it is removed or, in a hash, changed.
pub struct Element<'a, P> {
    at: Entry,
    of: PhantomData<&'a P>,
}

impl<P> Clone for Element<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Element<'_, P> {}

impl<P: Parts> std::fmt::Debug for Element<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Element({})", self.member().escape_ascii())
    }
}

impl<'a, P: Parts> Element<'a, P> {
    /// The element behind a pointer from [`Element::raw`].
    ///
    /// # Safety
    /// For as long as `'a` it is not removed, and changed only through the same pointer.
    #[inline(always)]
    pub unsafe fn from_raw(at: Entry) -> Element<'a, P> {
        Element { at, of: PhantomData }
    }

    /// Its address. In a sorted set it is good until the element is removed.
    #[inline(always)]
    pub fn raw(self) -> Entry {
        self.at
    }

    #[inline(always)]
    fn header(self) -> u8 {
        // SAFETY: a record has a header.
        unsafe { self.at.read() }
    }

    #[inline(always)]
    pub(super) fn expires(self) -> bool {
        self.header() & EXPIRES != 0
    }

    /// Length of the member, and size of that length.
    #[inline(always)]
    fn length(self) -> (usize, usize) {
        // SAFETY: a record begins with its member's length.
        unsafe { MEMBER.read(self.header() & !EXPIRES, self.at) }
    }

    /// Where the score, or the member, begins.
    #[inline(always)]
    fn after_expire(self, length_size: usize) -> usize {
        length_size + if self.expires() { NUMBER_BYTES } else { 0 }
    }

    /// Where the member begins and how long it is.
    #[inline(always)]
    fn span(self) -> (usize, usize) {
        let (len, size) = self.length();
        (self.after_expire(size) + if P::HAS_SCORE { NUMBER_BYTES } else { 0 }, len)
    }

    /// The member, or the field.
    #[inline(always)]
    pub fn member(self) -> &'a [u8] {
        let (start, len) = self.span();
        // SAFETY: the member lies in the record, which lives and does not change for 'a.
        unsafe { std::slice::from_raw_parts(self.at.add(start).as_ptr(), len) }
    }

    /// When it expires, in unix milliseconds.
    pub fn expire_ms(self) -> Option<i64> {
        let (_, size) = self.length();
        // SAFETY: the header says that it is there.
        self.expires().then(|| unsafe { self.at.add(size).cast::<i64>().read_unaligned() })
    }

    /// # Safety
    /// No other borrow of the record is alive.
    pub(super) unsafe fn write_expire_ms(self, ms: i64) {
        assert!(self.expires(), "an expiry is rewritten in place only where there is one");
        let (_, size) = self.length();
        // SAFETY: it is there; exclusive as promised.
        unsafe { self.at.add(size).cast::<i64>().write_unaligned(ms) }
    }

    /// The hash under which the table knows it.
    pub fn hash(self) -> u64 {
        process_key().hash(self.member())
    }

    pub(super) fn bytes(self) -> usize {
        let (start, len) = self.span();
        let value = if P::HAS_VALUE {
            let (value_len, size) = self.value_length(start + len);
            size + value_len
        } else {
            0
        };
        start + len + value
    }

    #[inline(always)]
    fn value_length(self, at: usize) -> (usize, usize) {
        // SAFETY: only asked of tables with values, whose length follows the member.
        unsafe {
            let at = self.at.add(at);
            VALUE.read(at.read(), at)
        }
    }

    /// All that is in it, to be written elsewhere.
    pub(super) fn parts(self) -> NewRecord<'a> {
        NewRecord {
            member: self.member(),
            expire_ms: self.expire_ms(),
            score: if P::HAS_SCORE { self.read_score() } else { 0.0 },
            value: if P::HAS_VALUE { self.read_value() } else { &[] },
        }
    }

    #[inline(always)]
    fn read_score(self) -> f64 {
        let (_, size) = self.length();
        // SAFETY: only asked of tables with scores.
        unsafe { self.at.add(self.after_expire(size)).cast::<f64>().read_unaligned() }
    }

    #[inline(always)]
    fn read_value(self) -> &'a [u8] {
        let (start, len) = self.span();
        let at = start + len;
        let (value_len, size) = self.value_length(at);
        // SAFETY: the value lies in the record, which lives and does not change for 'a.
        unsafe { std::slice::from_raw_parts(self.at.add(at + size).as_ptr(), value_len) }
    }
}

impl<'a> Element<'a, Scored> {
    #[inline(always)]
    pub fn score(self) -> f64 {
        self.read_score()
    }

    /// Overwrites the score. It does not move.
    ///
    /// # Safety
    /// Nobody else is reading or writing the element.
    pub unsafe fn write_score(self, score: f64) {
        let (_, size) = self.length();
        let at = self.after_expire(size);
        // SAFETY: a scored element has its score there; exclusive as promised.
        unsafe { self.at.add(at).cast::<f64>().write_unaligned(score) }
    }
}

impl<'a> Element<'a, Fields> {
    #[inline(always)]
    pub fn value(self) -> &'a [u8] {
        self.read_value()
    }

    /// # Safety
    /// The record's memory holds the new value, which is none of its bytes, and no other borrow
    /// of the record is alive.
    pub(super) unsafe fn write_value(self, value: &[u8]) {
        let (start, len) = self.span();
        // SAFETY: as promised.
        unsafe { write_value(self.at.add(start + len), value) }
    }
}
