//! What the standard library lacks for a Redis: number text, patterns, quoting, checksums,
//! random numbers and the clock, each answering exactly as Redis does.
//!
//! Nothing here knows of keys, clients or commands, and nothing here may fail on bytes from
//! outside: a parser returns `None`. This crate is the bottom of the house; every arrow ends here.
//!
//! | module | gives |
//! |---|---|
//! | [`number`] | integers, doubles, memory sizes and percentages, to and from text |
//! | [`decimal`] | the 80-bit arithmetic of INCRBYFLOAT |
//! | [`bits`] | counting, finding and combining the bits of a string |
//! | [`glob`] | the patterns of KEYS, SCAN, PSUBSCRIBE, CONFIG GET, ACL |
//! | [`split_args`] | splitting a line into quoted words, and quoting one |
//! | [`crc`] | CRC16 and key slots, CRC64 of RDB files |
//! | [`lzf`] | the compression of strings in RDB files |
//! | [`random`] | a fast generator |
//! | [`calendar`] | moments as people write them |
//! | [`clock`] | wall clock and monotonic time |
//! | [`disk`] | files and directories as a trait, so that tests can lie |
//! | [`memory_text`] | byte counts for humans |
//! | [`case`] | comparing without regard to case |

#![forbid(unsafe_code)]

pub mod bits;
pub mod calendar;
pub mod case;
pub mod clock;
pub mod crc;
pub mod decimal;
pub mod disk;
mod float_bits;
pub mod glob;
pub mod lzf;
pub mod memory_text;
pub mod number;
pub mod random;
pub mod split_args;
