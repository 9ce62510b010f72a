//! XINFO: what a stream, its groups and their consumers are like.

use command::declare::Flag::{Loading, ReadOnly, Stale};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, Lock, block, flag, integer, key, opt, text, token};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::Key;
use store::value::Stream;
use store::value::stream::{Consumer, Entry, Group as ConsumerGroup, StreamId};

use super::{write_entry, write_id, write_some};
use crate::container::{container, help};

pub(super) const XINFO: Command = Command {
    name: "XINFO",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Commands that tell about a stream.",
    complexity: "Depends on the subcommand",
    subcommands: &[CONSUMERS, GROUPS, HELP, STREAM],
    examples: &[
        ("XINFO", "(error) ERR wrong number of arguments for 'xinfo' command"),
        ("XINFO NOPE log", "(error) ERR unknown subcommand 'NOPE'. Try XINFO HELP."),
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
    examples: &[("XINFO HELP x", "(error) ERR wrong number of arguments for 'xinfo|help' command")],
    ..Command::base(help)
};

const CONSUMERS: Command = Command {
    name: "CONSUMERS",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Lists the consumers of a group.",
    complexity: "O(N) with N consumers",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), text("group")],
    history: &[("7.2.0", "Field `inactive`; `idle` counts from the last attempt.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("XGROUP CREATE log readers $ MKSTREAM", "OK"),
        ("XGROUP CREATECONSUMER log readers ann", "(integer) 1"),
        (
            "XINFO CONSUMERS log readers",
            "1) 1) \"name\"\n   2) \"ann\"\n   3) \"pending\"\n   4) (integer) 0\n   5) \"idle\"\n   6) (integer) *\n   7) \"inactive\"\n   8) (integer) -1",
        ),
        ("XINFO CONSUMERS nokey readers", "(error) ERR no such key"),
    ],
    ..Command::base(consumers)
};

const GROUPS: Command = Command {
    name: "GROUPS",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Lists the groups of a stream.",
    complexity: "O(N) with N groups",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access])],
    history: &[("7.0.0", "Fields `entries-read` and `lag`.")],
    examples: &[
        ("XGROUP CREATE log readers $ MKSTREAM", "OK"),
        (
            "XINFO GROUPS log",
            "1)  1) \"name\"\n    2) \"readers\"\n    3) \"consumers\"\n    4) (integer) 0\n    5) \"pending\"\n    6) (integer) 0\n    7) \"last-delivered-id\"\n    8) \"0-0\"\n    9) \"entries-read\"\n   10) (nil)\n   11) \"lag\"\n   12) (integer) 0",
        ),
        ("XINFO GROUPS nokey", "(error) ERR no such key"),
    ],
    ..Command::base(groups)
};

const STREAM: Command = Command {
    name: "STREAM",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Tells about a stream, with `FULL` about all there is in it.",
    complexity: "O(1), and O(N) in what `FULL` shows",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        opt(block("full-block", &[flag("FULL"), opt(token("COUNT", integer("count")))])),
    ],
    history: &[
        ("6.0.0", "Option `FULL`."),
        (
            "7.0.0",
            "Fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
        ),
        ("7.2.0", "Field `active-time`; `seen-time` is that of the last attempt."),
        (
            "8.6.0",
            "Fields `idmp-duration`, `idmp-maxsize`, `pids-tracked`, `iids-tracked`, `iids-added` and `iids-duplicates`, of streams with producers.",
        ),
        ("8.8.0", "Field `nacked-count` of groups with released entries."),
    ],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        (
            "XINFO STREAM log",
            " 1) \"length\"\n 2) (integer) 1\n 3) \"radix-tree-keys\"\n 4) (integer) 1\n 5) \"radix-tree-nodes\"\n 6) (integer) 2\n 7) \"last-generated-id\"\n 8) \"1-1\"\n 9) \"max-deleted-entry-id\"\n10) \"0-0\"\n11) \"entries-added\"\n12) (integer) 1\n13) \"recorded-first-entry-id\"\n14) \"1-1\"\n15) \"groups\"\n16) (integer) 0\n17) \"first-entry\"\n18) 1) \"1-1\"\n    2) 1) \"a\"\n       2) \"1\"\n19) \"last-entry\"\n20) 1) \"1-1\"\n    2) 1) \"a\"\n       2) \"1\"",
        ),
        ("XINFO STREAM log FULL COUNT x", "(error) ERR value is not an integer or out of range"),
        ("XINFO STREAM nokey", "(error) ERR no such key"),
    ],
    ..Command::base(stream)
};

fn write_field(reply: &mut Reply<'_>, name: &str, n: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(n);
}

fn write_id_field(reply: &mut Reply<'_>, name: &str, id: StreamId) {
    reply.bulk(name.as_bytes());
    write_id(reply, id);
}

fn write_or_null(reply: &mut Reply<'_>, name: &str, n: Option<i64>) {
    reply.bulk(name.as_bytes());
    match n {
        Some(n) => reply.integer(n),
        None => reply.null(),
    }
}

fn consumers(cx: &mut Cx<'_>) -> CmdResult {
    let (key, name, now_ms) = (cx.key(2), cx.arg(3), cx.now_ms());
    let stream = cx.db.collection::<Stream>(key)?.ok_or(CmdError::NO_SUCH_KEY)?;
    let missing = || CmdError::no_group_of_key(key.bytes, name);
    let group = stream.group(name).ok_or_else(missing)?;
    let reply = &mut cx.reply;
    reply.array(group.consumers.len());
    for consumer in group.consumers.iter() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        write_field(reply, "pending", consumer.pending_len() as i64);
        write_field(reply, "idle", now_ms.saturating_sub(consumer.seen_ms).max(0));
        let inactive = consumer.active_ms.map(|active_ms| now_ms.saturating_sub(active_ms));
        write_field(reply, "inactive", inactive.unwrap_or(-1));
    }
    Ok(())
}

fn groups(cx: &mut Cx<'_>) -> CmdResult {
    let stream = cx.db.collection::<Stream>(cx.key(2))?.ok_or(CmdError::NO_SUCH_KEY)?;
    let reply = &mut cx.reply;
    reply.array(stream.groups().len());
    for group in stream.groups() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(group.name());
        write_field(reply, "consumers", group.consumers.len() as i64);
        write_field(reply, "pending", group.pending_len() as i64);
        write_id_field(reply, "last-delivered-id", group.last_id);
        write_or_null(reply, "entries-read", group.entries_read.map(|read| read as i64));
        write_or_null(reply, "lag", stream.log.lag(group));
    }
    Ok(())
}

/// What XINFO STREAM FULL shows of each thing if nobody says; 0 is all.
const FULL_COUNT: u64 = 10;

fn stream(cx: &mut Cx<'_>) -> CmdResult {
    let key: Key<'_> = cx.key(2);
    // The key is looked at before the options.
    cx.db.collection::<Stream>(key)?.ok_or(CmdError::NO_SUCH_KEY)?;
    let full = match cx.argc() {
        3 => None,
        4 | 6 if cx.is_word(3, "FULL") && (cx.argc() == 4 || cx.is_word(4, "COUNT")) => {
            let count = if cx.argc() == 6 { cx.int(5)? } else { -1 };
            Some(count.try_into().unwrap_or(FULL_COUNT))
        }
        _ => return Err(CmdError::subcommand_syntax("xinfo", cx.arg(1))),
    };
    let stream = cx.db.collection::<Stream>(key)?.expect("it was just there");
    let reply = &mut cx.reply;
    let of_producers = if stream.producers().is_some() { 6 } else { 0 };
    reply.map(if full.is_some() { 9 } else { 10 } + of_producers);
    write_facts(reply, stream);
    match full {
        None => {
            write_field(reply, "groups", stream.groups().len() as i64);
            let log = &stream.log;
            write_one(reply, "first-entry", log.range(StreamId::MIN, StreamId::MAX).next());
            write_one(reply, "last-entry", log.range_rev(StreamId::MIN, StreamId::MAX).next());
        }
        Some(count) => {
            reply.bulk(b"entries");
            let entries = stream.log.range(StreamId::MIN, StreamId::MAX);
            write_some(reply, entries, count, |reply, entry| write_entry(reply, &entry));
            reply.bulk(b"groups");
            reply.array(stream.groups().len());
            stream.groups().for_each(|group| write_group(reply, stream, group, count));
        }
    }
    Ok(())
}

fn write_one(reply: &mut Reply<'_>, name: &str, entry: Option<Entry<'_>>) {
    reply.bulk(name.as_bytes());
    match entry {
        Some(entry) => write_entry(reply, &entry),
        None => reply.null(),
    }
}

/// What both forms of XINFO STREAM begin with.
fn write_facts(reply: &mut Reply<'_>, stream: &Stream) {
    let log = &stream.log;
    write_field(reply, "length", log.len() as i64);
    write_field(reply, "radix-tree-keys", log.node_count() as i64);
    // There is no radix tree. Redis's has a node for each key, and one more at least.
    write_field(reply, "radix-tree-nodes", log.node_count() as i64 + 1);
    write_id_field(reply, "last-generated-id", log.last_id());
    write_id_field(reply, "max-deleted-entry-id", log.max_deleted_id());
    write_field(reply, "entries-added", log.entries_added() as i64);
    write_id_field(reply, "recorded-first-entry-id", log.first_id());
    // Tools made for Redis 8.0 count the fields: what came later is told where there is some.
    if let Some(producers) = stream.producers() {
        write_field(reply, "idmp-duration", producers.memory.duration_s as i64);
        write_field(reply, "idmp-maxsize", producers.memory.ids_max as i64);
        write_field(reply, "pids-tracked", producers.len() as i64);
        write_field(reply, "iids-tracked", producers.ids_len() as i64);
        write_field(reply, "iids-added", producers.added as i64);
        write_field(reply, "iids-duplicates", producers.duplicates as i64);
    }
}

fn write_group(reply: &mut Reply<'_>, stream: &Stream, group: &ConsumerGroup, count: u64) {
    let has_released = group.released_len() > 0;
    reply.map(7 + usize::from(has_released));
    reply.bulk(b"name");
    reply.bulk(group.name());
    write_id_field(reply, "last-delivered-id", group.last_id);
    write_or_null(reply, "entries-read", group.entries_read.map(|read| read as i64));
    write_or_null(reply, "lag", stream.log.lag(group));
    write_field(reply, "pel-count", group.pending_len() as i64);
    if has_released {
        write_field(reply, "nacked-count", group.released_len() as i64);
    }
    reply.bulk(b"pending");
    let pending = group.pending_range(StreamId::MIN..=StreamId::MAX);
    write_some(reply, pending, count, |reply, pending| {
        reply.array(4);
        write_id(reply, pending.id);
        reply.bulk(pending.owner.map_or(b"", Consumer::name));
        reply.integer(pending.delivered_ms);
        reply.integer(pending.deliveries as i64);
    });
    reply.bulk(b"consumers");
    reply.array(group.consumers.len());
    group.consumers.iter().for_each(|consumer| write_consumer(reply, group, consumer, count));
}

fn write_consumer(reply: &mut Reply<'_>, group: &ConsumerGroup, consumer: &Consumer, count: u64) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    write_field(reply, "seen-time", consumer.seen_ms);
    write_field(reply, "active-time", consumer.active_ms.unwrap_or(-1));
    write_field(reply, "pel-count", consumer.pending_len() as i64);
    reply.bulk(b"pending");
    let ids = consumer.pending_from(StreamId::MIN);
    write_some(reply, ids.filter_map(|id| group.pending(id)), count, |reply, pending| {
        reply.array(3);
        write_id(reply, pending.id);
        reply.integer(pending.delivered_ms);
        reply.integer(pending.deliveries as i64);
    });
}
