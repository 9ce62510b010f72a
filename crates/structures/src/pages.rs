//! The pool of pages: memory that is touched at random, on huge pages.
//!
//! A lookup in a big keyspace touches two or three random cache lines. On pages of 4 KiB nearly
//! each of them also misses the TLB, and in a virtual machine that miss walks two page tables:
//! measured, a fifth of all the time of a pipelined GET. We never fork, so nothing is ever copied
//! because of a write, and huge pages are ours to use: chunks of 2 MiB, aligned, for which the
//! kernel is asked to use them. It may refuse; nothing but speed depends on it.
//!
//! ```text
//!   chunk  2 MiB of units of 512 bytes
//!
//!         | region  | region  | free ..................... free | 5K | 7.5K | .. | 6K | 5.5K |
//!           heap regions: blocks of 64 KiB  ->               <-  table segments: runs of any length
//! ```
//!
//! [`take`] hands out a run of adjacent units. One of [`BLOCK_UNITS`] is a block, aligned as such,
//! which the heap needs; others lie anywhere. The shortest free run that suffices serves, and of
//! these the lowest: blocks from its front, others from its end, so the two kinds keep out of each
//! other's way. What comes back joins its free neighbours.
//!
//! All of this is behind one mutex. A caller comes once for hundreds of records or entries, and
//! frees come from any thread (a table's memory is freed by whoever collects the epoch).
//!
//! # Invariants
//!
//! (1) A unit lies in exactly one free run while nobody has it, else in none.
//! (2) Free runs do not touch, except at the border of two chunks.
//! (3) `by_length` and `by_address` hold the same free runs.
//! (4) At most one chunk is entirely free: it serves the next caller without a system call.
//!
//! # Limits
//!
//! Huge pages are resident as a whole: the last chunk costs up to 2 MiB that hold nothing yet, and
//! so does the one that is prepared for later (`prefault.rs`). Both only while the pool is in use:
//! when nobody has come for a second, the spare and the pages of long free runs go back.
//! So heaps and tables come here only once they are large, and a server of a few keys never does.
//! Nothing moves, so a chunk with one record left in it stays. Segments of a growing table become
//! larger at about the same time, and each leaves a hole too small for the next, until a neighbour
//! goes too: measured at 2 million entries, 1.5 bytes for each. Whole holes for whoever can use a bit
//! more than he needs, and segments twice as large, did not make it less.
//! Finding a block looks at every free run of 64 to 128 KiB that holds none: they are few.

use crate::{mapping, prefault};
use std::alloc::Layout;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};

pub const UNIT_BYTES: usize = 512;
/// The longest run, which is also aligned to its length: 64 KiB.
pub const BLOCK_UNITS: usize = 128;

const BLOCK_BYTES: usize = BLOCK_UNITS * UNIT_BYTES;
const CHUNK_BYTES: usize = 2 << 20;
/// From so many chunks on, the next one is prepared ahead.
const CHUNKS_AHEAD_MIN: usize = 2;
const CHUNK_UNITS: usize = CHUNK_BYTES / UNIT_BYTES;
/// Of an ordinary page; a kernel with larger ones refuses to unback less than one of its own.
const PAGE_BYTES: usize = 4096;
/// A shorter free run is not worth breaking a huge page for.
const TRIM_UNITS_MIN: usize = CHUNK_UNITS / 8;

static POOL: Mutex<Pool> = Mutex::new(Pool::new());
// Beside the mutex, so that asking for figures never waits.
static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);
static FREE_BYTES: AtomicUsize = AtomicUsize::new(0);
static CHANGES: AtomicUsize = AtomicUsize::new(0);

/// A run of adjacent units, not initialised, aligned to [`UNIT_BYTES`], and to 64 KiB if it has
/// [`BLOCK_UNITS`] units, which is the most. Ends the process if there is no memory.
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
    pool.give_back(memory.addr().get(), units);
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

/// Changes with every run that is taken or given back.
pub(crate) fn changes() -> usize {
    CHANGES.load(Relaxed)
}

/// Gives the pages of long free runs back to the kernel. They come again, small, when the run is
/// used: nothing but speed depends on what kind they are.
pub(crate) fn trim() {
    let runs = lock().long_runs();
    for run in runs {
        // One at a time: the kernel takes a while for each, and others may wait for the pool.
        lock().trim(run);
    }
}

fn lock() -> MutexGuard<'static, Pool> {
    POOL.lock().expect("nobody panics amid a change of the pool")
}

struct Pool {
    /// By address.
    chunks: BTreeMap<usize, Chunk>,
    /// Free runs: (units, address).
    by_length: BTreeSet<(usize, usize)>,
    /// Free runs: address to units.
    by_address: BTreeMap<usize, usize>,
    units_free: usize,
}

impl Pool {
    const fn new() -> Pool {
        Pool {
            chunks: BTreeMap::new(),
            by_length: BTreeSet::new(),
            by_address: BTreeMap::new(),
            units_free: 0,
        }
    }

    fn tell(&self) {
        HELD_BYTES.store(self.chunks.len() * CHUNK_BYTES, Relaxed);
        FREE_BYTES.store(self.units_free * UNIT_BYTES, Relaxed);
        CHANGES.fetch_add(1, Relaxed);
    }

    /// Free runs long enough to be trimmed.
    fn long_runs(&self) -> Vec<(usize, usize)> {
        self.by_length.range((TRIM_UNITS_MIN, 0)..).copied().collect()
    }

    /// Unbacks the whole pages of a run, if it still is one.
    fn trim(&self, (units, address): (usize, usize)) {
        if self.by_address.get(&address) != Some(&units) {
            return;
        }
        let start = address.next_multiple_of(PAGE_BYTES);
        let end = (address + units * UNIT_BYTES) & !(PAGE_BYTES - 1);
        let chunk = &self.chunks[&chunk_of(address)];
        // SAFETY: the run lies within its chunk, and nobody has it while the pool is locked.
        unsafe { prefault::unback(chunk.0.add(start % CHUNK_BYTES), end - start) };
    }

    fn take(&mut self, units: usize) -> NonNull<u8> {
        assert!((1..=BLOCK_UNITS).contains(&units), "a run has at most the units of a block");
        let (run, address) = self.find(units).unwrap_or_else(|| {
            let run = self.add_chunk();
            (run, place_in(run, units).expect("a chunk has room for any run"))
        });
        self.remove_run(run);
        let (start, end) = (run.1, run.1 + run.0 * UNIT_BYTES);
        self.add_run((address - start) / UNIT_BYTES, start);
        let taken_end = address + units * UNIT_BYTES;
        self.add_run((end - taken_end) / UNIT_BYTES, taken_end);
        self.units_free -= units;
        self.look_ahead();
        let chunk = &self.chunks[&chunk_of(address)];
        // SAFETY: the run lies within its chunk.
        unsafe { chunk.0.add(address % CHUNK_BYTES) }
    }

    /// The free run to take so many units from, and their address.
    fn find(&self, units: usize) -> Option<((usize, usize), usize)> {
        let runs = self.by_length.range((units, 0)..);
        runs.copied().find_map(|run| Some((run, place_in(run, units)?)))
    }

    fn give_back(&mut self, address: usize, units: usize) {
        let (mut start, mut end) = (address, address + units * UNIT_BYTES);
        let before = self.by_address.range(..end).next_back().map(|(&at, &units)| (units, at));
        if let Some(run) = before {
            let run_end = run.1 + run.0 * UNIT_BYTES;
            assert!(run_end <= start, "(1) a run is given back once");
            if run_end == start && !start.is_multiple_of(CHUNK_BYTES) {
                self.remove_run(run);
                start = run.1;
            }
        }
        if !end.is_multiple_of(CHUNK_BYTES)
            && let Some(&units) = self.by_address.get(&end)
        {
            self.remove_run((units, end));
            end += units * UNIT_BYTES;
        }
        self.units_free += units;
        let other = self.empty_chunk();
        self.add_run((end - start) / UNIT_BYTES, start);
        if end - start == CHUNK_BYTES
            && let Some(other) = other
        {
            // The lower one is kept: the higher ends of the heap are those to leave.
            self.remove_chunk(start.max(other));
        }
    }

    fn empty_chunk(&self) -> Option<usize> {
        self.by_length.last().filter(|run| run.0 == CHUNK_UNITS).map(|run| run.1)
    }

    fn add_run(&mut self, units: usize, address: usize) {
        if units > 0 {
            self.by_length.insert((units, address));
            self.by_address.insert(address, units);
        }
    }

    fn remove_run(&mut self, (units, address): (usize, usize)) {
        let is_known = self.by_length.remove(&(units, address));
        assert!(self.by_address.remove(&address).is_some() && is_known, "(3) filed in both ways");
    }

    /// The one free run of a new chunk.
    /// Has the next chunk prepared while this one fills. A pool of few chunks belongs to a small
    /// server, which gets by without.
    fn look_ahead(&self) {
        let longest = self.by_length.last().map_or(0, |run| run.0);
        if longest < CHUNK_UNITS / 4 && self.chunks.len() >= CHUNKS_AHEAD_MIN {
            prefault::request(Chunk::LAYOUT);
        }
    }

    #[cold]
    fn add_chunk(&mut self) -> (usize, usize) {
        let chunk = Chunk::allocate();
        let run = (CHUNK_UNITS, chunk.0.addr().get());
        self.chunks.insert(run.1, chunk);
        self.add_run(run.0, run.1);
        self.units_free += CHUNK_UNITS;
        run
    }

    #[cold]
    fn remove_chunk(&mut self, address: usize) {
        self.remove_run((CHUNK_UNITS, address));
        self.units_free -= CHUNK_UNITS;
        self.chunks.remove(&address).expect("a chunk of the pool").free();
    }
}

/// Where in a free run so many units are to be taken. None if there is no room for them.
fn place_in((free_units, start): (usize, usize), units: usize) -> Option<usize> {
    let end = start + free_units * UNIT_BYTES;
    let place = if units == BLOCK_UNITS {
        start.next_multiple_of(BLOCK_BYTES)
    } else {
        end - units * UNIT_BYTES
    };
    (start <= place && place + units * UNIT_BYTES <= end).then_some(place)
}

fn chunk_of(address: usize) -> usize {
    address & !(CHUNK_BYTES - 1)
}

/// 2 MiB at a multiple of 2 MiB.
struct Chunk(NonNull<u8>);

// SAFETY: a chunk's memory belongs to the pool, except what was handed out.
unsafe impl Send for Chunk {}

impl Chunk {
    const LAYOUT: Layout = match Layout::from_size_align(CHUNK_BYTES, CHUNK_BYTES) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two is a valid alignment"),
    };

    /// One that was prepared, or one of small pages: touching a huge page for the first time takes
    /// longer than anybody should wait.
    fn allocate() -> Chunk {
        if let Some(memory) = prefault::take() {
            return Chunk(memory);
        }
        Chunk(mapping::take(Self::LAYOUT))
    }

    /// Nobody uses any of its units.
    fn free(self) {
        // SAFETY: it was taken with this layout, and nobody has a run of it.
        unsafe { mapping::give_back(self.0, Self::LAYOUT) }
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

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: u64 = if cfg!(miri) { 500 } else { 100_000 };

    impl Pool {
        fn check(&self) {
            let mut until = 0;
            for (&address, &units) in &self.by_address {
                let is_border = address.is_multiple_of(CHUNK_BYTES);
                assert!(until < address || until == address && is_border, "(1) and (2)");
                until = address + units * UNIT_BYTES;
                assert_eq!(chunk_of(address), chunk_of(until - 1));
                assert!(self.chunks.contains_key(&chunk_of(address)));
                assert!(self.by_length.contains(&(units, address)), "(3)");
            }
            assert_eq!(self.by_length.len(), self.by_address.len(), "(3)");
            assert_eq!(self.by_address.values().sum::<usize>(), self.units_free);
            let empty = self.by_address.values().filter(|&&units| units == CHUNK_UNITS);
            assert!(empty.count() <= 1, "(4)");
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
            let units = [128, 128, 9, 11, 14, 16, 3, 66][(random >> 40) as usize % 8];
            let is_take = random >> 56 < if step < STEPS / 2 { 140 } else { 110 };
            if is_take || runs.is_empty() {
                let memory = pool.take(units);
                assert!(memory.addr().get().is_multiple_of(UNIT_BYTES));
                assert!(units < BLOCK_UNITS || memory.addr().get().is_multiple_of(BLOCK_BYTES));
                // SAFETY: the units are ours.
                stamps(memory, units).for_each(|stamp| unsafe { stamp.write(step) });
                runs.push((memory, units, step));
            } else {
                let (memory, units, step) = runs.swap_remove((random >> 20) as usize % runs.len());
                // SAFETY: written above.
                stamps(memory, units).for_each(|stamp| unsafe { assert_eq!(stamp.read(), step) });
                pool.give_back(memory.addr().get(), units);
            }
            if step % 1024 == 0 {
                pool.check();
                let used: usize = runs.iter().map(|run| run.1).sum();
                assert_eq!(pool.chunks.len() * CHUNK_UNITS - pool.units_free, used, "(1)");
            }
        }
        runs.into_iter().for_each(|(memory, units, _)| pool.give_back(memory.addr().get(), units));
        pool.check();
        assert_eq!((pool.chunks.len(), pool.units_free), (1, CHUNK_UNITS), "one is kept");
    }

    #[test]
    fn blocks_and_short_runs_share_a_chunk_without_waste() {
        let mut pool = Pool::new();
        for _ in 0..28 {
            pool.take(128);
            (0..16).for_each(|_| _ = pool.take(1));
        }
        (0..4).for_each(|_| _ = pool.take(16));
        assert_eq!((pool.chunks.len(), pool.units_free), (1, 0));
        pool.take(1);
        assert_eq!(pool.chunks.len(), 2);
    }

    #[test]
    fn runs_that_divide_nothing_fill_a_chunk_to_the_last_of_them() {
        let mut pool = Pool::new();
        (0..CHUNK_UNITS / 11).for_each(|_| _ = pool.take(11));
        assert_eq!((pool.chunks.len(), pool.units_free), (1, CHUNK_UNITS % 11));
    }

    #[test]
    fn a_trimmed_pool_keeps_what_is_in_use() {
        let mut pool = Pool::new();
        let (kept, free) = (pool.take(3), pool.take(BLOCK_UNITS));
        // SAFETY: the units are ours.
        stamps(kept, 3).for_each(|stamp| unsafe { stamp.write(7) });
        pool.give_back(free.addr().get(), BLOCK_UNITS);
        for run in pool.long_runs() {
            pool.trim(run);
        }
        pool.trim((TRIM_UNITS_MIN, kept.addr().get()));
        pool.check();
        // SAFETY: written above.
        stamps(kept, 3).for_each(|stamp| unsafe { assert_eq!(stamp.read(), 7) });
        let again = pool.take(BLOCK_UNITS);
        // SAFETY: ours again.
        stamps(again, BLOCK_UNITS).for_each(|stamp| unsafe { stamp.write(1) });
    }

    #[test]
    fn a_hole_is_filled_by_the_run_that_fits_best() {
        let mut pool = Pool::new();
        let runs: Vec<_> = [8, 5, 8, 6, 8].map(|units| (pool.take(units), units)).into();
        let address = |i: usize| runs[i].0.addr().get();
        pool.give_back(address(3), 6);
        pool.give_back(address(1), 5);
        pool.check();
        assert_eq!(pool.take(5), runs[1].0);
        assert_eq!(pool.take(6), runs[3].0);
        runs.iter().for_each(|(memory, units)| pool.give_back(memory.addr().get(), *units));
        pool.check();
    }

    #[test]
    fn what_comes_back_joins_its_neighbours() {
        let mut pool = Pool::new();
        let runs = [3, 4, 5, 6].map(|units| pool.take(units).addr().get());
        pool.give_back(runs[0], 3);
        pool.give_back(runs[2], 5);
        pool.give_back(runs[1], 4);
        pool.check();
        assert_eq!(pool.take(12).addr().get(), runs[2]);
    }

    #[test]
    #[should_panic(expected = "given back once")]
    fn a_run_given_back_twice_is_refused() {
        let mut pool = Pool::new();
        let (run, _other) = (pool.take(3), pool.take(1));
        pool.give_back(run.addr().get(), 3);
        pool.give_back(run.addr().get(), 3);
    }

    #[test]
    fn any_thread_may_give_back_what_another_took() {
        std::thread::scope(|scope| {
            for units in [5, BLOCK_UNITS, 7] {
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
