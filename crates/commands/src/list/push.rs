//! LPUSH, RPUSH, and LPUSHX, RPUSHX, which never create a list.

use command::declare::Flag::{self, DenyOom, Fast, Write};
use command::declare::KeyFlag::{Insert, RW};
use command::declare::{Arg, Group, key, many, text};
use engine::db::Class;
use engine::{Absent, CmdResult, Command, Cx};
use store::View;
use store::value::{CollectionType, End, List};

use super::push_event;

const FLAGS: &[Flag] = &[Write, DenyOom, Fast];
const ARGS: &[Arg] = &[key("key", &[RW, Insert]), many(text("element"))];

pub(super) const LPUSH: Command = Command {
    name: "LPUSH",
    group: Group::List,
    since: "1.0.0",
    summary: "Puts elements before the first of a list, one after the other.",
    complexity: "O(1) for each element",
    flags: FLAGS,
    args: ARGS,
    history: &[("2.4.0", "Takes several elements.")],
    examples: &[
        ("LPUSH queue a b", "(integer) 2"),
        ("LRANGE queue 0 -1", "1) \"b\"\n2) \"a\""),
        ("LPUSH queue", "(error) ERR wrong number of arguments for 'lpush' command"),
    ],
    ..Command::base(|cx| push(cx, End::Head, Absent::Create))
};

pub(super) const RPUSH: Command = Command {
    name: "RPUSH",
    group: Group::List,
    since: "1.0.0",
    summary: "Puts elements behind the last of a list.",
    complexity: "O(1) for each element",
    flags: FLAGS,
    args: ARGS,
    history: &[("2.4.0", "Takes several elements.")],
    examples: &[
        ("RPUSH queue a b", "(integer) 2"),
        ("LRANGE queue 0 -1", "1) \"a\"\n2) \"b\""),
        ("RPUSH queue", "(error) ERR wrong number of arguments for 'rpush' command"),
    ],
    ..Command::base(|cx| push(cx, End::Tail, Absent::Create))
};

pub(super) const LPUSHX: Command = Command {
    name: "LPUSHX",
    group: Group::List,
    since: "2.2.0",
    summary: "Puts elements before the first of a list, if there is a list.",
    complexity: "O(1) for each element",
    flags: FLAGS,
    args: ARGS,
    history: &[("4.0.0", "Takes several elements.")],
    examples: &[
        ("LPUSHX queue a", "(integer) 0"),
        ("RPUSH queue a", "(integer) 1"),
        ("LPUSHX queue b", "(integer) 2"),
        ("LPUSHX queue", "(error) ERR wrong number of arguments for 'lpushx' command"),
    ],
    ..Command::base(|cx| push(cx, End::Head, Absent::Skip))
};

pub(super) const RPUSHX: Command = Command {
    name: "RPUSHX",
    group: Group::List,
    since: "2.2.0",
    summary: "Puts elements behind the last of a list, if there is a list.",
    complexity: "O(1) for each element",
    flags: FLAGS,
    args: ARGS,
    history: &[("4.0.0", "Takes several elements.")],
    examples: &[
        ("RPUSHX queue a", "(integer) 0"),
        ("RPUSH queue a", "(integer) 1"),
        ("RPUSHX queue b", "(integer) 2"),
        ("RPUSHX queue", "(error) ERR wrong number of arguments for 'rpushx' command"),
    ],
    ..Command::base(|cx| push(cx, End::Tail, Absent::Skip))
};

fn push(cx: &mut Cx<'_>, end: End, absent: Absent) -> CmdResult {
    let (key, limits) = (cx.key(1), cx.db.limits());
    let elements = cx.args.from_index(2);
    let pushed = cx.db.edit(key, absent, |list: &mut List| {
        list.push_all(end, elements.iter(), &limits);
        list.view().len()
    })?;
    let Some(pushed) = pushed else {
        cx.reply.integer(0);
        return Ok(());
    };
    cx.db.changed(key, Class::List, push_event(end), elements.len() as u64);
    cx.reply.integer(pushed.result as i64);
    Ok(())
}
