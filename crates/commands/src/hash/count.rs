//! HINCRBY, in 64-bit integers, and HINCRBYFLOAT, in C's long double ([`base::decimal`]).
//!
//! A field keeps its expiry. A float's sum is repeated as what it became.

use base::decimal::LongDouble;
use command::declare::Flag::{self, DenyOom, Fast, Write};
use command::declare::KeyFlag::{Access, RW, Update};
use command::declare::{Group, double, integer, key, text};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::value::FieldExpire;
use structures::listpack::Value;

use super::edit_fields;

const FLAGS: &[Flag] = &[Write, DenyOom, Fast];

pub(super) const HINCRBY: Command = Command {
    name: "HINCRBY",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Adds an integer to the one a field holds; an absent field counts as 0.",
    complexity: "O(1)",
    flags: FLAGS,
    args: &[key("key", &[RW, Access, Update]), text("field"), integer("increment")],
    examples: &[
        ("HINCRBY ann age 30", "(integer) 30"),
        ("HINCRBY ann age -1", "(integer) 29"),
        ("HSET ann name Ann", "(integer) 1"),
        ("HINCRBY ann name 1", "(error) ERR hash value is not an integer"),
        ("HINCRBY ann age one", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(hincrby)
};

fn hincrby(cx: &mut Cx<'_>) -> CmdResult {
    let increment = cx.int(3)?;
    let sum = count(cx, "hincrby", |held| {
        let old = held.map_or(Some(0), Value::as_i64).ok_or(CmdError::HASH_NOT_INTEGER)?;
        let sum = old.checked_add(increment).ok_or(CmdError::OVERFLOW)?;
        Ok((sum, sum.to_string()))
    })?;
    cx.reply.integer(sum.0);
    Ok(())
}

pub(super) const HINCRBYFLOAT: Command = Command {
    name: "HINCRBYFLOAT",
    group: Group::Hash,
    since: "2.6.0",
    summary: "Adds a floating point number to the one a field holds; an absent field counts as 0.",
    complexity: "O(1)",
    flags: FLAGS,
    args: &[key("key", &[RW, Access, Update]), text("field"), double("increment")],
    examples: &[
        ("HSET item price 10.50", "(integer) 1"),
        ("HINCRBYFLOAT item price 0.1", "\"10.6\""),
        ("HINCRBYFLOAT item price -5", "\"5.6\""),
        ("HSET item name lamp", "(integer) 1"),
        ("HINCRBYFLOAT item name 1", "(error) ERR hash value is not a float"),
        ("HINCRBYFLOAT item price cheap", "(error) ERR value is not a valid float"),
    ],
    ..Command::base(hincrbyfloat)
};

fn hincrbyfloat(cx: &mut Cx<'_>) -> CmdResult {
    let increment = LongDouble::parse(cx.arg(3)).ok_or(CmdError::NOT_FLOAT)?;
    if increment.is_nan() || increment.is_infinite() {
        return Err(CmdError::VALUE_NAN_OR_INFINITY);
    }
    let (_, text) = count(cx, "hincrbyfloat", |held| {
        let old = match held {
            None => LongDouble::ZERO,
            Some(Value::Int(n)) => LongDouble::from_i64(n),
            Some(Value::Bytes(text)) => LongDouble::parse(text).ok_or(CmdError::HASH_NOT_FLOAT)?,
        };
        let sum = old.add(increment);
        if sum.is_nan() || sum.is_infinite() {
            return Err(CmdError::NAN_OR_INFINITY);
        }
        Ok((0, sum.to_text()))
    })?;
    cx.reply.bulk(text.as_bytes());
    let (key, field) = (cx.arg(1), cx.arg(2));
    cx.propagate(&[b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", field, text.as_bytes()]);
    Ok(())
}

/// Gives the field in the second argument the text that `sum` makes of what it holds.
fn count(
    cx: &mut Cx<'_>,
    event: &str,
    sum: impl Fn(Option<Value<'_>>) -> Result<(i64, String), CmdError>,
) -> Result<(i64, String), CmdError> {
    let (key, field, limits) = (cx.key(1), cx.arg(2), cx.db.limits());
    let fields = std::iter::once(field);
    let edited = edit_fields(&mut cx.db, key, Absent::Create, fields, |hash| {
        let summed = sum(hash.get(field).map(|held| held.value));
        if let Ok((_, text)) = &summed {
            hash.set(&limits, field, text.as_bytes(), FieldExpire::Keep);
        }
        summed
    })?;
    let summed = edited.expect("an absent key is created").result?;
    cx.db.changed(key, Class::Hash, event, 1);
    Ok(summed)
}
