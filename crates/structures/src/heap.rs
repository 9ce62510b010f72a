//! The record heap: many small allocations of one owner, without rounding and without headers.
//!
//! A general allocator rounds a record of 81 bytes up to 96 and locks or caches per thread. Records
//! belong to a shard, whose lock is held anyway: so this heap has sizes 8 bytes apart and no atomics.
//!
//! ```text
//!   region  16, 32, then 64 KiB, aligned to 64 KiB, in units of 1 KiB
//!   | header | slab of 1 unit | slab of 8 units            | free | slab of 2 units | ...
//!
//!   slab    1, 2, 4 or 8 units of one size class
//!   | header 32 B | record | record | record | ... | never used yet           | rest |
//! ```
//!
//! A record's address, masked, gives its region; the region's header says at which unit the slab
//! begins. A class's first slab is small and later ones larger, so that a heap of a few records
//! costs little and a big one wastes little. Free records of a slab form a list inside themselves.
//! A slab that becomes empty goes back to its region, except the last one of its class with room;
//! an empty region goes back to the allocator. Above 512 bytes the allocator serves directly.
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
//! `bytes_in_use` shows it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, null_mut};

/// Larger allocations go to the global allocator.
pub const SLAB_BYTES_MAX: usize = 512;

const STEP: usize = 8;
const CLASSES: usize = SLAB_BYTES_MAX / STEP + 1;
const REGION_ALIGN: usize = 64 << 10;
const REGION_UNITS_MIN: usize = 16;
const REGION_UNITS_MAX: usize = 64;
const UNIT_BYTES: usize = 1 << 10;
const SLAB_UNITS_MAX: usize = 8;
/// A slab should hold at least this many records.
const RECORDS_MIN: usize = 4;
/// Regions asked for a run of units before a new one is made.
const REGIONS_TRIED: usize = 8;
const REGION_HEADER_BYTES: usize = 128;
const SLAB_HEADER_BYTES: usize = size_of::<Slab>();

#[repr(C)]
struct Region {
    next: *mut Region,
    previous: *mut Region,
    /// A bit for each free unit.
    free_units: u64,
    /// Place in `Heap::regions`.
    index: u32,
    units: u32,
    /// For each unit in use, the first unit of its slab.
    starts: [u8; REGION_UNITS_MAX],
}

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

const _: () = assert!(size_of::<Region>() <= REGION_HEADER_BYTES && SLAB_HEADER_BYTES == 32);

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
    /// Regions with a free unit.
    open: *mut Region,
    regions: Vec<NonNull<Region>>,
    bytes_in_use: usize,
    region_bytes: usize,
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
        Heap {
            classes: None,
            open: null_mut(),
            regions: Vec::new(),
            bytes_in_use: 0,
            region_bytes: 0,
            large_bytes: 0,
        }
    }

    /// Bytes of all records, each rounded up to 8.
    pub fn bytes_in_use(&self) -> usize {
        self.bytes_in_use
    }

    /// Bytes taken from the global allocator.
    pub fn bytes_held(&self) -> usize {
        let classes = self.classes.as_ref().map_or(0, |_| size_of::<Classes>());
        self.region_bytes + self.large_bytes + classes
    }

    /// Memory for a record, aligned to 8, not initialised. Ends the process if there is none.
    #[inline]
    pub fn alloc(&mut self, bytes: usize) -> NonNull<u8> {
        let class = class_of(bytes);
        self.bytes_in_use += class * STEP;
        if class >= CLASSES {
            return self.alloc_large(class);
        }
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

    #[cold]
    fn alloc_large(&mut self, class: usize) -> NonNull<u8> {
        let layout = large_layout(class);
        self.large_bytes += layout.size();
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
    }

    fn classes(&mut self) -> &mut Classes {
        self.classes.get_or_insert_with(|| {
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
        let (region, start) = self.take_units(units);
        // SAFETY: the units were free, so this memory is nobody's; both headers are aligned.
        unsafe {
            (&mut (*region).starts)[start..start + units].fill(start as u8);
            let slab = slab_at(region, start);
            let header = if start == 0 { REGION_HEADER_BYTES } else { 0 };
            let frontier = SLAB_HEADER_BYTES / STEP;
            let records = ((units * UNIT_BYTES - header) / STEP - frontier) / class;
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
            let region = region_of(slab.cast());
            let start = (slab as usize - region as usize) / UNIT_BYTES;
            if (*region).free_units == 0 {
                self.open_region(region);
            }
            (*region).free_units |= run(units) << start;
            if (*region).free_units == run((*region).units as usize) {
                self.close_region(region);
                self.remove_region(region);
            }
        }
    }

    /// Finds adjacent free units: the region and the first of them.
    fn take_units(&mut self, units: usize) -> (*mut Region, usize) {
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
        let region = self.add_region();
        // SAFETY: just made, entirely free, and in the list.
        unsafe { self.use_units(region, 0, units) };
        (region, 0)
    }

    /// # Safety
    /// The region is alive and in the list, the units are free.
    unsafe fn use_units(&mut self, region: *mut Region, start: usize, units: usize) {
        // SAFETY: as promised.
        unsafe {
            (*region).free_units &= !(run(units) << start);
            if (*region).free_units == 0 {
                self.close_region(region);
            }
        }
    }

    fn add_region(&mut self) -> *mut Region {
        // The first ones are smaller: a server has many heaps, and most may stay small.
        let units = (REGION_UNITS_MIN << self.regions.len().min(2)).min(REGION_UNITS_MAX);
        let layout = region_layout(units);
        // SAFETY: the layout is not empty.
        let region = unsafe { alloc(layout) }.cast::<Region>();
        let Some(pointer) = NonNull::new(region) else { handle_alloc_error(layout) };
        // SAFETY: large enough and aligned.
        unsafe {
            region.write(Region {
                next: null_mut(),
                previous: null_mut(),
                free_units: run(units),
                index: self.regions.len() as u32,
                units: units as u32,
                starts: [0; REGION_UNITS_MAX],
            });
            self.open_region(region);
        }
        self.regions.push(pointer);
        self.region_bytes += layout.size();
        region
    }

    /// # Safety
    /// The region is alive and in no list, and no slab is left in it.
    unsafe fn remove_region(&mut self, region: *mut Region) {
        // SAFETY: as promised; all regions in `regions` are alive.
        unsafe {
            let (index, units) = ((*region).index, (*region).units as usize);
            self.regions.swap_remove(index as usize);
            if let Some(moved) = self.regions.get(index as usize) {
                (*moved.as_ptr()).index = index;
            }
            self.region_bytes -= units * UNIT_BYTES;
            dealloc(region.cast(), region_layout(units));
        }
    }

    /// # Safety
    /// The region is alive and in no list.
    unsafe fn open_region(&mut self, region: *mut Region) {
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
    unsafe fn close_region(&mut self, region: *mut Region) {
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

impl Drop for Heap {
    fn drop(&mut self) {
        debug_assert!(self.large_bytes == 0, "large records are freed before their heap");
        for region in &self.regions {
            // SAFETY: regions are alive until here; records in them end with the heap.
            unsafe {
                let units = (*region.as_ptr()).units as usize;
                dealloc(region.as_ptr().cast(), region_layout(units));
            }
        }
    }
}

impl Slab {
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.free == 0 && self.frontier == self.end
    }
}

/// Size in steps.
#[inline(always)]
fn class_of(bytes: usize) -> usize {
    bytes.div_ceil(STEP).max(1)
}

fn large_layout(class: usize) -> Layout {
    Layout::from_size_align(class * STEP, STEP).expect("no record is larger than memory")
}

fn region_layout(units: usize) -> Layout {
    Layout::from_size_align(units * UNIT_BYTES, REGION_ALIGN).expect("a region is small")
}

/// As many low bits.
fn run(units: usize) -> u64 {
    u64::MAX >> (64 - units)
}

/// The lowest place where so many bits are set; their number is 1, 2, 4 or 8.
fn find_run(mut free: u64, units: usize) -> Option<usize> {
    let mut width = 1;
    while width < units {
        free &= free >> width;
        width *= 2;
    }
    (free != 0).then_some(free.trailing_zeros() as usize)
}

/// # Safety
/// `step` lies within the slab.
#[inline(always)]
unsafe fn record(slab: *mut Slab, step: u16) -> *mut u8 {
    // SAFETY: as promised.
    unsafe { slab.cast::<u8>().add(usize::from(step) * STEP) }
}

#[inline(always)]
fn region_of(pointer: *mut u8) -> *mut Region {
    pointer.map_addr(|address| address & !(REGION_ALIGN - 1)).cast()
}

/// # Safety
/// The region is alive and `start` one of its units.
#[inline(always)]
unsafe fn slab_at(region: *mut Region, start: usize) -> *mut Slab {
    // The region's header comes before its first slab.
    let offset = if start == 0 { REGION_HEADER_BYTES } else { start * UNIT_BYTES };
    // SAFETY: as promised.
    unsafe { region.cast::<u8>().add(offset).cast() }
}

/// # Safety
/// The pointer came from a slab of a living region.
#[inline(always)]
unsafe fn slab_of(pointer: *mut u8) -> *mut Slab {
    let region = region_of(pointer);
    let unit = (pointer as usize & (REGION_ALIGN - 1)) / UNIT_BYTES;
    // SAFETY: as promised; the unit is in use, so `starts` names its slab (3).
    unsafe { slab_at(region, usize::from((*region).starts[unit])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: u64 = if cfg!(miri) { 3_000 } else { 400_000 };

    fn fill(record: NonNull<u8>, bytes: usize, byte: u8) {
        // SAFETY: the record has that many bytes.
        unsafe { record.write_bytes(byte, bytes) }
    }

    fn check_filled(record: NonNull<u8>, bytes: usize, byte: u8) {
        // SAFETY: the record has that many bytes, all written by `fill`.
        let found = unsafe { std::slice::from_raw_parts(record.as_ptr(), bytes) };
        assert!(found.iter().all(|&b| b == byte), "records do not overlap");
    }

    fn free(heap: &mut Heap, record: NonNull<u8>, bytes: usize) {
        // SAFETY: tests free what they allocated, once.
        unsafe { heap.free(record, bytes) }
    }

    #[test]
    fn records_keep_their_bytes_under_random_allocation() {
        for (seed, bytes_max) in [(1, 64), (2, 600), (3, 200)] {
            let mut heap = Heap::new();
            let mut records: Vec<(NonNull<u8>, usize, u8)> = vec![];
            let mut random: u64 = seed;
            for step in 0..STEPS {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let (chance, bytes) = (random >> 56, (random >> 33) as usize % bytes_max);
                // Grows, then shrinks.
                let is_alloc = chance < if step < STEPS / 2 { 160 } else { 80 };
                if is_alloc || records.is_empty() {
                    let record = heap.alloc(bytes);
                    assert!(record.cast::<u64>().is_aligned());
                    fill(record, bytes, step as u8);
                    records.push((record, bytes, step as u8));
                } else {
                    let index = (random >> 20) as usize % records.len();
                    let (record, bytes, byte) = records.swap_remove(index);
                    check_filled(record, bytes, byte);
                    free(&mut heap, record, bytes);
                }
                if step % 1024 == 0 {
                    let sum: usize = records.iter().map(|r| class_of(r.1) * STEP).sum();
                    assert_eq!(heap.bytes_in_use(), sum);
                    assert!(heap.bytes_held() >= sum);
                }
            }
            for (record, bytes, byte) in records.drain(..) {
                check_filled(record, bytes, byte);
                free(&mut heap, record, bytes);
            }
            assert_eq!((heap.bytes_in_use(), heap.large_bytes), (0, 0));
            let kept: u32 = heap.classes().units.iter().sum();
            assert!(heap.regions.len() <= kept as usize, "only one slab of each class is kept");
        }
    }

    #[test]
    fn a_large_heap_wastes_little_and_a_small_one_holds_little() {
        let mut heap = Heap::new();
        assert_eq!(heap.bytes_held(), 0);
        heap.alloc(40);
        assert!(heap.bytes_held() <= 18 << 10);
        let count = if cfg!(miri) { 1_000 } else { 100_000 };
        for bytes in [24, 88, 104, 360, 512] {
            let mut heap = Heap::new();
            (0..count).for_each(|_| _ = heap.alloc(bytes));
            let waste = heap.bytes_held() as f64 / heap.bytes_in_use() as f64;
            // The largest records leave up to one of sixteen unused at a slab's end.
            assert!(cfg!(miri) || waste < 1.07, "{bytes} bytes: {waste}");
        }
    }

    #[test]
    fn what_is_freed_is_used_again() {
        let mut heap = Heap::new();
        let records: Vec<_> = (0..1_000).map(|_| heap.alloc(100)).collect();
        let held = heap.bytes_held();
        records.into_iter().for_each(|record| free(&mut heap, record, 100));
        assert!(heap.bytes_held() < held);
        (0..1_000).for_each(|_| _ = heap.alloc(100));
        assert!(heap.bytes_held() <= held + (64 << 10));
    }

    #[test]
    fn large_records_go_to_the_global_allocator() {
        let mut heap = Heap::new();
        let record = heap.alloc(10_001);
        fill(record, 10_001, 7);
        assert_eq!((heap.bytes_in_use(), heap.bytes_held()), (10_008, 10_008));
        free(&mut heap, record, 10_001);
        assert_eq!(heap.bytes_held(), 0);
    }
}
