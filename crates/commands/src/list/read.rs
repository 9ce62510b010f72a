//! LLEN, LINDEX and LRANGE.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, integer, key};
use engine::{CmdResult, Command, Cx};

use store::View;
use store::value::List;

use super::{range_of, reply_value};

pub(super) const LLEN: Command = Command {
    name: "LLEN",
    group: Group::List,
    since: "1.0.0",
    summary: "Returns the number of elements in a list.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO])],
    examples: &[
        ("LLEN queue", "(integer) 0"),
        ("RPUSH queue a b", "(integer) 2"),
        ("LLEN queue", "(integer) 2"),
        ("LLEN", "(error) ERR wrong number of arguments for 'llen' command"),
    ],
    ..Command::base(llen)
};

fn llen(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let len = cx.db.collection::<List>(key)?.map_or(0, |list| View::len(&list));
    cx.reply.integer(len as i64);
    Ok(())
}

pub(super) const LINDEX: Command = Command {
    name: "LINDEX",
    group: Group::List,
    since: "1.0.0",
    summary: "Returns the element at an index of a list; negative ones count from the end.",
    complexity: "O(log N), and the elements of one node",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), integer("index")],
    examples: &[
        ("RPUSH queue a b c", "(integer) 3"),
        ("LINDEX queue 0", "\"a\""),
        ("LINDEX queue -1", "\"c\""),
        ("LINDEX queue 3", "(nil)"),
        ("LINDEX queue first", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(lindex)
};

fn lindex(cx: &mut Cx<'_>) -> CmdResult {
    let (key, index) = (cx.key(1), cx.int(2));
    // A missing key is nil before the index is looked at.
    let Some(list) = cx.db.collection::<List>(key)? else {
        cx.reply.null();
        return Ok(());
    };
    let index = index?;
    let index = if index < 0 { index.saturating_add(View::len(&list) as i64) } else { index };
    match usize::try_from(index).ok().and_then(|index| list.get(index)) {
        Some(value) => reply_value(&mut cx.reply, value),
        None => cx.reply.null(),
    }
    Ok(())
}

pub(super) const LRANGE: Command = Command {
    name: "LRANGE",
    group: Group::List,
    since: "1.0.0",
    summary: "Returns the elements between two indexes of a list, both included.",
    complexity: "O(log S + N): S elements before the start, N in the range",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), integer("start"), integer("stop")],
    examples: &[
        ("RPUSH queue a b c", "(integer) 3"),
        ("LRANGE queue 0 1", "1) \"a\"\n2) \"b\""),
        ("LRANGE queue -2 100", "1) \"b\"\n2) \"c\""),
        ("LRANGE queue 2 1", "(empty array)"),
        ("LRANGE queue 0 end", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(lrange)
};

fn lrange(cx: &mut Cx<'_>) -> CmdResult {
    let (key, start, stop) = (cx.key(1), cx.int(2)?, cx.int(3)?);
    let Some(list) = cx.db.collection::<List>(key)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let range = range_of(start, stop, View::len(&list));
    let reply = &mut cx.reply;
    reply.array(range.len());
    let elements = list.iter_from(range.start).take(range.len());
    elements.for_each(|value| reply_value(reply, value));
    Ok(())
}
