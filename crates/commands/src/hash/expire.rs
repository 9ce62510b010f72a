//! HEXPIRE and its siblings, and HPERSIST.
//!
//! ```text
//!                       reply for a field
//!   no such field       -2
//!   condition not met    0      NX no expiry yet, XX some expiry, GT later, LT earlier than it
//!   set                  1
//!   the moment has come  2      the field is deleted
//! ```
//!
//! To GT and LT, a field that never expires expires last: LT is met, GT is not.

use command::declare::Flag::{Fast, Write};
use command::declare::KeyFlag::{RW, Update};
use command::declare::{Arg, Group, flag, integer, key, one_of, opt, unix_time};
use engine::db::{Class, ExpiryClock};
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Args;
use store::value::Hash;

use super::fields::{EX, EXAT, FIELDS, PX, PXAT, Said, read_fields};
use super::{edit_fields, unless_wrong_type};

const CONDITION: Arg = opt(one_of("condition", &[flag("NX"), flag("XX"), flag("GT"), flag("LT")]));

pub(super) const HEXPIRE: Command = Command {
    name: "HEXPIRE",
    summary: "Lets fields of a hash expire in so many seconds.",
    args: &[key("key", &[RW, Update]), integer("seconds"), CONDITION, FIELDS],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HEXPIRE ann 100 FIELDS 2 name city", "1) (integer) 1\n2) (integer) -2"),
        ("HEXPIRE ann 200 NX FIELDS 2 name age", "1) (integer) 0\n2) (integer) 1"),
        ("HTTL ann FIELDS 1 name", "1) (integer) 100"),
        ("HEXPIRE ann 0 FIELDS 1 name", "1) (integer) 2"),
        ("HEXPIRE ann -1 FIELDS 1 age", "(error) ERR invalid expire time, must be >= 0"),
        (
            "HEXPIRE ann 100 FIELDS 2 age",
            "(error) ERR The `numfields` parameter must match the number of arguments",
        ),
    ],
    ..base(|cx| expire(cx, EX))
};

pub(super) const HPEXPIRE: Command = Command {
    name: "HPEXPIRE",
    summary: "Lets fields of a hash expire in so many milliseconds.",
    args: &[key("key", &[RW, Update]), integer("milliseconds"), CONDITION, FIELDS],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HPEXPIRE ann 100000 FIELDS 1 name", "1) (integer) 1"),
        (
            "HPEXPIRE ann 70368744177664 FIELDS 1 name",
            "(error) ERR invalid expire time in 'hpexpire' command",
        ),
        ("HPEXPIRE nokey 100 FIELDS 1 name", "1) (integer) -2"),
    ],
    ..base(|cx| expire(cx, PX))
};

pub(super) const HEXPIREAT: Command = Command {
    name: "HEXPIREAT",
    summary: "Lets fields of a hash expire at a Unix time in seconds.",
    args: &[key("key", &[RW, Update]), unix_time("unix-time-seconds"), CONDITION, FIELDS],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HEXPIREAT ann 33177117420 FIELDS 1 name", "1) (integer) 1"),
        ("HEXPIREAT ann 33177117420 GT FIELDS 1 name", "1) (integer) 0"),
        (
            "HEXPIREAT ann 33177117420 AB FIELDS 1 name",
            "(error) ERR Mandatory argument FIELDS is missing or not at the right position",
        ),
    ],
    ..base(|cx| expire(cx, EXAT))
};

pub(super) const HPEXPIREAT: Command = Command {
    name: "HPEXPIREAT",
    summary: "Lets fields of a hash expire at a Unix time in milliseconds.",
    args: &[key("key", &[RW, Update]), unix_time("unix-time-milliseconds"), CONDITION, FIELDS],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HPEXPIREAT ann 33177117420123 FIELDS 1 name", "1) (integer) 1"),
        ("HPEXPIRETIME ann FIELDS 1 name", "1) (integer) 33177117420123"),
        (
            "HPEXPIREAT ann 33177117420123 FIELDS 0 name",
            "(error) ERR Parameter `numFields` should be greater than 0",
        ),
    ],
    ..base(|cx| expire(cx, PXAT))
};

const fn base(handler: engine::Handler) -> Command {
    Command {
        group: Group::Hash,
        since: "7.4.0",
        complexity: "O(1) for each field",
        flags: &[Write, Fast],
        ..Command::base(handler)
    }
}

/// What became of a field that was to expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum Outcome {
    NoField = -2,
    NotMet = 0,
    Set = 1,
    Deleted = 2,
}

/// Which expiry a field must have for the new one to take its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Nx,
    Xx,
    Gt,
    Lt,
}

impl Condition {
    const ALL: [(&str, Condition); 4] = [
        ("NX", Condition::Nx),
        ("XX", Condition::Xx),
        ("GT", Condition::Gt),
        ("LT", Condition::Lt),
    ];

    fn of_word(cx: &Cx<'_>, at: usize) -> Option<Condition> {
        let said = Self::ALL.into_iter().find(|(word, _)| cx.is_word(at, word));
        said.map(|(_, condition)| condition)
    }

    fn word(self) -> &'static str {
        let said = Self::ALL.into_iter().find(|(_, condition)| *condition == self);
        said.expect("each has a word").0
    }

    fn allows(self, current_ms: Option<i64>, at_ms: i64) -> bool {
        match (self, current_ms) {
            (Condition::Nx, current) => current.is_none(),
            (Condition::Xx, current) => current.is_some(),
            (Condition::Gt, current) => current.is_some_and(|current| at_ms > current),
            (Condition::Lt, current) => current.is_none_or(|current| at_ms < current),
        }
    }
}

/// Gives a field a moment, or deletes it if that has come.
pub(super) fn expire_field(
    hash: &mut Hash,
    field: &[u8],
    at_ms: i64,
    condition: Option<Condition>,
    clock: ExpiryClock,
) -> Outcome {
    let Some(held) = hash.get(field) else { return Outcome::NoField };
    if condition.is_some_and(|condition| !condition.allows(held.expire_ms, at_ms)) {
        return Outcome::NotMet;
    }
    if clock.is_due(at_ms) {
        hash.remove(field);
        return Outcome::Deleted;
    }
    hash.set_expire_ms(field, Some(at_ms));
    Outcome::Set
}

struct Call<'a> {
    at_ms: i64,
    condition: Option<Condition>,
    fields: Args<'a>,
}

impl<'a> Call<'a> {
    fn read(cx: &Cx<'a>, said: Said) -> Result<Call<'a>, CmdError> {
        let at_ms = said.moment_ms(cx, 2)?;
        let condition = Condition::of_word(cx, 3);
        let fields_at = if condition.is_some() { 4 } else { 3 };
        let fields = read_fields(cx, fields_at, CmdError::NUMFIELDS_ZERO)?;
        Ok(Call { at_ms, condition, fields })
    }
}

fn expire(cx: &mut Cx<'_>, said: Said) -> CmdResult {
    let Call { at_ms, condition, fields } = match Call::read(cx, said) {
        Ok(call) => call,
        Err(error) => return Err(unless_wrong_type(cx, error)),
    };
    let (key, clock) = (cx.key(1), cx.db.expiry_clock());
    let edited = edit_fields(&mut cx.db, key, Absent::Skip, fields.iter(), |hash| {
        hash.make_expirable();
        let expire = |field| expire_field(hash, field, at_ms, condition, clock);
        fields.iter().map(expire).collect::<Vec<_>>()
    })?;
    let (outcomes, is_gone) = match edited {
        Some(edited) => (edited.result, edited.removed),
        None => (vec![Outcome::NoField; fields.len()], false),
    };
    cx.reply.array(outcomes.len());
    outcomes.iter().for_each(|outcome| cx.reply.integer(*outcome as i64));

    let those = |wanted: Outcome| {
        let pairs = fields.iter().zip(&outcomes);
        pairs.filter(move |(_, outcome)| **outcome == wanted).map(|(field, _)| field)
    };
    let deleted = those(Outcome::Deleted).count() as u64;
    let set: Vec<&[u8]> = those(Outcome::Set).collect();
    if deleted + set.len() as u64 > 0 {
        let event = if deleted > 0 { "hdel" } else { "hexpire" };
        cx.db.changed(key, Class::Hash, event, deleted + set.len() as u64);
    }
    cx.db.count_expired_fields(deleted);
    for field in those(Outcome::Deleted) {
        cx.propagate(&[b"HDEL", key.bytes, field]);
    }
    if !set.is_empty() {
        propagate_moment(cx, at_ms, condition, &set);
    }
    if is_gone {
        cx.db.notify(Class::Generic, "del", key);
    }
    Ok(())
}

/// Repeats that these fields of the key in the first argument got this moment.
pub(super) fn propagate_moment(
    cx: &mut Cx<'_>,
    at_ms: i64,
    condition: Option<Condition>,
    fields: &[&[u8]],
) {
    let (at, count) = (at_ms.to_string(), fields.len().to_string());
    let mut words: Vec<&[u8]> = vec![b"HPEXPIREAT", cx.arg(1), at.as_bytes()];
    words.extend(condition.map(|condition| condition.word().as_bytes()));
    words.extend([b"FIELDS", count.as_bytes()]);
    words.extend(fields);
    cx.propagate(&words);
}

pub(super) const HPERSIST: Command = Command {
    name: "HPERSIST",
    summary: "Takes the expiries of fields of a hash away.",
    args: &[key("key", &[RW, Update]), FIELDS],
    examples: &[
        ("HSETEX ann EX 100 FIELDS 1 name Ann", "(integer) 1"),
        ("HPERSIST ann FIELDS 2 name city", "1) (integer) 1\n2) (integer) -2"),
        ("HPERSIST ann FIELDS 1 name", "1) (integer) -1"),
        ("HPERSIST ann FIELDS 1", "(error) ERR wrong number of arguments for 'hpersist' command"),
    ],
    ..base(hpersist)
};

fn hpersist(cx: &mut Cx<'_>) -> CmdResult {
    const NO_FIELD: i64 = -2;
    const NO_EXPIRY: i64 = -1;
    const PERSISTED: i64 = 1;
    let fields = match read_fields(cx, 2, CmdError::NUMFIELDS_NOT_POSITIVE) {
        Ok(fields) => fields,
        Err(error) => return Err(unless_wrong_type(cx, error)),
    };
    let key = cx.key(1);
    let due_before_ms = cx.db.expiry_clock().due_before_ms();
    let edited = cx.db.edit(key, Absent::Skip, |hash: &mut Hash| {
        let persist = |field| match hash.get(field) {
            Some(held) if held.is_due(due_before_ms) => NO_FIELD,
            None => NO_FIELD,
            Some(held) if held.expire_ms.is_none() => NO_EXPIRY,
            Some(_) => {
                hash.set_expire_ms(field, None);
                PERSISTED
            }
        };
        fields.iter().map(persist).collect::<Vec<_>>()
    })?;
    let outcomes = edited.map_or_else(|| vec![NO_FIELD; fields.len()], |edited| edited.result);
    cx.reply.array(outcomes.len());
    outcomes.iter().for_each(|outcome| cx.reply.integer(*outcome));
    if outcomes.contains(&PERSISTED) {
        cx.db.changed(key, Class::Hash, "hpersist", 1);
    }
    Ok(())
}
