//! Elements: the large form of sets, hashes and sorted sets. A hash-ordered table of records.
//!
//! ```text
//!   Elements<Members>   set          member                      Table ( ../table )
//!   Elements<Fields>    hash         field, value, expiry?        |  8-byte slots in hash order
//!   Elements<Scored>    sorted set   member, score                v
//!                                                  record ( record.rs ), in the allocator
//!                                                  or in a heap of the table's own ( memory.rs )
//! ```
//!
//! Whatever the [table](crate::table) can do, elements can: SCAN by a cursor that returns each one
//! exactly once, growth without a second table, exact uniform random choice, expiry by watermarks
//! without an index, and freeing in slices. All tables of a process use one hash
//! ([`crate::hash::process_key`]), so going through one in its order probes another in order.
//!
//! A table can be [frozen](Elements::freeze): what it held then is handed over in slices while it
//! changes (`frozen.rs`).
//!
//! A change is made in two steps, so that a member is hashed and searched once:
//!
//! ```
//! use structures::elements::{Elements, Fields};
//! let mut fields = Elements::<Fields>::new();
//! match fields.locate(b"field") {
//!     Ok(mut at) => fields.set_value(&mut at, b"value"),
//!     Err(vacant) => _ = fields.insert(vacant, b"field", b"value", None),
//! }
//! assert_eq!(fields.find(b"field").map(|field| field.value()), Some(&b"value"[..]));
//! ```
//!
//! # Invariants
//!
//! (1) An entry of the table is a record written by [`NewRecord::write`] in memory of `memory`.
//! (2) The slot's HAS_TTL flag and the record's own bit are equal.
//! (3) An element of a sorted set never moves: its score is overwritten in place. So a tree may
//!     point to it.
//!
//! # Cost
//!
//! Bytes beyond member and value of a large table: 9.5 to 9.9 for the slot; one for a member's
//! length (three from 126 bytes on) and one for a value's (from 254); 0 to 3 for alignment. A set
//! of members of 16 bytes: 20 + 9.75 for each. Of a small table: what the allocator rounds up.
//!
//! # Limits
//!
//! A table whose elements were removed at random keeps pages with few records in them, as any heap
//! whose records never move.

mod bulk;
mod frozen;
mod lookup;
mod memory;
mod random;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use frozen::Passed;
pub use lookup::{Ahead, Iter};
pub use record::{Element, Fields, Members, Parts, Scored};

use crate::hash::process_key;
use crate::heap::rounded;
use crate::table::{Due, Entries, Entry, HAS_TTL, Reclaim, Slot, Table, TableStats};
use frozen::Frozen;
use memory::{IN_HEAP, Memory, same_class};
use record::NewRecord;
use std::marker::PhantomData;

/// Regions of a heap, of 64 KiB, that count as one slice with as many elements.
const ELEMENTS_PER_REGION: usize = 64;

/// A set of elements. See the module's essay.
pub struct Elements<P: Parts> {
    table: Table,
    memory: Memory,
    /// Where [`Elements::expire_due`] stands.
    expire_cursor: u64,
    /// There while it is frozen.
    pub(crate) frozen: Option<Box<Frozen>>,
    of: PhantomData<fn() -> P>,
}

/// Where a member would be, as [`Elements::locate`] found.
#[derive(Clone, Copy, Debug)]
pub struct Vacant {
    hash: u64,
}

/// What the table asks about records.
struct Records<P>(PhantomData<P>);

impl<P> Records<P> {
    const ALL: Records<P> = Records(PhantomData);
}

impl<P: Parts> Entries for Records<P> {
    fn hash(&self, entry: Entry) -> u64 {
        element::<P>(entry).hash()
    }

    fn expire_ms(&self, entry: Entry) -> u64 {
        let ms = element::<P>(entry).expire_ms().expect("(2) the flag says that it expires");
        ms.max(0) as u64
    }
}

/// The element of an entry that is in a table.
#[inline(always)]
fn element<'a, P: Parts>(entry: Entry) -> Element<'a, P> {
    // SAFETY: (1); callers give it no longer a life than the borrow of the table they have.
    unsafe { Element::from_raw(entry) }
}

impl<P: Parts> Default for Elements<P> {
    fn default() -> Elements<P> {
        Elements::new()
    }
}

impl<P: Parts> Elements<P> {
    /// An empty one, without any allocation.
    pub const fn new() -> Elements<P> {
        Elements {
            table: Table::new(0, Reclaim::Now),
            memory: Memory::new(),
            expire_cursor: 0,
            frozen: None,
            of: PhantomData,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes of table and records, without `Elements` itself.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.memory.bytes()
    }

    /// What the table looks like inside, counted in O(N).
    pub fn table_stats(&self) -> TableStats {
        self.table.stats()
    }

    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        self.find(member).is_some()
    }

    #[inline]
    pub fn find(&self, member: &[u8]) -> Option<Element<'_, P>> {
        self.find_hashed(process_key().hash(member), member)
    }

    /// Like [`Elements::find`], with the member's hash by [`process_key`].
    #[inline]
    pub fn find_hashed(&self, hash: u64, member: &[u8]) -> Option<Element<'_, P>> {
        Some(element(self.slot(hash, member)?.entry()))
    }

    #[inline]
    fn slot(&self, hash: u64, member: &[u8]) -> Option<Slot> {
        self.table.find(hash, |entry| element::<P>(entry).member() == member)
    }

    /// Where the member is, or where it would be. Good until the next insert or remove.
    #[inline]
    pub fn locate(&self, member: &[u8]) -> Result<Slot, Vacant> {
        let hash = process_key().hash(member);
        self.slot(hash, member).ok_or(Vacant { hash })
    }

    /// The element that [`Elements::locate`] found.
    #[inline]
    pub fn at(&self, at: &Slot) -> Element<'_, P> {
        element(at.entry())
    }

    #[inline]
    fn insert_record(&mut self, vacant: Vacant, new: NewRecord<'_>) -> Slot {
        let (entry, mut flags) = self.memory.alloc(new.bytes::<P>());
        // SAFETY: as many bytes were allocated.
        unsafe { new.write::<P>(entry) };
        if new.expire_ms.is_some() {
            flags |= HAS_TTL;
        }
        if let Some(frozen) = &mut self.frozen {
            frozen.note_young::<P>(entry);
        }
        self.table.insert(vacant.hash, entry, flags, &Records::<P>::ALL)
    }

    /// Removes the element.
    pub fn remove(&mut self, at: Slot) {
        let entry = self.table.remove(at);
        self.release(entry, at.flags());
    }

    /// Removes a member. False if it was not there.
    pub fn remove_member(&mut self, member: &[u8]) -> bool {
        let at = self.locate(member);
        at.map(|at| self.remove(at)).is_ok()
    }

    /// Gives an element, or takes from it, the moment it expires, in unix ms. It may move: not for
    /// elements a tree points to.
    pub fn set_expire_ms(&mut self, at: &mut Slot, expire_ms: Option<i64>) {
        let old = element::<P>(at.entry());
        match expire_ms {
            Some(ms) if old.expires() => {
                self.before_change(at);
                // SAFETY: we are borrowed exclusively.
                unsafe { old.write_expire_ms(ms) };
                self.table.note_expire(*at, ms.max(0) as u64);
            }
            None if !old.expires() => {}
            _ => self.replace(at, NewRecord { expire_ms, ..old.parts() }),
        }
    }

    /// Puts a new record in the place of one, from which it may borrow.
    fn replace(&mut self, at: &mut Slot, new: NewRecord<'_>) {
        let (entry, mut flags) = self.memory.alloc(new.bytes::<P>());
        // SAFETY: as many bytes were allocated.
        unsafe { new.write::<P>(entry) };
        if new.expire_ms.is_some() {
            flags |= HAS_TTL;
        }
        let old_flags = at.flags();
        let old = self.table.replace(at, entry, flags, &Records::<P>::ALL);
        if let Some(frozen) = &mut self.frozen {
            frozen.note_young::<P>(entry);
        }
        self.release(old, old_flags);
    }

    /// Elements that expire.
    pub fn expiring_len(&self) -> usize {
        self.table.ttl_len()
    }

    /// No element expires before this moment, in unix ms. None if none expires at all.
    pub fn earliest_expire_ms(&self) -> Option<i64> {
        self.table.next_expire_ms().map(|ms| i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// Removes elements whose expiry lies before `now_ms`; `f` sees each before it goes. Works on
    /// from where the last call stopped until `budget` is used up, one for each element removed
    /// and each few looked at. True when the walk is complete: what was due when it began is gone,
    /// and if nothing else changed meanwhile, [`Elements::earliest_expire_ms`] is exact.
    pub fn expire_due(
        &mut self,
        now_ms: i64,
        budget: &mut usize,
        mut f: impl FnMut(Element<'_, P>),
    ) -> bool {
        let (memory, frozen) = (&mut self.memory, &mut self.frozen);
        self.table.expire_due(
            now_ms.max(0) as u64,
            &mut self.expire_cursor,
            budget,
            &Records::<P>::ALL,
            |entry, flags, _| {
                let due = element::<P>(entry);
                f(due);
                if !frozen.as_mut().is_some_and(|frozen| frozen.takes::<P>(entry, flags)) {
                    // SAFETY: (1), and the table has just let go of it.
                    unsafe { memory.free(entry, due.bytes(), flags) };
                }
                Due::Gone
            },
        )
    }

    /// Hands the elements at the cursor, about a dozen, to `f`. Begins at 0; returns the next
    /// cursor, 0 when all were handed over. An element that is there throughout is handed over
    /// exactly once, whatever happens between calls.
    pub fn scan<'a>(&'a self, cursor: u64, mut f: impl FnMut(Element<'a, P>)) -> u64 {
        self.table.scan(cursor, &Records::<P>::ALL, |entry, _| f(element(entry)))
    }

    /// Frees a part of what nobody needs any more: about `budget` elements. True when it is empty.
    /// Once begun, only this and drop make sense.
    pub fn drain_some(&mut self, budget: usize) -> bool {
        self.thaw();
        let memory = &mut self.memory;
        // Its last segment may be gone and its directory still there: so it says when it is empty.
        let is_empty = self.table.drain_some(budget, false, |entry, flags| {
            // What lies in the heap goes with it.
            if flags & IN_HEAP == 0 {
                // SAFETY: (1), and the table has just let go of it.
                unsafe { memory.free(entry, element::<P>(entry).bytes(), flags) };
            }
        });
        if !is_empty {
            return false;
        }
        // SAFETY: the table, through which alone records are reached, is empty.
        unsafe { self.memory.drain_some((budget / ELEMENTS_PER_REGION).max(1)) }
    }

    /// Panics if an invariant of table or records is broken, in O(N).
    pub fn check(&self) {
        self.table.check(&Records::<P>::ALL);
        let mut bytes = 0;
        for (entry, flags) in self.table.iter() {
            let element = element::<P>(entry);
            assert_eq!(element.expires(), flags & HAS_TTL != 0, "(2) slot and record agree");
            bytes += rounded(element.bytes());
        }
        bytes += self.frozen.as_ref().map_or(0, |frozen| frozen.kept_bytes::<P>());
        assert_eq!(
            bytes,
            self.memory.bytes_in_use(),
            "(1) all records, and no others, have memory"
        );
    }
}

impl Elements<Members> {
    /// Adds a member. False if it was there.
    #[inline]
    pub fn add(&mut self, member: &[u8]) -> bool {
        let vacant = self.locate(member);
        vacant.map_err(|vacant| self.insert(vacant, member)).is_err()
    }

    /// Adds the member that was not located.
    #[inline]
    pub fn insert(&mut self, vacant: Vacant, member: &[u8]) -> Slot {
        self.insert_record(vacant, NewRecord::of_member(member))
    }
}

impl Elements<Fields> {
    /// Adds the field that was not located.
    #[inline]
    pub fn insert(
        &mut self,
        vacant: Vacant,
        field: &[u8],
        value: &[u8],
        expire_ms: Option<i64>,
    ) -> Slot {
        let new = NewRecord { value, expire_ms, ..NewRecord::of_member(field) };
        self.insert_record(vacant, new)
    }

    /// Gives a field another value; its expiry stays.
    #[inline]
    pub fn set_value(&mut self, at: &mut Slot, value: &[u8]) {
        let old = element::<Fields>(at.entry());
        let new = NewRecord { value, ..old.parts() };
        if same_class(old.bytes(), new.bytes::<Fields>()) {
            self.before_change(at);
            // SAFETY: the memory is of this class; we are borrowed exclusively, so `value` cannot
            // be borrowed from us.
            unsafe { old.write_value(value) };
        } else {
            self.replace(at, new);
        }
    }
}

impl Elements<Scored> {
    /// Adds the member that was not located.
    #[inline]
    pub fn insert(&mut self, vacant: Vacant, member: &[u8], score: f64) -> Element<'_, Scored> {
        let new = NewRecord { score, ..NewRecord::of_member(member) };
        element(self.insert_record(vacant, new).entry())
    }

    /// Gives an element another score. It does not move.
    #[inline]
    pub fn set_score(&mut self, at: &Slot, score: f64) {
        self.before_change(at);
        // SAFETY: we are borrowed exclusively.
        unsafe { element::<Scored>(at.entry()).write_score(score) }
        if let Some(frozen) = &mut self.frozen {
            // It may have been handed over, and come before the walk again.
            frozen.note_young::<Scored>(at.entry());
        }
    }
}

impl<P: Parts> Clone for Elements<P> {
    /// In hash order on both sides, so memory is filled in order too.
    fn clone(&self) -> Elements<P> {
        let mut copy = Elements::new();
        for element in self.iter() {
            copy.insert_record(Vacant { hash: element.hash() }, element.parts());
        }
        copy
    }
}

impl<P: Parts> Drop for Elements<P> {
    fn drop(&mut self) {
        while !self.drain_some(usize::MAX) {}
    }
}

impl<P: Parts> std::fmt::Debug for Elements<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
