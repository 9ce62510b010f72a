//! Bitmaps: strings seen as rows of bits and of small integers.
//!
//! There is no bitmap type. Bit 0 is the highest bit of the first byte; whatever lies beyond the
//! end of the string, or in a key that does not exist, is 0; a write beyond the end makes the
//! string longer. The loops over bits are in [`base::bits`].
//!
//! # Limits
//!
//! An offset lies within the longest string a client may send (`proto-max-bulk-len`): a client
//! cannot make the server allocate more by one SETBIT than by one SET.
//!
//! # Where we differ
//!
//! (1) A BITFIELD whose writes all fail (`OVERFLOW FAIL`) makes the string longer nevertheless,
//!     as in Redis. There nobody is told; here it counts as a change, so that replicas and the
//!     AOF have the same string.
//! (2) `BITFIELD k OVERFLOW SAT SET i8 0 -9223372036854775808` stores -128. Redis computes a
//!     distance that does not fit 64 bits and stores 127.
//! (3) `#` and a field number so large that the product leaves 64 bits is out of range; in Redis
//!     it wraps around and may hit bit 0.
//! (4) `BITCOUNT key start` is a syntax error, as in Redis and as its suite wants; Valkey 8 counts
//!     to the end.

mod bit;
mod bitfield;
mod bitop;
mod range;
#[cfg(test)]
mod tests;

use engine::Command;

pub const COMMANDS: &[Command] = &[
    range::BITCOUNT,
    bitfield::BITFIELD,
    bitfield::BITFIELD_RO,
    bitop::BITOP,
    range::BITPOS,
    bit::GETBIT,
    bit::SETBIT,
];
