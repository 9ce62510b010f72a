//! Sets: members without order, each once.
//!
//! What a set is made of is [`store::value::set`]'s to know; here is what commands say of it.
//!
//! # Invariants
//!
//! (1) A set is never empty: the command that takes the last member removes the key.
//! (2) What a random choice removed is repeated by name (SREM, DEL): replicas and the AOF must not
//!     choose again.

mod algebra;
mod change;
mod combine;
mod random;
mod read;
#[cfg(test)]
mod tests;

use engine::Command;
use resp::Reply;
use structures::listpack::Value;

pub const COMMANDS: &[Command] = &[
    change::SADD,
    read::SCARD,
    algebra::SDIFF,
    algebra::SDIFFCARD,
    algebra::SDIFFSTORE,
    algebra::SINTER,
    algebra::SINTERCARD,
    algebra::SINTERSTORE,
    read::SISMEMBER,
    read::SMEMBERS,
    read::SMISMEMBER,
    change::SMOVE,
    random::SPOP,
    random::SRANDMEMBER,
    change::SREM,
    read::SSCAN,
    algebra::SUNION,
    algebra::SUNIONCARD,
    algebra::SUNIONSTORE,
];

#[inline]
fn write_member(reply: &mut Reply<'_>, member: Value<'_>) {
    match member {
        Value::Int(n) => reply.bulk_integer(n),
        Value::Bytes(text) => reply.bulk(text),
    }
}
