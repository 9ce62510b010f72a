//! XLEN, XRANGE and XREVRANGE.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, integer, key, opt, text, token};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::value::Stream;
use store::value::stream::Entry;

use super::{count, interval_end, interval_start, write_entry, write_some};

pub(super) const XLEN: Command = Command {
    name: "XLEN",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Returns the number of entries in a stream.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO])],
    examples: &[
        ("XLEN log", "(integer) 0"),
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XLEN log", "(integer) 1"),
        ("XLEN", "(error) ERR wrong number of arguments for 'xlen' command"),
    ],
    ..Command::base(xlen)
};

fn xlen(cx: &mut Cx<'_>) -> CmdResult {
    let stream = cx.db.collection::<Stream>(cx.key(1))?;
    cx.reply.integer(stream.map_or(0, |stream| stream.log.len() as i64));
    Ok(())
}

pub(super) const XRANGE: Command = Command {
    name: "XRANGE",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Returns the entries between two IDs, both included.",
    complexity: "O(log N + M) with N entries in the stream and M in the range",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        text("start"),
        text("end"),
        opt(token("COUNT", integer("count"))),
    ],
    history: &[("6.2.0", "Intervals without their ends, by `(`.")],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XADD log 1-2 b 2", "\"1-2\""),
        ("XRANGE log - + COUNT 1", "1) 1) \"1-1\"\n   2) 1) \"a\"\n      2) \"1\""),
        ("XRANGE log (1-1 1", "1) 1) \"1-2\"\n   2) 1) \"b\"\n      2) \"2\""),
        ("XRANGE log 2 +", "(empty array)"),
        (
            "XRANGE log first +",
            "(error) ERR Invalid stream ID specified as stream command argument",
        ),
    ],
    ..Command::base(|cx| xrange(cx, false))
};

pub(super) const XREVRANGE: Command = Command {
    name: "XREVRANGE",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Returns the entries between two IDs, both included, the last one first.",
    complexity: "O(log N + M) with N entries in the stream and M in the range",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        text("end"),
        text("start"),
        opt(token("COUNT", integer("count"))),
    ],
    history: &[("6.2.0", "Intervals without their ends, by `(`.")],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XADD log 1-2 b 2", "\"1-2\""),
        ("XREVRANGE log + - COUNT 1", "1) 1) \"1-2\"\n   2) 1) \"b\"\n      2) \"2\""),
        ("XREVRANGE log - +", "(empty array)"),
        (
            "XREVRANGE log + first",
            "(error) ERR Invalid stream ID specified as stream command argument",
        ),
    ],
    ..Command::base(|cx| xrange(cx, true))
};

fn xrange(cx: &mut Cx<'_>, reverse: bool) -> CmdResult {
    let (start_at, end_at) = if reverse { (3, 2) } else { (2, 3) };
    let start = interval_start(cx.arg(start_at))?;
    let end = interval_end(cx.arg(end_at))?;
    let mut max = None;
    let mut i = 4;
    while i < cx.argc() {
        if !cx.is_word(i, "COUNT") || i + 1 == cx.argc() {
            return Err(CmdError::SYNTAX);
        }
        max = Some(count(cx, i + 1)?);
        i += 2;
    }
    let Some(stream) = cx.db.collection::<Stream>(cx.key(1))? else {
        cx.reply.array(0);
        return Ok(());
    };
    match max {
        Some(0) => cx.reply.null_array(),
        max => {
            let (reply, max) = (&mut cx.reply, max.unwrap_or(0));
            let write = |reply: &mut Reply<'_>, entry: Entry<'_>| write_entry(reply, &entry);
            if reverse {
                write_some(reply, stream.log.range_rev(start, end), max, write);
            } else {
                write_some(reply, stream.log.range(start, end), max, write);
            }
        }
    }
    Ok(())
}
