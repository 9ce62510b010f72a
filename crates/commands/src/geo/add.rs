//! GEOADD.

use command::declare::Flag::{DenyOom, Write};
use command::declare::KeyFlag::{RW, Update};
use command::declare::{Group, block, double, flag, key, many, one_of, opt, text};
use engine::{CmdError, CmdResult, Command, Cx};
use smallvec::SmallVec;
use structures::geohash;

use super::point;
use crate::sorted_set::add::{Options, apply, named};

pub(super) const GEOADD: Command = Command {
    name: "GEOADD",
    group: Group::Geo,
    since: "3.2.0",
    summary: "Adds members with their places to a sorted set, or moves them.",
    complexity: "O(log N) for each member",
    flags: &[Write, DenyOom],
    args: &[
        key("key", &[RW, Update]),
        opt(one_of("condition", &[flag("NX"), flag("XX")])).since("6.2.0"),
        opt(named("CH", "change")).since("6.2.0"),
        many(block("data", &[double("longitude"), double("latitude"), text("member")])),
    ],
    history: &[("6.2.0", "Added the `CH`, `NX` and `XX` options.")],
    examples: &[
        ("GEOADD towns 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "(integer) 2"),
        ("GEOADD towns CH 13.361389 38.115556 Palermo", "(integer) 0"),
        ("ZSCORE towns Palermo", "\"3479099956230698\""),
        (
            "GEOADD towns 190 0 Nowhere",
            "(error) ERR invalid longitude,latitude pair 190.000000,0.000000",
        ),
    ],
    ..Command::base(geoadd)
};

/// Repeated as the ZADD that it is.
fn geoadd(cx: &mut Cx<'_>) -> CmdResult {
    let mut options = Options::default();
    let mut first = 2;
    while first < cx.argc() && options.take_condition(cx.arg(first)) {
        first += 1;
    }
    let places = cx.args.from_index(first);
    if !places.len().is_multiple_of(3) || places.is_empty() || options.check(1).is_err() {
        return Err(CmdError::SYNTAX);
    }
    let hashes: SmallVec<[u64; 8]> = (first..cx.argc())
        .step_by(3)
        .map(|i| point(cx, i).map(geohash::encode))
        .collect::<Result<_, _>>()?;
    let pairs = hashes.iter().enumerate().map(|(i, hash)| (*hash as f64, places.at(3 * i + 2)));
    let outcome = apply(cx, options, pairs)?;
    if outcome.changed() > 0 {
        propagate(cx, first, &hashes);
    }
    cx.reply.integer(outcome.count(options) as i64);
    Ok(())
}

fn propagate(cx: &mut Cx<'_>, first: usize, hashes: &[u64]) {
    let scores: Vec<String> = hashes.iter().map(u64::to_string).collect();
    let mut zadd: Vec<&[u8]> = vec![b"ZADD"];
    zadd.extend((1..first).map(|i| cx.arg(i)));
    for (i, score) in scores.iter().enumerate() {
        zadd.extend([score.as_bytes(), cx.arg(first + 3 * i + 2)]);
    }
    cx.propagate(&zadd);
}
