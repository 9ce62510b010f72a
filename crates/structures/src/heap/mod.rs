//! The record heap: many small allocations of one owner, without rounding and without headers.
//!
//! A general allocator rounds a record of 81 bytes up to 96 and locks or caches per thread. Records
//! belong to a shard, whose lock is held anyway: so this heap has sizes 4 bytes apart and no atomics.
//!
//! ```text
//!   region  16, 32, then 64 KiB, aligned to 64 KiB, in units of 1 KiB (`region.rs`)
//!   | header | slab of 1 unit | slab of 8 units            | free | slab of 2 units | ...
//!
//!   slab    1, 2, 4, 8 or 16 units of one size class
//!   | header 32 B | record | record | record | ... | never used yet           | rest |
//! ```
//!
//! A record's address, masked, gives its region; the region's header says at which unit the slab
//! begins. A class's first slab is small and later ones larger, so that a heap of a few records
//! costs little and a big one wastes little. Free records of a slab form a list inside themselves.
//! A slab that becomes empty goes back to its region, except the last one of its class with room;
//! an empty region goes back to where it came from. Above 512 bytes the allocator serves directly.
//!
//! # Invariants
//!
//! (1) A slab is in its class's list exactly while it has room.
//! (2) A region is in the list of open regions exactly while it has a free unit.
//! (3) A unit is free, or `starts` names the first unit of the slab it is part of.
//!
//! # Limits
//!
//! Nothing moves: a heap that shrinks at random keeps slabs with few records. `bytes_held` against
//! `bytes_in_use` shows it, and [`bytes_unused`] says it of all heaps.

mod region;
#[cfg(test)]
mod tests;
mod unused;

use region::{REGION_HEADER_BYTES, Regions, UNIT_BYTES, place_of, record_bytes, slab_at, slab_of};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, null_mut};

pub use unused::bytes_unused;

/// Larger allocations go to the global allocator.
pub const SLAB_BYTES_MAX: usize = 512;

const STEP: usize = 4;
const CLASSES: usize = SLAB_BYTES_MAX / STEP + 1;
const SLAB_UNITS_MAX: usize = 16;
/// A slab should hold at least this many records.
const RECORDS_MIN: usize = 4;
const SLAB_HEADER_BYTES: usize = size_of::<Slab>();

#[repr(C)]
struct Slab {
    next: *mut Slab,
    previous: *mut Slab,
    /// First free record, in steps from the slab's start; 0 if there is none.
    free: u16,
    /// First record never used.
    frontier: u16,
    /// Where no further record fits.
    end: u16,
    live: u16,
    class: u8,
    units: u8,
}

const _: () = assert!(SLAB_HEADER_BYTES == 32);

/// The slabs of each class.
struct Classes {
    /// Head of the list of slabs with room.
    open: [*mut Slab; CLASSES],
    units: [u32; CLASSES],
}

/// A heap with one owner. See the module's essay.
///
/// Dropping it frees its slabs, with all records in them. Records above [`SLAB_BYTES_MAX`] are
/// freed by the owner before.
pub struct Heap {
    classes: Option<Box<Classes>>,
    regions: Regions,
    bytes_in_use: usize,
    large_bytes: usize,
}

// SAFETY: all pointers lead to memory only this heap refers to.
unsafe impl Send for Heap {}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

impl Heap {
    /// An empty heap, without any allocation.
    pub const fn new() -> Heap {
        Heap { classes: None, regions: Regions::new(), bytes_in_use: 0, large_bytes: 0 }
    }

    /// Bytes of all records, each rounded up to 4.
    pub fn bytes_in_use(&self) -> usize {
        self.bytes_in_use
    }

    /// Bytes taken from the global allocator and the [pool](crate::pages).
    pub fn bytes_held(&self) -> usize {
        let classes = self.classes.as_ref().map_or(0, |_| size_of::<Classes>());
        self.regions.bytes() + self.large_bytes + classes
    }

    /// Memory for a record, aligned to 4, not initialised. Ends the process if there is none.
    #[inline]
    pub fn alloc(&mut self, bytes: usize) -> NonNull<u8> {
        let class = class_of(bytes);
        self.bytes_in_use += class * STEP;
        if class >= CLASSES {
            return self.alloc_large(class);
        }
        unused::count(-((class * STEP) as isize));
        let mut slab = self.classes.as_ref().map_or(null_mut(), |classes| classes.open[class]);
        if slab.is_null() {
            slab = self.add_slab(class);
        }
        // SAFETY: a slab in a list is alive (1), and only this heap refers to it.
        unsafe {
            let step = if (*slab).free != 0 {
                let step = (*slab).free;
                (*slab).free = record(slab, step).cast::<u16>().read();
                step
            } else {
                let step = (*slab).frontier;
                (*slab).frontier += class as u16;
                step
            };
            (*slab).live += 1;
            if (*slab).is_full() {
                self.close(slab);
            }
            NonNull::new_unchecked(record(slab, step))
        }
    }

    /// Takes a record back.
    ///
    /// # Safety
    /// It came from [`Heap::alloc`] of this heap with this size, and is used no more.
    #[inline]
    pub unsafe fn free(&mut self, pointer: NonNull<u8>, bytes: usize) {
        let class = class_of(bytes);
        self.bytes_in_use -= class * STEP;
        if class >= CLASSES {
            self.large_bytes -= class * STEP;
            // SAFETY: `alloc_large` got it with this layout.
            return unsafe { dealloc(pointer.as_ptr(), large_layout(class)) };
        }
        unused::count((class * STEP) as isize);
        // SAFETY: the record lies in a slab of a region of ours, whose memory its pointer spans.
        unsafe {
            let slab = slab_of(pointer.as_ptr());
            debug_assert!((*slab).class as usize == class, "a record is freed with its own size");
            let was_full = (*slab).is_full();
            pointer.cast::<u16>().write((*slab).free);
            (*slab).free = (pointer.as_ptr().offset_from(slab.cast::<u8>()) / STEP as isize) as u16;
            (*slab).live -= 1;
            if was_full {
                self.open(slab);
            }
            if (*slab).live == 0 && !((*slab).next.is_null() && (*slab).previous.is_null()) {
                self.close(slab);
                self.remove_slab(slab);
            }
        }
    }

    /// Frees up to so many regions, of 64 KiB at most, whatever is in them. True when none is left.
    ///
    /// For a heap nobody needs any more, slice by slice: once begun, only this and drop make sense.
    /// Records above [`SLAB_BYTES_MAX`] are still freed by the owner.
    ///
    /// # Safety
    /// No record of the heap is used again.
    pub unsafe fn drain_some(&mut self, regions: usize) -> bool {
        self.forget_records();
        // SAFETY: as promised by the caller, and without classes no list leads to a slab.
        unsafe { self.regions.drain_some(regions) }
    }

    /// No record in a slab is used again.
    fn forget_records(&mut self) {
        unused::count((self.bytes_in_use - self.large_bytes) as isize);
        self.bytes_in_use = self.large_bytes;
        if self.classes.take().is_some() {
            unused::count(-(size_of::<Classes>() as isize));
        }
    }

    #[cold]
    fn alloc_large(&mut self, class: usize) -> NonNull<u8> {
        let layout = large_layout(class);
        self.large_bytes += layout.size();
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
    }

    fn classes(&mut self) -> &mut Classes {
        self.classes.get_or_insert_with(|| {
            // It stays when the last record goes: with many shards it would add up.
            unused::count(size_of::<Classes>() as isize);
            Box::new(Classes { open: [null_mut(); CLASSES], units: [0; CLASSES] })
        })
    }

    /// Puts a slab at the head of its class's list.
    ///
    /// # Safety
    /// The slab is alive and in no list.
    unsafe fn open(&mut self, slab: *mut Slab) {
        // SAFETY: as promised, and the head of a list is alive.
        unsafe {
            let head = &mut self.classes().open[(*slab).class as usize];
            ((*slab).previous, (*slab).next) = (null_mut(), *head);
            if !head.is_null() {
                (**head).previous = slab;
            }
            *head = slab;
        }
    }

    /// Takes a slab out of its class's list.
    ///
    /// # Safety
    /// The slab is alive and in that list.
    unsafe fn close(&mut self, slab: *mut Slab) {
        // SAFETY: as promised, and its neighbours are alive.
        unsafe {
            let (previous, next) = ((*slab).previous, (*slab).next);
            if previous.is_null() {
                self.classes().open[(*slab).class as usize] = next;
            } else {
                (*previous).next = next;
            }
            if !next.is_null() {
                (*next).previous = previous;
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn add_slab(&mut self, class: usize) -> *mut Slab {
        let held = self.classes().units[class] as usize;
        let least = (SLAB_HEADER_BYTES + REGION_HEADER_BYTES + RECORDS_MIN * class * STEP)
            .div_ceil(UNIT_BYTES)
            .next_power_of_two();
        let units = held.next_power_of_two().clamp(least, SLAB_UNITS_MAX);
        self.classes().units[class] += units as u32;
        let (region, start) = self.regions.take(units);
        // SAFETY: the units were free, so this memory is nobody's; both headers are aligned.
        unsafe {
            let slab = slab_at(region, start);
            let frontier = SLAB_HEADER_BYTES / STEP;
            let records = record_bytes(start, units) / STEP / class;
            slab.write(Slab {
                next: null_mut(),
                previous: null_mut(),
                free: 0,
                frontier: frontier as u16,
                end: (frontier + records * class) as u16,
                live: 0,
                class: class as u8,
                units: units as u8,
            });
            self.open(slab);
            slab
        }
    }

    /// Gives an empty slab's units back to its region.
    ///
    /// # Safety
    /// The slab is alive, empty, and in no list.
    #[cold]
    unsafe fn remove_slab(&mut self, slab: *mut Slab) {
        // SAFETY: as promised; the slab is not touched after its units are free.
        unsafe {
            let (class, units) = ((*slab).class as usize, usize::from((*slab).units));
            self.classes().units[class] -= units as u32;
            let (region, start) = place_of(slab);
            self.regions.give_back(region, start, units);
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        debug_assert!(self.large_bytes == 0, "large records are freed before their heap");
        self.forget_records();
    }
}

impl Slab {
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.free == 0 && self.frontier == self.end
    }
}

/// What a record of so many bytes takes.
#[inline]
pub fn rounded(bytes: usize) -> usize {
    class_of(bytes) * STEP
}

/// Size in steps.
#[inline(always)]
fn class_of(bytes: usize) -> usize {
    bytes.div_ceil(STEP).max(1)
}

fn large_layout(class: usize) -> Layout {
    Layout::from_size_align(class * STEP, STEP).expect("no record is larger than memory")
}

/// # Safety
/// `step` lies within the slab.
#[inline(always)]
unsafe fn record(slab: *mut Slab, step: u16) -> *mut u8 {
    // SAFETY: as promised.
    unsafe { slab.cast::<u8>().add(usize::from(step) * STEP) }
}
