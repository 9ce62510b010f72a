//! ZSCORE and ZMSCORE.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, key, many, text};
use engine::{CmdResult, Command, Cx};
use store::value::SortedSet;

pub(super) const ZSCORE: Command = Command {
    name: "ZSCORE",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns the score of a member.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), text("member")],
    examples: &[
        ("ZADD board 1.5 ann", "(integer) 1"),
        ("ZSCORE board ann", "\"1.5\""),
        ("ZSCORE board nobody", "(nil)"),
        ("ZSCORE board", "(error) ERR wrong number of arguments for 'zscore' command"),
    ],
    ..Command::base(zscore)
};

fn zscore(cx: &mut Cx<'_>) -> CmdResult {
    let (key, member) = (cx.key(1), cx.arg(2));
    match cx.db.collection::<SortedSet>(key)?.and_then(|set| set.score(member)) {
        Some(score) => cx.reply.double(score),
        None => cx.reply.null(),
    }
    Ok(())
}

pub(super) const ZMSCORE: Command = Command {
    name: "ZMSCORE",
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns the scores of members.",
    complexity: "O(N) in the members asked for",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), many(text("member"))],
    examples: &[
        ("ZADD board 1.5 ann 2 bob", "(integer) 2"),
        ("ZMSCORE board bob nobody", "1) \"2\"\n2) (nil)"),
        ("ZMSCORE nokey bob", "1) (nil)"),
        ("ZMSCORE board", "(error) ERR wrong number of arguments for 'zmscore' command"),
    ],
    ..Command::base(zmscore)
};

fn zmscore(cx: &mut Cx<'_>) -> CmdResult {
    let members = cx.args.from_index(2);
    let set = cx.db.collection::<SortedSet>(cx.key(1))?;
    cx.reply.array(members.len());
    for member in members {
        match set.and_then(|set| set.score(member)) {
            Some(score) => cx.reply.double(score),
            None => cx.reply.null(),
        }
    }
    Ok(())
}
