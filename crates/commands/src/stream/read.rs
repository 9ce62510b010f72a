//! XREAD, and the arguments that XREADGROUP shares.
//!
//! With BLOCK they wait where there is nothing to read. An ID that means "what is there now" is then
//! the one that it stands for at this moment.
//!
//! MAXCOUNT and MAXSIZE bound a whole reply, COUNT each stream in it. MAXSIZE ends a reply that has
//! become as long, so the last entry may exceed it, and the first one always comes.

use command::declare::Flag::{Blocking, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Arg, Group, block, integer, key, many, opt, text, token};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::{ArgBuf, Deferred, Protocol, Reply};
use store::value::Stream;
use store::value::stream::StreamId;

use super::{count, id, write_entry};

pub(super) const COUNT: Arg = opt(token("COUNT", integer("count")));
pub(super) const MAXCOUNT: Arg = opt(token("MAXCOUNT", integer("maxcount"))).since("8.10.0");
pub(super) const MAXSIZE: Arg = opt(token("MAXSIZE", integer("maxsize"))).since("8.10.0");
pub(super) const BLOCK: Arg = opt(token("BLOCK", integer("milliseconds")));
pub(super) const STREAMS: Arg =
    token("STREAMS", block("streams", &[many(key("key", &[RO, Access])), many(text("id"))]));

pub(super) const XREAD: Command = Command {
    name: "XREAD",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Returns entries of streams behind the IDs that were seen last.",
    complexity: "O(log N + M) for each stream, with N entries in it and M returned",
    flags: &[Blocking, ReadOnly],
    args: &[COUNT, MAXCOUNT, MAXSIZE, BLOCK, STREAMS],
    history: &[("8.10.0", "Options `MAXCOUNT` and `MAXSIZE`.")],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        (
            "XREAD COUNT 1 STREAMS log nokey 0 0",
            "1) 1) \"log\"\n   2) 1) 1) \"1-1\"\n         2) 1) \"a\"\n            2) \"1\"",
        ),
        ("XREAD STREAMS log $", "(nil)"),
        (
            "XREAD STREAMS log other 0",
            "(error) ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.",
        ),
        (
            "XREAD COUNT 1 MAXCOUNT 0 STREAMS log 0",
            "(error) ERR MAXCOUNT must be a positive integer",
        ),
    ],
    ..Command::base(xread)
};

/// The arguments of XREAD and XREADGROUP.
#[derive(Default)]
pub(super) struct ReadArgs<'a> {
    /// Entries of each stream; 0: all.
    pub(super) count: u64,
    /// Entries of all streams together.
    max_count: Option<u64>,
    /// Bytes of the reply.
    max_size: Option<usize>,
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    pub(super) min_idle_ms: Option<i64>,
    pub(super) no_ack: bool,
    /// BLOCK: until when to wait; none is for ever.
    pub(super) block: Option<Option<i64>>,
    /// Where the keys stand, and how many there are. As many IDs follow.
    pub(super) keys_at: usize,
    pub(super) streams: usize,
}

impl<'a> ReadArgs<'a> {
    pub(super) fn parse(cx: &Cx<'a>, for_group: bool) -> Result<ReadArgs<'a>, CmdError> {
        let mut args = ReadArgs::default();
        let (mut has_count, mut i) = (false, 1);
        while i < cx.argc() {
            let has_value = i + 1 < cx.argc();
            match () {
                () if has_value && cx.is_word(i, "BLOCK") => {
                    args.block = Some(cx.deadline_ms(i + 1)?);
                }
                () if has_value && cx.is_word(i, "COUNT") => {
                    args.count = count(cx, i + 1)?;
                    has_count = args.count > 0;
                }
                () if has_value && cx.is_word(i, "MAXCOUNT") => {
                    args.max_count = Some(positive(cx, i + 1, CmdError::XREAD_MAXCOUNT)?);
                }
                () if has_value && cx.is_word(i, "MAXSIZE") => {
                    args.max_size = Some(positive(cx, i + 1, CmdError::XREAD_MAXSIZE)? as usize);
                }
                () if has_value && cx.is_word(i, "CLAIM") => {
                    if !for_group {
                        return Err(CmdError::XREAD_CLAIM);
                    }
                    args.min_idle_ms = Some(min_idle(cx, i + 1)?);
                }
                () if has_value && cx.is_word(i, "STREAMS") => {
                    args.take_streams(cx, i + 1, for_group)?;
                    break;
                }
                () if i + 2 < cx.argc() && cx.is_word(i, "GROUP") => {
                    if !for_group {
                        return Err(CmdError::XREAD_GROUP);
                    }
                    args.group = Some((cx.arg(i + 1), cx.arg(i + 2)));
                    i += 1;
                }
                () if cx.is_word(i, "NOACK") => {
                    if !for_group {
                        return Err(CmdError::XREAD_NOACK);
                    }
                    args.no_ack = true;
                    i -= 1;
                }
                () => return Err(CmdError::SYNTAX),
            }
            i += 2;
        }
        if args.keys_at == 0 {
            return Err(CmdError::SYNTAX);
        }
        if has_count && args.max_count.is_some_and(|max| max < args.count) {
            return Err(CmdError::XREAD_MAXCOUNT_BELOW_COUNT);
        }
        Ok(args)
    }

    fn take_streams(&mut self, cx: &Cx<'_>, at: usize, for_group: bool) -> CmdResult {
        let words = cx.argc() - at;
        if !words.is_multiple_of(2) {
            let ids = if for_group { "ID or '>'" } else { "ID, '+', or '$'" };
            return Err(CmdError::unbalanced_streams(cx.name(), ids));
        }
        (self.keys_at, self.streams) = (at, words / 2);
        Ok(())
    }

    /// Lets the client wait for something to read, if it wants to; else the reply is null. `seen`
    /// are the IDs behind which it wants to read, for those that it did not say: `$`.
    pub(super) fn wait_or_null(&self, cx: &mut Cx<'_>, seen: Option<&[StreamId]>) {
        let request = seen.map(|seen| {
            let mut request: ArgBuf = cx.args.iter().take(self.id_at(0)).collect();
            for (n, id) in seen.iter().enumerate() {
                match cx.arg(self.id_at(n)) {
                    b"$" => request.push(&id.to_text()),
                    said => request.push(said),
                }
            }
            request
        });
        let keys = self.keys_at..self.id_at(0);
        let waits = self.block.is_some_and(|deadline| cx.block_as(keys, deadline, request));
        if !waits {
            cx.reply.null_array();
        }
    }

    /// Where the ID of a stream stands.
    pub(super) fn id_at(&self, stream: usize) -> usize {
        self.keys_at + self.streams + stream
    }

    pub(super) fn budget(&self, reply: &Reply<'_>) -> Budget {
        Budget {
            left: self.max_count.unwrap_or(u64::MAX),
            written: 0,
            end: self.max_size.map(|max| reply.len().saturating_add(max)),
        }
    }
}

fn positive(cx: &Cx<'_>, index: usize, error: CmdError) -> Result<u64, CmdError> {
    match cx.int(index)? {
        ..=0 => Err(error),
        n => Ok(n as u64),
    }
}

fn min_idle(cx: &Cx<'_>, index: usize) -> Result<i64, CmdError> {
    let ms = cx.int(index).map_err(|_| CmdError::MIN_IDLE_NOT_INTEGER)?;
    if ms < 0 { Err(CmdError::MIN_IDLE_NEGATIVE) } else { Ok(ms) }
}

/// What is left of a reply's bounds.
pub(super) struct Budget {
    left: u64,
    written: u64,
    /// The reply may become so long.
    end: Option<usize>,
}

impl Budget {
    /// Whether another entry may be written. The first one always may.
    pub(super) fn allows(&self, reply: &Reply<'_>) -> bool {
        self.left > 0 && (self.written == 0 || self.end.is_none_or(|end| reply.len() < end))
    }

    pub(super) fn take_one(&mut self) {
        self.left -= 1;
        self.written += 1;
    }
}

/// The reply of XREAD and XREADGROUP: what was read of each stream of which anything was.
pub(super) struct StreamsReply {
    header: Option<Deferred>,
    streams: usize,
}

impl StreamsReply {
    pub(super) fn new() -> StreamsReply {
        StreamsReply { header: None, streams: 0 }
    }

    /// Begins what was read of a stream; an array of entries follows.
    pub(super) fn begin(&mut self, reply: &mut Reply<'_>, key: &[u8]) {
        let is_map = reply.protocol() == Protocol::Resp3;
        if self.header.is_none() {
            let header = if is_map { reply.deferred_map() } else { reply.deferred_array() };
            self.header = Some(header);
        }
        self.streams += 1;
        if !is_map {
            reply.array(2);
        }
        reply.bulk(key);
    }

    /// Ends the reply; false if nothing was read, and so nothing written.
    pub(super) fn end(self, reply: &mut Reply<'_>) -> bool {
        if let Some(header) = self.header {
            reply.set_deferred(header, self.streams);
        }
        self.streams > 0
    }
}

fn xread(cx: &mut Cx<'_>) -> CmdResult {
    let args = ReadArgs::parse(cx, false)?;
    let is_served = cx.is_served();
    let mut seen = Vec::with_capacity(args.streams);
    for n in 0..args.streams {
        let (key, text) = (cx.key(args.keys_at + n), cx.arg(args.id_at(n)));
        if !cx.considers(key.bytes) {
            seen.push(StreamId::MAX);
            continue;
        }
        let stream = match cx.db.collection::<Stream>(key) {
            // What waits for a stream waits until it is one again.
            Err(_) if is_served => None,
            stream => stream?,
        };
        seen.push(match text {
            b"$" => stream.map_or(StreamId::MIN, |stream| stream.log.last_id()),
            b"+" => {
                let last = stream.and_then(|stream| stream.log.last_entry_id());
                last.and_then(StreamId::previous).unwrap_or(StreamId::MIN)
            }
            b">" => return Err(CmdError::XREAD_NEW_ID),
            text => id(text)?,
        });
    }

    let mut budget = args.budget(&cx.reply);
    let mut streams = StreamsReply::new();
    for (n, &seen) in seen.iter().enumerate() {
        if !budget.allows(&cx.reply) {
            break;
        }
        let key = cx.key(args.keys_at + n);
        if !cx.considers(key.bytes) {
            continue;
        }
        let Ok(Some(stream)) = cx.db.collection::<Stream>(key) else { continue };
        if stream.log.last_entry_id().is_none_or(|last| last <= seen) {
            continue;
        }
        let from = seen.next().expect("an ID behind it was found");
        let reply = &mut cx.reply;
        streams.begin(reply, key.bytes);
        let header = reply.deferred_array();
        let mut written = 0;
        for entry in stream.log.range(from, StreamId::MAX) {
            if args.count != 0 && written == args.count || !budget.allows(reply) {
                break;
            }
            write_entry(reply, &entry);
            budget.take_one();
            written += 1;
        }
        reply.set_deferred(header, written as usize);
    }
    if !streams.end(&mut cx.reply) {
        args.wait_or_null(cx, Some(&seen));
    }
    Ok(())
}
