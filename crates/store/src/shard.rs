//! A shard's part of one database, and the one door through which its entries change.
//!
//! ```text
//! Shard (lock)                       ShardData
//!   peeks[db] ── lock-free view ──►    dbs[db]: DbShard
//!                                        table  8-byte slots, ordered by hash
//!                                        heap   the records the slots point to
//! ```
//!
//! # Invariants
//!
//! (1) Each slot's pointer is a live record from this `DbShard`'s heap, found under the hash of
//!     its key.
//! (2) The slot's HAS_TTL flag says whether the record or an element of its value expires
//!     ([`crate::record::Expiries`]), and the table's bounds are not later. `expiring` counts both kinds.
//! (3) Before an entry of the table changes in any way but its usage clock, `before_change` is
//!     called with its slot. This is where a snapshot takes the old record ([`crate::snapshot`]).
//! (4) After the table may have got another directory, it is published to the peek.

mod capture;
mod expiry;

use std::sync::Arc;

use structures::hash::HashKey;
use structures::heap::{Heap, rounded};
use structures::table::{
    COLOUR_A, Entries, Entry, HAS_TTL, Peek, Reclaim, Slot, Table, TableStats,
};

use crate::keyspace::Key;
use crate::record::{self, EMBSTR_BYTES_MAX, Encoding, INLINE_BYTES_MAX, Payload, Record};
use crate::snapshot::Capture;
use crate::tracked::Tracked;
use crate::value::{BigString, CollectionType, INLINE_PACKED_BYTES_MAX, Limits, OwnedValue, View};
use crate::waiting::Waiting;
use crate::watch::{Then, Watched};

pub use expiry::{Gone, Purged};

use expiry::Expiring;

/// What a write does with the key's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    Clear,
    Keep,
    /// Unix milliseconds.
    At(i64),
}

/// A value to be stored.
pub enum NewValue<'a> {
    /// A string; the canonical text of an integer is stored as one.
    Text(&'a [u8]),
    /// A string that is not looked at: what APPEND and its like produced.
    Raw(&'a [u8]),
    Int(i64),
    Owned(OwnedValue),
}

impl NewValue<'_> {
    fn payload(&self) -> Option<Payload<'_>> {
        Some(match self {
            NewValue::Int(n) => Payload::Int(*n),
            NewValue::Text(b) => match base::number::parse_i64(b) {
                Some(n) if b.len() <= 20 => Payload::Int(n),
                _ if b.len() <= EMBSTR_BYTES_MAX => Payload::Inline(Encoding::Embstr, b),
                _ if b.len() <= INLINE_BYTES_MAX => Payload::Inline(Encoding::Raw, b),
                _ => Payload::Big(Box::new(BigString::new(b.to_vec()))),
            },
            NewValue::Raw(b) if b.len() <= INLINE_BYTES_MAX => Payload::Inline(Encoding::Raw, b),
            NewValue::Raw(b) => Payload::Big(Box::new(BigString::new(b.to_vec()))),
            NewValue::Owned(_) => return None,
        })
    }
}

/// One database's entries whose hashes fall into one shard.
pub struct DbShard {
    table: Table,
    heap: Heap,
    hash_key: HashKey,
    peek: Arc<Peek>,
    /// Bytes behind pointers are not counted here: the allocator knows them.
    record_bytes: usize,
    /// Holds the inline value that is being changed.
    scratch: Vec<u8>,
    /// Whom WATCH wants told of changes.
    pub watched: Watched,
    expiring: Expiring,
    /// Who waits for a key to change.
    pub waiting: Waiting,
    /// The colour of entries that are new, or that no snapshot waits for: [`COLOUR_A`] or none.
    colour: u8,
    /// There while a snapshot has not been everywhere here.
    capture: Option<Box<Capture>>,
}

struct Keys<'a>(&'a HashKey);

impl Entries for Keys<'_> {
    #[inline]
    fn hash(&self, e: Entry) -> u64 {
        // SAFETY: (1) a slot's pointer is a live record.
        self.0.hash(unsafe { Record::from_raw(e) }.key())
    }

    #[inline]
    fn expire_ms(&self, e: Entry) -> u64 {
        // SAFETY: (1).
        let ms = unsafe { Record::from_raw(e) }.expiries().next_ms();
        moment(ms.expect("(2): only asked of entries with HAS_TTL"))
    }
}

/// As the table has it: an expiry before 1970 is due like any other of the past.
#[inline]
fn moment(ms: i64) -> u64 {
    ms.max(0) as u64
}

/// What became of a value that was changed.
pub enum Fate {
    Kept,
    /// It was empty, and its key is gone.
    Removed(Remains),
}

impl Fate {
    pub fn is_removed(&self) -> bool {
        matches!(self, Fate::Removed(_))
    }

    pub fn remains(self) -> Remains {
        match self {
            Fate::Kept => None,
            Fate::Removed(remains) => remains,
        }
    }
}

/// What is left of an entry that was removed or overwritten, if it is more than its record: the
/// caller frees it here or in the background.
pub type Remains = Option<OwnedValue>;

impl DbShard {
    pub fn new(hash_key: HashKey, shard_bits: u32, peek: Arc<Peek>) -> DbShard {
        DbShard {
            table: Table::new(shard_bits, Reclaim::Deferred),
            heap: Heap::new(),
            hash_key,
            peek,
            record_bytes: 0,
            scratch: Vec::new(),
            watched: Watched::default(),
            expiring: Expiring::default(),
            waiting: Waiting::default(),
            colour: 0,
            capture: None,
        }
    }

    /// Keys, expired ones that nobody met yet included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// Keys that have an expiry of their own.
    pub fn expires(&self) -> usize {
        self.expiring.keys
    }

    /// Keys with elements that expire.
    pub fn element_expires(&self) -> usize {
        self.expiring.by_elements
    }

    /// Bytes of the index, without records.
    pub fn table_bytes(&self) -> usize {
        self.table.bytes()
    }

    pub fn stats(&self) -> TableStats {
        self.table.stats()
    }

    #[inline]
    pub fn find(&self, key: Key<'_>) -> Option<Slot> {
        // SAFETY: (1).
        self.table.find(key.hash, |e| unsafe { Record::from_raw(e) }.key() == key.bytes)
    }

    /// The key with this hash, by what makes hashes of keys.
    pub fn find_hash(&self, hash: u64, hash_of: impl Fn(&[u8]) -> u64) -> Option<Slot> {
        // SAFETY: (1).
        self.table.find(hash, |e| hash_of(unsafe { Record::from_raw(e) }.key()) == hash)
    }

    #[inline]
    pub fn record(&self, slot: Slot) -> Record<'_> {
        // SAFETY: (1); the borrow of self keeps the record from changing through the door below.
        unsafe { Record::from_raw(slot.entry()) }
    }

    /// So many keys are to be expected here in all; 0 when no more come. It may be a lie.
    pub fn expect(&mut self, keys: usize) {
        self.table.expect(keys);
    }

    /// (4): to be called after everything that may have moved the table's root.
    #[inline]
    fn publish(&mut self) {
        // SAFETY: table and peek belong together: `swap` exchanges tables only together with
        // publishing both, and `drop` clears the peek first.
        unsafe { self.peek.publish(&mut self.table) }
    }

    /// The hook of (3).
    #[inline(always)]
    fn before_change(&mut self, slot: &mut Slot) {
        if self.capture.is_some() {
            self.hand_over(slot);
        }
    }

    fn write_record(
        &mut self,
        key: &[u8],
        expire: Option<i64>,
        usage: u32,
        payload: Payload<'_>,
    ) -> Entry {
        let bytes = record::size_of_record(key.len(), expire.is_some(), &payload);
        let at = self.heap.alloc(bytes);
        // SAFETY: `at` is fresh, aligned and `bytes` long.
        unsafe { record::write(at, key, expire, usage, payload) };
        self.record_bytes += bytes;
        at
    }

    fn free_record(&mut self, entry: Entry, bytes: usize) {
        self.record_bytes -= bytes;
        // SAFETY: the entry came from this heap with this size (record invariant 1) and is in no
        // slot any more.
        unsafe { self.heap.free(entry, bytes) };
    }

    /// Frees the record and gives back what it pointed to.
    fn dispose(&mut self, entry: Entry) -> Remains {
        // SAFETY: the entry has left the table and nobody reads its payload again.
        let (bytes, remains) = unsafe {
            let record = Record::from_raw(entry);
            self.expiring.leave(record.expiries());
            let remains = record.owns().then(|| record.take_value());
            let remains = match (&mut self.capture, remains) {
                (Some(capture), Some(value)) => capture.keep(record.key(), value),
                (_, remains) => remains,
            };
            (record.size(), remains)
        };
        self.free_record(entry, bytes);
        remains
    }

    /// Sets the key's value, whatever was there. `slot` is where the key was found, if it was.
    pub fn set(
        &mut self,
        slot: Option<Slot>,
        key: Key<'_>,
        value: NewValue<'_>,
        expire: Expire,
        usage: u32,
    ) -> Remains {
        match value.payload() {
            Some(payload) => self.set_payload(slot, key, payload, expire, usage),
            None => {
                let NewValue::Owned(owned) = value else {
                    unreachable!("only an owned value has no payload to borrow")
                };
                match owned {
                    OwnedValue::Int(n) => {
                        self.set_payload(slot, key, Payload::Int(n), expire, usage)
                    }
                    OwnedValue::Bytes(b, raw) => {
                        let encoding = if raw || b.len() > EMBSTR_BYTES_MAX {
                            Encoding::Raw
                        } else {
                            Encoding::Embstr
                        };
                        let payload = if b.len() > INLINE_BYTES_MAX {
                            Payload::Big(Box::new(BigString::new(b)))
                        } else {
                            Payload::Inline(encoding, &b)
                        };
                        self.set_payload(slot, key, payload, expire, usage)
                    }
                    OwnedValue::Big(b) => {
                        self.set_payload(slot, key, Payload::Big(b), expire, usage)
                    }
                    OwnedValue::Collection(c) => {
                        let value_type = c.value_type();
                        let inline = c.inline().filter(|(_, b)| b.len() <= INLINE_PACKED_BYTES_MAX);
                        let payload = match inline {
                            Some((form, bytes)) => Payload::Packed(value_type, form, bytes),
                            None => Payload::Collection(value_type, c),
                        };
                        self.set_payload(slot, key, payload, expire, usage)
                    }
                }
            }
        }
    }

    fn set_payload(
        &mut self,
        slot: Option<Slot>,
        key: Key<'_>,
        payload: Payload<'_>,
        expire: Expire,
        usage: u32,
    ) -> Remains {
        let Some(mut slot) = slot else {
            let at = match expire {
                Expire::At(ms) => Some(ms),
                Expire::Clear | Expire::Keep => None,
            };
            let entry = self.write_record(key.bytes, at, usage, payload);
            let flags = self.enter(entry) | self.colour;
            self.table.insert(key.hash, entry, flags, &Keys(&self.hash_key));
            self.publish();
            return None;
        };
        self.before_change(&mut slot);
        let old = self.record(slot);
        let at = match expire {
            Expire::At(ms) => Some(ms),
            Expire::Keep => old.expire_ms(),
            Expire::Clear => None,
        };
        let (old_bytes, old_entry) = (old.size(), old.raw());
        let (owns, expiries) = (old.owns(), old.expiries());
        let bytes = record::size_of_record(key.bytes.len(), at.is_some(), &payload);
        if !owns && old.has_expire() == at.is_some() && same_class(old_bytes, bytes) {
            // The commonest write of all, an overwrite of the same size, allocates nothing.
            // SAFETY: the memory has the room of its size class, `key.bytes` and the payload are
            // not part of it (commands never pass borrowed record bytes), and it owns no pointer.
            unsafe { record::write(old_entry, key.bytes, at, usage, payload) };
            self.record_bytes = self.record_bytes - old_bytes + bytes;
            self.settle(slot, expiries);
            return None;
        }
        let entry = self.write_record(key.bytes, at, usage, payload);
        let flags = slot.flags() & !HAS_TTL | self.enter(entry);
        let old = self.table.replace(&mut slot, entry, flags, &Keys(&self.hash_key));
        self.publish();
        self.dispose(old)
    }

    /// Overwrites an integer by an integer, in place.
    #[inline]
    pub fn set_int(&mut self, mut slot: Slot, n: i64) {
        self.before_change(&mut slot);
        self.record(slot).write_int(n);
    }

    /// Makes a string `len` bytes long and lends it for writing: new bytes are zero. The string
    /// counts as modified (`raw`) from now on. `slot` is none for a key that does not exist yet.
    pub fn string_resize(
        &mut self,
        slot: Option<Slot>,
        key: Key<'_>,
        len: usize,
        usage: u32,
    ) -> &mut [u8] {
        let slot = match slot {
            Some(slot) => self.grow_string(slot, key, len),
            None => {
                let zeros = NewValue::Owned(OwnedValue::Bytes(vec![0; len], true));
                let remains = self.set(None, key, zeros, Expire::Clear, usage);
                assert!(remains.is_none(), "a new key leaves nothing behind");
                self.find(key).expect("it was just stored")
            }
        };
        let record = self.record(slot);
        // SAFETY: we hold the shard exclusively and the returned borrow keeps `self` borrowed.
        unsafe {
            match record.big_mut() {
                Some(big) => big.bytes_mut(),
                None => record.inline_mut().expect("a resized string is inline or big"),
            }
        }
    }

    /// Brings the string at `slot` to `len` bytes in a form that can be written in place.
    fn grow_string(&mut self, mut slot: Slot, key: Key<'_>, len: usize) -> Slot {
        self.before_change(&mut slot);
        let record = self.record(slot);
        let (encoding, usage) = (record.encoding(), record.usage());
        // SAFETY: the only borrow of the value while the shard is held.
        if let Some(big) = unsafe { record.big_mut() } {
            big.resize(len);
            return slot;
        }
        let text = record.string().expect("callers checked the type");
        if text.len() == len && encoding != Encoding::Int {
            record.mark_raw();
            return slot;
        }
        let text = text.to_vec();
        // A string that grows once will often grow again: give it a buffer with room to spare
        // as soon as the copying would hurt.
        let payload_big = len > 1024;
        let value = if payload_big {
            let mut big = BigString::new(text);
            big.resize(len);
            OwnedValue::Big(Box::new(big))
        } else {
            let mut bytes = text;
            bytes.resize(len, 0);
            OwnedValue::Bytes(bytes, true)
        };
        let remains = self.set(Some(slot), key, NewValue::Owned(value), Expire::Keep, usage);
        drop(remains);
        self.find(key).expect("it was just replaced")
    }

    /// Stores a collection under a key that is not there.
    pub fn insert<C: CollectionType>(&mut self, key: Key<'_>, value: C, usage: u32) {
        let inline = value.inline().filter(|(_, bytes)| bytes.len() <= INLINE_PACKED_BYTES_MAX);
        let payload = match inline {
            Some((form, bytes)) => Payload::Packed(C::TYPE, form, bytes),
            None => Payload::Collection(C::TYPE, Box::new(value.wrap())),
        };
        let remains = self.set_payload(None, key, payload, Expire::Clear, usage);
        assert!(remains.is_none(), "a new key leaves nothing behind");
    }

    /// Lends the collection at `slot`, which is of this type, for changing. Afterwards it lies
    /// where its new size belongs, or the key is gone if it became empty.
    pub fn edit<C: CollectionType, R>(
        &mut self,
        mut slot: Slot,
        key: Key<'_>,
        change: impl FnOnce(&mut C) -> R,
    ) -> (R, Fate) {
        self.before_change(&mut slot);
        let mut buffer = std::mem::take(&mut self.scratch);
        if let Some((form, bytes)) = self.record(slot).packed() {
            buffer.clear();
            buffer.extend_from_slice(bytes);
            let mut value = C::from_inline(form, buffer);
            let result = change(&mut value);
            return (result, self.put_back(slot, key, value));
        }
        self.scratch = buffer;
        let record = self.record(slot);
        let expiries = record.expiries();
        // SAFETY: we hold the shard exclusively, and nobody else has a borrow of the value.
        let boxed = unsafe { record.boxed_mut() }.expect("what is not inline is boxed");
        let value = C::unwrap_mut(boxed).expect("callers checked the type");
        let result = change(value);
        let is_empty = value.view().is_empty() && !C::STAYS_EMPTY;
        // Half as much as fits: a value at the limit does not move at every change.
        let comes_home =
            value.inline().is_some_and(|(_, bytes)| bytes.len() <= INLINE_PACKED_BYTES_MAX / 2);
        let small = comes_home.then(|| std::mem::replace(value, C::empty(&Limits::default())));
        self.settle(slot, expiries);
        if is_empty {
            return (result, Fate::Removed(self.remove(slot)));
        }
        if let Some(value) = small {
            let usage = self.record(slot).usage();
            let value = NewValue::Owned(OwnedValue::of(value));
            let emptied = self.set(Some(slot), key, value, Expire::Keep, usage);
            drop(emptied);
        }
        (result, Fate::Kept)
    }

    /// Stores what was lent from inside a record.
    fn put_back<C: CollectionType>(&mut self, slot: Slot, key: Key<'_>, value: C) -> Fate {
        if value.view().is_empty() && !C::STAYS_EMPTY {
            self.scratch = value.into_buffer();
            return Fate::Removed(self.remove(slot));
        }
        let usage = self.record(slot).usage();
        let inline = value.inline().filter(|(_, bytes)| bytes.len() <= INLINE_PACKED_BYTES_MAX);
        let Some((form, bytes)) = inline else {
            let payload = Payload::Collection(C::TYPE, Box::new(value.wrap()));
            let remains = self.set_payload(Some(slot), key, payload, Expire::Keep, usage);
            assert!(remains.is_none(), "an inline value leaves nothing behind");
            return Fate::Kept;
        };
        if self.record(slot).packed() != Some((form, bytes)) {
            let payload = Payload::Packed(C::TYPE, form, bytes);
            let remains = self.set_payload(Some(slot), key, payload, Expire::Keep, usage);
            assert!(remains.is_none(), "an inline value leaves nothing behind");
        }
        self.scratch = value.into_buffer();
        Fate::Kept
    }

    /// Gives the key an expiry, moves it or takes it away.
    pub fn set_expire(&mut self, mut slot: Slot, expire_ms: Option<i64>) {
        self.before_change(&mut slot);
        let old = self.record(slot);
        match (old.has_expire(), expire_ms) {
            (true, Some(ms)) => {
                let expiries = old.expiries();
                old.write_expire_ms(ms);
                self.settle(slot, expiries);
            }
            (false, None) => {}
            _ => self.rewrite_with_expire(slot, expire_ms),
        }
    }

    /// An expiry has no room in a record that had none: the record is written anew.
    fn rewrite_with_expire(&mut self, slot: Slot, expire_ms: Option<i64>) {
        let entry = slot.entry();
        let old = self.record(slot);
        let (bytes, usage, key) = (old.size(), old.usage(), old.key().to_vec());
        let expiries = old.expiries();
        // SAFETY: the record is replaced right below and its payload not read again.
        let value = unsafe { old.take_value() };
        let (raw, boxed);
        let payload = match value {
            OwnedValue::Int(n) => Payload::Int(n),
            OwnedValue::Bytes(b, is_raw) => {
                raw = b;
                Payload::Inline(if is_raw { Encoding::Raw } else { Encoding::Embstr }, &raw)
            }
            OwnedValue::Big(b) => Payload::Big(b),
            OwnedValue::Collection(c) => {
                boxed = c;
                match old.packed() {
                    Some((form, _)) => {
                        let (_, bytes) = boxed.inline().expect("it came from inline bytes");
                        Payload::Packed(old.value_type(), form, bytes)
                    }
                    None => Payload::Collection(old.value_type(), boxed),
                }
            }
        };
        let fresh = self.write_record(&key, expire_ms, usage, payload);
        self.expiring.leave(expiries);
        let flags = slot.flags() & !HAS_TTL | self.enter(fresh);
        let mut slot = slot;
        self.table.replace(&mut slot, fresh, flags, &Keys(&self.hash_key));
        self.publish();
        self.free_record(entry, bytes);
    }

    /// Removes the key.
    pub fn remove(&mut self, mut slot: Slot) -> Remains {
        self.before_change(&mut slot);
        let entry = self.table.remove(slot);
        self.publish();
        self.dispose(entry)
    }

    /// Removes the key and keeps its value, expiry and usage bits.
    pub fn take(&mut self, mut slot: Slot) -> (OwnedValue, Option<i64>, u32) {
        self.before_change(&mut slot);
        let entry = self.table.remove(slot);
        self.publish();
        // SAFETY: the entry has just left the table; its payload moves out and is not read again.
        let (bytes, taken) = unsafe {
            let record = Record::from_raw(entry);
            let (expire, usage) = (record.expire_ms(), record.usage());
            self.expiring.leave(record.expiries());
            let mut value = record.take_value();
            if let Some(capture) = &mut self.capture {
                capture.complete(record.key(), &mut value);
            }
            (record.size(), (value, expire, usage))
        };
        self.free_record(entry, bytes);
        taken
    }

    /// No key expires before this.
    pub fn next_expire_ms(&self) -> Option<u64> {
        self.table.next_expire_ms()
    }

    /// One step of SCAN: hands over every entry whose home is at the cursor, returns the next
    /// cursor, 0 at the end.
    pub fn scan(&self, cursor: u64, mut f: impl FnMut(Record<'_>)) -> u64 {
        // SAFETY: (1); the records are lent for the call only.
        self.table.scan(cursor, &Keys(&self.hash_key), |e, _| f(unsafe { Record::from_raw(e) }))
    }

    pub fn for_each(&self, mut f: impl FnMut(Record<'_>)) {
        // SAFETY: (1).
        self.table.for_each(|e, _| f(unsafe { Record::from_raw(e) }));
    }

    /// A record chosen uniformly.
    pub fn random(&self, next_u64: impl FnMut() -> u64) -> Option<Record<'_>> {
        // SAFETY: (1).
        self.table.random(next_u64).map(|e| unsafe { Record::from_raw(e) })
    }

    /// Hands about `want` records from a chance `position` on to `f`; of those that expire, or
    /// whose elements do, if `expiring`. Fewer only if there are fewer.
    pub fn sample<'s>(
        &'s self,
        position: u64,
        want: usize,
        expiring: bool,
        mut f: impl FnMut(Record<'s>),
    ) {
        // SAFETY: (1).
        self.table.sample(position, want, expiring, |e, _| f(unsafe { Record::from_raw(e) }));
    }

    /// Raises the flags of those who watch this key, which has changed.
    #[inline]
    pub fn touch_watched(&mut self, key: Key<'_>) {
        if !self.watched.is_empty() {
            let is_there = self.find(key).is_some();
            self.watched.touch(key.bytes, is_there);
        }
    }

    /// Tells those who watch keys that the contents go and those of `other` come, if there is one.
    /// `is_due` says whether an expiry has passed.
    pub fn replace_watched(
        &mut self,
        other: Option<&DbShard>,
        is_due: impl Fn(Option<i64>) -> bool,
    ) {
        for key in self.watched.keys() {
            let key = Key { bytes: &key, hash: self.hash_key.hash(&key) };
            let slot = other.and_then(|other| Some((other, other.find(key)?)));
            let then = match slot {
                None => Then::Gone,
                Some((other, slot)) if is_due(other.record(slot).expire_ms()) => Then::Expired,
                Some(_) => Then::There,
            };
            let was_there = self.find(key).is_some();
            self.watched.replace(key.bytes, was_there, then);
        }
    }

    /// Exchanges the contents of two databases; each keeps its own peek, and who watches
    /// and waits.
    pub fn swap(&mut self, other: &mut DbShard) {
        std::mem::swap(self, other);
        std::mem::swap(&mut self.peek, &mut other.peek);
        std::mem::swap(&mut self.watched, &mut other.watched);
        std::mem::swap(&mut self.waiting, &mut other.waiting);
        self.publish();
        other.publish();
    }

    /// Takes everything out, to be freed elsewhere. What a snapshot still waits for goes to it, and
    /// nothing is left to be freed.
    pub fn detach(&mut self, shard_bits: u32) -> DbShard {
        let empty = || DbShard::new(self.hash_key.clone(), shard_bits, Arc::new(Peek::new()));
        let (mut detached, another) = (empty(), self.capture.is_some().then(empty));
        self.swap(&mut detached);
        let Some(another) = another else { return detached };
        let capture = detached.capture.as_ref().expect("it went along with the contents");
        let snapshot = Arc::clone(&capture.snapshot);
        snapshot.adopt(detached);
        another
    }

    /// Frees up to `budget` entries; false once it is empty.
    pub fn drain_some(&mut self, budget: usize) -> bool {
        let (heap, record_bytes) = (&mut self.heap, &mut self.record_bytes);
        let expiring = &mut self.expiring;
        let is_empty = self.table.drain_some(budget, true, |entry, _| {
            // SAFETY: (1), and the table has just let go of the entry.
            unsafe {
                let record = Record::from_raw(entry);
                expiring.leave(record.expiries());
                let bytes = record.size();
                if record.owns() {
                    drop(record.take_value());
                }
                *record_bytes -= bytes;
                heap.free(entry, bytes);
            }
        });
        !is_empty
    }

    /// Verifies table and records. For tests.
    pub fn check(&self) {
        self.table.check(&Keys(&self.hash_key));
        let (mut bytes, mut expiring) = (0, Expiring::default());
        self.table.for_each(|entry, flags| {
            // SAFETY: (1).
            let record = unsafe { Record::from_raw(entry) };
            bytes += record.size();
            let expiries = record.expiries();
            expiring.enter(expiries);
            let expires = expiries.next_ms().is_some();
            assert_eq!(flags & HAS_TTL != 0, expires, "(2) the flag tells what expires");
            let is_known = flags & COLOUR_A == self.colour || self.capture.is_some();
            assert!(is_known, "no snapshot waits for an entry of the other colour");
        });
        assert_eq!(bytes, self.record_bytes, "the heap holds exactly the table's records");
        assert_eq!(expiring, self.expiring, "(2) what expires is counted");
    }
}

impl Drop for DbShard {
    fn drop(&mut self) {
        self.peek.clear();
        while self.drain_some(usize::MAX) {}
    }
}

/// Whether memory of a record of `a` bytes holds one of `b` bytes.
fn same_class(a: usize, b: usize) -> bool {
    rounded(a) == rounded(b)
}

/// What a shard's lock protects.
pub struct ShardData {
    pub dbs: Box<[DbShard]>,
    /// Waits for keys of this shard that need other shards when they are served: while there are
    /// any, writes here run in the world.
    pub strays: usize,
    /// Keys that clients may hold in caches of their own.
    pub tracked: Tracked,
}

impl ShardData {
    pub fn keys(&self) -> usize {
        self.dbs.iter().map(DbShard::len).sum()
    }
}
