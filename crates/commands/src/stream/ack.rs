//! XACK, XACKDEL and XNACK: what consumers say of entries that are pending at them.

use command::declare::Flag::{Fast, Write};
use command::declare::KeyFlag::{Delete, RW, Update};
use command::declare::{Group, flag, integer, key, many, one_of, opt, text, token};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::value::Stream;
use store::value::stream::{DELIVERIES_MAX, Deliveries};

use super::delete::{DeleteArgs, IDS, Outcome, delete_entry, write_outcomes};
use super::trim::REFERENCES;
use super::{Ids, check_type, ids};

pub(super) const XACK: Command = Command {
    name: "XACK",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Acknowledges entries: they are no longer pending in a group.",
    complexity: "O(log N) for each of them, N being the pending entries",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Update]), text("group"), many(text("id"))],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        ("XCLAIM log readers ann 0 1-1 FORCE JUSTID", "1) \"1-1\""),
        ("XACK log readers 1-1 2-1", "(integer) 1"),
        ("XACK log readers 1-1", "(integer) 0"),
        (
            "XACK log readers -",
            "(error) ERR Invalid stream ID specified as stream command argument",
        ),
    ],
    ..Command::base(xack)
};

/// Whether there is such a group.
fn has_group(cx: &mut Cx<'_>) -> Result<bool, CmdError> {
    let (key, name) = (cx.key(1), cx.arg(2));
    Ok(cx.db.collection::<Stream>(key)?.is_some_and(|stream| stream.group(name).is_some()))
}

fn xack(cx: &mut Cx<'_>) -> CmdResult {
    if !has_group(cx)? {
        cx.reply.integer(0);
        return Ok(());
    }
    let (key, name, ids) = (cx.key(1), cx.arg(2), ids(cx.args.from_index(3))?);
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
        let group = stream.group_mut(name).expect("it was found above");
        ids.iter().filter(|&&id| group.acknowledge(id)).count()
    })?;
    let acknowledged = edited.map_or(0, |edited| edited.result);
    cx.db.effects.dirty += acknowledged as u64;
    cx.reply.integer(acknowledged as i64);
    Ok(())
}

pub(super) const XACKDEL: Command = Command {
    name: "XACKDEL",
    group: Group::Stream,
    since: "8.2.0",
    summary: "Acknowledges entries in a group and deletes them from the stream.",
    complexity: "O(log N) for each of them, N being the entries of the stream",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Delete]), text("group"), REFERENCES, IDS],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        ("XGROUP CREATE log others 0", "OK"),
        ("XCLAIM log readers ann 0 1-1 FORCE JUSTID", "1) \"1-1\""),
        ("XACKDEL log readers ACKED IDS 2 1-1 2-1", "1) (integer) 2\n2) (integer) -1"),
        ("XLEN log", "(integer) 1"),
        (
            "XACKDEL log readers ACKED",
            "(error) ERR wrong number of arguments for 'xackdel' command",
        ),
    ],
    ..Command::base(xackdel)
};

fn xackdel(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    check_type(cx, key)?;
    let args = DeleteArgs::parse(cx, 3)?;
    if !has_group(cx)? {
        write_outcomes(cx, &vec![Outcome::Missing; args.count]);
        return Ok(());
    }
    let (name, ids) = (cx.arg(2), args.ids()?);
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
        let before = stream.log.len();
        let outcomes = ids.iter().map(|&id| {
            let group = stream.group_mut(name).expect("it was found above");
            if !group.acknowledge(id) {
                return Outcome::Missing;
            }
            let gone = delete_entry(stream, id, args.references);
            if gone.is_allowed { Outcome::Deleted } else { Outcome::Referenced }
        });
        let outcomes: Vec<_> = outcomes.collect();
        (outcomes, before - stream.log.len())
    })?;
    let (outcomes, deleted) = edited.expect("it was found above").result;
    let acknowledged = outcomes.iter().filter(|&&outcome| outcome != Outcome::Missing).count();
    cx.db.effects.dirty += acknowledged as u64;
    if deleted > 0 {
        cx.db.notify(Class::Stream, "xdel", key);
    }
    write_outcomes(cx, &outcomes);
    Ok(())
}

pub(super) const XNACK: Command = Command {
    name: "XNACK",
    group: Group::Stream,
    since: "8.8.0",
    summary: "Gives pending entries back to their group, for whoever claims them first.",
    complexity: "O(log N) for each of them, N being the pending entries",
    flags: &[Write, Fast],
    args: &[
        key("key", &[RW, Update]),
        text("group"),
        one_of("mode", &[flag("SILENT"), flag("FAIL"), flag("FATAL")]),
        IDS,
        opt(token("RETRYCOUNT", integer("count"))),
        opt(flag("FORCE")),
    ],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        ("XCLAIM log readers ann 0 1-1 FORCE JUSTID", "1) \"1-1\""),
        ("XNACK log readers FAIL IDS 2 1-1 2-1", "(integer) 1"),
        (
            "XPENDING log readers - + 10",
            "1) 1) \"1-1\"\n   2) \"\"\n   3) (integer) -1\n   4) (integer) 1",
        ),
        ("XNACK log readers MAYBE IDS 1 1-1", "(error) ERR mode must be SILENT, FAIL, or FATAL"),
    ],
    ..Command::base(xnack)
};

/// The options of XNACK.
struct NackArgs {
    ids: Ids,
    deliveries: Deliveries,
    force: bool,
}

fn nack_args(cx: &Cx<'_>) -> Result<NackArgs, CmdError> {
    let mut deliveries = match () {
        () if cx.is_word(3, "SILENT") => Deliveries::Fewer,
        () if cx.is_word(3, "FAIL") => Deliveries::Same,
        () if cx.is_word(3, "FATAL") => Deliveries::Exactly(DELIVERIES_MAX),
        () => return Err(CmdError::XNACK_MODE),
    };
    let (mut found, mut force) = (None, false);
    let mut i = 4;
    while i < cx.argc() {
        let has_value = i + 1 < cx.argc();
        if has_value && cx.is_word(i, "IDS") {
            let count = cx.int(i + 1).ok().filter(|&n| n > 0 && n <= i64::from(i32::MAX));
            let count = count.ok_or(CmdError::XNACK_NUMIDS)? as usize;
            let first = i + 2;
            if count > cx.argc() - first {
                return Err(CmdError::XNACK_MISMATCH);
            }
            found = Some((first, count));
            i = first + count;
        } else if cx.is_word(i, "FORCE") {
            force = true;
            i += 1;
        } else if has_value && cx.is_word(i, "RETRYCOUNT") {
            let count = cx.int(i + 1)?.try_into().map_err(|_| CmdError::XNACK_RETRYCOUNT)?;
            deliveries = Deliveries::Exactly(count);
            i += 2;
        } else {
            return Err(CmdError::unrecognized_option_of("XNACK", cx.arg(i)));
        }
    }
    let (first, count) = found.ok_or(CmdError::XNACK_WITHOUT_IDS)?;
    let ids = cx.args.from_index(first).iter().take(count).map(super::id);
    Ok(NackArgs { ids: ids.collect::<Result<_, _>>()?, deliveries, force })
}

fn xnack(cx: &mut Cx<'_>) -> CmdResult {
    let (key, name) = (cx.key(1), cx.arg(2));
    if !has_group(cx)? {
        return Err(CmdError::no_group(key.bytes, name));
    }
    let NackArgs { ids, deliveries, force } = nack_args(cx)?;
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
        let (log, group) = stream.log_and_group(name).expect("it was found above");
        let released = |&&id: &&_| group.release(id, deliveries, force && log.contains(id));
        ids.iter().filter(released).count()
    })?;
    let released = edited.map_or(0, |edited| edited.result);
    if released > 0 {
        // Whoever waits with CLAIM may have it now.
        cx.db.changed_silently(key, released as u64);
    }
    cx.reply.integer(released as i64);
    Ok(())
}
