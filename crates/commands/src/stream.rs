//! Streams: entries under ascending IDs, read by whoever knows how far he has come, or by groups of
//! consumers whose progress the server keeps.
//!
//! ```text
//!   add      XADD XTRIM                     range    XLEN XRANGE XREVRANGE
//!   delete   XDEL XDELEX                    read     XREAD, and the arguments of XREADGROUP
//!   group    XGROUP                         deliver  XREADGROUP
//!   ack      XACK XACKDEL XNACK             claim    XCLAIM XAUTOCLAIM
//!   pending  XPENDING                       info     XINFO
//!   settings XSETID XCFGSET XIDMPRECORD     repeat   what replicas and the AOF hear of groups
//! ```
//!
//! What a group gives to a consumer depends on the moment. It is repeated as an XCLAIM for each
//! entry, which says to whom, when and how often, and as XGROUP SETID, which says how far the group
//! has come.

mod ack;
mod add;
mod claim;
mod delete;
mod deliver;
mod group;
mod info;
mod pending;
mod range;
mod read;
mod repeat;
mod settings;
#[cfg(test)]
mod tests;
mod trim;

use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use resp::{Args, Reply};
use smallvec::SmallVec;
use store::value::stream::{Entry, StreamId};
use store::{Key, Type};
use structures::listpack::Value;

pub const COMMANDS: &[Command] = &[
    ack::XACK,
    ack::XACKDEL,
    add::XADD,
    claim::XAUTOCLAIM,
    settings::XCFGSET,
    claim::XCLAIM,
    delete::XDEL,
    delete::XDELEX,
    group::XGROUP,
    settings::XIDMPRECORD,
    info::XINFO,
    range::XLEN,
    ack::XNACK,
    pending::XPENDING,
    range::XRANGE,
    read::XREAD,
    deliver::XREADGROUP,
    range::XREVRANGE,
    settings::XSETID,
    trim::XTRIM,
];

type Ids = SmallVec<[StreamId; 8]>;

/// An ID without special forms. A missing second half is 0.
fn id(text: &[u8]) -> Result<StreamId, CmdError> {
    StreamId::parse(text, 0).ok_or(CmdError::STREAM_ID)
}

/// All these arguments as IDs.
fn ids(args: Args<'_>) -> Result<Ids, CmdError> {
    args.iter().map(id).collect()
}

/// The first ID of an interval: `-`, an ID, or `(` and an ID that is not part of it.
fn interval_start(text: &[u8]) -> Result<StreamId, CmdError> {
    match text {
        [b'(', text @ ..] if !text.is_empty() => id(text)?.next().ok_or(CmdError::STREAM_START_ID),
        _ => StreamId::parse_or_edge(text, 0).ok_or(CmdError::STREAM_ID),
    }
}

/// The last ID of an interval: `+`, an ID, or `(` and an ID that is not part of it. Without its
/// second half an ID stands for its whole millisecond.
fn interval_end(text: &[u8]) -> Result<StreamId, CmdError> {
    match text {
        [b'(', text @ ..] if !text.is_empty() => {
            let end = StreamId::parse(text, u64::MAX).ok_or(CmdError::STREAM_ID)?;
            end.previous().ok_or(CmdError::STREAM_END_ID)
        }
        _ => StreamId::parse_or_edge(text, u64::MAX).ok_or(CmdError::STREAM_ID),
    }
}

/// For commands that look at the key's type before their arguments.
fn check_type(cx: &mut Cx<'_>, key: Key<'_>) -> CmdResult {
    match cx.db.look(key) {
        Some(record) if record.value_type() != Type::Stream => Err(CmdError::WRONG_TYPE),
        _ => Ok(()),
    }
}

/// Notes a change of what a stream knows of its groups: no news to those who watch the key.
fn note(cx: &mut Cx<'_>, key: Key<'_>, event: &str, dirty: u64) {
    cx.db.effects.dirty += dirty;
    cx.db.tell(Class::Stream, event, key);
}

/// The value of COUNT: below zero is zero.
fn count(cx: &Cx<'_>, index: usize) -> Result<u64, CmdError> {
    Ok(cx.int(index)?.max(0) as u64)
}

fn write_id(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk_with(|out| id.write_to(out));
}

/// An entry as XRANGE shows it: its ID, and an array of its fields and values.
fn write_entry(reply: &mut Reply<'_>, entry: &Entry<'_>) {
    reply.array(2);
    write_id(reply, entry.id);
    write_fields(reply, entry);
}

fn write_fields(reply: &mut Reply<'_>, entry: &Entry<'_>) {
    reply.array(2 * entry.len());
    for (field, value) in entry.pairs() {
        write_value(reply, field);
        write_value(reply, value);
    }
}

fn write_value(reply: &mut Reply<'_>, value: Value<'_>) {
    match value {
        Value::Int(n) => reply.bulk_integer(n),
        Value::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Writes what is in an iterator, at most `max` of it (0: all), as an array; gives how many.
fn write_some<T>(
    reply: &mut Reply<'_>,
    items: impl Iterator<Item = T>,
    max: u64,
    mut write: impl FnMut(&mut Reply<'_>, T),
) -> usize {
    let header = reply.deferred_array();
    let max = if max == 0 { usize::MAX } else { max as usize };
    let mut written = 0;
    for item in items.take(max) {
        write(reply, item);
        written += 1;
    }
    reply.set_deferred(header, written);
    written
}
