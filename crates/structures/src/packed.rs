//! What [`crate::listpack`] and [`crate::intset`] share: elements packed into one buffer of bytes.
//!
//! A packed buffer is a `Vec<u8>` whose capacity follows the size classes of the allocator: it asks
//! for all of what the allocator would hand out anyway and for nothing more. Growth then costs one
//! reallocation for each class (four for each doubling), and wastes a tenth on average, where a
//! `Vec` left alone doubles. Edits never give memory back: the owner of a buffer that will live on
//! calls [`shrink`] after removing from it, the owner of a scratch buffer does not.

use std::fmt;

/// Why bytes from outside are not the structure they are said to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invalid(pub &'static str);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Invalid {}

/// The bytes an allocation of `len` bytes really takes: jemalloc's size classes, 16 bytes apart up
/// to 128, then four for each doubling.
pub fn size_class(len: usize) -> usize {
    let step = if len <= 128 { 16 } else { 1 << ((len - 1).ilog2() - 2) };
    len.next_multiple_of(step)
}

/// Makes room for `more` bytes behind the present ones.
#[inline]
pub fn reserve(bytes: &mut Vec<u8>, more: usize) {
    if bytes.capacity() - bytes.len() < more {
        grow(bytes, more);
    }
}

#[cold]
fn grow(bytes: &mut Vec<u8>, more: usize) {
    bytes.reserve_exact(size_class(bytes.len() + more) - bytes.len());
}

/// Gives memory back when a third or more of it is unused. Takes a comparison when it is not.
pub fn shrink(bytes: &mut Vec<u8>) {
    let class = size_class(bytes.len());
    if class <= bytes.capacity() / 3 * 2 {
        bytes.shrink_to(class);
    }
}

/// Opens a gap of `len` bytes at `at`; what was there moves behind it. The gap's bytes are any.
pub(crate) fn open_gap(bytes: &mut Vec<u8>, at: usize, len: usize) {
    reserve(bytes, len);
    let end = bytes.len();
    bytes.resize(end + len, 0);
    bytes.copy_within(at..end, at + len);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_those_of_jemalloc() {
        for (len, class) in [
            (1, 16),
            (16, 16),
            (17, 32),
            (113, 128),
            (128, 128),
            (129, 160),
            (256, 256),
            (257, 320),
            (3585, 4096),
            (8193, 10240),
            (65536, 65536),
        ] {
            assert_eq!(size_class(len), class, "{len}");
        }
    }

    #[test]
    fn buffers_grow_in_small_steps_and_shrink_late() {
        let mut bytes = Vec::new();
        let mut reallocations = 0;
        for n in 0..20_000 {
            let before = bytes.capacity();
            reserve(&mut bytes, 1);
            bytes.push(n as u8);
            reallocations += usize::from(bytes.capacity() != before);
            assert_eq!(bytes.capacity(), size_class(bytes.len()));
        }
        assert!(reallocations < 40, "{reallocations}");
        bytes.truncate(15_000);
        shrink(&mut bytes);
        assert_eq!(bytes.capacity(), 20_480, "three quarters are used");
        bytes.truncate(9_000);
        shrink(&mut bytes);
        assert_eq!(bytes.capacity(), 10_240);
    }
}
