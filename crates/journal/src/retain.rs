//! What the reservation lock guards: the blocks still held, who needs them, and when they go.
//!
//! Trimming happens where a block is added, where a reader leaves one, and where the backlog
//! shrinks; never per record. A trimmed block that nobody reads any more becomes the spare one, so
//! that a journal in steady state allocates nothing. Whatever else falls out is handed to the
//! caller, who drops it after unlocking.

use std::collections::VecDeque;
use std::sync::Arc as Owner;

use smallvec::SmallVec;

use crate::block::Block;
use crate::moments::Moments;
use crate::reader::Slot;
use crate::sync::{Arc, Ordering};

/// The blocks of one reservation, in order. They live until it is published: lib.rs (5).
pub(crate) type Route = SmallVec<[*const Block; 2]>;

/// Blocks to drop outside the lock.
pub(crate) type Trimmed = Vec<Arc<Block>>;

/// Below this a block is mostly overhead; Redis too starts at 16 KiB.
const BLOCK_BYTES_MIN: usize = 16 << 10;

pub(crate) struct State {
    /// The database the stream stands in; `None` forces a SELECT.
    pub(crate) db: Option<u32>,
    /// Whether a reader sleeps and the next record has to wake it.
    pub(crate) is_armed: bool,
    /// Counts restarts: a reader of an earlier epoch has lost its stream.
    pub(crate) epoch: u64,
    pub(crate) readers: Vec<Owner<Slot>>,
    pub(crate) backlog_bytes: u64,
    pub(crate) moments: Moments,
    /// Where the last block ends; 0 without blocks.
    pub(crate) end: u64,
    blocks: VecDeque<Arc<Block>>,
    spare: Option<Arc<Block>>,
    block_bytes_max: usize,
    /// A watermark seen earlier; saves looking at every worker's word at each block.
    published: u64,
}

impl State {
    pub(crate) fn new(backlog_bytes: u64, block_bytes_max: usize) -> State {
        assert!(block_bytes_max > 0, "a block holds something");
        State {
            db: None,
            is_armed: false,
            epoch: 0,
            readers: Vec::new(),
            backlog_bytes,
            moments: Moments::default(),
            end: 0,
            blocks: VecDeque::new(),
            spare: None,
            block_bytes_max,
            published: 0,
        }
    }

    /// The size of the next block: small backlogs are not rounded up to a large block.
    pub(crate) fn block_bytes(&self) -> usize {
        let low = BLOCK_BYTES_MIN.min(self.block_bytes_max);
        usize::try_from(self.backlog_bytes / 8)
            .unwrap_or(usize::MAX)
            .clamp(low, self.block_bytes_max)
    }

    /// The blocks of the range `[start, end)`, adding what is missing from `fresh`, the spare block
    /// or the allocator.
    #[inline]
    pub(crate) fn route(&mut self, start: u64, end: u64, fresh: &mut Trimmed) -> Route {
        if end > self.end {
            return self.extend(start, end, fresh);
        }
        let mut route = Route::new();
        route.push(&raw const **self.blocks.back().expect("the last block ends at `end`"));
        route
    }

    #[cold]
    fn extend(&mut self, start: u64, end: u64, fresh: &mut Trimmed) -> Route {
        let mut route = Route::new();
        match self.blocks.back() {
            Some(last) if start < self.end => route.push(&raw const **last),
            Some(_) => assert!(start == self.end, "the last block holds the tail"),
            None => self.end = start,
        }
        while self.end < end {
            let block_bytes = self.block_bytes();
            let mut block = (fresh.pop().or_else(|| self.spare.take()))
                .filter(|block| block.len() == block_bytes)
                .unwrap_or_else(|| Arc::new(Block::new(block_bytes)));
            Arc::get_mut(&mut block).expect("an unused block is not shared").place(self.end);
            self.end = block.end();
            route.push(&raw const *block);
            self.blocks.push_back(block);
        }
        route
    }

    pub(crate) fn has_spare(&self) -> bool {
        self.spare.is_some()
    }

    /// Keeps `block` for the next extension, and gives back what is not needed.
    pub(crate) fn offer_spare(&mut self, mut block: Arc<Block>) -> Option<Arc<Block>> {
        let is_fit = block.len() == self.block_bytes() && Arc::get_mut(&mut block).is_some();
        // Off, nothing is held: the offer may come from a writer that was late.
        if !is_fit || self.has_spare() || self.readers.is_empty() {
            return Some(block);
        }
        self.spare = Some(block);
        None
    }

    /// The offset below which nobody needs anything: lib.rs (6).
    fn floor(&self, tail: u64) -> u64 {
        let lag_floor = |slot: &Owner<Slot>| {
            let lag = slot.lag_bytes.load(Ordering::Relaxed);
            slot.position.load(Ordering::Relaxed).max(tail.saturating_sub(lag))
        };
        let backlog_floor = tail.saturating_sub(self.backlog_bytes);
        self.readers.iter().map(lag_floor).fold(backlog_floor, u64::min)
    }

    /// The first offset a reader may still ask for.
    pub(crate) fn first_offset(&self, tail: u64) -> u64 {
        let first_held = self.blocks.front().map_or(tail, |block| block.start());
        self.floor(tail).max(first_held)
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.blocks.iter().chain(&self.spare).map(|block| block.len()).sum()
    }

    pub(crate) fn find(&self, offset: u64) -> Option<&Arc<Block>> {
        let after = self.blocks.partition_point(|block| block.start() <= offset);
        self.blocks.get(after.checked_sub(1)?).filter(|block| block.contains(offset))
    }

    /// Lets go of the blocks nobody needs. The last block stays, it holds the tail.
    pub(crate) fn trim(&mut self, tail: u64, watermark: impl FnOnce() -> u64) -> Trimmed {
        let mut trimmed = Trimmed::new();
        let ends_below = |state: &State, bound: u64| {
            state.blocks.len() > 1 && state.blocks.front().is_some_and(|b| b.end() <= bound)
        };
        let floor = self.floor(tail);
        if self.published < floor && ends_below(self, floor) {
            self.published = watermark();
        }
        while ends_below(self, floor.min(self.published)) {
            let block = self.blocks.pop_front().expect("there is more than one");
            trimmed.extend(self.offer_spare(block));
        }
        trimmed
    }

    /// Lets go of everything. The caller has seen the watermark reach the tail.
    pub(crate) fn clear(&mut self) -> Trimmed {
        self.end = 0;
        self.published = 0;
        self.db = None;
        self.moments.clear();
        self.blocks.drain(..).chain(self.spare.take()).collect()
    }

    /// Panics when an invariant of lib.rs is broken.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn check(&self, tail: u64) {
        for (a, b) in self.blocks.iter().zip(self.blocks.iter().skip(1)) {
            assert_eq!(a.end(), b.start(), "(5) blocks are contiguous");
        }
        if let Some(last) = self.blocks.back() {
            assert!(
                last.start() <= tail && tail <= last.end(),
                "(5) the last block holds the tail"
            );
            assert_eq!(last.end(), self.end);
        }
        let held = self.blocks.iter().map(|b| b.len() as u64).sum::<u64>();
        let needed = tail - self.floor(tail);
        assert!(held <= needed + 3 * self.block_bytes_max as u64, "(6) memory is bounded");
        assert!(!self.readers.is_empty() || held == 0, "(7) an idle journal holds nothing");
    }
}
