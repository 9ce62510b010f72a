//! The bell: what makes a running script look at the world now and then.
//!
//! Whoever runs a script wants to be asked whether it shall end. Counting its loops for that would cost
//! more than the loops. The language looks at a pointer there instead, which is null but for the
//! moment after one thread, the ringer, has rung: every four milliseconds, while scripts run at all.
//!
//! ```text
//!   run begins ─► Place: running ──────────────┬─► looks, silences the bell, goes on
//!                    ▲                         │
//!   ringer, at times ┴─ rings whatever runs ───┘         nothing ran for long: sleeps until a run begins
//! ```
//!
//! # Invariants
//!
//! (1) The ringer touches a state only while it has taken the pointer out of its place; a run ends
//!     when it has the pointer back. So no state is touched that does not run.
//! (2) A run that begins while the ringer sleeps wakes it: the run stores its pointer before it reads
//!     `sleeps`, and the ringer sets `sleeps` before it reads the pointers, all in one order.

use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

use mlua::ffi::lua_Callbacks;

/// Between two rings: a ring costs whoever shares a core with the ringer some microseconds. A late script
/// does not wait for it ([`crate::Caller::is_pressing`]).
const PERIOD: Duration = Duration::from_millis(4);
/// Rings that nobody heard before the ringer sleeps.
const IDLE_RINGS: u32 = 50;

/// Shared by the states that it reminds.
#[derive(Debug, Default)]
pub struct Bell {
    places: Mutex<Vec<Weak<Place>>>,
    ringer: OnceLock<Thread>,
    sleeps: AtomicBool,
    has_ended: AtomicBool,
}

/// Of one state.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// While it runs: where the language looks.
    running: AtomicPtr<lua_Callbacks>,
    is_rung: AtomicBool,
    has_run: AtomicBool,
}

impl Bell {
    /// Rings until [`Bell::end`]. To be called by one thread only, which does nothing else.
    pub fn ring_on(&self) {
        if self.ringer.set(std::thread::current()).is_err() {
            return;
        }
        let mut unheard = 0;
        while !self.has_ended.load(Relaxed) {
            if unheard < IDLE_RINGS {
                std::thread::sleep(PERIOD);
            } else {
                self.sleeps.store(true, SeqCst);
                // (2).
                if !self.places().iter().any(|place| place.is_running()) {
                    std::thread::park();
                }
                self.sleeps.store(false, SeqCst);
            }
            let heard = self.places().iter().fold(false, |heard, place| place.ring() | heard);
            unheard = if heard { 0 } else { unheard + 1 };
        }
    }

    /// The thread that rings comes to its end.
    pub fn end(&self) {
        self.has_ended.store(true, Relaxed);
        if let Some(ringer) = self.ringer.get() {
            ringer.unpark();
        }
    }

    pub(crate) fn add(&self, place: &Arc<Place>) {
        let mut places = self.list();
        places.retain(|place| place.strong_count() > 0);
        places.push(Arc::downgrade(place));
    }

    fn list(&self) -> MutexGuard<'_, Vec<Weak<Place>>> {
        self.places.lock().expect("nobody panics holding the list")
    }

    fn places(&self) -> Vec<Arc<Place>> {
        self.list().iter().filter_map(Weak::upgrade).collect()
    }

    /// (2).
    fn wake(&self) {
        if self.sleeps.load(SeqCst)
            && let Some(ringer) = self.ringer.get()
        {
            ringer.unpark();
        }
    }
}

impl Place {
    /// A run begins.
    pub(crate) fn begin(&self, callbacks: *mut lua_Callbacks, bell: &Bell) {
        self.is_rung.store(false, Relaxed);
        if !self.has_run.load(Relaxed) {
            self.has_run.store(true, Relaxed);
        }
        self.running.swap(callbacks, SeqCst);
        bell.wake();
    }

    /// A run has ended (1).
    pub(crate) fn end(&self) {
        let mut tries = 0;
        while self.running.swap(ptr::null_mut(), AcqRel).is_null() {
            // The ringer has it, for some nanoseconds unless it lost its core just now.
            tries += 1;
            if tries > 100 {
                std::thread::yield_now();
            }
        }
    }

    /// Whether it was rung since this was asked.
    pub(crate) fn take_ring(&self) -> bool {
        self.is_rung.load(Relaxed) && self.is_rung.swap(false, Relaxed)
    }

    fn is_running(&self) -> bool {
        !self.running.load(SeqCst).is_null()
    }

    /// Rings it if it runs. Whether it has run since the last time.
    fn ring(&self) -> bool {
        let callbacks = self.running.swap(ptr::null_mut(), Acquire);
        if !callbacks.is_null() {
            self.is_rung.store(true, Relaxed);
            // SAFETY: (1) the state lives and runs. The language allows any thread to set this one
            // callback at any time; both sides write whole pointers.
            unsafe { crate::interrupt::set(callbacks) };
            self.running.store(callbacks, Release);
        }
        self.has_run.swap(false, Relaxed) || !callbacks.is_null()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ringer_sleeps_and_wakes_with_the_runs() {
        let bell = Arc::new(Bell::default());
        let place = Arc::new(Place::default());
        bell.add(&place);
        let ringer = bell.clone();
        let thread = std::thread::spawn(move || ringer.ring_on());
        // SAFETY: all zero is a valid value: no callback is set.
        let mut callbacks: lua_Callbacks = unsafe { std::mem::zeroed() };
        for _ in 0..3 {
            while !bell.sleeps.load(SeqCst) {
                std::thread::yield_now();
            }
            place.begin(&raw mut callbacks, &bell);
            while !place.take_ring() {
                std::thread::yield_now();
            }
            place.end();
            assert!(!place.is_running());
        }
        bell.end();
        thread.join().expect("it ends");
        assert!(callbacks.interrupt.is_some());
    }
}
