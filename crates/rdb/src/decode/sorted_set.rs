//! Sorted sets.

use store::value::sorted_set::{Arriving, Gathered, SortedSet};
use store::{Limits, OwnedValue};
use structures::listpack::{self, TextBuffer, Value};

use super::parts::{self, BATCH, Grow, Parts};
use crate::error::{Bad, Result};
use crate::pack::{Groups, TWICE};
use crate::read::Reader;

/// A sorted set that is being read, member by member.
struct Growing {
    arriving: Arriving,
    score: Score,
    scratch: [Vec<u8>; BATCH],
}

/// How a score is read.
type Score = fn(&mut Reader<'_>) -> Result<f64>;

/// Members, each with a score behind it.
pub(super) fn plain(reader: &mut Reader<'_>, score: Score) -> Result<Parts> {
    let count = parts::count(reader)?;
    let arriving = Arriving::expecting(parts::as_bound(count));
    Ok(Parts::new(count, Growing { arriving, score, scratch: Default::default() }))
}

impl Grow for Growing {
    fn grow(&mut self, reader: &mut Reader<'_>, left: u64, _: &Limits) -> Result<u64> {
        let score = self.score;
        let (elements, len) = parts::batch(reader, left, &mut self.scratch, |reader, text| {
            let member = reader.string(text)?;
            match score(reader)? {
                score if score.is_nan() => Err(NAN),
                score => Ok((member, score)),
            }
        })?;
        match self.arriving.add_all(&elements[..len]) {
            true => Ok(len as u64),
            false => Err(TWICE),
        }
    }

    fn finish(self: Box<Self>, limits: &Limits) -> Result<OwnedValue> {
        Ok(OwnedValue::of(SortedSet::of_arrived(self.arriving, limits)))
    }
}

fn put(gathered: &mut Gathered, member: &[u8], score: f64) -> Result<()> {
    if score.is_nan() {
        return Err(NAN);
    }
    let mut is_new = true;
    gathered.put(member, |before| {
        is_new = before.is_none();
        score
    });
    if is_new { Ok(()) } else { Err(TWICE) }
}

const NAN: Bad = Bad::Corrupt("a score that is no number");

pub(super) fn ziplist(reader: &mut Reader<'_>, limits: &Limits) -> Result<SortedSet> {
    let mut scratch = Vec::new();
    packed(Groups::of_ziplist(reader.string(&mut scratch)?, 2)?, limits)
}

pub(super) fn listpack(reader: &mut Reader<'_>, limits: &Limits) -> Result<SortedSet> {
    packed(Groups::of(reader.string_owned()?, 2)?, limits)
}

/// Members and scores in order.
fn packed(pairs: Groups, limits: &Limits) -> Result<SortedSet> {
    if pairs.len > limits.zset_entries_max {
        let (mut gathered, mut text) = (Gathered::new(), TextBuffer::new());
        for (member, score) in pairs.view().pairs() {
            put(&mut gathered, member.text(&mut text), score_of(score)?)?;
        }
        return Ok(SortedSet::of_result(gathered, limits));
    }
    let pairs = pairs.distinct()?;
    let mut texts = [TextBuffer::new(), TextBuffer::new()];
    let (mut is_canonical, mut last): (bool, Option<(f64, Value<'_>)>) = (true, None);
    let mut written = Vec::new();
    for (member, score) in pairs.view().pairs() {
        let number = score_of(score)?;
        if let Some((last_number, last_member)) = last {
            let [a, b] = &mut texts;
            let ascends = last_number < number
                || last_number == number && last_member.text(a) < member.text(b);
            if !ascends {
                return Err(Bad::Corrupt("a sorted set that is not sorted"));
            }
        }
        is_canonical &= score == canonical(number, &mut written);
        last = Some((number, member));
    }
    if is_canonical {
        return Ok(SortedSet::Listpack(pairs.bytes));
    }
    let mut rewritten = listpack::new();
    for (member, score) in pairs.view().pairs() {
        listpack::append(&mut rewritten, member);
        let score = score_of(score)?;
        listpack::append(&mut rewritten, canonical(score, &mut written));
    }
    Ok(SortedSet::Listpack(rewritten))
}

fn score_of(score: Value<'_>) -> Result<f64> {
    match score {
        Value::Int(n) => Ok(n as f64),
        // NaN is none of the numbers that a score may be written as.
        Value::Bytes(text) => base::number::parse_f64(text).ok_or(NAN),
    }
}

/// How our own listpacks hold a score.
fn canonical(score: f64, text: &mut Vec<u8>) -> Value<'_> {
    text.clear();
    base::number::write_f64_resp(text, if score == 0.0 { 0.0 } else { score });
    Value::of(text)
}
