//! A block: a fixed run of the stream's bytes, `[start, end)`.
//!
//! Writers fill disjoint ranges of it at once while readers look at what is published, so it hands
//! out no `&mut`: bytes go in and out through the two unsafe functions whose callers know which
//! range is theirs. A new block is not cleared, since each byte is written before it is read.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

#[cfg(loom)]
use crate::sync::Shadow;

pub(crate) struct Block {
    start: u64,
    len: usize,
    bytes: NonNull<u8>,
    #[cfg(loom)]
    shadows: Box<[Shadow]>,
}

// SAFETY: the pointer owns its allocation; who may touch which bytes is the contract of `write`
// and `read`.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// A block of `len` bytes; it gets its place in the stream with [`Block::place`].
    pub(crate) fn new(len: usize) -> Block {
        let bytes = Box::into_raw(Box::<[u8]>::new_uninit_slice(len));
        let bytes = NonNull::new(bytes.cast::<u8>()).expect("a box is never null");
        Block {
            start: 0,
            len,
            bytes,
            #[cfg(loom)]
            shadows: (0..len).map(|_| Shadow::default()).collect(),
        }
    }

    /// Makes `start` the offset of the first byte. What the block held before is forgotten.
    pub(crate) fn place(&mut self, start: u64) {
        self.start = start;
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn contains(&self, offset: u64) -> bool {
        (self.start..self.end()).contains(&offset)
    }

    /// Where `[offset, offset + len)` lies in the allocation.
    #[inline]
    fn index(&self, offset: u64, len: usize) -> usize {
        assert!(
            offset >= self.start && offset - self.start + len as u64 <= self.len as u64,
            "a range of the stream lies within its block"
        );
        (offset - self.start) as usize
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Safety
    /// The caller has reserved the range and not published it: lib.rs (2).
    #[inline]
    pub(crate) unsafe fn write(&self, offset: u64, bytes: &[u8]) {
        let index = self.index(offset, bytes.len());
        #[cfg(loom)]
        self.shadows[index..index + bytes.len()].iter().for_each(Shadow::touch);
        // SAFETY: `index` has checked the bounds; nobody else touches the range, and `bytes`
        // cannot overlap it, because no reference to an unpublished range is ever made.
        unsafe {
            let target = self.bytes.as_ptr().add(index);
            target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// The bytes `[offset, end)`.
    ///
    /// # Safety
    /// `end` is at or below a watermark the caller has seen: lib.rs (4).
    pub(crate) unsafe fn read(&self, offset: u64, end: u64) -> &[u8] {
        let len = (end - offset) as usize;
        let index = self.index(offset, len);
        #[cfg(loom)]
        self.shadows[index..index + len].iter().for_each(Shadow::look);
        // SAFETY: `index` has checked the bounds; published bytes are initialised and fixed.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().add(index), len) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        #[cfg(loom)]
        self.shadows.iter().for_each(Shadow::touch);
        let bytes = self.bytes.as_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: `new` took this pointer and length out of a box, and nobody else frees it.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes, self.len)) });
    }
}
