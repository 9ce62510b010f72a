//! Hashes, and hashes with fields that expire.

use store::value::Form;
use store::value::hash::{FieldExpire, Hash};
use store::{CollectionType, Limits};
use structures::listpack::{self, TextBuffer, Value};

use crate::error::{Bad, Result};
use crate::pack::{Groups, TWICE};
use crate::read::Reader;
use crate::zipmap::Zipmap;

/// No field expires later: Redis keeps moments in 48 bits.
const EXPIRE_MS_MAX: i64 = (1 << 48) - 2;

/// Field by field.
pub(super) fn plain(reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    let count = reader.count(2)?;
    if count == 0 {
        return Err(Bad::Empty);
    }
    let mut hash = Hash::empty(limits);
    hash.reserve(limits, count);
    let (mut name, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let name = reader.string(&mut name)?;
        let value = reader.string(&mut value)?;
        put(&mut hash, limits, name, value, None)?;
    }
    Ok(hash)
}

fn put(
    hash: &mut Hash,
    limits: &Limits,
    name: &[u8],
    value: &[u8],
    expire_ms: Option<i64>,
) -> Result<()> {
    if expire_ms.is_some_and(|ms| !(0..=EXPIRE_MS_MAX).contains(&ms)) {
        return Err(Bad::Corrupt("a field that expires at no moment"));
    }
    if !hash.set(limits, name, value, FieldExpire::Clear) {
        return Err(TWICE);
    }
    if expire_ms.is_some() {
        hash.set_expire_ms(name, expire_ms);
    }
    Ok(())
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

/// Fields with a moment before each: relative to the earliest if that is given (and then one more,
/// so that 0 is left for never), else absolute.
pub(super) fn expiring(
    reader: &mut Reader<'_>,
    limits: &Limits,
    earliest_ms: Option<i64>,
) -> Result<Hash> {
    let count = reader.count(3)?;
    if count == 0 {
        return Err(Bad::Empty);
    }
    let mut hash = Hash::empty(limits);
    hash.reserve(limits, count);
    hash.make_expirable();
    let (mut name, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let moment = i64::try_from(reader.length()?).unwrap_or(i64::MAX);
        let expire_ms = match earliest_ms {
            _ if moment == 0 => None,
            None => Some(moment),
            Some(earliest_ms) => Some(earliest_ms.saturating_add(moment - 1)),
        };
        let name = reader.string(&mut name)?;
        let value = reader.string(&mut value)?;
        put(&mut hash, limits, name, value, expire_ms)?;
    }
    Ok(hash)
}

/// Fields with a moment behind each; -1 is never.
pub(super) fn expiring_of_valkey(reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    let count = reader.count(10)?;
    if count == 0 {
        return Err(Bad::Empty);
    }
    let mut hash = Hash::empty(limits);
    hash.reserve(limits, count);
    let (mut name, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let name = reader.string(&mut name)?;
        let value = reader.string(&mut value)?;
        let moment = reader.moment_ms()?;
        put(&mut hash, limits, name, value, (moment != -1).then_some(moment))?;
    }
    Ok(hash)
}
