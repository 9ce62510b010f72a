//! XPENDING: what is pending in a group, in sum or entry by entry.

use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, block, integer, key, opt, text, token};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::value::Stream;
use store::value::stream::{Group as ConsumerGroup, PendingRef, StreamId};

use super::{count, interval_end, interval_start, write_id, write_some};

pub(super) const XPENDING: Command = Command {
    name: "XPENDING",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Tells which entries were delivered in a group and not acknowledged.",
    complexity: "O(log N + M) with N pending entries and M looked at; the sum is O(C) in the consumers",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        text("group"),
        opt(block(
            "filters",
            &[
                opt(token("IDLE", integer("min-idle-time"))).since("6.2.0"),
                text("start"),
                text("end"),
                integer("count"),
                opt(text("consumer")),
            ],
        )),
    ],
    history: &[("6.2.0", "Option `IDLE`, and intervals without their ends, by `(`.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        ("XCLAIM log readers ann 0 1-1 FORCE JUSTID", "1) \"1-1\""),
        (
            "XPENDING log readers",
            "1) (integer) 1\n2) \"1-1\"\n3) \"1-1\"\n4) 1) 1) \"ann\"\n      2) \"1\"",
        ),
        (
            "XPENDING log readers - + 10 ann",
            "1) 1) \"1-1\"\n   2) \"ann\"\n   3) (integer) *\n   4) (integer) 1",
        ),
        ("XPENDING log readers - +", "(error) ERR syntax error"),
    ],
    ..Command::base(xpending)
};

/// The filters of the long form.
struct Filters<'a> {
    min_idle_ms: i64,
    start: StreamId,
    end: StreamId,
    count: u64,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filters<'a> {
    fn parse(cx: &Cx<'a>) -> Result<Filters<'a>, CmdError> {
        let (mut at, mut min_idle_ms) = (3, 0);
        if cx.is_word(3, "IDLE") {
            min_idle_ms = cx.int(4)?;
            if cx.argc() < 8 {
                return Err(CmdError::SYNTAX);
            }
            at = 5;
        }
        let count = count(cx, at + 2)?;
        let start = interval_start(cx.arg(at))?;
        let end = interval_end(cx.arg(at + 1))?;
        let consumer = (at + 3 < cx.argc()).then(|| cx.arg(at + 3));
        Ok(Filters { min_idle_ms, start, end, count, consumer })
    }
}

fn xpending(cx: &mut Cx<'_>) -> CmdResult {
    let filters = match cx.argc() {
        3 => None,
        6..=9 => Some(Filters::parse(cx)?),
        _ => return Err(CmdError::SYNTAX),
    };
    let (key, name, now_ms) = (cx.key(1), cx.arg(2), cx.now_ms());
    let stream = cx.db.collection::<Stream>(key)?;
    let group = stream.and_then(|stream| stream.group(name));
    let group = group.ok_or_else(|| CmdError::no_group(key.bytes, name))?;
    match filters {
        None => write_sum(&mut cx.reply, group),
        Some(filters) => write_entries(&mut cx.reply, group, &filters, now_ms),
    }
    Ok(())
}

fn write_sum(reply: &mut Reply<'_>, group: &ConsumerGroup) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let mut all = group.pending_range(StreamId::MIN..=StreamId::MAX);
    let Some(first) = all.next() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first.id);
    write_id(reply, all.next_back().map_or(first.id, |last| last.id));
    let busy = group.consumers.iter().filter(|consumer| consumer.pending_len() > 0);
    write_some(reply, busy, 0, |reply, consumer| {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(consumer.pending_len() as i64);
    });
}

fn write_entries(reply: &mut Reply<'_>, group: &ConsumerGroup, filters: &Filters<'_>, now_ms: i64) {
    let Filters { min_idle_ms, start, end, count, consumer } = *filters;
    let write = |reply: &mut Reply<'_>, pending: PendingRef<'_>| {
        reply.array(4);
        write_id(reply, pending.id);
        reply.bulk(pending.owner.map_or(b"", |owner| owner.name()));
        reply.integer(match pending.owner {
            Some(_) => pending.idle_ms(now_ms).max(0),
            None => -1,
        });
        reply.integer(pending.deliveries as i64);
    };
    let is_idle = |pending: &PendingRef<'_>| pending.is_idle(min_idle_ms, now_ms);
    let number = consumer.map(|name| group.consumers.find(name));
    match number {
        _ if count == 0 => reply.array(0),
        Some(None) => reply.array(0),
        Some(Some(number)) => {
            let ids = group.consumers.get(number).pending_from(start);
            let pending = ids.take_while(|&id| id <= end).filter_map(|id| group.pending(id));
            write_some(reply, pending.filter(is_idle), count, write);
        }
        None if start > end => reply.array(0),
        None => {
            let pending = group.pending_range(start..=end);
            write_some(reply, pending.filter(is_idle), count, write);
        }
    }
}
