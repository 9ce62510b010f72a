//! Active expiry: removing keys that are due although nobody asks for them.
//!
//! The table knows the earliest expiry of each segment and bucket, so a walk opens only what holds
//! a due key and finds all of them; there is nothing to sample and no second table. A hash with due
//! fields is found the same way, as a key that is due in parts ([`store::shard`]). Each worker
//! walks its share of the shards a few hundred removals at a time, between batches of events: a
//! million keys due in the same second disappear within that second and nobody waits for it.

use std::sync::atomic::Ordering::Relaxed;

use store::shard::{Gone, Purged};
use store::{Access, Fate, Inside, ShardData};

use crate::batch::Runner;
use crate::blocked::serve_expired;
use crate::effects::{encode_expired, encode_field_expired};
use crate::engine::Engine;
use crate::notify::Class;

/// Buckets visited, keys and fields removed while a shard is held: some tens of microseconds.
const STEP_BUDGET: usize = 256;

/// Where a worker's walk stands.
#[derive(Default)]
pub struct ExpireWalk {
    shard: usize,
    db: usize,
    cursor: u64,
    /// The walk has not come round since it began.
    under_way: bool,
}

impl ExpireWalk {
    /// Walks on for about `budget_us`. True when a whole round is complete: nothing that was due
    /// at its beginning is left.
    pub fn run(
        &mut self,
        engine: &Engine,
        inside: &Inside<'_>,
        runner: &mut Runner,
        budget_us: u64,
    ) -> bool {
        let now_ms = base::clock::unix_ms();
        if runner.replays || !engine.active_expire.load(Relaxed) || engine.stands_still(now_ms) {
            return true;
        }
        let started = store::ticks::now();
        if !self.under_way {
            *self = ExpireWalk { shard: runner.worker, db: 0, cursor: 0, under_way: true };
        }
        runner.now_ms = now_ms;
        let workers = engine.workers();
        while self.shard < engine.keyspace.shard_count() {
            while self.db < engine.keyspace.databases() {
                if inside.is_wanted() {
                    // Who wants the world is let through between turns, when the worker's
                    // connections are where a late script can answer them.
                    return false;
                }
                let done = self.step(engine, runner);
                if done {
                    (self.db, self.cursor) = (self.db + 1, 0);
                }
                if !done && store::ticks::to_us(store::ticks::now() - started) >= budget_us {
                    return false;
                }
            }
            (self.shard, self.db, self.cursor) = (self.shard + workers, 0, 0);
        }
        self.under_way = false;
        if !runner.effects.broadcast.is_empty() {
            engine.broadcast(&mut runner.effects.broadcast);
        }
        true
    }

    /// One short hold of one shard; true if its database has nothing more that is due.
    fn step(&mut self, engine: &Engine, runner: &mut Runner) -> bool {
        let Some(mut guard) = engine.keyspace.try_lock(self.shard) else {
            // Somebody is busy there; the next round will find what is due.
            return true;
        };
        let ShardData { dbs, tracked, .. } = &mut *guard;
        let part = &mut dbs[self.db];
        let now_ms = runner.now_ms;
        if part.next_expire_ms().is_none_or(|at| at >= now_ms.max(0) as u64) {
            return true;
        }
        let stats = &engine.stats[runner.worker];
        let lazy = engine.settings.lazy_expire.load(Relaxed);
        let journal = engine.journal.is_on();
        let mut budget = STEP_BUDGET;
        let mut commands: Vec<Vec<u8>> = Vec::new();
        let db = self.db;
        let broadcast = &mut runner.effects.broadcast;
        let started = store::ticks::now();
        let is_waited_for = !part.waiting.is_empty();
        let mut waited_for: Vec<Box<[u8]>> = Vec::new();
        let done = part.expire_due(now_ms, &mut self.cursor, &mut budget, |gone| {
            if is_waited_for {
                let (Gone::Key(key, _) | Gone::Elements(key, _)) = &gone;
                waited_for.push((*key).into());
            }
            if engine.tracking.is_on() {
                let (Gone::Key(key, _) | Gone::Elements(key, _)) = &gone;
                engine.invalidate_gone(key, tracked, broadcast);
            }
            let remains = match gone {
                Gone::Key(key, remains) => {
                    stats.expired_keys.add(1);
                    stats.expired_by_cycle.add(1);
                    if journal {
                        commands.push(encode_expired(key, lazy));
                    }
                    engine.notify(db, Class::Expired, "expired", key);
                    remains
                }
                Gone::Elements(key, Purged { names, fate }) => {
                    stats.expired_subkeys.add(names.len() as u64);
                    if journal {
                        let fields = names.iter().map(|name| encode_field_expired(key, name));
                        commands.extend(fields);
                    }
                    engine.notify(db, Class::Hash, "hexpired", key);
                    if matches!(fate, Fate::Removed(_)) {
                        engine.notify(db, Class::Generic, "del", key);
                    }
                    fate.remains()
                }
            };
            if let Some(value) = remains {
                engine.lazyfree.free_value(value, lazy);
            }
        });
        for command in &commands {
            engine.journal.append(runner.worker, self.db as u32, &[command]);
        }
        waited_for.retain(|key| part.waiting.has(key));
        if !waited_for.is_empty() {
            serve_expired(engine, runner, Access::One(guard), self.db, waited_for);
        }
        let ticks = store::ticks::now().wrapping_sub(started);
        if engine.settings.attention.is_slow(ticks) {
            engine.note_latency("expire-cycle", store::ticks::to_us(ticks));
        }
        done
    }
}
