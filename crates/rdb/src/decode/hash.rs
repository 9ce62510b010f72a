//! Hashes, and hashes with fields that expire.

use store::value::Form;
use store::value::hash::Hash;
use store::{CollectionType, Limits, OwnedValue};
use structures::listpack::{self, TextBuffer, Value};

use super::parts::{self, BATCH, Grow, Parts};
use crate::error::{Bad, Result};
use crate::pack::{Groups, TWICE};
use crate::read::Reader;
use crate::zipmap::Zipmap;

/// No field expires later: Redis keeps moments in 48 bits.
const EXPIRE_MS_MAX: i64 = (1 << 48) - 2;

/// What stands with a field that may expire.
#[derive(Clone, Copy)]
enum Moments {
    Never,
    /// Before the field: relative to the earliest if that is given (and then one more, so that 0 is
    /// left for never), else absolute.
    Before(Option<i64>),
    /// Behind the value; -1 is never.
    Behind,
}

/// A hash that is being read, field by field.
struct Growing {
    hash: Hash,
    moments: Moments,
    scratch: [[Vec<u8>; 2]; BATCH],
}

type Field<'a> = (&'a [u8], &'a [u8], Option<i64>);

pub(super) fn plain(reader: &mut Reader<'_>, limits: &Limits) -> Result<Parts> {
    begin(reader, limits, Moments::Never)
}

pub(super) fn expiring(
    reader: &mut Reader<'_>,
    limits: &Limits,
    earliest_ms: Option<i64>,
) -> Result<Parts> {
    begin(reader, limits, Moments::Before(earliest_ms))
}

pub(super) fn expiring_of_valkey(reader: &mut Reader<'_>, limits: &Limits) -> Result<Parts> {
    begin(reader, limits, Moments::Behind)
}

fn begin(reader: &mut Reader<'_>, limits: &Limits, moments: Moments) -> Result<Parts> {
    let count = parts::count(reader)?;
    let mut hash = Hash::empty(limits);
    hash.reserve(limits, parts::as_bound(count));
    hash.expect(parts::as_bound(count));
    if let Moments::Before(_) = moments {
        hash.make_expirable();
    }
    Ok(Parts::new(count, Growing { hash, moments, scratch: Default::default() }))
}

impl Grow for Growing {
    fn grow(&mut self, reader: &mut Reader<'_>, left: u64, limits: &Limits) -> Result<u64> {
        let moments = self.moments;
        let (fields, len) = parts::batch(reader, left, &mut self.scratch, |reader, scratch| {
            field(reader, moments, scratch)
        })?;
        match self.hash.add_all(limits, &fields[..len]) {
            true => Ok(len as u64),
            false => Err(TWICE),
        }
    }

    fn finish(mut self: Box<Self>, _: &Limits) -> Result<OwnedValue> {
        self.hash.expect(0);
        Ok(OwnedValue::of(self.hash))
    }
}

fn field<'a: 's, 's>(
    reader: &mut Reader<'a>,
    moments: Moments,
    [name, value]: &'s mut [Vec<u8>; 2],
) -> Result<Field<'s>> {
    let before = match moments {
        Moments::Before(earliest_ms) => {
            let moment = i64::try_from(reader.length()?).unwrap_or(i64::MAX);
            match earliest_ms {
                _ if moment == 0 => None,
                None => Some(moment),
                Some(earliest_ms) => Some(earliest_ms.saturating_add(moment - 1)),
            }
        }
        Moments::Never | Moments::Behind => None,
    };
    let (name, value) = (reader.string(name)?, reader.string(value)?);
    let expire_ms = match moments {
        Moments::Behind => Some(reader.moment_ms()?).filter(|&ms| ms != -1),
        Moments::Never | Moments::Before(_) => before,
    };
    check_moment(expire_ms)?;
    Ok((name, value, expire_ms))
}

fn check_moment(expire_ms: Option<i64>) -> Result<()> {
    match expire_ms.is_some_and(|ms| !(0..=EXPIRE_MS_MAX).contains(&ms)) {
        true => Err(Bad::Corrupt("a field that expires at no moment")),
        false => Ok(()),
    }
}

fn put(
    hash: &mut Hash,
    limits: &Limits,
    name: &[u8],
    value: &[u8],
    expire_ms: Option<i64>,
) -> Result<()> {
    check_moment(expire_ms)?;
    match hash.add_all(limits, &[(name, value, expire_ms)]) {
        true => Ok(()),
        false => Err(TWICE),
    }
}

pub(super) fn zipmap(reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    let mut scratch = Vec::new();
    let (mut pack, mut longest) = (listpack::new(), 0);
    for pair in Zipmap::new(reader.string(&mut scratch)?)? {
        let (name, value) = pair?;
        longest = longest.max(name.len()).max(value.len());
        listpack::extend(&mut pack, [Value::of(name), Value::of(value)]);
    }
    let pairs = Groups::of_entries(pack, 2)?;
    match longest > limits.hash_value_bytes_max {
        true => one_by_one(&pairs, limits),
        false => packed(pairs, limits),
    }
}

pub(super) fn ziplist(reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    let mut scratch = Vec::new();
    packed(Groups::of_ziplist(reader.string(&mut scratch)?, 2)?, limits)
}

pub(super) fn listpack(reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    packed(Groups::of(reader.string_owned()?, 2)?, limits)
}

fn packed(pairs: Groups, limits: &Limits) -> Result<Hash> {
    match pairs.len > limits.hash_entries_max {
        true => one_by_one(&pairs, limits),
        false => Ok(Hash::from_inline(Form::Listpack, pairs.distinct()?.bytes)),
    }
}

fn one_by_one(pairs: &Groups, limits: &Limits) -> Result<Hash> {
    let mut hash = Hash::empty(limits);
    hash.reserve(limits, pairs.len);
    let mut texts = [TextBuffer::new(), TextBuffer::new()];
    for (name, value) in pairs.view().pairs() {
        let [a, b] = &mut texts;
        put(&mut hash, limits, name.text(a), value.text(b), None)?;
    }
    Ok(hash)
}

/// A listpack of fields, values and moments; 0 is never.
pub(super) fn triples(reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    let fields = Groups::of(reader.string_owned()?, 3)?;
    let moments = fields.view().iter().skip(2).step_by(3).map(|moment| match moment {
        Value::Int(ms @ 0..=EXPIRE_MS_MAX) => Ok(ms),
        _ => Err(Bad::Corrupt("a field that expires at no moment")),
    });
    let moments = moments.collect::<Result<Vec<i64>>>()?;
    if fields.len <= limits.hash_entries_max {
        let never_last = moments.iter().map(|&ms| if ms == 0 { i64::MAX } else { ms });
        if !never_last.is_sorted() {
            return Err(Bad::Corrupt("fields that are not in the order of their moments"));
        }
        return Ok(Hash::from_inline(Form::ListpackEx, fields.distinct()?.bytes));
    }
    let mut hash = Hash::empty(limits);
    hash.reserve(limits, fields.len);
    let mut texts = [TextBuffer::new(), TextBuffer::new()];
    let mut entries = fields.view().iter();
    while let (Some(name), Some(value), Some(ms)) = (entries.next(), entries.next(), entries.next())
    {
        let [a, b] = &mut texts;
        let expire_ms = ms.as_i64().filter(|&ms| ms != 0);
        put(&mut hash, limits, name.text(a), value.text(b), expire_ms)?;
    }
    Ok(hash)
}
