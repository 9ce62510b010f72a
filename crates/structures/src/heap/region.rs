//! The regions of a heap: where slabs get their units from.
//!
//! ```text
//!   region  16, 32, then 64 units of 1 KiB, aligned to 64 KiB
//!   | header 128 B | slab ... | slab            | free units | slab    | ...
//! ```
//!
//! The first regions come from the allocator and are small: a server has many heaps, one for each
//! shard and database, and most stay small. A heap that holds more than [`POOLED_FROM_BYTES`] takes
//! further ones, of 64 units, from the [pool](crate::pages): they lie on huge pages.

use super::{SLAB_HEADER_BYTES, Slab, unused};
use crate::pages;
use crate::units::{find_run, run};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, null_mut};

pub(super) const UNIT_BYTES: usize = 1 << 10;
pub(super) const REGION_HEADER_BYTES: usize = 128;

const REGION_ALIGN: usize = 64 << 10;
const REGION_UNITS_MIN: usize = 16;
const REGION_UNITS_MAX: usize = 64;
/// Regions asked for a run of units before a new one is made.
const REGIONS_TRIED: usize = 8;
/// From here on, regions lie on huge pages.
const POOLED_FROM_BYTES: usize = 256 << 10;

#[repr(C)]
pub(super) struct Region {
    next: *mut Region,
    previous: *mut Region,
    /// A bit for each free unit.
    free_units: u64,
    /// Place in `Regions::all`.
    index: u32,
    units: u16,
    is_pooled: bool,
    /// For each unit in use, the first unit of its slab.
    starts: [u8; REGION_UNITS_MAX],
}

const _: () = assert!(size_of::<Region>() <= REGION_HEADER_BYTES);
// A region from the pool is a block, and aligned as one.
const _: () = assert!(pages::BLOCK_UNITS * pages::UNIT_BYTES == REGION_ALIGN);
const _: () = assert!(REGION_UNITS_MAX * UNIT_BYTES == REGION_ALIGN);

/// All regions of one heap.
pub(super) struct Regions {
    /// Those with a free unit.
    open: *mut Region,
    all: Vec<NonNull<Region>>,
    bytes: usize,
}

impl Regions {
    pub(super) const fn new() -> Regions {
        Regions { open: null_mut(), all: Vec::new(), bytes: 0 }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adjacent units that nobody uses: the region and the first of them.
    pub(super) fn take(&mut self, units: usize) -> (*mut Region, usize) {
        let mut region = self.open;
        for _ in 0..REGIONS_TRIED {
            if region.is_null() {
                break;
            }
            // SAFETY: a region in the list is alive (2).
            unsafe {
                if let Some(start) = find_run((*region).free_units, units) {
                    self.use_units(region, start, units);
                    return (region, start);
                }
                region = (*region).next;
            }
        }
        let region = self.add();
        // SAFETY: just made, entirely free, and in the list.
        unsafe { self.use_units(region, 0, units) };
        (region, 0)
    }

    /// Takes units back. A region nobody uses is freed.
    ///
    /// # Safety
    /// They came from [`Regions::take`] and nothing in them is used any more.
    pub(super) unsafe fn give_back(&mut self, region: *mut Region, start: usize, units: usize) {
        // SAFETY: as promised; a region with a unit in use is alive.
        unsafe {
            if (*region).free_units == 0 {
                self.open(region);
            }
            (*region).free_units |= run(units) << start;
            if (*region).free_units == run(usize::from((*region).units)) {
                self.close(region);
                self.remove(region);
            }
        }
    }

    /// # Safety
    /// The region is alive and in the list, the units are free.
    unsafe fn use_units(&mut self, region: *mut Region, start: usize, units: usize) {
        // SAFETY: as promised.
        unsafe {
            (*region).free_units &= !(run(units) << start);
            if (*region).free_units == 0 {
                self.close(region);
            }
            (&mut (*region).starts)[start..start + units].fill(start as u8);
        }
    }

    fn add(&mut self) -> *mut Region {
        let is_pooled = self.bytes >= POOLED_FROM_BYTES;
        let doublings = if is_pooled { 2 } else { self.all.len().min(2) };
        let units = (REGION_UNITS_MIN << doublings).min(REGION_UNITS_MAX);
        let pointer = Region::allocate(units, is_pooled);
        let region = pointer.as_ptr();
        // SAFETY: large enough and aligned.
        unsafe {
            region.write(Region {
                next: null_mut(),
                previous: null_mut(),
                free_units: run(units),
                index: self.all.len() as u32,
                units: units as u16,
                is_pooled,
                starts: [0; REGION_UNITS_MAX],
            });
            self.open(region);
        }
        self.all.push(pointer);
        self.bytes += units * UNIT_BYTES;
        unused::count((units * UNIT_BYTES) as isize);
        region
    }

    /// # Safety
    /// The region is alive and in no list, and no slab is left in it.
    unsafe fn remove(&mut self, region: *mut Region) {
        // SAFETY: as promised; all regions in `all` are alive.
        unsafe {
            let index = (*region).index;
            self.all.swap_remove(index as usize);
            if let Some(moved) = self.all.get(index as usize) {
                (*moved.as_ptr()).index = index;
            }
            self.bytes -= usize::from((*region).units) * UNIT_BYTES;
            Region::free(region);
        }
    }

    /// Frees up to so many regions with all that is in them. True when none is left.
    ///
    /// # Safety
    /// Nothing in any region is used again, and no units are taken or given back.
    pub(super) unsafe fn drain_some(&mut self, regions: usize) -> bool {
        self.open = null_mut();
        for region in self.all.drain(self.all.len().saturating_sub(regions)..) {
            // SAFETY: as promised; a region in `all` is alive.
            unsafe {
                self.bytes -= usize::from((*region.as_ptr()).units) * UNIT_BYTES;
                Region::free(region.as_ptr());
            }
        }
        self.all.is_empty()
    }

    /// # Safety
    /// The region is alive and in no list.
    unsafe fn open(&mut self, region: *mut Region) {
        // SAFETY: as promised, and the head of the list is alive.
        unsafe {
            ((*region).previous, (*region).next) = (null_mut(), self.open);
            if !self.open.is_null() {
                (*self.open).previous = region;
            }
        }
        self.open = region;
    }

    /// # Safety
    /// The region is alive and in the list.
    unsafe fn close(&mut self, region: *mut Region) {
        // SAFETY: as promised, and its neighbours are alive.
        unsafe {
            let (previous, next) = ((*region).previous, (*region).next);
            if previous.is_null() {
                self.open = next;
            } else {
                (*previous).next = next;
            }
            if !next.is_null() {
                (*next).previous = previous;
            }
        }
    }
}

impl Drop for Regions {
    fn drop(&mut self) {
        for region in &self.all {
            // SAFETY: regions are alive until here; what is in them ends with the heap.
            unsafe { Region::free(region.as_ptr()) };
        }
    }
}

impl Region {
    fn allocate(units: usize, is_pooled: bool) -> NonNull<Region> {
        if is_pooled {
            return pages::take(pages::BLOCK_UNITS).cast();
        }
        let layout = Self::layout(units);
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(layout) };
        NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// # Safety
    /// The region is alive, and nobody will touch it again.
    unsafe fn free(region: *mut Region) {
        // SAFETY: as promised; its header says where it came from.
        unsafe {
            let units = usize::from((*region).units);
            unused::count(-((units * UNIT_BYTES) as isize));
            if (*region).is_pooled {
                pages::give_back(NonNull::new_unchecked(region).cast(), pages::BLOCK_UNITS);
            } else {
                dealloc(region.cast(), Self::layout(units));
            }
        }
    }

    fn layout(units: usize) -> Layout {
        Layout::from_size_align(units * UNIT_BYTES, REGION_ALIGN).expect("a region is small")
    }
}

#[inline(always)]
fn region_of(pointer: *mut u8) -> *mut Region {
    pointer.map_addr(|address| address & !(REGION_ALIGN - 1)).cast()
}

/// # Safety
/// The region is alive and `start` one of its units.
#[inline(always)]
pub(super) unsafe fn slab_at(region: *mut Region, start: usize) -> *mut Slab {
    // The region's header comes before its first slab.
    let offset = if start == 0 { REGION_HEADER_BYTES } else { start * UNIT_BYTES };
    // SAFETY: as promised.
    unsafe { region.cast::<u8>().add(offset).cast() }
}

/// # Safety
/// The pointer came from a slab of a living region.
#[inline(always)]
pub(super) unsafe fn slab_of(pointer: *mut u8) -> *mut Slab {
    let region = region_of(pointer);
    let unit = (pointer.addr() & (REGION_ALIGN - 1)) / UNIT_BYTES;
    // SAFETY: as promised; the unit is in use, so `starts` names its slab (3).
    unsafe { slab_at(region, usize::from((*region).starts[unit])) }
}

/// The region of a slab, and the first unit of the slab.
pub(super) fn place_of(slab: *mut Slab) -> (*mut Region, usize) {
    let region = region_of(slab.cast());
    (region, (slab.addr() - region.addr()) / UNIT_BYTES)
}

/// Where records may lie in the slab at `start`: bytes after its header.
pub(super) fn record_bytes(start: usize, units: usize) -> usize {
    let header = if start == 0 { REGION_HEADER_BYTES } else { 0 };
    units * UNIT_BYTES - header - SLAB_HEADER_BYTES
}
