//! SCAN: every entry exactly once, whatever happens to the table meanwhile.
//!
//! A cursor is a position: the entries before it have been returned, the others not. A step
//! returns the entries *belonging* in one home bucket, wherever they lie, and the cursor becomes
//! the first position of the next bucket. Buckets may since have other bounds, so a step leaves
//! out what is before the cursor. Growing, splitting, shrinking and moving to a neighbour change
//! where an entry lies, never its position: so an entry that is there throughout is returned once.
//!
//! A tag may be too short to tell on which side of a cursor its entry is, after the segment that
//! cursor came from was merged. Only then, for one tag in 65,536, is the entry asked for its hash.

use super::segment::Segment;
use super::slot::Word;
use super::{COLOUR_A, Entries, Entry, Table};
use crate::prefetch::prefetch;

impl Table {
    /// Hands the entries at the cursor, with their flags, to `f`: those of one bucket, possibly
    /// none. Begins at 0 and returns the next cursor, 0 when all have been handed over.
    ///
    /// A cursor's top bits are the first bits of the hash below the shard bits.
    pub fn scan(&self, cursor: u64, entries: &impl Entries, mut f: impl FnMut(Entry, u8)) -> u64 {
        self.visit(cursor, entries, |_, _, word| f(word.entry(), word.flags()))
    }

    /// Like [`Table::scan`]; `f` returns the colour the slot gets: [`COLOUR_A`] or none. Whoever
    /// gives colours reads the entries: their memory is asked for first, so that the waits overlap.
    pub fn scan_colours(
        &mut self,
        cursor: u64,
        entries: &impl Entries,
        mut f: impl FnMut(Entry, u8) -> u8,
    ) -> u64 {
        self.visit(cursor, entries, |_, _, word| prefetch(word.entry().as_ptr()));
        self.visit(cursor, entries, |segment, (index, lane), word| {
            let flags = word.flags() & !COLOUR_A | f(word.entry(), word.flags()) & COLOUR_A;
            segment.bucket(index).store(lane, word.with_flags(flags).0);
        })
    }

    fn visit(
        &self,
        cursor: u64,
        entries: &impl Entries,
        mut f: impl FnMut(Segment, (usize, usize), Word),
    ) -> u64 {
        let Some(segment) = self.segment(cursor) else { return 0 };
        let start_tag = segment.tag(cursor);
        // Bits of the cursor beyond the tag: it comes from a deeper segment.
        let is_between_tags = cursor.wrapping_shl(segment.depth()) << 16 != 0;
        let home = if segment.homes() == 0 { 0 } else { segment.home(start_tag) };
        let mut visit_bucket = |index: usize| {
            for (lane, word) in segment.slots(index) {
                let tag = word.tag();
                let belongs = segment.homes() == 0 || segment.home(tag) == home;
                let is_ahead = tag > start_tag
                    || tag == start_tag
                        && (!is_between_tags
                            || entries.hash(word.entry()) << self.shard_bits >= cursor);
                if belongs && is_ahead {
                    f(segment, (index, lane), word);
                }
            }
        };
        if segment.homes() == 0 {
            segment.stash().for_each(visit_bucket);
            return segment.end(cursor);
        }
        visit_bucket(home);
        let bucket = segment.bucket(home);
        if bucket.next_count() > 0 {
            visit_bucket(segment.next(home));
        }
        if bucket.stash_count() > 0 {
            segment.stash().for_each(visit_bucket);
        }
        segment.home_end(cursor, home)
    }
}
