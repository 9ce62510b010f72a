//! Many elements at once: iteration and lookups that ask for memory ahead.
//!
//! In a large table each lookup waits for memory twice, for the bucket and for the record. A batch
//! of members is hashed first, then all their buckets are asked for, then all records: the waits
//! overlap. Going through a table is the same with one stage: records are asked for some entries
//! before it is their turn.

use super::{Element, Elements, Entry, Parts, element};
use crate::hash::process_key;
use crate::prefetch::prefetch;
use std::marker::PhantomData;

/// Members looked up together: as many lines as a core can have on their way, and some more.
const BATCH: usize = 16;
/// How many entries ahead a record is asked for.
const AHEAD: usize = 16;

impl<P: Parts> Elements<P> {
    /// All elements, in the order of their hashes.
    pub fn iter(&self) -> Iter<'_, P> {
        let mut entries: Entries<'_> = Box::new(self.table.iter().map(|(entry, _)| entry));
        let mut ring = [None; AHEAD];
        for place in &mut ring {
            *place = ask(&mut entries);
        }
        Iter { entries, ring, turn: 0, left: self.len(), of: PhantomData }
    }

    /// Looks each member up and hands it with its element, if it is there, to `f`, in order, until
    /// `f` says false. False if it did.
    pub fn find_each<'a, 'm>(
        &'a self,
        members: impl IntoIterator<Item = &'m [u8]>,
        mut f: impl FnMut(&'m [u8], Option<Element<'a, P>>) -> bool,
    ) -> bool {
        let key = process_key();
        let mut members = members.into_iter();
        let mut batch: [(u64, &[u8]); BATCH] = [(0, &[]); BATCH];
        loop {
            let mut len = 0;
            for (place, member) in batch.iter_mut().zip(&mut members) {
                *place = (key.hash(member), member);
                self.table.prefetch_bucket(place.0);
                len += 1;
            }
            let batch = &batch[..len];
            for (hash, _) in batch {
                self.table.prefetch_entry(*hash);
            }
            for &(hash, member) in batch {
                if !f(member, self.find_hashed(hash, member)) {
                    return false;
                }
            }
            if len < BATCH {
                return true;
            }
        }
    }
}

/// Elements that someone will look for soon, whatever they are: two stages of asking for memory,
/// each a wait.
pub trait Ahead {
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// First stage: asks for the bucket of this hash by [`process_key`].
    fn prefetch_bucket(&self, hash: u64);

    /// Second stage: asks for the element with this hash.
    fn prefetch_element(&self, hash: u64);
}

impl<P: Parts> Ahead for Elements<P> {
    fn len(&self) -> usize {
        self.len()
    }

    fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    fn prefetch_element(&self, hash: u64) {
        self.table.prefetch_entry(hash);
    }
}

type Entries<'a> = Box<dyn Iterator<Item = Entry> + 'a>;

/// The elements of a table. See [`Elements::iter`].
pub struct Iter<'a, P> {
    entries: Entries<'a>,
    /// Asked for, and not yet handed out, from `turn` on.
    ring: [Option<Entry>; AHEAD],
    turn: usize,
    left: usize,
    of: PhantomData<fn() -> P>,
}

fn ask(entries: &mut Entries<'_>) -> Option<Entry> {
    let entry = entries.next()?;
    prefetch(entry.as_ptr());
    Some(entry)
}

impl<'a, P: Parts> Iterator for Iter<'a, P> {
    type Item = Element<'a, P>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a, P>> {
        let entry = self.ring[self.turn]?;
        self.ring[self.turn] = ask(&mut self.entries);
        self.turn = (self.turn + 1) % AHEAD;
        self.left -= 1;
        Some(element(entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<P: Parts> ExactSizeIterator for Iter<'_, P> {}
