//! Sorted sets: members in the order of their scores, and of their bytes where scores are equal.
//!
//! Whatever names a part of a set by its place, its scores or its members is first turned into
//! ranks ([`bounds`]); reading, storing and removing then work on ranks alone.
//!
//! # Invariants
//!
//! (1) A sorted set is never empty: the command that takes the last member removes the key.
//! (2) Scores are never NaN: a command that would make one is refused, or takes 0 where Redis does
//!     (the sum of both infinities in ZUNION and ZINTER).

pub(crate) mod add;
mod bounds;
mod card;
mod combine;
mod pop;
mod random;
pub(crate) mod range;
mod rank;
mod remove;
mod scan;
mod score;
mod sources;
#[cfg(test)]
mod tests;
mod wait;

use engine::Command;
use resp::{Protocol, Reply};
use store::value::sorted_set::Pair;
use structures::listpack::Value;

pub const COMMANDS: &[Command] = &[
    wait::BZMPOP,
    wait::BZPOPMAX,
    wait::BZPOPMIN,
    add::ZADD,
    add::ZINCRBY,
    card::ZCARD,
    card::ZCOUNT,
    card::ZLEXCOUNT,
    combine::ZDIFF,
    combine::ZDIFFSTORE,
    combine::ZINTER,
    combine::ZINTERCARD,
    combine::ZINTERSTORE,
    pop::ZMPOP,
    score::ZMSCORE,
    pop::ZPOPMAX,
    pop::ZPOPMIN,
    random::ZRANDMEMBER,
    range::ZRANGE,
    range::ZRANGEBYLEX,
    range::ZRANGEBYSCORE,
    range::ZRANGESTORE,
    rank::ZRANK,
    remove::ZREM,
    remove::ZREMRANGEBYLEX,
    remove::ZREMRANGEBYRANK,
    remove::ZREMRANGEBYSCORE,
    range::ZREVRANGE,
    range::ZREVRANGEBYLEX,
    range::ZREVRANGEBYSCORE,
    rank::ZREVRANK,
    scan::ZSCAN,
    score::ZSCORE,
    combine::ZUNION,
    combine::ZUNIONSTORE,
];

#[inline]
pub(crate) fn reply_member(reply: &mut Reply<'_>, member: Value<'_>) {
    match member {
        Value::Bytes(bytes) => reply.bulk(bytes),
        Value::Int(n) => reply.bulk_integer(n),
    }
}

/// How a client gets elements: members alone, or with scores. With scores RESP2 has one flat array,
/// RESP3 an array of arrays of two.
#[derive(Clone, Copy)]
struct Shape {
    with_scores: bool,
}

impl Shape {
    fn begin(self, reply: &mut Reply<'_>, len: usize) {
        let is_flat = self.with_scores && reply.protocol() == Protocol::Resp2;
        reply.array(if is_flat { 2 * len } else { len });
    }

    fn add(self, reply: &mut Reply<'_>, pair: &Pair<'_>) {
        if !self.with_scores {
            return reply_member(reply, pair.member);
        }
        if reply.protocol() == Protocol::Resp3 {
            reply.array(2);
        }
        reply_member(reply, pair.member);
        reply.double(pair.score());
    }

    /// All of `len` elements.
    fn reply<'p>(self, reply: &mut Reply<'_>, len: usize, pairs: impl Iterator<Item = Pair<'p>>) {
        self.begin(reply, len);
        if self.with_scores {
            pairs.for_each(|pair| self.add(reply, &pair));
        } else {
            pairs.for_each(|pair| reply_member(reply, pair.member));
        }
    }
}
