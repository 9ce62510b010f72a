//! LPOP, RPOP, and LMPOP, which takes from the first list there is.

use std::ops::Range;

use command::declare::Flag::{self, Fast, Write};
use command::declare::KeyFlag::{Access, Delete, RW};
use command::declare::{Arg, Group, flag, integer, key, many, one_of, opt, token};
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::value::{CollectionType, End, List};
use store::{Limits, Type, View};

use super::{end_named, pop_event, positive, reply_value, tell_removed};

const FLAGS: &[Flag] = &[Write, Fast];
const ARGS: &[Arg] = &[key("key", &[RW, Access, Delete]), opt(integer("count")).since("6.2.0")];

pub(super) const LPOP: Command = Command {
    name: "LPOP",
    group: Group::List,
    since: "1.0.0",
    summary: "Takes the first element, or several, from a list.",
    complexity: "O(N) in the elements taken",
    flags: FLAGS,
    args: ARGS,
    history: &[("6.2.0", "Argument `count`.")],
    examples: &[
        ("RPUSH queue a b c", "(integer) 3"),
        ("LPOP queue", "\"a\""),
        ("LPOP queue 5", "1) \"b\"\n2) \"c\""),
        ("LPOP queue", "(nil)"),
        ("LPOP queue -1", "(error) ERR value is out of range, must be positive"),
    ],
    ..Command::base(|cx| pop(cx, End::Head))
};

pub(super) const RPOP: Command = Command {
    name: "RPOP",
    group: Group::List,
    since: "1.0.0",
    summary: "Takes the last element, or several, from a list.",
    complexity: "O(N) in the elements taken",
    flags: FLAGS,
    args: ARGS,
    history: &[("6.2.0", "Argument `count`.")],
    examples: &[
        ("RPUSH queue a b c", "(integer) 3"),
        ("RPOP queue", "\"c\""),
        ("RPOP queue 5", "1) \"b\"\n2) \"a\""),
        ("RPOP queue", "(nil)"),
        ("RPOP queue -1", "(error) ERR value is out of range, must be positive"),
    ],
    ..Command::base(|cx| pop(cx, End::Tail))
};

fn pop(cx: &mut Cx<'_>, end: End) -> CmdResult {
    let count = match cx.argc() {
        2 => None,
        3 => {
            let count = cx.int(2).ok().and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(CmdError::NOT_POSITIVE)?)
        }
        _ => return Err(CmdError::wrong_arity(cx.name())),
    };
    let (key, limits) = (cx.key(1), cx.db.limits());
    let reply = &mut cx.reply;
    let popped = cx.db.edit(key, Absent::Skip, |list: &mut List| match count {
        Some(count) => take(reply, list, end, count, &limits),
        None => {
            list.pop_end(end, &limits, |value| reply_value(reply, value));
            1
        }
    })?;
    match (popped, count) {
        (Some(popped), _) if popped.result > 0 => {
            tell_removed(cx, key, pop_event(end), popped.result, &popped);
        }
        (Some(_), _) => {}
        (None, Some(_)) => cx.reply.null_array(),
        (None, None) => cx.reply.null(),
    }
    Ok(())
}

/// Takes up to `count` elements off an end and replies with them as an array.
fn take(reply: &mut Reply<'_>, list: &mut List, end: End, count: usize, limits: &Limits) -> u64 {
    let taken = count.min(list.view().len());
    reply.array(taken);
    let write = |value| reply_value(reply, value);
    match end {
        End::Head => list.view().iter().take(taken).for_each(write),
        End::Tail => list.view().iter().rev().take(taken).for_each(write),
    }
    list.drop_end(end, taken, limits);
    taken as u64
}

pub(super) const LMPOP: Command = Command {
    name: "LMPOP",
    group: Group::List,
    since: "7.0.0",
    summary: "Takes elements from an end of the first list that is there.",
    complexity: "O(N+M) in the keys looked at and the elements taken",
    flags: &[Write],
    args: &[
        integer("numkeys"),
        many(key("key", &[RW, Access, Delete])),
        one_of("where", &[flag("LEFT"), flag("RIGHT")]),
        opt(token("COUNT", integer("count"))),
    ],
    examples: &[
        ("RPUSH second a b c", "(integer) 3"),
        ("LMPOP 2 first second LEFT", "1) \"second\"\n2) 1) \"a\""),
        ("LMPOP 2 first second RIGHT COUNT 9", "1) \"second\"\n2) 1) \"c\"\n   2) \"b\""),
        ("LMPOP 2 first second LEFT", "(nil)"),
        ("LMPOP 0 first LEFT", "(error) ERR numkeys should be greater than 0"),
    ],
    ..Command::base(lmpop)
};

fn lmpop(cx: &mut Cx<'_>) -> CmdResult {
    let wish = Wish::parse(cx, 1)?;
    if !pop_first(cx, &wish)? {
        cx.reply.null_array();
    }
    Ok(())
}

/// What LMPOP and BLMPOP are told.
pub(super) struct Wish {
    /// Arguments that are keys.
    pub(super) keys: Range<usize>,
    end: End,
    count: usize,
}

impl Wish {
    /// `numkeys` and all behind it, from argument `at` on.
    pub(super) fn parse(cx: &Cx<'_>, at: usize) -> Result<Wish, CmdError> {
        let numkeys = positive(cx, at, "numkeys")?;
        let at_end = numkeys.saturating_add(at + 1);
        if at_end >= cx.argc() {
            return Err(CmdError::SYNTAX);
        }
        let end = end_named(cx, at_end)?;
        let count = match cx.argc() - at_end - 1 {
            0 => 1,
            2 if cx.is_word(at_end + 1, "COUNT") => positive(cx, at_end + 2, "count")?,
            // A bad count is told of before what stands behind it.
            3.. if cx.is_word(at_end + 1, "COUNT") => {
                positive(cx, at_end + 2, "count")?;
                return Err(CmdError::SYNTAX);
            }
            _ => return Err(CmdError::SYNTAX),
        };
        Ok(Wish { keys: at + 1..at_end, end, count })
    }
}

/// Pops from the first list that is there; false if none is.
pub(super) fn pop_first(cx: &mut Cx<'_>, wish: &Wish) -> Result<bool, CmdError> {
    let first = cx.first_key_of(Type::List, wish.keys.clone())?;
    if let Some(index) = first {
        pop_from(cx, index, wish.end, wish.count)?;
    }
    Ok(first.is_some())
}

/// Pops one element from the list under a key argument; replies with both.
pub(super) fn pop_one(cx: &mut Cx<'_>, index: usize, end: End) -> CmdResult {
    let (key, limits) = (cx.key(index), cx.db.limits());
    cx.reply.array(2);
    cx.reply.bulk(key.bytes);
    let reply = &mut cx.reply;
    let popped = cx.db.edit(key, Absent::Skip, |list: &mut List| {
        reply_value(reply, list.view().at_end(end).expect("a list is not empty"));
        list.drop_end(end, 1, &limits);
    })?;
    let popped = popped.expect("it was just looked up");
    tell_removed(cx, key, pop_event(end), 1, &popped);
    cx.propagate(&[if end == End::Head { b"LPOP" } else { b"RPOP" }, key.bytes]);
    Ok(())
}

/// Pops from the list under a key argument, and has that repeated instead of the search for it.
fn pop_from(cx: &mut Cx<'_>, index: usize, end: End, count: usize) -> CmdResult {
    let (key, limits) = (cx.key(index), cx.db.limits());
    cx.reply.array(2);
    cx.reply.bulk(key.bytes);
    let reply = &mut cx.reply;
    let popped =
        cx.db.edit(key, Absent::Skip, |list: &mut List| take(reply, list, end, count, &limits))?;
    let popped = popped.expect("it was just looked up");
    tell_removed(cx, key, pop_event(end), popped.result, &popped);
    let name: &[u8] = if end == End::Head { b"LPOP" } else { b"RPOP" };
    let count = popped.result.to_string();
    cx.propagate(&[name, key.bytes, count.as_bytes()]);
    Ok(())
}
