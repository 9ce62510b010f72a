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

use engine::{CmdError, Command, Db};
use store::value::List;
use store::{Collection, Key};

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

/// The list under a key, to be read.
fn list<'d>(db: &'d mut Db<'_>, key: Key<'_>) -> Result<Option<&'d List>, CmdError> {
    match db.collection(key).transpose()? {
        None => Ok(None),
        Some(Collection::List(list)) => Ok(Some(list)),
        Some(Collection::Set(_)) => Err(CmdError::WRONG_TYPE),
    }
}

/// The list under a key, to be changed.
fn list_mut<'d>(db: &'d mut Db<'_>, key: Key<'_>) -> Result<Option<&'d mut List>, CmdError> {
    match db.collection_mut(key).transpose()? {
        None => Ok(None),
        Some(Collection::List(list)) => Ok(Some(list)),
        Some(Collection::Set(_)) => Err(CmdError::WRONG_TYPE),
    }
}
