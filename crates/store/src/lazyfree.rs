//! Freeing in the background: what UNLINK, FLUSHALL ASYNC and the lazyfree options leave behind,
//! and whatever else takes long.
//!
//! One thread takes detached databases and large values from a queue, and frees them in slices,
//! between which others may run. Small values are freed where they are: a hand-over costs more than
//! the work.
//!
//! Redis frees in place what DEL removes, unless told otherwise. We do so up to
//! [`IN_PLACE_MAX`]: nobody can tell where a value was freed, but everybody waits for a million
//! frees. Only what Redis would have freed in the background counts in INFO, as there.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::shard::DbShard;
use crate::value::OwnedValue;

/// Values with as many allocations are freed in place even when asked to be lazy. Redis's number.
const LAZY_IN_PLACE_MAX: usize = 64;
/// Values with more allocations are never freed in place; this many take some 100 µs.
const IN_PLACE_MAX: usize = 4096;
/// Strings longer than this are never freed in place: the kernel takes its time with pages.
const IN_PLACE_BYTES_MAX: usize = 4 << 20;
/// Entries freed between two offers to other threads.
const SLICE: usize = 4096;

struct Job {
    what: Garbage,
    /// What it counts in INFO.
    objects: u64,
    /// What it will give back, as far as anybody asked.
    bytes: usize,
}

enum Garbage {
    Db(Box<DbShard>),
    Value(OwnedValue),
    Other(Box<dyn Any + Send>),
}

impl Garbage {
    fn free(self) {
        match self {
            Garbage::Db(mut db) => {
                while db.drain_some(SLICE) {
                    std::thread::yield_now();
                }
            }
            Garbage::Value(OwnedValue::Collection(mut collection)) => {
                while !collection.drain_some(SLICE) {
                    std::thread::yield_now();
                }
            }
            Garbage::Value(value) => drop(value),
            Garbage::Other(other) => drop(other),
        }
    }
}

/// The queue's sending side and its counters.
pub struct LazyFree {
    queue: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    pending: Arc<AtomicU64>,
    freed: Arc<AtomicU64>,
    pending_bytes: Arc<AtomicUsize>,
}

// SAFETY: a detached DbShard owns its table and heap alone; nothing in them is tied to a thread.
unsafe impl Send for DbShard {}

impl LazyFree {
    /// Starts the thread.
    pub fn start() -> LazyFree {
        let (queue, jobs) = channel::<Job>();
        let (pending, freed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let pending_bytes = Arc::new(AtomicUsize::new(0));
        let counters = (pending.clone(), freed.clone(), pending_bytes.clone());
        let thread = std::thread::Builder::new()
            .name("lazyfree".into())
            .spawn(move || {
                for job in jobs {
                    job.what.free();
                    counters.0.fetch_sub(job.objects, Ordering::Relaxed);
                    counters.1.fetch_add(job.objects, Ordering::Relaxed);
                    counters.2.fetch_sub(job.bytes, Ordering::Relaxed);
                }
            })
            .expect("the process can start its first threads");
        LazyFree { queue: Some(queue), thread: Some(thread), pending, freed, pending_bytes }
    }

    fn send(&self, what: Garbage, objects: u64, bytes: usize) {
        self.pending.fetch_add(objects, Ordering::Relaxed);
        self.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        let queue = self.queue.as_ref().expect("the queue is open until drop");
        let job = Job { what, objects, bytes };
        queue.send(job).unwrap_or_else(|_| panic!("the thread lives as long as the queue"));
    }

    /// Frees a database's part.
    pub fn free_db(&self, db: DbShard) {
        let keys = db.len() as u64;
        if keys > 0 {
            self.send(Garbage::Db(Box::new(db)), keys, 0);
        }
    }

    /// Frees a value: here, unless it is large, or not small and to be freed `lazily`.
    pub fn free_value(&self, value: OwnedValue, lazily: bool) {
        self.free_evicted(value, lazily, 0);
    }

    /// As `free_value`, for a value of so many bytes: until they are free they are known to be on
    /// their way ([`LazyFree::pending_bytes`]), so that nothing else is evicted in their stead.
    pub fn free_evicted(&self, value: OwnedValue, lazily: bool, value_bytes: usize) {
        let (allocations, bytes) = match &value {
            OwnedValue::Collection(collection) => (collection.allocations(), 0),
            OwnedValue::Big(string) => (1, string.bytes().len()),
            OwnedValue::Int(_) | OwnedValue::Bytes(..) => (1, 0),
        };
        if lazily && allocations > LAZY_IN_PLACE_MAX {
            self.send(Garbage::Value(value), 1, value_bytes);
        } else if allocations > IN_PLACE_MAX || bytes > IN_PLACE_BYTES_MAX {
            self.send(Garbage::Value(value), 0, value_bytes);
        }
    }

    /// Frees something else that stands for so many objects: here if it is little or shall be.
    pub fn free_other(&self, other: Box<dyn Any + Send>, objects: u64, lazily: bool) {
        if lazily && objects > LAZY_IN_PLACE_MAX as u64 {
            self.send(Garbage::Other(other), objects, 0);
        }
    }

    /// Counts objects that a flush freed at once: to Redis every flush is freed in the background,
    /// and SYNC only waits for it.
    pub fn freed_at_once(&self, objects: u64) {
        self.freed.fetch_add(objects, Ordering::Relaxed);
    }

    /// Objects waiting to be freed.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// Bytes of evicted values waiting to be freed.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes.load(Ordering::Relaxed)
    }

    /// Objects freed since the start or the last reset.
    pub fn freed(&self) -> u64 {
        self.freed.load(Ordering::Relaxed)
    }

    pub fn reset(&self) {
        self.freed.store(0, Ordering::Relaxed);
    }
}

impl Drop for LazyFree {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was already reported by the panic hook.
            let _ = thread.join();
        }
    }
}
