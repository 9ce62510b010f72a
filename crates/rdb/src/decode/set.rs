//! Sets.

use store::value::set::Set;
use store::{CollectionType, Limits, View};
use structures::elements::Elements;
use structures::intset;
use structures::listpack::TextBuffer;

use crate::error::{Bad, Result};
use crate::pack::{Groups, TWICE};
use crate::read::Reader;

/// Member by member.
pub(super) fn plain(reader: &mut Reader<'_>, limits: &Limits) -> Result<Set> {
    let count = reader.count(1)?;
    let mut set = match count {
        0 => return Err(Bad::Empty),
        // As in Redis, whether they are integers or not.
        _ if count > limits.set_intset_entries_max => Set::from_table(Elements::new()),
        _ => Set::empty(limits),
    };
    let mut scratch = Vec::new();
    for _ in 0..count {
        if !set.add(reader.string(&mut scratch)?, limits) {
            return Err(TWICE);
        }
    }
    Ok(set)
}

pub(super) fn intset(reader: &mut Reader<'_>, limits: &Limits) -> Result<Set> {
    let bytes = reader.string_owned()?;
    let count = intset::validate(&bytes).map_err(|invalid| Bad::Corrupt(invalid.0))?;
    let set = Set::from_intset(bytes);
    match count > limits.set_intset_entries_max {
        true => table_of(&set, limits),
        false => Ok(set),
    }
}

pub(super) fn listpack(reader: &mut Reader<'_>, limits: &Limits) -> Result<Set> {
    let members = Groups::of(reader.string_owned()?, 1)?;
    match members.len > limits.set_listpack_entries_max {
        true => table_of(&Set::from_listpack(members.bytes), limits),
        false => Ok(Set::from_listpack(members.distinct()?.bytes)),
    }
}

fn table_of(set: &Set, limits: &Limits) -> Result<Set> {
    let mut table = Set::from_table(Elements::new());
    let mut text = TextBuffer::new();
    let is_distinct = set.view().iter().all(|member| table.add(member.text(&mut text), limits));
    debug_assert!(!is_distinct || table.view().len() == set.view().len());
    if is_distinct { Ok(table) } else { Err(TWICE) }
}
