//! XADD.
//!
//! It is repeated with the ID that the entry got and with the cut that was really made.
//!
//! A producer that says who it is (IDMP) and sends an entry again gets the ID of the first one,
//! and nothing is added. IDMPAUTO takes a digest of the fields and values for the entry's name:
//! Redis's own, whatever their order, so that a stream that moves between servers keeps its memory.

use command::declare::Flag::{DenyOom, Fast, Write};
use command::declare::KeyFlag::{RW, Update};
use command::declare::{
    Begin, Find, Group, KeySpec, block, flag, key, many, one_of, opt, text, token,
};
use config::id::{STREAM_IDMP_DURATION, STREAM_IDMP_MAXSIZE};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use resp::Args;
use store::value::Stream;
use store::value::stream::{Log, Memory, NewId, StreamId};
use xxhash_rust::xxh3::Xxh3;

use super::trim::{Cut, Made, REFERENCES, TRIM_PARTS, TrimArgs};
use super::write_id;

pub(super) const XADD: Command = Command {
    name: "XADD",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Adds an entry to a stream, which is created if need be.",
    complexity: "O(1), and O(N) in the entries deleted where it trims",
    flags: &[Write, DenyOom, Fast],
    args: &[
        key("key", &[RW, Update]),
        opt(flag("NOMKSTREAM")).since("6.2.0"),
        REFERENCES,
        opt(one_of(
            "idmp",
            &[
                token("IDMPAUTO", text("producer-id")),
                token("IDMP", block("idmp-ids", &[text("producer-id"), text("idempotent-id")])),
            ],
        ))
        .since("8.6.0"),
        opt(block("trim", TRIM_PARTS)),
        one_of("id-selector", &[flag("*"), text("id")]),
        many(block("data", &[text("field"), text("value")])),
    ],
    keys: Some(&[KeySpec {
        flags: &[RW, Update],
        begin: Begin::Index(1),
        find: Find::Range { last: 0, step: 1, limit: 0 },
        notes: "UPDATE instead of INSERT because of the optional trimming feature",
    }]),
    history: &[
        ("6.2.0", "Option `NOMKSTREAM`, strategy `MINID`, option `LIMIT`."),
        ("7.0.0", "IDs of the form `<ms>-*`."),
        ("8.2.0", "Options `KEEPREF`, `DELREF` and `ACKED`."),
        ("8.6.0", "Options `IDMP` and `IDMPAUTO`."),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XADD log 1-* a 2 b 3", "\"1-2\""),
        ("XADD log MAXLEN 2 5 a 4", "\"5-0\""),
        ("XLEN log", "(integer) 2"),
        ("XADD nokey NOMKSTREAM * a 1", "(nil)"),
        ("XADD log IDMP ann 7 * a 5", "\"*-*\""),
        (
            "XADD log 5-0 a 6",
            "(error) ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
    ],
    ..Command::base(xadd)
};

struct AddArgs<'a> {
    id: NewId,
    /// Where the ID stands; behind it are fields and values.
    id_at: usize,
    creates: bool,
    cut: Option<Cut>,
    producer: Option<Producer<'a>>,
}

#[derive(Clone, Copy)]
struct Producer<'a> {
    name: &'a [u8],
    /// The entry's name; none for a digest of what is in it.
    id: Option<&'a [u8]>,
}

enum Added {
    New(StreamId, Option<Made>),
    /// The same was added before.
    Before(StreamId),
}

fn parse<'a>(cx: &Cx<'a>) -> Result<AddArgs<'a>, CmdError> {
    let mut trim = TrimArgs::default();
    let (mut creates, mut producer, mut id) = (true, None, NewId::Auto);
    let mut i = 2;
    while i < cx.argc() {
        let word = cx.arg(i);
        if word == b"*" {
            break;
        }
        if let Some(next) = trim.take(cx, i)? {
            i = next;
        } else if word.eq_ignore_ascii_case(b"NOMKSTREAM") {
            creates = false;
            i += 1;
        } else if let Some((next, named)) = take_producer(cx, i, producer)? {
            producer = Some(named);
            i = next;
        } else {
            id = NewId::parse(word).ok_or(CmdError::STREAM_ID)?;
            if producer.is_some() && !cx.db.is_replaying() {
                return Err(CmdError::IDMP_WITH_ID);
            }
            break;
        }
    }
    let cut = trim.finish(cx)?;
    let words = cx.argc().saturating_sub(i + 1);
    if words < 2 || !words.is_multiple_of(2) {
        return Err(CmdError::wrong_arity(cx.name()));
    }
    if id == NewId::Exact(StreamId::MIN) {
        return Err(CmdError::XADD_ZERO_ID);
    }
    Ok(AddArgs { id, id_at: i, creates, cut, producer })
}

/// IDMP or IDMPAUTO at `i`, and the index behind it.
fn take_producer<'a>(
    cx: &Cx<'a>,
    i: usize,
    before: Option<Producer<'a>>,
) -> Result<Option<(usize, Producer<'a>)>, CmdError> {
    let auto = cx.is_word(i, "IDMPAUTO") && i + 1 < cx.argc();
    let named = cx.is_word(i, "IDMP") && i + 2 < cx.argc();
    if !auto && !named {
        return Ok(None);
    }
    if before.is_some() {
        return Err(CmdError::IDMP_TWICE);
    }
    let name = cx.arg(i + 1);
    match (auto, name) {
        (true, b"") => Err(CmdError::IDMPAUTO_NO_PRODUCER),
        (true, _) => Ok(Some((i + 2, Producer { name, id: None }))),
        (false, b"") => Err(CmdError::IDMP_NO_PRODUCER),
        (false, _) if cx.arg(i + 2).is_empty() => Err(CmdError::IDMP_NO_ID),
        (false, _) => Ok(Some((i + 3, Producer { name, id: Some(cx.arg(i + 2)) }))),
    }
}

fn xadd(cx: &mut Cx<'_>) -> CmdResult {
    let args = parse(cx)?;
    let words = cx.args.from_index(args.id_at + 1);
    if !Log::can_hold(words.iter()) {
        return Err(CmdError::XADD_TOO_LARGE);
    }
    let digest = args.producer.filter(|p| p.id.is_none()).map(|_| digest(words));
    let producer = args.producer.map(|p| (p.name, p.id.or(digest.as_ref().map(|d| &d[..]))));
    let producer = producer.map(|(name, id)| (name, id.expect("a digest stands for the ID")));
    let memory = producer.map(|_| default_memory(cx));

    let key = cx.key(1);
    let (now_ms, limits, replays) = (cx.now_ms(), cx.db.limits(), cx.db.is_replaying());
    let absent = if args.creates { Absent::Create } else { Absent::Skip };
    let edited = cx.db.edit(key, absent, |stream: &mut Stream| {
        if let (Some((name, id)), Some(memory), false) = (producer, memory, replays) {
            let producers = stream.producers_mut(memory, now_ms);
            if let Some(before) = producers.find(name, id) {
                producers.duplicates += 1;
                return Ok(Added::Before(before));
            }
        }
        if stream.log.last_id() == StreamId::MAX {
            return Err(CmdError::XADD_NO_ID_LEFT);
        }
        let id = stream.log.new_id(args.id, now_ms as u64).ok_or(CmdError::XADD_SMALL_ID)?;
        stream.log.append(id, words.iter(), &limits);
        if let (Some((name, named)), Some(memory)) = (producer, memory) {
            stream.producers_mut(memory, now_ms).insert(name, named, id);
        }
        Ok(Added::New(id, args.cut.as_ref().map(|cut| cut.run(stream))))
    })?;
    let Some(edited) = edited else {
        cx.reply.null();
        return Ok(());
    };
    let (id, made) = match edited.result? {
        Added::New(id, made) => (id, made),
        Added::Before(id) => {
            write_id(&mut cx.reply, id);
            return Ok(());
        }
    };
    cx.db.changed(key, Class::Stream, "xadd", 1);
    if made.as_ref().is_some_and(|made| made.entries > 0) {
        cx.db.notify(Class::Stream, "xtrim", key);
    }
    if cx.db.effects.are_heard() {
        repeat(cx, &args, id, made.as_ref());
    }
    write_id(&mut cx.reply, id);
    Ok(())
}

/// Repeats the call with the ID and the cut that came of it, where these are not in it.
fn repeat(cx: &mut Cx<'_>, args: &AddArgs<'_>, id: StreamId, made: Option<&Made>) {
    let is_open = !matches!(args.id, NewId::Exact(_));
    let cut = args.cut.as_ref().filter(|cut| cut.rewritten_at.is_some());
    if !is_open && cut.is_none() {
        return;
    }
    let id = id.to_text();
    let mut words: Vec<&[u8]> = cx.args.iter().collect();
    if is_open {
        words[args.id_at] = &id;
    }
    if let (Some(cut), Some(made)) = (cut, made) {
        cut.rewrite(&mut words, made);
    }
    cx.propagate(&words);
}

/// How long and how many names of entries a stream remembers, unless XCFGSET said otherwise.
pub(super) fn default_memory(cx: &Cx<'_>) -> Memory {
    let config = cx.engine.config();
    Memory {
        duration_s: config.int(STREAM_IDMP_DURATION) as u64,
        ids_max: config.int(STREAM_IDMP_MAXSIZE) as u64,
    }
}

/// The digest of an entry that IDMPAUTO takes for its name: XXH3-128 of each field, its length and
/// its value, put together so that the order of fields does not matter.
fn digest(words: Args<'_>) -> [u8; 16] {
    let (mut sum, mut xor) = ([0u64; 2], [0u64; 2]);
    for at in (0..words.len()).step_by(2) {
        let (field, value) = (words.at(at), words.at(at + 1));
        let mut hasher = Xxh3::new();
        hasher.update(field);
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(value);
        let hash = hasher.digest128();
        for (half, bits) in [hash as u64, (hash >> 64) as u64].into_iter().enumerate() {
            sum[half] = sum[half].wrapping_add(bits);
            xor[half] ^= bits;
        }
    }
    let low = sum[0] ^ xor[1].rotate_left(1);
    let high = sum[1] ^ xor[0].rotate_left(1);
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}
