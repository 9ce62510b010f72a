//! LPOP and RPOP.

use command::declare::Flag::{self, Fast, Write};
use command::declare::KeyFlag::{Access, Delete, RW};
use command::declare::{Arg, Group, integer, key, opt};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::value::List;

use super::End;

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
    let key = cx.key(1);
    let reply = &mut cx.reply;
    let popped = cx.db.edit(key, Absent::Skip, |list: &mut List| {
        let taken = count.unwrap_or(1).min(list.len());
        if count.is_some() {
            reply.array(taken);
        }
        for _ in 0..taken {
            reply.bulk(&pop_one(list, end));
        }
        taken
    })?;
    let Some(popped) = popped else {
        match count {
            Some(_) => cx.reply.null_array(),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    if popped.result == 0 {
        return Ok(());
    }
    let event = if end == End::Head { "lpop" } else { "rpop" };
    cx.db.changed(key, Class::List, event, popped.result as u64);
    if popped.removed {
        cx.db.notify(Class::Generic, "del", key);
    }
    Ok(())
}

fn pop_one(list: &mut List, end: End) -> Box<[u8]> {
    let element = match end {
        End::Head => list.pop_front(),
        End::Tail => list.pop_back(),
    };
    element.expect("no more are taken than there are")
}
