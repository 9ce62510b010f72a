//! Sets: members without order, each once.
//!
//! This is the plain form: a hash table whose members also stand in a row, so that a random one
//! is found at once. Intsets, listpacks, the hash-ordered table and the rest of the group (SINTER,
//! SSCAN and so on) come with the data types; what is said here about replies, events and
//! propagation stays.
//!
//! # Invariants
//!
//! (1) A set is never empty: the command that takes the last member removes the key.
//! (2) What a random choice removed is repeated by name (SREM, DEL): replicas and the AOF must not
//!     choose again.

mod change;
mod random;
mod read;
#[cfg(test)]
mod tests;

use engine::Command;

pub const COMMANDS: &[Command] = &[
    change::SADD,
    read::SCARD,
    read::SISMEMBER,
    read::SMEMBERS,
    random::SPOP,
    random::SRANDMEMBER,
    change::SREM,
];
