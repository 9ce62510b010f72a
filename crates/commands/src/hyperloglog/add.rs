//! PFADD.

use command::declare::Flag::{DenyOom, Fast, Write};
use command::declare::KeyFlag::{Insert, RW};
use command::declare::{Group, key, many, opt, text};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::{Expire, NewValue, OwnedValue, StrRef};
use structures::hyperloglog::{Form, Hll, HllRef, Place, raise_dense};

use super::{hll, refused};

/// Index of the first element.
const FIRST: usize = 2;

pub(super) const PFADD: Command = Command {
    name: "PFADD",
    group: Group::HyperLogLog,
    since: "2.8.9",
    summary: "Adds elements to a HyperLogLog, which is created if there is none; says whether \
              its estimate may have changed.",
    complexity: "O(1) for each element",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Insert]), opt(many(text("element")))],
    examples: &[
        ("PFADD visitors ann bob", "(integer) 1"),
        ("PFADD visitors bob", "(integer) 0"),
        ("PFCOUNT visitors", "(integer) 2"),
        ("SET name ann", "OK"),
        ("PFADD name bob", "(error) WRONGTYPE Key is not a valid HyperLogLog string value."),
    ],
    ..Command::base(pfadd)
};

fn pfadd(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let sparse_bytes_max = cx.engine.settings.hll_sparse_bytes_max();
    let changes = match cx.db.look_string(key)? {
        None => {
            let mut new = Hll::empty(sparse_bytes_max);
            let changes = 1 + raise(cx, FIRST, &mut new)?;
            store(cx, new);
            changes
        }
        Some(string) => {
            let hll = hll(string)?;
            match first_that_rises(cx.args.iter().enumerate().skip(FIRST), hll)? {
                None => {
                    mark_raw(cx);
                    0
                }
                Some(first) if hll.form() == Form::Dense => raise_in_place(cx, first),
                Some(first) => {
                    let bytes = hll.as_bytes().to_vec();
                    let mut grown = Hll::from_bytes(bytes, sparse_bytes_max).map_err(refused)?;
                    let changes = raise(cx, first, &mut grown)?;
                    store(cx, grown);
                    changes
                }
            }
        }
    };
    if changes > 0 {
        cx.db.changed(key, Class::String, "pfadd", changes);
    }
    cx.reply.integer(i64::from(changes > 0));
    Ok(())
}

/// Whoever asks for the encoding of a string that PFADD has looked at is told that it is raw, as in
/// Redis.
fn mark_raw(cx: &mut Cx<'_>) {
    let key = cx.key(1);
    if let Ok(Some(StrRef::Bytes(bytes))) = cx.db.look_string(key) {
        let len = bytes.len();
        cx.db.resize_string(key, len);
    }
}

/// Index of the first element that changes anything; nearly all that were seen before do not.
fn first_that_rises<'a>(
    elements: impl Iterator<Item = (usize, &'a [u8])>,
    hll: HllRef<'_>,
) -> Result<Option<usize>, CmdError> {
    for (i, element) in elements {
        if hll.rises(Place::of(element)).map_err(refused)? {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

/// Adds the elements from index `first` on; how many changed anything.
fn raise(cx: &Cx<'_>, first: usize, hll: &mut Hll) -> Result<u64, CmdError> {
    let mut changes = 0;
    for element in cx.args.from_index(first) {
        changes += u64::from(hll.raise(Place::of(element)).map_err(refused)?);
    }
    Ok(changes)
}

fn raise_in_place(cx: &mut Cx<'_>, first: usize) -> u64 {
    let (key, elements) = (cx.key(1), cx.args.from_index(first));
    let bytes = cx.db.resize_string(key, structures::hyperloglog::DENSE_BYTES);
    elements.iter().map(|element| u64::from(raise_dense(bytes, Place::of(element)))).sum()
}

/// Stores it under the first key, whose expiry stays.
pub(super) fn store(cx: &mut Cx<'_>, hll: Hll) {
    let value = NewValue::Owned(OwnedValue::Bytes(hll.into_bytes(), true));
    cx.db.set(cx.key(1), value, Expire::Keep);
}
