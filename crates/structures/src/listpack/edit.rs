//! Changing a listpack. The buffer holds a valid one before and after each function.
//!
//! Every position given is that of an entry, or the end where that makes sense. Nothing here gives
//! memory back: see [`crate::packed::shrink`].

use super::entry::{encode, entry_end};
use super::{BYTES_MAX, COUNT_UNKNOWN, EMPTY_LEN, END, HEADER_LEN, Listpack, Value, stored_count};
use crate::packed;

/// A listpack without entries.
pub fn new() -> Vec<u8> {
    let mut pack = Vec::new();
    packed::reserve(&mut pack, EMPTY_LEN);
    pack.extend_from_slice(Listpack::EMPTY.as_bytes());
    pack
}

/// Puts a value behind the last entry.
#[inline]
pub fn append<'v>(pack: &mut Vec<u8>, value: impl Into<Value<'v>>) {
    let end = pack.len() - 1;
    put(pack, end, 0, value.into());
    count_more(pack, 1);
}

/// Puts a value before the first entry.
#[inline]
pub fn prepend<'v>(pack: &mut Vec<u8>, value: impl Into<Value<'v>>) {
    insert(pack, HEADER_LEN, value);
}

/// Puts a value before the entry at `at`, or behind all if that is the end. The new entry's
/// position is `at`.
#[inline]
pub fn insert<'v>(pack: &mut Vec<u8>, at: usize, value: impl Into<Value<'v>>) {
    put(pack, at, 0, value.into());
    count_more(pack, 1);
}

/// Puts a value in the place of the entry at `at`.
#[inline]
pub fn replace<'v>(pack: &mut Vec<u8>, at: usize, value: impl Into<Value<'v>>) {
    let old_len = entry_end(pack, at) - at;
    put(pack, at, old_len, value.into());
}

/// Puts values behind the last entry.
pub fn extend<'v>(pack: &mut Vec<u8>, values: impl IntoIterator<Item = Value<'v>>) {
    for value in values {
        append(pack, value);
    }
}

/// Puts `count` entries, as [`Listpack::raw`] gave them, behind the last entry.
pub fn append_entries(pack: &mut Vec<u8>, raw: &[u8], count: usize) {
    packed::reserve(pack, raw.len());
    pack.pop();
    pack.extend_from_slice(raw);
    pack.push(END);
    assert!(pack.len() <= BYTES_MAX, "a listpack stays below a gibibyte");
    count_more(pack, count);
}

/// Removes the entry at `at`, which is then the position of the next one or the end.
pub fn delete(pack: &mut Vec<u8>, at: usize) {
    let end = entry_end(pack, at);
    remove(pack, at, end, 1);
}

/// Removes up to `count` entries, the one at `at` (or the end) being the first; gives how many.
pub fn delete_many(pack: &mut Vec<u8>, at: usize, count: usize) -> usize {
    let (mut end, mut removed) = (at, 0);
    while removed < count && pack[end] != END {
        end = entry_end(pack, end);
        removed += 1;
    }
    remove(pack, at, end, removed);
    removed
}

/// Removes up to `count` entries from an index on, negative ones counting from the last entry as
/// -1; gives how many.
pub fn delete_range(pack: &mut Vec<u8>, index: i64, count: usize) -> usize {
    match Listpack::new(pack).nth(index) {
        Some(at) => delete_many(pack, at, count),
        None => 0,
    }
}

/// Removes the entries from position `from` up to, without, `to`; gives how many.
pub fn delete_span(pack: &mut Vec<u8>, from: usize, to: usize) -> usize {
    let count = Listpack::new(pack).count(from..to);
    remove(pack, from, to, count);
    count
}

/// Removes, for each of the ascending positions, the entry there and those after it, `group` in
/// all (2: a field and its value). One pass, however many they are.
pub fn delete_groups(pack: &mut Vec<u8>, positions: &[usize], group: usize) {
    let Some(&first) = positions.first() else { return };
    let (mut write, mut removed) = (first, 0);
    for (n, &at) in positions.iter().enumerate() {
        let mut kept_from = at;
        for _ in 0..group {
            if pack[kept_from] == END {
                break;
            }
            kept_from = entry_end(pack, kept_from);
            removed += 1;
        }
        let kept_to = positions.get(n + 1).copied().unwrap_or(pack.len());
        assert!(kept_from <= kept_to, "groups ascend and do not overlap");
        pack.copy_within(kept_from..kept_to, write);
        write += kept_to - kept_from;
    }
    pack.truncate(write);
    count_less(pack, removed);
}

/// Takes the entries from position `at` on out into a listpack of their own.
pub fn split_off(pack: &mut Vec<u8>, at: usize) -> Vec<u8> {
    let end = pack.len() - 1;
    let count = Listpack::new(pack).count(at..end);
    let mut tail = new();
    append_entries(&mut tail, &pack[at..end], count);
    remove(pack, at, end, count);
    tail
}

/// Writes the entry of `value` at `at`, over the `old_len` bytes there.
fn put(pack: &mut Vec<u8>, at: usize, old_len: usize, value: Value<'_>) {
    let new_len = value.entry_len();
    assert!(pack.len() + new_len <= BYTES_MAX, "a listpack stays below a gibibyte");
    if new_len > old_len {
        packed::open_gap(pack, at + old_len, new_len - old_len);
    } else if new_len < old_len {
        pack.drain(at + new_len..at + old_len);
    }
    encode(&mut pack[at..at + new_len], value);
}

fn remove(pack: &mut Vec<u8>, from: usize, to: usize, count: usize) {
    pack.drain(from..to);
    count_less(pack, count);
}

#[inline]
fn set_count(pack: &mut [u8], count: u16) {
    pack[..2].copy_from_slice(&count.to_le_bytes());
}

/// Counts entries that came. What no longer fits is unknown.
#[inline]
fn count_more(pack: &mut [u8], count: usize) {
    let sum = (usize::from(stored_count(pack)) + count).min(COUNT_UNKNOWN.into());
    set_count(pack, sum as u16);
}

/// Counts entries that went. An unknown count becomes known again only with nothing left, so that
/// removing stays cheap.
#[inline]
fn count_less(pack: &mut [u8], count: usize) {
    match stored_count(pack) {
        _ if pack.len() == EMPTY_LEN => set_count(pack, 0),
        COUNT_UNKNOWN => {}
        old => set_count(pack, old - count as u16),
    }
}
