//! SADD, SREM and SMOVE.

use command::declare::Flag::{DenyOom, Fast, Write};
use command::declare::KeyFlag::{Access, Delete, Insert, RW};
use command::declare::{Group, key, many, text};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::Type;
use store::value::Set;

pub(super) const SADD: Command = Command {
    name: "SADD",
    group: Group::Set,
    since: "1.0.0",
    summary: "Adds members to a set and returns how many were new.",
    complexity: "O(1) for each member",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Insert]), many(text("member"))],
    history: &[("2.4.0", "Takes several members.")],
    elements: Some((2, 1)),
    examples: &[
        ("SADD fruits apple pear", "(integer) 2"),
        ("SADD fruits pear plum", "(integer) 1"),
        ("SADD fruits", "(error) ERR wrong number of arguments for 'sadd' command"),
    ],
    ..Command::base(sadd)
};

fn sadd(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let members = cx.args.from_index(2);
    let limits = cx.db.limits();
    let edited = cx.db.edit(key, Absent::Create, |set: &mut Set| {
        set.make_ready(members.at(0), members.len(), &limits);
        members.iter().filter(|member| set.add(member, &limits)).count()
    })?;
    let added = edited.map_or(0, |edited| edited.result);
    if added > 0 {
        cx.db.changed(key, Class::Set, "sadd", added as u64);
    }
    cx.reply.integer(added as i64);
    Ok(())
}

pub(super) const SREM: Command = Command {
    name: "SREM",
    group: Group::Set,
    since: "1.0.0",
    summary: "Removes members from a set and returns how many there were.",
    complexity: "O(1) for each member",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Delete]), many(text("member"))],
    history: &[("2.4.0", "Takes several members.")],
    elements: Some((2, 1)),
    examples: &[
        ("SADD fruits apple pear", "(integer) 2"),
        ("SREM fruits pear plum", "(integer) 1"),
        ("SREM fruits", "(error) ERR wrong number of arguments for 'srem' command"),
    ],
    ..Command::base(srem)
};

fn srem(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let members = cx.args.from_index(2);
    let edited = cx.db.edit(key, Absent::Skip, |set: &mut Set| {
        members.iter().filter(|member| set.remove(member)).count()
    })?;
    let (removed, is_gone) = edited.map_or((0, false), |edited| (edited.result, edited.removed));
    if removed > 0 {
        cx.db.changed(key, Class::Set, "srem", removed as u64);
    }
    if is_gone {
        cx.db.notify(Class::Generic, "del", key);
    }
    cx.reply.integer(removed as i64);
    Ok(())
}

pub(super) const SMOVE: Command = Command {
    name: "SMOVE",
    group: Group::Set,
    since: "1.0.0",
    summary: "Moves a member from one set to another.",
    complexity: "O(1)",
    flags: &[Write, Fast],
    args: &[
        key("source", &[RW, Access, Delete]),
        key("destination", &[RW, Insert]),
        text("member"),
    ],
    elements: Some((3, 1)),
    examples: &[
        ("SADD fruits apple", "(integer) 1"),
        ("SMOVE fruits eaten apple", "(integer) 1"),
        ("SMOVE fruits eaten apple", "(integer) 0"),
        ("SMEMBERS eaten", "1) \"apple\""),
        ("SMOVE fruits eaten", "(error) ERR wrong number of arguments for 'smove' command"),
    ],
    ..Command::base(smove)
};

fn smove(cx: &mut Cx<'_>) -> CmdResult {
    let (source, destination, member) = (cx.key(1), cx.key(2), cx.arg(3));
    // Without a source, even a destination of another type is no error.
    let Some(record) = cx.db.look(source) else {
        cx.reply.integer(0);
        return Ok(());
    };
    let (is_set, is_member) = match record.collection::<Set>() {
        Some(set) => (true, set.contains(member)),
        None => (false, false),
    };
    let is_other = |record: store::Record<'_>| record.value_type() != Type::Set;
    if !is_set || cx.db.look(destination).is_some_and(is_other) {
        return Err(CmdError::WRONG_TYPE);
    }
    if is_member && source.bytes != destination.bytes {
        move_member(cx, member)?;
    }
    cx.reply.integer(i64::from(is_member));
    Ok(())
}

/// Moves what the source is known to hold.
fn move_member(cx: &mut Cx<'_>, member: &[u8]) -> CmdResult {
    let (source, destination) = (cx.key(1), cx.key(2));
    let limits = cx.db.limits();
    let removed = cx.db.edit(source, Absent::Skip, |set: &mut Set| set.remove(member))?;
    cx.db.changed(source, Class::Set, "srem", 1);
    if removed.is_some_and(|removed| removed.removed) {
        cx.db.notify(Class::Generic, "del", source);
    }
    let added = cx.db.edit(destination, Absent::Create, |set: &mut Set| {
        set.make_ready(member, 1, &limits);
        set.add(member, &limits)
    })?;
    if added.is_some_and(|added| added.result) {
        cx.db.changed(destination, Class::Set, "sadd", 1);
    }
    Ok(())
}
