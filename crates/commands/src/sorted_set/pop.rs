//! ZPOPMIN, ZPOPMAX and ZMPOP: elements from one end.

use std::ops::Range;

use command::declare::Flag::{Fast, Write};
use command::declare::KeyFlag::{Access, Delete, RW};
use command::declare::{Group, flag, integer, key, many, one_of, opt, token};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::{Protocol, Reply};
use store::value::SortedSet;
use store::{CollectionType, Key, Type, View};

use super::reply_member;

pub(super) const ZPOPMIN: Command = Command {
    name: "ZPOPMIN",
    group: Group::SortedSet,
    since: "5.0.0",
    summary: "Takes the members with the lowest scores from a sorted set.",
    complexity: "O(log N) for each member",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Access, Delete]), opt(integer("count"))],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZPOPMIN board", "1) \"ann\"\n2) \"1\""),
        ("ZPOPMIN board 5", "1) \"bob\"\n2) \"2\"\n3) \"cal\"\n4) \"3\""),
        ("ZPOPMIN board", "(empty array)"),
        ("ZPOPMIN board -1", "(error) ERR value is out of range, must be positive"),
    ],
    ..Command::base(zpopmin)
};

pub(super) const ZPOPMAX: Command = Command {
    name: "ZPOPMAX",
    group: Group::SortedSet,
    since: "5.0.0",
    summary: "Takes the members with the highest scores from a sorted set.",
    complexity: "O(log N) for each member",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Access, Delete]), opt(integer("count"))],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZPOPMAX board", "1) \"cal\"\n2) \"3\""),
        ("ZPOPMAX board 5", "1) \"bob\"\n2) \"2\"\n3) \"ann\"\n4) \"1\""),
        ("ZPOPMAX board 0", "(empty array)"),
        ("ZPOPMAX board 1 2", "(error) ERR syntax error"),
    ],
    ..Command::base(zpopmax)
};

pub(super) const ZMPOP: Command = Command {
    name: "ZMPOP",
    group: Group::SortedSet,
    since: "7.0.0",
    summary: "Takes members with the lowest or highest scores from the first of several sorted \
              sets that has any.",
    complexity: "O(K + M*log N) for K keys and M members taken",
    flags: &[Write],
    args: &[
        integer("numkeys"),
        many(key("key", &[RW, Access, Delete])),
        one_of("where", &[flag("MIN"), flag("MAX")]),
        opt(token("COUNT", integer("count"))),
    ],
    examples: &[
        ("ZADD board 1 ann 2 bob 3 cal", "(integer) 3"),
        (
            "ZMPOP 2 nokey board MAX COUNT 2",
            "1) \"board\"\n2) 1) 1) \"cal\"\n2) \"3\"\n2) 1) \"bob\"\n2) \"2\"",
        ),
        ("ZMPOP 1 nokey MIN", "(nil)"),
        ("ZMPOP 0 board MIN", "(error) ERR numkeys should be greater than 0"),
        ("ZMPOP 1 board FIRST", "(error) ERR syntax error"),
    ],
    ..Command::base(zmpop)
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Min,
    Max,
}

fn zpopmin(cx: &mut Cx<'_>) -> CmdResult {
    pop_from_one(cx, End::Min)
}

fn zpopmax(cx: &mut Cx<'_>) -> CmdResult {
    pop_from_one(cx, End::Max)
}

fn pop_from_one(cx: &mut Cx<'_>, end: End) -> CmdResult {
    let count = match cx.argc() {
        2 => None,
        3 => {
            let count = cx.int(2).ok().and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(CmdError::NOT_POSITIVE)?)
        }
        _ => return Err(CmdError::SYNTAX),
    };
    let nested = count.is_some() && cx.reply.protocol() == Protocol::Resp3;
    let shape = PopShape { with_key: false, nested };
    if pop(cx, cx.key(1), end, count.unwrap_or(1), shape)?.is_none() {
        cx.reply.array(0);
    }
    Ok(())
}

fn zmpop(cx: &mut Cx<'_>) -> CmdResult {
    let wish = Wish::parse(cx, 1)?;
    if !pop_first(cx, &wish)? {
        cx.reply.null_array();
    }
    Ok(())
}

/// What ZMPOP and BZMPOP are told.
pub(super) struct Wish {
    /// Arguments that are keys.
    pub(super) keys: Range<usize>,
    end: End,
    count: usize,
}

impl Wish {
    /// `numkeys` and all behind it, from argument `first` on.
    pub(super) fn parse(cx: &Cx<'_>, first: usize) -> Result<Wish, CmdError> {
        let positive = |index: usize| cx.int(index).ok().and_then(|n| usize::try_from(n).ok());
        let keys = positive(first).filter(|keys| *keys > 0);
        let at = keys.ok_or(CmdError::NUMKEYS_NOT_POSITIVE)?.saturating_add(first + 1);
        let end = match at < cx.argc() {
            true if cx.is_word(at, "MIN") => End::Min,
            true if cx.is_word(at, "MAX") => End::Max,
            _ => return Err(CmdError::SYNTAX),
        };
        let count = match cx.argc() - at {
            1 => 1,
            3.. if cx.is_word(at + 1, "COUNT") => {
                let count = positive(at + 2).filter(|count| *count > 0);
                let count = count.ok_or(CmdError::COUNT_NOT_POSITIVE)?;
                if cx.argc() > at + 3 {
                    return Err(CmdError::SYNTAX);
                }
                count
            }
            _ => return Err(CmdError::SYNTAX),
        };
        Ok(Wish { keys: first + 1..at, end, count })
    }
}

/// Pops from the first sorted set that is there; false if none is.
pub(super) fn pop_first(cx: &mut Cx<'_>, wish: &Wish) -> Result<bool, CmdError> {
    let first = cx.first_key_of(Type::SortedSet, wish.keys.clone())?;
    let Some(index) = first else { return Ok(false) };
    let key = cx.key(index);
    let shape = PopShape { with_key: true, nested: true };
    let taken = pop(cx, key, wish.end, wish.count, shape)?.expect("it was just looked up");
    let name: &[u8] = if wish.end == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" };
    cx.propagate(&[name, key.bytes, taken.to_string().as_bytes()]);
    Ok(true)
}

/// Pops one element from the sorted set under a key argument; replies with key, member and score.
pub(super) fn pop_one(cx: &mut Cx<'_>, index: usize, end: End) -> CmdResult {
    let key = cx.key(index);
    let edited = {
        let reply = &mut cx.reply;
        reply.array(3);
        reply.bulk(key.bytes);
        cx.db.edit(key, Absent::Skip, |set: &mut SortedSet| {
            let len = set.view().len();
            let ranks = if end == End::Min { 0..1 } else { len - 1..len };
            reply_pairs(reply, set, ranks.clone(), end, false);
            set.remove_range(ranks);
        })?
    };
    tell_popped(cx, key, end, 1, edited.expect("it was just looked up").removed);
    cx.propagate(&[if end == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" }, key.bytes]);
    Ok(())
}

/// Tells of elements that were taken.
fn tell_popped(cx: &mut Cx<'_>, key: Key<'_>, end: End, count: usize, removed: bool) {
    let event = if end == End::Min { "zpopmin" } else { "zpopmax" };
    if count > 0 {
        cx.db.changed(key, Class::SortedSet, event, count as u64);
    }
    if removed {
        cx.db.notify(Class::Generic, "del", key);
    }
}

/// How a client gets what was taken: before it the key, each element as an array of its own.
#[derive(Clone, Copy)]
struct PopShape {
    with_key: bool,
    nested: bool,
}

impl PopShape {
    fn begin(self, reply: &mut Reply<'_>, key: Key<'_>, len: usize) {
        if self.with_key {
            reply.array(2);
            reply.bulk(key.bytes);
        }
        reply.array(if self.nested { len } else { 2 * len });
    }
}

/// Takes up to `count` elements and replies with them; tells how many. None, and no reply, if
/// there is no such key.
fn pop(
    cx: &mut Cx<'_>,
    key: Key<'_>,
    end: End,
    count: usize,
    shape: PopShape,
) -> Result<Option<usize>, CmdError> {
    let reply = &mut cx.reply;
    let edited = cx.db.edit(key, Absent::Skip, |set: &mut SortedSet| {
        let len = set.view().len();
        let taken = count.min(len);
        shape.begin(reply, key, taken);
        let ranks = match end {
            End::Min => 0..taken,
            End::Max => len - taken..len,
        };
        reply_pairs(reply, set, ranks.clone(), end, shape.nested);
        set.remove_range(ranks);
        taken
    })?;
    let Some(edited) = edited else { return Ok(None) };
    tell_popped(cx, key, end, edited.result, edited.removed);
    Ok(Some(edited.result))
}

fn reply_pairs(
    reply: &mut Reply<'_>,
    set: &SortedSet,
    ranks: Range<usize>,
    end: End,
    nested: bool,
) {
    let mut pairs = set.view().range(ranks);
    let mut next = || match end {
        End::Min => pairs.next(),
        End::Max => pairs.next_back(),
    };
    while let Some(pair) = next() {
        if nested {
            reply.array(2);
        }
        reply_member(reply, pair.member);
        reply.double(pair.score());
    }
}
