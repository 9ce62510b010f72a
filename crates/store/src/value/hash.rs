//! Hashes: fields with values, and moments at which fields expire.
//!
//! ```text
//!   Pairs     listpack    | field | value | field | value | …            as they were added
//!   Triples   listpackex  | field | value | ms | field | value | 0 | …   by ms; those that never
//!                                                                        expire (0) last
//!   Table     hashtable   Elements<Fields>                               by hash
//! ```
//!
//! A hash begins as pairs. The first command about its fields' expiries makes triples of them, and
//! triples they stay. When [`Limits`] are exceeded, it becomes a table, and stays one. All of this
//! is Redis's: the names, the moments, the bytes of the packed forms and their order.
//!
//! # Expiry
//!
//! A field that is due stays where it is until someone removes it: [`Hash::expire_due`], which the
//! walk over the keyspace calls, or a command that meets it. Whoever reads asks [`Field::expire_ms`].
//! Triples have the earliest field in front; a table knows a bound for it, and finds what is due
//! by the watermarks of its buckets. So there is no index beside the fields themselves.
//!
//! # Invariants
//!
//! (1) A packed form has two, or three, entries for each field, and no field twice.
//! (2) Moments of triples ascend, and zeros come after them.

mod packed;
mod read;
#[cfg(test)]
mod tests;

pub use packed::Group;
pub use read::{Field, HashIter, HashRef, Held};

use structures::elements::{Ahead, Elements, Fields};
use structures::listpack::{self, Listpack};

use super::{Collection, CollectionType, Form, Limits, View};
use crate::record::Type;

#[derive(Clone, Debug)]
pub struct Hash(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Packed(Group, Vec<u8>),
    Table(Elements<Fields>),
}

/// What setting a value does with the field's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpire {
    Clear,
    Keep,
}

impl Hash {
    /// Prepares for `pairs` more fields, which Redis takes for new ones: a hash that would exceed
    /// the limits with them becomes a table at once.
    pub fn reserve(&mut self, limits: &Limits, pairs: usize) {
        if pairs > limits.hash_entries_max {
            self.make_table();
        }
    }

    /// Sets a field; true if it is new.
    pub fn set(
        &mut self,
        limits: &Limits,
        field: &[u8],
        value: &[u8],
        expire: FieldExpire,
    ) -> bool {
        if let Repr::Packed(group, pack) = &mut self.0 {
            let longest = field.len().max(value.len());
            if longest <= limits.hash_value_bytes_max && packed::has_room(pack, field, value) {
                let is_new = group.set(pack, field, value, expire);
                if is_new && group.len(Listpack::new(pack)) > limits.hash_entries_max {
                    self.make_table();
                }
                return is_new;
            }
        }
        set_in_table(self.make_table(), field, value, expire)
    }

    /// A table is told how many fields to expect in all; 0 when no more come.
    pub fn expect(&mut self, len: usize) {
        if let Repr::Table(table) = &mut self.0 {
            table.expect(len);
        }
    }

    /// Adds fields that are new, with the moments they expire. False at the first that is there
    /// already; those before it stay.
    pub fn add_all(&mut self, limits: &Limits, fields: &[(&[u8], &[u8], Option<i64>)]) -> bool {
        match &mut self.0 {
            Repr::Table(table) => table.add_all(fields),
            Repr::Packed(..) => fields.iter().all(|&(field, value, expire_ms)| {
                let is_new = self.set(limits, field, value, FieldExpire::Clear);
                if is_new && expire_ms.is_some() {
                    self.set_expire_ms(field, expire_ms);
                }
                is_new
            }),
        }
    }

    /// What a field holds, due or not.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Held<'_>> {
        self.view().get(field)
    }

    /// Whether a field's moment may lie before this one.
    #[inline]
    pub fn may_have_due(&self, now_ms: i64) -> bool {
        self.view().may_have_due(now_ms)
    }

    /// Removes a field; false if there is none.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Repr::Packed(group, pack) => group.remove(pack, field),
            Repr::Table(table) => table.remove_member(field),
        }
    }

    /// Removes a field if its moment lies before `now_ms`. True if it did.
    pub fn remove_if_due(&mut self, field: &[u8], now_ms: i64) -> bool {
        let is_due = self.get(field).is_some_and(|held| held.is_due(now_ms));
        is_due && self.remove(field)
    }

    /// Fields may get an expiry from now on, as far as the form goes.
    pub fn make_expirable(&mut self) {
        if let Repr::Packed(group, pack) = &mut self.0
            && *group == Group::Pairs
        {
            *pack = packed::triples_of(pack);
            *group = Group::Triples;
        }
    }

    /// Gives a field, or takes from it, the moment it expires, in unix ms. False if there is no
    /// such field.
    pub fn set_expire_ms(&mut self, field: &[u8], expire_ms: Option<i64>) -> bool {
        self.make_expirable();
        match &mut self.0 {
            Repr::Packed(_, pack) => packed::set_expire_ms(pack, field, expire_ms),
            Repr::Table(table) => {
                let at = table.locate(field);
                at.map(|mut at| table.set_expire_ms(&mut at, expire_ms)).is_ok()
            }
        }
    }

    /// Removes fields whose moment lies before `now_ms`; `f` sees the name of each. Goes on from
    /// where it stopped until `budget` is used up, one for each field removed and each few looked
    /// at. True when it has come round: what was due when that round began is gone.
    pub fn expire_due(
        &mut self,
        now_ms: i64,
        budget: &mut usize,
        mut f: impl FnMut(&[u8]),
    ) -> bool {
        match &mut self.0 {
            Repr::Packed(Group::Pairs, _) => true,
            Repr::Packed(Group::Triples, pack) => packed::expire_due(pack, now_ms, budget, f),
            Repr::Table(table) => table.expire_due(now_ms, budget, |field| f(field.member())),
        }
    }

    /// It as a table, which it becomes if need be.
    fn make_table(&mut self) -> &mut Elements<Fields> {
        if let Repr::Packed(..) = self.0 {
            let mut table = Elements::<Fields>::new();
            for field in self.view().iter() {
                let (mut name, mut value) = Default::default();
                let (name, value) = (field.name.text(&mut name), field.value.text(&mut value));
                match table.locate(name) {
                    Err(vacant) => _ = table.insert(vacant, name, value, field.expire_ms),
                    Ok(_) => unreachable!("(1) no field stands twice"),
                }
            }
            self.0 = Repr::Table(table);
        }
        match &mut self.0 {
            Repr::Table(table) => table,
            Repr::Packed(..) => unreachable!("it was just made a table"),
        }
    }

    /// The table, if it is one.
    pub(super) fn elements(&self) -> Option<&Elements<Fields>> {
        match &self.0 {
            Repr::Table(table) => Some(table),
            Repr::Packed(..) => None,
        }
    }

    /// As [`Hash::elements`].
    pub(super) fn elements_mut(&mut self) -> Option<&mut Elements<Fields>> {
        match &mut self.0 {
            Repr::Table(table) => Some(table),
            Repr::Packed(..) => None,
        }
    }

    /// Panics if an invariant is broken. For tests.
    pub fn check(&self) {
        match &self.0 {
            Repr::Packed(group, pack) => group.check(Listpack::new(pack)),
            Repr::Table(table) => table.check(),
        }
    }
}

fn set_in_table(
    table: &mut Elements<Fields>,
    field: &[u8],
    value: &[u8],
    expire: FieldExpire,
) -> bool {
    match table.locate(field) {
        Ok(mut at) => {
            table.set_value(&mut at, value);
            if expire == FieldExpire::Clear {
                table.set_expire_ms(&mut at, None);
            }
            false
        }
        Err(vacant) => {
            table.insert(vacant, field, value, None);
            true
        }
    }
}

impl CollectionType for Hash {
    const TYPE: Type = Type::Hash;
    type Ref<'a> = HashRef<'a>;

    fn empty(_: &Limits) -> Hash {
        Hash(Repr::Packed(Group::Pairs, listpack::new()))
    }

    #[inline]
    fn of_inline(form: Form, bytes: &[u8]) -> HashRef<'_> {
        HashRef::Packed(Group::of(form), Listpack::new(bytes))
    }

    #[inline]
    fn from_inline(form: Form, bytes: Vec<u8>) -> Hash {
        Hash(Repr::Packed(Group::of(form), bytes))
    }

    #[inline]
    fn inline(&self) -> Option<(Form, &[u8])> {
        match &self.0 {
            Repr::Packed(group, pack) => Some((group.form(), pack)),
            Repr::Table(_) => None,
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        match self.0 {
            Repr::Packed(_, pack) => pack,
            Repr::Table(_) => Vec::new(),
        }
    }

    #[inline]
    fn view(&self) -> HashRef<'_> {
        match &self.0 {
            Repr::Packed(group, pack) => HashRef::Packed(*group, Listpack::new(pack)),
            Repr::Table(table) => HashRef::Table(table),
        }
    }

    fn earliest_expire_ms(&self) -> Option<i64> {
        self.view().earliest_expire_ms()
    }

    fn allocations(&self) -> usize {
        match &self.0 {
            Repr::Table(table) => table.len(),
            _ => 1,
        }
    }

    fn drain_some(&mut self, budget: usize) -> bool {
        match &mut self.0 {
            Repr::Table(table) => table.drain_some(budget),
            _ => true,
        }
    }

    fn table(&self) -> Option<&dyn Ahead> {
        match &self.0 {
            Repr::Table(table) => Some(table),
            _ => None,
        }
    }

    fn wrap(self) -> Collection {
        Collection::Hash(self)
    }

    fn unwrap(collection: &Collection) -> Option<&Hash> {
        match collection {
            Collection::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn unwrap_mut(collection: &mut Collection) -> Option<&mut Hash> {
        match collection {
            Collection::Hash(hash) => Some(hash),
            _ => None,
        }
    }
}

impl View for HashRef<'_> {
    #[inline]
    fn len(&self) -> usize {
        match self {
            HashRef::Packed(group, pack) => group.len(*pack),
            HashRef::Table(table) => table.len(),
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self {
            HashRef::Packed(Group::Pairs, _) => "listpack",
            HashRef::Packed(Group::Triples, _) => "listpackex",
            HashRef::Table(_) => "hashtable",
        }
    }

    fn bytes(&self, _samples: usize) -> usize {
        match self {
            HashRef::Packed(_, pack) => pack.as_bytes().len(),
            HashRef::Table(table) => table.bytes(),
        }
    }
}
