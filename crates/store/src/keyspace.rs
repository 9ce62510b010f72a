//! All shards together: how a key finds its shard, and the operations on whole databases.
//!
//! ```text
//!   hash 64 bits:  | shard | directory | in-segment fraction = tag | … |
//! ```
//!
//! With one worker there is one shard and no locking at all; else 16 shards for each worker, a
//! power of two, so that two workers rarely want the same one.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use structures::hash::HashKey;
use structures::table::Peek;

use crate::lock::ShardLock;
use crate::shard::{DbShard, ShardData};
use crate::tracked::Tracked;

/// A key and its hash, computed once.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub bytes: &'a [u8],
    pub hash: u64,
}

/// Told when a shard is freed that some worker waits for.
pub trait Wake: Send + Sync {
    /// Makes the worker's event loop turn, soon.
    fn wake(&self, worker: usize);
}

struct Shard {
    lock: ShardLock,
    data: UnsafeCell<ShardData>,
}

// SAFETY: `data` is reached only through a `ShardGuard`, which exists once at a time: it holds the
// lock, or there is a single worker (see `Keyspace::guard`). ShardData itself may change threads.
unsafe impl Sync for Shard {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Shard {}

impl Shard {
    /// Asks for its line, to be written.
    #[inline(always)]
    fn prefetch(&self) {
        structures::prefetch_for_write(std::ptr::from_ref(&self.lock).cast());
    }
}

pub struct Keyspace {
    shards: Box<[CachePadded<Shard>]>,
    /// By database, then by shard. Away from the shards: their lines are written by each command.
    peeks: Box<[Arc<Peek>]>,
    /// Top bits of a hash that choose the shard.
    bits: u32,
    hash_key: HashKey,
    databases: usize,
    wake: Box<dyn Wake>,
}

impl Keyspace {
    /// `workers` decides the number of shards; `seed` is the secret of the hash.
    pub fn new(workers: usize, databases: usize, seed: [u8; 16], wake: Box<dyn Wake>) -> Keyspace {
        assert!(workers > 0, "a keyspace has at least one worker");
        let count = if workers == 1 { 1 } else { (16 * workers).next_power_of_two() };
        let bits = count.trailing_zeros();
        let hash_key = HashKey::from_seed(seed);
        let peeks: Box<[Arc<Peek>]> =
            (0..databases * count).map(|_| Arc::new(Peek::new())).collect();
        let shard = |index: usize| {
            let dbs = peeks[index..]
                .iter()
                .step_by(count)
                .map(|peek| DbShard::new(hash_key.clone(), bits, peek.clone()))
                .collect();
            CachePadded::new(Shard {
                lock: ShardLock::new(),
                data: UnsafeCell::new(ShardData { dbs, strays: 0, tracked: Tracked::default() }),
            })
        };
        let shards = (0..count).map(shard).collect();
        Keyspace { shards, peeks, bits, hash_key, databases, wake }
    }

    pub fn databases(&self) -> usize {
        self.databases
    }

    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    pub fn shard_bits(&self) -> u32 {
        self.bits
    }

    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key { bytes, hash: self.hash_key.hash(bytes) }
    }

    #[inline]
    pub fn shard_of(&self, hash: u64) -> usize {
        // Two shifts: a shift by 64 is not defined, and one shard has no bits.
        ((hash >> 1) >> (63 - self.bits)) as usize
    }

    /// Whether locks are real: with one worker they are not needed.
    #[inline]
    pub fn is_shared(&self) -> bool {
        self.bits != 0
    }

    /// Brings the buckets and records of a batch's keys to the cache, so that the commands behind
    /// find them there: all buckets are under way before the first record is asked for. Takes no
    /// lock; what is replaced meanwhile is not freed before we are done. The shards themselves were
    /// last another worker's as often as not: they are asked for in between.
    #[inline]
    pub fn prefetch(&self, db: usize, hashes: &[u64]) {
        let pinned = crossbeam_epoch::pin();
        if self.is_shared() {
            let peeks = self.peeks_of(db);
            let peek = |hash: u64| &*peeks[self.shard_of(hash)];
            hashes.iter().for_each(|&h| peek(h).prefetch_bucket(h, self.bits, &pinned));
            hashes.iter().for_each(|&h| self.shards[self.shard_of(h)].prefetch());
            hashes.iter().for_each(|&h| peek(h).prefetch_entry(h, self.bits, &pinned));
        } else {
            let peek = &*self.peeks_of(db)[0];
            hashes.iter().for_each(|&h| peek.prefetch_bucket(h, 0, &pinned));
            hashes.iter().for_each(|&h| peek.prefetch_entry(h, 0, &pinned));
        }
    }

    /// Brings to the cache where new keys of a database go.
    pub fn prefetch_places(&self, db: usize, hashes: &[u64]) {
        let pinned = crossbeam_epoch::pin();
        hashes.iter().for_each(|&h| self.peek(db, h).prefetch_place(h, self.bits, &pinned));
    }

    fn peeks_of(&self, db: usize) -> &[Arc<Peek>] {
        let count = self.shards.len();
        &self.peeks[db * count..][..count]
    }

    fn peek(&self, db: usize, hash: u64) -> &Peek {
        &self.peeks_of(db)[self.shard_of(hash)]
    }

    /// The first half of [`Keyspace::prefetch`], for one key.
    #[inline]
    pub fn prefetch_bucket(&self, db: usize, hash: u64) {
        self.peek(db, hash).prefetch_bucket(hash, self.bits, &crossbeam_epoch::pin());
    }

    /// The second half, to be asked for a moment later.
    #[inline]
    pub fn prefetch_record(&self, db: usize, hash: u64) {
        self.peek(db, hash).prefetch_entry(hash, self.bits, &crossbeam_epoch::pin());
    }

    /// Takes the shard if it becomes free within about a microsecond.
    #[inline(always)]
    pub fn try_lock(&self, shard: usize) -> Option<ShardGuard<'_>> {
        (!self.is_shared() || self.shards[shard].lock.lock_spinning()).then(|| ShardGuard {
            keyspace: self,
            shard: &self.shards[shard],
            index: shard,
        })
    }

    /// Takes the shard, giving up the processor between tries: for commands that are nobody's
    /// neighbour in a batch, and for housekeeping.
    pub fn lock(&self, shard: usize) -> ShardGuard<'_> {
        loop {
            if let Some(guard) = self.try_lock(shard) {
                return guard;
            }
            std::thread::yield_now();
        }
    }

    #[cold]
    fn wake_all(&self, mut workers: u64) {
        while workers != 0 {
            self.wake.wake(workers.trailing_zeros() as usize);
            workers &= workers - 1;
        }
    }

    /// Registers the worker to be woken when the shard is freed; false if it already is.
    pub fn park(&self, shard: usize, worker: usize) -> bool {
        self.shards[shard].lock.park(worker)
    }
}

/// A shard, held. Dropping it frees the shard and wakes who waits for it.
pub struct ShardGuard<'k> {
    keyspace: &'k Keyspace,
    shard: &'k Shard,
    index: usize,
}

impl ShardGuard<'_> {
    pub fn index(&self) -> usize {
        self.index
    }
}

impl Deref for ShardGuard<'_> {
    type Target = ShardData;

    #[inline]
    fn deref(&self) -> &ShardData {
        // SAFETY: the guard is the only one for this shard: `try_lock` took the lock, or there is
        // one worker, whose `Access` never takes a shard twice.
        unsafe { &*self.shard.data.get() }
    }
}

impl DerefMut for ShardGuard<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut ShardData {
        // SAFETY: as above.
        unsafe { &mut *self.shard.data.get() }
    }
}

impl Drop for ShardGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.keyspace.is_shared() {
            let waiting = self.shard.lock.unlock();
            if waiting != 0 {
                self.keyspace.wake_all(waiting);
            }
        }
    }
}
