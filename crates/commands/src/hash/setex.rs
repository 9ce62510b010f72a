//! HSETEX: sets fields and says when they expire.
//!
//! ```text
//!   HSETEX key [FNX|FXX] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL] FIELDS n field value [field value …]
//! ```
//!
//! The options come in any order, FIELDS ends them. Without an expiry, fields lose theirs.

use command::declare::Flag::{DenyOom, Fast, Write};
use command::declare::KeyFlag::{RW, Update};
use command::declare::{
    Group, block, flag, integer, key, many, one_of, opt, text, token, unix_time,
};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Args;
use store::value::{FieldExpire, Hash};

use super::every_second;
use super::fields::Said;

pub(super) const HSETEX: Command = Command {
    name: "HSETEX",
    group: Group::Hash,
    since: "8.0.0",
    summary: "Sets fields of a hash if they are all new, or all there, and when they expire.",
    complexity: "O(1) for each field",
    flags: &[Write, DenyOom, Fast],
    args: &[
        key("key", &[RW, Update]),
        opt(one_of("condition", &[flag("FNX"), flag("FXX")])),
        opt(one_of(
            "expiration",
            &[
                token("EX", integer("seconds")),
                token("PX", integer("milliseconds")),
                token("EXAT", unix_time("unix-time-seconds")),
                token("PXAT", unix_time("unix-time-milliseconds")),
                flag("KEEPTTL"),
            ],
        )),
        token(
            "FIELDS",
            block(
                "fields",
                &[integer("numfields"), many(block("data", &[text("field"), text("value")]))],
            ),
        ),
    ],
    examples: &[
        ("HSETEX ann EX 100 FIELDS 2 name Ann age 30", "(integer) 1"),
        ("HTTL ann FIELDS 1 age", "1) (integer) 100"),
        ("HSETEX ann FNX FIELDS 1 age 31", "(integer) 0"),
        ("HSETEX ann FXX KEEPTTL FIELDS 1 age 31", "(integer) 1"),
        ("HGET ann age", "\"31\""),
        ("HSETEX ann NX FIELDS 1 age 31", "(error) ERR unknown argument: NX"),
        (
            "HSETEX ann FIELDS 2 age 31",
            "(error) ERR wrong number of arguments for 'hsetex' command",
        ),
    ],
    ..Command::base(hsetex)
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// None of the fields is there.
    AllNew,
    /// All are.
    AllThere,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry {
    Clear,
    Keep,
    /// The moment, and where its number stands.
    At(i64, usize),
}

struct Call<'a> {
    condition: Option<Condition>,
    expiry: Expiry,
    pairs: Args<'a>,
}

impl<'a> Call<'a> {
    /// One option after the other, so that the first that is wrong is the one complained about.
    fn read(cx: &Cx<'a>) -> Result<Call<'a>, CmdError> {
        let (mut condition, mut expiry) = (None, Expiry::Clear);
        let mut i = 2;
        while i < cx.argc() {
            if cx.is_word(i, "FIELDS") {
                return Ok(Call { condition, expiry, pairs: read_pairs(cx, i)? });
            }
            let said = Said::of_word(cx, i);
            if said.is_some() || cx.is_word(i, "KEEPTTL") {
                if expiry != Expiry::Clear {
                    return Err(CmdError::FIELD_EXPIRES_ONCE);
                }
                expiry = Expiry::Keep;
                if let Some(said) = said {
                    i += 1;
                    if i >= cx.argc() {
                        return Err(CmdError::EXPIRE_MISSING);
                    }
                    expiry = Expiry::At(said.moment_ms(cx, i)?, i);
                }
            } else if cx.is_word(i, "FXX") || cx.is_word(i, "FNX") {
                if condition.is_some() {
                    return Err(CmdError::FXX_AND_FNX);
                }
                let there = cx.is_word(i, "FXX");
                condition = Some(if there { Condition::AllThere } else { Condition::AllNew });
            } else {
                return Err(CmdError::unknown_argument(cx.arg(i)));
            }
            i += 1;
        }
        Err(CmdError::wrong_arity(cx.name()))
    }
}

/// What follows FIELDS, which stands at `at`.
fn read_pairs<'a>(cx: &Cx<'a>, at: usize) -> Result<Args<'a>, CmdError> {
    if at + 3 >= cx.argc() {
        return Err(CmdError::wrong_arity(cx.name()));
    }
    let count = base::number::parse_i64(cx.arg(at + 1));
    let count = count.filter(|count| (1..=i32::MAX.into()).contains(count));
    let count = count.ok_or(CmdError::NUMFIELDS_INVALID)?;
    let pairs = cx.args.from_index(at + 2);
    if !pairs.len().is_multiple_of(2) || count != (pairs.len() / 2) as i64 {
        return Err(CmdError::wrong_arity(cx.name()));
    }
    Ok(pairs)
}

/// Whether all fields are there, or none is. Those it meets that are due go, and are added to
/// `gone`; as in Redis it ends at the first that decides.
fn is_met<'f>(
    condition: Condition,
    hash: &mut Hash,
    fields: impl Iterator<Item = &'f [u8]>,
    due_before_ms: i64,
    gone: &mut Vec<&'f [u8]>,
) -> bool {
    for field in fields {
        if hash.remove_if_due(field, due_before_ms) {
            gone.push(field);
        }
        let is_there = hash.get(field).is_some();
        match condition {
            Condition::AllThere if !is_there => return false,
            Condition::AllNew if is_there => return false,
            _ => {}
        }
    }
    true
}

fn hsetex(cx: &mut Cx<'_>) -> CmdResult {
    let Call { condition, expiry, pairs } = Call::read(cx)?;
    let (key, clock, limits) = (cx.key(1), cx.db.expiry_clock(), cx.db.limits());
    let (due_before_ms, fields) = (clock.due_before_ms(), || every_second(pairs));
    let has_come = matches!(expiry, Expiry::At(at_ms, _) if clock.is_due(at_ms));
    let mut gone = Vec::new();
    let edited = cx.db.edit(key, Absent::Create, |hash: &mut Hash| {
        if let Some(condition) = condition
            && !is_met(condition, hash, fields(), due_before_ms, &mut gone)
        {
            return false;
        }
        if expiry == Expiry::Keep {
            // The moment that is kept shall not take what is written now.
            gone.extend(fields().filter(|field| hash.remove_if_due(field, due_before_ms)));
        }
        hash.reserve(&limits, pairs.len() / 2);
        if let Expiry::At(..) = expiry {
            hash.make_expirable();
        }
        let keeps = if expiry == Expiry::Clear { FieldExpire::Clear } else { FieldExpire::Keep };
        for i in (0..pairs.len()).step_by(2) {
            hash.set(&limits, pairs.at(i), pairs.at(i + 1), keeps);
            if let Expiry::At(at_ms, _) = expiry {
                hash.set_expire_ms(pairs.at(i), Some(at_ms));
            }
        }
        if has_come {
            // As Redis, which sets all before it finds that their moment has come: the form of what
            // stays may be another one.
            fields().for_each(|field| _ = hash.remove(field));
        }
        true
    })?;
    let edited = edited.expect("an absent key is created");
    cx.reply.integer(edited.result.into());
    // What is removed because its moment has come is told of below.
    cx.db.fields_expired(key, gone, edited.removed && !edited.result);
    if !edited.result {
        return Ok(());
    }
    let count = (pairs.len() / 2) as u64;
    cx.db.changed(key, Class::Hash, "hset", count);
    match expiry {
        Expiry::Clear | Expiry::Keep => {}
        Expiry::At(..) if has_come => {
            cx.db.notify(Class::Hash, "hdel", key);
            cx.db.count_expired_fields(count);
            every_second(pairs).for_each(|field| cx.propagate(&[b"HDEL", key.bytes, field]));
            if cx.db.held(key).is_none() {
                cx.db.notify(Class::Generic, "del", key);
            }
        }
        Expiry::At(at_ms, number_at) => {
            cx.db.notify(Class::Hash, "hexpire", key);
            let at = at_ms.to_string();
            let mut words: Vec<&[u8]> = cx.args.iter().collect();
            (words[number_at - 1], words[number_at]) = (b"PXAT", at.as_bytes());
            cx.propagate(&words);
        }
    }
    Ok(())
}
