//! Records, straight from the allocator, until the slabs are there.
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

#[derive(Default)]
pub struct Heap;

impl Heap {
    pub const fn new() -> Heap {
        Heap
    }
    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes.next_multiple_of(8), 8).expect("a record's size is bounded")
    }
    pub fn alloc(&mut self, bytes: usize) -> NonNull<u8> {
        // SAFETY: records are never empty.
        NonNull::new(unsafe { alloc(Self::layout(bytes)) }).expect("memory")
    }
    /// # Safety
    /// `p` came from `alloc(bytes)`.
    pub unsafe fn free(&mut self, p: NonNull<u8>, bytes: usize) {
        // SAFETY: by contract.
        unsafe { dealloc(p.as_ptr(), Self::layout(bytes)) }
    }
}
