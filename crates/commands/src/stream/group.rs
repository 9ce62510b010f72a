//! XGROUP: making, moving and removing groups and their consumers.

use command::declare::Flag::{self, DenyOom, Loading, Stale, Write};
use command::declare::KeyFlag::{Delete, Insert, RW, Update};
use command::declare::{Group, Lock, flag, integer, key, one_of, opt, text, token};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::value::Stream;
use store::value::stream::StreamId;

use super::{check_type, id, note};
use crate::container::{container, help};

pub(super) const XGROUP: Command = Command {
    name: "XGROUP",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Commands about the consumer groups of a stream.",
    complexity: "Depends on the subcommand",
    subcommands: &[CREATE, CREATECONSUMER, DELCONSUMER, DESTROY, HELP, SETID],
    examples: &[
        ("XGROUP", "(error) ERR wrong number of arguments for 'xgroup' command"),
        ("XGROUP NOPE log", "(error) ERR unknown subcommand 'NOPE'. Try XGROUP HELP."),
    ],
    ..Command::base(container)
};

const HELP: Command = Command {
    name: "HELP",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "XGROUP HELP x",
        "(error) ERR wrong number of arguments for 'xgroup|help' command",
    )],
    ..Command::base(help)
};

const fn sub(handler: engine::Handler, flags: &'static [Flag]) -> Command {
    Command { group: Group::Stream, complexity: "O(1)", flags, ..Command::base(handler) }
}

const CREATE: Command = Command {
    name: "CREATE",
    since: "5.0.0",
    summary: "Makes a group that has read a stream up to an ID, `$` being the last.",
    args: &[
        key("key", &[RW, Insert]),
        text("group"),
        one_of("id-selector", &[text("id"), flag("$")]),
        opt(flag("MKSTREAM")),
        opt(token("ENTRIESREAD", integer("entries-read"))),
    ],
    history: &[("7.0.0", "Option `ENTRIESREAD`.")],
    examples: &[
        ("XGROUP CREATE log readers $ MKSTREAM", "OK"),
        ("XGROUP CREATE log readers $", "(error) BUSYGROUP Consumer Group name already exists"),
        (
            "XGROUP CREATE log others 0 ENTRIESREAD -2",
            "(error) ERR value for ENTRIESREAD must be positive or -1",
        ),
        ("XGROUP CREATE nokey readers $", "(error) ERR The XGROUP subcommand requires the key*"),
    ],
    ..sub(create, &[Write, DenyOom])
};

const SETID: Command = Command {
    name: "SETID",
    since: "5.0.0",
    summary: "Says up to which ID a group has read, `$` being the last of the stream.",
    args: &[
        key("key", &[RW, Update]),
        text("group"),
        one_of("id-selector", &[text("id"), flag("$")]),
        opt(token("ENTRIESREAD", integer("entries-read"))),
    ],
    history: &[("7.0.0", "Option `ENTRIESREAD`.")],
    examples: &[
        ("XGROUP CREATE log readers $ MKSTREAM", "OK"),
        ("XGROUP SETID log readers 1-1", "OK"),
        (
            "XGROUP SETID log others 0",
            "(error) NOGROUP No such consumer group 'others' for key name 'log'",
        ),
    ],
    ..sub(set_id, &[Write])
};

const DESTROY: Command = Command {
    name: "DESTROY",
    since: "5.0.0",
    summary: "Removes a group, with all that is pending there.",
    complexity: "O(N) with N entries pending in the group",
    args: &[key("key", &[RW, Delete]), text("group")],
    examples: &[
        ("XGROUP CREATE log readers $ MKSTREAM", "OK"),
        ("XGROUP DESTROY log readers", "(integer) 1"),
        ("XGROUP DESTROY log readers", "(integer) 0"),
        (
            "XGROUP DESTROY log",
            "(error) ERR wrong number of arguments for 'xgroup|destroy' command",
        ),
    ],
    ..sub(destroy, &[Write])
};

const CREATECONSUMER: Command = Command {
    name: "CREATECONSUMER",
    since: "6.2.0",
    summary: "Makes a consumer in a group.",
    args: &[key("key", &[RW, Insert]), text("group"), text("consumer")],
    examples: &[
        ("XGROUP CREATE log readers $ MKSTREAM", "OK"),
        ("XGROUP CREATECONSUMER log readers ann", "(integer) 1"),
        ("XGROUP CREATECONSUMER log readers ann", "(integer) 0"),
        (
            "XGROUP CREATECONSUMER log others ann",
            "(error) NOGROUP No such consumer group 'others' for key name 'log'",
        ),
    ],
    ..sub(create_consumer, &[Write, DenyOom])
};

const DELCONSUMER: Command = Command {
    name: "DELCONSUMER",
    since: "5.0.0",
    summary: "Removes a consumer from a group; says how much was pending there.",
    complexity: "O(N) with N entries pending at the consumer",
    args: &[key("key", &[RW, Delete]), text("group"), text("consumer")],
    examples: &[
        ("XGROUP CREATE log readers $ MKSTREAM", "OK"),
        ("XGROUP DELCONSUMER log readers ann", "(integer) 0"),
        (
            "XGROUP DELCONSUMER log others ann",
            "(error) NOGROUP No such consumer group 'others' for key name 'log'",
        ),
    ],
    ..sub(delete_consumer, &[Write])
};

/// The ID that CREATE and SETID are given.
#[derive(Clone, Copy)]
enum Target {
    Last,
    Id(StreamId),
}

impl Target {
    fn in_stream(self, stream: &Stream) -> StreamId {
        match self {
            Target::Last => stream.log.last_id(),
            Target::Id(id) => id,
        }
    }
}

/// The options of CREATE and SETID.
struct Options {
    makes_stream: bool,
    entries_read: Option<u64>,
}

fn options(cx: &Cx<'_>, may_make_stream: bool) -> Result<Options, CmdError> {
    let mut options = Options { makes_stream: false, entries_read: None };
    let mut i = 5;
    while i < cx.argc() {
        if may_make_stream && cx.is_word(i, "MKSTREAM") {
            options.makes_stream = true;
            i += 1;
        } else if cx.is_word(i, "ENTRIESREAD") && i + 1 < cx.argc() {
            options.entries_read = match cx.int(i + 1)? {
                -1 => None,
                read => Some(read.try_into().map_err(|_| CmdError::ENTRIES_READ)?),
            };
            i += 2;
        } else {
            return Err(CmdError::subcommand_syntax("xgroup", cx.arg(1)));
        }
    }
    Ok(options)
}

/// Whether the key is there; it is a stream then.
fn has_stream(cx: &mut Cx<'_>) -> Result<bool, CmdError> {
    let key = cx.key(2);
    check_type(cx, key)?;
    Ok(cx.db.look(key).is_some())
}

fn create(cx: &mut Cx<'_>) -> CmdResult {
    let options = options(cx, true)?;
    if !has_stream(cx)? && !options.makes_stream {
        return Err(CmdError::XGROUP_NO_KEY);
    }
    if cx.argc() > 8 {
        return Err(CmdError::subcommand_syntax("xgroup", cx.arg(1)));
    }
    let target = match cx.arg(4) {
        b"$" => Target::Last,
        text => Target::Id(id(text)?),
    };

    let (key, name) = (cx.key(2), cx.arg(3));
    let edited = cx.db.edit(key, Absent::Create, |stream: &mut Stream| {
        stream.create_group(name, target.in_stream(stream), options.entries_read).is_some()
    })?;
    let edited = edited.filter(|edited| edited.result).ok_or(CmdError::BUSY_GROUP)?;
    if edited.created {
        cx.db.changed(key, Class::Stream, "xgroup-create", 1);
    } else {
        note(cx, key, "xgroup-create", 1);
    }
    cx.reply.ok();
    Ok(())
}

/// Changes the stream, which must be there.
fn change<R>(
    cx: &mut Cx<'_>,
    change: impl FnOnce(&mut Stream) -> Result<R, CmdError>,
) -> Result<R, CmdError> {
    let key = cx.key(2);
    let edited = cx.db.edit(key, Absent::Skip, change)?;
    edited.ok_or(CmdError::XGROUP_NO_KEY)?.result
}

fn set_id(cx: &mut Cx<'_>) -> CmdResult {
    let options = options(cx, false)?;
    let (key, name, text, argc) = (cx.arg(2), cx.arg(3), cx.arg(4), cx.argc());
    let sub = cx.arg(1);
    change(cx, |stream| {
        let missing = || CmdError::no_group_of_key(key, name);
        stream.group(name).ok_or_else(missing)?;
        if argc > 7 {
            return Err(CmdError::subcommand_syntax("xgroup", sub));
        }
        let target = match text {
            b"$" => Target::Last,
            text => Target::Id(StreamId::parse_or_edge(text, 0).ok_or(CmdError::STREAM_ID)?),
        };
        let (log, group) = stream.log_and_group(name).ok_or_else(missing)?;
        group.entries_read = options.entries_read;
        group.last_id = match target {
            Target::Last => log.last_id(),
            Target::Id(id) => id,
        };
        Ok(())
    })?;
    note(cx, cx.key(2), "xgroup-setid", 1);
    cx.reply.ok();
    Ok(())
}

fn destroy(cx: &mut Cx<'_>) -> CmdResult {
    let name = cx.arg(3);
    let destroyed = change(cx, |stream| Ok(stream.destroy_group(name)))?;
    if destroyed {
        // Whoever waits to read in this group must hear of it.
        cx.db.changed(cx.key(2), Class::Stream, "xgroup-destroy", 1);
    }
    cx.reply.integer(destroyed.into());
    Ok(())
}

fn create_consumer(cx: &mut Cx<'_>) -> CmdResult {
    let (key, name, consumer, now_ms) = (cx.arg(2), cx.arg(3), cx.arg(4), cx.now_ms());
    let created = change(cx, |stream| {
        let missing = || CmdError::no_group_of_key(key, name);
        let group = stream.group_mut(name).ok_or_else(missing)?;
        Ok(group.consumers.create(consumer, now_ms).is_some())
    })?;
    if created {
        note(cx, cx.key(2), "xgroup-createconsumer", 1);
    }
    cx.reply.integer(created.into());
    Ok(())
}

fn delete_consumer(cx: &mut Cx<'_>) -> CmdResult {
    let (key, name, consumer) = (cx.arg(2), cx.arg(3), cx.arg(4));
    let pending = change(cx, |stream| {
        let missing = || CmdError::no_group_of_key(key, name);
        Ok(stream.group_mut(name).ok_or_else(missing)?.remove_consumer(consumer))
    })?;
    if pending.is_some() {
        note(cx, cx.key(2), "xgroup-delconsumer", 1);
    }
    cx.reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}
