//! HIMPORT: many hashes with the same fields, whose names are said once.
//!
//! ```text
//!   PREPARE set field …   ──►  the client keeps the fields under the set's name
//!   SET key set value …   ──►  a hash of these fields, in place of the hash that was there
//! ```
//!
//! Fieldsets are the connection's: nobody else sees them, and they end with it or with RESET. What
//! is repeated is the hash.

use command::declare::Flag::{DenyOom, Write};
use command::declare::KeyFlag::{OW, Update};
use command::declare::{Group, Lock, key, many, text};
use engine::client::Fieldset;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::value::{FieldExpire, Hash};
use store::{CollectionType, Expire, NewValue, OwnedValue, Type};

use crate::container::container;

pub(super) const HIMPORT: Command = Command {
    name: "HIMPORT",
    group: Group::Hash,
    since: "8.10.0",
    summary: "Creates hashes of the same fields from their values alone.",
    complexity: "Depends on the subcommand",
    subcommands: &[DISCARD, DISCARDALL, PREPARE, SET],
    examples: &[
        ("HIMPORT PREPARE person name age", "OK"),
        ("HIMPORT SET ann person Ann 30", "OK"),
        ("HGETALL ann", "1) \"name\"\n2) \"Ann\"\n3) \"age\"\n4) \"30\""),
        ("HIMPORT DISCARD person", "(integer) 1"),
        ("HIMPORT", "(error) ERR wrong number of arguments for 'himport' command"),
    ],
    ..Command::base(container)
};

const fn base(handler: engine::Handler) -> Command {
    Command { group: Group::Hash, since: "8.10.0", ..Command::base(handler) }
}

const PREPARE: Command = Command {
    name: "PREPARE",
    summary: "Gives a name to a list of fields, for this connection.",
    complexity: "O(N*log(N)) with N fields",
    args: &[text("fieldset-name"), many(text("field"))],
    lock: Some(Lock::Local),
    examples: &[
        ("HIMPORT PREPARE person name age", "OK"),
        ("HIMPORT PREPARE person name name", "(error) ERR duplicate field name in fieldset"),
        (
            "HIMPORT PREPARE person",
            "(error) ERR wrong number of arguments for 'himport|prepare' command",
        ),
    ],
    ..base(prepare)
};

fn prepare(cx: &mut Cx<'_>) -> CmdResult {
    let fields = cx.args.from_index(3);
    let mut sorted: Vec<&[u8]> = fields.iter().collect();
    sorted.sort_unstable();
    if !sorted.is_sorted_by(|a, b| a < b) {
        return Err(CmdError::FIELDSET_DUPLICATE);
    }
    let fieldset: Fieldset = fields.iter().map(Box::from).collect();
    let name = cx.arg(2);
    cx.client.fieldsets_mut().insert(name.into(), fieldset);
    cx.reply.ok();
    Ok(())
}

const SET: Command = Command {
    name: "SET",
    summary: "Makes a hash of a fieldset's fields with these values.",
    complexity: "O(N) with N fields",
    flags: &[Write, DenyOom],
    args: &[key("key", &[OW, Update]), text("fieldset-name"), many(text("value"))],
    examples: &[
        ("HIMPORT PREPARE person name age", "OK"),
        ("HIMPORT SET ann person Ann 30", "OK"),
        ("HGET ann age", "\"30\""),
        ("HIMPORT SET ann animal Ann 30", "(error) ERR no such fieldset"),
        (
            "HIMPORT SET ann person Ann",
            "(error) ERR value count does not match fieldset field count",
        ),
    ],
    ..base(set)
};

fn set(cx: &mut Cx<'_>) -> CmdResult {
    let (key, values, limits) = (cx.key(2), cx.args.from_index(4), cx.db.limits());
    let fieldset = cx.client.fieldsets().and_then(|sets| sets.get(cx.arg(3)));
    let fieldset = fieldset.ok_or(CmdError::NO_FIELDSET)?;
    if fieldset.len() != values.len() {
        return Err(CmdError::FIELDSET_COUNT);
    }
    let was_there = match cx.db.look(key) {
        Some(record) if record.value_type() != Type::Hash => return Err(CmdError::WRONG_TYPE),
        found => found.is_some(),
    };
    let mut hash = Hash::empty(&limits);
    hash.reserve(&limits, values.len());
    let mut words: Vec<&[u8]> = vec![b"HSET", key.bytes];
    for (field, value) in fieldset.iter().zip(values.iter()) {
        hash.set(&limits, field, value, FieldExpire::Clear);
        words.extend([field, value]);
    }
    cx.db.set(key, NewValue::Owned(OwnedValue::of(hash)), Expire::Clear);
    cx.db.changed(key, Class::Hash, "hset", values.len() as u64);
    if was_there {
        cx.db.effects.propagate(&[b"DEL", key.bytes]);
    }
    cx.db.effects.propagate(&words);
    cx.reply.ok();
    Ok(())
}

const DISCARD: Command = Command {
    name: "DISCARD",
    summary: "Forgets a fieldset.",
    complexity: "O(1)",
    args: &[text("fieldset-name")],
    lock: Some(Lock::Local),
    examples: &[
        ("HIMPORT PREPARE person name age", "OK"),
        ("HIMPORT DISCARD person", "(integer) 1"),
        ("HIMPORT DISCARD person", "(integer) 0"),
        ("HIMPORT DISCARD", "(error) ERR wrong number of arguments for 'himport|discard' command"),
    ],
    ..base(discard)
};

fn discard(cx: &mut Cx<'_>) -> CmdResult {
    let name = cx.arg(2);
    let was_there =
        cx.client.fieldsets().is_some() && cx.client.fieldsets_mut().remove(name).is_some();
    cx.reply.integer(was_there.into());
    Ok(())
}

const DISCARDALL: Command = Command {
    name: "DISCARDALL",
    summary: "Forgets all fieldsets of the connection.",
    complexity: "O(N) with N fieldsets",
    lock: Some(Lock::Local),
    examples: &[
        ("HIMPORT PREPARE person name age", "OK"),
        ("HIMPORT PREPARE animal name legs", "OK"),
        ("HIMPORT DISCARDALL", "(integer) 2"),
        ("HIMPORT DISCARDALL", "(integer) 0"),
        (
            "HIMPORT DISCARDALL now",
            "(error) ERR wrong number of arguments for 'himport|discardall' command",
        ),
    ],
    ..base(discard_all)
};

fn discard_all(cx: &mut Cx<'_>) -> CmdResult {
    let count = cx.client.fieldsets.take().map_or(0, |sets| sets.len());
    cx.reply.integer(count as i64);
    Ok(())
}
