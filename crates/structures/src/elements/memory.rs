//! Where records lie: in the global allocator while a table is small, then in a heap of its own.
//!
//! A [`Heap`] holds records without rounding and on huge pages, but its first region alone takes
//! 16 KiB. So a table begins with the allocator, and opens a heap when its records are of
//! [`HEAP_FROM_BYTES`]. Records stay where they are: the slot's flag [`IN_HEAP`] says where. Large
//! ones are the allocator's in any case, so a heap can go as a whole, without visiting its records.

use super::Entry;
use crate::heap::{Heap, SLAB_BYTES_MAX, rounded};
use crate::table::COLOUR_A;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Slot flag of records that lie in the table's heap. Colours are for snapshots of a keyspace.
pub(super) const IN_HEAP: u8 = COLOUR_A;

/// A table whose records take as many bytes gets a heap for further ones.
const HEAP_FROM_BYTES: usize = 64 << 10;

const ALIGN: usize = 4;

/// Memory for records of one table.
#[derive(Default)]
pub(super) struct Memory {
    heap: Option<Box<Heap>>,
    /// Of the records in the global allocator, each rounded up to 4.
    outside_bytes: usize,
}

impl Memory {
    pub(super) const fn new() -> Memory {
        Memory { heap: None, outside_bytes: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.outside_bytes
            + self.heap.as_ref().map_or(0, |heap| size_of::<Heap>() + heap.bytes_held())
    }

    /// Bytes of all records, each rounded up to 4.
    pub(super) fn bytes_in_use(&self) -> usize {
        self.outside_bytes + self.heap.as_ref().map_or(0, |heap| heap.bytes_in_use())
    }

    /// Memory for a record, aligned to 4, not initialised, and the flags of its slot.
    #[inline]
    pub(super) fn alloc(&mut self, bytes: usize) -> (Entry, u8) {
        if bytes <= SLAB_BYTES_MAX
            && let Some(heap) = &mut self.heap
        {
            return (heap.alloc(bytes), IN_HEAP);
        }
        self.alloc_outside(bytes)
    }

    fn alloc_outside(&mut self, bytes: usize) -> (Entry, u8) {
        if self.outside_bytes >= HEAP_FROM_BYTES && bytes <= SLAB_BYTES_MAX {
            return (self.heap.get_or_insert_default().alloc(bytes), IN_HEAP);
        }
        let layout = layout(bytes);
        self.outside_bytes += layout.size();
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(layout) };
        (NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout)), 0)
    }

    /// Takes a record's memory back.
    ///
    /// # Safety
    /// It came from [`Memory::alloc`] of this memory with as many bytes and these flags among
    /// others, and is used no more.
    #[inline]
    pub(super) unsafe fn free(&mut self, entry: Entry, bytes: usize, flags: u8) {
        if flags & IN_HEAP != 0 {
            let heap = self.heap.as_mut().expect("a record in the heap has a heap");
            // SAFETY: as promised.
            return unsafe { heap.free(entry, bytes) };
        }
        let layout = layout(bytes);
        self.outside_bytes -= layout.size();
        // SAFETY: as promised; `alloc_outside` got it with this layout.
        unsafe { dealloc(entry.as_ptr(), layout) }
    }

    /// Frees up to so many regions of the heap. True when nothing is left.
    ///
    /// # Safety
    /// No record in the heap is used again.
    pub(super) unsafe fn drain_some(&mut self, regions: usize) -> bool {
        let Some(heap) = &mut self.heap else { return true };
        // SAFETY: as promised.
        let is_empty = unsafe { heap.drain_some(regions) };
        if is_empty {
            self.heap = None;
        }
        is_empty
    }
}

/// Whether memory of a record of `a` bytes holds one of `b` bytes.
pub(super) fn same_class(a: usize, b: usize) -> bool {
    rounded(a) == rounded(b)
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(rounded(bytes), ALIGN).expect("no record is larger than memory")
}
