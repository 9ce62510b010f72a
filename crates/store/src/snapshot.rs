//! The snapshot: all records as they were at one moment, taken while writers go on.
//!
//! ```text
//!   gate closed: every part flips its colour           new keys are born in the new colour
//!        │
//!        ├─ writer about to change an entry of the old colour ──► hands the old record over first
//!        ├─ sweeper, a little at a time, in hash order ─────────► hands over what it meets in the
//!        │                                                        old colour
//!        └─ emptied database ───────────────────────────────────► goes to the sweeper as it is
//! ```
//!
//! Whoever hands a record over gives its slot the new colour, so it is handed over once. When the
//! sweeper has been everywhere, every entry has the new colour: the next snapshot flips again.
//!
//! The colour, the sweeper's place and the number the database had at the cut belong to the
//! contents ([`DbShard`]) and not to the database's number: they go along when SWAPDB exchanges
//! contents.
//!
//! # Invariants
//!
//! (1) While a part takes part in a snapshot, an entry whose colour is not the part's own is as it
//!     was at the cut, and has not been handed over. All others have been, or are younger.
//! (2) While a part takes part in none, all its entries have its colour.
//! (3) Records are handed over while their shard is held.
//! (4) `next` is the shard being swept: nothing in those before it takes part any more, and
//!     contents never change their shard.
//!
//! # Limits
//!
//! A value is handed over whole: the pause of the sweeper, and of the writer that changes it first,
//! grows with the value. One snapshot at a time.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::keyspace::Keyspace;
use crate::record::Record;
use crate::shard::{DbShard, ShardData};

/// Where the records of a snapshot go.
pub trait Sink: Send + Sync {
    /// Takes the record as it was at the cut, in what was database `db` then. Answers what it
    /// cost, in bytes about.
    fn take(&self, db: usize, record: Record<'_>) -> usize;

    /// Whether so much waits to be written that the sweep should.
    fn is_full(&self) -> bool {
        false
    }

    /// What waits to be written, in bytes.
    fn waiting_bytes(&self) -> usize {
        0
    }

    /// All has been handed over.
    fn swept(&self) {}
}

impl<S: Sink> Sink for Arc<S> {
    fn take(&self, db: usize, record: Record<'_>) -> usize {
        S::take(self, db, record)
    }

    fn is_full(&self) -> bool {
        S::is_full(self)
    }

    fn waiting_bytes(&self) -> usize {
        S::waiting_bytes(self)
    }

    fn swept(&self) {
        S::swept(self);
    }
}

/// What a bucket costs that has nothing to hand over.
const BUCKET_COST: usize = 64;

/// A snapshot under way.
pub struct Snapshot {
    sink: Box<dyn Sink>,
    /// (4)
    next: Mutex<usize>,
    shards: usize,
    /// What databases held that were emptied before the sweep had been there.
    orphans: Mutex<Vec<DbShard>>,
    is_cancelled: AtomicBool,
}

/// How far a sweep has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    Unfinished,
    /// A shard or the sink is busy, or another thread sweeps: it is not worth trying again at once.
    Waits,
    Finished,
}

/// A part's share in a snapshot.
pub(crate) struct Capture {
    pub(crate) snapshot: Arc<Snapshot>,
    /// The database's number at the cut.
    pub(crate) db: usize,
    /// Where the sweep stands in the table.
    pub(crate) cursor: u64,
}

impl Capture {
    #[inline]
    pub(crate) fn take(&self, record: Record<'_>) -> usize {
        self.snapshot.take(self.db, record)
    }
}

impl Snapshot {
    /// One of so many shards. Each is to [`Snapshot::enter`] while the gate is closed.
    pub fn new(shards: usize, sink: Box<dyn Sink>) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            sink,
            next: Mutex::new(0),
            shards,
            orphans: Mutex::default(),
            is_cancelled: AtomicBool::new(false),
        })
    }

    /// The cut, for one shard.
    pub fn enter(self: &Arc<Self>, shard: &mut ShardData) {
        for (db, part) in shard.dbs.iter_mut().enumerate() {
            part.begin_capture(db, self);
        }
    }

    /// From now on nothing is handed over any more; the sweep only restores (2).
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Relaxed);
    }

    /// Tells the sink that the sweep has been everywhere, unless it has been cancelled.
    pub fn end(&self) {
        if !self.is_cancelled() {
            self.sink.swept();
        }
    }

    /// What was handed over and waits to be written, in bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.sink.waiting_bytes()
    }

    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Relaxed)
    }

    fn take(&self, db: usize, record: Record<'_>) -> usize {
        if self.is_cancelled() { BUCKET_COST } else { self.sink.take(db, record) }
    }

    /// Takes what was detached from a database while it took part.
    pub(crate) fn adopt(&self, part: DbShard) {
        self.orphans.lock().expect("nobody panics adopting").push(part);
    }

    /// Sweeps on, at a cost of about `budget`. The caller holds no shard.
    pub fn sweep(&self, keyspace: &Keyspace, budget: usize) -> Sweep {
        let Ok(mut next) = self.next.try_lock() else { return Sweep::Waits };
        if self.sink.is_full() && !self.is_cancelled() {
            return Sweep::Waits;
        }
        let mut left = budget;
        while *next < self.shards {
            let Some(mut guard) = keyspace.try_lock(*next) else { return Sweep::Waits };
            if !sweep_shard(&mut guard, &mut left) {
                return Sweep::Unfinished;
            }
            *next += 1;
        }
        let mut orphans = self.orphans.lock().expect("nobody panics adopting");
        while let Some(part) = orphans.last_mut() {
            if !(part.capture_some(&mut left) && free_some(part, &mut left)) {
                return Sweep::Unfinished;
            }
            orphans.pop();
        }
        Sweep::Finished
    }

    /// Sweeps to the end while the gate is closed: `with` lends each shard.
    pub fn finish(&self, mut with: impl FnMut(usize, &mut dyn FnMut(&mut ShardData))) {
        let mut next = self.next.lock().expect("nobody panics sweeping");
        while *next < self.shards {
            with(*next, &mut |shard| {
                while !sweep_shard(shard, &mut usize::MAX.clone()) {}
            });
            *next += 1;
        }
        let mut orphans = self.orphans.lock().expect("nobody panics adopting");
        for part in orphans.iter_mut() {
            while !part.capture_some(&mut usize::MAX.clone()) {}
        }
        orphans.clear();
    }
}

/// True once no part of the shard takes part any more.
fn sweep_shard(shard: &mut ShardData, budget: &mut usize) -> bool {
    shard.dbs.iter_mut().all(|part| part.capture_some(budget))
}

/// Frees entries of what nobody can see any more; true once it is empty.
fn free_some(part: &mut DbShard, budget: &mut usize) -> bool {
    while *budget > 0 {
        *budget = budget.saturating_sub(64 * BUCKET_COST);
        if !part.drain_some(64) {
            return true;
        }
    }
    false
}

/// What one bucket cost.
pub(crate) fn pay(budget: &mut usize, cost: usize) {
    *budget = budget.saturating_sub(cost.max(BUCKET_COST));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::random::Random;

    use super::*;
    use crate::shard::{Expire, NewValue};
    use crate::value::{CollectionType, FieldExpire, Hash, Limits};
    use crate::{Key, StrRef, ValueRef, View};

    type Contents = BTreeMap<(usize, Vec<u8>), (String, Option<i64>)>;

    fn text(record: &Record<'_>) -> String {
        match record.value() {
            ValueRef::String(StrRef::Int(n)) => n.to_string(),
            ValueRef::String(StrRef::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            ValueRef::Hash(hash) => format!("a hash of {}", hash.len()),
            _ => unreachable!("the test stores strings and hashes"),
        }
    }

    #[derive(Default)]
    struct Taken(Mutex<Contents>);

    struct Into(Arc<Taken>);

    impl Sink for Into {
        fn take(&self, db: usize, record: Record<'_>) -> usize {
            let entry = (text(&record), record.expire_ms());
            let twice = self.0.0.lock().unwrap().insert((db, record.key().to_vec()), entry);
            assert!(twice.is_none(), "a record was handed over twice");
            100
        }
    }

    struct Nobody;

    impl crate::keyspace::Wake for Nobody {
        fn wake(&self, _: usize) {}
    }

    const DBS: usize = 3;
    const NOW_MS: i64 = 1_000_000;

    fn contents(keyspace: &Keyspace) -> Contents {
        let mut all = Contents::new();
        for shard in 0..keyspace.shard_count() {
            for (db, part) in keyspace.lock(shard).dbs.iter().enumerate() {
                part.check();
                part.for_each(|record| {
                    let entry = (text(&record), record.expire_ms());
                    all.insert((db, record.key().to_vec()), entry);
                });
            }
        }
        all
    }

    fn write_something(keyspace: &Keyspace, random: &mut Random) {
        let name = random.below(3_000).to_string();
        let key: Key<'_> = keyspace.key(name.as_bytes());
        let shard = keyspace.shard_of(key.hash);
        let limits = Limits { hash_entries_max: 8, ..Limits::default() };
        let mut guard = keyspace.lock(shard);
        let part = &mut guard.dbs[random.below(DBS as u64) as usize];
        let slot = part.find(key);
        match (slot, random.below(9)) {
            (Some(slot), 0) => drop(part.remove(slot)),
            (Some(slot), 1) => {
                let (value, expire_ms, usage) = part.take(slot);
                let expire = expire_ms.map_or(Expire::Clear, Expire::At);
                let value = NewValue::Owned(value);
                // Elsewhere, as MOVE does.
                let part = &mut guard.dbs[random.below(DBS as u64) as usize];
                let slot = part.find(key);
                drop(part.set(slot, key, value, expire, usage));
            }
            (Some(slot), 2) => {
                let at = (random.below(3) > 0).then(|| NOW_MS - 50 + random.below(100) as i64);
                part.set_expire(slot, at);
            }
            (Some(slot), 3) if part.record(slot).string().is_some() => {
                part.string_resize(Some(slot), key, 10 + random.below(2000) as usize, 0).fill(b'r');
            }
            (Some(slot), 4 | 5) if part.record(slot).collection::<Hash>().is_some() => {
                let field = random.below(40).to_string();
                let (_, _) = part.edit::<Hash, _>(slot, key, |hash| {
                    if random.below(3) == 0 {
                        hash.remove(field.as_bytes());
                    } else {
                        hash.set(&limits, field.as_bytes(), b"v", FieldExpire::Clear);
                    }
                });
            }
            (None, 6 | 7) => {
                let mut hash = Hash::empty(&limits);
                for n in 0..=random.below(12) {
                    hash.set(&limits, n.to_string().as_bytes(), b"value", FieldExpire::Clear);
                }
                part.insert(key, hash, 0);
            }
            (slot, _) => {
                let value = vec![b'v'; random.below(100) as usize];
                let expire = if random.below(3) == 0 { Expire::Keep } else { Expire::Clear };
                drop(part.set(slot, key, NewValue::Text(&value), expire, 0));
            }
        }
    }

    fn world_changes(keyspace: &Keyspace, random: &mut Random) {
        let (swaps, db) = (random.below(2) == 0, random.below(DBS as u64 - 1) as usize);
        for shard in 0..keyspace.shard_count() {
            let mut guard = keyspace.lock(shard);
            if swaps {
                let (head, tail) = guard.dbs.split_at_mut(db + 1);
                head[db].swap(&mut tail[0]);
            } else {
                drop(guard.dbs[db].detach(keyspace.shard_bits()));
            }
        }
    }

    fn expire_something(keyspace: &Keyspace, random: &mut Random) {
        let shard = random.below(keyspace.shard_count() as u64) as usize;
        let mut guard = keyspace.lock(shard);
        let part = &mut guard.dbs[random.below(DBS as u64) as usize];
        let (mut cursor, mut budget) = (0, 1000);
        part.expire_due(NOW_MS, &mut cursor, &mut budget, |gone| drop(gone));
    }

    /// Random writers between the steps of random sweeps; some are given up.
    fn run(workers: usize, seed: u64) {
        let mut random = Random::from_seed(seed);
        let keyspace = Keyspace::new(workers, DBS, [3; 16], Box::new(Nobody));
        for _ in 0..3_000 {
            write_something(&keyspace, &mut random);
        }
        for round in 0..30 {
            let expected = contents(&keyspace);
            let taken = Arc::new(Taken::default());
            let snapshot =
                Snapshot::new(keyspace.shard_count(), Box::new(Into(Arc::clone(&taken))));
            for shard in 0..keyspace.shard_count() {
                snapshot.enter(&mut keyspace.lock(shard));
            }
            let (every, cancels) = (1 + random.below(40), round % 7 == 6);
            while snapshot.sweep(&keyspace, random.below(20_000) as usize) != Sweep::Finished {
                for _ in 0..random.below(200) {
                    write_something(&keyspace, &mut random);
                }
                expire_something(&keyspace, &mut random);
                if random.below(every) == 0 {
                    world_changes(&keyspace, &mut random);
                }
                if cancels && random.below(10) == 0 {
                    snapshot.cancel();
                }
            }
            contents(&keyspace);
            let taken = taken.0.lock().unwrap();
            if !snapshot.is_cancelled() {
                assert!(*taken == expected, "seed {seed}, round {round}: not as at the cut");
            }
            assert_eq!(Arc::strong_count(&snapshot), 1, "nothing takes part any more");
        }
    }

    #[test]
    fn what_is_taken_is_what_was_there_at_the_cut() {
        for seed in 0..4 {
            run(1, seed);
            run(4, 100 + seed);
        }
    }

    #[test]
    fn a_snapshot_can_be_finished_while_the_gate_is_closed() {
        let mut random = Random::from_seed(5);
        let keyspace = Keyspace::new(2, DBS, [4; 16], Box::new(Nobody));
        for _ in 0..2_000 {
            write_something(&keyspace, &mut random);
        }
        let taken = Arc::new(Taken::default());
        let snapshot = Snapshot::new(keyspace.shard_count(), Box::new(Into(Arc::clone(&taken))));
        let expected = contents(&keyspace);
        for shard in 0..keyspace.shard_count() {
            snapshot.enter(&mut keyspace.lock(shard));
        }
        snapshot.sweep(&keyspace, 10_000);
        world_changes(&keyspace, &mut random);
        snapshot.finish(|shard, sweep| sweep(&mut keyspace.lock(shard)));
        assert!(*taken.0.lock().unwrap() == expected);
        assert_eq!(snapshot.sweep(&keyspace, 1), Sweep::Finished);
    }
}
