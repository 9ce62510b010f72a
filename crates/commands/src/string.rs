//! Strings: bytes or a number under a key.
//!
//! ```text
//!   get        GET GETDEL GETEX DIGEST              condition   NX XX IFEQ IFNE IFDEQ IFDNE
//!   set        SET                                  expire      EX PX EXAT PXAT KEEPTTL PERSIST
//!   older      SETNX SETEX PSETEX GETSET            amount      i64, long double
//!   delete     DELEX DELIFEQ
//!   multi      MGET MSET MSETNX MSETEX
//!   counters   INCR DECR INCRBY DECRBY INCRBYFLOAT
//!   increx     INCREX
//!   range      APPEND SETRANGE GETRANGE SUBSTR STRLEN
//!   lcs        LCS
//! ```
//!
//! A value that is the canonical text of a 64-bit integer is held as that integer, and nobody can
//! tell but by OBJECT ENCODING: every command here reads and compares its text.

mod amount;
mod condition;
mod counters;
mod delete;
mod expire;
mod get;
mod increx;
mod lcs;
mod multi;
mod older;
mod range;
mod set;
#[cfg(test)]
mod tests;

use engine::Command;

pub const COMMANDS: &[Command] = &[
    get::GET,
    set::SET,
    get::GETDEL,
    get::GETEX,
    older::GETSET,
    older::SETNX,
    older::SETEX,
    older::PSETEX,
    multi::MGET,
    multi::MSET,
    multi::MSETNX,
    multi::MSETEX,
    counters::INCR,
    counters::DECR,
    counters::INCRBY,
    counters::DECRBY,
    counters::INCRBYFLOAT,
    increx::INCREX,
    range::APPEND,
    range::STRLEN,
    range::GETRANGE,
    range::SUBSTR,
    range::SETRANGE,
    lcs::LCS,
    get::DIGEST,
    delete::DELEX,
    delete::DELIFEQ,
];
