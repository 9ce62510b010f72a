//! Lists: elements in the order in which they were pushed, at either end.
//!
//! This is the plain form: a ring of separately allocated elements, and the commands that other
//! groups need in their tests. Listpacks, their B+tree and the rest of the group (LINSERT, LMOVE,
//! BLPOP and so on) come with the data types; what is said here about replies, events and
//! propagation stays.
//!
//! # Invariants
//!
//! (1) A list is never empty: the pop that takes the last element removes the key.

mod pop;
mod push;
mod read;
#[cfg(test)]
mod tests;

use engine::Command;

pub const COMMANDS: &[Command] = &[
    read::LINDEX,
    read::LLEN,
    pop::LPOP,
    push::LPUSH,
    push::LPUSHX,
    read::LRANGE,
    pop::RPOP,
    push::RPUSH,
    push::RPUSHX,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Head,
    Tail,
}
