//! Commands about keys whatever they hold: remove, rename, copy, expire, list, look inside.
//!
//! | file | commands |
//! |---|---|
//! | [`delete`] | DEL, UNLINK, EXISTS, TOUCH |
//! | [`dump`] | DUMP, RESTORE |
//! | [`expire`] | EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST |
//! | [`ttl`] | TTL, PTTL, EXPIRETIME, PEXPIRETIME |
//! | [`rename`] | RENAME, RENAMENX |
//! | [`copy`] | COPY, MOVE |
//! | [`keys`] | KEYS, RANDOMKEY |
//! | [`scan`] | SCAN |
//! | [`sort`] | SORT, SORT_RO |
//! | [`object`] | OBJECT, TYPE |
//! | [`wait`] | WAIT |

pub mod copy;
pub mod delete;
pub mod dump;
pub mod expire;
pub mod keys;
pub mod object;
pub mod rename;
pub mod scan;
pub mod sort;
pub mod ttl;
pub mod wait;

use engine::{CmdError, Command, Cx};

pub const COMMANDS: &[Command] = &[
    copy::COPY,
    delete::DEL,
    dump::DUMP,
    delete::EXISTS,
    expire::EXPIRE,
    expire::EXPIREAT,
    ttl::EXPIRETIME,
    keys::KEYS,
    copy::MOVE,
    object::OBJECT,
    expire::PERSIST,
    expire::PEXPIRE,
    expire::PEXPIREAT,
    ttl::PEXPIRETIME,
    ttl::PTTL,
    keys::RANDOMKEY,
    rename::RENAME,
    rename::RENAMENX,
    dump::RESTORE,
    scan::SCAN,
    sort::SORT,
    sort::SORT_RO,
    delete::TOUCH,
    ttl::TTL,
    object::TYPE,
    delete::UNLINK,
    wait::WAIT,
    wait::WAITAOF,
];

/// The argument as the number of a database.
fn database(cx: &Cx<'_>, index: usize) -> Result<usize, CmdError> {
    let number = cx.int(index)?;
    let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
    if !(low..=high).contains(&number) {
        return Err(CmdError::not_between(low, high));
    }
    usize::try_from(number)
        .ok()
        .filter(|&number| number < cx.db.databases())
        .ok_or(CmdError::DB_OUT_OF_RANGE)
}

#[cfg(test)]
mod tests;
