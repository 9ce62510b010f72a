//! The directory: from the top bits of a position to a segment.
//!
//! ```text
//!   depth 2      00 --> segment A (depth 1)        The word of a segment says how deep it is,
//!                01 --> segment A                  so the same segment may stand in several
//!                10 --> segment B (depth 2)        adjacent words: a run.
//!                11 --> segment C (depth 2)
//! ```
//!
//! The table's root is one word too: 0 for the empty table, a segment's word while there is only
//! one, else `DIRECTORY | address | depth`. So small tables have no directory, and a lookup
//! learns the shape of everything on its way from two words.
//!
//! What is taken out of the table goes to `retired` and is freed by [`Table::free_retired`]: at
//! once, or, when others may be looking, after the new root was published (see `peek.rs`).

use super::expire::Walk;
use super::segment::{ADDRESS, DEPTH, DIRECTORY, Segment};
use super::{Reclaim, Table};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Handle of a directory. Copies name the same memory.
#[derive(Clone, Copy)]
pub(super) struct Directory {
    words: NonNull<AtomicU64>,
    depth: u32,
}

impl Directory {
    fn allocate(depth: u32) -> Directory {
        let layout = Self::layout(depth);
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(words) = NonNull::new(memory.cast()) else { handle_alloc_error(layout) };
        assert!(memory.expose_provenance() as u64 & !ADDRESS == 0, "addresses have 48 bits");
        Directory { words, depth }
    }

    /// # Safety
    /// Nobody may look at it again.
    unsafe fn free(self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.words.as_ptr().cast(), Self::layout(self.depth)) }
    }

    fn layout(depth: u32) -> Layout {
        Layout::from_size_align(8 << depth, 64).expect("depth is bounded by the number of entries")
    }

    /// None when the root is a segment's word or empty.
    #[inline(always)]
    pub(super) fn of(root: u64) -> Option<Directory> {
        if root & DIRECTORY == 0 {
            return None;
        }
        let address = (root & ADDRESS) as usize;
        let words = NonNull::new(std::ptr::with_exposed_provenance_mut(address))
            .expect("a directory has an address");
        Some(Directory { words, depth: (root & DEPTH) as u32 })
    }

    fn root(self) -> u64 {
        DIRECTORY | self.words.as_ptr().addr() as u64 | u64::from(self.depth)
    }

    pub(super) fn depth(self) -> u32 {
        self.depth
    }

    pub(super) fn len(self) -> usize {
        1 << self.depth
    }

    #[inline(always)]
    pub(super) fn index(self, position: u64) -> usize {
        position.wrapping_shr(64 - self.depth) as usize
    }

    /// The acquire matches the release in `store`: who sees a segment's word sees the segment.
    #[inline(always)]
    pub(super) fn load(self, index: usize) -> u64 {
        self.word(index).load(Acquire)
    }

    fn store(self, index: usize, word: u64) {
        self.word(index).store(word, Release);
    }

    #[inline(always)]
    fn word(&self, index: usize) -> &AtomicU64 {
        debug_assert!(index < self.len());
        // SAFETY: an index has `depth` bits; whoever holds a handle keeps the memory alive.
        unsafe { &*self.words.as_ptr().add(index) }
    }
}

/// Memory that left the table.
pub(super) enum Retired {
    Segment(u64),
    Directory(u64),
}

impl Retired {
    /// # Safety
    /// Nobody may look at it again.
    unsafe fn free(self) {
        match self {
            // SAFETY: as promised by the caller.
            Retired::Segment(word) => unsafe {
                Segment::of(word).expect("a segment's word").free();
            },
            // SAFETY: as promised by the caller.
            Retired::Directory(root) => unsafe {
                Directory::of(root).expect("a directory's word").free();
            },
        }
    }
}

impl Table {
    /// The word of the segment that holds this position.
    #[inline(always)]
    fn segment_word(&self, position: u64) -> u64 {
        match Directory::of(self.root) {
            None => self.root,
            Some(directory) => directory.load(directory.index(position)),
        }
    }

    /// None in an empty table.
    #[inline(always)]
    pub(super) fn segment(&self, position: u64) -> Option<Segment> {
        Segment::of(self.segment_word(position))
    }

    pub(super) fn depth(&self) -> u32 {
        Directory::of(self.root).map_or(0, Directory::depth)
    }

    /// All segments in hash order, each with the first position of its range.
    pub(super) fn segments(&self) -> impl Iterator<Item = (u64, Segment)> {
        let directory = Directory::of(self.root);
        let words = directory.map_or(1, Directory::len);
        let mut index = 0;
        std::iter::from_fn(move || {
            while index < words {
                let word = directory.map_or(self.root, |d| d.load(index));
                let shift = directory.map_or(0, |d| 64 - d.depth);
                let position = if shift == 0 { 0 } else { (index as u64) << shift };
                let Some(segment) = Segment::of(word) else {
                    // Empty table, or a word that was drained.
                    index += 1;
                    continue;
                };
                index += self.run_len(segment);
                return Some((position, segment));
            }
            None
        })
    }

    /// Words that name this segment.
    fn run_len(&self, segment: Segment) -> usize {
        1 << (self.depth() - segment.depth())
    }

    /// Makes the range of `segment` around a position lead to it.
    pub(super) fn link(&mut self, position: u64, segment: Segment) {
        let Some(directory) = Directory::of(self.root) else {
            self.root = segment.word();
            return;
        };
        let first = directory.index(segment.start(position));
        for index in first..first + self.run_len(segment) {
            directory.store(index, segment.word());
        }
    }

    pub(super) fn plant(&mut self) {
        let segment = self.allocate(0, 0, 0);
        self.root = segment.word();
    }

    pub(super) fn allocate(&mut self, depth: u32, homes: usize, extra: usize) -> Segment {
        let segment = Segment::allocate(depth, homes, extra);
        self.bytes += segment.bytes();
        self.buckets_max = self.buckets_max.max(segment.bucket_count() as u32);
        segment
    }

    /// Twice as many words, each segment's run twice as long.
    pub(super) fn double_directory(&mut self) {
        let old = Directory::of(self.root);
        let new = Directory::allocate(self.depth() + 1);
        match old {
            None => (0..2).for_each(|i| new.store(i, self.root)),
            Some(old) => (0..new.len()).for_each(|i| new.store(i, old.load(i / 2))),
        }
        self.deepest_count = 0;
        self.replace_directory(new.root());
    }

    /// Halves the directory while no segment needs all of its bits.
    pub(super) fn halve_directory(&mut self) {
        while self.deepest_count == 0
            && let Some(old) = Directory::of(self.root)
        {
            if old.depth == 1 {
                self.replace_directory(old.load(0));
                return;
            }
            let new = Directory::allocate(old.depth - 1);
            for index in 0..new.len() {
                let word = old.load(2 * index);
                new.store(index, word);
                self.deepest_count += u32::from(word & DEPTH == u64::from(new.depth));
            }
            self.replace_directory(new.root());
        }
    }

    fn replace_directory(&mut self, root: u64) {
        let old = std::mem::replace(&mut self.root, root);
        self.bytes += Directory::of(root).map_or(0, |d| 8 * d.len());
        self.retire_directory(old);
    }

    fn retire_directory(&mut self, root: u64) {
        if let Some(directory) = Directory::of(root) {
            self.bytes -= 8 * directory.len();
            self.retire(Retired::Directory(root));
        }
    }

    pub(super) fn retire_segment(&mut self, segment: Segment) {
        self.bytes -= segment.bytes();
        self.retire(Retired::Segment(segment.word()));
    }

    fn retire(&mut self, retired: Retired) {
        match self.reclaim {
            // SAFETY: it has left the table, and nobody but the owner looks at this one.
            Reclaim::Now => unsafe { retired.free() },
            Reclaim::Deferred => self.retired.push(retired),
        }
    }

    /// Frees what left the table as soon as nobody who might have seen it is pinned. Called when
    /// no [`super::Peek`] leads to it any more.
    pub(super) fn free_retired(&mut self) {
        if self.retired.is_empty() {
            return;
        }
        let guard = crossbeam_epoch::pin();
        for retired in self.retired.drain(..) {
            // SAFETY: unreachable now; whoever reached it before is pinned (invariant 4).
            unsafe { guard.defer_unchecked(move || retired.free()) };
        }
        // Else it would wait for dozens of others: half a megabyte of segments in each thread.
        guard.flush();
    }

    /// The first segment that was not drained yet, and the index of its first word.
    pub(super) fn undrained(&self) -> Option<(usize, Segment)> {
        let index = self.drained as usize;
        let word = match Directory::of(self.root) {
            None => self.root,
            Some(directory) if index < directory.len() => directory.load(index),
            Some(_) => return None,
        };
        Some((index, Segment::of(word).expect("words are drained in order")))
    }

    /// Takes a drained segment, whose run begins at this index, out of the table.
    pub(super) fn drop_run(&mut self, index: usize, segment: Segment) {
        match Directory::of(self.root) {
            None => self.root = 0,
            Some(directory) => {
                let end = index + self.run_len(segment);
                (index..end).for_each(|i| directory.store(i, 0));
                self.drained = end as u32;
            }
        }
        self.retire_segment(segment);
        if self.root == 0 {
            self.clear();
        }
    }

    /// Back to the empty table. Entries still inside are forgotten.
    pub(super) fn clear(&mut self) {
        let segments: Vec<Segment> = self.segments().map(|(_, segment)| segment).collect();
        let root = std::mem::replace(&mut self.root, 0);
        segments.into_iter().for_each(|segment| self.retire_segment(segment));
        self.retire_directory(root);
        assert!(self.bytes == 0, "all memory was accounted for");
        (self.len, self.ttl_len, self.deepest_count) = (0, 0, 0);
        (self.buckets_max, self.drained) = (0, 0);
        self.min_expire_ms = u64::MAX;
        self.walk = Walk::NONE;
    }
}
