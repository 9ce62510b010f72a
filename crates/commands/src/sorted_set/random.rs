//! ZRANDMEMBER: elements chosen by chance, each with the same.

use base::random::Random;
use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, block, flag, integer, key, opt};
use engine::{CmdError, CmdResult, Command, Cx};
use store::View;
use store::value::SortedSet;

use super::{Shape, reply_member};
use crate::drawn::draw;

pub(super) const ZRANDMEMBER: Command = Command {
    name: "ZRANDMEMBER",
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns one random member of a sorted set, or several: different ones, or if the \
              count is negative each chosen among all.",
    complexity: "O(N) in the members returned",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        opt(block("options", &[integer("count"), opt(flag("WITHSCORES"))])),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("ZADD board 1 ann", "(integer) 1"),
        ("ZRANDMEMBER board", "\"ann\""),
        ("ZRANDMEMBER board 3 WITHSCORES", "1) \"ann\"\n2) \"1\""),
        ("ZRANDMEMBER board -2", "1) \"ann\"\n2) \"ann\""),
        ("ZRANDMEMBER board many", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(zrandmember)
};

fn zrandmember(cx: &mut Cx<'_>) -> CmdResult {
    let mut random = Random::from_seed(cx.db.random.next_u64());
    if cx.argc() == 2 {
        let set = cx.db.collection::<SortedSet>(cx.key(1))?;
        match set.and_then(|set| set.random(|| random.next_u64())) {
            Some(pair) => reply_member(&mut cx.reply, pair.member),
            None => cx.reply.null(),
        }
        return Ok(());
    }
    let (count, shape) = parse_count(cx)?;
    let Some(set) = cx.db.collection::<SortedSet>(cx.key(1))? else {
        cx.reply.array(0);
        return Ok(());
    };
    let wanted = count.unsigned_abs() as usize;
    if count >= 0 {
        shape.begin(&mut cx.reply, wanted.min(set.len()));
        set.sample(wanted, || random.next_u64(), |pair| shape.add(&mut cx.reply, &pair));
        return Ok(());
    }
    let start = cx.reply.len();
    shape.begin(&mut cx.reply, wanted);
    draw(&mut cx.reply, start, wanted, |reply, count| {
        for _ in 0..count {
            let pair = set.random(|| random.next_u64()).expect("a sorted set is never empty");
            shape.add(reply, &pair);
        }
    })
}

/// The count, and whether scores are wanted. The count comes first, whatever follows it.
fn parse_count(cx: &Cx<'_>) -> Result<(i64, Shape), CmdError> {
    let count = cx.int(2)?;
    if count == i64::MIN {
        return Err(CmdError::not_between(-i64::MAX, i64::MAX));
    }
    let with_scores = match cx.argc() {
        3 => false,
        4 if cx.is_word(3, "WITHSCORES") => true,
        _ => return Err(CmdError::SYNTAX),
    };
    // Twice as many replies must be countable.
    if with_scores && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(CmdError::VALUE_OUT_OF_RANGE);
    }
    Ok((count, Shape { with_scores }))
}
