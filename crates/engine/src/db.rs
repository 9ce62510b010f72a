//! The selected database as a handler sees it: keys with their expiry observed, their use noted,
//! and every change counted.
//!
//! Whether a shard is locked, the gate is closed or there is only one worker, is decided before
//! the handler runs and invisible here.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use base::random::Random;
use store::eviction_clock::{Usage, UsageClock};
use store::shard::{Purged, Remains};
use store::value::Hash;
use store::watch::Watcher;
use store::{
    Access, CollectionType, DbShard, Expire, Fate, Key, Keyspace, Limits, NewValue, OwnedValue,
    Record, StrRef, Type, View,
};
use structures::table::{HAS_TTL, Slot};

use crate::effects::{Effects, encode_expired, encode_field_expired};
use crate::engine::Engine;
use crate::error::CmdError;
pub use crate::notify::Class;
use crate::stats::WorkerStats;

pub struct Db<'a> {
    pub(crate) access: Access<'a>,
    pub(crate) engine: &'a Engine,
    pub(crate) keyspace: &'a Keyspace,
    pub(crate) stats: &'a WorkerStats,
    pub effects: &'a mut Effects,
    pub random: &'a mut Random,
    /// The database's number.
    pub index: usize,
    pub usage: Usage,
    /// CLIENT NO-TOUCH: reading does not count as use.
    pub(crate) no_touch: bool,
    /// See `Runner::replays`.
    pub(crate) replays: bool,
    pub(crate) worker: usize,
    /// Who runs this: for those who track keys.
    pub(crate) client_id: u64,
    /// The data set stands still: what has expired is not seen, but stays.
    pub(crate) keeps_expired: bool,
}

/// What an edit does when there is no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Begins with an empty value.
    Create,
    Skip,
}

/// What came of an edit.
#[derive(Clone, Copy, Debug)]
pub struct Edited<R> {
    /// What the change returned.
    pub result: R,
    /// The key is new.
    pub created: bool,
    /// The value was empty afterwards, and the key is gone.
    pub removed: bool,
}

/// A key's value, expiry and usage bits on their way to another key.
#[derive(Clone)]
pub struct Detached {
    pub value: OwnedValue,
    pub expire_ms: Option<i64>,
    pub usage: u32,
}

/// Due elements that a lookup removes: a few microseconds. The others go by the expire cycle.
const PURGE_BUDGET: usize = 64;

/// The moment at which a command runs, as far as expiry goes. It stands still while a stream of
/// effects is replayed: keys go by the DEL in the stream then, at the moment their writer chose.
#[derive(Clone, Copy)]
pub struct ExpiryClock {
    now_ms: i64,
    stands: bool,
}

impl ExpiryClock {
    /// Whether a key with this expiry is gone, though nobody may have removed it yet.
    #[inline]
    pub fn has_expired(self, expire_ms: Option<i64>) -> bool {
        !self.stands && expire_ms.is_some_and(|at| at < self.now_ms)
    }

    /// What expires before this moment is gone.
    #[inline]
    pub fn due_before_ms(self) -> i64 {
        if self.stands { i64::MIN } else { self.now_ms }
    }

    /// Whether a moment that a command names has come, so that the key goes at once instead of
    /// getting that expiry.
    pub fn is_due(self, at_ms: i64) -> bool {
        !self.stands && at_ms <= self.now_ms
    }
}

/// Tells of a key that was not there before, which is about to come.
#[inline]
fn tell_if_new(engine: &Engine, db: usize, slot: Option<Slot>, key: Key<'_>) {
    if slot.is_none() {
        engine.notify(db, Class::New, "new", key.bytes);
    }
}

impl<'a> Db<'a> {
    /// Unix milliseconds at which this command runs.
    pub fn now_ms(&self) -> i64 {
        self.usage.now_ms
    }

    /// For keys that are not the command's own arguments; those come from `Cx::key`.
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.keyspace.key(bytes)
    }

    #[inline]
    fn part(&mut self, hash: u64) -> &mut DbShard {
        self.access.db(self.keyspace, self.index, hash)
    }

    /// The key, if it is there and has not expired. An expired one is deleted on the way.
    #[inline]
    fn live(&mut self, key: Key<'_>) -> Option<Slot> {
        let slot = self.part(key.hash).find(key)?;
        if slot.flags() & HAS_TTL != 0 {
            return self.observe_expiry(key, slot);
        }
        Some(slot)
    }

    /// What is left of the key after what is due of it has gone.
    #[inline(never)]
    fn observe_expiry(&mut self, key: Key<'_>, slot: Slot) -> Option<Slot> {
        if self.keeps_expired {
            let expire_ms = self.part(key.hash).record(slot).expire_ms();
            return (!self.expiry_clock().has_expired(expire_ms)).then_some(slot);
        }
        if self.delete_if_expired(key, slot) {
            return None;
        }
        let elements_ms = self.part(key.hash).record(slot).element_expire_ms();
        // Without active expiry, which only DEBUG turns off, each field goes when it is met.
        if !self.expiry_clock().has_expired(elements_ms) || !self.engine.active_expire.load(Relaxed)
        {
            return Some(slot);
        }
        let (now_ms, mut budget) = (self.now_ms(), PURGE_BUDGET);
        let purged = self.part(key.hash).purge(slot, key, now_ms, &mut budget);
        self.elements_expired(key, purged);
        self.part(key.hash).find(key)
    }

    /// Tells of elements that expired and are gone.
    fn elements_expired(&mut self, key: Key<'_>, purged: Purged) {
        let is_removed = purged.fate.is_removed();
        let lazy = self.engine.settings.lazy_expire.load(Relaxed);
        self.free(purged.fate.remains(), lazy);
        self.fields_expired(key, purged.names.iter().map(Vec::as_slice), is_removed);
    }

    /// Notes that these fields of a hash, which expired, were removed; and the hash with them, if
    /// `removed`.
    pub fn fields_expired<'f>(
        &mut self,
        key: Key<'_>,
        fields: impl IntoIterator<Item = &'f [u8]>,
        removed: bool,
    ) {
        let mut count = 0;
        for field in fields {
            count += 1;
            if self.access.is_visiting() && !self.effects.silent {
                // As in `delete_if_expired`.
                let command = encode_field_expired(key.bytes, field);
                self.engine.journal.append(self.worker, self.index as u32, &[&command]);
            } else {
                self.effects.field_expired(self.index, key.bytes, field);
            }
        }
        if count > 0 {
            self.stats.expired_subkeys.add(count);
            self.notify(Class::Hash, "hexpired", key);
            if removed {
                self.notify(Class::Generic, "del", key);
            }
        }
    }

    /// Counts fields that a command deleted because it gave them a moment that has come.
    pub fn count_expired_fields(&mut self, count: u64) {
        if count > 0 {
            self.stats.expired_subkeys.add(count);
        }
    }

    /// Removes up to `budget` elements that are due from the value under a key that was looked up.
    pub fn expire_elements(&mut self, key: Key<'_>, mut budget: usize) {
        let due_before_ms = self.expiry_clock().due_before_ms();
        let part = self.part(key.hash);
        if let Some(slot) = part.find(key) {
            let purged = part.purge(slot, key, due_before_ms, &mut budget);
            self.elements_expired(key, purged);
        }
    }

    /// Removes those of the fields whose time has come from the hash under a key: what every
    /// command does with the fields it meets.
    pub fn expire_fields<'f>(
        &mut self,
        key: Key<'_>,
        fields: impl IntoIterator<Item = &'f [u8]>,
    ) -> Result<(), CmdError> {
        let due_before_ms = self.expiry_clock().due_before_ms();
        let edited = self.edit(key, Absent::Skip, |hash: &mut Hash| -> Vec<&'f [u8]> {
            let is_gone = |field: &&'f [u8]| hash.remove_if_due(field, due_before_ms);
            fields.into_iter().filter(is_gone).collect()
        })?;
        if let Some(Edited { result: gone, removed, .. }) = edited {
            self.fields_expired(key, gone, removed);
        }
        Ok(())
    }

    #[inline(never)]
    fn delete_if_expired(&mut self, key: Key<'_>, slot: Slot) -> bool {
        let expire_ms = self.part(key.hash).record(slot).expire_ms();
        if !self.expiry_clock().has_expired(expire_ms) {
            return false;
        }
        let remains = self.part(key.hash).remove(slot);
        let lazy = self.engine.settings.lazy_expire.load(Relaxed);
        self.free(remains, lazy);
        self.stats.expired_keys.add(1);
        if self.access.is_visiting() && !self.effects.silent {
            // The shard may be given back before the command ends, and whoever writes the key
            // then must come later in the journal.
            let command = encode_expired(key.bytes, lazy);
            self.engine.journal.append(self.worker, self.index as u32, &[&command]);
        } else {
            self.effects.expired(self.index, key.bytes, lazy);
        }
        self.engine.notify(self.index, Class::Expired, "expired", key.bytes);
        // Time has changed it, not the client.
        self.touched(key, 0);
        true
    }

    fn free(&mut self, remains: Remains, lazy: bool) {
        if let Some(value) = remains {
            self.effects.freed_large |= !lazy;
            self.engine.lazyfree.free_value(value, lazy);
        }
    }

    // ---- reading ---------------------------------------------------------------------------

    /// The key's record, for a command that uses its value: counts a hit or a miss and a use.
    #[inline]
    pub fn read(&mut self, key: Key<'_>) -> Option<Record<'_>> {
        let Some(slot) = self.live(key) else {
            self.missed(key);
            return None;
        };
        self.stats.keyspace_hits.add(1);
        let (usage, no_touch) = (self.usage, self.no_touch);
        let part = self.access.db(self.keyspace, self.index, key.hash);
        let record = part.record(slot);
        if !no_touch {
            record.touch(&usage, || self.random.next_u64());
        }
        Some(record)
    }

    #[cold]
    fn missed(&self, key: Key<'_>) {
        self.stats.keyspace_misses.add(1);
        self.engine.notify(self.index, Class::KeyMiss, "keymiss", key.bytes);
    }

    /// As `read`, but it does not count as a use of the key (TTL, TYPE, OBJECT).
    pub fn read_untouched(&mut self, key: Key<'_>) -> Option<Record<'_>> {
        let Some(slot) = self.live(key) else {
            self.missed(key);
            return None;
        };
        self.stats.keyspace_hits.add(1);
        Some(self.part(key.hash).record(slot))
    }

    /// The key's record, for a command that will change it: counts a use, but no hit or miss.
    #[inline]
    pub fn look(&mut self, key: Key<'_>) -> Option<Record<'_>> {
        let slot = self.live(key)?;
        Some(self.used(key, slot))
    }

    /// The record at a slot, which is used now.
    #[inline]
    fn used(&mut self, key: Key<'_>, slot: Slot) -> Record<'_> {
        let usage = self.usage;
        let part = self.access.db(self.keyspace, self.index, key.hash);
        let record = part.record(slot);
        if !self.no_touch {
            record.touch(&usage, || self.random.next_u64());
        }
        record
    }

    /// The record even if it has expired, uncounted: for DEBUG and digests.
    pub fn peek(&mut self, key: Key<'_>) -> Option<Record<'_>> {
        let part = self.part(key.hash);
        let slot = part.find(key)?;
        Some(part.record(slot))
    }

    /// `read` for string commands.
    #[inline]
    pub fn string(&mut self, key: Key<'_>) -> Result<Option<StrRef<'_>>, CmdError> {
        match self.read(key) {
            None => Ok(None),
            Some(record) => record.string().map(Some).ok_or(CmdError::WRONG_TYPE),
        }
    }

    /// `look` for string commands.
    #[inline]
    pub fn look_string(&mut self, key: Key<'_>) -> Result<Option<StrRef<'_>>, CmdError> {
        match self.look(key) {
            None => Ok(None),
            Some(record) => record.string().map(Some).ok_or(CmdError::WRONG_TYPE),
        }
    }

    /// `read` for collections of a type.
    #[inline]
    pub fn collection<C: CollectionType + 'static>(
        &mut self,
        key: Key<'_>,
    ) -> Result<Option<C::Ref<'_>>, CmdError> {
        match self.read(key) {
            None => Ok(None),
            Some(record) => record.collection::<C>().map(Some).ok_or(CmdError::WRONG_TYPE),
        }
    }

    /// The record of a key that this command has looked up already: not counted again, and others
    /// may be looked at beside it.
    pub fn held(&self, key: Key<'_>) -> Option<Record<'_>> {
        let part = self.access.held_db(self.keyspace, self.index, key.hash)?;
        Some(part.record(part.find(key)?))
    }

    /// `held` for collections of a type.
    pub fn held_collection<C: CollectionType + 'static>(&self, key: Key<'_>) -> Option<C::Ref<'_>> {
        self.held(key)?.collection::<C>()
    }

    /// Up to where collections stay in their compact forms.
    pub fn limits(&self) -> Limits {
        self.engine.settings.limits()
    }

    /// Whether the key is there; counts a hit or miss, as EXISTS does.
    pub fn exists(&mut self, key: Key<'_>) -> bool {
        self.read_untouched(key).is_some()
    }

    // ---- writing ---------------------------------------------------------------------------

    /// Sets a string or any other value, whatever was there before. Does not count as changed:
    /// the handler says so with its event.
    #[inline]
    pub fn set(&mut self, key: Key<'_>, value: NewValue<'_>, expire: Expire) {
        let usage = self.usage.fresh();
        let part = self.access.db(self.keyspace, self.index, key.hash);
        let slot = part.find(key);
        tell_if_new(self.engine, self.index, slot, key);
        let remains = part.set(slot, key, value, expire, usage);
        if remains.is_some() {
            let lazy = self.engine.settings.lazy_server_del.load(Relaxed);
            self.free(remains, lazy);
        }
    }

    /// Sets an integer, in place if there is one already, keeping the expiry.
    pub fn set_int(&mut self, key: Key<'_>, n: i64) {
        let usage = self.usage.fresh();
        let part = self.access.db(self.keyspace, self.index, key.hash);
        match part.find(key) {
            Some(slot) if part.record(slot).encoding() == store::Encoding::Int => {
                part.set_int(slot, n);
            }
            slot => {
                tell_if_new(self.engine, self.index, slot, key);
                let remains = part.set(slot, key, NewValue::Int(n), Expire::Keep, usage);
                self.free(remains, false);
            }
        }
    }

    /// Lends the string for writing at a length of `len`; it is created or grown with zeros. The
    /// caller has checked that the key is absent or a string.
    pub fn resize_string(&mut self, key: Key<'_>, len: usize) -> &mut [u8] {
        let usage = self.usage.fresh();
        let part = self.access.db(self.keyspace, self.index, key.hash);
        let slot = part.find(key);
        tell_if_new(self.engine, self.index, slot, key);
        part.string_resize(slot, key, len, usage)
    }

    /// Lends the collection under a key for changing; `absent` says what an absent key means. None
    /// if there is nothing to change. An empty one goes, with its key; the handler tells of it.
    pub fn edit<C: CollectionType + 'static, R>(
        &mut self,
        key: Key<'_>,
        absent: Absent,
        change: impl FnOnce(&mut C) -> R,
    ) -> Result<Option<Edited<R>>, CmdError> {
        let Some(slot) = self.live(key) else {
            return Ok((absent == Absent::Create).then(|| self.create(key, change)));
        };
        if self.used(key, slot).value_type() != C::TYPE {
            return Err(CmdError::WRONG_TYPE);
        }
        let part = self.access.db(self.keyspace, self.index, key.hash);
        let (result, fate) = part.edit(slot, key, change);
        let removed = match fate {
            Fate::Kept => false,
            Fate::Removed(remains) => {
                let lazy = self.engine.settings.lazy_server_del.load(Relaxed);
                self.free(remains, lazy);
                true
            }
        };
        Ok(Some(Edited { result, created: false, removed }))
    }

    fn create<C: CollectionType + 'static, R>(
        &mut self,
        key: Key<'_>,
        change: impl FnOnce(&mut C) -> R,
    ) -> Edited<R> {
        let mut value = C::empty(&self.limits());
        let result = change(&mut value);
        let created = C::STAYS_EMPTY || !value.view().is_empty();
        if created {
            let usage = self.usage.fresh();
            tell_if_new(self.engine, self.index, None, key);
            self.part(key.hash).insert(key, value, usage);
        }
        Edited { result, created, removed: false }
    }

    /// Removes the key; false if it was not there. `lazy` frees a large value in the background.
    pub fn delete(&mut self, key: Key<'_>, lazy: bool) -> bool {
        let Some(slot) = self.live(key) else { return false };
        let remains = self.part(key.hash).remove(slot);
        self.free(remains, lazy);
        true
    }

    /// DEL's way to free, as `lazyfree-lazy-user-del` says.
    pub fn deletes_lazily(&self) -> bool {
        self.engine.settings.lazy_user_del.load(Relaxed)
    }

    /// Removes the key and hands over what it held.
    pub fn take(&mut self, key: Key<'_>) -> Option<Detached> {
        let slot = self.live(key)?;
        let (value, expire_ms, usage) = self.part(key.hash).take(slot);
        Some(Detached { value, expire_ms, usage })
    }

    /// A copy of what the key holds.
    pub fn clone_value(&mut self, key: Key<'_>) -> Option<Detached> {
        let slot = self.live(key)?;
        let record = self.part(key.hash).record(slot);
        Some(Detached {
            value: record.clone_value(),
            expire_ms: record.expire_ms(),
            usage: record.usage(),
        })
    }

    /// Stores what `take` or `clone_value` gave under another key or in another database.
    pub fn put(&mut self, key: Key<'_>, detached: Detached) {
        let expire = detached.expire_ms.map_or(Expire::Clear, Expire::At);
        let part = self.access.db(self.keyspace, self.index, key.hash);
        let slot = part.find(key);
        tell_if_new(self.engine, self.index, slot, key);
        let remains = part.set(slot, key, NewValue::Owned(detached.value), expire, detached.usage);
        let lazy = self.engine.settings.lazy_server_del.load(Relaxed);
        self.free(remains, lazy);
    }

    /// When the key expires: none if there is no such key, else its expiry if it has one.
    pub fn expire_ms(&mut self, key: Key<'_>) -> Option<Option<i64>> {
        self.read_untouched(key).map(|record| record.expire_ms())
    }

    /// Sets, moves or removes the expiry of a key that is there.
    pub fn set_expire(&mut self, key: Key<'_>, expire_ms: Option<i64>) {
        let part = self.part(key.hash);
        let slot = part.find(key).expect("callers looked the key up");
        part.set_expire(slot, expire_ms);
    }

    /// Notes a change of the key: `dirty` changes (0: none) and the event that tells of it.
    #[inline]
    pub fn changed(&mut self, key: Key<'_>, class: Class, event: &str, dirty: u64) {
        self.effects.dirty += dirty;
        self.notify(class, event, key);
    }

    /// Notes a change that no event tells of.
    pub fn changed_silently(&mut self, key: Key<'_>, dirty: u64) {
        self.effects.dirty += dirty;
        self.touched(key, self.client_id);
    }

    /// Tells of an event that changed a key: those who listen, who watch it and who wait for it.
    #[inline]
    pub fn notify(&mut self, class: Class, event: &str, key: Key<'_>) {
        self.engine.notify(self.index, class, event, key.bytes);
        self.touched(key, self.client_id);
    }

    /// Tells those who listen of an event that is no news to those who watch the key or wait for
    /// it, such as a change of a stream's groups.
    pub fn tell(&mut self, class: Class, event: &str, key: Key<'_>) {
        self.engine.notify(self.index, class, event, key.bytes);
    }

    /// Tells those who watch a key, who wait for it or may hold it in a cache, that a client, or
    /// nobody (0), has changed it.
    #[inline]
    fn touched(&mut self, key: Key<'_>, by: u64) {
        let is_change_a_use = self.usage.clock == UsageClock::Lrm;
        let fresh = self.usage.lru_now();
        let part = self.part(key.hash);
        part.touch_watched(key);
        if is_change_a_use && let Some(slot) = part.find(key) {
            part.record(slot).set_usage(fresh);
        }
        if !part.waiting.is_empty() && part.waiting.has(key.bytes) {
            self.effects.ready(self.index, key.bytes);
        }
        if self.engine.tracking.is_on() {
            self.invalidate(key, by);
        }
    }

    #[cold]
    fn invalidate(&mut self, key: Key<'_>, by: u64) {
        let shard = self.keyspace.shard_of(key.hash);
        let readers = self.access.shard(shard).tracked.take(key.bytes);
        if !readers.is_empty() {
            self.engine.tracking.uncount_keys(1);
            self.engine.invalidate(key.bytes, &readers, self.client_id);
        }
        if self.engine.tracking.prefixes() > 0 {
            self.effects.broadcast.push((key.bytes.into(), by));
        }
    }

    /// A client that tracks has read the key.
    pub(crate) fn remember(&mut self, key: Key<'_>, client: u64) {
        let shard = self.keyspace.shard_of(key.hash);
        if !self.access.shard(shard).tracked.add(key.bytes, client) {
            return;
        }
        let keys = self.engine.tracking.count_key();
        let max = self.engine.settings.tracked_keys_max.load(Relaxed);
        if max > 0 && keys > max {
            self.evict_tracked(shard, key.bytes);
        }
    }

    /// Forgets a tracked key of a shard, another than this one if there is one: who had read it is
    /// told as if it had changed. False if there is none.
    fn evict_tracked(&mut self, shard: usize, but: &[u8]) -> bool {
        let random = self.random.next_u64();
        let tracked = &mut self.access.shard(shard).tracked;
        let victim = tracked.draw_but(but, random).unwrap_or_else(|| but.into());
        let readers = tracked.take(&victim);
        if readers.is_empty() {
            return false;
        }
        self.engine.tracking.uncount_keys(1);
        self.engine.invalidate(&victim, &readers, 0);
        true
    }

    /// Brings the number of tracked keys down to `tracking-table-max-keys`. The world is held.
    pub fn trim_tracked(&mut self) {
        let max = self.engine.settings.tracked_keys_max.load(Relaxed);
        for shard in 0..self.shard_count() {
            while max > 0 && self.engine.tracking.keys() > max && self.evict_tracked(shard, b"") {}
        }
    }

    /// Pairs of tracked key and client.
    pub fn tracked_items(&mut self) -> usize {
        (0..self.shard_count()).map(|shard| self.access.shard(shard).tracked.items()).sum()
    }

    /// Whole databases have changed: clients that track shall forget everything.
    pub fn invalidate_everything(&mut self) {
        // Keys that nobody tracks any more are forgotten too: their readers may track again.
        if !self.engine.tracking.is_on() && self.engine.tracking.keys() == 0 {
            return;
        }
        for shard in 0..self.shard_count() {
            let keys = self.access.shard(shard).tracked.clear();
            self.engine.tracking.uncount_keys(keys);
        }
        self.engine.invalidate_everything();
    }

    /// Whether keys whose time has come stay until a pause is over.
    pub fn keeps_expired(&self) -> bool {
        self.keeps_expired
    }

    /// When a command runs that is served after this one: a long command, or a DEBUG SLEEP in a
    /// transaction, may have outlived its keys. A replayed stream has no clock of its own.
    pub(crate) fn now_for_served(&self) -> i64 {
        if self.replays { self.usage.now_ms } else { base::clock::unix_ms() }
    }

    /// Puts a wait behind those that wait for the key; `is_stray` if it needs other shards too.
    pub(crate) fn wait_for(&mut self, key: Key<'_>, wait: u64, is_stray: bool) {
        self.part(key.hash).waiting.add(key.bytes, wait);
        if is_stray {
            let shard = self.keyspace.shard_of(key.hash);
            self.access.shard(shard).strays += 1;
        }
    }

    /// The wait for the key that came after `passed` others.
    pub(crate) fn waiting_for(&mut self, key: &[u8], passed: usize) -> Option<u64> {
        let key = self.keyspace.key(key);
        self.part(key.hash).waiting.nth(key.bytes, passed)
    }

    /// A wait for the key is over.
    pub(crate) fn stop_waiting(&mut self, key: &[u8], wait: u64) {
        let key = self.keyspace.key(key);
        self.part(key.hash).waiting.remove(key.bytes, wait);
    }

    /// WATCH: from now on a change of the key raises the flag.
    pub fn watch(&mut self, key: Key<'_>, watcher: &Arc<Watcher>) {
        let clock = self.expiry_clock();
        let part = self.part(key.hash);
        let expire_ms = part.find(key).and_then(|slot| part.record(slot).expire_ms());
        part.watched.watch(key.bytes, watcher, clock.has_expired(expire_ms));
    }

    /// Whether a watched key has expired since, though nobody has removed it.
    pub fn has_expired_since(&mut self, key: Key<'_>, watcher: &Arc<Watcher>) -> bool {
        let clock = self.expiry_clock();
        let is_expired = self.peek(key).is_some_and(|record| clock.has_expired(record.expire_ms()));
        is_expired && !self.part(key.hash).watched.was_expired(key.bytes, watcher)
    }

    // ---- other databases, all keys ---------------------------------------------------------

    /// Runs `f` with database `index` selected.
    pub fn within<R>(&mut self, index: usize, f: impl FnOnce(&mut Db<'a>) -> R) -> R {
        let before = std::mem::replace(&mut self.index, index);
        let result = f(self);
        self.index = before;
        result
    }

    pub fn databases(&self) -> usize {
        self.keyspace.databases()
    }

    pub fn shard_count(&self) -> usize {
        self.keyspace.shard_count()
    }

    pub fn shard_bits(&self) -> u32 {
        self.keyspace.shard_bits()
    }

    /// Shard `shard`'s part of this database. For commands that visit all keys.
    pub fn shard(&mut self, shard: usize) -> &mut DbShard {
        &mut self.access.shard(shard).dbs[self.index]
    }

    /// Keys in this database.
    pub fn len(&mut self) -> usize {
        (0..self.shard_count()).map(|s| self.shard(s).len()).sum()
    }

    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// Keys with an expiry.
    pub fn expires(&mut self) -> usize {
        (0..self.shard_count()).map(|s| self.shard(s).expires()).sum()
    }

    /// Keys with elements that expire.
    pub fn element_expires(&mut self) -> usize {
        (0..self.shard_count()).map(|s| self.shard(s).element_expires()).sum()
    }

    /// Empties this database; returns how many keys it had. `lazy`: freed in the background.
    pub fn flush(&mut self, lazy: bool) -> usize {
        let clock = self.expiry_clock();
        let bits = self.keyspace.shard_bits();
        let mut removed = 0;
        for shard in 0..self.shard_count() {
            let (part, index) = (&mut self.access.shard(shard).dbs[self.index], self.index);
            if part.is_empty() {
                continue;
            }
            let keys = part.len();
            removed += keys;
            part.replace_watched(None, |expire_ms| clock.has_expired(expire_ms));
            let detached = part.detach(bits);
            part.waiting.keys().for_each(|key| self.effects.ready(index, key));
            if lazy {
                self.engine.lazyfree.free_db(detached);
            } else {
                self.engine.lazyfree.freed_at_once(keys as u64);
            }
        }
        removed
    }

    /// SWAPDB: exchanges two databases in every shard.
    pub fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        let clock = self.expiry_clock();
        let (low, high) = (a.min(b), a.max(b));
        for shard in 0..self.shard_count() {
            let dbs = &mut self.access.shard(shard).dbs;
            let (head, tail) = dbs.split_at_mut(high);
            let (a, b) = (&mut head[low], &mut tail[0]);
            a.replace_watched(Some(b), |expire_ms| clock.has_expired(expire_ms));
            b.replace_watched(Some(a), |expire_ms| clock.has_expired(expire_ms));
            a.swap(b);
            for (index, part) in [(low, &*a), (high, &*b)] {
                // Whatever is here now is news to those who wait.
                part.waiting.keys().for_each(|key| self.effects.ready(index, key));
            }
        }
    }

    /// A key chosen uniformly among all, expired ones included.
    pub fn random_key(&mut self) -> Option<(Vec<u8>, Option<i64>)> {
        let total = self.len();
        if total == 0 {
            return None;
        }
        let mut nth = self.random.below(total as u64) as usize;
        for shard in 0..self.shard_count() {
            let len = self.shard(shard).len();
            if nth >= len {
                nth -= len;
                continue;
            }
            let mut random = Random::from_seed(self.random.next_u64());
            let record = self.shard(shard).random(|| random.next_u64())?;
            return Some((record.key().to_vec(), record.expire_ms()));
        }
        None
    }

    /// The type of the value, as TYPE prints it.
    pub fn type_of(&mut self, key: Key<'_>) -> Option<Type> {
        self.read_untouched(key).map(|record| record.value_type())
    }

    /// What this command may call expired.
    #[inline]
    pub fn expiry_clock(&self) -> ExpiryClock {
        ExpiryClock { now_ms: self.usage.now_ms, stands: self.replays }
    }

    /// Whether a stream of effects is replayed: the command was accepted once, and what it depended
    /// on then may look otherwise now.
    pub fn is_replaying(&self) -> bool {
        self.replays
    }

    /// A command gave the key a moment that has passed: the key goes as expired keys go, and its
    /// deletion is what shall be repeated instead of the command. False if there is no such key.
    pub fn delete_as_due(&mut self, key: Key<'_>) -> bool {
        let lazy = self.engine.settings.lazy_expire.load(Relaxed);
        if !self.delete(key, lazy) {
            return false;
        }
        self.changed(key, Class::Generic, "del", 1);
        self.effects.propagate(&[if lazy { b"UNLINK" } else { b"DEL" }, key.bytes]);
        true
    }

    // ---- what single commands need ---------------------------------------------------------

    /// TOUCH: a use that counts even for a client that said CLIENT NO-TOUCH.
    pub fn touch(&mut self, key: Key<'_>) -> bool {
        let no_touch = std::mem::replace(&mut self.no_touch, false);
        let found = self.read(key).is_some();
        self.no_touch = no_touch;
        found
    }

    /// RESTORE: how the key was used where it came from.
    pub fn set_usage(&mut self, key: Key<'_>, usage: u32) {
        let part = self.part(key.hash);
        if let Some(slot) = part.find(key) {
            part.record(slot).set_usage(usage);
        }
    }

    /// Deletes the key if its time has come: for walks, which meet keys without looking them up.
    pub fn delete_if_due(&mut self, key: Key<'_>) {
        self.live(key);
    }

    /// The way to free a key whose time has come, as `lazyfree-lazy-expire` says.
    pub fn expires_lazily(&self) -> bool {
        self.engine.settings.lazy_expire.load(Relaxed)
    }

    /// How a command frees a value that it displaces, as `lazyfree-lazy-server-del` says.
    pub fn displaces_lazily(&self) -> bool {
        self.engine.settings.lazy_server_del.load(Relaxed)
    }

    /// Bytes of the key with all it holds, from `samples` elements (0: all), and of its part of
    /// the index. Does not count as a use; an expired key is there until someone removes it.
    pub fn memory_usage(&mut self, key: Key<'_>, samples: usize) -> Option<usize> {
        let part = self.part(key.hash);
        let slot = part.find(key)?;
        let index_bytes = part.table_bytes().div_ceil(part.len());
        Some(structures::heap::rounded(part.record(slot).memory(samples)) + index_bytes)
    }
}
