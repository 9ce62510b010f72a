//! PFMERGE, and the merge itself.

use command::declare::Flag::{DenyOom, Write};
use command::declare::KeyFlag::{Access, Insert, RO, RW};
use command::declare::{Group, key, many, opt};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use smallvec::SmallVec;
use store::Key;
use structures::hyperloglog::{
    DENSE_AT_ONCE, DENSE_BYTES, Form, Hll, HllRef, Registers, write_dense,
};

use super::add::store;
use super::{hll, refused};

pub(super) const PFMERGE: Command = Command {
    name: "PFMERGE",
    group: Group::HyperLogLog,
    since: "2.8.9",
    summary: "Adds to a HyperLogLog what was added to others.",
    complexity: "O(N) in the keys",
    flags: &[Write, DenyOom],
    args: &[key("destkey", &[RW, Access, Insert]), opt(many(key("sourcekey", &[RO, Access])))],
    examples: &[
        ("PFADD today ann bob", "(integer) 1"),
        ("PFADD yesterday bob carl", "(integer) 1"),
        ("PFMERGE week today yesterday", "OK"),
        ("PFCOUNT week", "(integer) 3"),
        ("SET name ann", "OK"),
        ("PFMERGE week name", "(error) WRONGTYPE Key is not a valid HyperLogLog string value."),
    ],
    ..Command::base(pfmerge)
};

fn pfmerge(cx: &mut Cx<'_>) -> CmdResult {
    let (registers, form) = merged(cx)?;
    let key = cx.key(1);
    match form {
        Form::Dense => write_dense(cx.db.resize_string(key, DENSE_BYTES), &registers),
        Form::Sparse => {
            let bytes_max = cx.engine.settings.hll_sparse_bytes_max();
            let mut target = match cx.db.look_string(key)? {
                None => Hll::empty(bytes_max),
                Some(string) => {
                    let bytes = hll(string)?.as_bytes().to_vec();
                    Hll::from_bytes(bytes, bytes_max).map_err(refused)?
                }
            };
            for place in registers.places() {
                target.raise_next(place).map_err(refused)?;
            }
            target.make_stale();
            store(cx, target);
        }
    }
    cx.db.changed(key, Class::String, "pfadd", 1);
    cx.reply.simple("OK");
    Ok(())
}

/// All keys merged, and the form of the result: dense if one of them is. Sparse ones are merged
/// as they are met, which checks them; dense ones afterwards, several at a time.
pub(super) fn merged(cx: &mut Cx<'_>) -> Result<(Registers, Form), CmdError> {
    let mut registers = Registers::new();
    let mut dense: SmallVec<[Key<'_>; 16]> = SmallVec::new();
    for i in 1..cx.argc() {
        let key = cx.key(i);
        let Some(string) = cx.db.string(key)? else { continue };
        let hll = hll(string)?;
        match hll.form() {
            Form::Sparse => registers.merge(hll).map_err(refused)?,
            Form::Dense => dense.push(key),
        }
    }
    for keys in dense.chunks(DENSE_AT_ONCE) {
        let mut hlls: SmallVec<[HllRef<'_>; DENSE_AT_ONCE]> = SmallVec::new();
        for key in keys {
            if let Some(string) = cx.db.held(*key).and_then(|record| record.string()) {
                hlls.push(hll(string)?);
            }
        }
        registers.merge_dense(&hlls);
    }
    Ok((registers, if dense.is_empty() { Form::Sparse } else { Form::Dense }))
}
