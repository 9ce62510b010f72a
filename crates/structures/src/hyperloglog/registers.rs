//! Registers of one byte each: where HyperLogLogs are merged.

use super::estimate::Histogram;
use super::{DENSE_BYTES, Form, HEADER_BYTES, HllError, HllRef, Place, REGISTERS};
use super::{dense, simd, sparse};

/// How many dense ones are best merged together.
pub const DENSE_AT_ONCE: usize = 8;

pub struct Registers(Box<[u8; REGISTERS]>);

impl Default for Registers {
    fn default() -> Registers {
        Registers::new()
    }
}

impl Registers {
    /// Of no elements.
    pub fn new() -> Registers {
        let zeros = vec![0; REGISTERS].into_boxed_slice();
        Registers(zeros.try_into().expect("as many as were made"))
    }

    /// Raises each to what the HyperLogLog has. After an error they are of no use.
    pub fn merge(&mut self, hll: HllRef<'_>) -> Result<(), HllError> {
        match hll.form {
            Form::Sparse => sparse::merge(hll.registers(), &mut self.0)?,
            Form::Dense => self.merge_some(&[hll]),
        }
        Ok(())
    }

    /// As [`Registers::merge`], of as many dense ones as there are.
    ///
    /// # Panics
    ///
    /// One of them is sparse.
    pub fn merge_dense(&mut self, hlls: &[HllRef<'_>]) {
        let (many, rest) = hlls.as_chunks::<DENSE_AT_ONCE>();
        many.iter().for_each(|hlls| self.merge_some(hlls));
        rest.iter().for_each(|hll| self.merge_some(&[*hll]));
    }

    fn merge_some<const N: usize>(&mut self, hlls: &[HllRef<'_>; N]) {
        let mut sources = [&[0; DENSE_BYTES]; N];
        for (source, hll) in sources.iter_mut().zip(hlls) {
            assert!(hll.form == Form::Dense, "sparse ones are merged otherwise");
            *source = hll.bytes.try_into().expect("a dense one has its length");
        }
        if !simd::merge(&mut self.0, &sources) {
            sources.iter().for_each(|source| self.merge_words(&source[HEADER_BYTES..]));
        }
    }

    /// By words of eight registers.
    fn merge_words(&mut self, registers: &[u8]) {
        let groups = registers.chunks_exact(dense::GROUP_BYTES);
        for (to, from) in self.0.as_chunks_mut::<8>().0.iter_mut().zip(groups) {
            *to = max(u64::from_le_bytes(*to), spread(dense::group(from))).to_le_bytes();
        }
    }

    /// Registers that are not zero, in ascending order.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        let registers = self.0.iter().copied().enumerate();
        registers.filter(|(_, rank)| *rank > 0).map(|(register, rank)| Place { register, rank })
    }

    pub fn ranks(&self) -> &[u8; REGISTERS] {
        &self.0
    }

    pub fn cardinality(&self) -> u64 {
        let mut pairs = [0; 1 << (2 * dense::BITS)];
        for pair in self.0.chunks_exact(2) {
            // No rank is above 63; the mask saves the check.
            let pair = usize::from(pair[0]) | usize::from(pair[1]) << dense::BITS;
            pairs[pair & 0xfff] += 1;
        }
        Histogram::of_pairs(&pairs).cardinality()
    }

    /// Writes the registers of a dense one.
    pub(super) fn pack(&self, into: &mut [u8]) {
        if simd::pack(&self.0, into) {
            return;
        }
        let groups = into.chunks_exact_mut(dense::GROUP_BYTES);
        for (from, to) in self.0.as_chunks::<8>().0.iter().zip(groups) {
            let word = gather(u64::from_le_bytes(*from)).to_le_bytes();
            to.copy_from_slice(&word[..dense::GROUP_BYTES]);
        }
    }
}

/// Eight registers of 6 bits into eight bytes.
///
/// ```text
///   0000 0000 | hhhhhhgg ggggffff ffeeeeee ddddddcc ccccbbbb bbaaaaaa
///   halves      hhhhhhgg ggggffff ffeeeeee 00000000 ddddddcc …          24 bits in 32
///   quarters    0000hhhh hhgggggg 0000ffff ffeeeeee …                   12 bits in 16
///   bytes       00hhhhhh 00gggggg 00ffffff 00eeeeee …                    6 bits in 8
/// ```
fn spread(x: u64) -> u64 {
    let x = x & 0x0000_0000_00ff_ffff | (x & 0x0000_ffff_ff00_0000) << 8;
    let x = x & 0x0000_0fff_0000_0fff | (x & 0x00ff_f000_00ff_f000) << 4;
    x & 0x003f_003f_003f_003f | (x & 0x0fc0_0fc0_0fc0_0fc0) << 2
}

/// The way back.
fn gather(x: u64) -> u64 {
    let x = x & 0x003f_003f_003f_003f | (x & 0x3f00_3f00_3f00_3f00) >> 2;
    let x = x & 0x0000_0fff_0000_0fff | (x & 0x0fff_0000_0fff_0000) >> 4;
    x & 0x0000_0000_00ff_ffff | (x & 0x00ff_ffff_0000_0000) >> 8
}

/// The higher of each two bytes, all of them below 128.
fn max(a: u64, b: u64) -> u64 {
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // The top bit of a byte stays where a's is not the lower one.
    let not_lower = ((a | TOPS) - b) & TOPS;
    let mask = not_lower - (not_lower >> 7);
    a & mask | b & !mask
}
