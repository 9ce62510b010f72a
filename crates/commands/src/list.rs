//! Lists: elements in the order in which they were pushed, at either end.
//!
//! What an element is and where it lies is `store::value::List`'s; the commands here read their
//! arguments, ask it, reply, and tell of the change.
//!
//! # Invariants
//!
//! (1) A list is never empty: whatever takes the last element removes the key, and says so with a
//!     `del` event after its own.

mod change;
mod find;
mod pop;
mod push;
mod read;
#[cfg(test)]
mod tests;
mod transfer;
mod wait;

use engine::db::{Class, Edited};
use engine::{CmdError, Command, Cx};
use resp::Reply;
use store::Key;
use store::value::End;
use structures::listpack::Value;

pub const COMMANDS: &[Command] = &[
    wait::BLMOVE,
    wait::BLMOVEM,
    wait::BLMPOP,
    wait::BLPOP,
    wait::BRPOP,
    wait::BRPOPLPUSH,
    read::LINDEX,
    change::LINSERT,
    read::LLEN,
    transfer::LMOVE,
    transfer::LMOVEM,
    pop::LMPOP,
    pop::LPOP,
    find::LPOS,
    push::LPUSH,
    push::LPUSHX,
    read::LRANGE,
    change::LREM,
    change::LSET,
    change::LTRIM,
    pop::RPOP,
    transfer::RPOPLPUSH,
    push::RPUSH,
    push::RPUSHX,
];

/// LEFT or RIGHT.
fn end_named(cx: &Cx<'_>, index: usize) -> Result<End, CmdError> {
    if cx.is_word(index, "RIGHT") {
        Ok(End::Tail)
    } else if cx.is_word(index, "LEFT") {
        Ok(End::Head)
    } else {
        Err(CmdError::SYNTAX)
    }
}

/// An argument that must be 1 or more; `name` is what the error calls it.
fn positive(cx: &Cx<'_>, index: usize, name: &str) -> Result<usize, CmdError> {
    let number = cx.int(index).ok().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    number.ok_or_else(|| CmdError::not_above_zero(name))
}

fn push_event(end: End) -> &'static str {
    match end {
        End::Head => "lpush",
        End::Tail => "rpush",
    }
}

fn pop_event(end: End) -> &'static str {
    match end {
        End::Head => "lpop",
        End::Tail => "rpop",
    }
}

/// Tells of elements that went.
fn tell_removed<R>(cx: &mut Cx<'_>, key: Key<'_>, event: &str, count: u64, edited: &Edited<R>) {
    cx.db.changed(key, Class::List, event, count);
    if edited.removed {
        cx.db.notify(Class::Generic, "del", key);
    }
}

fn reply_value(reply: &mut Reply<'_>, value: Value<'_>) {
    match value {
        Value::Int(n) => reply.bulk_integer(n),
        Value::Bytes(text) => reply.bulk(text),
    }
}

/// The elements from index `start` to before `end` of a list with `len`, where a client says
/// both included and negative ones counted from the end. Empty ranges begin where they end.
fn range_of(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let from_head = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let start = from_head(start).max(0) as usize;
    let end = from_head(stop).saturating_add(1).clamp(0, len as i64) as usize;
    if start < end { start..end } else { 0..0 }
}
