//! XSETID, XCFGSET and XIDMPRECORD: what a stream remembers, set from outside.

use command::declare::Flag::{DenyOom, Fast, Write};
use command::declare::KeyFlag::{RW, Update};
use command::declare::{Group, integer, key, opt, text, token};
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::value::Stream;
use store::value::stream::{Memory, StreamId};

use super::add::default_memory;
use super::{check_type, id, note};

pub(super) const XSETID: Command = Command {
    name: "XSETID",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Sets the last ID of a stream, and what it remembers of entries it once had.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[
        key("key", &[RW, Update]),
        text("last-id"),
        opt(token("ENTRIESADDED", integer("entries-added"))).since("7.0.0"),
        opt(token("MAXDELETEDID", text("max-deleted-id"))).since("7.0.0"),
    ],
    history: &[("7.0.0", "Options `ENTRIESADDED` and `MAXDELETEDID`.")],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XSETID log 5-0 ENTRIESADDED 7", "OK"),
        ("XADD log 5-* a 1", "\"5-1\""),
        (
            "XSETID log 1-1",
            "(error) ERR The ID specified in XSETID is smaller than the target stream top item",
        ),
        ("XSETID nokey 1-1", "(error) ERR no such key"),
    ],
    ..Command::base(xsetid)
};

/// Changes the stream, which must be there.
fn change<R>(
    cx: &mut Cx<'_>,
    change: impl FnOnce(&mut Stream) -> Result<R, CmdError>,
) -> Result<R, CmdError> {
    let key = cx.key(1);
    cx.db.edit(key, Absent::Skip, change)?.ok_or(CmdError::NO_SUCH_KEY)?.result
}

fn xsetid(cx: &mut Cx<'_>) -> CmdResult {
    let last_id = id(cx.arg(2))?;
    let (mut added, mut max_deleted) = (None, None);
    let mut i = 3;
    while i < cx.argc() {
        let has_value = i + 1 < cx.argc();
        if has_value && cx.is_word(i, "ENTRIESADDED") {
            added = Some(cx.int(i + 1)?.try_into().map_err(|_| CmdError::ENTRIES_ADDED)?);
        } else if has_value && cx.is_word(i, "MAXDELETEDID") {
            let max = id(cx.arg(i + 1))?;
            if last_id < max {
                return Err(CmdError::XSETID_BELOW_MAX_DELETED);
            }
            // 0-0 leaves it as it is.
            max_deleted = Some(max).filter(|max| !max.is_zero());
        } else {
            return Err(CmdError::SYNTAX);
        }
        i += 2;
    }
    change(cx, |stream| {
        let log = &mut stream.log;
        if last_id < log.max_deleted_id() {
            return Err(CmdError::XSETID_BELOW_DELETED);
        }
        if log.last_entry_id().is_some_and(|top| last_id < top) {
            return Err(CmdError::XSETID_BELOW_TOP);
        }
        if !log.is_empty() && added.is_some_and(|added| added < log.len()) {
            return Err(CmdError::XSETID_BELOW_LENGTH);
        }
        log.set_last_id(last_id);
        log.set_history(added, max_deleted);
        Ok(())
    })?;
    note(cx, cx.key(1), "xsetid", 1);
    cx.reply.ok();
    Ok(())
}

pub(super) const XCFGSET: Command = Command {
    name: "XCFGSET",
    group: Group::Stream,
    since: "8.6.0",
    summary: "Says how long, and how many of each producer, a stream remembers the names of entries.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[
        key("key", &[RW, Update]),
        opt(token("IDMP-DURATION", integer("idmp-duration"))),
        opt(token("IDMP-MAXSIZE", integer("idmp-maxsize"))),
    ],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XCFGSET log IDMP-DURATION 60 IDMP-MAXSIZE 10", "OK"),
        (
            "XCFGSET log IDMP-MAXSIZE 0",
            "(error) ERR IDMP-MAXSIZE must be between 1 and 10000 entries",
        ),
        ("XCFGSET log", "(error) ERR At least one parameter must be specified"),
        ("XCFGSET nokey IDMP-MAXSIZE 1", "(error) ERR no such key"),
    ],
    ..Command::base(xcfgset)
};

fn xcfgset(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    check_type(cx, key)?;
    if cx.db.look(key).is_none() {
        return Err(CmdError::NO_SUCH_KEY);
    }
    let (mut duration_s, mut ids_max) = (None, None);
    let mut i = 2;
    while i < cx.argc() {
        let has_value = i + 1 < cx.argc();
        let (setting, range, twice, error) = match () {
            () if has_value && cx.is_word(i, "IDMP-DURATION") => {
                let errors = (CmdError::IDMP_DURATION_TWICE, CmdError::IDMP_DURATION);
                (&mut duration_s, 1..=86_400, errors.0, errors.1)
            }
            () if has_value && cx.is_word(i, "IDMP-MAXSIZE") => {
                let errors = (CmdError::IDMP_MAXSIZE_TWICE, CmdError::IDMP_MAXSIZE);
                (&mut ids_max, 1..=10_000, errors.0, errors.1)
            }
            () => return Err(CmdError::SYNTAX),
        };
        if setting.is_some() {
            return Err(twice);
        }
        let value = cx.int(i + 1)?;
        if !range.contains(&value) {
            return Err(error);
        }
        *setting = Some(value as u64);
        i += 2;
    }
    if duration_s.is_none() && ids_max.is_none() {
        return Err(CmdError::XCFGSET_NOTHING);
    }

    let (memory, now_ms) = (default_memory(cx), cx.now_ms());
    let changed = change(cx, |stream| {
        let producers = stream.producers_mut(memory, now_ms);
        let Memory { duration_s: before_s, ids_max: before_max } = producers.memory;
        let wanted = Memory {
            duration_s: duration_s.unwrap_or(before_s),
            ids_max: ids_max.unwrap_or(before_max),
        };
        let changes = wanted != producers.memory;
        if changes {
            producers.memory = wanted;
            producers.clear();
        }
        Ok(changes)
    })?;
    cx.db.effects.dirty += u64::from(changed);
    cx.reply.ok();
    Ok(())
}

pub(super) const XIDMPRECORD: Command = Command {
    name: "XIDMPRECORD",
    group: Group::Stream,
    since: "8.6.2",
    summary: "Says by which name a producer added an entry: for the AOF, not for users.",
    complexity: "O(log N) with N entries in the stream",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Update]), text("pid"), text("iid"), text("stream-id")],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XIDMPRECORD log ann 7 1-1", "OK"),
        ("XIDMPRECORD log ann 7 1-1", "OK"),
        ("XIDMPRECORD log ann 8 2-1", "(error) ERR No such message in stream"),
        ("XIDMPRECORD nokey ann 7 1-1", "(error) ERR no such key"),
    ],
    ..Command::base(xidmprecord)
};

fn xidmprecord(cx: &mut Cx<'_>) -> CmdResult {
    let entry: StreamId = id(cx.arg(4))?;
    let (producer, named) = (cx.arg(2), cx.arg(3));
    if producer.is_empty() {
        return Err(CmdError::IDMP_PRODUCER_EMPTY);
    }
    if named.is_empty() {
        return Err(CmdError::IDMP_ID_EMPTY);
    }
    let (memory, now_ms) = (default_memory(cx), cx.now_ms());
    let is_new = change(cx, |stream| {
        if !stream.log.contains(entry) {
            return Err(CmdError::NO_SUCH_MESSAGE);
        }
        let producers = stream.producers_mut(memory, now_ms);
        match producers.find(producer, named) {
            Some(known) if known == entry => Ok(false),
            Some(_) => Err(CmdError::IDMP_OTHER_ENTRY),
            None => {
                producers.insert(producer, named, entry);
                Ok(true)
            }
        }
    })?;
    cx.db.effects.dirty += u64::from(is_new);
    cx.reply.ok();
    Ok(())
}
