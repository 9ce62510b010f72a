//! What all heaps hold and no record is in: the part of their memory that is not in use.
//!
//! A heap takes memory by the region and a record frees a slot in one. Whoever must know how much
//! memory the data takes, such as `maxmemory`, asks for what is in use: a record that was evicted
//! has made room, though its slab stays. As in the server's allocator each thread adds up its own
//! changes and moves them to the total now and then, so that a record costs one addition.

use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

static TOTAL: AtomicIsize = AtomicIsize::new(0);

/// The total is off by at most as much for each thread.
const FLUSH_BYTES: isize = 16 * 1024;

thread_local! {
    static OWN: Cell<isize> = const { Cell::new(0) };
}

/// Bytes of all heaps that hold no record: to within 16 KiB for each other thread.
pub fn bytes_unused() -> usize {
    (TOTAL.load(Relaxed) + OWN.with(Cell::get)).max(0) as usize
}

/// So many bytes more are unused, or fewer.
#[inline]
pub(super) fn count(bytes: isize) {
    OWN.with(|own| {
        let sum = own.get() + bytes;
        if sum.abs() < FLUSH_BYTES {
            own.set(sum);
        } else {
            own.set(0);
            TOTAL.fetch_add(sum, Relaxed);
        }
    });
}
