//! jemalloc behind one counting wrapper: `used_memory` without a lock.
//!
//! Each thread adds up what it allocates and frees, and moves its sum to the total when it exceeds
//! 16 KiB either way. So the total is off by at most 16 KiB for each thread, and an allocation
//! costs an addition to a thread's own word.

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

/// Bytes allocated and not freed, to within 16 KiB for each thread.
pub(crate) fn used_bytes() -> usize {
    let own = UNFLUSHED_BYTES.with(Cell::get);
    (USED_BYTES.load(Relaxed) + own).max(0) as usize
}

// SAFETY: every call is passed on to jemalloc unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: by the caller's contract.
        unsafe { Jemalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: by the caller's contract.
        unsafe { Jemalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: by the caller's contract.
        unsafe { Jemalloc.dealloc(p, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes as isize - layout.size() as isize);
        // SAFETY: by the caller's contract.
        unsafe { Jemalloc.realloc(p, layout, bytes) }
    }
}
