//! Expiry of keys, and of elements inside their values, by one and the same walk.
//!
//! ```text
//!   table   slot HAS_TTL, watermarks      the earliest of
//!             |
//!   record    +-- the key's own expiry
//!   value     +-- its elements' earliest  packed: the first triple; a table: its own watermarks
//! ```
//!
//! To the table a hash with due fields is due like a key. It is not removed but changed: the due
//! fields go and the slot gets its next moment, or loses the flag. So nothing but the values
//! themselves knows which elements expire.

use structures::table::{COLOUR_A, Due, Entry, HAS_TTL, Slot};

use super::{DbShard, Fate, Keys, Remains, moment};
use crate::keyspace::Key;
use crate::record::{Expiries, Record};
use crate::snapshot::By;
use crate::value::Hash;

/// What goes because its time has come.
pub enum Gone<'a> {
    /// A key, and what it pointed to.
    Key(&'a [u8], Remains),
    /// Elements of the value under a key.
    Elements(&'a [u8], Purged),
}

/// The elements that were due, by name, and what became of their value.
pub struct Purged {
    pub names: Vec<Vec<u8>>,
    pub fate: Fate,
}

/// How many records expire.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expiring {
    /// Keys with an expiry of their own.
    pub(super) keys: usize,
    /// Keys with elements that expire.
    pub(super) by_elements: usize,
}

impl Expiring {
    #[inline]
    pub(super) fn enter(&mut self, expiries: Expiries) {
        self.keys += usize::from(expiries.key.is_some());
        self.by_elements += usize::from(expiries.elements.is_some());
    }

    #[inline]
    pub(super) fn leave(&mut self, expiries: Expiries) {
        self.keys -= usize::from(expiries.key.is_some());
        self.by_elements -= usize::from(expiries.elements.is_some());
    }
}

impl DbShard {
    /// Counts a record that is about to enter the table; the flag of its slot.
    #[inline]
    pub(super) fn enter(&mut self, entry: Entry) -> u8 {
        // SAFETY: it was just written.
        let expiries = unsafe { Record::from_raw(entry) }.expiries();
        self.expiring.enter(expiries);
        if expiries.next_ms().is_some() { HAS_TTL } else { 0 }
    }

    /// Makes (2) true again after the record at `slot`, whose expiries were these, changed in place.
    #[inline]
    pub(super) fn settle(&mut self, mut slot: Slot, before: Expiries) {
        let now = self.record(slot).expiries();
        if now != before {
            self.expiring.leave(before);
            self.expiring.enter(now);
            let flag = if now.next_ms().is_some() { HAS_TTL } else { 0 };
            if slot.flags() & HAS_TTL != flag {
                let flags = slot.flags() & !HAS_TTL | flag;
                self.table.set_flags(&mut slot, flags, &Keys(&self.hash_key));
            } else if let Some(ms) = now.next_ms() {
                self.table.note_expire(slot, moment(ms));
            }
        }
    }

    /// Removes what is due at `now_ms`, keys and elements of values, from where `cursor` stands;
    /// `gone` sees each key before its record is freed. False while the walk is not complete.
    ///
    /// The table names a hash with due fields like a due key, and keeps it. Such hashes are changed
    /// after the step, as all changes are, by [`DbShard::edit`]. One with more due fields than the
    /// budget allows is met again by the next step, which begins where this one did.
    pub fn expire_due(
        &mut self,
        now_ms: i64,
        cursor: &mut u64,
        budget: &mut usize,
        mut gone: impl FnMut(Gone<'_>),
    ) -> bool {
        let began_at = *cursor;
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let (heap, record_bytes) = (&mut self.heap, &mut self.record_bytes);
        let (expiring, watched) = (&mut self.expiring, &mut self.watched);
        let (mut capture, colour) = (self.capture.as_deref_mut(), self.colour);
        let mut done = self.table.expire_due(
            moment(now_ms),
            cursor,
            budget,
            &Keys(&self.hash_key),
            |entry, flags, _| {
                // SAFETY: (1), and the table lets go of the entry without looking at it again.
                unsafe {
                    let record = Record::from_raw(entry);
                    let expiries = record.expiries();
                    if expiries.key.is_none_or(|at| at >= now_ms) {
                        kept.push(record.key().to_vec());
                        // Its next moment is noted below.
                        return Due::Stays(entry, Some(u64::MAX));
                    }
                    if let Some(capture) = &mut capture
                        && flags & COLOUR_A != colour
                    {
                        capture.take(record, By::Writer);
                    }
                    expiring.leave(expiries);
                    let (bytes, owns) = (record.size(), record.owns());
                    watched.touch(record.key(), false);
                    let mut remains = owns.then(|| record.take_value());
                    if let Some(capture) = &mut capture {
                        remains = remains.and_then(|value| capture.keep(record.key(), value));
                    }
                    gone(Gone::Key(record.key(), remains));
                    *record_bytes -= bytes;
                    heap.free(entry, bytes);
                }
                Due::Gone
            },
        );
        self.publish();
        for name in kept {
            let key = Key { bytes: &name, hash: self.hash_key.hash(&name) };
            let slot = self.find(key).expect("it was kept");
            // Each gets ahead, however many there are.
            *budget = (*budget).max(1);
            let purged = self.purge(slot, key, now_ms, budget);
            if !purged.names.is_empty() {
                self.touch_watched(key);
                gone(Gone::Elements(key.bytes, purged));
            }
            if let Some(slot) = self.find(key)
                && let Some(next_ms) = self.record(slot).expiries().next_ms()
            {
                self.table.note_expire(slot, moment(next_ms));
                if next_ms < now_ms {
                    (*cursor, done) = (began_at, false);
                }
            }
        }
        done
    }

    /// Removes due elements from the value at `slot`, whose key is not due, until `budget` is used
    /// up.
    pub fn purge(&mut self, slot: Slot, key: Key<'_>, now_ms: i64, budget: &mut usize) -> Purged {
        let (names, fate) = self.edit::<Hash, _>(slot, key, |hash| {
            let mut names = Vec::new();
            hash.expire_due(now_ms, budget, |name| names.push(name.to_vec()));
            names
        });
        Purged { names, fate }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use base::random::Random;
    use structures::hash::HashKey;
    use structures::table::Peek;

    use super::*;
    use crate::shard::{Expire, NewValue};
    use crate::value::{CollectionType, FieldExpire, Limits, OwnedValue};

    const START_MS: i64 = 1_700_000_000_000;

    fn shard() -> DbShard {
        DbShard::new(HashKey::from_seed([7; 16]), 0, Arc::new(Peek::new()))
    }

    fn key<'k>(shard: &DbShard, bytes: &'k [u8]) -> Key<'k> {
        Key { bytes, hash: shard.hash_key.hash(bytes) }
    }

    type Fields = BTreeMap<String, Option<i64>>;

    struct Model {
        expire_ms: Option<i64>,
        fields: Fields,
    }

    /// Hashes of all forms with and without expiries of their own, and what should be in them.
    fn populated(random: &mut Random, hashes: u64) -> (DbShard, BTreeMap<String, Model>) {
        let (mut shard, mut model) = (shard(), BTreeMap::new());
        let limits = Limits { hash_entries_max: 20, ..Limits::default() };
        for n in 0..hashes {
            let name = format!("key {n}");
            let mut hash = Hash::empty(&limits);
            let mut fields = Fields::new();
            for n in 0..1 + random.below(40) {
                let field = format!("field {n}");
                hash.set(&limits, field.as_bytes(), b"value", FieldExpire::Clear);
                let expires = random.below(3) == 0;
                let at = expires.then(|| START_MS + random.below(1 << 16) as i64);
                if expires {
                    hash.set_expire_ms(field.as_bytes(), at);
                }
                fields.insert(field, at);
            }
            let key = key(&shard, name.as_bytes());
            shard.insert(key, hash, 0);
            let expire_ms = (n % 4 == 0).then(|| START_MS + random.below(1 << 17) as i64);
            let slot = shard.find(key).expect("it was just inserted");
            shard.set_expire(slot, expire_ms);
            model.insert(name, Model { expire_ms, fields });
        }
        (shard, model)
    }

    fn expiring_fields(model: &Model) -> usize {
        model.fields.values().filter(|at| at.is_some()).count()
    }

    #[test]
    fn what_is_due_goes_and_all_else_stays() {
        let mut random = Random::from_seed(1);
        let (mut shard, mut model) = populated(&mut random, 3_000);
        shard.check();
        let mut now_ms = START_MS;
        while now_ms < START_MS + (1 << 17) {
            now_ms += random.below(1 << 14) as i64;
            let (mut cursor, mut slices) = (0, 0);
            loop {
                let mut budget = [4, 64, 100_000][random.below(3) as usize];
                let done = shard.expire_due(now_ms, &mut cursor, &mut budget, |gone| match gone {
                    Gone::Key(key, _) => {
                        let name = String::from_utf8(key.to_vec()).expect("it is text");
                        let gone = model.remove(&name).expect("it was there");
                        assert!(gone.expire_ms.is_some_and(|at| at < now_ms));
                    }
                    Gone::Elements(key, Purged { names, fate }) => {
                        let name = String::from_utf8(key.to_vec()).expect("it is text");
                        let hash = model.get_mut(&name).expect("it is there");
                        for field in names {
                            let field = String::from_utf8(field).expect("it is text");
                            let at = hash.fields.remove(&field).expect("it was there");
                            assert!(at.is_some_and(|at| at < now_ms));
                        }
                        assert_eq!(hash.fields.is_empty(), fate.is_removed());
                        if fate.is_removed() {
                            model.remove(&name);
                        }
                    }
                });
                slices += 1;
                assert!(slices < 100_000, "every slice gets ahead");
                if done {
                    break;
                }
            }
            shard.check();
            assert_eq!(shard.len(), model.len());
            let due = |at: &Option<i64>| at.is_some_and(|at| at < now_ms);
            assert!(!model.values().any(|m| due(&m.expire_ms) || m.fields.values().any(due)));
            let own = model.values().filter(|m| m.expire_ms.is_some()).count();
            assert_eq!(shard.expires(), own);
            let with_fields = model.values().filter(|m| expiring_fields(m) > 0).count();
            assert_eq!(shard.element_expires(), with_fields);
        }
        assert_eq!((shard.expires(), shard.element_expires()), (0, 0));
        for (name, hash) in &model {
            let slot = shard.find(key(&shard, name.as_bytes())).expect("it stayed");
            assert_eq!(slot.flags() & HAS_TTL, 0);
            let view = shard.record(slot).collection::<Hash>().expect("it is a hash");
            assert_eq!(view.live_len(i64::MAX), hash.fields.len());
        }
    }

    #[test]
    fn a_large_hash_is_purged_over_many_steps() {
        const FIELDS: usize = 20_000;
        let mut shard = shard();
        let limits = Limits::default();
        let mut hash = Hash::empty(&limits);
        for n in 0..FIELDS {
            let field = n.to_string();
            hash.set(&limits, field.as_bytes(), b"v", FieldExpire::Clear);
            hash.set_expire_ms(field.as_bytes(), Some(START_MS));
        }
        let name = key(&shard, b"large");
        shard.insert(name, hash, 0);
        let (mut cursor, mut steps, mut fields) = (0, 0, 0);
        loop {
            let mut budget = 256;
            let done = shard.expire_due(START_MS + 1, &mut cursor, &mut budget, |gone| {
                let Gone::Elements(b"large", purged) = gone else { panic!("the key is not due") };
                assert!(purged.names.len() < 512, "a few buckets more at most");
                fields += purged.names.len();
            });
            steps += 1;
            shard.check();
            if done {
                break;
            }
        }
        assert_eq!((fields, shard.len()), (FIELDS, 0));
        assert!((FIELDS / 256..FIELDS / 64).contains(&steps), "{steps} steps");
    }

    #[test]
    fn an_overwritten_or_moved_hash_leaves_nothing_behind() {
        let mut random = Random::from_seed(2);
        let (mut shard, model) = populated(&mut random, 200);
        for (n, name) in model.keys().enumerate() {
            let key = key(&shard, name.as_bytes());
            let slot = shard.find(key);
            match n % 3 {
                0 => drop(shard.set(slot, key, NewValue::Text(b"string"), Expire::Clear, 0)),
                1 => drop(shard.remove(slot.expect("it is there"))),
                _ => {
                    let (value, expire_ms, usage) = shard.take(slot.expect("it is there"));
                    assert!(matches!(value, OwnedValue::Collection(_)));
                    let expire = expire_ms.map_or(Expire::Clear, Expire::At);
                    drop(shard.set(None, key, NewValue::Owned(value), expire, usage));
                }
            }
            shard.check();
        }
    }
}
