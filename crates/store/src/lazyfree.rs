//! Freeing in the background: what UNLINK, FLUSHALL ASYNC and the lazyfree options leave behind.
//!
//! One thread takes detached databases and large values from a queue. Small values are freed where
//! they are: a hand-over costs more than the work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::shard::DbShard;
use crate::value::OwnedValue;

/// Values with fewer elements are freed at once.
const ELEMENTS_MIN: usize = 64;
/// Entries freed between two looks at the clock of other threads.
const SLICE: usize = 4096;

enum Job {
    Db(Box<DbShard>),
    Value(OwnedValue),
}

/// The queue's sending side and its counters.
pub struct LazyFree {
    queue: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    pending: Arc<AtomicU64>,
    freed: Arc<AtomicU64>,
}

// SAFETY: a detached DbShard owns its table and heap alone; nothing in them is tied to a thread.
unsafe impl Send for DbShard {}

impl LazyFree {
    /// Starts the thread.
    pub fn start() -> LazyFree {
        let (queue, jobs) = channel::<Job>();
        let (pending, freed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counters = (pending.clone(), freed.clone());
        let thread = std::thread::Builder::new()
            .name("lazyfree".into())
            .spawn(move || {
                for job in jobs {
                    let objects = match job {
                        Job::Db(mut db) => {
                            let keys = db.len() as u64;
                            while db.drain_some(SLICE) {
                                std::thread::yield_now();
                            }
                            keys
                        }
                        Job::Value(value) => {
                            drop(value);
                            1
                        }
                    };
                    counters.0.fetch_sub(objects, Ordering::Relaxed);
                    counters.1.fetch_add(objects, Ordering::Relaxed);
                }
            })
            .expect("the process can start its first threads");
        LazyFree { queue: Some(queue), thread: Some(thread), pending, freed }
    }

    fn send(&self, job: Job, objects: u64) {
        self.pending.fetch_add(objects, Ordering::Relaxed);
        let queue = self.queue.as_ref().expect("the queue is open until drop");
        queue.send(job).unwrap_or_else(|_| panic!("the thread lives as long as the queue"));
    }

    /// Frees a database's part.
    pub fn free_db(&self, db: DbShard) {
        let keys = db.len() as u64;
        if keys > 0 {
            self.send(Job::Db(Box::new(db)), keys);
        }
    }

    /// Frees a value, here if it is small.
    pub fn free_value(&self, value: OwnedValue) {
        match &value {
            OwnedValue::Collection(c) if c.len() > ELEMENTS_MIN => {
                self.send(Job::Value(value), 1);
            }
            _ => drop(value),
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
