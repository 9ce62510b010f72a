//! ZUNION, ZINTER and ZDIFF, replied, stored or counted.
//!
//! All inputs are looked up and their types checked before the options are read, as in Redis; then
//! they are held together and read at once, and only then the result replaces the destination,
//! which may be one of them.
//!
//! Inputs are taken from the smallest to the largest. For ZINTER that is the fastest; for sums it
//! is what rounding depends on.

use command::declare::Flag::{DenyOom, ReadOnly, Write};
use command::declare::KeyFlag::{Access, OW, RO, Update};
use command::declare::{Arg, Group, flag, integer, key, many, one_of, opt, token};
use engine::{CmdError, CmdResult, Command, Cx};
use store::value::SortedSet;
use store::value::sorted_set::Gathered;
use store::{CollectionType, Key, View};

use super::Shape;
use super::range::store;
use super::sources::{self, Source};

const NUMKEYS: Arg = integer("numkeys");
const KEYS: Arg = many(key("key", &[RO, Access]));
const DESTINATION: Arg = key("destination", &[OW, Update]);
const WEIGHTS: Arg = opt(token("WEIGHTS", many(integer("weight"))));
const AGGREGATE: Arg = opt(token(
    "AGGREGATE",
    one_of("aggregate", &[flag("SUM"), flag("MIN"), flag("MAX"), flag("COUNT").since("8.8.0")]),
));
const WITHSCORES: Arg = opt(flag("WITHSCORES"));

const COUNT_HISTORY: &[(&str, &str)] = &[("8.8.0", "Added `COUNT` aggregate option.")];

pub(super) const ZUNION: Command = Command {
    name: "ZUNION",
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns the members that are in any of several sorted sets.",
    complexity: "O(N + M*log M) for N members in all inputs and M in the result",
    flags: &[ReadOnly],
    args: &[NUMKEYS, KEYS, WEIGHTS, AGGREGATE, WITHSCORES],
    history: COUNT_HISTORY,
    examples: &[
        ("ZADD red 1 ann 2 bob", "(integer) 2"),
        ("ZADD blue 3 bob", "(integer) 1"),
        ("ZUNION 2 red blue WITHSCORES", "1) \"ann\"\n2) \"1\"\n3) \"bob\"\n4) \"5\""),
        (
            "ZUNION 2 red blue WEIGHTS 10 1 AGGREGATE MAX WITHSCORES",
            "1) \"ann\"\n2) \"10\"\n3) \"bob\"\n4) \"20\"",
        ),
        ("ZUNION 2 red blue AGGREGATE COUNT", "1) \"ann\"\n2) \"bob\""),
        ("ZUNION 0 red", "(error) ERR at least 1 input key is needed for 'zunion' command"),
    ],
    ..Command::base(zunion)
};

fn zunion(cx: &mut Cx<'_>) -> CmdResult {
    reply_combined(cx, Op::Union)
}

pub(super) const ZUNIONSTORE: Command = Command {
    name: "ZUNIONSTORE",
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Stores the members that are in any of several sorted sets.",
    complexity: "O(N + M*log M) for N members in all inputs and M in the result",
    flags: &[Write, DenyOom],
    args: &[DESTINATION, NUMKEYS, KEYS, WEIGHTS, AGGREGATE],
    history: COUNT_HISTORY,
    examples: &[
        ("ZADD red 1 ann 2 bob", "(integer) 2"),
        ("ZADD blue 3 bob", "(integer) 1"),
        ("ZUNIONSTORE all 2 red blue", "(integer) 2"),
        ("ZRANGE all 0 -1 WITHSCORES", "1) \"ann\"\n2) \"1\"\n3) \"bob\"\n4) \"5\""),
        ("ZUNIONSTORE all 2 red blue WITHSCORES", "(error) ERR syntax error"),
    ],
    ..Command::base(zunionstore)
};

fn zunionstore(cx: &mut Cx<'_>) -> CmdResult {
    store_combined(cx, Op::Union, "zunionstore")
}

pub(super) const ZINTER: Command = Command {
    name: "ZINTER",
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns the members that are in all of several sorted sets.",
    complexity: "O(N*K + M*log M) for N members in the smallest of K inputs and M in the result",
    flags: &[ReadOnly],
    args: &[NUMKEYS, KEYS, WEIGHTS, AGGREGATE, WITHSCORES],
    history: COUNT_HISTORY,
    examples: &[
        ("ZADD red 1 ann 2 bob", "(integer) 2"),
        ("ZADD blue 3 bob", "(integer) 1"),
        ("ZINTER 2 red blue WITHSCORES", "1) \"bob\"\n2) \"5\""),
        ("ZINTER 2 red nokey", "(empty array)"),
        ("ZINTER 1 red AGGREGATE AVG", "(error) ERR syntax error"),
    ],
    ..Command::base(zinter)
};

fn zinter(cx: &mut Cx<'_>) -> CmdResult {
    reply_combined(cx, Op::Inter)
}

pub(super) const ZINTERSTORE: Command = Command {
    name: "ZINTERSTORE",
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Stores the members that are in all of several sorted sets.",
    complexity: "O(N*K + M*log M) for N members in the smallest of K inputs and M in the result",
    flags: &[Write, DenyOom],
    args: &[DESTINATION, NUMKEYS, KEYS, WEIGHTS, AGGREGATE],
    history: COUNT_HISTORY,
    examples: &[
        ("ZADD red 1 ann 2 bob", "(integer) 2"),
        ("SADD members ann", "(integer) 1"),
        ("ZINTERSTORE there 2 red members WEIGHTS 2 1", "(integer) 1"),
        ("ZSCORE there ann", "\"3\""),
        ("ZINTERSTORE there 1 red WEIGHTS x", "(error) ERR weight value is not a float"),
    ],
    ..Command::base(zinterstore)
};

fn zinterstore(cx: &mut Cx<'_>) -> CmdResult {
    store_combined(cx, Op::Inter, "zinterstore")
}

pub(super) const ZINTERCARD: Command = Command {
    name: "ZINTERCARD",
    group: Group::SortedSet,
    since: "7.0.0",
    summary: "Counts the members that are in all of several sorted sets.",
    complexity: "O(N*K) for N members in the smallest of K inputs",
    flags: &[ReadOnly],
    args: &[NUMKEYS, KEYS, opt(token("LIMIT", integer("limit")))],
    examples: &[
        ("ZADD red 1 ann 2 bob 3 cal", "(integer) 3"),
        ("ZADD blue 3 bob 4 cal", "(integer) 2"),
        ("ZINTERCARD 2 red blue", "(integer) 2"),
        ("ZINTERCARD 2 red blue LIMIT 1", "(integer) 1"),
        ("ZINTERCARD 2 red blue LIMIT -1", "(error) ERR LIMIT can't be negative"),
    ],
    ..Command::base(zintercard)
};

fn zintercard(cx: &mut Cx<'_>) -> CmdResult {
    let input = Input::parse(cx, 1, Words::Limit)?;
    let mut count = 0;
    let sources = input.sources(&cx.db, true);
    intersect(&sources, Aggregate::Sum, |_, _| {
        count += 1;
        input.limit == 0 || count < input.limit
    });
    cx.reply.integer(count as i64);
    Ok(())
}

pub(super) const ZDIFF: Command = Command {
    name: "ZDIFF",
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns the members of the first sorted set that are in none of the others.",
    complexity: "O(N + M*log M) for N members in all inputs and M in the result",
    flags: &[ReadOnly],
    args: &[NUMKEYS, KEYS, WITHSCORES],
    examples: &[
        ("ZADD red 1 ann 2 bob", "(integer) 2"),
        ("ZADD blue 3 bob", "(integer) 1"),
        ("ZDIFF 2 red blue WITHSCORES", "1) \"ann\"\n2) \"1\""),
        ("ZDIFF 2 blue red", "(empty array)"),
        ("ZDIFF 1 red WEIGHTS 1", "(error) ERR syntax error"),
    ],
    ..Command::base(zdiff)
};

fn zdiff(cx: &mut Cx<'_>) -> CmdResult {
    reply_combined(cx, Op::Diff)
}

pub(super) const ZDIFFSTORE: Command = Command {
    name: "ZDIFFSTORE",
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Stores the members of the first sorted set that are in none of the others.",
    complexity: "O(N + M*log M) for N members in all inputs and M in the result",
    flags: &[Write, DenyOom],
    args: &[DESTINATION, NUMKEYS, KEYS],
    examples: &[
        ("ZADD red 1 ann 2 bob", "(integer) 2"),
        ("ZADD blue 3 bob", "(integer) 1"),
        ("ZDIFFSTORE only 2 red blue", "(integer) 1"),
        ("ZRANGE only 0 -1", "1) \"ann\""),
        ("ZDIFFSTORE only 3 red blue", "(error) ERR syntax error"),
    ],
    ..Command::base(zdiffstore)
};

fn zdiffstore(cx: &mut Cx<'_>) -> CmdResult {
    store_combined(cx, Op::Diff, "zdiffstore")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Union,
    Inter,
    Diff,
}

/// How the scores of a member in several inputs become one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
    /// The sum of weights: how many inputs have the member, if all weigh 1.
    Count,
}

impl Aggregate {
    fn named(word: &[u8]) -> Option<Aggregate> {
        Some(match word.to_ascii_lowercase().as_slice() {
            b"sum" => Aggregate::Sum,
            b"min" => Aggregate::Min,
            b"max" => Aggregate::Max,
            b"count" => Aggregate::Count,
            _ => return None,
        })
    }

    /// What an input adds to a member: infinity times 0 is 0.
    fn weighted(self, score: f64, weight: f64) -> f64 {
        let value = self.product(score, weight);
        if value.is_nan() { 0.0 } else { value }
    }

    /// As `weighted`, but infinity times 0 is NaN.
    fn product(self, score: f64, weight: f64) -> f64 {
        if self == Aggregate::Count { weight } else { weight * score }
    }

    /// Infinity less infinity is 0. `b` may be NaN: then a sum is 0, and `a` lowest and highest.
    fn merge(self, a: f64, b: f64) -> f64 {
        match self {
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Sum | Aggregate::Count => {
                let sum = a + b;
                if sum.is_nan() { 0.0 } else { sum }
            }
        }
    }
}

/// Which options a command understands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// WEIGHTS, AGGREGATE; WITHSCORES if the result is replied.
    Combine {
        replies: bool,
    },
    /// WITHSCORES if the result is replied.
    Diff {
        replies: bool,
    },
    Limit,
}

impl Words {
    fn of(op: Op, replies: bool) -> Words {
        if op == Op::Diff { Words::Diff { replies } } else { Words::Combine { replies } }
    }

    fn has_weights(self) -> bool {
        matches!(self, Words::Combine { .. })
    }

    fn has_scores(self) -> bool {
        matches!(self, Words::Combine { replies: true } | Words::Diff { replies: true })
    }
}

/// The arguments of all these commands.
struct Input<'a> {
    keys: Vec<Key<'a>>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// 0: none.
    limit: usize,
}

impl<'a> Input<'a> {
    /// Reads the arguments from the number of keys on, and looks the keys up on the way.
    fn parse(cx: &mut Cx<'a>, numkeys_at: usize, words: Words) -> Result<Input<'a>, CmdError> {
        let numkeys = cx.int(numkeys_at)?;
        if numkeys < 1 {
            return Err(CmdError::no_input_key(cx.name()));
        }
        let first = numkeys_at + 1;
        let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
        if numkeys > cx.argc() - first {
            return Err(CmdError::SYNTAX);
        }
        let keys: Vec<Key<'a>> = (first..first + numkeys).map(|index| cx.key(index)).collect();
        sources::look_up(cx, &keys)?;
        let weights = vec![1.0; keys.len()];
        let aggregate = Aggregate::Sum;
        let mut input = Input { keys, weights, aggregate, with_scores: false, limit: 0 };
        let mut i = first + numkeys;
        while i < cx.argc() {
            i += input.take_option(cx, i, words)?;
        }
        Ok(input)
    }

    /// Reads the option at `i`; how many arguments it took.
    fn take_option(&mut self, cx: &Cx<'_>, i: usize, words: Words) -> Result<usize, CmdError> {
        let left = cx.argc() - i;
        let numkeys = self.keys.len();
        if words.has_weights() && left > numkeys && cx.is_word(i, "WEIGHTS") {
            for (n, weight) in self.weights.iter_mut().enumerate() {
                let read = base::number::parse_f64(cx.arg(i + 1 + n));
                *weight = read.ok_or(CmdError::WEIGHT_NOT_FLOAT)?;
            }
            Ok(1 + numkeys)
        } else if words.has_weights() && left > 1 && cx.is_word(i, "AGGREGATE") {
            self.aggregate = Aggregate::named(cx.arg(i + 1)).ok_or(CmdError::SYNTAX)?;
            Ok(2)
        } else if words.has_scores() && cx.is_word(i, "WITHSCORES") {
            self.with_scores = true;
            Ok(1)
        } else if words == Words::Limit && left > 1 && cx.is_word(i, "LIMIT") {
            let limit = cx.int(i + 1).ok().and_then(|limit| usize::try_from(limit).ok());
            self.limit = limit.ok_or(CmdError::LIMIT_NEGATIVE)?;
            Ok(2)
        } else {
            Err(CmdError::SYNTAX)
        }
    }

    /// What the keys hold, with their weights; the smallest first if they are to be in order.
    fn sources<'s>(&self, db: &'s engine::Db<'_>, in_order: bool) -> Vec<(Source<'s>, f64)> {
        let held = self.keys.iter().map(|key| Source::held(db, *key));
        let mut sources: Vec<_> = held.zip(self.weights.iter().copied()).collect();
        if in_order {
            sources.sort_by_key(|(source, _)| source.len());
        }
        sources
    }

    fn gather(&self, db: &engine::Db<'_>, op: Op) -> Gathered {
        let sources = self.sources(db, op != Op::Diff);
        let mut gathered = Gathered::new();
        match op {
            Op::Union => unite(&sources, self.aggregate, &mut gathered),
            Op::Inter => intersect(&sources, self.aggregate, |member, score| {
                gathered.put(member, |_| score);
                true
            }),
            Op::Diff => subtract(&sources, &mut gathered),
        }
        gathered
    }
}

fn unite(sources: &[(Source<'_>, f64)], aggregate: Aggregate, gathered: &mut Gathered) {
    for (source, weight) in sources {
        source.for_each(|member, score| {
            let score = aggregate.weighted(score, *weight);
            gathered.put(member, |before| {
                before.map_or(score, |before| aggregate.merge(before, score))
            });
            true
        });
    }
}

/// Hands what is in all sources to `f` until it says false. The first source leads; only of it is
/// infinity times 0 made 0, as in Redis.
fn intersect(
    sources: &[(Source<'_>, f64)],
    aggregate: Aggregate,
    mut f: impl FnMut(&[u8], f64) -> bool,
) {
    let Some(((first, weight), others)) = sources.split_first() else { return };
    first.for_each(|member, score| {
        let begin = aggregate.weighted(score, *weight);
        let all = others.iter().try_fold(begin, |sum, (other, weight)| {
            let value = other.score(member)?;
            Some(aggregate.merge(sum, aggregate.product(value, *weight)))
        });
        all.is_none_or(|score| f(member, score))
    });
}

/// What is in the first source only. Each of its members is looked for in all the others; if that
/// is more work than going through them, they are united first.
fn subtract(sources: &[(Source<'_>, f64)], gathered: &mut Gathered) {
    let Some(((first, _), others)) = sources.split_first() else { return };
    let mut others: Vec<&Source<'_>> = others.iter().map(|(source, _)| source).collect();
    // The largest first: there a member is found soonest.
    others.sort_by_key(|source| std::cmp::Reverse(source.len()));
    let in_others: usize = others.iter().map(|source| source.len()).sum();
    if first.len().saturating_mul(others.len()) / 2 <= first.len() + in_others {
        return first.for_each(|member, score| {
            if others.iter().all(|other| other.score(member).is_none()) {
                gathered.put(member, |_| score);
            }
            true
        });
    }
    let mut excluded = Gathered::new();
    for other in others {
        other.for_each(|member, _| {
            excluded.put(member, |_| 0.0);
            true
        });
    }
    first.for_each(|member, score| {
        if !excluded.contains(member) {
            gathered.put(member, |_| score);
        }
        true
    });
}

fn reply_combined(cx: &mut Cx<'_>, op: Op) -> CmdResult {
    let input = Input::parse(cx, 1, Words::of(op, true))?;
    // Not packed, which would make 0 of -0.
    let set = SortedSet::Skiplist(Box::new(input.gather(&cx.db, op).finish()));
    let shape = Shape { with_scores: input.with_scores };
    shape.reply(&mut cx.reply, set.view().len(), set.view().iter());
    Ok(())
}

fn store_combined(cx: &mut Cx<'_>, op: Op, event: &'static str) -> CmdResult {
    let input = Input::parse(cx, 2, Words::of(op, false))?;
    let result = SortedSet::of_result(input.gather(&cx.db, op), &cx.db.limits());
    store(cx, cx.key(1), Some(result), event, 1);
    Ok(())
}
