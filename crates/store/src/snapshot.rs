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
//! A large value is handed over *in pieces*: whoever comes to its record first, writer or sweeper,
//! only [freezes](crate::value::Part) the value, which counts as handed over then, and the sweeper
//! takes it part by part while writers go on changing it. Values that writers have frozen come first,
//! since each change of them costs memory until they are through.
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
//! (4) Nothing in the shards before `next` takes part any more, and contents never change their
//!     shard.
//! (5) The pieces of one value are handed over before those of another begin. Contents whose value
//!     is under way go on first, wherever they are by now.
//!
//! # Limits
//!
//! A string is handed over whole, and so is what a stream knows of its groups: the pause grows with
//! them, 1 ms for some 10 MB. A large value that is moved to another key before it is through
//! is taken whole at that moment. One snapshot at a time.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::keyspace::Keyspace;
use crate::record::Record;
use crate::shard::{DbShard, ShardData};
use crate::value::Part;

mod capture;

pub(crate) use capture::{By, Capture};

/// Where the records of a snapshot go.
pub trait Sink: Send + Sync {
    /// Takes the record as it was at the cut, in what was database `db` then. Answers what it
    /// cost, in bytes about.
    fn take(&self, db: usize, record: Record<'_>) -> usize;

    /// Values of as many bytes are taken in pieces.
    fn pieces_from_bytes(&self) -> usize {
        usize::MAX
    }

    /// Begins to take the record, as [`Sink::take`] does, but for the parts of its value.
    fn begin(&self, db: usize, record: Record<'_>) -> Box<dyn Pieces>;

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

/// A record that is taken in pieces.
pub trait Pieces: Send {
    /// Takes the next part of its value. Answers what it cost, in bytes about.
    fn add(&mut self, part: Part<'_>) -> usize;

    /// Lets go of what has been added. From the first time on until it is the last, no other
    /// record's pieces are sent (5).
    fn send(&mut self, is_last: bool);
}

impl<S: Sink> Sink for Arc<S> {
    fn take(&self, db: usize, record: Record<'_>) -> usize {
        S::take(self, db, record)
    }

    fn pieces_from_bytes(&self) -> usize {
        S::pieces_from_bytes(self)
    }

    fn begin(&self, db: usize, record: Record<'_>) -> Box<dyn Pieces> {
        S::begin(self, db, record)
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
    way: Mutex<Way>,
    shards: usize,
    /// Shards with values that writers have frozen.
    urgent: Mutex<Vec<usize>>,
    /// What databases held that were emptied before the sweep had been there.
    orphans: Mutex<Vec<DbShard>>,
    is_cancelled: AtomicBool,
}

/// Where the sweep goes.
#[derive(Default)]
struct Way {
    /// (4)
    next: usize,
    /// A shard whose frozen values come first.
    detour: Option<usize>,
}

/// How far a sweep has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    Unfinished,
    /// A shard or the sink is busy, or another thread sweeps: it is not worth trying again at once.
    Waits,
    Finished,
}

impl Snapshot {
    /// One of so many shards. Each is to [`Snapshot::enter`] while the gate is closed.
    pub fn new(shards: usize, sink: Box<dyn Sink>) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            sink,
            way: Mutex::default(),
            shards,
            urgent: Mutex::default(),
            orphans: Mutex::default(),
            is_cancelled: AtomicBool::new(false),
        })
    }

    /// The cut, for the shard of this number.
    pub fn enter(self: &Arc<Self>, number: usize, shard: &mut ShardData) {
        for (db, part) in shard.dbs.iter_mut().enumerate() {
            part.begin_capture(db, number, self);
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

    /// A writer has frozen a value of this shard.
    fn hurry_to(&self, shard: usize) {
        self.urgent.lock().expect("nobody panics noting a shard").push(shard);
    }

    /// Sweeps on, at a cost of about `budget`. The caller holds no shard.
    pub fn sweep(&self, keyspace: &Keyspace, budget: usize) -> Sweep {
        let Ok(mut way) = self.way.try_lock() else { return Sweep::Waits };
        if self.sink.is_full() && !self.is_cancelled() {
            return Sweep::Waits;
        }
        let mut left = budget;
        loop {
            if way.detour.is_none() {
                way.detour = self.urgent.lock().expect("nobody panics noting a shard").pop();
            }
            // (5)
            if !self.sweep_orphans(way.detour.is_none(), &mut left) {
                return Sweep::Unfinished;
            }
            if let Some(shard) = way.detour {
                let Some(mut guard) = keyspace.try_lock(shard) else { return Sweep::Waits };
                if !sweep_frozen(&mut guard, &mut left) {
                    return Sweep::Unfinished;
                }
                way.detour = None;
            } else if way.next < self.shards {
                let Some(mut guard) = keyspace.try_lock(way.next) else { return Sweep::Waits };
                if !sweep_shard(&mut guard, &mut left) {
                    if guard.dbs.iter().any(DbShard::has_value_under_way) {
                        way.detour = Some(way.next);
                    }
                    return Sweep::Unfinished;
                }
                way.next += 1;
            } else {
                return Sweep::Finished;
            }
        }
    }

    /// Sweeps what nobody can see any more: all of it, or just what has a value under way. False if
    /// the budget was not enough.
    fn sweep_orphans(&self, all: bool, left: &mut usize) -> bool {
        let mut orphans = self.orphans.lock().expect("nobody panics adopting");
        while let Some(at) = orphans
            .iter()
            .position(DbShard::has_value_under_way)
            .or_else(|| orphans.len().checked_sub(1).filter(|_| all))
        {
            let part = &mut orphans[at];
            if !(part.capture_some(left) && free_some(part, left)) {
                return false;
            }
            orphans.remove(at);
        }
        true
    }

    /// Sweeps to the end while the gate is closed: `with` lends each shard.
    pub fn finish(&self, mut with: impl FnMut(usize, &mut dyn FnMut(&mut ShardData))) {
        let mut way = self.way.lock().expect("nobody panics sweeping");
        while !self.sweep_orphans(false, &mut usize::MAX.clone()) {}
        if let Some(shard) = way.detour.take() {
            with(shard, &mut |shard| while !sweep_frozen(shard, &mut usize::MAX.clone()) {});
        }
        while way.next < self.shards {
            with(way.next, &mut |shard| while !sweep_shard(shard, &mut usize::MAX.clone()) {});
            way.next += 1;
        }
        while !self.sweep_orphans(true, &mut usize::MAX.clone()) {}
    }
}

/// True once no part of the shard takes part any more.
fn sweep_shard(shard: &mut ShardData, budget: &mut usize) -> bool {
    shard.dbs.iter_mut().all(|part| part.capture_some(budget))
}

/// True once no value of the shard is frozen; the one under way comes first (5).
fn sweep_frozen(shard: &mut ShardData, budget: &mut usize) -> bool {
    let is_first = |part: &DbShard| part.has_value_under_way();
    let under_way = shard.dbs.iter_mut().filter(|part| is_first(part));
    under_way.into_iter().all(|part| part.capture_frozen(budget))
        && shard.dbs.iter_mut().all(|part| part.capture_frozen(budget))
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
mod tests;
