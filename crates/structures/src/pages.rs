//! The pool of pages: memory that is touched at random, on huge pages.
//!
//! A lookup in a big keyspace touches two or three random cache lines. On pages of 4 KiB nearly
//! each of them also misses the TLB, and in a virtual machine that miss walks two page tables:
//! measured, a fifth of all the time of a pipelined GET. We never fork, so nothing is ever copied
//! because of a write, and huge pages are ours to use: chunks of 2 MiB, aligned, for which the
//! kernel is asked to use them. It may refuse; nothing but speed depends on it.
//!
//! ```text
//!   chunk  2 MiB = 32 blocks of 64 KiB, each of 64 units of 1 KiB, a bit for each unit
//!
//!   block    0         1         2                      30        31
//!         | region  | region  | free ....... free  | 5 | 7 | 6 | 8 | ... |
//!           heap regions: whole blocks  ->              <-  table segments: runs in a block
//! ```
//!
//! [`take`] hands out a run of 1 to 64 adjacent units within one block. So a run of 64 is a block
//! and aligned as such, which the heap needs, and a map of a block is one word. Whole blocks come
//! from the front of a chunk, shorter runs from the block with the least room that suffices, or
//! else from the last one free: the two kinds keep out of each other's way. Among chunks, too,
//! the one is taken whose longest run is the shortest that suffices, and the lowest of these.
//!
//! All of this is behind one mutex. A caller comes once for hundreds of records or entries, and
//! frees come from any thread (a table's memory is freed by whoever collects the epoch).
//!
//! # Invariants
//!
//! (1) A unit's bit is set exactly while nobody has the unit.
//! (2) `longest` of a block is the longest run of its map.
//! (3) `by_room` holds each chunk once, under the longest run of its blocks.
//! (4) At most one chunk is entirely free: it serves the next caller without a system call.
//!
//! # Limits
//!
//! Huge pages are resident as a whole: the last chunk costs up to 2 MiB that hold nothing yet.
//! So heaps and tables come here only once they are large, and a server of a few keys never does.
//! Runs do not cross blocks and segments change size, so a fifth of the blocks that hold segments
//! is unused: measured, 2 bytes for each entry of a growing table of 1 to 2 million.
//! Nothing moves, so a chunk with one record left in it stays.

use crate::units::{find_run, longest_run, run};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};

pub const UNIT_BYTES: usize = 1 << 10;
/// The longest run: a block.
pub const RUN_UNITS_MAX: usize = 64;

const BLOCK_BYTES: usize = RUN_UNITS_MAX * UNIT_BYTES;
const CHUNK_BYTES: usize = 2 << 20;
const BLOCKS: usize = CHUNK_BYTES / BLOCK_BYTES;

static POOL: Mutex<Pool> = Mutex::new(Pool::new());
// Beside the mutex, so that asking for figures never waits.
static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);
static FREE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// A run of adjacent units, not initialised, aligned to [`UNIT_BYTES`], and to 64 KiB if it has
/// [`RUN_UNITS_MAX`] units. Ends the process if there is no memory.
pub fn take(units: usize) -> NonNull<u8> {
    let mut pool = lock();
    let memory = pool.take(units);
    pool.tell();
    memory
}

/// Takes a run back, from any thread.
///
/// # Safety
/// It came from [`take`] with as many units, and is used no more.
pub unsafe fn give_back(memory: NonNull<u8>, units: usize) {
    let mut pool = lock();
    pool.give_back(memory, units);
    pool.tell();
}

/// Bytes the pool took from the global allocator.
pub fn bytes_held() -> usize {
    HELD_BYTES.load(Relaxed)
}

/// Those of them that nobody has: memory the allocator counts as used and that holds nothing.
pub fn bytes_free() -> usize {
    FREE_BYTES.load(Relaxed)
}

fn lock() -> MutexGuard<'static, Pool> {
    POOL.lock().expect("nobody panics amid a change of the pool")
}

struct Pool {
    /// By address.
    chunks: BTreeMap<usize, Chunk>,
    /// (longest run in units, address) of each chunk.
    by_room: BTreeSet<(u8, usize)>,
    units_free: usize,
    /// The chunk that is entirely free.
    empty: Option<usize>,
}

struct Chunk {
    memory: NonNull<u8>,
    /// A bit for each free unit.
    free: [u64; BLOCKS],
    longest: [u8; BLOCKS],
    units_free: usize,
}

// SAFETY: a chunk's memory belongs to the pool, except what was handed out.
unsafe impl Send for Chunk {}

const CHUNK_UNITS: usize = BLOCKS * RUN_UNITS_MAX;

impl Pool {
    const fn new() -> Pool {
        Pool { chunks: BTreeMap::new(), by_room: BTreeSet::new(), units_free: 0, empty: None }
    }

    fn tell(&self) {
        HELD_BYTES.store(self.chunks.len() * CHUNK_BYTES, Relaxed);
        FREE_BYTES.store(self.units_free * UNIT_BYTES, Relaxed);
    }

    fn take(&mut self, units: usize) -> NonNull<u8> {
        assert!((1..=RUN_UNITS_MAX).contains(&units), "a run lies within a block");
        let address = match self.by_room.range((units as u8, 0)..).next() {
            Some(&(_, address)) => address,
            None => self.add_chunk(),
        };
        if self.empty == Some(address) {
            self.empty = None;
        }
        self.units_free -= units;
        self.change(address, |chunk| chunk.take(units))
    }

    fn give_back(&mut self, memory: NonNull<u8>, units: usize) {
        let address = memory.addr().get() & !(CHUNK_BYTES - 1);
        let offset = memory.addr().get() - address;
        self.units_free += units;
        let is_empty = self.change(address, |chunk| {
            chunk.give_back(offset, units);
            chunk.units_free == CHUNK_UNITS
        });
        if is_empty && let Some(other) = self.empty.replace(address) {
            // The lower one is kept: the higher ends of the heap are those to leave.
            self.empty = Some(address.min(other));
            self.remove_chunk(address.max(other));
        }
    }

    /// Changes a chunk and files it under the room it has then.
    fn change<R>(&mut self, address: usize, f: impl FnOnce(&mut Chunk) -> R) -> R {
        let chunk = self.chunks.get_mut(&address).expect("a run lies in a chunk of the pool");
        let before = chunk.room();
        let result = f(chunk);
        let after = chunk.room();
        if before != after {
            assert!(self.by_room.remove(&(before, address)), "(3) a chunk is filed by its room");
            self.by_room.insert((after, address));
        }
        result
    }

    #[cold]
    fn add_chunk(&mut self) -> usize {
        let chunk = Chunk::allocate();
        let address = chunk.memory.addr().get();
        self.by_room.insert((chunk.room(), address));
        self.chunks.insert(address, chunk);
        self.units_free += CHUNK_UNITS;
        self.empty = Some(address);
        address
    }

    #[cold]
    fn remove_chunk(&mut self, address: usize) {
        let chunk = self.chunks.remove(&address).expect("a chunk of the pool");
        self.by_room.remove(&(chunk.room(), address));
        assert!(chunk.units_free == CHUNK_UNITS, "a chunk is freed when nobody uses it");
        self.units_free -= CHUNK_UNITS;
        chunk.free();
    }
}

impl Chunk {
    const LAYOUT: Layout = match Layout::from_size_align(CHUNK_BYTES, CHUNK_BYTES) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two is a valid alignment"),
    };

    fn allocate() -> Chunk {
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(Self::LAYOUT) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(Self::LAYOUT) };
        advise(memory, true);
        let longest = [RUN_UNITS_MAX as u8; BLOCKS];
        Chunk { memory, free: [u64::MAX; BLOCKS], longest, units_free: CHUNK_UNITS }
    }

    /// Nobody uses any of its units.
    fn free(self) {
        // The allocator may use it for something small, which should not cost 2 MiB.
        advise(self.memory, false);
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.memory.as_ptr(), Self::LAYOUT) }
    }

    /// Units of the longest run.
    fn room(&self) -> u8 {
        self.longest.into_iter().max().expect("a chunk has blocks")
    }

    fn take(&mut self, units: usize) -> NonNull<u8> {
        let fits = |&block: &usize| usize::from(self.longest[block]) >= units;
        let block = if units == RUN_UNITS_MAX {
            (0..BLOCKS).find(fits)
        } else {
            // The last one of equals.
            (0..BLOCKS).rev().filter(fits).min_by_key(|&block| self.longest[block])
        };
        let block = block.expect("(3) the chunk has room");
        let start = find_run(self.free[block], units).expect("(2) the block has room");
        self.set(block, self.free[block] & !(run(units) << start));
        self.units_free -= units;
        let offset = block * BLOCK_BYTES + start * UNIT_BYTES;
        // SAFETY: block and unit lie within the chunk.
        unsafe { self.memory.add(offset) }
    }

    fn give_back(&mut self, offset: usize, units: usize) {
        let (block, start) = (offset / BLOCK_BYTES, offset % BLOCK_BYTES / UNIT_BYTES);
        assert!(
            offset.is_multiple_of(UNIT_BYTES) && start + units <= RUN_UNITS_MAX,
            "a run lies within a block"
        );
        let run = run(units) << start;
        assert!(self.free[block] & run == 0, "(1) a run is given back once");
        self.set(block, self.free[block] | run);
        self.units_free += units;
    }

    fn set(&mut self, block: usize, free: u64) {
        self.free[block] = free;
        self.longest[block] = longest_run(free) as u8;
    }
}

impl Drop for Pool {
    /// Only pools of tests end, when nobody uses what came from them.
    fn drop(&mut self) {
        for chunk in std::mem::take(&mut self.chunks).into_values() {
            chunk.free();
        }
    }
}

/// Asks for huge pages, or no longer. Kernels without them, and containers that forbid the call,
/// answer with an error, and everything works on small pages.
fn advise(memory: NonNull<u8>, huge: bool) {
    use rustix::mm::{Advice, madvise};
    if cfg!(miri) {
        return;
    }
    let advice = if huge { Advice::LinuxHugepage } else { Advice::LinuxNoHugepage };
    // SAFETY: the range is ours, and this advice changes no byte of it.
    _ = unsafe { madvise(memory.as_ptr().cast(), CHUNK_BYTES, advice) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: u64 = if cfg!(miri) { 500 } else { 100_000 };

    impl Pool {
        fn check(&self) {
            let mut units_free = 0;
            for (&address, chunk) in &self.chunks {
                assert!(self.by_room.contains(&(chunk.room(), address)), "(3)");
                for (free, longest) in chunk.free.iter().zip(chunk.longest) {
                    assert_eq!(longest_run(*free), usize::from(longest), "(2)");
                }
                let free: u32 = chunk.free.iter().map(|free| free.count_ones()).sum();
                assert_eq!(chunk.units_free, free as usize);
                assert!(free as usize != CHUNK_UNITS || self.empty == Some(address), "(4)");
                units_free += free as usize;
            }
            assert_eq!(self.by_room.len(), self.chunks.len(), "(3)");
            assert_eq!(self.units_free, units_free);
        }
    }

    fn stamps(memory: NonNull<u8>, units: usize) -> impl Iterator<Item = NonNull<u64>> {
        // SAFETY: the run has that many units.
        (0..units).map(move |unit| unsafe { memory.add(unit * UNIT_BYTES).cast() })
    }

    #[test]
    fn runs_keep_their_bytes_under_random_use_and_all_chunks_go_back() {
        let mut pool = Pool::new();
        let mut runs: Vec<(NonNull<u8>, usize, u64)> = vec![];
        let mut random: u64 = 1;
        for step in 0..STEPS {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let units = [64, 64, 5, 6, 7, 8, 3, 33][(random >> 40) as usize % 8];
            let is_take = random >> 56 < if step < STEPS / 2 { 140 } else { 110 };
            if is_take || runs.is_empty() {
                let memory = pool.take(units);
                assert!(memory.addr().get().is_multiple_of(UNIT_BYTES));
                assert!(units < 64 || memory.addr().get().is_multiple_of(BLOCK_BYTES));
                // SAFETY: the units are ours.
                stamps(memory, units).for_each(|stamp| unsafe { stamp.write(step) });
                runs.push((memory, units, step));
            } else {
                let (memory, units, step) = runs.swap_remove((random >> 20) as usize % runs.len());
                // SAFETY: written above.
                stamps(memory, units).for_each(|stamp| unsafe { assert_eq!(stamp.read(), step) });
                pool.give_back(memory, units);
            }
            if step % 1024 == 0 {
                pool.check();
                let used: usize = runs.iter().map(|run| run.1).sum();
                assert_eq!(pool.chunks.len() * CHUNK_UNITS - pool.units_free, used, "(1)");
            }
        }
        runs.into_iter().for_each(|(memory, units, _)| pool.give_back(memory, units));
        pool.check();
        assert_eq!((pool.chunks.len(), pool.units_free), (1, CHUNK_UNITS), "one is kept");
    }

    #[test]
    fn blocks_and_short_runs_share_a_chunk_without_waste() {
        let mut pool = Pool::new();
        for _ in 0..28 {
            pool.take(64);
            (0..8).for_each(|_| _ = pool.take(1));
        }
        (0..4).for_each(|_| _ = pool.take(8));
        assert_eq!((pool.chunks.len(), pool.units_free), (1, 0));
        pool.take(1);
        assert_eq!(pool.chunks.len(), 2);
    }

    #[test]
    fn a_hole_is_filled_by_the_run_that_fits_best() {
        let mut pool = Pool::new();
        let runs: Vec<_> = [8, 5, 6, 8].map(|units| (pool.take(units), units)).into();
        pool.give_back(runs[1].0, 5);
        assert_eq!(pool.take(5), runs[1].0);
        pool.give_back(runs[2].0, 6);
        assert_eq!(pool.take(6), runs[2].0);
        runs.into_iter().for_each(|(memory, units)| pool.give_back(memory, units));
        pool.check();
    }

    #[test]
    #[should_panic(expected = "given back once")]
    fn a_run_given_back_twice_is_refused() {
        let mut pool = Pool::new();
        let (run, _other) = (pool.take(3), pool.take(1));
        pool.give_back(run, 3);
        pool.give_back(run, 3);
    }

    #[test]
    fn any_thread_may_give_back_what_another_took() {
        std::thread::scope(|scope| {
            for units in [5, 64, 7] {
                let runs: Vec<usize> =
                    (0..40).map(|_| take(units).expose_provenance().get()).collect();
                scope.spawn(move || {
                    for address in runs {
                        let memory = std::ptr::with_exposed_provenance_mut(address);
                        let memory = NonNull::new(memory).expect("a run has an address");
                        // SAFETY: taken above, by nobody given back.
                        unsafe { give_back(memory, units) };
                    }
                });
            }
        });
        assert!(bytes_held() >= bytes_free());
    }
}
