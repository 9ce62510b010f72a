//! XDEL and XDELEX.

use command::declare::Flag::{Fast, Write};
use command::declare::KeyFlag::{Delete, RW};
use command::declare::{Arg, Group, block, integer, key, many, text, token};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Args;
use store::value::Stream;
use store::value::stream::{References, StreamId};

use super::trim::{REFERENCES, references};
use super::{Ids, check_type, ids};

pub(super) const XDEL: Command = Command {
    name: "XDEL",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Deletes entries of a stream by their IDs.",
    complexity: "O(log N) for each of them, N being the entries of the stream",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Delete]), many(text("id"))],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XDEL log 1-1 2-1", "(integer) 1"),
        ("XDEL log 1-1", "(integer) 0"),
        ("EXISTS log", "(integer) 1"),
        ("XDEL log -", "(error) ERR Invalid stream ID specified as stream command argument"),
    ],
    ..Command::base(xdel)
};

fn xdel(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let args = cx.args.from_index(2);
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
        Ok(ids(args)?.into_iter().filter(|&id| stream.log.delete(id)).count())
    })?;
    let deleted = edited.map_or(Ok(0), |edited| edited.result)?;
    if deleted > 0 {
        cx.db.changed(key, Class::Stream, "xdel", deleted as u64);
    }
    cx.reply.integer(deleted as i64);
    Ok(())
}

/// `IDS numids id [id …]`.
pub(super) const IDS: Arg = token("IDS", block("ids", &[integer("numids"), many(text("id"))]));

/// What XDELEX and XACKDEL answer for an ID.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Missing = -1,
    Deleted = 1,
    /// A group has yet to read or to acknowledge it.
    Referenced = 2,
}

/// The arguments of XDELEX and XACKDEL behind key and group.
pub(super) struct DeleteArgs<'a> {
    pub(super) references: References,
    ids: Args<'a>,
    pub(super) count: usize,
}

impl<'a> DeleteArgs<'a> {
    pub(super) fn parse(cx: &Cx<'a>, from: usize) -> Result<DeleteArgs<'a>, CmdError> {
        let (mut kept, mut found) = (None, None);
        let mut i = from;
        while i < cx.argc() {
            if let Some(said) = references(cx, i).filter(|_| kept.is_none()) {
                kept = Some(said);
                i += 1;
            } else if cx.is_word(i, "IDS") && i + 1 < cx.argc() {
                let count = cx.int(i + 1).ok().filter(|&count| count > 0);
                let count = count.ok_or(CmdError::IDS_COUNT)?;
                let first = i + 2;
                if count > (cx.argc() - first) as i64 {
                    return Err(CmdError::IDS_MISMATCH);
                }
                found = Some((first, count as usize));
                i = first + count as usize;
            } else {
                return Err(CmdError::SYNTAX);
            }
        }
        let (first, count) = found.ok_or(CmdError::IDS_MISSING)?;
        let references = kept.unwrap_or(References::Keep);
        Ok(DeleteArgs { references, ids: cx.args.from_index(first), count })
    }

    pub(super) fn ids(&self) -> Result<Ids, CmdError> {
        self.ids.iter().take(self.count).map(super::id).collect()
    }
}

/// What came of deleting an entry.
#[derive(Clone, Copy, Default)]
pub(super) struct Gone {
    /// Its references allowed it.
    pub(super) is_allowed: bool,
    pub(super) was_there: bool,
    pub(super) was_pending: bool,
}

/// Deletes an entry as far as its references allow.
pub(super) fn delete_entry(stream: &mut Stream, id: StreamId, references: References) -> Gone {
    let was_pending = match references {
        References::Acknowledged if stream.is_referenced(id) => return Gone::default(),
        References::Delete => stream.dereference(id),
        References::Acknowledged | References::Keep => false,
    };
    Gone { is_allowed: true, was_there: stream.log.delete(id), was_pending }
}

pub(super) fn write_outcomes(cx: &mut Cx<'_>, outcomes: &[Outcome]) {
    cx.reply.array(outcomes.len());
    outcomes.iter().for_each(|&outcome| cx.reply.integer(outcome as i64));
}

pub(super) const XDELEX: Command = Command {
    name: "XDELEX",
    group: Group::Stream,
    since: "8.2.0",
    summary: "Deletes entries of a stream, and says what becomes of references to them.",
    complexity: "O(log N) for each of them, N being the entries of the stream",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Delete]), REFERENCES, IDS],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        ("XDELEX log ACKED IDS 1 1-1", "1) (integer) 2"),
        ("XDELEX log IDS 2 1-1 2-1", "1) (integer) 1\n2) (integer) -1"),
        (
            "XDELEX log IDS 2 1-1",
            "(error) ERR The `numids` parameter must match the number of arguments",
        ),
    ],
    ..Command::base(xdelex)
};

fn xdelex(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    check_type(cx, key)?;
    let args = DeleteArgs::parse(cx, 2)?;
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
        let (mut outcomes, mut deleted, mut dereferenced) = (Vec::new(), 0, 0);
        for id in args.ids()? {
            let gone = delete_entry(stream, id, args.references);
            deleted += u64::from(gone.was_there);
            dereferenced += u64::from(gone.was_pending && !gone.was_there);
            outcomes.push(match gone {
                Gone { is_allowed: false, .. } => Outcome::Referenced,
                Gone { was_there: true, .. } => Outcome::Deleted,
                _ => Outcome::Missing,
            });
        }
        Ok((outcomes, deleted, dereferenced))
    })?;
    let missing = || Ok((vec![Outcome::Missing; args.count], 0, 0));
    let (outcomes, deleted, dereferenced) = edited.map_or_else(missing, |edited| edited.result)?;
    cx.db.effects.dirty += dereferenced;
    if deleted > 0 {
        cx.db.changed(key, Class::Stream, "xdel", deleted);
    }
    write_outcomes(cx, &outcomes);
    Ok(())
}
