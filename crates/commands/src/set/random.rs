//! SPOP and SRANDMEMBER: members chosen by chance, each with the same.

use std::collections::HashSet;

use base::random::Random;
use command::declare::Flag::{Fast, ReadOnly, Write};
use command::declare::KeyFlag::{Access, Delete, RO, RW};
use command::declare::{Group, integer, key, opt};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx, Edited};
use store::View;
use store::value::Set;

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
    let mut random = fork(cx);
    let popped = cx.db.edit(key, Absent::Skip, |set: &mut Set| -> Vec<Box<[u8]>> {
        let taken = count.unwrap_or(1).min(set.len());
        (0..taken)
            .map(|_| {
                let index = random.below(set.len() as u64) as usize;
                set.swap_remove_index(index).expect("the index is below the length")
            })
            .collect()
    })?;
    let Some(Edited { result: popped, removed: is_empty, .. }) = popped else {
        match count {
            Some(_) => cx.reply.set(0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let taken = popped.len();
    if count.is_some() {
        cx.reply.set(taken);
    }
    popped.iter().for_each(|member| cx.reply.bulk(member));
    if taken == 0 {
        return Ok(());
    }
    cx.db.changed(key, Class::Set, "spop", taken as u64);
    if is_empty && count.is_some() {
        let delete: &[u8] = if cx.db.displaces_lazily() { b"UNLINK" } else { b"DEL" };
        cx.propagate(&[delete, key.bytes]);
    } else {
        for members in popped.chunks(REPEATED_MAX) {
            let mut srem: Vec<&[u8]> = vec![b"SREM", key.bytes];
            srem.extend(members.iter().map(|member| &**member));
            cx.propagate(&srem);
        }
    }
    if is_empty {
        cx.db.notify(Class::Generic, "del", key);
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
    let len = View::len(&set);
    let mut any = || random.below(len as u64) as usize;
    match count {
        None => cx.reply.bulk(&set[any()]),
        Some(count @ ..0) => {
            let count = count.unsigned_abs() as usize;
            cx.reply.array(count);
            (0..count).for_each(|_| cx.reply.bulk(&set[any()]));
        }
        Some(count) if count as usize >= len => {
            cx.reply.array(len);
            set.iter().for_each(|member| cx.reply.bulk(member));
        }
        Some(count) => {
            cx.reply.array(count as usize);
            let chosen = choose(&mut random, count as usize, len);
            chosen.into_iter().for_each(|index| cx.reply.bulk(&set[index]));
        }
    }
    Ok(())
}

/// `count` different numbers below `n`, each choice as likely as any other (Floyd's algorithm;
/// Bentley, "A sample of brilliance", CACM 1987).
fn choose(random: &mut Random, count: usize, n: usize) -> HashSet<usize> {
    let mut chosen = HashSet::with_capacity(count);
    for last in n - count..n {
        let any = random.below(last as u64 + 1) as usize;
        if !chosen.insert(any) {
            chosen.insert(last);
        }
    }
    chosen
}

/// A generator to use while the database is borrowed.
fn fork(cx: &mut Cx<'_>) -> Random {
    Random::from_seed(cx.db.random.next_u64())
}
