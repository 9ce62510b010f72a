//! Growing and shrinking, one segment at a time.
//!
//! ```text
//!   full, up to some 64       re-lay into the next size, by tags         grow
//!   full, some 64 buckets     split by one more bit, reads all hashes    grow
//!   full, more expected       the same, up to eight times as large       grow, leap
//!   under 40 %                merge with its buddy if both are small,    shrink
//!                             else re-lay smaller, both by tags
//! ```
//!
//! The bit that decides a split is the top bit of the tag; the tag then moves up by one and takes
//! its new lowest bit from the whole hash. Merging drops that bit again, so it reads nothing.
//!
//! Hashes that cannot be told apart would grow a segment for ever. So a segment that is full below
//! half its capacity gets more stash instead, and the directory, which skewed hashes would double
//! without end, stays below a fixed share of the table: beyond, segments just grow.

use super::expire;
use super::segment::{Segment, buckets_max, next_size, shape, size_for};
use super::slot::Word;
use super::{Entries, Table};
use crate::prefetch::prefetch;

/// No table needs a deeper directory; leaves 16 bits of hash for tags.
const DEPTH_MAX: u32 = 40;
/// The directory may have one word for this many entries. Typically it has one for 300.
const ENTRIES_PER_WORD: usize = 32;
/// Where entries are expected, a segment grows to up to eight times its size at once.
const LEAP_BITS: u32 = 3;

impl Table {
    /// So many entries are to be expected in all, as far as is known; 0 when no more are. Segments
    /// then grow in fewer and larger steps. Takes no memory by itself.
    pub fn expect(&mut self, len: usize) {
        self.expected = len;
    }

    /// Makes the segment that holds this position roomier.
    pub(super) fn grow(&mut self, position: u64, entries: &impl Entries) {
        let old = self.segment(position).expect("only a full segment grows");
        let (count, buckets) = (old.counts().0, old.bucket_count());
        if count * 2 < old.capacity() {
            self.lay_out(position, old, (old.homes(), old.extra() + 1));
        } else if let Some((bits, room)) = self.leap(position, old) {
            match bits {
                0 => self.lay_out(position, old, shape(size_for(room))),
                _ => self.split(position, old, (bits, room), entries),
            }
        } else if buckets >= buckets_max(position, old.depth()) && self.may_split(old) {
            self.split(position, old, (1, 0), entries);
        } else {
            self.lay_out(position, old, shape(next_size(buckets)));
        }
    }

    fn may_split(&self, segment: Segment) -> bool {
        let depth = segment.depth() + 1;
        let words_max = (self.len / ENTRIES_PER_WORD).max(2);
        depth <= DEPTH_MAX.min(48 - u32::from(self.shard_bits))
            && (depth <= self.depth() || 1 << depth <= words_max)
    }

    /// After a removal around this position.
    pub(super) fn shrink(&mut self, position: u64) {
        if self.len == 0 {
            return self.clear();
        }
        loop {
            let segment = self.segment(position).expect("the table is not empty");
            let (count, _) = segment.counts();
            if count * 5 >= segment.capacity() * 2 {
                return;
            }
            if self.merge(position, segment) {
                continue;
            }
            let size = size_for(count);
            if size < segment.bucket_count() {
                self.lay_out(position, segment, shape(size));
            }
            return;
        }
    }

    /// Replaces a segment by one of another size.
    fn lay_out(&mut self, position: u64, old: Segment, shape: (usize, usize)) {
        let new = self.build(old.depth(), shape, |new| {
            new.set_counts(old.counts());
            new.set_base_ms(old.base_ms());
            new.set_min_ms(old.min_ms());
            old.pour(new, false, Some)
        });
        self.link(position, new);
        self.retire_segment(old);
    }

    /// How a full segment grows in a table that more entries are expected in: into how many more
    /// bits of the hash, and with room for how many entries in each part. Never more than some times
    /// what is there: who announces entries may lie.
    fn leap(&self, position: u64, old: Segment) -> Option<(u32, usize)> {
        if self.len >= self.expected {
            return None;
        }
        let count = old.counts().0;
        let room = (self.expected >> old.depth()).min(count << LEAP_BITS);
        let is_right = |bits: u32| {
            bits == LEAP_BITS || size_for(room >> bits) <= buckets_max(position, old.depth() + bits)
        };
        let bits = (0..=LEAP_BITS).find(|&bits| is_right(bits))?;
        let depth = old.depth() + bits;
        let words_max = (self.len << LEAP_BITS) / ENTRIES_PER_WORD;
        let may_split = depth <= DEPTH_MAX.min(48 - u32::from(self.shard_bits))
            && (depth <= self.depth() || 1 << depth <= words_max);
        (room >= count * 2 && (bits == 0 || may_split)).then_some((bits, room >> bits))
    }

    /// Replaces a segment by 2^`bits`, as many bits deeper, each with room for so many entries and
    /// for those it has.
    fn split(
        &mut self,
        position: u64,
        old: Segment,
        (bits, room): (u32, usize),
        entries: &impl Entries,
    ) {
        let depth = old.depth() + bits;
        while self.depth() < depth {
            self.double_directory();
        }
        let shift = self.shard_bits;
        let part_of = |word: Word| usize::from(word.tag() >> (16 - bits));
        let rehash = |word: Word| {
            let position = entries.hash(word.entry()) << shift;
            let tag = (position << old.depth() >> 48) as u16;
            assert!(word.tag() == tag, "an entry's hash never changes");
            word.with_tag((position << depth >> 48) as u16)
        };
        let mut counts = [(0, 0); 1 << LEAP_BITS];
        for word in old.words() {
            let count = &mut counts[part_of(word)];
            *count = (count.0 + 1, count.1 + usize::from(word.has_ttl()));
        }
        let start = old.start(position);
        self.walk.keep_bound_of(start, old);
        for (part, &count) in counts[..1 << bits].iter().enumerate() {
            let new = self.build(depth, shape(size_for(count.0.max(room))), |new| {
                new.set_counts(count);
                if count.1 > 0 {
                    new.set_base_ms(old.base_ms());
                    new.set_min_ms(old.min_ms());
                }
                old.pour(new, true, |word| (part_of(word) == part).then(|| rehash(word)))
            });
            self.link(start | (part as u64) << (64 - depth), new);
        }
        if depth == self.depth() {
            self.deepest_count += 1 << bits;
        }
        self.retire_segment(old);
    }

    /// Replaces a segment and its buddy by one, if both are small. True if it did.
    fn merge(&mut self, position: u64, segment: Segment) -> bool {
        let depth = segment.depth();
        if depth == 0 {
            return false;
        }
        let buddy_position = position ^ 1 << (64 - depth);
        let buddy = self.segment(buddy_position).expect("the table is not being drained");
        let sum = (segment.counts().0 + buddy.counts().0, segment.counts().1 + buddy.counts().1);
        // Half of what splits: far from having to split again.
        let buckets_merged_max = buckets_max(position, depth - 1) / 2;
        if buddy.depth() != depth || size_for(sum.0) > buckets_merged_max {
            return false;
        }
        let is_upper = position > buddy_position;
        let (lower, upper) = if is_upper { (buddy, segment) } else { (segment, buddy) };
        let new = self.build(depth - 1, shape(size_for(sum.0)), |new| {
            new.set_counts(sum);
            new.set_base_ms(lower.base_ms().min(upper.base_ms()));
            new.set_min_ms(lower.min_ms().min(upper.min_ms()));
            lower.pour(new, false, |word| Some(word.with_tag(word.tag() >> 1)))
                && upper.pour(new, false, |word| Some(word.with_tag(word.tag() >> 1 | 0x8000)))
        });
        let was_deepest = depth == self.depth();
        self.link(position, new);
        self.retire_segment(lower);
        self.retire_segment(upper);
        if was_deepest {
            self.deepest_count -= 2;
            self.halve_directory();
        }
        true
    }

    /// A new segment that `fill` filled; with more stash than asked for if it did not fit.
    fn build(
        &mut self,
        depth: u32,
        (homes, mut extra): (usize, usize),
        fill: impl Fn(Segment) -> bool,
    ) -> Segment {
        loop {
            let new = self.allocate(depth, homes, extra);
            if fill(new) {
                return new;
            }
            self.bytes -= new.bytes();
            // SAFETY: nobody has seen it.
            unsafe { new.free() };
            extra = (extra * 2).max(1);
        }
    }
}

impl Segment {
    /// Puts the slots that `to` keeps, as it rewrites them, into another segment, with their
    /// buckets' watermarks. False if one found no room. `reads` says that `to` reads entries:
    /// those of the next bucket are asked for while this one's are moved.
    fn pour(self, target: Segment, reads: bool, to: impl Fn(Word) -> Option<Word>) -> bool {
        let ask = |index| self.slots(index).for_each(|(_, word)| prefetch(word.address()));
        if reads {
            ask(0);
        }
        // Kept aside: a wide load right after a narrow store would wait for it each time.
        let mut empty: Vec<u16> =
            (0..target.bucket_count()).map(|index| target.empty_lanes(index) as u16).collect();
        for (index, bucket) in self.buckets() {
            if reads && index + 1 < self.bucket_count() {
                ask(index + 1);
            }
            let until_ms = expire::decode(bucket.watermark(), self.base_ms());
            let code = expire::encode(until_ms, target.base_ms());
            for (_, word) in self.slots(index) {
                let Some(word) = to(word) else { continue };
                let lanes = |index: usize| u32::from(empty[index]);
                let place =
                    target.place_near(word, lanes).or_else(|| target.place_in_stash(word, lanes));
                let Some((target_index, lane)) = place else { return false };
                empty[target_index] &= !(1 << lane);
                if word.has_ttl() {
                    target.lower_watermark(target_index, code);
                }
            }
        }
        true
    }
}
