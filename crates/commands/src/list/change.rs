//! LSET, LINSERT, LREM and LTRIM: changes elsewhere than at the ends.

use command::declare::Flag::{DenyOom, Write};
use command::declare::KeyFlag::{Delete, Insert, RW, Update};
use command::declare::{Group, flag, integer, key, one_of, text};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::View;
use store::value::{CollectionType, End, List};

use super::{range_of, tell_removed};

pub(super) const LSET: Command = Command {
    name: "LSET",
    group: Group::List,
    since: "1.0.0",
    summary: "Replaces the element at an index of a list; negative ones count from the end.",
    complexity: "O(log N), and the elements of one node",
    flags: &[Write, DenyOom],
    args: &[key("key", &[RW, Update]), integer("index"), text("element")],
    examples: &[
        ("RPUSH letters a b c", "(integer) 3"),
        ("LSET letters -1 z", "OK"),
        ("LINDEX letters 2", "\"z\""),
        ("LSET letters 3 y", "(error) ERR index out of range"),
        ("LSET none 0 y", "(error) ERR no such key"),
    ],
    ..Command::base(lset)
};

fn lset(cx: &mut Cx<'_>) -> CmdResult {
    let (key, index, element, limits) = (cx.key(1), cx.int(2), cx.arg(3), cx.db.limits());
    // A missing key, and one of another type, are told of before a bad index.
    let record = cx.db.look(key).ok_or(CmdError::NO_SUCH_KEY)?;
    let list = record.collection::<List>().ok_or(CmdError::WRONG_TYPE)?;
    let (index, len) = (index?, View::len(&list) as i64);
    let from_head = if index < 0 { index.saturating_add(len) } else { index };
    let index = usize::try_from(from_head).unwrap_or(usize::MAX);
    let edited =
        cx.db.edit(key, Absent::Skip, |list: &mut List| list.set(index, element, &limits))?;
    if !edited.is_some_and(|edited| edited.result) {
        return Err(CmdError::OUT_OF_RANGE);
    }
    cx.db.changed(key, Class::List, "lset", 1);
    cx.reply.ok();
    Ok(())
}

pub(super) const LINSERT: Command = Command {
    name: "LINSERT",
    group: Group::List,
    since: "2.2.0",
    summary: "Puts an element before or behind the first that equals another.",
    complexity: "O(N) in the elements up to that one",
    flags: &[Write, DenyOom],
    args: &[
        key("key", &[RW, Insert]),
        one_of("where", &[flag("BEFORE"), flag("AFTER")]),
        text("pivot"),
        text("element"),
    ],
    examples: &[
        ("RPUSH letters a c", "(integer) 2"),
        ("LINSERT letters BEFORE c b", "(integer) 3"),
        ("LINSERT letters AFTER x y", "(integer) -1"),
        ("LINSERT none AFTER x y", "(integer) 0"),
        ("LINSERT letters BEHIND c d", "(error) ERR syntax error"),
    ],
    ..Command::base(linsert)
};

fn linsert(cx: &mut Cx<'_>) -> CmdResult {
    let is_before = cx.is_word(2, "BEFORE");
    if !is_before && !cx.is_word(2, "AFTER") {
        return Err(CmdError::SYNTAX);
    }
    let (key, pivot, element, limits) = (cx.key(1), cx.arg(3), cx.arg(4), cx.db.limits());
    let edited = cx.db.edit(key, Absent::Skip, |list: &mut List| {
        list.insert(pivot, is_before, element, &limits).then(|| list.view().len())
    })?;
    match edited.map(|edited| edited.result) {
        None => cx.reply.integer(0),
        Some(None) => cx.reply.integer(-1),
        Some(Some(len)) => {
            cx.db.changed(key, Class::List, "linsert", 1);
            cx.reply.integer(len as i64);
        }
    }
    Ok(())
}

pub(super) const LREM: Command = Command {
    name: "LREM",
    group: Group::List,
    since: "1.0.0",
    summary: "Removes elements that equal another: the first, the last (a negative count) or all (0).",
    complexity: "O(N) in the elements of the list",
    flags: &[Write],
    args: &[key("key", &[RW, Delete]), integer("count"), text("element")],
    examples: &[
        ("RPUSH letters a b a c a", "(integer) 5"),
        ("LREM letters -1 a", "(integer) 1"),
        ("LREM letters 0 a", "(integer) 2"),
        ("LREM letters 0 a", "(integer) 0"),
        ("LRANGE letters 0 -1", "1) \"b\"\n2) \"c\""),
        ("LREM letters some a", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(lrem)
};

fn lrem(cx: &mut Cx<'_>) -> CmdResult {
    let (key, count, element, limits) = (cx.key(1), cx.int(2)?, cx.arg(3), cx.db.limits());
    let size = count.checked_abs().ok_or(CmdError::LONG_RANGE)? as usize;
    let (from, count) = match count {
        0 => (End::Head, usize::MAX),
        1.. => (End::Head, size),
        _ => (End::Tail, size),
    };
    let edited = cx
        .db
        .edit(key, Absent::Skip, |list: &mut List| list.remove(element, from, count, &limits))?;
    let removed = edited.map_or(0, |edited| edited.result);
    if let Some(edited) = edited.filter(|edited| edited.result > 0) {
        tell_removed(cx, key, "lrem", removed as u64, &edited);
    }
    cx.reply.integer(removed as i64);
    Ok(())
}

pub(super) const LTRIM: Command = Command {
    name: "LTRIM",
    group: Group::List,
    since: "1.0.0",
    summary: "Keeps the elements between two indexes of a list, both included, and removes all others.",
    complexity: "O(N) in the elements removed",
    flags: &[Write],
    args: &[key("key", &[RW, Delete]), integer("start"), integer("stop")],
    examples: &[
        ("RPUSH letters a b c d", "(integer) 4"),
        ("LTRIM letters 1 -2", "OK"),
        ("LRANGE letters 0 -1", "1) \"b\"\n2) \"c\""),
        ("LTRIM letters 5 9", "OK"),
        ("EXISTS letters", "(integer) 0"),
        ("LTRIM letters 0 end", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(ltrim)
};

fn ltrim(cx: &mut Cx<'_>) -> CmdResult {
    let (key, start, stop, limits) = (cx.key(1), cx.int(2)?, cx.int(3)?, cx.db.limits());
    let edited = cx.db.edit(key, Absent::Skip, |list: &mut List| {
        let len = list.view().len();
        let kept = range_of(start, stop, len);
        list.keep(kept.start, kept.end, &limits);
        len - kept.len()
    })?;
    if let Some(edited) = edited {
        tell_removed(cx, key, "ltrim", edited.result as u64, &edited);
    }
    cx.reply.ok();
    Ok(())
}
