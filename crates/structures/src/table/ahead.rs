//! Asking for what a lookup will touch, before it does: in two stages, each a wait for memory.

use super::Table;
use super::bucket::Bucket;
use super::segment::Segment;
use crate::prefetch::prefetch;

impl Table {
    /// First stage: asks for the bucket this hash belongs in.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        let position = self.position(hash);
        if let Some(segment) = self.segment(position) {
            segment.prefetch_bucket(position);
        }
    }

    /// For an insert, which also counts the entry in its segment.
    #[inline]
    pub fn prefetch_place(&self, hash: u64) {
        let position = self.position(hash);
        if let Some(segment) = self.segment(position) {
            segment.prefetch_place(position);
        }
    }

    /// Second stage: looks for the tag and asks for the first two lines of the entry.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let position = self.position(hash);
        if let Some(segment) = self.segment(position) {
            segment.prefetch_entry(position);
        }
    }
}

impl Segment {
    #[inline(always)]
    pub(super) fn prefetch_bucket(&self, position: u64) {
        let tag = self.tag(position);
        let index = if self.homes() == 0 { 0 } else { self.home(tag) };
        // The preferred line holds nine of ten entries. The other one holds the header; leaving it
        // out gained nothing measurable.
        self.bucket(index).prefetch_line(usize::from(tag & 1));
        self.bucket(index).prefetch_line(usize::from(!tag & 1));
    }

    #[inline(always)]
    pub(super) fn prefetch_place(&self, position: u64) {
        self.prefetch_bucket(position);
        self.bucket(0).prefetch_line(0);
    }

    #[inline(always)]
    pub(super) fn prefetch_entry(&self, position: u64) {
        let tag = self.tag(position);
        if self.homes() == 0 {
            prefetch_tagged(self.bucket(0), tag, Segment::slot_lanes(0));
            return;
        }
        let home = self.home(tag);
        let bucket = self.bucket(home);
        let lanes = Segment::slot_lanes(home);
        if !prefetch_tagged(bucket, tag, lanes) && bucket.next_count() > 0 {
            prefetch_tagged(self.bucket(self.next(home)), tag, lanes);
        }
    }
}

/// Prefetches what the slots with this tag point to. True if there was one. The caller need not
/// hold the lock: the addresses may be stale.
#[inline(always)]
fn prefetch_tagged(bucket: &Bucket, tag: u16, slot_lanes: u32) -> bool {
    let preferred = usize::from(tag & 1);
    for line in [preferred, 1 - preferred] {
        let found = bucket.peek_lanes_with_tag(line, tag) & slot_lanes >> (8 * line);
        if found != 0 {
            let entry = bucket.slot(line * 8 + found.trailing_zeros() as usize).address();
            prefetch(entry);
            prefetch(entry.wrapping_add(64));
            return true;
        }
    }
    false
}
