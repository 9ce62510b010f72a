//! A spin lock for the reservation: held for a few nanoseconds, never across a system call.
//!
//! A mutex that parks would cost the same when free and a system call when busy, which is longer
//! than the wait. A spinner that has waited long gives its core away, because on few cores the
//! holder may be the thread that was preempted. Not fair: who hands the line over often wins again.
//!
//! Loom cannot follow a spin, so under loom the flag is a mutex of loom's: what loom examines is what
//! the lock protects.
//!
//! (1) The value is reached only through a `Guard`, and there is at most one.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};

#[cfg(not(loom))]
use crate::sync::{AtomicBool, Ordering, relax};
#[cfg(loom)]
use crate::sync::{LoomGuard, Mutex};

pub(crate) struct Spin<T> {
    #[cfg(not(loom))]
    is_held: AtomicBool,
    #[cfg(loom)]
    is_held: Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: by (1) only one thread at a time reaches the value, as if it had been sent there.
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Spin<T> {
    pub(crate) fn new(value: T) -> Spin<T> {
        Spin { is_held: Default::default(), value: UnsafeCell::new(value) }
    }

    #[cfg(loom)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let held = self.is_held.lock().expect("a panic ends the model");
        Guard { spin: self, _held: held }
    }

    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let mut spins = 0;
        while self.is_held.swap(true, Ordering::Acquire) {
            // Looking before swapping again leaves the line with its holder.
            while self.is_held.load(Ordering::Relaxed) {
                relax(&mut spins);
            }
        }
        Guard { spin: self }
    }
}

pub(crate) struct Guard<'a, T> {
    spin: &'a Spin<T>,
    #[cfg(loom)]
    _held: LoomGuard<'a, ()>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: (1), and this is the guard.
        unsafe { &*self.spin.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: (1), and this is the guard.
        unsafe { &mut *self.spin.value.get() }
    }
}

#[cfg(not(loom))]
impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.spin.is_held.store(false, Ordering::Release);
    }
}
