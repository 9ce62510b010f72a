//! Looking ahead without the lock, only to warm the cache.
//!
//! A worker that has parsed a batch of requests hashes their keys and asks for the buckets, a
//! little later for the entries, and only then locks and executes: by then everything is on its
//! way from memory. The table may change meanwhile, also while someone looks.
//!
//! ```text
//!   owner (has the lock)                      peeker (has a pinned epoch)
//!   mutate, link new segments ----release---> directory word, slot words   (atomics)
//!   publish(&mut table):
//!      1 store the root       ----release---> root
//!      2 defer freeing what is now unreachable until all peekers of today have unpinned
//! ```
//!
//! (1) Whatever a peeker reads is an atomic, or was written before the word that led to it.
//! (2) Memory that left the table is kept until the next publish and only then handed to the
//!     epoch collector: so a peeker that still sees the old root was pinned before.
//! (3) A peeker never reads an entry. It prefetches its address, which may be stale: prefetching
//!     never faults.

use super::bucket::{Bucket, prefetch};
use super::directory::Directory;
use super::segment::Segment;
use super::{Reclaim, Table};
use crossbeam_epoch::Guard;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The root of a table as last published: what threads without the lock start from.
#[derive(Default)]
pub struct Peek(AtomicU64);

impl Peek {
    /// Leads nowhere until something is published.
    pub const fn new() -> Peek {
        Peek(AtomicU64::new(0))
    }

    /// Shows the table as it is now. The lock holder calls this after each change; it stores only
    /// if the root moved, and lets memory go that left the table since the last time.
    ///
    /// # Safety
    /// The table is this `Peek`'s only one and this is its only `Peek`: before the table is
    /// dropped or published elsewhere, another one is published here, or [`Peek::clear`] called.
    #[inline]
    pub unsafe fn publish(&self, table: &mut Table) {
        assert!(table.reclaim == Reclaim::Deferred, "others may look only if freeing waits");
        if self.0.load(Relaxed) != table.root {
            self.0.store(table.root, Release);
        }
        table.free_retired();
    }

    /// Leads nowhere again. The table may be dropped then.
    pub fn clear(&self) {
        self.0.store(0, Release);
    }

    /// First stage: asks for the bucket this hash belongs in. `shard_bits` are the table's.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64, shard_bits: u32, _pinned: &Guard) {
        let position = hash << shard_bits;
        let Some(segment) = self.segment(position) else { return };
        let tag = segment.tag(position);
        let index = if segment.homes() == 0 { 0 } else { segment.home(tag) };
        // The preferred line holds nine of ten entries. The other one holds the header; leaving it
        // out gained nothing measurable.
        segment.bucket(index).prefetch_line(usize::from(tag & 1));
        segment.bucket(index).prefetch_line(usize::from(!tag & 1));
    }

    /// Second stage: looks for the tag and asks for the first two lines of the entry.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64, shard_bits: u32, _pinned: &Guard) {
        let position = hash << shard_bits;
        let Some(segment) = self.segment(position) else { return };
        let tag = segment.tag(position);
        if segment.homes() == 0 {
            prefetch_tagged(segment.bucket(0), tag, Segment::slot_lanes(0));
            return;
        }
        let home = segment.home(tag);
        let bucket = segment.bucket(home);
        let lanes = Segment::slot_lanes(home);
        if !prefetch_tagged(bucket, tag, lanes) && bucket.next_count() > 0 {
            prefetch_tagged(segment.bucket(segment.next(home)), tag, lanes);
        }
    }

    #[inline(always)]
    fn segment(&self, position: u64) -> Option<Segment> {
        let root = self.0.load(Acquire);
        Segment::of(match Directory::of(root) {
            None => root,
            Some(directory) => directory.load(directory.index(position)),
        })
    }
}

/// Prefetches what the slots with this tag point to. True if there was one.
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
