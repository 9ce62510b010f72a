//! The listpack form: members and scores by turns, in order.

use std::ops::Range;

use structures::listpack::{self, HEADER_LEN, Listpack, TextBuffer, Value};

use super::range::{Pair, Pairs};
use crate::value::Limits;

/// A score as it is written in a listpack.
enum Written {
    Int(i64),
    Text(Vec<u8>),
}

impl Written {
    fn new(score: f64) -> Written {
        const INT_MAX: f64 = (1u64 << 62) as f64;
        if score.abs() <= INT_MAX && score.trunc() == score {
            return Written::Int(score as i64);
        }
        let mut text = Vec::with_capacity(24);
        base::number::write_f64_resp(&mut text, score);
        Written::Text(text)
    }

    fn value(&self) -> Value<'_> {
        match self {
            Written::Int(n) => Value::Int(*n),
            Written::Text(text) => Value::of(text),
        }
    }
}

/// The score that an entry means. What is no number, in bytes from elsewhere, is 0.
pub(super) fn read_score(value: Value<'_>) -> f64 {
    match value {
        Value::Int(n) => n as f64,
        Value::Bytes(text) => base::number::parse_f64(text).unwrap_or(0.0),
    }
}

/// All elements, forward.
pub(super) fn pairs(pack: Listpack<'_>) -> impl Iterator<Item = Pair<'_>> {
    pack.pairs().map(|(member, score)| Pair::packed(member, score))
}

/// Elements by rank.
pub(super) fn range(pack: Listpack<'_>, ranks: Range<usize>) -> listpack::Pairs<'_> {
    let position = |rank: usize| {
        i64::try_from(2 * rank).ok().and_then(|index| pack.nth(index)).unwrap_or(pack.end())
    };
    let start = position(ranks.start);
    let end = if ranks.is_empty() { start } else { position(ranks.end) };
    pack.pairs_span(start..end)
}

/// The position of a member's entry, and its score.
pub(super) fn find(pack: Listpack<'_>, member: &[u8]) -> Option<(usize, f64)> {
    let at = pack.find(member, 1)?;
    let score = pack.next(at).expect("a score follows each member");
    Some((at, read_score(pack.get(score))))
}

/// Puts an element that is not there where it belongs.
pub(super) fn insert(pack: &mut Vec<u8>, member: &[u8], score: f64) {
    let at = place(Listpack::new(pack), member, score);
    insert_at(pack, at, member, score);
}

/// A listpack of `len` elements that are in order, if it may be one.
pub(super) fn pack(len: usize, pairs: Pairs<'_>, limits: &Limits) -> Option<Vec<u8>> {
    if len > limits.zset_entries_max {
        return None;
    }
    let mut pack = listpack::new();
    let mut buffer = TextBuffer::new();
    for pair in pairs {
        let member = pair.member.text(&mut buffer);
        if member.len() > limits.zset_value_bytes_max || !has_room(&pack, member) {
            return None;
        }
        let at = Listpack::new(&pack).end();
        insert_at(&mut pack, at, member, pair.score());
    }
    Some(pack)
}

/// Whether an element more stays far from where listpacks end, whatever the thresholds are.
pub(super) fn has_room(pack: &[u8], member: &[u8]) -> bool {
    pack.len() + member.len() < listpack::BYTES_MAX / 2
}

fn insert_at(pack: &mut Vec<u8>, at: usize, member: &[u8], score: f64) {
    let score = Written::new(score);
    listpack::insert(pack, at, score.value());
    listpack::insert(pack, at, Value::of(member));
}

/// The position of the first element that comes behind this one.
fn place(pack: Listpack<'_>, member: &[u8], score: f64) -> usize {
    let mut buffer = TextBuffer::new();
    let mut at = HEADER_LEN;
    while at < pack.end() {
        let score_at = pack.next(at).expect("a score follows each member");
        let other = read_score(pack.get(score_at));
        if other > score || other == score && pack.get(at).text(&mut buffer) > member {
            return at;
        }
        at = score_at + pack.entry_len(score_at);
    }
    at
}
