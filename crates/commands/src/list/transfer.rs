//! LMOVE, its older special case RPOPLPUSH, and LMOVEM: from an end of one list to an end of another.
//!
//! Source and destination may be the same list, which then turns. It must not go and come again
//! on the way, or it would lose its expiry: it is changed in one edit.

use command::declare::Flag::{self, DenyOom, Write};
use command::declare::KeyFlag::{Access, Delete, Insert, RW};
use command::declare::{Arg, Group, block, flag, integer, key, one_of, opt, token};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::value::{CollectionType, End, List};
use store::{Limits, View};

use super::{end_named, pop_event, push_event, tell_removed};

pub(super) const FLAGS: &[Flag] = &[Write, DenyOom];
pub(super) const SOURCE: Arg = key("source", &[RW, Access, Delete]);
pub(super) const DESTINATION: Arg = key("destination", &[RW, Insert]);
pub(super) const FROM: Arg = one_of("wherefrom", &[flag("LEFT"), flag("RIGHT")]);
pub(super) const TO: Arg = one_of("whereto", &[flag("LEFT"), flag("RIGHT")]);

pub(super) const MANY: Arg = opt(block(
    "how-many",
    &[
        one_of(
            "selector",
            &[token("COUNT", integer("count")), token("EXACTLY", integer("exactly"))],
        ),
        one_of("ordering", &[flag("OBO"), flag("BULK")]),
    ],
));

pub(super) const LMOVE: Command = Command {
    name: "LMOVE",
    group: Group::List,
    since: "6.2.0",
    summary: "Moves an element from an end of a list to an end of another, and returns it.",
    complexity: "O(1)",
    flags: FLAGS,
    args: &[SOURCE, DESTINATION, FROM, TO],
    examples: &[
        ("RPUSH todo a b", "(integer) 2"),
        ("LMOVE todo done LEFT RIGHT", "\"a\""),
        ("LMOVE todo done LEFT RIGHT", "\"b\""),
        ("LMOVE todo done LEFT RIGHT", "(nil)"),
        ("LRANGE done 0 -1", "1) \"a\"\n2) \"b\""),
        ("LMOVE todo done UP DOWN", "(error) ERR syntax error"),
    ],
    ..Command::base(lmove)
};

pub(super) const RPOPLPUSH: Command = Command {
    name: "RPOPLPUSH",
    group: Group::List,
    since: "1.2.0",
    summary: "Moves the last element of a list before the first of another, and returns it.",
    complexity: "O(1)",
    flags: FLAGS,
    args: &[SOURCE, DESTINATION],
    deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
    examples: &[
        ("RPUSH todo a b", "(integer) 2"),
        ("RPOPLPUSH todo done", "\"b\""),
        ("RPOPLPUSH todo todo", "\"a\""),
        ("RPOPLPUSH none done", "(nil)"),
        ("RPOPLPUSH todo", "(error) ERR wrong number of arguments for 'rpoplpush' command"),
    ],
    ..Command::base(|cx| move_one(cx, End::Tail, End::Head))
};

pub(super) const LMOVEM: Command = Command {
    name: "LMOVEM",
    group: Group::List,
    since: "8.10.0",
    summary: "Moves elements from an end of a list to an end of another, and returns them.",
    complexity: "O(N) in the elements moved",
    flags: FLAGS,
    args: &[SOURCE, DESTINATION, FROM, TO, MANY],
    examples: &[
        ("RPUSH todo a b c d", "(integer) 4"),
        ("LMOVEM todo done LEFT LEFT COUNT 2 OBO", "1) \"b\"\n2) \"a\""),
        ("LMOVEM todo done LEFT LEFT EXACTLY 3 BULK", "(nil)"),
        ("LMOVEM todo done LEFT LEFT EXACTLY 2 BULK", "1) \"c\"\n2) \"d\""),
        ("LRANGE done 0 -1", "1) \"c\"\n2) \"d\"\n3) \"b\"\n4) \"a\""),
        ("LMOVEM todo done LEFT LEFT", "(nil)"),
        ("LMOVEM todo done LEFT LEFT COUNT 0 OBO", "(error) ERR count should be greater than 0"),
        ("LMOVEM todo done LEFT LEFT COUNT 2", "(error) ERR syntax error"),
    ],
    ..Command::base(lmovem)
};

fn lmove(cx: &mut Cx<'_>) -> CmdResult {
    let (from, to) = (end_named(cx, 3)?, end_named(cx, 4)?);
    move_one(cx, from, to)
}

fn move_one(cx: &mut Cx<'_>, from: End, to: End) -> CmdResult {
    if len_of(cx, 1)?.is_none() {
        cx.reply.null();
        return Ok(());
    }
    move_first(cx, from, to)
}

/// Moves an element of the source, which has one.
pub(super) fn move_first(cx: &mut Cx<'_>, from: End, to: End) -> CmdResult {
    let moved = transfer(cx, (from, to), 1, false)?;
    cx.reply.bulk(&moved[0]);
    Ok(())
}

fn lmovem(cx: &mut Cx<'_>) -> CmdResult {
    let ends = (end_named(cx, 3)?, end_named(cx, 4)?);
    let many = Many::parse(cx, 5)?;
    if !move_many(cx, ends, &many)? {
        cx.reply.null_array();
    }
    Ok(())
}

/// How many elements LMOVEM and BLMOVEM move, and in which order.
pub(super) struct Many {
    count: usize,
    is_exact: bool,
    one_by_one: bool,
}

impl Many {
    /// COUNT or EXACTLY, their number, OBO or BULK, from argument `at` on; without them, one.
    pub(super) fn parse(cx: &Cx<'_>, at: usize) -> Result<Many, CmdError> {
        match cx.argc() - at {
            0 => return Ok(Many { count: 1, is_exact: false, one_by_one: false }),
            3 => {}
            _ => return Err(CmdError::SYNTAX),
        }
        let is_exact = cx.is_word(at, "EXACTLY");
        if !is_exact && !cx.is_word(at, "COUNT") {
            return Err(CmdError::SYNTAX);
        }
        let count = super::positive(cx, at + 1, "count")?;
        let one_by_one = cx.is_word(at + 2, "OBO");
        if !one_by_one && !cx.is_word(at + 2, "BULK") {
            return Err(CmdError::SYNTAX);
        }
        Ok(Many { count, is_exact, one_by_one })
    }
}

/// Moves elements and replies with them; false if there are too few.
pub(super) fn move_many(cx: &mut Cx<'_>, ends: (End, End), many: &Many) -> Result<bool, CmdError> {
    // Too few elements are told of before a destination of another type.
    let len = len_of(cx, 1)?.unwrap_or(0);
    if len == 0 || many.is_exact && len < many.count {
        return Ok(false);
    }
    let moved = transfer(cx, ends, many.count.min(len), many.one_by_one)?;
    cx.reply.array(moved.len());
    moved.iter().for_each(|element| cx.reply.bulk(element));
    Ok(true)
}

/// The length of the list under a key argument, if there is one.
fn len_of(cx: &mut Cx<'_>, index: usize) -> Result<Option<usize>, CmdError> {
    let key = cx.key(index);
    let Some(record) = cx.db.look(key) else { return Ok(None) };
    let list = record.collection::<List>().ok_or(CmdError::WRONG_TYPE)?;
    Ok(Some(View::len(&list)))
}

/// Moves `count` elements of the source, which has as many. What comes back is in the order in
/// which they lie in the destination: as they lay in the source, or, one by one, as if each had
/// been moved alone.
fn transfer(
    cx: &mut Cx<'_>,
    (from, to): (End, End),
    count: usize,
    one_by_one: bool,
) -> Result<Vec<Vec<u8>>, CmdError> {
    len_of(cx, 2)?;
    let (source, destination, limits) = (cx.key(1), cx.key(2), cx.db.limits());
    let is_same = source.bytes == destination.bytes;
    let taken = cx.db.edit(source, Absent::Skip, |list: &mut List| {
        let mut moved = at_end(list, from, count);
        if one_by_one && from == to {
            moved.reverse();
        }
        if is_same {
            turn(list, (from, to), &moved, &limits);
        } else {
            list.drop_end(from, count, &limits);
        }
        moved
    })?;
    let taken = taken.expect("it was just looked up");
    if !is_same {
        cx.db.edit(destination, Absent::Create, |list: &mut List| {
            give(list, to, &taken.result, &limits);
        })?;
    }
    cx.db.changed(destination, Class::List, push_event(to), 0);
    tell_removed(cx, source, pop_event(from), count as u64, &taken);
    Ok(taken.result)
}

/// The elements at an end, in the order in which they lie.
fn at_end(list: &List, from: End, count: usize) -> Vec<Vec<u8>> {
    let view = list.view();
    let start = if from == End::Head { 0 } else { view.len() - count };
    view.iter_from(start).take(count).map(|value| value.to_vec()).collect()
}

/// Puts elements at an end, so that they lie in this order.
fn give(list: &mut List, to: End, elements: &[Vec<u8>], limits: &Limits) {
    let elements = elements.iter().map(Vec::as_slice);
    match to {
        End::Head => list.push_all(to, elements.rev(), limits),
        End::Tail => list.push_all(to, elements, limits),
    }
}

/// Moves the elements at an end of a list to an end of the same one.
fn turn(list: &mut List, (from, to): (End, End), elements: &[Vec<u8>], limits: &Limits) {
    let elements = elements.iter().map(Vec::as_slice);
    match to {
        End::Head => list.turn(from, to, elements.rev(), limits),
        End::Tail => list.turn(from, to, elements, limits),
    }
}
