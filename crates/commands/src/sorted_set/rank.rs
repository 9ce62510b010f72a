//! ZRANK and ZREVRANK.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Arg, Group, flag, key, opt, text};
use engine::{CmdError, CmdResult, Command, Cx};
use store::View;
use store::value::SortedSet;

const ARGS: &[Arg] =
    &[key("key", &[RO, Access]), text("member"), opt(flag("WITHSCORE")).since("7.2.0")];
const HISTORY: &[(&str, &str)] = &[("7.2.0", "Added the optional `WITHSCORE` argument.")];

pub(super) const ZRANK: Command = Command {
    name: "ZRANK",
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Returns how many members have a lower score than this one.",
    complexity: "O(log N)",
    flags: &[ReadOnly, Fast],
    args: ARGS,
    history: HISTORY,
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("ZRANK board bob", "(integer) 1"),
        ("ZRANK board bob WITHSCORE", "1) (integer) 1\n2) \"2\""),
        ("ZRANK board nobody", "(nil)"),
        ("ZRANK board bob WITH", "(error) ERR syntax error"),
    ],
    ..Command::base(zrank)
};

pub(super) const ZREVRANK: Command = Command {
    name: "ZREVRANK",
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Returns how many members have a higher score than this one.",
    complexity: "O(log N)",
    flags: &[ReadOnly, Fast],
    args: ARGS,
    history: HISTORY,
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("ZREVRANK board ann", "(integer) 1"),
        ("ZREVRANK board nobody WITHSCORE", "(nil)"),
        ("ZREVRANK board ann WITH", "(error) ERR syntax error"),
    ],
    ..Command::base(zrevrank)
};

fn zrank(cx: &mut Cx<'_>) -> CmdResult {
    reply_rank(cx, false)
}

fn zrevrank(cx: &mut Cx<'_>) -> CmdResult {
    reply_rank(cx, true)
}

fn reply_rank(cx: &mut Cx<'_>, reverse: bool) -> CmdResult {
    let with_score = match cx.argc() {
        3 => false,
        4 if cx.is_word(3, "WITHSCORE") => true,
        4 => return Err(CmdError::SYNTAX),
        _ => return Err(CmdError::wrong_arity(cx.name())),
    };
    let (key, member) = (cx.key(1), cx.arg(2));
    let found = cx.db.collection::<SortedSet>(key)?.and_then(|set| {
        let (rank, score) = set.rank(member)?;
        Some((if reverse { set.len() - 1 - rank } else { rank }, score))
    });
    match found {
        Some((rank, score)) if with_score => {
            cx.reply.array(2);
            cx.reply.integer(rank as i64);
            cx.reply.double(score);
        }
        Some((rank, _)) => cx.reply.integer(rank as i64),
        None if with_score => cx.reply.null_array(),
        None => cx.reply.null(),
    }
    Ok(())
}
