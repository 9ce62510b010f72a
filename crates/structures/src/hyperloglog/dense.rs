//! Dense registers: 6 bits each, one behind the other from the low bit of the first byte on.
//!
//! ```text
//!   byte        0        1        2
//!           bbaaaaaa ccccbbbb ddddddcc       four registers in three bytes
//! ```

use super::REGISTERS;
use super::estimate::Histogram;

pub(super) const BITS: usize = 6;
pub(super) const BYTES: usize = REGISTERS * BITS / 8;
pub(super) const MASK: u8 = (1 << BITS) - 1;
/// Bytes of eight registers.
pub(super) const GROUP_BYTES: usize = 6;

#[inline]
pub(super) fn get(registers: &[u8], index: usize) -> u8 {
    let (at, shift) = (index * BITS / 8, index * BITS % 8);
    let high = registers.get(at + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([registers[at], high]) >> shift) as u8 & MASK
}

#[inline]
pub(super) fn set(registers: &mut [u8], index: usize, rank: u8) {
    let (at, shift) = (index * BITS / 8, index * BITS % 8);
    let mask = u16::from(MASK) << shift;
    let bits = u16::from(rank) << shift;
    registers[at] = registers[at] & !(mask as u8) | bits as u8;
    // The last register ends with its byte: only those that reach over have a second one.
    if shift > 8 - BITS {
        registers[at + 1] = registers[at + 1] & !((mask >> 8) as u8) | (bits >> 8) as u8;
    }
}

/// Eight registers, in 48 bits.
#[inline]
pub(super) fn group(bytes: &[u8]) -> u64 {
    let (low, high) = bytes[..GROUP_BYTES].split_at(4);
    let low = u32::from_le_bytes(low.try_into().expect("four bytes"));
    let high = u16::from_le_bytes(high.try_into().expect("two bytes"));
    u64::from(low) | u64::from(high) << 32
}

/// How many registers have which rank. Registers are counted in pairs: half as many steps, and
/// neighbours rarely hit the same counter twice in a row.
pub(super) fn histogram(registers: &[u8]) -> Histogram {
    let mut pairs = [0u16; 1 << (2 * BITS)];
    for bytes in registers.chunks_exact(2 * GROUP_BYTES) {
        let (a, b) = (group(bytes), group(&bytes[GROUP_BYTES..]));
        for shift in [0, 12, 24, 36] {
            pairs[(a >> shift) as usize & 0xfff] += 1;
            pairs[(b >> shift) as usize & 0xfff] += 1;
        }
    }
    Histogram::of_pairs(&pairs)
}
