//! Expiry without an index: watermarks.
//!
//! ```text
//!   table     min_expire_ms                lower bound, exact after a whole walk
//!   segment   min_ms                       lower bound, in the first bucket
//!   bucket    watermark, 16 bits           lower bound, coarse: (ms - base_ms) as a small float
//! ```
//!
//! Setting an expiry lowers the three bounds above it. Removing or postponing one leaves them: they
//! are then earlier than need be, which costs one visit, and the visit corrects them. They are
//! never later ([`super`], invariant 3), so whoever walks the bounds finds *all* keys that are due,
//! and pays for segments that have one, not for keys.
//!
//! A code keeps 11 bits of the distance to the segment's base, rounded down:
//!
//! ```text
//!   code 0         at or before the base, perhaps long before
//!   1 .. 2047      base + code
//!   e:5 | m:11     base + ((2048 + m) << (e - 1))
//!   65535          never
//! ```
//!
//! The base moves to the present when a segment is opened, so what is near is known to the
//! millisecond, and what is a day away to a minute.
//!
//! An entry may expire in parts: a hash whose fields have expiries is due when the first of them
//! is. So the walk does not remove what is due, it asks the owner, who says [`Due::Gone`] or
//! [`Due::Stays`] with the next moment. One that stays and is still due, because the owner's budget
//! was spent, ends the slice, and the next slice begins with its bucket.

use super::segment::Segment;
use super::slot::Word;
use super::{Entries, Entry, HAS_TTL, Table};

const NEVER: u16 = 0xffff;
/// The farthest distance a code can tell, some 139 years; later counts as this.
const DISTANCE_MAX: u64 = 0xffe << 30;
/// A base older than this moves when its segment is opened: codes are then coarser than 16 ms.
const BASE_AGE_MAX_MS: u64 = 1 << 15;

/// A lower bound of `expire_ms`, for a bucket of a segment with this base.
pub(super) fn encode(expire_ms: u64, base_ms: u64) -> u16 {
    if expire_ms == u64::MAX {
        return NEVER;
    }
    let distance = expire_ms.saturating_sub(base_ms).min(DISTANCE_MAX);
    if distance < 2048 {
        return distance as u16;
    }
    let exponent = distance.ilog2() - 11;
    ((exponent + 1) << 11) as u16 | (distance >> exponent) as u16 & 0x7ff
}

/// The moment a code stands for; `u64::MAX` for never.
pub(super) fn decode(code: u16, base_ms: u64) -> u64 {
    match (code, code >> 11) {
        (0, _) => 0,
        (NEVER, _) => u64::MAX,
        (_, 0) => base_ms.saturating_add(u64::from(code)),
        (_, e) => base_ms.saturating_add((u64::from(code & 0x7ff) | 0x800) << (e - 1)),
    }
}

/// What the owner made of an entry that was due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// It has freed the entry, or will: the slot is emptied.
    Gone,
    /// The slot holds this entry from now on, the same or another one with the same hash, which
    /// expires at this moment (unix ms). None: no more; the slot loses
    /// [`HAS_TTL`](super::HAS_TTL).
    Stays(Entry, Option<u64>),
}

/// The walk in progress that [`Table::expire_due`] continues.
pub(super) struct Walk {
    /// Lower bound of what the walk has passed.
    min_ms: u64,
    /// Where it stands. Another cursor comes from another walk, which proves nothing.
    cursor: u64,
}

impl Walk {
    /// No cursor is all ones: it would lie behind the last bucket's first position.
    pub(super) const NONE: Walk = Walk { min_ms: 0, cursor: u64::MAX };

    /// This segment, which begins at `start`, is about to be split. If the walk stands within it, what
    /// it has passed there may get a segment of its own behind the cursor, which it does not see.
    pub(super) fn keep_bound_of(&mut self, start: u64, segment: Segment) {
        if self.cursor != start && segment.start(self.cursor) == start {
            self.min_ms = self.min_ms.min(segment.min_ms());
        }
    }
}

impl Table {
    /// The entry in this bucket expires at this moment, if no earlier one does.
    pub(super) fn note(&mut self, segment: Segment, index: usize, expire_ms: u64) {
        segment.note_expire(index, expire_ms);
        self.min_expire_ms = self.min_expire_ms.min(expire_ms);
        self.walk.min_ms = self.walk.min_ms.min(expire_ms);
    }

    /// No entry expires before this moment. None when no entry expires at all.
    pub fn next_expire_ms(&self) -> Option<u64> {
        (self.ttl_len > 0).then_some(self.min_expire_ms)
    }

    /// Hands over, with their flags, the entries whose expiry lies before `now_ms`; `due` says what becomes of each.
    /// (Redis too lets a key live through the millisecond it expires in.)
    ///
    /// Works until `budget` is used up: one for each segment looked at, bucket opened and entry
    /// handed over, and what `due` takes off it; it may be overdrawn by a few buckets. Begin with
    /// cursor 0. True when the walk is complete, the cursor 0 again; else call again to go on.
    ///
    /// A complete walk has found all due entries of a table that did not change between its
    /// slices. What a change moved behind the cursor is found by the next walk. An entry that
    /// stays due must have got nearer its end, or the walk never gets past it.
    pub fn expire_due(
        &mut self,
        now_ms: u64,
        cursor: &mut u64,
        budget: &mut usize,
        entries: &impl Entries,
        mut due: impl FnMut(Entry, u8, &mut usize) -> Due,
    ) -> bool {
        if *cursor == 0 {
            if self.ttl_len == 0 || self.min_expire_ms >= now_ms {
                return true;
            }
            self.walk = Walk { min_ms: u64::MAX, cursor: 0 };
        }
        let is_same_walk = *cursor == self.walk.cursor;
        while let Some(segment) = self.segment(*cursor) {
            if *budget == 0 {
                self.stop_walk(is_same_walk, *cursor);
                return false;
            }
            *budget -= 1;
            if segment.min_ms() < now_ms {
                let resume =
                    self.expire_segment(segment, now_ms, *cursor, budget, entries, &mut due);
                if let Some(resume) = resume {
                    *cursor = resume;
                    self.stop_walk(is_same_walk, resume);
                    return false;
                }
            }
            self.walk.min_ms = self.walk.min_ms.min(segment.min_ms());
            let (start, end) = (segment.start(*cursor), segment.end(*cursor));
            self.shrink(start);
            // It may have merged with one not yet visited: that visit begins at the common start.
            *cursor = match self.segment(start) {
                Some(merged) if merged.end(start) != end => merged.start(start),
                _ if end == 0 => break,
                _ => end,
            };
        }
        *cursor = 0;
        if is_same_walk && self.len > 0 {
            self.min_expire_ms = self.walk.min_ms;
        }
        self.walk = Walk::NONE;
        true
    }

    fn stop_walk(&mut self, is_same_walk: bool, cursor: u64) {
        self.walk.cursor = if is_same_walk { cursor } else { u64::MAX };
    }

    /// Opens a segment from the bucket at the cursor on. Where to resume if the budget ran out.
    fn expire_segment(
        &mut self,
        segment: Segment,
        now_ms: u64,
        cursor: u64,
        budget: &mut usize,
        entries: &impl Entries,
        due: &mut impl FnMut(Entry, u8, &mut usize) -> Due,
    ) -> Option<u64> {
        segment.rebase(now_ms);
        // The stash goes with the first home, so that each slice gets ahead.
        let from_start = cursor == segment.start(cursor);
        let first_home = if from_start { 1 } else { segment.home(segment.tag(cursor)) };
        let mut min_ms = u64::MAX;
        for index in segment.stash().chain(1..=segment.homes()) {
            let bucket = segment.bucket(index);
            let is_passed = if segment.is_stash(index) { !from_start } else { index < first_home };
            let until_ms = decode(bucket.watermark(), segment.base_ms());
            if is_passed || until_ms >= now_ms {
                min_ms = min_ms.min(until_ms);
                continue;
            }
            if *budget == 0 && index > first_home && !segment.is_stash(index) {
                return Some(segment.home_end(cursor, index - 1));
            }
            *budget = budget.saturating_sub(1);
            let bucket_min_ms = self.expire_bucket(segment, index, now_ms, budget, entries, due);
            bucket.set_watermark(encode(bucket_min_ms, segment.base_ms()));
            if bucket_min_ms < now_ms {
                *budget = 0;
                let is_first = segment.is_stash(index) || index == first_home;
                return Some(if is_first { cursor } else { segment.home_end(cursor, index - 1) });
            }
            min_ms = min_ms.min(bucket_min_ms);
        }
        segment.set_min_ms(min_ms);
        None
    }

    /// Hands over what is due in one bucket. The earliest expiry of the rest.
    fn expire_bucket(
        &mut self,
        segment: Segment,
        index: usize,
        now_ms: u64,
        budget: &mut usize,
        entries: &impl Entries,
        due: &mut impl FnMut(Entry, u8, &mut usize) -> Due,
    ) -> u64 {
        let mut min_ms = u64::MAX;
        for (lane, word) in segment.slots(index).filter(|(_, word)| word.has_ttl()) {
            let expire_ms = entries.expire_ms(word.entry());
            if expire_ms >= now_ms {
                min_ms = min_ms.min(expire_ms);
                continue;
            }
            *budget = budget.saturating_sub(1);
            match due(word.entry(), word.flags(), budget) {
                Due::Gone => {
                    self.vacate(segment, index, lane);
                }
                Due::Stays(entry, next_ms) => {
                    let flags = if next_ms.is_some() { HAS_TTL } else { 0 };
                    let word = Word::new(word.tag(), entry, word.flags() & !HAS_TTL | flags);
                    self.store(segment, index, lane, word);
                    min_ms = min_ms.min(next_ms.unwrap_or(u64::MAX));
                }
            }
        }
        min_ms
    }
}

impl Segment {
    /// Counts the watermarks from now on, so that near ones are exact.
    fn rebase(&self, now_ms: u64) {
        let old_ms = self.base_ms();
        if now_ms.abs_diff(old_ms) <= BASE_AGE_MAX_MS {
            return;
        }
        self.set_base_ms(now_ms);
        for (_, bucket) in self.buckets() {
            bucket.set_watermark(encode(decode(bucket.watermark(), old_ms), now_ms));
        }
    }
}
