//! ZCARD, ZCOUNT and ZLEXCOUNT: how many elements there are, in all or between bounds.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, double, key, text};
use engine::{CmdResult, Command, Cx};
use store::View;
use store::value::SortedSet;

use super::bounds::{Bounds, By};

pub(super) const ZCARD: Command = Command {
    name: "ZCARD",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns the number of members of a sorted set.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO])],
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("ZCARD board", "(integer) 2"),
        ("ZCARD nokey", "(integer) 0"),
        ("ZCARD", "(error) ERR wrong number of arguments for 'zcard' command"),
    ],
    ..Command::base(zcard)
};

fn zcard(cx: &mut Cx<'_>) -> CmdResult {
    let len = cx.db.collection::<SortedSet>(cx.key(1))?.map_or(0, |set| set.len());
    cx.reply.integer(len as i64);
    Ok(())
}

pub(super) const ZCOUNT: Command = Command {
    name: "ZCOUNT",
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Counts the members with a score between two bounds.",
    complexity: "O(log N)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), double("min"), double("max")],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZCOUNT board (1 3", "(integer) 2"),
        ("ZCOUNT board -inf +inf", "(integer) 3"),
        ("ZCOUNT board low 3", "(error) ERR min or max is not a float"),
    ],
    ..Command::base(zcount)
};

fn zcount(cx: &mut Cx<'_>) -> CmdResult {
    count(cx, By::Score)
}

pub(super) const ZLEXCOUNT: Command = Command {
    name: "ZLEXCOUNT",
    group: Group::SortedSet,
    since: "2.8.9",
    summary: "Counts the members between two bounds, in a sorted set of equal scores.",
    complexity: "O(log N)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), text("min"), text("max")],
    examples: &[
        ("ZADD names 0 ann 0 bob 0 cal", "(integer) 3"),
        ("ZLEXCOUNT names [b +", "(integer) 2"),
        ("ZLEXCOUNT names - (cal", "(integer) 2"),
        ("ZLEXCOUNT names b +", "(error) ERR min or max not valid string range item"),
    ],
    ..Command::base(zlexcount)
};

fn zlexcount(cx: &mut Cx<'_>) -> CmdResult {
    count(cx, By::Lex)
}

fn count(cx: &mut Cx<'_>, by: By) -> CmdResult {
    let bounds = Bounds::parse(cx, by, 2, 3)?;
    let set = cx.db.collection::<SortedSet>(cx.key(1))?;
    let count = set.map_or(0, |set| bounds.ranks(set, false).len());
    cx.reply.integer(count as i64);
    Ok(())
}
