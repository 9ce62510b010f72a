//! Making room: what happens when more memory is used than `maxmemory` allows.
//!
//! Before a command runs, and once in each turn of a worker's loop, the worker looks whether the
//! limit is exceeded and evicts keys, until it is not, nothing is left to evict, or its time is up:
//! then the command runs nevertheless and the worker goes on evicting in its next turn. Only when
//! nothing is left commands that take memory are refused (`refuse.rs`).
//!
//! ```text
//!   make_room ─► over the limit? ─► a shard by chance ─► sample its databases ─► pool
//!                    ▲                                                            │ best
//!                    └────────── journal DEL, tell, free ◄── its shard, locked ◄──┘
//! ```
//!
//! Which key is a good one is the store's to say ([`store::eviction`]). Every worker evicts for
//! itself, with a pool of its own, from all shards; it holds one shard at a time, and none when it
//! comes here.
//!
//! What counts as used is all memory but for what holds changes on their way to replicas and, up to
//! a bound, news of keys on their way to clients (`in_transit.rs`), which grow with each eviction,
//! and what was evicted, keys and clients, but not freed yet.
//!
//! A cycle aims at the excess there was when it began: it ends when evictions have given back so
//! much, even if the limit is exceeded still. Telling clients of an evicted key takes memory too, and
//! who waited for that to be low would evict all because of what the evicting itself takes. What
//! others took meanwhile is the next cycle's, which begins with the next command or turn. Workers that
//! find the limit exceeded at the same time share the excess: what one aims at, no other does.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use smallvec::SmallVec;
use store::eviction::{Candidate, Order, Policy, Pool};
use store::eviction_clock::Usage;
use store::shard::DbShard;
use store::{Key, Record, ShardData};

use crate::batch::Runner;
use crate::effects::encode_expired;
use crate::engine::Engine;
use crate::notify::Class;
use crate::tracking::Broadcast;

/// Keys looked at for each one that `maxmemory-samples` asks for: neighbours come cheap.
const NEIGHBOURS: usize = 3;
/// Evictions between two looks at the clock.
const LOOK_EVERY: usize = 16;
/// Elements looked at to estimate what a value takes.
const ESTIMATE_SAMPLES: usize = 8;
/// From a hundredth above the limit on, evicting takes as long whatever the tenacity: large replies
/// and values must not outrun it.
const FAR_ABOVE_DIVISOR: usize = 100;
const FAR_ABOVE_TIME_US: u64 = 10_000;

/// News in transit do not count up to a hundredth of the limit, or so many bytes if that is more.
const IN_TRANSIT_BYTES: usize = 256 * 1024;

/// A name up to this length is copied without asking for memory.
const NAME_BYTES: usize = 128;

/// What came of making room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Enough,
    /// The time was up; there is more to evict.
    Soon,
    /// Nothing is left that may be evicted.
    None,
}

/// A worker's tools for evicting.
#[derive(Default)]
pub(crate) struct Evictor {
    pool: Pool,
    /// Whose keys the pool holds.
    policy: Option<Policy>,
    /// Under the random policies databases take turns.
    next_db: usize,
}

/// How long the limit has been exceeded.
#[derive(Default)]
pub struct ExceededTime {
    /// Monotonic; 0 while it is not.
    since_us: AtomicU64,
    total_us: AtomicU64,
}

impl ExceededTime {
    fn begin(&self) {
        if self.since_us.load(Relaxed) == 0 {
            let now_us = base::clock::monotonic_us().max(1);
            // Another worker may have been first.
            let _ = self.since_us.compare_exchange(0, now_us, Relaxed, Relaxed);
        }
    }

    #[inline]
    fn end(&self) {
        if self.since_us.load(Relaxed) != 0 {
            let since_us = self.since_us.swap(0, Relaxed);
            self.total_us.fetch_add(elapsed_us(since_us), Relaxed);
        }
    }

    /// Since it was exceeded last, if it still is.
    pub fn current_ms(&self) -> u64 {
        elapsed_us(self.since_us.load(Relaxed)) / 1000
    }

    pub fn total_ms(&self) -> u64 {
        self.total_us.load(Relaxed) / 1000 + self.current_ms()
    }

    pub(crate) fn reset(&self) {
        self.since_us.store(0, Relaxed);
        self.total_us.store(0, Relaxed);
    }
}

fn elapsed_us(since_us: u64) -> u64 {
    if since_us == 0 { 0 } else { base::clock::monotonic_us().saturating_sub(since_us) }
}

/// For how long to evict at once, by `maxmemory-eviction-tenacity`. As Redis: 50 µs for each of the
/// first ten steps, then 15 % more with each, and at 100 as long as it takes.
fn time_limit_us(tenacity: u32) -> u64 {
    match tenacity {
        0..=10 => 50 * u64::from(tenacity),
        11..=99 => (500.0 * 1.15_f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    }
}

impl Engine {
    /// What `maxmemory` is about: see above.
    pub fn counted_memory(&self) -> usize {
        let on_its_way = self.lazyfree.pending_bytes() + self.client_memory.leaving();
        let uncounted_max =
            (self.settings.memory.max_bytes() / FAR_ABOVE_DIVISOR).max(IN_TRANSIT_BYTES);
        let news = self.tracking.in_transit.bytes().min(uncounted_max);
        let not_counted = self.replica_bytes.load(Relaxed) + on_its_way + news;
        self.host.used_memory().saturating_sub(not_counted)
    }

    /// Whether more is used than this limit, which is not 0, allows.
    pub(crate) fn exceeds(&self, max_bytes: usize) -> bool {
        self.counted_memory() > max_bytes
    }
}

impl Runner {
    /// Gets below the limit, if there is one and it is exceeded. No shard is held.
    pub fn make_room(&mut self, engine: &Engine) -> Room {
        let max_bytes = engine.settings.memory.max_bytes();
        let may_not = self.replays || engine.stands_still(self.now_ms);
        if max_bytes == 0 || may_not || !engine.exceeds(max_bytes) {
            engine.exceeded_time.end();
            return Room::Enough;
        }
        if engine.clients_exceed() {
            // They go first, at the end of the turn of whoever made them exceed.
            return Room::Enough;
        }
        let started = store::ticks::now();
        let room = self.evict_until(engine, max_bytes);
        let ticks = store::ticks::now().wrapping_sub(started);
        if engine.settings.attention.is_slow(ticks) {
            engine.note_latency("eviction-cycle", store::ticks::to_us(ticks));
        }
        if !self.effects.broadcast.is_empty() {
            engine.broadcast(&mut self.effects.broadcast);
        }
        match room {
            Room::Enough => engine.exceeded_time.end(),
            Room::Soon | Room::None => engine.exceeded_time.begin(),
        }
        room
    }

    /// For about as long as `maxmemory-eviction-tenacity` says.
    fn evict_until(&mut self, engine: &Engine, max_bytes: usize) -> Room {
        let Some(policy) = engine.settings.memory.policy() else { return Room::None };
        self.now_ms = base::clock::unix_ms();
        if self.evictor.policy != Some(policy) {
            self.evictor.pool.clear();
            self.evictor.policy = Some(policy);
        }
        // What the cycles of other workers aim at is theirs to evict.
        let evicting = &engine.evicting_bytes;
        let excess = engine.counted_memory().saturating_sub(max_bytes + evicting.load(Relaxed));
        evicting.fetch_add(excess, Relaxed);
        let room = self.evict_bytes(engine, max_bytes, policy, excess);
        evicting.fetch_sub(excess, Relaxed);
        room
    }

    fn evict_bytes(
        &mut self,
        engine: &Engine,
        max_bytes: usize,
        policy: Policy,
        excess: usize,
    ) -> Room {
        let limit_us = time_limit_us(engine.settings.memory.tenacity());
        let started = store::ticks::now();
        let (mut evicted, mut freed) = (0, 0);
        while freed < excess && engine.exceeds(max_bytes) {
            let given_back = match policy.order {
                Order::Random => self.evict_random(engine, policy),
                Order::Usage | Order::Ttl => self.evict_best(engine, policy),
            };
            let Some(bytes) = given_back else { return Room::None };
            freed += bytes;
            evicted += 1;
            if evicted % LOOK_EVERY == 0 {
                let took_us = store::ticks::to_us(store::ticks::now() - started);
                let is_far_above = engine.exceeds(max_bytes + max_bytes / FAR_ABOVE_DIVISOR);
                if took_us > limit_us && (!is_far_above || took_us > FAR_ABOVE_TIME_US) {
                    return Room::Soon;
                }
            }
        }
        Room::Enough
    }

    /// Evicts the best candidate. Its bytes; none if there is no candidate.
    fn evict_best(&mut self, engine: &Engine, policy: Policy) -> Option<usize> {
        let usage = Usage::new(engine.settings.usage_clock(), self.now_ms);
        loop {
            if !self.fill_pool(engine, policy, &usage) {
                return None;
            }
            while let Some(candidate) = self.evictor.pool.take_best() {
                let given_back = self.evict_if_still_good(engine, policy, &usage, candidate);
                if given_back.is_some() {
                    return given_back;
                }
            }
        }
    }

    /// Adds some keys of each database to the pool. False if no key may be evicted.
    fn fill_pool(&mut self, engine: &Engine, policy: Policy, usage: &Usage) -> bool {
        let want = engine.settings.memory.samples() * NEIGHBOURS;
        let position = self.random.next_u64();
        let pool = &mut self.evictor.pool;
        let (mut looked, mut found) = (0, false);
        each_shard(engine, position, |_, shard| {
            for (db, part) in shard.dbs.iter().enumerate() {
                looked += part.len();
                found |= sample(
                    part,
                    policy,
                    position,
                    want,
                    |record, score| {
                        pool.offer(score, db, || engine.keyspace.key(record.key()).hash);
                    },
                    usage,
                );
            }
            // The best of the two keys of a small shard may be among the worst of all.
            found && looked >= want
        });
        found
    }

    fn evict_if_still_good(
        &mut self,
        engine: &Engine,
        policy: Policy,
        usage: &Usage,
        candidate: Candidate,
    ) -> Option<usize> {
        let Candidate { db, hash, score } = candidate;
        let mut shard = engine.keyspace.lock(engine.keyspace.shard_of(hash));
        let part = &shard.dbs[db];
        let slot = part.find_hash(hash, |key| engine.keyspace.key(key).hash)?;
        let record = part.record(slot);
        // Used since, or its expiry moved: it is not the key it was.
        if policy.score(usage, &record).is_none_or(|now| now < score) {
            return None;
        }
        let name: SmallVec<[u8; NAME_BYTES]> = record.key().into();
        let key = Key { bytes: &name, hash };
        let broadcast = &mut self.effects.broadcast;
        evict(engine, self.worker, broadcast, &mut shard, db, key)
    }

    /// Evicts a key by chance. Its bytes; none if there is none that may go.
    fn evict_random(&mut self, engine: &Engine, policy: Policy) -> Option<usize> {
        let position = self.random.next_u64();
        let usage = Usage::new(engine.settings.usage_clock(), self.now_ms);
        let first_db = self.evictor.next_db;
        let databases = engine.keyspace.databases();
        let (worker, mut name) = (self.worker, Vec::new());
        let (random, next_db) = (&mut self.random, &mut self.evictor.next_db);
        let broadcast = &mut self.effects.broadcast;
        let mut given_back = None;
        each_shard(engine, position, |_, shard| {
            for step in 0..databases {
                let db = (first_db + step) % databases;
                let part = &shard.dbs[db];
                name.clear();
                if policy.is_volatile {
                    let take = |record: Record<'_>, _| {
                        name.clear();
                        name.extend_from_slice(record.key());
                    };
                    sample(part, policy, position, 1, take, &usage);
                } else if let Some(record) = part.random(|| random.next_u64()) {
                    name.extend_from_slice(record.key());
                } else {
                    continue;
                }
                let key = engine.keyspace.key(&name);
                given_back = evict(engine, worker, broadcast, shard, db, key);
                if given_back.is_some() {
                    *next_db = db + 1;
                    return true;
                }
            }
            false
        });
        given_back
    }
}

/// Holds one shard after the other, beginning with that of a hash, until `f` is content.
fn each_shard(
    engine: &Engine,
    hash: u64,
    mut f: impl FnMut(usize, &mut ShardData) -> bool,
) -> bool {
    let (first, count) = (engine.keyspace.shard_of(hash), engine.keyspace.shard_count());
    (0..count).any(|step| {
        let index = (first + step) % count;
        f(index, &mut engine.keyspace.lock(index))
    })
}

/// Hands over about `want` records that may be evicted, with their scores. False if there is none.
fn sample(
    part: &DbShard,
    policy: Policy,
    position: u64,
    want: usize,
    mut f: impl FnMut(Record<'_>, u64),
    usage: &Usage,
) -> bool {
    let (all, may_go) = if policy.is_volatile {
        // Those with elements that expire may be among them, and have to stay.
        (part.expires() + part.element_expires(), part.expires())
    } else {
        (part.len(), part.len())
    };
    if may_go == 0 {
        return false;
    }
    let mut want = want;
    loop {
        let mut records: SmallVec<[Record<'_>; 64]> = SmallVec::new();
        part.sample(position, want, policy.is_volatile, |record| records.push(record));
        // All are asked for before the first is judged: their cache misses are one.
        let scores: SmallVec<[Option<u64>; 64]> =
            records.iter().map(|record| policy.score(usage, record)).collect();
        let mut found = false;
        for (record, score) in records.into_iter().zip(scores) {
            if let Some(score) = score {
                f(record, score);
                found = true;
            }
        }
        if found || want >= all {
            return found;
        }
        want *= 4;
    }
}

/// Removes a key because memory is short, and tells of it. The bytes that come back, about; none if
/// it is not there.
fn evict(
    engine: &Engine,
    worker: usize,
    broadcast: &mut Vec<Broadcast>,
    shard: &mut ShardData,
    db: usize,
    key: Key<'_>,
) -> Option<usize> {
    let ShardData { dbs, tracked, .. } = shard;
    let part = &mut dbs[db];
    let slot = part.find(key)?;
    let lazy = engine.settings.memory.frees_lazily();
    let bytes = part.record(slot).memory(ESTIMATE_SAMPLES);
    let remains = part.remove(slot);
    part.touch_watched(key);
    if engine.tracking.is_on() {
        engine.invalidate_gone(key.bytes, tracked, broadcast);
    }
    engine.stats[worker].evicted_keys.add(1);
    if engine.journal.is_on() {
        let command = encode_expired(key.bytes, lazy);
        engine.journal.append(worker, db as u32, &[&command]);
    }
    engine.notify(db, Class::Evicted, "evicted", key.bytes);
    if let Some(value) = remains {
        engine.lazyfree.free_evicted(value, lazy, bytes);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_is_a_time() {
        assert_eq!([0, 1, 10].map(time_limit_us), [0, 50, 500]);
        assert!((574..=575).contains(&time_limit_us(11)));
        assert!((1.2e8..1.3e8).contains(&(time_limit_us(99) as f64)), "{}", time_limit_us(99));
        assert_eq!(time_limit_us(100), u64::MAX);
    }
}
