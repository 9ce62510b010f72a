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
        if let Some(segment) = self.segment(position) {
            segment.prefetch_bucket(position);
        }
    }

    /// For an insert: like [`Peek::prefetch_bucket`], and where the segment counts its entries.
    #[inline]
    pub fn prefetch_place(&self, hash: u64, shard_bits: u32, _pinned: &Guard) {
        let position = hash << shard_bits;
        if let Some(segment) = self.segment(position) {
            segment.prefetch_place(position);
        }
    }

    /// Second stage: looks for the tag and asks for the first two lines of the entry.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64, shard_bits: u32, _pinned: &Guard) {
        let position = hash << shard_bits;
        if let Some(segment) = self.segment(position) {
            segment.prefetch_entry(position);
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
