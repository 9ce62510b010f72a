//! HRANDFIELD.
//!
//! Fields that are due go before any is drawn. Where they are too many for one command, those that
//! are left are told apart one by one.

use base::random::Random;
use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, block, flag, integer, key, opt};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::{Protocol, Reply};
use store::View;
use store::value::Hash;
use store::value::hash::{Field, HashRef};

use super::write_value;
use crate::drawn::draw;

/// Due fields that one call removes.
const PURGE_BUDGET: usize = 10_000;

pub(super) const HRANDFIELD: Command = Command {
    name: "HRANDFIELD",
    group: Group::Hash,
    since: "6.2.0",
    summary: "Returns one random field of a hash, or several: different ones, or if the count is \
              negative each chosen among all.",
    complexity: "O(N) in the fields returned",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        opt(block("options", &[integer("count"), opt(flag("WITHVALUES"))])),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("HSET ann name Ann", "(integer) 1"),
        ("HRANDFIELD ann", "\"name\""),
        ("HRANDFIELD ann 3 WITHVALUES", "1) \"name\"\n2) \"Ann\""),
        ("HRANDFIELD ann -2", "1) \"name\"\n2) \"name\""),
        ("HRANDFIELD nokey", "(nil)"),
        ("HRANDFIELD ann 1 VALUES", "(error) ERR syntax error"),
    ],
    ..Command::base(hrandfield)
};

fn hrandfield(cx: &mut Cx<'_>) -> CmdResult {
    let count = count(cx)?;
    let with_values = cx.argc() == 4;
    let key = cx.key(1);
    let due_before_ms = cx.db.expiry_clock().due_before_ms();
    if cx.db.collection::<Hash>(key)?.is_some_and(|hash| hash.may_have_due(due_before_ms)) {
        cx.db.expire_elements(key, PURGE_BUDGET);
    }
    let mut random = Random::from_seed(cx.db.random.next_u64());
    let hash = cx.db.held_collection::<Hash>(key);
    let source = hash.map(|hash| Source::of(hash, due_before_ms)).filter(|s| s.len() > 0);
    match (source, count) {
        (None, None) => cx.reply.null(),
        (None, Some(_)) => cx.reply.array(0),
        (Some(source), None) => {
            source.each_among_all(1, &mut random, |field| write_value(&mut cx.reply, field.name));
        }
        (Some(source), Some(count)) => {
            return reply_fields(&mut cx.reply, &source, count, with_values, &mut random);
        }
    }
    Ok(())
}

/// The count, and after it perhaps WITHVALUES.
fn count(cx: &Cx<'_>) -> Result<Option<i64>, CmdError> {
    if cx.argc() == 2 {
        return Ok(None);
    }
    let count = cx.int(2)?;
    if count == i64::MIN {
        return Err(CmdError::not_between(-i64::MAX, i64::MAX));
    }
    match cx.argc() {
        3 => {}
        4 if cx.is_word(3, "WITHVALUES") => {
            if !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
                return Err(CmdError::VALUE_OUT_OF_RANGE);
            }
        }
        _ => return Err(CmdError::SYNTAX),
    }
    Ok(Some(count))
}

fn reply_fields(
    reply: &mut Reply<'_>,
    source: &Source<'_>,
    count: i64,
    with_values: bool,
    random: &mut Random,
) -> CmdResult {
    let is_flat = reply.protocol() == Protocol::Resp2;
    let wanted = count.unsigned_abs() as usize;
    let returned = if count < 0 { wanted } else { wanted.min(source.len()) };
    let start = reply.len();
    reply.array(if with_values && is_flat { 2 * returned } else { returned });
    let write = |reply: &mut Reply<'_>, field: Field<'_>| {
        if with_values && !is_flat {
            reply.array(2);
        }
        write_value(reply, field.name);
        if with_values {
            write_value(reply, field.value);
        }
    };
    if count < 0 {
        return draw(reply, start, returned, |reply, count| {
            source.each_among_all(count, random, |field| write(reply, field));
        });
    }
    source.different(returned, random, |field| write(reply, field));
    Ok(())
}

/// What fields are drawn from.
enum Source<'a> {
    /// No field is due.
    Whole(HashRef<'a>),
    /// Those that are not.
    Live(Vec<Field<'a>>),
}

impl<'a> Source<'a> {
    fn of(hash: HashRef<'a>, due_before_ms: i64) -> Source<'a> {
        if !hash.may_have_due(due_before_ms) {
            return Source::Whole(hash);
        }
        Source::Live(hash.iter().filter(|field| !field.is_due(due_before_ms)).collect())
    }

    fn len(&self) -> usize {
        match self {
            Source::Whole(hash) => hash.len(),
            Source::Live(fields) => fields.len(),
        }
    }

    fn each_among_all(&self, count: usize, random: &mut Random, mut f: impl FnMut(Field<'_>)) {
        match self {
            Source::Whole(hash) if count == 1 => {
                hash.random(|| random.next_u64()).into_iter().for_each(f);
            }
            Source::Whole(hash) => hash.random_many(count, || random.next_u64(), f),
            Source::Live(fields) => {
                (0..count).for_each(|_| f(fields[random.below(fields.len() as u64) as usize]));
            }
        }
    }

    fn different(&self, count: usize, random: &mut Random, mut f: impl FnMut(Field<'_>)) {
        match self {
            Source::Whole(hash) => hash.sample(count, || random.next_u64(), f),
            Source::Live(fields) => {
                // Each field is taken with the chance that is left for it.
                let mut wanted = count as u64;
                for (seen, field) in fields.iter().enumerate() {
                    if random.below((fields.len() - seen) as u64) < wanted {
                        wanted -= 1;
                        f(*field);
                    }
                }
            }
        }
    }
}
