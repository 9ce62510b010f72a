//! HTTL, HPTTL, HEXPIRETIME and HPEXPIRETIME: one question in two units, from now or from 1970.
//!
//! Seconds are rounded up.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, key};
use engine::{CmdError, CmdResult, Command, Cx};
use store::value::Hash;

use super::fields::{FIELDS, read_fields};
use super::unless_wrong_type;

const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;

pub(super) const HTTL: Command = Command {
    name: "HTTL",
    summary: "Tells in how many seconds fields of a hash expire.",
    tips: &["nondeterministic_output"],
    examples: &[
        ("HSETEX ann EX 100 FIELDS 1 name Ann", "(integer) 1"),
        ("HSET ann age 30", "(integer) 1"),
        ("HTTL ann FIELDS 3 name age city", "1) (integer) 100\n2) (integer) -1\n3) (integer) -2"),
        (
            "HTTL ann FIELDS 2 name",
            "(error) ERR The `numfields` parameter must match the number of arguments",
        ),
        ("HTTL ann FIELDS 1", "(error) ERR wrong number of arguments for 'httl' command"),
    ],
    ..base(httl)
};

pub(super) const HPTTL: Command = Command {
    name: "HPTTL",
    summary: "Tells in how many milliseconds fields of a hash expire.",
    tips: &["nondeterministic_output"],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HPTTL ann FIELDS 2 name city", "1) (integer) -1\n2) (integer) -2"),
        ("HPTTL ann FIELDS 0 name", "(error) ERR Number of fields must be a positive integer"),
    ],
    ..base(hpttl)
};

pub(super) const HEXPIRETIME: Command = Command {
    name: "HEXPIRETIME",
    summary: "Tells at which Unix time, in seconds, fields of a hash expire.",
    examples: &[
        ("HSETEX ann EXAT 33177117420 FIELDS 1 name Ann", "(integer) 1"),
        ("HEXPIRETIME ann FIELDS 2 name city", "1) (integer) 33177117420\n2) (integer) -2"),
        (
            "HEXPIRETIME ann NAMES 1 name",
            "(error) ERR Mandatory argument FIELDS is missing or not at the right position",
        ),
    ],
    ..base(hexpiretime)
};

pub(super) const HPEXPIRETIME: Command = Command {
    name: "HPEXPIRETIME",
    summary: "Tells at which Unix time, in milliseconds, fields of a hash expire.",
    examples: &[
        ("HSETEX ann PXAT 33177117420123 FIELDS 1 name Ann", "(integer) 1"),
        ("HPEXPIRETIME ann FIELDS 1 name", "1) (integer) 33177117420123"),
        ("HPEXPIRETIME nokey FIELDS 1 name", "1) (integer) -2"),
        (
            "HPEXPIRETIME ann FIELDS 1",
            "(error) ERR wrong number of arguments for 'hpexpiretime' command",
        ),
    ],
    ..base(hpexpiretime)
};

const fn base(handler: engine::Handler) -> Command {
    Command {
        group: Group::Hash,
        since: "7.4.0",
        complexity: "O(1) for each field",
        flags: &[ReadOnly, Fast],
        args: const { &[key("key", &[RO, Access]), FIELDS] },
        ..Command::base(handler)
    }
}

fn httl(cx: &mut Cx<'_>) -> CmdResult {
    let now_ms = cx.now_ms();
    answer(cx, |at_ms| to_seconds((at_ms - now_ms).max(0)))
}

fn hpttl(cx: &mut Cx<'_>) -> CmdResult {
    let now_ms = cx.now_ms();
    answer(cx, |at_ms| (at_ms - now_ms).max(0))
}

fn hexpiretime(cx: &mut Cx<'_>) -> CmdResult {
    answer(cx, to_seconds)
}

fn hpexpiretime(cx: &mut Cx<'_>) -> CmdResult {
    answer(cx, |at_ms| at_ms)
}

fn to_seconds(ms: i64) -> i64 {
    (ms + 999) / 1000
}

fn answer(cx: &mut Cx<'_>, said: impl Fn(i64) -> i64) -> CmdResult {
    let fields = match read_fields(cx, 2, CmdError::NUMFIELDS_NOT_POSITIVE) {
        Ok(fields) => fields,
        Err(error) => return Err(unless_wrong_type(cx, error)),
    };
    let key = cx.key(1);
    let due_before_ms = cx.db.expiry_clock().due_before_ms();
    let hash = cx.db.collection::<Hash>(key)?;
    cx.reply.array(fields.len());
    for field in fields.iter() {
        let held = hash.and_then(|hash| hash.get(field));
        cx.reply.integer(match held.filter(|held| !held.is_due(due_before_ms)) {
            None => NO_FIELD,
            Some(held) => held.expire_ms.map_or(NO_EXPIRY, &said),
        });
    }
    Ok(())
}
