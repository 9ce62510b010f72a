//! HSET, HMSET and HSETNX; HDEL.

use command::declare::Flag::{self, DenyOom, Fast, Write};
use command::declare::KeyFlag::{Delete, Insert, RW, Update};
use command::declare::{Arg, Group, block, key, many, text};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::value::{FieldExpire, Hash};

use super::{edit_fields, every_second};

const FLAGS: &[Flag] = &[Write, DenyOom, Fast];
const PAIRS: Arg = many(block("data", &[text("field"), text("value")]));

pub(super) const HSET: Command = Command {
    name: "HSET",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Sets fields of a hash, which lose their expiries.",
    complexity: "O(1) for each field",
    flags: FLAGS,
    args: &[key("key", &[RW, Update]), PAIRS],
    history: &[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HSET ann age 31 city Bern", "(integer) 1"),
        ("HGET ann age", "\"31\""),
        ("HSET ann age", "(error) ERR wrong number of arguments for 'hset' command"),
        ("HSET ann age 32 city", "(error) ERR wrong number of arguments for 'hset' command"),
    ],
    ..Command::base(hset)
};

fn hset(cx: &mut Cx<'_>) -> CmdResult {
    let new = set_fields(cx)?;
    cx.reply.integer(new);
    Ok(())
}

pub(super) const HMSET: Command = Command {
    name: "HMSET",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Sets fields of a hash, and does not tell how many are new.",
    complexity: "O(1) for each field",
    flags: FLAGS,
    args: &[key("key", &[RW, Update]), PAIRS],
    deprecated: Some(("4.0.0", "`HSET` with multiple field-value pairs")),
    examples: &[
        ("HMSET ann name Ann age 30", "OK"),
        ("HMSET ann name", "(error) ERR wrong number of arguments for 'hmset' command"),
    ],
    ..Command::base(hmset)
};

fn hmset(cx: &mut Cx<'_>) -> CmdResult {
    set_fields(cx)?;
    cx.reply.ok();
    Ok(())
}

/// How many of the fields are new.
fn set_fields(cx: &mut Cx<'_>) -> Result<i64, CmdError> {
    let pairs = cx.args.from_index(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(CmdError::wrong_arity(cx.name()));
    }
    let (key, limits, count) = (cx.key(1), cx.db.limits(), pairs.len() / 2);
    let edited = cx.db.edit(key, Absent::Create, |hash: &mut Hash| {
        hash.reserve(&limits, count);
        let mut new = 0;
        for i in (0..pairs.len()).step_by(2) {
            let (field, value) = (pairs.at(i), pairs.at(i + 1));
            new += i64::from(hash.set(&limits, field, value, FieldExpire::Clear));
        }
        new
    })?;
    cx.db.changed(key, Class::Hash, "hset", count as u64);
    Ok(edited.map_or(0, |edited| edited.result))
}

pub(super) const HSETNX: Command = Command {
    name: "HSETNX",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Sets a field of a hash if it has no such field yet.",
    complexity: "O(1)",
    flags: FLAGS,
    args: &[key("key", &[RW, Insert]), text("field"), text("value")],
    examples: &[
        ("HSETNX ann name Ann", "(integer) 1"),
        ("HSETNX ann name Anna", "(integer) 0"),
        ("HGET ann name", "\"Ann\""),
        ("HSETNX ann name", "(error) ERR wrong number of arguments for 'hsetnx' command"),
    ],
    ..Command::base(hsetnx)
};

fn hsetnx(cx: &mut Cx<'_>) -> CmdResult {
    let (key, limits) = (cx.key(1), cx.db.limits());
    let pair = cx.args.from_index(2);
    let (field, value) = (pair.at(0), pair.at(1));
    let fields = every_second(pair);
    let edited = edit_fields(&mut cx.db, key, Absent::Create, fields, |hash| {
        let is_new = hash.get(field).is_none();
        is_new && hash.set(&limits, field, value, FieldExpire::Clear)
    })?;
    let is_new = edited.is_some_and(|edited| edited.result);
    if is_new {
        cx.db.changed(key, Class::Hash, "hset", 1);
    }
    cx.reply.integer(is_new.into());
    Ok(())
}

pub(super) const HDEL: Command = Command {
    name: "HDEL",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Removes fields from a hash, and with the last one the hash.",
    complexity: "O(1) for each field",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Delete]), many(text("field"))],
    history: &[("2.4.0", "Accepts multiple `field` arguments.")],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HDEL ann name city", "(integer) 1"),
        ("HDEL ann age", "(integer) 1"),
        ("EXISTS ann", "(integer) 0"),
        ("HDEL ann", "(error) ERR wrong number of arguments for 'hdel' command"),
    ],
    ..Command::base(hdel)
};

fn hdel(cx: &mut Cx<'_>) -> CmdResult {
    let (key, fields) = (cx.key(1), cx.args.from_index(2));
    let edited = cx.db.edit(key, Absent::Skip, |hash: &mut Hash| {
        fields.iter().filter(|field| hash.remove(field)).count() as u64
    })?;
    let (removed, is_gone) = edited.map_or((0, false), |edited| (edited.result, edited.removed));
    if removed > 0 {
        cx.db.changed(key, Class::Hash, "hdel", removed);
    }
    if is_gone {
        cx.db.notify(Class::Generic, "del", key);
    }
    cx.reply.integer(removed as i64);
    Ok(())
}
