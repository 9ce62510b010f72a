//! The lock of one shard: one word, a short spin, and a list of workers to tell when it is free.
//!
//! Commands hold a shard for some hundred nanoseconds, so a worker that finds it taken spins for
//! about a microsecond. If it is still taken then (its holder may have lost its processor), the
//! worker does not wait: it registers in `waiting`, gives back what it already holds and parks
//! the *connection*, not itself. Whoever frees the shard wakes the registered workers, and they
//! try their parked connections again.
//!
//! ```text
//!  FREE --try_lock--> HELD --unlock--> FREE          waiting: one bit a worker
//!                      |                 ^
//!                      park              | unlock, which also takes the bits
//!                      v                 |
//!                     HELD and AWAITED --+
//! ```
//!
//! # Invariants
//!
//! (1) Between a successful `try_lock` and its `unlock`, nobody else's `try_lock` succeeds.
//! (2) A worker whose `park` returned true is woken by the next unlock: its bit is set before it
//!     writes AWAITED itself, and the unlock that finds AWAITED takes all bits.

use crate::sync::{AtomicU32, AtomicU64, Ordering, spin_loop};

const FREE: u32 = 0;
const HELD: u32 = 1;
const AWAITED: u32 = 2;
/// Turns of the spin before giving up: about a microsecond.
const SPINS: u32 = if cfg!(loom) { 1 } else { 100 };

/// Workers are counted in a 64-bit set.
pub const WORKERS_MAX: usize = 64;

pub struct ShardLock {
    word: AtomicU32,
    waiting: AtomicU64,
}

impl ShardLock {
    #[cfg(not(loom))]
    pub const fn new() -> ShardLock {
        ShardLock { word: AtomicU32::new(FREE), waiting: AtomicU64::new(0) }
    }

    #[cfg(loom)]
    pub fn new() -> ShardLock {
        ShardLock { word: AtomicU32::new(FREE), waiting: AtomicU64::new(0) }
    }

    #[inline]
    pub fn try_lock(&self) -> bool {
        self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Tries for about a microsecond.
    #[inline]
    pub fn lock_spinning(&self) -> bool {
        self.try_lock() || self.spin()
    }

    #[cold]
    fn spin(&self) -> bool {
        for _ in 0..SPINS {
            spin_loop();
            if self.word.load(Ordering::Relaxed) == FREE && self.try_lock() {
                return true;
            }
        }
        false
    }

    /// Asks to be woken when the shard is freed. False if it is free already: try again.
    pub fn park(&self, worker: usize) -> bool {
        self.waiting.fetch_or(1 << worker, Ordering::Relaxed);
        loop {
            let word = self.word.load(Ordering::Relaxed);
            if word == FREE {
                return false;
            }
            // A word that says AWAITED already is written again: only this write carries our bit
            // to the unlock, and only it proves that the unlock is still to come.
            let awaited = HELD | AWAITED;
            let written =
                self.word.compare_exchange(word, awaited, Ordering::AcqRel, Ordering::Relaxed);
            if written.is_ok() {
                return true;
            }
        }
    }

    /// Frees the shard. Returns the workers to wake.
    #[inline]
    pub fn unlock(&self) -> u64 {
        let word = self.word.swap(FREE, Ordering::AcqRel);
        if word == HELD { 0 } else { self.take_waiting() }
    }

    #[cold]
    fn take_waiting(&self) -> u64 {
        self.waiting.swap(0, Ordering::Relaxed)
    }
}

impl Default for ShardLock {
    fn default() -> Self {
        ShardLock::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_refused_and_names_its_waiters_when_freed() {
        let lock = ShardLock::new();
        assert!(lock.try_lock());
        assert!(!lock.lock_spinning());
        assert!(lock.park(3));
        assert!(lock.park(5));
        assert_eq!(lock.unlock(), 1 << 3 | 1 << 5);
        assert!(!lock.park(3), "a free lock need not be waited for");
        assert!(lock.try_lock());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    #[test]
    fn two_workers_never_hold_it_together() {
        loom::model(|| {
            let shared = Arc::new((ShardLock::new(), UnsafeCell::new(0u32)));
            let run = |s: Arc<(ShardLock, UnsafeCell<u32>)>| {
                if s.0.lock_spinning() {
                    s.1.with_mut(|n| unsafe { *n += 1 });
                    s.0.unlock();
                }
            };
            let other = shared.clone();
            let t = thread::spawn(move || run(other));
            run(shared);
            t.join().unwrap();
        });
    }

    #[test]
    fn a_second_worker_that_parks_is_not_forgotten() {
        loom::model(|| {
            let lock = Arc::new(ShardLock::new());
            assert!(lock.try_lock());
            let park = |worker| {
                let lock = lock.clone();
                thread::spawn(move || lock.park(worker))
            };
            let (one, two) = (park(1), park(2));
            let woken = lock.unlock();
            assert!(!one.join().unwrap() || woken & 1 << 1 != 0, "the first was forgotten");
            assert!(!two.join().unwrap() || woken & 1 << 2 != 0, "the second was forgotten");
        });
    }

    #[test]
    fn whoever_parks_is_woken_by_the_next_unlock() {
        loom::model(|| {
            let lock = Arc::new(ShardLock::new());
            assert!(lock.try_lock());
            let other = lock.clone();
            let t = thread::spawn(move || other.park(1));
            let woken = lock.unlock();
            let parked = t.join().unwrap();
            assert!(!parked || woken == 1 << 1, "a parked worker was forgotten");
        });
    }
}
