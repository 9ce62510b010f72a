//! XCLAIM and XAUTOCLAIM: a consumer takes over what is pending at others.
//!
//! Both are repeated as an XCLAIM for each entry, with the owner, time and count that came of it.
//! An entry that was deleted from the stream stops being pending; that is repeated as an XCLAIM too,
//! which finds the same.

use command::declare::Flag::{self, Fast, Write};
use command::declare::KeyFlag::{Delete, RW, Update};
use command::declare::{Group, flag, integer, key, many, opt, text, token, unix_time};
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::Key;
use store::value::Stream;
use store::value::stream::{ConsumerNumber, Deliveries, Group as ConsumerGroup, Log, StreamId};

use super::repeat::{Repeat, Source, repeat_all};
use super::{Ids, id, interval_start, note, write_entry, write_id};

const FLAGS: &[Flag] = &[Write, Fast];

pub(super) const XCLAIM: Command = Command {
    name: "XCLAIM",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Makes entries that are pending at others pending at a consumer.",
    complexity: "O(log N) for each of them, N being the pending entries",
    flags: FLAGS,
    args: &[
        key("key", &[RW, Update]),
        text("group"),
        text("consumer"),
        text("min-idle-time"),
        many(text("id")),
        opt(token("IDLE", integer("ms"))),
        opt(token("TIME", unix_time("unix-time-milliseconds"))),
        opt(token("RETRYCOUNT", integer("count"))),
        opt(flag("FORCE")),
        opt(flag("JUSTID")),
        opt(token("LASTID", text("lastid"))),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        ("XCLAIM log readers ann 0 1-1 FORCE JUSTID", "1) \"1-1\""),
        ("XCLAIM log readers bob 0 1-1", "1) 1) \"1-1\"\n   2) 1) \"a\"\n      2) \"1\""),
        ("XCLAIM log readers bob 0 1-1 JUSTID", "1) \"1-1\""),
        ("XCLAIM log readers bob 0 1-1 SOON", "(error) ERR Unrecognized XCLAIM option 'SOON'"),
    ],
    ..Command::base(xclaim)
};

pub(super) const XAUTOCLAIM: Command = Command {
    name: "XAUTOCLAIM",
    group: Group::Stream,
    since: "6.2.0",
    summary: "Makes entries that have been pending for long pending at a consumer, some at a time.",
    complexity: "O(M log N) with N pending entries and M looked at, at most ten times COUNT",
    flags: FLAGS,
    args: &[
        key("key", &[RW, Delete]),
        text("group"),
        text("consumer"),
        text("min-idle-time"),
        text("start"),
        opt(token("COUNT", integer("count"))),
        opt(flag("JUSTID")),
    ],
    history: &[("7.0.0", "Tells which entries are no longer pending, being deleted.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XADD log 2-1 a 2", "\"2-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        ("XCLAIM log readers ann 0 1-1 2-1 FORCE JUSTID", "1) \"1-1\"\n2) \"2-1\""),
        ("XDEL log 1-1", "(integer) 1"),
        ("XAUTOCLAIM log readers bob 0 - JUSTID", "1) \"0-0\"\n2) 1) \"2-1\"\n3) 1) \"1-1\""),
        ("XAUTOCLAIM log readers bob 0 - COUNT 0", "(error) ERR COUNT must be > 0"),
    ],
    ..Command::base(xautoclaim)
};

/// What claiming did to a group.
#[derive(Default)]
struct Claims {
    created: bool,
    /// Changes, as Redis counts them.
    dirty: u64,
    repeats: Vec<Repeat>,
}

impl Claims {
    fn begin(group: &mut ConsumerGroup, consumer: &[u8], now_ms: i64) -> (Claims, ConsumerNumber) {
        let found = group.consumers.find(consumer);
        let number = found.or_else(|| group.consumers.create(consumer, now_ms));
        let number = number.expect("it was found or made");
        group.consumers.get_mut(number).seen_ms = now_ms;
        (Claims { created: found.is_none(), ..Claims::default() }, number)
    }

    /// An entry that is pending was deleted from the stream: it is pending no longer.
    fn drop_deleted(&mut self, group: &mut ConsumerGroup, id: StreamId) {
        self.repeats.push(Repeat::pending(group, id));
        self.dirty += 1;
        group.acknowledge(id);
    }

    fn claimed(
        &mut self,
        group: &mut ConsumerGroup,
        id: StreamId,
        by: ConsumerNumber,
        now_ms: i64,
    ) {
        group.consumers.get_mut(by).active_ms = Some(now_ms);
        self.repeats.push(Repeat::pending(group, id));
        self.dirty += 1;
    }

    /// Notes and repeats what was done.
    fn finish(
        mut self,
        cx: &mut Cx<'_>,
        key: Key<'_>,
        (group, consumer): (&[u8], &[u8]),
        progress: (StreamId, Option<u64>),
    ) {
        if self.created {
            note(cx, key, "xgroup-createconsumer", 1);
            let is_told = |repeat: &Repeat| matches!(repeat, Repeat::Claim { consumer: to, .. } if to == consumer);
            if !self.repeats.iter().any(is_told) {
                self.repeats.insert(0, Repeat::Consumer(consumer.to_vec()));
            }
        }
        cx.db.effects.dirty += self.dirty;
        cx.db.effects.propagate_nothing();
        repeat_all(cx, Source { key: key.bytes, group }, progress, &self.repeats);
    }
}

/// Looks the group up, as a read that counts; an error if it is not there.
fn require_group(cx: &mut Cx<'_>) -> CmdResult {
    let (key, name) = (cx.key(1), cx.arg(2));
    let stream = cx.db.collection::<Stream>(key)?;
    match stream.and_then(|stream| stream.group(name)) {
        Some(_) => Ok(()),
        None => Err(CmdError::no_group(key.bytes, name)),
    }
}

/// The arguments of XCLAIM behind the consumer.
struct ClaimArgs {
    min_idle_ms: i64,
    ids: Ids,
    /// When the entries count as delivered.
    at_ms: i64,
    retry_count: Option<u64>,
    force: bool,
    just_ids: bool,
    last_id: StreamId,
}

impl ClaimArgs {
    fn parse(cx: &Cx<'_>) -> Result<ClaimArgs, CmdError> {
        let now_ms = cx.now_ms();
        let integer = |i, error: CmdError| cx.int(i).map_err(|_| error);
        let min_idle_ms = integer(4, CmdError::XCLAIM_MIN_IDLE)?.max(0);
        let ids: Ids =
            cx.args.from_index(5).iter().map_while(|text| StreamId::parse(text, 0)).collect();
        let mut args = ClaimArgs {
            min_idle_ms,
            at_ms: now_ms,
            retry_count: None,
            force: false,
            just_ids: false,
            last_id: StreamId::MIN,
            ids,
        };
        let mut i = 5 + args.ids.len();
        while i < cx.argc() {
            let has_value = i + 1 < cx.argc();
            match () {
                () if cx.is_word(i, "FORCE") => args.force = true,
                () if cx.is_word(i, "JUSTID") => args.just_ids = true,
                () if has_value && cx.is_word(i, "IDLE") => {
                    let idle_ms = integer(i + 1, CmdError::XCLAIM_IDLE)?;
                    args.at_ms = now_ms.saturating_sub(idle_ms);
                }
                () if has_value && cx.is_word(i, "TIME") => {
                    args.at_ms = integer(i + 1, CmdError::XCLAIM_TIME)?;
                }
                () if has_value && cx.is_word(i, "RETRYCOUNT") => {
                    args.retry_count = integer(i + 1, CmdError::XCLAIM_RETRYCOUNT)?.try_into().ok();
                }
                () if has_value && cx.is_word(i, "LASTID") => args.last_id = id(cx.arg(i + 1))?,
                () => return Err(CmdError::unrecognized_option_of("XCLAIM", cx.arg(i))),
            }
            let alone = cx.is_word(i, "FORCE") || cx.is_word(i, "JUSTID");
            i += if alone { 1 } else { 2 };
        }
        // A moment that cannot be is no reason to fail: clocks of clients differ.
        if !(0..=now_ms).contains(&args.at_ms) {
            args.at_ms = now_ms;
        }
        Ok(args)
    }

    fn deliveries(&self) -> Deliveries {
        match self.retry_count {
            Some(count) => Deliveries::Exactly(count),
            None if self.just_ids => Deliveries::Same,
            None => Deliveries::More,
        }
    }

    fn run(
        &self,
        log: &Log,
        group: &mut ConsumerGroup,
        consumer: &[u8],
        now_ms: i64,
        reply: &mut Reply<'_>,
    ) -> Claims {
        let mut moves_on = self.last_id > group.last_id;
        if moves_on {
            group.last_id = self.last_id;
        }
        let (mut claims, number) = Claims::begin(group, consumer, now_ms);
        let header = reply.deferred_array();
        let mut written = 0;
        for &id in &self.ids {
            let pending = group.pending(id);
            let is_idle = pending.map(|pending| pending.is_idle(self.min_idle_ms, now_ms));
            let Some(entry) = log.entry(id) else {
                if let Some(pending) = pending {
                    // An XCLAIM says how far the group has come, an XACK does not.
                    moves_on &= pending.owner.is_none();
                    claims.drop_deleted(group, id);
                }
                continue;
            };
            if !is_idle.unwrap_or(self.force) {
                continue;
            }
            group.claim(id, number, self.at_ms, self.deliveries(), self.force);
            if self.just_ids {
                write_id(reply, id);
            } else {
                write_entry(reply, &entry);
            }
            written += 1;
            claims.claimed(group, id, number, now_ms);
            moves_on = false;
        }
        if moves_on {
            claims.repeats.push(Repeat::Progress);
            claims.dirty += 1;
        }
        reply.set_deferred(header, written);
        claims
    }
}

fn xclaim(cx: &mut Cx<'_>) -> CmdResult {
    require_group(cx)?;
    let args = ClaimArgs::parse(cx)?;
    let (key, name, consumer, now_ms) = (cx.key(1), cx.arg(2), cx.arg(3), cx.now_ms());
    let reply = &mut cx.reply;
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
        let (log, group) = stream.log_and_group(name).expect("it was found above");
        let claims = args.run(log, group, consumer, now_ms, reply);
        (claims, (group.last_id, group.entries_read))
    })?;
    let (claims, progress) = edited.expect("it was found above").result;
    claims.finish(cx, key, (name, consumer), progress);
    Ok(())
}

/// XAUTOCLAIM looks at so many entries for each that it may claim.
const ATTEMPTS_FACTOR: u64 = 10;

/// The arguments of XAUTOCLAIM behind the consumer.
struct AutoArgs {
    min_idle_ms: i64,
    start: StreamId,
    count: u64,
    just_ids: bool,
}

impl AutoArgs {
    fn parse(cx: &Cx<'_>) -> Result<AutoArgs, CmdError> {
        let min_idle_ms = cx.int(4).map_err(|_| CmdError::XAUTOCLAIM_MIN_IDLE)?.max(0);
        let start = interval_start(cx.arg(5))?;
        let mut args = AutoArgs { min_idle_ms, start, count: 100, just_ids: false };
        let mut i = 6;
        while i < cx.argc() {
            if cx.is_word(i, "COUNT") && i + 1 < cx.argc() {
                let count = cx.int(i + 1).ok().filter(|&n| n > 0 && n <= i64::MAX / 16);
                args.count = count.ok_or(CmdError::XAUTOCLAIM_COUNT)? as u64;
                i += 2;
            } else if cx.is_word(i, "JUSTID") {
                args.just_ids = true;
                i += 1;
            } else {
                return Err(CmdError::SYNTAX);
            }
        }
        Ok(args)
    }

    fn run(
        &self,
        log: &Log,
        group: &mut ConsumerGroup,
        consumer: &[u8],
        now_ms: i64,
        reply: &mut Reply<'_>,
    ) -> Claims {
        let (mut claims, number) = Claims::begin(group, consumer, now_ms);
        let deliveries = if self.just_ids { Deliveries::Same } else { Deliveries::More };
        let (mut claimed, mut deleted) = (Vec::new(), Vec::new());
        let mut left = self.count;
        let mut attempts = self.count.saturating_mul(ATTEMPTS_FACTOR);
        let mut next = Some(self.start);
        let pending_from = |group: &ConsumerGroup, from: Option<StreamId>| {
            let pending = group.pending_range(from?..=StreamId::MAX).next()?;
            Some((pending.id, pending.is_idle(self.min_idle_ms, now_ms)))
        };
        while attempts > 0 && left > 0 {
            let Some((id, is_idle)) = pending_from(group, next) else { break };
            attempts -= 1;
            next = id.next();
            if !log.contains(id) {
                claims.drop_deleted(group, id);
                deleted.push(id);
                left -= 1;
            } else if is_idle {
                group.claim(id, number, now_ms, deliveries, false);
                claims.claimed(group, id, number, now_ms);
                claimed.push(id);
                left -= 1;
            }
        }

        reply.array(3);
        write_id(reply, pending_from(group, next).map_or(StreamId::MIN, |(id, _)| id));
        reply.array(claimed.len());
        for id in claimed {
            if self.just_ids {
                write_id(reply, id);
            } else {
                write_entry(reply, &log.entry(id).expect("it was found above"));
            }
        }
        reply.array(deleted.len());
        deleted.into_iter().for_each(|id| write_id(reply, id));
        claims
    }
}

fn xautoclaim(cx: &mut Cx<'_>) -> CmdResult {
    let args = AutoArgs::parse(cx)?;
    require_group(cx)?;
    let (key, name, consumer, now_ms) = (cx.key(1), cx.arg(2), cx.arg(3), cx.now_ms());
    let reply = &mut cx.reply;
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
        let (log, group) = stream.log_and_group(name).expect("it was found above");
        let claims = args.run(log, group, consumer, now_ms, reply);
        (claims, (group.last_id, group.entries_read))
    })?;
    let (claims, progress) = edited.expect("it was found above").result;
    claims.finish(cx, key, (name, consumer), progress);
    Ok(())
}
