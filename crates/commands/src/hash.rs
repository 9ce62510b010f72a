//! Hashes: fields with values under one key, and expiries of single fields.
//!
//! What a hash is made of is [`store::value::hash`]'s to know; here is what commands say of it.
//!
//! ```text
//!   set      HSET HMSET HSETNX HDEL          expire   HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HPERSIST
//!   count    HINCRBY HINCRBYFLOAT            ttl      HTTL HPTTL HEXPIRETIME HPEXPIRETIME
//!   get      HGET HMGET HEXISTS HSTRLEN …    getex    HGETEX HGETDEL
//!   all      HGETALL HKEYS HVALS             setex    HSETEX
//!   random   HRANDFIELD    scan   HSCAN      import   HIMPORT
//! ```
//!
//! # Invariants
//!
//! (1) A hash is never empty: the command that takes the last field removes the key.
//! (2) A field whose moment has come is no field. It goes when a command meets it, and its HDEL is
//!     repeated before that command: whoever repeats it has no clock of their own.
//! (3) A moment is repeated in absolute milliseconds. One that has come deletes the field, and the
//!     deletion is what is repeated.

mod all;
mod count;
mod expire;
mod fields;
mod get;
mod getex;
mod import;
mod random;
mod scan;
mod set;
mod setex;
#[cfg(test)]
mod tests;
mod ttl;

use engine::db::Edited;
use engine::{Absent, CmdError, Command, Cx, Db};
use resp::{Args, Reply};
use store::value::Hash;
use store::{Key, Type};
use structures::listpack::Value;

pub const COMMANDS: &[Command] = &[
    set::HDEL,
    get::HEXISTS,
    expire::HEXPIRE,
    expire::HEXPIREAT,
    ttl::HEXPIRETIME,
    get::HGET,
    all::HGETALL,
    getex::HGETDEL,
    getex::HGETEX,
    import::HIMPORT,
    count::HINCRBY,
    count::HINCRBYFLOAT,
    all::HKEYS,
    get::HLEN,
    get::HMGET,
    set::HMSET,
    expire::HPERSIST,
    expire::HPEXPIRE,
    expire::HPEXPIREAT,
    ttl::HPEXPIRETIME,
    ttl::HPTTL,
    random::HRANDFIELD,
    scan::HSCAN,
    set::HSET,
    setex::HSETEX,
    set::HSETNX,
    get::HSTRLEN,
    ttl::HTTL,
    all::HVALS,
];

#[inline]
fn write_value(reply: &mut Reply<'_>, value: Value<'_>) {
    match value {
        Value::Int(n) => reply.bulk_integer(n),
        Value::Bytes(text) => reply.bulk(text),
    }
}

/// [`Db::edit`] of a hash for a command that meets these fields: those of them that are due go
/// before `change` sees it, and the hash with them if they were all (2).
fn edit_fields<'f, R>(
    db: &mut Db<'_>,
    key: Key<'_>,
    absent: Absent,
    fields: impl Iterator<Item = &'f [u8]> + Clone,
    mut change: impl FnMut(&mut Hash) -> R,
) -> Result<Option<Edited<R>>, CmdError> {
    let due_before_ms = db.expiry_clock().due_before_ms();
    let edited = db.edit(key, absent, |hash: &mut Hash| {
        let is_due = |field| hash.get(field).is_some_and(|held| held.is_due(due_before_ms));
        let meets_due = hash.may_have_due(due_before_ms) && fields.clone().any(is_due);
        (!meets_due).then(|| change(hash))
    })?;
    let Some(Edited { result, created, removed }) = edited else { return Ok(None) };
    if let Some(result) = result {
        return Ok(Some(Edited { result, created, removed }));
    }
    db.expire_fields(key, fields)?;
    db.edit(key, absent, change)
}

/// Some commands look at the type of the value before they read what follows the key: their
/// complaint about the arguments gives way to that about the type.
fn unless_wrong_type(cx: &mut Cx<'_>, error: CmdError) -> CmdError {
    let key = cx.key(1);
    match cx.db.look(key) {
        Some(record) if record.value_type() != Type::Hash => CmdError::WRONG_TYPE,
        _ => error,
    }
}

/// Every second argument, from the first.
fn every_second<'a>(args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + Clone {
    (0..args.len()).step_by(2).map(move |i| args.at(i))
}
