//! Memory straight from the kernel, aligned to its own size.
//!
//! The pool's chunks do not come from the allocator: it would keep the space that alignment leaves
//! over, and books about every chunk. Under Miri, which maps nothing, they do.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Maps zeroed memory of this layout, whose size is its alignment; none if there is no more.
fn map(layout: Layout) -> Option<NonNull<u8>> {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
    assert!(layout.size() == layout.align(), "a chunk is aligned to its size");
    let size = layout.size();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // Twice the size holds an aligned piece wherever it begins; what is around it goes back.
    // SAFETY: a new mapping touches no memory that exists.
    let start =
        unsafe { mmap_anonymous(std::ptr::null_mut(), 2 * size, access, MapFlags::PRIVATE).ok()? };
    let before = start.addr().wrapping_neg() % size;
    // SAFETY: both pieces lie within the mapping just made, outside of what is returned.
    unsafe {
        let chunk = start.byte_add(before);
        // The kernel refuses to unmap only what is not there.
        if before > 0 {
            let _ = munmap(start, before);
        }
        let _ = munmap(chunk.byte_add(size), size - before);
        NonNull::new(chunk.cast())
    }
}

/// Memory of this layout.
pub(crate) fn take(layout: Layout) -> NonNull<u8> {
    try_take(layout).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Memory of this layout, if there is any.
pub(crate) fn try_take(layout: Layout) -> Option<NonNull<u8>> {
    if cfg!(miri) {
        // SAFETY: a chunk's layout has a size.
        return NonNull::new(unsafe { alloc(layout) });
    }
    map(layout)
}

/// # Safety
///
/// `memory` came from `take` or `try_take` with this layout and is not used again.
pub(crate) unsafe fn give_back(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: by contract.
    unsafe {
        if cfg!(miri) {
            dealloc(memory.as_ptr(), layout);
        } else {
            // It fails only for what is not mapped.
            let _ = rustix::mm::munmap(memory.as_ptr().cast(), layout.size());
        }
    }
}
