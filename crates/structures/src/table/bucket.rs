//! The bucket: 128 bytes, two cache lines, up to 15 slots.
//!
//! ```text
//!  line 0  | header | slot | slot | slot | slot | slot | slot | slot |     lanes 0..8
//!  line 1  |  slot  | slot | slot | slot | slot | slot | slot | slot |     lanes 8..16
//!
//!  header  63..48    47..32         31..16           15..0
//!         +--------+--------------+----------------+----------------+
//!         | extra* | in the stash | in next bucket | watermark      |
//!         +--------+--------------+----------------+----------------+
//! ```
//!
//! The two counts are of entries that belong here and were put elsewhere: a lookup that finds
//! nothing goes on only where they say so. The watermark bounds the earliest expiry of the
//! entries that lie *in* this bucket, wherever they belong (see `expire.rs`).
//!
//! The lowest bit of a tag names the line an entry prefers, so most lookups touch one line.
//!
//! The first bucket of a segment is its stash and also keeps the segment's own figures in lanes
//! 0..4 (`segment.rs`); `extra` is used there only.
//!
//! Words are atomic because other threads look at slots without the lock ([`super::Peek`]). The
//! lock holder is the only writer, so its own reads may be plain and wide: this is what
//! [`Bucket::lanes_with_tag`] and [`Bucket::empty_lanes`] do.

use super::slot::Word;
use crate::prefetch::prefetch;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(super) const LANES: usize = 16;
pub(super) const BUCKET_BYTES: usize = 128;

#[repr(C, align(128))]
pub(super) struct Bucket([AtomicU64; LANES]);

const _: () = assert!(size_of::<Bucket>() == BUCKET_BYTES);

impl Bucket {
    #[inline(always)]
    pub(super) fn load(&self, lane: usize) -> u64 {
        self.0[lane].load(Relaxed)
    }

    #[inline(always)]
    pub(super) fn store(&self, lane: usize, word: u64) {
        self.0[lane].store(word, Relaxed);
    }

    #[inline(always)]
    pub(super) fn slot(&self, lane: usize) -> Word {
        Word(self.load(lane))
    }

    #[inline(always)]
    pub(super) fn prefetch_line(&self, line: usize) {
        prefetch(std::ptr::from_ref(&self.0[line * 8]).cast());
    }

    /// Bit mask of the lanes in use.
    #[inline]
    pub(super) fn full_lanes(&self, lanes: u32) -> u32 {
        !self.empty_lanes() & lanes
    }

    pub(super) fn next_count(&self) -> usize {
        field(self.load(0), NEXT)
    }

    pub(super) fn stash_count(&self) -> usize {
        field(self.load(0), STASH)
    }

    pub(super) fn add_next_count(&self, change: isize) {
        self.add(NEXT, change);
    }

    pub(super) fn add_stash_count(&self, change: isize) {
        self.add(STASH, change);
    }

    pub(super) fn extra(&self) -> usize {
        field(self.load(0), EXTRA)
    }

    pub(super) fn set_extra(&self, count: usize) {
        self.set(EXTRA, count);
    }

    /// See `expire.rs`. Kept inverted, so that a zeroed bucket is an empty one.
    pub(super) fn watermark(&self) -> u16 {
        !(self.load(0) as u16)
    }

    pub(super) fn set_watermark(&self, code: u16) {
        self.set(WATERMARK, usize::from(!code));
    }

    fn add(&self, shift: u32, change: isize) {
        let count = field(self.load(0), shift).checked_add_signed(change);
        self.set(shift, count.expect("no bucket loses an entry it did not have"));
    }

    fn set(&self, shift: u32, value: usize) {
        assert!(value <= 0xffff, "a field of a bucket's header has 16 bits");
        self.store(0, self.load(0) & !(0xffff << shift) | (value as u64) << shift);
    }
}

const WATERMARK: u32 = 0;
const NEXT: u32 = 16;
const STASH: u32 = 32;
const EXTRA: u32 = 48;

fn field(header: u64, shift: u32) -> usize {
    (header >> shift) as usize & 0xffff
}

/// Eight tags or eight "is empty" at a time. SSE2 is part of x86-64.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod wide {
    use super::{Bucket, LANES};
    use std::arch::asm;
    use std::arch::x86_64::*;

    impl Bucket {
        /// Bit mask of the lanes of one line that carry this tag, from bit 0. Empty slots carry tag 0.
        #[inline(always)]
        pub(crate) fn lanes_with_tag(&self, line: usize, tag: u16) -> u32 {
            let words = self.line(line);
            // SAFETY: eight words of an aligned array; only the lock holder, our caller, writes.
            unsafe {
                let pair = |i| _mm_load_si128(words.add(i));
                lanes_with_tag([pair(0), pair(1), pair(2), pair(3)], tag)
            }
        }

        /// The same for those who do not hold the lock: a moment of each word, not of all.
        #[inline(always)]
        pub(crate) fn peek_lanes_with_tag(&self, line: usize, tag: u16) -> u32 {
            let words = self.line(line);
            // SAFETY: eight words of an aligned array, as two relaxed loads of 64 bits each time.
            unsafe {
                let pair = |i| load_pair(words.add(i));
                lanes_with_tag([pair(0), pair(1), pair(2), pair(3)], tag)
            }
        }

        /// Bit mask of the empty lanes of the whole bucket, header included.
        #[inline(always)]
        pub(crate) fn empty_lanes(&self) -> u32 {
            const { assert!(LANES == 16) }
            let words = self.line(0);
            // SAFETY: sixteen words of an aligned array; only the lock holder, our caller, writes.
            unsafe {
                let line_0 = _mm_packs_epi32(are_zero(words), are_zero(words.add(2)));
                let line_1 = _mm_packs_epi32(are_zero(words.add(4)), are_zero(words.add(6)));
                _mm_movemask_epi8(_mm_packs_epi16(line_0, line_1)) as u32
            }
        }

        #[inline(always)]
        fn line(&self, line: usize) -> *const __m128i {
            self.0[line * 8..line * 8 + 8].as_ptr().cast()
        }
    }

    #[inline(always)]
    fn lanes_with_tag(pairs: [__m128i; 4], tag: u16) -> u32 {
        let [a, b, c, d] = pairs;
        // SAFETY: no memory is touched.
        unsafe {
            let tags = _mm_packs_epi32(high_halves(a, b), high_halves(c, d));
            let equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag as i16));
            _mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())) as u32
        }
    }

    /// Two words, each loaded whole, while another thread may be storing one of them. A plain load
    /// would be a data race in the language's eyes; to the processor both are the same, and an
    /// aligned half of an aligned load is never torn.
    ///
    /// # Safety
    /// Two atomic words can be read from `words`, which is aligned to 16.
    #[inline(always)]
    unsafe fn load_pair(words: *const __m128i) -> __m128i {
        let pair;
        // SAFETY: as promised by the caller; it only reads.
        unsafe {
            asm!("movdqa {}, xmmword ptr [{}]", out(xmm_reg) pair, in(reg) words,
                options(pure, readonly, nostack, preserves_flags));
        }
        pair
    }

    /// The top 16 bits of four words, each widened to 32.
    #[inline(always)]
    fn high_halves(a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: no memory is touched.
        unsafe {
            let high = _mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0b11_01_11_01);
            _mm_srai_epi32(_mm_castps_si128(high), 16)
        }
    }

    /// All ones for each of four words that is zero.
    ///
    /// # Safety
    /// Four words can be read from `words`, which is aligned to 16.
    #[inline(always)]
    unsafe fn are_zero(words: *const __m128i) -> __m128i {
        // SAFETY: as promised by the caller.
        unsafe {
            let a = _mm_castsi128_ps(_mm_load_si128(words));
            let b = _mm_castsi128_ps(_mm_load_si128(words.add(1)));
            let high = _mm_castps_si128(_mm_shuffle_ps(a, b, 0b11_01_11_01));
            let low = _mm_castps_si128(_mm_shuffle_ps(a, b, 0b10_00_10_00));
            _mm_cmpeq_epi32(_mm_or_si128(high, low), _mm_setzero_si128())
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod narrow {
    use super::{Bucket, LANES};

    impl Bucket {
        /// Bit mask of the lanes of one line that carry this tag, from bit 0. Empty slots carry tag 0.
        pub(crate) fn lanes_with_tag(&self, line: usize, tag: u16) -> u32 {
            (0..8).filter(|i| self.slot(line * 8 + i).tag() == tag).map(|i| 1 << i).sum()
        }

        /// The same for those who do not hold the lock.
        pub(crate) fn peek_lanes_with_tag(&self, line: usize, tag: u16) -> u32 {
            self.lanes_with_tag(line, tag)
        }

        /// Bit mask of the empty lanes of the whole bucket, header included.
        pub(crate) fn empty_lanes(&self) -> u32 {
            (0..LANES).filter(|&lane| self.load(lane) == 0).map(|lane| 1 << lane).sum()
        }
    }
}

/// The lanes set in a bit mask, ascending.
pub(super) fn lanes(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = (mask != 0).then_some(mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        lane
    })
}
