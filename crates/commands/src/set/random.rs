//! SPOP and SRANDMEMBER: members chosen by chance, each with the same.

use base::random::Random;
use command::declare::Flag::{Fast, ReadOnly, Write};
use command::declare::KeyFlag::{Access, Delete, RO, RW};
use command::declare::{Group, integer, key, opt};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::View;
use store::value::Set;

use super::write_member;
use crate::drawn::draw;

/// Members in one SREM of those that repeat an SPOP.
const REPEATED_MAX: usize = 1024;

pub(super) const SPOP: Command = Command {
    name: "SPOP",
    group: Group::Set,
    since: "1.0.0",
    summary: "Takes one random member, or several, from a set.",
    complexity: "O(N) in the members taken",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Access, Delete]), opt(integer("count")).since("3.2.0")],
    history: &[("3.2.0", "Argument `count`.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("SADD fruits apple", "(integer) 1"),
        ("SPOP fruits", "\"apple\""),
        ("SPOP fruits", "(nil)"),
        ("SPOP fruits 2", "(empty array)"),
        ("SPOP fruits -1", "(error) ERR value is out of range, must be positive"),
    ],
    ..Command::base(spop)
};

fn spop(cx: &mut Cx<'_>) -> CmdResult {
    let count = match cx.argc() {
        2 => None,
        3 => {
            let count = cx.int(2).ok().and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(CmdError::NOT_POSITIVE)?)
        }
        _ => return Err(CmdError::SYNTAX),
    };
    let key = cx.key(1);
    let Some(record) = cx.db.look(key) else {
        match count {
            Some(_) => cx.reply.set(0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let set = record.collection::<Set>().ok_or(CmdError::WRONG_TYPE)?;
    let taken = count.unwrap_or(1).min(set.len());
    if count.is_some() {
        cx.reply.set(taken);
    }
    if taken == set.len() {
        set.iter().for_each(|member| write_member(&mut cx.reply, member));
        take_all(cx, count.is_some())
    } else {
        take_some(cx, taken)
    }
}

/// Removes the key, all of whose members were returned.
fn take_all(cx: &mut Cx<'_>, is_counted: bool) -> CmdResult {
    let key = cx.key(1);
    let set = cx.db.held_collection::<Set>(key).expect("it was just looked up");
    let len = set.len();
    if is_counted {
        let delete: &[u8] = if cx.db.displaces_lazily() { b"UNLINK" } else { b"DEL" };
        cx.propagate(&[delete, key.bytes]);
    } else {
        let only = set.iter().next().map_or(Vec::new(), |member| member.to_vec());
        cx.propagate(&[b"SREM", key.bytes, &only]);
    }
    cx.db.changed(key, Class::Set, "spop", len as u64);
    let lazy = cx.db.displaces_lazily();
    cx.db.delete(key, lazy);
    cx.db.notify(Class::Generic, "del", key);
    Ok(())
}

/// Takes some members, but not all, and returns them.
fn take_some(cx: &mut Cx<'_>, count: usize) -> CmdResult {
    if count == 0 {
        return Ok(());
    }
    let key = cx.key(1);
    let limits = cx.db.limits();
    let mut random = fork(cx);
    let is_repeated = cx.db.effects.is_heard();
    let mut popped: Vec<Vec<u8>> = Vec::new();
    let reply = &mut cx.reply;
    cx.db.edit(key, Absent::Skip, |set: &mut Set| {
        set.pop(
            count,
            &limits,
            || random.next_u64(),
            |member| {
                write_member(reply, member);
                if is_repeated {
                    popped.push(member.to_vec());
                }
            },
        );
    })?;
    cx.db.changed(key, Class::Set, "spop", count as u64);
    for members in popped.chunks(REPEATED_MAX) {
        let mut srem: Vec<&[u8]> = vec![b"SREM", key.bytes];
        srem.extend(members.iter().map(|member| &**member));
        cx.propagate(&srem);
    }
    Ok(())
}

pub(super) const SRANDMEMBER: Command = Command {
    name: "SRANDMEMBER",
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns one random member of a set, or several: different ones, or if the count is \
              negative each chosen among all.",
    complexity: "O(N) in the members returned",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), opt(integer("count")).since("2.6.0")],
    history: &[("2.6.0", "Argument `count`.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("SADD fruits apple", "(integer) 1"),
        ("SRANDMEMBER fruits", "\"apple\""),
        ("SRANDMEMBER fruits 3", "1) \"apple\""),
        ("SRANDMEMBER fruits -2", "1) \"apple\"\n2) \"apple\""),
        ("SRANDMEMBER fruits many", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(srandmember)
};

fn srandmember(cx: &mut Cx<'_>) -> CmdResult {
    let count = match cx.argc() {
        2 => None,
        3 => Some(cx.int(2)?),
        _ => return Err(CmdError::SYNTAX),
    };
    if count == Some(i64::MIN) {
        return Err(CmdError::not_between(-i64::MAX, i64::MAX));
    }
    let key = cx.key(1);
    let mut random = fork(cx);
    let Some(set) = cx.db.collection::<Set>(key)? else {
        match count {
            Some(_) => cx.reply.array(0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let mut next = || random.next_u64();
    match count {
        None => write_member(&mut cx.reply, set.random(next)),
        Some(count @ ..0) => {
            let count = count.unsigned_abs() as usize;
            let start = cx.reply.len();
            cx.reply.array(count);
            draw(&mut cx.reply, start, count, |reply, count| {
                (0..count).for_each(|_| write_member(reply, set.random(&mut next)));
            })?;
        }
        Some(count) => {
            let count = (count as usize).min(set.len());
            cx.reply.array(count);
            set.sample(count, next, |member| write_member(&mut cx.reply, member));
        }
    }
    Ok(())
}

/// A generator to use while the database is borrowed.
fn fork(cx: &mut Cx<'_>) -> Random {
    Random::from_seed(cx.db.random.next_u64())
}
