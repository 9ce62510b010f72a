//! Sets.

use store::value::set::Set;
use store::{CollectionType, Limits, OwnedValue, View};
use structures::elements::Elements;
use structures::intset;
use structures::listpack::TextBuffer;

use super::parts::{self, BATCH, Grow, Parts};
use crate::error::{Bad, Result};
use crate::pack::{Groups, TWICE};
use crate::read::Reader;

/// A set that is being read, member by member.
struct Growing {
    set: Set,
    scratch: [Vec<u8>; BATCH],
}

pub(super) fn plain(reader: &mut Reader<'_>, limits: &Limits) -> Result<Parts> {
    let count = parts::count(reader)?;
    // As in Redis, whether they are integers or not.
    let mut set = match parts::as_bound(count) > limits.set_intset_entries_max {
        true => Set::from_table(Elements::new()),
        false => Set::empty(limits),
    };
    set.expect(parts::as_bound(count));
    Ok(Parts::new(count, Growing { set, scratch: Default::default() }))
}

impl Grow for Growing {
    fn grow(&mut self, reader: &mut Reader<'_>, left: u64, limits: &Limits) -> Result<u64> {
        let (members, len) =
            parts::batch(reader, left, &mut self.scratch, |reader, text| reader.string(text))?;
        match self.set.add_all(&members[..len], limits) {
            true => Ok(len as u64),
            false => Err(TWICE),
        }
    }

    fn finish(mut self: Box<Self>, _: &Limits) -> Result<OwnedValue> {
        self.set.expect(0);
        Ok(OwnedValue::of(self.set))
    }
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
