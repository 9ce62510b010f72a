//! Sets: members without order, in the form that suits them.
//!
//! ```text
//!   Intset     integers only, ascending      up to set-max-intset-entries
//!   Listpack   few and short members         up to set-max-listpack-entries of -value bytes
//!   Table      anything else                 structures::elements
//!
//!   Intset ──► Listpack ──► Table             never back, save by SPOP of nearly all members and
//!      └────────────────────►                 by SINTERSTORE, whose results are made anew
//! ```
//!
//! An intset becomes a listpack when a member comes that is no integer, if the limits of listpacks
//! allow it, and a table when it has too many members: it is never first a listpack then, because
//! finding an integer there takes as long as there are members. All of this is Redis's (7.2).
//!
//! # Invariants
//!
//! (1) Members differ in their text: an integer is the same member as its digits.
//! (2) A member that is the text of an integer lies in an intset or a listpack as that integer.

mod view;

#[cfg(test)]
mod tests;

pub use view::{Iter, SetRef};

use structures::elements::{Ahead, Elements, Members};
use structures::intset::{self, Intset};
use structures::listpack::{self, Listpack, TextBuffer, Value};
use structures::packed;

use super::{Collection, CollectionType, Form, INLINE_PACKED_BYTES_MAX, Limits, View};
use crate::record::Type;

/// Redis's own bound of an intset, whatever the configuration says.
const INTSET_ENTRIES_MAX: usize = 1 << 30;
/// How many times fewer members are to stay than to go for those that stay to be put into a new
/// set. What stays may then be compact again.
const KEEP_FACTOR: usize = 5;

/// A set. See the module's essay.
#[derive(Clone, Debug)]
pub struct Set(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Intset(Vec<u8>),
    Listpack(Vec<u8>),
    Table(Elements<Members>),
}

impl Default for Set {
    /// An empty intset, from which every set may begin.
    fn default() -> Set {
        Set(Inner::Intset(intset::new()))
    }
}

impl Set {
    /// An empty listpack: for results of which the most are no integers.
    pub fn new_listpack() -> Set {
        Set(Inner::Listpack(listpack::new()))
    }

    /// A set of the bytes of a valid intset.
    pub fn from_intset(bytes: Vec<u8>) -> Set {
        Set(Inner::Intset(bytes))
    }

    /// A set of the bytes of a valid listpack whose values differ.
    pub fn from_listpack(bytes: Vec<u8>) -> Set {
        Set(Inner::Listpack(bytes))
    }

    pub fn from_table(table: Elements<Members>) -> Set {
        Set(Inner::Table(table))
    }

    /// Prepares for `count` members to be added, of which one is `first`: an empty set takes the
    /// form such a set begins with, and one that may become too large is a table at once.
    pub fn make_ready(&mut self, first: &[u8], count: usize, limits: &Limits) {
        let too_many_for_intset = count > limits.set_intset_entries_max;
        let too_many_for_listpack = count > limits.set_listpack_entries_max;
        if self.view().is_empty() {
            let is_integer = matches!(Value::of(first), Value::Int(_));
            if !is_integer || too_many_for_intset {
                *self = match too_many_for_listpack {
                    true => Set(Inner::Table(Elements::new())),
                    false => Set::new_listpack(),
                };
            }
            return;
        }
        match self.0 {
            Inner::Intset(_) if too_many_for_intset => _ = self.make_table(),
            Inner::Listpack(_) if too_many_for_listpack => _ = self.make_table(),
            _ => {}
        }
    }

    /// Adds a member; false if it was there.
    #[inline]
    pub fn add(&mut self, member: &[u8], limits: &Limits) -> bool {
        match &mut self.0 {
            Inner::Table(table) => table.add(member),
            Inner::Listpack(pack) => match Listpack::new(pack).find(member, 0) {
                Some(_) => false,
                None => self.add_to_listpack(Value::of(member), limits),
            },
            Inner::Intset(_) => self.add_to_intset(Value::of(member), limits),
        }
    }

    /// A table is told how many members to expect in all; 0 when no more come.
    pub fn expect(&mut self, len: usize) {
        if let Inner::Table(table) = &mut self.0 {
            table.expect(len);
        }
    }

    /// Adds members that are new. False at the first that is there already; those before it stay.
    pub fn add_all(&mut self, members: &[&[u8]], limits: &Limits) -> bool {
        match &mut self.0 {
            Inner::Table(table) => table.add_all(members),
            _ => members.iter().all(|member| self.add(member, limits)),
        }
    }

    /// [`Set::add`] of a member of another set.
    pub fn add_value(&mut self, member: Value<'_>, limits: &Limits) -> bool {
        match &self.0 {
            Inner::Intset(_) => match member.as_i64() {
                Some(n) => self.add_to_intset(Value::Int(n), limits),
                None => self.add_to_intset(member, limits),
            },
            _ => self.add(member.text(&mut TextBuffer::new()), limits),
        }
    }

    /// `member` is an integer if its text is one's.
    fn add_to_intset(&mut self, member: Value<'_>, limits: &Limits) -> bool {
        let Inner::Intset(set) = &mut self.0 else { unreachable!("callers looked") };
        match member {
            Value::Int(n) => {
                if !intset::insert(set, n) {
                    return false;
                }
                let entries_max = limits.set_intset_entries_max.min(INTSET_ENTRIES_MAX);
                if Intset::new(set).len() > entries_max {
                    self.make_table();
                }
            }
            Value::Bytes(text) => {
                if intset_fits_listpack(Intset::new(set), text, limits) {
                    let mut pack = listpack::new();
                    Intset::new(set).iter().for_each(|n| listpack::append(&mut pack, n));
                    listpack::append(&mut pack, text);
                    self.0 = Inner::Listpack(pack);
                } else {
                    self.make_table().add(text);
                }
            }
        }
        true
    }

    /// The member is not in it.
    fn add_to_listpack(&mut self, member: Value<'_>, limits: &Limits) -> bool {
        let Inner::Listpack(pack) = &mut self.0 else { unreachable!("callers looked") };
        let view = Listpack::new(pack);
        let fits = view.len() < limits.set_listpack_entries_max
            && member.text_len() <= limits.set_listpack_value_bytes_max
            && view.byte_len() + member.entry_len() <= listpack::BYTES_MAX;
        if fits {
            listpack::append(pack, member);
        } else {
            self.make_table().add(member.text(&mut TextBuffer::new()));
        }
        true
    }

    /// Whatever it was, it is a table now.
    fn make_table(&mut self) -> &mut Elements<Members> {
        if !matches!(self.0, Inner::Table(_)) {
            let mut table = Elements::new();
            for member in self.view().iter() {
                table.add(member.text(&mut TextBuffer::new()));
            }
            self.0 = Inner::Table(table);
        }
        match &mut self.0 {
            Inner::Table(table) => table,
            _ => unreachable!("it was just made one"),
        }
    }

    /// Removes a member; false if it was not there.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Inner::Table(table) => table.remove_member(member),
            Inner::Listpack(pack) => {
                let Some(at) = Listpack::new(pack).find(member, 0) else { return false };
                listpack::delete(pack, at);
                shrink(pack);
                true
            }
            Inner::Intset(set) => {
                let Value::Int(n) = Value::of(member) else { return false };
                let is_removed = intset::remove(set, n);
                shrink(set);
                is_removed
            }
        }
    }

    /// [`Set::remove`] of a member of another set.
    pub fn remove_value(&mut self, member: Value<'_>) -> bool {
        match (&mut self.0, member) {
            (Inner::Intset(set), Value::Int(n)) => intset::remove(set, n),
            _ => self.remove(member.text(&mut TextBuffer::new())),
        }
    }

    /// Removes `count` members, fewer than there are, each choice having the same chance, and hands
    /// each to `f` before it goes.
    pub fn pop(
        &mut self,
        count: usize,
        limits: &Limits,
        mut next_u64: impl FnMut() -> u64,
        mut f: impl FnMut(Value<'_>),
    ) {
        let len = self.view().len();
        assert!(count < len, "who takes all removes the key");
        match &mut self.0 {
            Inner::Listpack(pack) => {
                let mut positions = Vec::with_capacity(count);
                let entries = Listpack::new(pack).entries();
                view::choose(entries, len, count, next_u64, |(position, member)| {
                    f(member);
                    positions.push(position);
                });
                listpack::delete_groups(pack, &positions, 1);
                shrink(pack);
            }
            Inner::Intset(set) if count == 1 => {
                let index = ((u128::from(next_u64()) * len as u128) >> 64) as usize;
                f(Value::Int(intset::remove_at(set, index)));
                shrink(set);
            }
            // A frozen table stays: it knows what is left to be handed over.
            Inner::Table(table) if (len - count) * KEEP_FACTOR > count || table.is_frozen() => {
                for _ in 0..count {
                    table.pop_random(&mut next_u64, |e| f(Value::Bytes(e.member())));
                }
            }
            inner => {
                let mut kept = match inner {
                    Inner::Intset(_) => Set::default(),
                    _ => Set::new_listpack(),
                };
                let left = len - count;
                view::split(self.view().iter(), len, left, next_u64, |member, is_kept| {
                    if is_kept {
                        kept.add_value(member, limits);
                    } else {
                        f(member);
                    }
                });
                *self = kept;
            }
        }
    }

    /// The table, if it is one.
    pub(super) fn elements(&self) -> Option<&Elements<Members>> {
        match &self.0 {
            Inner::Table(table) => Some(table),
            _ => None,
        }
    }

    /// As [`Set::elements`].
    pub(super) fn elements_mut(&mut self) -> Option<&mut Elements<Members>> {
        match &mut self.0 {
            Inner::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Makes an intset of a set all of whose members are integers, if it has not too many.
    pub fn make_intset(&mut self, limits: &Limits) {
        let len = self.view().len();
        if matches!(self.0, Inner::Intset(_))
            || len > limits.set_intset_entries_max.min(INTSET_ENTRIES_MAX)
        {
            return;
        }
        let integers: Option<Vec<i64>> = self.view().iter().map(|member| member.as_i64()).collect();
        if let Some(mut integers) = integers {
            integers.sort_unstable();
            self.0 = Inner::Intset(intset::from_sorted(&integers));
        }
    }
}

/// Whether an intset with one more member, which is no integer, may be a listpack.
fn intset_fits_listpack(set: Intset<'_>, text: &[u8], limits: &Limits) -> bool {
    let len = set.len();
    if len >= limits.set_listpack_entries_max || text.len() > limits.set_listpack_value_bytes_max {
        return false;
    }
    if len == 0 {
        return true;
    }
    let ends = [Value::Int(set.get(0)), Value::Int(set.get(len - 1))];
    let entry_bytes_max = ends.map(Value::entry_len).into_iter().max().expect("there are two");
    ends.iter().all(|n| n.text_len() <= limits.set_listpack_value_bytes_max)
        && len * entry_bytes_max + text.len() <= listpack::BYTES_MAX / 2
}

/// Gives back what a buffer of its own no longer needs. One that fits into a record is a scratch
/// buffer that will be used again.
fn shrink(bytes: &mut Vec<u8>) {
    if bytes.len() > INLINE_PACKED_BYTES_MAX {
        packed::shrink(bytes);
    }
}

impl Set {
    /// Panics if an invariant is broken. For tests.
    pub fn check(&self) {
        let is_canonical = |member: Value<'_>| match member {
            Value::Int(_) => true,
            Value::Bytes(text) => matches!(Value::of(text), Value::Bytes(_)),
        };
        match &self.0 {
            Inner::Intset(bytes) => Intset::new(bytes).check(),
            Inner::Listpack(bytes) => {
                let pack = Listpack::new(bytes);
                pack.check();
                assert!(pack.iter().all(is_canonical), "(2) integers lie as integers");
                let mut members: Vec<_> = pack.iter().map(Value::to_vec).collect();
                members.sort_unstable();
                assert!(members.windows(2).all(|two| two[0] != two[1]), "(1) members differ");
            }
            Inner::Table(table) => table.check(),
        }
    }
}

impl CollectionType for Set {
    const TYPE: Type = Type::Set;
    type Ref<'a> = SetRef<'a>;

    fn empty(_: &Limits) -> Set {
        Set::default()
    }

    fn of_inline(form: Form, bytes: &[u8]) -> SetRef<'_> {
        match form {
            Form::Intset => SetRef::Intset(Intset::new(bytes)),
            Form::Listpack => SetRef::Listpack(Listpack::new(bytes)),
            Form::ListpackEx => unreachable!("only hashes have fields that expire"),
        }
    }

    fn from_inline(form: Form, bytes: Vec<u8>) -> Set {
        match form {
            Form::Intset => Set::from_intset(bytes),
            Form::Listpack => Set::from_listpack(bytes),
            Form::ListpackEx => unreachable!("only hashes have fields that expire"),
        }
    }

    fn inline(&self) -> Option<(Form, &[u8])> {
        match &self.0 {
            Inner::Intset(bytes) => Some((Form::Intset, bytes)),
            Inner::Listpack(bytes) => Some((Form::Listpack, bytes)),
            Inner::Table(_) => None,
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        match self.0 {
            Inner::Intset(bytes) | Inner::Listpack(bytes) => bytes,
            Inner::Table(_) => Vec::new(),
        }
    }

    #[inline]
    fn view(&self) -> SetRef<'_> {
        match &self.0 {
            Inner::Intset(bytes) => SetRef::Intset(Intset::new(bytes)),
            Inner::Listpack(bytes) => SetRef::Listpack(Listpack::new(bytes)),
            Inner::Table(table) => SetRef::Table(table),
        }
    }

    fn allocations(&self) -> usize {
        match &self.0 {
            Inner::Table(table) => table.len(),
            _ => 1,
        }
    }

    fn drain_some(&mut self, budget: usize) -> bool {
        match &mut self.0 {
            Inner::Table(table) => table.drain_some(budget),
            _ => true,
        }
    }

    fn table(&self) -> Option<&dyn Ahead> {
        match &self.0 {
            Inner::Table(table) => Some(table),
            _ => None,
        }
    }

    fn wrap(self) -> Collection {
        Collection::Set(self)
    }

    fn unwrap(collection: &Collection) -> Option<&Set> {
        match collection {
            Collection::Set(set) => Some(set),
            _ => None,
        }
    }

    fn unwrap_mut(collection: &mut Collection) -> Option<&mut Set> {
        match collection {
            Collection::Set(set) => Some(set),
            _ => None,
        }
    }
}
