//! Merging and packing with AVX2: 32 registers, which are 24 bytes, in one step.
//!
//! ```text
//!   dense, four registers in three bytes    |bbaaaaaa|ccccbbbb|ddddddcc|
//!   loaded with the middle byte twice       |bbaaaaaa|ccccbbbb||ccccbbbb|ddddddcc|   two halves of 16 bits
//!     a and c, the rest masked away          ..aaaaaa ........  cccc.... ......cc    each the only bits
//!     b and d, the rest masked away          bb...... ....bbbb  ........ dddddd..    of its half
//! ```
//!
//! The highest of several registers is found where they lie, as numbers of 16 bits; only the result
//! is moved into bytes. With eight HyperLogLogs at a time this takes 8 operations for each 32
//! registers of one, instead of 13.
//!
//! # Invariants
//!
//! (1) The functions behind `target_feature` are called only after [`is_simd_used`] said yes.
//! (2) Step i reads 32 bytes from 4 before its 24: those before the first lie in the header, and
//!     the last step, whose bytes behind would lie beyond the string, reads a copy.
//! (3) Packing step i writes 28 bytes, of which the next step overwrites 4; the last one is left
//!     to plain code.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{DENSE_BYTES, REGISTERS};

static WANTED: AtomicBool = AtomicBool::new(true);

/// PFDEBUG SIMD: whether to use what the processor has. Results are the same.
pub fn use_simd(wanted: bool) {
    WANTED.store(wanted, Relaxed);
}

pub fn is_simd_used() -> bool {
    WANTED.load(Relaxed) && is_there()
}

#[cfg(target_arch = "x86_64")]
fn is_there() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn is_there() -> bool {
    false
}

/// Raises registers to what dense HyperLogLogs have; false if that must be done in another way.
#[cfg(target_arch = "x86_64")]
pub(super) fn merge<const N: usize>(
    into: &mut [u8; REGISTERS],
    sources: &[&[u8; DENSE_BYTES]; N],
) -> bool {
    let is_used = is_simd_used();
    if is_used {
        // SAFETY: (1).
        unsafe { avx2::merge(into, sources) };
    }
    is_used
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn merge<const N: usize>(_: &mut [u8; REGISTERS], _: &[&[u8; DENSE_BYTES]; N]) -> bool {
    false
}

/// Packs registers into 6 bits each; false if that must be done in another way.
#[cfg(target_arch = "x86_64")]
pub(super) fn pack(registers: &[u8; REGISTERS], into: &mut [u8]) -> bool {
    let is_used = is_simd_used();
    if is_used {
        let into = into.try_into().expect("the registers of a dense one have their length");
        // SAFETY: (1).
        unsafe { avx2::pack(registers, into) };
    }
    is_used
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn pack(_: &[u8; REGISTERS], _: &mut [u8]) -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::{DENSE_BYTES, HEADER_BYTES, REGISTERS, dense};

    /// Registers, and bytes of them, in one step.
    const STEP: usize = 32;
    const STEP_BYTES: usize = STEP * dense::BITS / 8;
    const STEPS: usize = REGISTERS / STEP - 1;
    /// From a step's first byte back to where it is read from.
    const BEFORE: usize = 4;

    #[target_feature(enable = "avx2")]
    pub(super) fn merge<const N: usize>(
        into: &mut [u8; REGISTERS],
        sources: &[&[u8; DENSE_BYTES]; N],
    ) {
        for step in 0..STEPS {
            let at = HEADER_BYTES - BEFORE + step * STEP_BYTES;
            let mut max = Max::zero();
            for source in sources {
                // SAFETY: (2).
                max.raise(unsafe { _mm256_loadu_si256(source.as_ptr().add(at).cast()) });
            }
            max.store(into[step * STEP..].first_chunk_mut().expect("a step is inside"));
        }
        let mut max = Max::zero();
        for source in sources {
            let mut bytes = [0; 32];
            bytes[BEFORE..][..STEP_BYTES].copy_from_slice(&source[DENSE_BYTES - STEP_BYTES..]);
            // SAFETY: the copy is as long as what is read.
            max.raise(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) });
        }
        max.store(into.last_chunk_mut().expect("a step is inside"));
    }

    /// The highest of several times 32 registers, still where they lie in 16 bits.
    struct Max {
        ac: __m256i,
        bd: __m256i,
    }

    impl Max {
        #[inline]
        #[target_feature(enable = "avx2")]
        fn zero() -> Max {
            Max { ac: _mm256_setzero_si256(), bd: _mm256_setzero_si256() }
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn raise(&mut self, bytes: __m256i) {
            // Of each 16 bytes: the four triples behind the 4 bytes in front, or from the first.
            let triples = _mm256_setr_epi8(
                4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11, 12, 13, 14, 14, 15, //
                0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11,
            );
            let x = _mm256_shuffle_epi8(bytes, triples);
            let (ac, bd) =
                (_mm256_set1_epi32(0x03f0_003f), _mm256_set1_epi32(0xfc00_0fc0u32 as i32));
            self.ac = _mm256_max_epu16(self.ac, _mm256_and_si256(x, ac));
            self.bd = _mm256_max_epu16(self.bd, _mm256_and_si256(x, bd));
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn store(self, to: &mut [u8; STEP]) {
            let to = to.as_mut_ptr().cast();
            // SAFETY: the array is as long as what is read.
            let before = unsafe { _mm256_loadu_si256(to) };
            let max = _mm256_max_epu8(before, into_bytes(self.ac, self.bd));
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(to, max) };
        }
    }

    /// Moves the four registers of each 32 bits into a byte each.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn into_bytes(ac: __m256i, bd: __m256i) -> __m256i {
        let a = _mm256_and_si256(ac, _mm256_set1_epi32(0x0000_003f));
        let c = _mm256_srli_epi32::<4>(_mm256_and_si256(ac, _mm256_set1_epi32(0x03f0_0000)));
        let b = _mm256_slli_epi32::<2>(_mm256_and_si256(bd, _mm256_set1_epi32(0x0000_0fc0)));
        let d = _mm256_srli_epi32::<2>(_mm256_andnot_si256(_mm256_set1_epi32(0xffff), bd));
        _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d))
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn pack(registers: &[u8; REGISTERS], into: &mut [u8; dense::BYTES]) {
        let triples = _mm256_setr_epi8(
            0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, //
            0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
        );
        // a + 64 b, and of these the lower + 4096 times the upper.
        let bytes_into_12 = _mm256_set1_epi16(0x4001);
        let pairs_into_24 = _mm256_set1_epi32(0x1000_0001);
        for step in 0..STEPS {
            let from = registers[step * STEP..][..STEP].as_ptr().cast();
            // SAFETY: the slice is as long as what is read.
            let x = unsafe { _mm256_loadu_si256(from) };
            let x = _mm256_maddubs_epi16(x, bytes_into_12);
            let x = _mm256_madd_epi16(x, pairs_into_24);
            let x = _mm256_shuffle_epi8(x, triples);
            let to = into[step * STEP_BYTES..].as_mut_ptr();
            // SAFETY: (3) 28 bytes lie before the end of all but the last step.
            unsafe {
                _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(x));
                _mm_storeu_si128(to.add(12).cast(), _mm256_extracti128_si256::<1>(x));
            }
        }
        for (register, rank) in registers.iter().enumerate().skip(STEPS * STEP) {
            dense::set(into, register, *rank);
        }
    }
}
