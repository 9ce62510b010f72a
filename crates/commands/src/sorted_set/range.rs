//! ZRANGE and its family: the elements between two bounds, in either direction, replied or stored.
//!
//! The older commands are ZRANGE with some of its options given by their name.

use std::ops::Range;

use command::declare::Flag::{DenyOom, ReadOnly, Write};
use command::declare::KeyFlag::{Access, OW, RO, Update};
use command::declare::{Arg, Group, block, double, flag, integer, key, one_of, opt, text, token};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::value::{SortedSet, SortedSetRef};
use store::{CollectionType, Expire, NewValue, OwnedValue, View};

use super::Shape;
use super::bounds::{Bounds, By};

const LIMIT: Arg = opt(token("LIMIT", block("limit", &[integer("offset"), integer("count")])));
const WITHSCORES: Arg = opt(flag("WITHSCORES"));

pub(super) const ZRANGE: Command = Command {
    name: "ZRANGE",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns the members between two bounds: places, scores or members.",
    complexity: "O(log N + M) to return M members",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        text("start"),
        text("stop"),
        opt(one_of("sortby", &[flag("BYSCORE"), flag("BYLEX")])).since("6.2.0"),
        opt(flag("REV")).since("6.2.0"),
        LIMIT.since("6.2.0"),
        WITHSCORES,
    ],
    history: &[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZRANGE board 0 -2", "1) \"ann\"\n2) \"bob\""),
        ("ZRANGE board (1 +inf BYSCORE LIMIT 0 1 WITHSCORES", "1) \"bob\"\n2) \"2\""),
        ("ZRANGE board + [b BYLEX REV", "1) \"cal\"\n2) \"bob\""),
        (
            "ZRANGE board 0 -1 LIMIT 0 1",
            "(error) ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ),
    ],
    ..Command::base(zrange)
};

fn zrange(cx: &mut Cx<'_>) -> CmdResult {
    let query = Query::parse(cx, 1, Query { with_scores: Some(false), ..Query::ANY })?;
    query.reply(cx)
}

pub(super) const ZREVRANGE: Command = Command {
    name: "ZREVRANGE",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns the members at these places in the order of scores, highest first.",
    complexity: "O(log N + M) to return M members",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), integer("start"), integer("stop"), WITHSCORES],
    deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` argument")),
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZREVRANGE board 0 1 WITHSCORES", "1) \"cal\"\n2) \"3\"\n3) \"bob\"\n4) \"2\""),
        ("ZREVRANGE board 0 last", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(zrevrange)
};

fn zrevrange(cx: &mut Cx<'_>) -> CmdResult {
    let fixed = Query { by: Some(By::Rank), reverse: Some(true), ..Query::WITH_SCORES };
    Query::parse(cx, 1, fixed)?.reply(cx)
}

pub(super) const ZRANGEBYSCORE: Command = Command {
    name: "ZRANGEBYSCORE",
    group: Group::SortedSet,
    since: "1.0.5",
    summary: "Returns the members with a score between two bounds, lowest first.",
    complexity: "O(log N + M) to return M members",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        double("min"),
        double("max"),
        WITHSCORES.since("2.0.0"),
        LIMIT,
    ],
    history: &[("2.0.0", "Added the `WITHSCORES` modifier.")],
    deprecated: Some(("6.2.0", "`ZRANGE` with the `BYSCORE` argument")),
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZRANGEBYSCORE board (1 +inf LIMIT 1 5", "1) \"cal\""),
        ("ZRANGEBYSCORE board 2 2 WITHSCORES", "1) \"bob\"\n2) \"2\""),
        ("ZRANGEBYSCORE board low 2", "(error) ERR min or max is not a float"),
    ],
    ..Command::base(zrangebyscore)
};

fn zrangebyscore(cx: &mut Cx<'_>) -> CmdResult {
    let fixed = Query { by: Some(By::Score), reverse: Some(false), ..Query::WITH_SCORES };
    Query::parse(cx, 1, fixed)?.reply(cx)
}

pub(super) const ZREVRANGEBYSCORE: Command = Command {
    name: "ZREVRANGEBYSCORE",
    group: Group::SortedSet,
    since: "2.2.0",
    summary: "Returns the members with a score between two bounds, highest first.",
    complexity: "O(log N + M) to return M members",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), double("max"), double("min"), WITHSCORES, LIMIT],
    history: &[("2.1.6", "`min` and `max` can be exclusive.")],
    deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")),
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZREVRANGEBYSCORE board +inf (1", "1) \"cal\"\n2) \"bob\""),
        ("ZREVRANGEBYSCORE board 2 0 LIMIT 1 1", "1) \"ann\""),
        ("ZREVRANGEBYSCORE board high 2", "(error) ERR min or max is not a float"),
    ],
    ..Command::base(zrevrangebyscore)
};

fn zrevrangebyscore(cx: &mut Cx<'_>) -> CmdResult {
    let fixed = Query { by: Some(By::Score), reverse: Some(true), ..Query::WITH_SCORES };
    Query::parse(cx, 1, fixed)?.reply(cx)
}

pub(super) const ZRANGEBYLEX: Command = Command {
    name: "ZRANGEBYLEX",
    group: Group::SortedSet,
    since: "2.8.9",
    summary: "Returns the members between two bounds, in a sorted set of equal scores.",
    complexity: "O(log N + M) to return M members",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), text("min"), text("max"), LIMIT],
    deprecated: Some(("6.2.0", "`ZRANGE` with the `BYLEX` argument")),
    examples: &[
        ("ZADD names 0 ann 0 bob 0 cal", "(integer) 3"),
        ("ZRANGEBYLEX names [b +", "1) \"bob\"\n2) \"cal\""),
        ("ZRANGEBYLEX names - + LIMIT 1 1", "1) \"bob\""),
        ("ZRANGEBYLEX names b +", "(error) ERR min or max not valid string range item"),
    ],
    ..Command::base(zrangebylex)
};

fn zrangebylex(cx: &mut Cx<'_>) -> CmdResult {
    let fixed = Query { by: Some(By::Lex), reverse: Some(false), ..Query::WITH_SCORES };
    Query::parse(cx, 1, fixed)?.reply(cx)
}

pub(super) const ZREVRANGEBYLEX: Command = Command {
    name: "ZREVRANGEBYLEX",
    group: Group::SortedSet,
    since: "2.8.9",
    summary: "Returns the members between two bounds, in a sorted set of equal scores, last first.",
    complexity: "O(log N + M) to return M members",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), text("max"), text("min"), LIMIT],
    deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")),
    examples: &[
        ("ZADD names 0 ann 0 bob 0 cal", "(integer) 3"),
        ("ZREVRANGEBYLEX names + [b", "1) \"cal\"\n2) \"bob\""),
        ("ZREVRANGEBYLEX names (cal - LIMIT 0 1", "1) \"bob\""),
        ("ZREVRANGEBYLEX names c -", "(error) ERR min or max not valid string range item"),
    ],
    ..Command::base(zrevrangebylex)
};

fn zrevrangebylex(cx: &mut Cx<'_>) -> CmdResult {
    let fixed = Query { by: Some(By::Lex), reverse: Some(true), ..Query::WITH_SCORES };
    Query::parse(cx, 1, fixed)?.reply(cx)
}

pub(super) const ZRANGESTORE: Command = Command {
    name: "ZRANGESTORE",
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Stores the members between two bounds, with their scores, as another sorted set.",
    complexity: "O(log N + M) to store M members",
    flags: &[Write, DenyOom],
    args: &[
        key("dst", &[OW, Update]),
        key("src", &[RO, Access]),
        text("min"),
        text("max"),
        opt(one_of("sortby", &[flag("BYSCORE"), flag("BYLEX")])),
        opt(flag("REV")),
        LIMIT,
    ],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZRANGESTORE best board 0 1 REV", "(integer) 2"),
        ("ZRANGE best 0 -1 WITHSCORES", "1) \"bob\"\n2) \"2\"\n3) \"cal\"\n4) \"3\""),
        ("ZRANGESTORE best board 0 1 WITHSCORES", "(error) ERR syntax error"),
    ],
    ..Command::base(zrangestore)
};

fn zrangestore(cx: &mut Cx<'_>) -> CmdResult {
    let query = Query::parse(cx, 2, Query::ANY)?;
    let (key, limits) = (cx.key(1), cx.db.limits());
    let result = cx.db.collection::<SortedSet>(query.key(cx))?.map(|set| {
        let ranks = query.ranks(set);
        SortedSet::of_pairs(ranks.len(), set.range(ranks), &limits)
    });
    store(cx, key, result, "zrangestore", 1);
    Ok(())
}

/// Stores the result of a command under `key`, which counts as `dirty` changes, or deletes the key
/// if there is none, and replies with its length.
pub(crate) fn store(
    cx: &mut Cx<'_>,
    key: store::Key<'_>,
    result: Option<SortedSet>,
    event: &'static str,
    dirty: u64,
) {
    match result.filter(|set| !set.view().is_empty()) {
        Some(set) => {
            cx.reply.integer(set.view().len() as i64);
            cx.db.set(key, NewValue::Owned(OwnedValue::of(set)), Expire::Clear);
            cx.db.changed(key, Class::SortedSet, event, dirty);
        }
        None => {
            cx.reply.integer(0);
            let lazy = cx.db.displaces_lazily();
            if cx.db.delete(key, lazy) {
                cx.db.changed(key, Class::Generic, "del", 1);
            }
        }
    }
}

/// What is asked for. While it is being read, none is what a word may still decide.
#[derive(Clone, Copy)]
struct Query<B = ()> {
    /// The index of the key among the arguments; both bounds follow.
    key: usize,
    by: Option<By>,
    reverse: Option<bool>,
    /// None: the word WITHSCORES is not understood.
    with_scores: Option<bool>,
    offset: i64,
    /// Negative: no limit.
    count: i64,
    bounds: B,
}

impl Query {
    /// All is open, but for scores.
    const ANY: Query = Query {
        key: 0,
        by: None,
        reverse: None,
        with_scores: None,
        offset: 0,
        count: -1,
        bounds: (),
    };
    const WITH_SCORES: Query = Query { with_scores: Some(false), ..Query::ANY };

    /// Reads the arguments from the key's index on.
    fn parse<'a>(cx: &Cx<'a>, key: usize, fixed: Query) -> Result<Query<Bounds<'a>>, CmdError> {
        let mut query = fixed;
        let mut i = key + 3;
        while i < cx.argc() {
            if fixed.with_scores.is_some() && cx.is_word(i, "WITHSCORES") {
                query.with_scores = Some(true);
            } else if cx.is_word(i, "LIMIT") && i + 2 < cx.argc() {
                (query.offset, query.count) = (cx.int(i + 1)?, cx.int(i + 2)?);
                i += 2;
            } else if fixed.reverse.is_none() && query.reverse.is_none() && cx.is_word(i, "REV") {
                query.reverse = Some(true);
            } else if query.by.is_none() && cx.is_word(i, "BYLEX") {
                query.by = Some(By::Lex);
            } else if query.by.is_none() && cx.is_word(i, "BYSCORE") {
                query.by = Some(By::Score);
            } else {
                return Err(CmdError::SYNTAX);
            }
            i += 1;
        }
        let by = query.by.unwrap_or(By::Rank);
        if by == By::Rank {
            // A limit that limits nothing is let pass.
            if query.count != -1 {
                return Err(CmdError::LIMIT_BY_RANK);
            }
            query.offset = 0;
        }
        if query.with_scores == Some(true) && by == By::Lex {
            return Err(CmdError::WITHSCORES_BYLEX);
        }
        // The higher score or member comes first where the order is reversed; places do not.
        let swapped = query.reverse == Some(true) && by != By::Rank;
        let (min, max) = if swapped { (key + 2, key + 1) } else { (key + 1, key + 2) };
        let bounds = Bounds::parse(cx, by, min, max)?;
        let Query { reverse, with_scores, offset, count, .. } = query;
        Ok(Query { key, by: Some(by), reverse, with_scores, offset, count, bounds })
    }
}

impl Query<Bounds<'_>> {
    fn key<'a>(&self, cx: &Cx<'a>) -> store::Key<'a> {
        cx.key(self.key)
    }

    /// The ranks of what is asked for, the first of which is last in reverse.
    fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        let reverse = self.reverse == Some(true);
        let ranks = self.bounds.ranks(set, reverse);
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        let skipped = offset.min(ranks.len());
        let count = usize::try_from(self.count).unwrap_or(usize::MAX).min(ranks.len() - skipped);
        if reverse {
            let end = ranks.end - skipped;
            end - count..end
        } else {
            let start = ranks.start + skipped;
            start..start + count
        }
    }

    fn reply(&self, cx: &mut Cx<'_>) -> CmdResult {
        let shape = Shape { with_scores: self.with_scores == Some(true) };
        let Some(set) = cx.db.collection::<SortedSet>(self.key(cx))? else {
            cx.reply.array(0);
            return Ok(());
        };
        let ranks = self.ranks(set);
        let (len, pairs) = (ranks.len(), set.range(ranks));
        if self.reverse == Some(true) {
            shape.reply(&mut cx.reply, len, pairs.rev());
        } else {
            shape.reply(&mut cx.reply, len, pairs);
        }
        Ok(())
    }
}
