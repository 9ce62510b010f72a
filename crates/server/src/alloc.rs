//! jemalloc behind one counting wrapper: `used_memory` without a lock.
//!
//! Each thread adds up what it allocates and frees, and moves its sum to the total when it exceeds
//! 16 KiB either way. So the total is off by at most 16 KiB for each thread, and an allocation
//! costs an addition to a thread's own word. Workers also move it now and then, and in each turn
//! while there is a `maxmemory`: what one has freed, no other shall evict keys for.
//!
//! jemalloc is built with size classes 8 bytes apart (`.cargo/config.toml`). Its Rust wrapper takes
//! for granted that they are 16 apart, and asks for no alignment of 16: a class such as 56 would
//! then hand out addresses that are not. So sizes with that alignment are padded to a multiple of
//! it; the classes that serve those hold only such addresses.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

use tikv_jemallocator::Jemalloc;

pub(crate) struct Counting;

static USED_BYTES: AtomicIsize = AtomicIsize::new(0);

const FLUSH_BYTES: isize = 16 * 1024;

thread_local! {
    static UNFLUSHED_BYTES: Cell<isize> = const { Cell::new(0) };
}

#[inline]
fn count(bytes: isize) {
    // The cell has no destructor, so it can be reached until the thread is gone.
    UNFLUSHED_BYTES.with(|cell| {
        let sum = cell.get() + bytes;
        if sum.abs() < FLUSH_BYTES {
            cell.set(sum);
        } else {
            cell.set(0);
            USED_BYTES.fetch_add(sum, Relaxed);
        }
    });
}

/// Moves what this thread has added up to the total.
#[inline]
pub(crate) fn settle() {
    let sum = UNFLUSHED_BYTES.replace(0);
    if sum != 0 {
        USED_BYTES.fetch_add(sum, Relaxed);
    }
}

/// What to ask jemalloc for, so that 16 bytes of alignment come without being asked for. Larger
/// alignments the wrapper does ask for.
#[inline]
fn padded(layout: Layout) -> Layout {
    if layout.align() == QUANTUM_ASSUMED { layout.pad_to_align() } else { layout }
}

/// The alignment that jemalloc's wrapper believes every block to have.
const QUANTUM_ASSUMED: usize = 16;

/// Bytes allocated and not freed, to within 16 KiB for each thread.
pub(crate) fn used_bytes() -> usize {
    let own = UNFLUSHED_BYTES.with(Cell::get);
    (USED_BYTES.load(Relaxed) + own).max(0) as usize
}

// SAFETY: every call is passed on to jemalloc, with the same padding for the same layout; counting
// does not allocate.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: by the caller's contract.
        unsafe { Jemalloc.alloc(padded(layout)) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: by the caller's contract.
        unsafe { Jemalloc.alloc_zeroed(padded(layout)) }
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: by the caller's contract.
        unsafe { Jemalloc.dealloc(p, padded(layout)) }
    }

    #[inline]
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes as isize - layout.size() as isize);
        // SAFETY: by the caller's contract, which also keeps the rounded size within bounds.
        unsafe {
            let new = padded(Layout::from_size_align_unchecked(bytes, layout.align()));
            Jemalloc.realloc(p, padded(layout), new.size())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_seen_by_all() {
        let thread = std::thread::spawn(|| {
            let _held: Vec<u8> = Vec::with_capacity(FLUSH_BYTES as usize / 2);
            let unsettled = UNFLUSHED_BYTES.get();
            settle();
            (unsettled, UNFLUSHED_BYTES.get())
        });
        let (unsettled, settled) = thread.join().unwrap();
        assert!(unsettled >= FLUSH_BYTES / 4, "{unsettled}");
        assert_eq!(settled, 0);
    }

    #[test]
    fn blocks_are_aligned_as_their_layout_says() {
        for align in [1, 2, 4, 8, 16, 32, 4096] {
            for size in 1..300 {
                let layout = Layout::from_size_align(size, align).unwrap();
                let grown = Layout::from_size_align(size + 20, align).unwrap();
                // Of several blocks in a row the second at the latest would be off.
                // SAFETY: each block is freed once, with the layout it has by then.
                unsafe {
                    let blocks = [0; 4].map(|_| Counting.alloc(layout));
                    let zeroed = Counting.alloc_zeroed(layout);
                    let moved = blocks.map(|p| Counting.realloc(p, layout, grown.size()));
                    for p in moved.into_iter().chain([zeroed]) {
                        assert!(p.addr().is_multiple_of(align), "{size} bytes at {p:?}");
                    }
                    moved.into_iter().for_each(|p| Counting.dealloc(p, grown));
                    Counting.dealloc(zeroed, layout);
                }
            }
        }
    }
}
