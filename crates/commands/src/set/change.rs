//! SADD and SREM.

use command::declare::Flag::{DenyOom, Fast, Write};
use command::declare::KeyFlag::{Delete, Insert, RW};
use command::declare::{Group, key, many, text};
use engine::db::Class;
use engine::{Absent, CmdResult, Command, Cx};
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
    let edited = cx.db.edit(key, Absent::Create, |set: &mut Set| {
        members.iter().filter(|member| add(set, member)).count()
    })?;
    let added = edited.map_or(0, |edited| edited.result);
    if added > 0 {
        cx.db.changed(key, Class::Set, "sadd", added as u64);
    }
    cx.reply.integer(added as i64);
    Ok(())
}

/// Whether the member was new.
fn add(set: &mut Set, member: &[u8]) -> bool {
    !set.contains(member) && set.insert(member.into())
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
        members.iter().filter(|member| set.swap_remove(*member)).count()
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
