//! ZREM and ZREMRANGEBY*: members go by name, or by what lies between bounds.

use command::declare::Flag::{Fast, Write};
use command::declare::KeyFlag::{Delete, RW};
use command::declare::{Group, double, integer, key, many, text};
use engine::db::Class;
use engine::{Absent, CmdResult, Command, Cx};
use store::CollectionType;
use store::value::SortedSet;

use super::bounds::{Bounds, By};

pub(super) const ZREM: Command = Command {
    name: "ZREM",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Removes members from a sorted set and returns how many there were.",
    complexity: "O(log N) for each member",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Delete]), many(text("member"))],
    history: &[("2.4.0", "Takes several members.")],
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("ZREM board ann nobody", "(integer) 1"),
        ("ZREM board", "(error) ERR wrong number of arguments for 'zrem' command"),
    ],
    ..Command::base(zrem)
};

fn zrem(cx: &mut Cx<'_>) -> CmdResult {
    let members = cx.args.from_index(2);
    remove(cx, "zrem", |set| members.iter().filter(|member| set.remove(member)).count())
}

pub(super) const ZREMRANGEBYRANK: Command = Command {
    name: "ZREMRANGEBYRANK",
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Removes the members at these places in the order of scores.",
    complexity: "O(log N + M) to remove M members",
    flags: &[Write],
    args: &[key("key", &[RW, Delete]), integer("start"), integer("stop")],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZREMRANGEBYRANK board 0 -2", "(integer) 2"),
        ("ZREMRANGEBYRANK board 5 9", "(integer) 0"),
        ("ZREMRANGEBYRANK board first 1", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(zremrangebyrank)
};

fn zremrangebyrank(cx: &mut Cx<'_>) -> CmdResult {
    remove_between(cx, By::Rank, "zremrangebyrank")
}

pub(super) const ZREMRANGEBYSCORE: Command = Command {
    name: "ZREMRANGEBYSCORE",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Removes the members with a score between two bounds.",
    complexity: "O(log N + M) to remove M members",
    flags: &[Write],
    args: &[key("key", &[RW, Delete]), double("min"), double("max")],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZREMRANGEBYSCORE board -inf (3", "(integer) 2"),
        ("ZCARD board", "(integer) 1"),
        ("ZREMRANGEBYSCORE board low 1", "(error) ERR min or max is not a float"),
    ],
    ..Command::base(zremrangebyscore)
};

fn zremrangebyscore(cx: &mut Cx<'_>) -> CmdResult {
    remove_between(cx, By::Score, "zremrangebyscore")
}

pub(super) const ZREMRANGEBYLEX: Command = Command {
    name: "ZREMRANGEBYLEX",
    group: Group::SortedSet,
    since: "2.8.9",
    summary: "Removes the members between two bounds, from a sorted set of equal scores.",
    complexity: "O(log N + M) to remove M members",
    flags: &[Write],
    args: &[key("key", &[RW, Delete]), text("min"), text("max")],
    examples: &[
        ("ZADD names 0 ann 0 bob 0 cal", "(integer) 3"),
        ("ZREMRANGEBYLEX names [b +", "(integer) 2"),
        ("ZCARD names", "(integer) 1"),
        ("ZREMRANGEBYLEX names b +", "(error) ERR min or max not valid string range item"),
    ],
    ..Command::base(zremrangebylex)
};

fn zremrangebylex(cx: &mut Cx<'_>) -> CmdResult {
    remove_between(cx, By::Lex, "zremrangebylex")
}

fn remove_between(cx: &mut Cx<'_>, by: By, event: &'static str) -> CmdResult {
    let bounds = Bounds::parse(cx, by, 2, 3)?;
    remove(cx, event, |set| {
        let ranks = bounds.ranks(set.view(), false);
        set.remove_range(ranks.clone());
        ranks.len()
    })
}

/// Removes as `change` does, which tells how many, and replies that.
fn remove(
    cx: &mut Cx<'_>,
    event: &'static str,
    change: impl FnOnce(&mut SortedSet) -> usize,
) -> CmdResult {
    let key = cx.key(1);
    let edited = cx.db.edit(key, Absent::Skip, change)?;
    let (removed, is_gone) = edited.map_or((0, false), |edited| (edited.result, edited.removed));
    if removed > 0 {
        cx.db.changed(key, Class::SortedSet, event, removed as u64);
    }
    if is_gone {
        cx.db.notify(Class::Generic, "del", key);
    }
    cx.reply.integer(removed as i64);
    Ok(())
}
