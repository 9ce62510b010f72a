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

use engine::{CmdError, Command, Db};
use store::value::Set;
use store::{Collection, Key};

pub const COMMANDS: &[Command] = &[
    change::SADD,
    read::SCARD,
    read::SISMEMBER,
    read::SMEMBERS,
    random::SPOP,
    random::SRANDMEMBER,
    change::SREM,
];

/// The set under a key, to be read.
fn set<'d>(db: &'d mut Db<'_>, key: Key<'_>) -> Result<Option<&'d Set>, CmdError> {
    match db.collection(key).transpose()? {
        None => Ok(None),
        Some(Collection::Set(set)) => Ok(Some(set)),
        Some(Collection::List(_)) => Err(CmdError::WRONG_TYPE),
    }
}

/// The set under a key, to be changed.
fn set_mut<'d>(db: &'d mut Db<'_>, key: Key<'_>) -> Result<Option<&'d mut Set>, CmdError> {
    match db.collection_mut(key).transpose()? {
        None => Ok(None),
        Some(Collection::Set(set)) => Ok(Some(set)),
        Some(Collection::List(_)) => Err(CmdError::WRONG_TYPE),
    }
}
