//! XREADGROUP: a consumer reads what its group has not read yet (`>`), or what is pending at itself.
//!
//! With CLAIM it first gets what has been pending for long enough, or was released, whoever had it;
//! each entry is shown with its idle time and the number of its deliveries then.

use command::declare::Flag::{Blocking, Write};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Begin, Find, Group, KeySpec, block, flag, integer, opt, text, token};
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::Key;
use store::value::Stream;
use store::value::stream::{
    ConsumerNumber, Deliveries, Entry, Group as ConsumerGroup, Log, StreamId,
};

use super::read::{BLOCK, Budget, COUNT, MAXCOUNT, MAXSIZE, ReadArgs, STREAMS, StreamsReply};
use super::repeat::{Repeat, Source, repeat_all};
use super::{id, note, write_fields, write_id};

pub(super) const XREADGROUP: Command = Command {
    name: "XREADGROUP",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Returns entries of streams that a group has not read yet, or that are pending at a consumer.",
    complexity: "O(log N + M) for each stream, with N entries in it and M returned",
    flags: &[Blocking, Write],
    args: &[
        token("GROUP", block("group-block", &[text("group"), text("consumer")])),
        COUNT,
        MAXCOUNT,
        MAXSIZE,
        BLOCK,
        opt(token("CLAIM", integer("min-idle-time"))).since("8.4.0"),
        opt(flag("NOACK")),
        STREAMS,
    ],
    keys: Some(&[KeySpec {
        flags: &[RO, Access],
        begin: Begin::Keyword("STREAMS", 4),
        find: Find::Range { last: -1, step: 1, limit: 2 },
        notes: "",
    }]),
    history: &[("8.4.0", "Option `CLAIM`."), ("8.10.0", "Options `MAXCOUNT` and `MAXSIZE`.")],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XGROUP CREATE log readers 0", "OK"),
        (
            "XREADGROUP GROUP readers ann STREAMS log >",
            "1) 1) \"log\"\n   2) 1) 1) \"1-1\"\n         2) 1) \"a\"\n            2) \"1\"",
        ),
        ("XREADGROUP GROUP readers ann STREAMS log >", "(nil)"),
        ("XREADGROUP GROUP readers bob STREAMS log 0", "1) 1) \"log\"\n   2) (empty array)"),
        (
            "XREADGROUP GROUP others ann STREAMS log >",
            "(error) NOGROUP No such key 'log' or consumer group 'others' in XREADGROUP with GROUP option",
        ),
    ],
    ..Command::base(xreadgroup)
};

/// What a consumer wants of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// What its group has not read.
    News,
    /// What is pending at itself, behind this ID.
    History(StreamId),
}

fn xreadgroup(cx: &mut Cx<'_>) -> CmdResult {
    let args = ReadArgs::parse(cx, true)?;
    let (name, consumer) = args.group.ok_or(CmdError::XREADGROUP_WITHOUT_GROUP)?;
    // The keys that were locked are those behind the first STREAMS that may introduce them. A
    // group or consumer of that name, before other options, hides it.
    if (4..args.keys_at - 1).any(|i| cx.is_word(i, "STREAMS")) {
        return Err(CmdError::SYNTAX);
    }
    let mut wanted = Vec::with_capacity(args.streams);
    for n in 0..args.streams {
        let (key, text) = (cx.key(args.keys_at + n), cx.arg(args.id_at(n)));
        if !cx.considers(key.bytes) {
            wanted.push(None);
            continue;
        }
        let stream = cx.db.collection::<Stream>(key)?;
        if stream.and_then(|stream| stream.group(name)).is_none() {
            return Err(CmdError::no_group_to_read(key.bytes, name));
        }
        wanted.push(Some(match text {
            b">" => Wanted::News,
            b"$" => return Err(CmdError::XREADGROUP_LAST_ID),
            b"+" => return Err(CmdError::XREADGROUP_TOP_ID),
            text => Wanted::History(id(text)?),
        }));
    }

    // What is repeated is said below, however little it is.
    cx.db.effects.propagate_nothing();
    let mut budget = args.budget(&cx.reply);
    let mut streams = StreamsReply::new();
    for (n, wanted) in wanted.into_iter().enumerate() {
        if !budget.allows(&cx.reply) {
            break;
        }
        let key = cx.key(args.keys_at + n);
        let Some(wanted) = wanted else { continue };
        let delivery = Delivery {
            key,
            consumer,
            wanted,
            args: &args,
            now_ms: cx.now_ms(),
            budget: &mut budget,
            streams: &mut streams,
            repeats: Vec::new(),
        };
        let reply = &mut cx.reply;
        let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| {
            let (log, group) = stream.log_and_group(name).expect("it was found above");
            let done = delivery.run(log, group, reply);
            (done, (group.last_id, group.entries_read))
        })?;
        let (done, progress) = edited.expect("it was found above").result;
        if done.created {
            note(cx, key, "xgroup-createconsumer", 1);
        }
        if done.delivered {
            cx.db.effects.dirty += 1;
        }
        repeat_all(cx, Source { key: key.bytes, group: name }, progress, &done.repeats);
    }
    if !streams.end(&mut cx.reply) {
        args.wait_or_null(cx, None);
        cx.minds_absence();
    }
    Ok(())
}

/// The reading of one stream.
struct Delivery<'d, 'a> {
    key: Key<'a>,
    consumer: &'a [u8],
    wanted: Wanted,
    args: &'d ReadArgs<'a>,
    now_ms: i64,
    budget: &'d mut Budget,
    streams: &'d mut StreamsReply,
    repeats: Vec<Repeat>,
}

/// What came of it.
struct Done {
    /// The consumer is new.
    created: bool,
    /// Something changed that is to be repeated.
    delivered: bool,
    repeats: Vec<Repeat>,
}

impl Delivery<'_, '_> {
    fn run(mut self, log: &Log, group: &mut ConsumerGroup, reply: &mut Reply<'_>) -> Done {
        let is_news = log.last_entry_id().is_some_and(|last| last > group.last_id);
        let claims = self.claims(log, group);
        let (number, created) = match group.consumers.find(self.consumer) {
            Some(number) => (number, false),
            None => {
                let number = group.consumers.create(self.consumer, self.now_ms);
                (number.expect("there is none of this name"), true)
            }
        };
        group.consumers.get_mut(number).seen_ms = self.now_ms;
        let has_any = match self.wanted {
            Wanted::History(_) => true,
            Wanted::News => is_news || !claims.is_empty(),
        };
        if has_any {
            self.streams.begin(reply, self.key.bytes);
            let header = reply.deferred_array();
            let written = match self.wanted {
                Wanted::History(behind) => self.history(log, group, number, behind, reply),
                Wanted::News => {
                    let claimed = self.claim(log, group, number, &claims, reply);
                    claimed + self.news(log, group, number, claimed, reply)
                }
            };
            reply.set_deferred(header, written as usize);
        }
        let delivered = !self.repeats.is_empty();
        let is_told = self.repeats.iter().any(|repeat| matches!(repeat, Repeat::Claim { .. }));
        if created && !is_told {
            // An XCLAIM would make the consumer as well.
            self.repeats.insert(0, Repeat::Consumer(self.consumer.to_vec()));
        }
        Done { created, delivered, repeats: self.repeats }
    }

    /// The entries that CLAIM gets, the longest pending ones first.
    fn claims(&self, log: &Log, group: &mut ConsumerGroup) -> Vec<StreamId> {
        let (Some(min_idle_ms), Wanted::News) = (self.args.min_idle_ms, self.wanted) else {
            return Vec::new();
        };
        let max = if self.args.count == 0 { usize::MAX } else { self.args.count as usize };
        let until_ms = self.now_ms.saturating_sub(min_idle_ms);
        let ids = group.pending_since(until_ms).map(|pending| pending.id);
        ids.filter(|&id| log.contains(id)).take(max).collect()
    }

    fn claim(
        &mut self,
        log: &Log,
        group: &mut ConsumerGroup,
        to: ConsumerNumber,
        claims: &[StreamId],
        reply: &mut Reply<'_>,
    ) -> u64 {
        let mut written = 0;
        for &id in claims {
            if !self.budget.allows(reply) {
                break;
            }
            let entry = log.entry(id).expect("it was found above");
            let pending = group.pending(id).expect("it was found above");
            let state = (pending.idle_ms(self.now_ms), pending.deliveries as i64);
            self.write(reply, &entry, state);
            group.claim(id, to, self.now_ms, Deliveries::More, false);
            group.consumers.get_mut(to).active_ms = Some(self.now_ms);
            self.repeats.push(Repeat::pending(group, id));
            written += 1;
        }
        written
    }

    fn news(
        &mut self,
        log: &Log,
        group: &mut ConsumerGroup,
        to: ConsumerNumber,
        already: u64,
        reply: &mut Reply<'_>,
    ) -> u64 {
        let Some(from) = group.last_id.next() else { return 0 };
        let mut written = 0;
        for entry in log.range(from, StreamId::MAX) {
            let is_enough = self.args.count != 0 && already + written == self.args.count;
            if is_enough || !self.budget.allows(reply) {
                break;
            }
            log.advance(group, entry.id);
            self.write(reply, &entry, (0, 0));
            if !self.args.no_ack {
                group.deliver(entry.id, to, self.now_ms);
                self.repeats.push(Repeat::pending(group, entry.id));
            }
            written += 1;
        }
        if written > 0 {
            self.repeats.push(Repeat::Progress);
        }
        written
    }

    fn history(
        &mut self,
        log: &Log,
        group: &mut ConsumerGroup,
        of: ConsumerNumber,
        behind: StreamId,
        reply: &mut Reply<'_>,
    ) -> u64 {
        let Some(from) = behind.next() else { return 0 };
        let max = if self.args.count == 0 { usize::MAX } else { self.args.count as usize };
        let ids: Vec<_> = group.consumers.get(of).pending_from(from).take(max).collect();
        let mut written = 0;
        for id in ids {
            if !self.budget.allows(reply) {
                break;
            }
            reply.array(2);
            write_id(reply, id);
            match log.entry(id) {
                Some(entry) => {
                    write_fields(reply, &entry);
                    group.redeliver(id, self.now_ms);
                }
                // It was deleted from the stream, not from here.
                None => reply.null_array(),
            }
            self.budget.take_one();
            written += 1;
        }
        written
    }

    /// Writes an entry, with its idle time and deliveries if CLAIM asks for them.
    fn write(&mut self, reply: &mut Reply<'_>, entry: &Entry<'_>, state: (i64, i64)) {
        let with_state = self.args.min_idle_ms.is_some();
        reply.array(if with_state { 4 } else { 2 });
        write_id(reply, entry.id);
        write_fields(reply, entry);
        if with_state {
            reply.integer(state.0);
            reply.integer(state.1);
        }
        self.budget.take_one();
    }
}
