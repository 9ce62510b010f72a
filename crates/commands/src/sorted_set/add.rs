//! ZADD and ZINCRBY.

use command::declare::Flag::{DenyOom, Fast, Write};
use command::declare::KeyFlag::{Access, RW, Update};
use command::declare::{Arg, Group, block, double, flag, key, many, one_of, opt, text};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use smallvec::SmallVec;
use store::value::SortedSet;

pub(super) const ZADD: Command = Command {
    name: "ZADD",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Adds members to a sorted set, or gives them other scores.",
    complexity: "O(log N) for each member",
    flags: &[Write, DenyOom, Fast],
    args: &[
        key("key", &[RW, Update]),
        opt(one_of("condition", &[flag("NX"), flag("XX")])).since("3.0.2"),
        opt(one_of("comparison", &[flag("GT"), flag("LT")])).since("6.2.0"),
        opt(named("CH", "change")).since("3.0.2"),
        opt(named("INCR", "increment")).since("3.0.2"),
        many(block("data", &[double("score"), text("member")])),
    ],
    history: &[
        ("2.4.0", "Takes several members."),
        ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
        ("6.2.0", "Added the `GT` and `LT` options."),
    ],
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("ZADD board XX CH 5 ann", "(integer) 1"),
        ("ZADD board GT CH 4 ann 6 bob", "(integer) 1"),
        ("ZADD board INCR 0.5 ann", "\"5.5\""),
        ("ZADD board XX INCR 1 nobody", "(nil)"),
        (
            "ZADD board NX XX 1 ann",
            "(error) ERR XX and NX options at the same time are not compatible",
        ),
        ("ZADD board high ann", "(error) ERR value is not a valid float"),
    ],
    ..Command::base(zadd)
};

/// A word with another name in the documentation.
pub(crate) const fn named(word: &'static str, name: &'static str) -> Arg {
    let mut arg = flag(word);
    arg.name = name;
    arg
}

pub(super) const ZINCRBY: Command = Command {
    name: "ZINCRBY",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Adds to the score of a member, which begins at 0, and returns the sum.",
    complexity: "O(log N)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Access, Update]), double("increment"), text("member")],
    examples: &[
        ("ZINCRBY board 2 ann", "\"2\""),
        ("ZINCRBY board -0.5 ann", "\"1.5\""),
        ("ZINCRBY board inf ann", "\"inf\""),
        ("ZINCRBY board -inf ann", "(error) ERR resulting score is not a number (NaN)"),
    ],
    ..Command::base(zincrby)
};

fn zadd(cx: &mut Cx<'_>) -> CmdResult {
    add(cx, Options::default())
}

fn zincrby(cx: &mut Cx<'_>) -> CmdResult {
    add(cx, Options { incr: true, ..Options::default() })
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    incr: bool,
    ch: bool,
}

impl Options {
    /// Takes one word of GEOADD, which knows fewer; false if it is no option.
    pub(crate) fn take_condition(&mut self, word: &[u8]) -> bool {
        matches!(word.to_ascii_lowercase().as_slice(), b"nx" | b"xx" | b"ch") && self.take(word)
    }

    /// Takes one word; false if it is no option.
    fn take(&mut self, word: &[u8]) -> bool {
        // The commonest first argument is a number.
        if !word.first().is_some_and(u8::is_ascii_alphabetic) {
            return false;
        }
        let place = match word.to_ascii_lowercase().as_slice() {
            b"nx" => &mut self.nx,
            b"xx" => &mut self.xx,
            b"gt" => &mut self.gt,
            b"lt" => &mut self.lt,
            b"incr" => &mut self.incr,
            b"ch" => &mut self.ch,
            _ => return false,
        };
        *place = true;
        true
    }

    /// Refuses options that exclude one another. `elements` pairs follow.
    pub(crate) fn check(&self, elements: usize) -> CmdResult {
        if self.nx && self.xx {
            return Err(CmdError::XX_AND_NX);
        }
        if self.nx && (self.gt || self.lt) || self.gt && self.lt {
            return Err(CmdError::GT_LT_NX);
        }
        if self.incr && elements > 1 {
            return Err(CmdError::INCR_ONE_PAIR);
        }
        Ok(())
    }

    /// The new score of a member that has this one, if it gets one. May be NaN.
    fn decide(&self, current: Option<f64>, score: f64) -> Option<f64> {
        let Some(current) = current else { return (!self.xx).then_some(score) };
        if self.nx {
            return None;
        }
        let score = if self.incr { current + score } else { score };
        let is_refused = self.lt && score >= current || self.gt && score <= current;
        (!is_refused).then_some(score)
    }
}

/// What came of all pairs.
#[derive(Default)]
pub(crate) struct Outcome {
    added: u64,
    updated: u64,
    /// What the last member got, if it got anything.
    score: Option<f64>,
    is_nan: bool,
}

impl Outcome {
    pub(crate) fn changed(&self) -> u64 {
        self.added + self.updated
    }

    /// What a client is told that does not ask for a score.
    pub(crate) fn count(&self, options: Options) -> u64 {
        if options.ch { self.changed() } else { self.added }
    }
}

/// Both commands. The options may be given to ZINCRBY too, as in Redis: then no pair is left.
fn add(cx: &mut Cx<'_>, mut options: Options) -> CmdResult {
    let mut first = 2;
    while first < cx.argc() && options.take(cx.arg(first)) {
        first += 1;
    }
    let pairs = cx.args.from_index(first);
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(CmdError::SYNTAX);
    }
    options.check(pairs.len() / 2)?;
    let scores: SmallVec<[f64; 8]> = (0..pairs.len())
        .step_by(2)
        .map(|i| base::number::parse_f64(pairs.at(i)).ok_or(CmdError::NOT_FLOAT))
        .collect::<Result<_, _>>()?;

    let members = scores.iter().enumerate().map(|(i, score)| (*score, pairs.at(2 * i + 1)));
    let outcome = apply(cx, options, members)?;
    match outcome.score {
        Some(score) if options.incr => cx.reply.double(score),
        None if options.incr => cx.reply.null(),
        _ => cx.reply.integer(outcome.count(options) as i64),
    }
    Ok(())
}

/// Adds the members to the set under the first key, or updates their scores. No score is NaN.
pub(crate) fn apply<'m>(
    cx: &mut Cx<'_>,
    options: Options,
    members: impl ExactSizeIterator<Item = (f64, &'m [u8])> + Clone,
) -> Result<Outcome, CmdError> {
    let (key, limits) = (cx.key(1), cx.db.limits());
    let absent = if options.xx { Absent::Skip } else { Absent::Create };
    let edited = cx.db.edit(key, absent, |set: &mut SortedSet| {
        let mut outcome = Outcome::default();
        let first_len = members.clone().next().map_or(0, |(_, member)| member.len());
        set.expect(members.len(), first_len, &limits);
        for (score, member) in members {
            outcome.score = None;
            let update = set.update(member, &limits, |current| {
                let decided = options.decide(current, score);
                outcome.is_nan |= decided.is_some_and(f64::is_nan);
                outcome.score = decided.filter(|score| !score.is_nan());
                outcome.score
            });
            match (update.before, update.after) {
                (None, Some(_)) => outcome.added += 1,
                (before, after) if before != after => outcome.updated += 1,
                _ => {}
            }
        }
        outcome
    })?;
    let outcome = edited.map(|edited| edited.result).unwrap_or_default();
    // Only ZINCRBY's sum can be NaN, of its only pair: nothing has changed.
    if outcome.is_nan {
        return Err(CmdError::SCORE_NAN);
    }
    let changed = outcome.changed();
    if changed > 0 {
        let event = if options.incr { "zincr" } else { "zadd" };
        cx.db.changed(key, Class::SortedSet, event, changed);
    }
    Ok(outcome)
}
