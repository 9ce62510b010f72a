//! HGETEX, which returns fields and changes when they expire, and HGETDEL, which deletes them.
//!
//! What is repeated is the change alone: HPEXPIREAT, HPERSIST or HDEL.

use command::declare::Flag::{Fast, Write};
use command::declare::KeyFlag::{Access, Delete, RW, Update};
use command::declare::{Group, flag, integer, key, one_of, opt, token, unix_time};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Args;

use super::expire::{Outcome, expire_field, propagate_moment};
use super::fields::{FIELDS, Said, read_fields};
use super::{edit_fields, unless_wrong_type, write_value};

pub(super) const HGETDEL: Command = Command {
    name: "HGETDEL",
    group: Group::Hash,
    since: "8.0.0",
    summary: "Returns the values of fields of a hash and removes the fields.",
    complexity: "O(1) for each field",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Access, Delete]), FIELDS],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HGETDEL ann FIELDS 2 age city", "1) \"30\"\n2) (nil)"),
        ("HGETALL ann", "1) \"name\"\n2) \"Ann\""),
        ("HGETDEL ann FIELDS 1 name", "1) \"Ann\""),
        ("EXISTS ann", "(integer) 0"),
        ("HGETDEL ann FIELDS 1", "(error) ERR wrong number of arguments for 'hgetdel' command"),
    ],
    ..Command::base(hgetdel)
};

fn hgetdel(cx: &mut Cx<'_>) -> CmdResult {
    let fields = match read_fields(cx, 2, CmdError::NUMFIELDS_NOT_POSITIVE) {
        Ok(fields) => fields,
        Err(error) => return Err(unless_wrong_type(cx, error)),
    };
    let key = cx.key(1);
    let reply = &mut cx.reply;
    let edited = edit_fields(&mut cx.db, key, Absent::Skip, fields.iter(), |hash| {
        let mut deleted = 0;
        reply.array(fields.len());
        for field in fields.iter() {
            match hash.get(field) {
                Some(held) => {
                    write_value(reply, held.value);
                    deleted += u64::from(hash.remove(field));
                }
                None => reply.null(),
            }
        }
        deleted
    })?;
    let Some(edited) = edited else {
        reply_nulls(cx, fields);
        return Ok(());
    };
    if edited.result > 0 {
        cx.db.changed(key, Class::Hash, "hdel", edited.result);
        let mut words: Vec<&[u8]> = vec![b"HDEL", key.bytes];
        words.extend(fields.iter());
        cx.propagate(&words);
    }
    if edited.removed {
        cx.db.notify(Class::Generic, "del", key);
    }
    Ok(())
}

fn reply_nulls(cx: &mut Cx<'_>, fields: Args<'_>) {
    cx.reply.array(fields.len());
    fields.iter().for_each(|_| cx.reply.null());
}

pub(super) const HGETEX: Command = Command {
    name: "HGETEX",
    group: Group::Hash,
    since: "8.0.0",
    summary: "Returns the values of fields of a hash and changes when they expire.",
    complexity: "O(1) for each field",
    flags: &[Write, Fast],
    args: &[
        key("key", &[RW, Access, Update]),
        opt(one_of(
            "expiration",
            &[
                token("EX", integer("seconds")),
                token("PX", integer("milliseconds")),
                token("EXAT", unix_time("unix-time-seconds")),
                token("PXAT", unix_time("unix-time-milliseconds")),
                flag("PERSIST"),
            ],
        )),
        FIELDS,
    ],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HGETEX ann EX 100 FIELDS 2 name city", "1) \"Ann\"\n2) (nil)"),
        ("HTTL ann FIELDS 1 name", "1) (integer) 100"),
        ("HGETEX ann PERSIST FIELDS 1 name", "1) \"Ann\""),
        ("HTTL ann FIELDS 1 name", "1) (integer) -1"),
        ("HGETEX ann EX -1 FIELDS 1 name", "(error) ERR invalid expire time, must be >= 0"),
        ("HGETEX ann EX 1 FIELDS", "(error) ERR wrong number of arguments for 'hgetex' command"),
    ],
    ..Command::base(hgetex)
};

/// What happens to the expiries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Persist,
    Moment(i64),
}

struct Call<'a> {
    change: Change,
    fields: Args<'a>,
}

impl<'a> Call<'a> {
    fn read(cx: &Cx<'a>) -> Result<Call<'a>, CmdError> {
        let (change, fields_at) = match Said::of_word(cx, 2) {
            Some(said) => (Change::Moment(said.moment_ms(cx, 3)?), 4),
            None if cx.is_word(2, "PERSIST") => (Change::Persist, 3),
            None => (Change::Nothing, 2),
        };
        if fields_at + 1 >= cx.argc() {
            return Err(CmdError::wrong_arity(cx.name()));
        }
        let fields = read_fields(cx, fields_at, CmdError::NUMFIELDS_NOT_POSITIVE)?;
        Ok(Call { change, fields })
    }
}

/// How many fields it happened to.
#[derive(Default)]
struct Counts {
    updated: u64,
    deleted: Vec<usize>,
}

fn hgetex(cx: &mut Cx<'_>) -> CmdResult {
    let Call { change, fields } = match Call::read(cx) {
        Ok(call) => call,
        Err(error) => return Err(unless_wrong_type(cx, error)),
    };
    let (key, clock) = (cx.key(1), cx.db.expiry_clock());
    let reply = &mut cx.reply;
    let edited = edit_fields(&mut cx.db, key, Absent::Skip, fields.iter(), |hash| {
        if change != Change::Nothing {
            hash.make_expirable();
        }
        let mut counts = Counts::default();
        reply.array(fields.len());
        for (i, field) in fields.iter().enumerate() {
            let Some(held) = hash.get(field) else {
                reply.null();
                continue;
            };
            write_value(reply, held.value);
            match change {
                Change::Nothing => {}
                Change::Persist if held.expire_ms.is_none() => {}
                Change::Persist => {
                    hash.set_expire_ms(field, None);
                    counts.updated += 1;
                }
                Change::Moment(at_ms) => match expire_field(hash, field, at_ms, None, clock) {
                    Outcome::Deleted => counts.deleted.push(i),
                    _ => counts.updated += 1,
                },
            }
        }
        counts
    })?;
    let Some(edited) = edited else {
        reply_nulls(cx, fields);
        return Ok(());
    };
    let Counts { updated, deleted } = edited.result;
    let fields: Vec<&[u8]> = fields.iter().collect();
    if updated > 0 {
        match change {
            Change::Nothing => unreachable!("nothing was updated"),
            Change::Persist => {
                cx.db.changed(key, Class::Hash, "hpersist", updated);
                let count = fields.len().to_string();
                let head: [&[u8]; 4] = [b"HPERSIST", key.bytes, b"FIELDS", count.as_bytes()];
                cx.propagate(&[&head, &fields[..]].concat());
            }
            Change::Moment(at_ms) => {
                cx.db.changed(key, Class::Hash, "hexpire", updated);
                propagate_moment(cx, at_ms, None, &fields);
            }
        }
    }
    if !deleted.is_empty() {
        cx.db.changed(key, Class::Hash, "hdel", deleted.len() as u64);
        cx.db.count_expired_fields(deleted.len() as u64);
        deleted.iter().for_each(|&i| cx.propagate(&[b"HDEL", key.bytes, fields[i]]));
    }
    if edited.removed {
        cx.db.notify(Class::Generic, "del", key);
    }
    Ok(())
}
