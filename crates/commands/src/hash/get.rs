//! HGET, HMGET, HEXISTS and HSTRLEN: single fields. And HLEN, which counts them.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, key, many, text};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::View;
use store::value::Hash;
use structures::listpack::Value;

use super::write_value;

pub(super) const HGET: Command = Command {
    name: "HGET",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns the value of a field of a hash.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), text("field")],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HGET ann name", "\"Ann\""),
        ("HGET ann age", "(nil)"),
        ("HGET ann", "(error) ERR wrong number of arguments for 'hget' command"),
    ],
    ..Command::base(hget)
};

fn hget(cx: &mut Cx<'_>) -> CmdResult {
    reply_of_field(cx, |reply, value| match value {
        Some(value) => write_value(reply, value),
        None => reply.null(),
    })
}

pub(super) const HEXISTS: Command = Command {
    name: "HEXISTS",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Tells whether a hash has a field.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO]), text("field")],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HEXISTS ann name", "(integer) 1"),
        ("HEXISTS ann age", "(integer) 0"),
        ("HEXISTS ann", "(error) ERR wrong number of arguments for 'hexists' command"),
    ],
    ..Command::base(hexists)
};

fn hexists(cx: &mut Cx<'_>) -> CmdResult {
    reply_of_field(cx, |reply, value| reply.integer(value.is_some().into()))
}

pub(super) const HSTRLEN: Command = Command {
    name: "HSTRLEN",
    group: Group::Hash,
    since: "3.2.0",
    summary: "Returns the length of the value of a field of a hash.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO]), text("field")],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HSTRLEN ann name", "(integer) 3"),
        ("HSTRLEN ann city", "(integer) 0"),
        ("HSTRLEN ann", "(error) ERR wrong number of arguments for 'hstrlen' command"),
    ],
    ..Command::base(hstrlen)
};

fn hstrlen(cx: &mut Cx<'_>) -> CmdResult {
    reply_of_field(cx, |reply, value| reply.integer(value.map_or(0, Value::text_len) as i64))
}

/// Looks up the field in the second argument and replies.
#[inline]
fn reply_of_field(
    cx: &mut Cx<'_>,
    reply: impl FnOnce(&mut Reply<'_>, Option<Value<'_>>),
) -> CmdResult {
    let (key, field) = (cx.key(1), cx.arg(2));
    let due_before_ms = cx.db.expiry_clock().due_before_ms();
    let held = cx.db.collection::<Hash>(key)?.and_then(|hash| hash.get(field));
    match held {
        Some(held) if held.is_due(due_before_ms) => {
            reply(&mut cx.reply, None);
            cx.db.expire_fields(key, [field])
        }
        held => {
            reply(&mut cx.reply, held.map(|held| held.value));
            Ok(())
        }
    }
}

pub(super) const HMGET: Command = Command {
    name: "HMGET",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns the values of several fields of a hash.",
    complexity: "O(1) for each field",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), many(text("field"))],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HMGET ann age city name", "1) \"30\"\n2) (nil)\n3) \"Ann\""),
        ("HMGET nokey age", "1) (nil)"),
        ("HMGET ann", "(error) ERR wrong number of arguments for 'hmget' command"),
    ],
    ..Command::base(hmget)
};

fn hmget(cx: &mut Cx<'_>) -> CmdResult {
    let (key, fields) = (cx.key(1), cx.args.from_index(2));
    let due_before_ms = cx.db.expiry_clock().due_before_ms();
    let hash = cx.db.collection::<Hash>(key)?;
    let mut due = Vec::new();
    cx.reply.array(fields.len());
    for field in fields.iter() {
        match hash.and_then(|hash| hash.get(field)) {
            Some(held) if held.is_due(due_before_ms) => {
                due.push(field);
                cx.reply.null();
            }
            Some(held) => write_value(&mut cx.reply, held.value),
            None => cx.reply.null(),
        }
    }
    if due.is_empty() { Ok::<(), CmdError>(()) } else { cx.db.expire_fields(key, due) }
}

pub(super) const HLEN: Command = Command {
    name: "HLEN",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns the number of fields of a hash.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO])],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HLEN ann", "(integer) 2"),
        ("HLEN nokey", "(integer) 0"),
        ("HLEN", "(error) ERR wrong number of arguments for 'hlen' command"),
    ],
    ..Command::base(hlen)
};

/// Counts fields that are due and not gone yet, as Redis does.
fn hlen(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let len = cx.db.collection::<Hash>(key)?.map_or(0, |hash| hash.len());
    cx.reply.integer(len as i64);
    Ok(())
}
