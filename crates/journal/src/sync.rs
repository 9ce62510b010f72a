//! What the journal synchronises with: the real thing, or loom's when built with `--cfg loom`.
//!
//! `Shadow`, under loom only, lets it watch memory it does not own: a shadow is touched whenever the
//! byte it stands for is, and loom reports when two touches race.

#[cfg(loom)]
pub(crate) use loom::{
    sync::{
        Arc, Mutex, MutexGuard as LoomGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{Thread, current, yield_now},
};
use std::time::Duration;
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{Thread, current, yield_now},
};

/// Sleeps until unparked or `timeout` is over. Under loom it never times out, so that a lost
/// wake-up shows as a deadlock.
pub(crate) fn park(timeout: Duration) {
    #[cfg(not(loom))]
    std::thread::park_timeout(timeout);
    #[cfg(loom)]
    {
        let _ = timeout;
        loom::thread::park();
    }
}

/// How often to look at a busy lock before giving the core away: its holder may have lost it.
#[cfg(not(loom))]
const SPINS_MAX: u32 = 100;
/// Loom explores nothing new in a spin.
#[cfg(loom)]
const SPINS_MAX: u32 = 0;

/// Waits a moment for another thread; `spins` counts the calls.
pub(crate) fn relax(spins: &mut u32) {
    if *spins < SPINS_MAX {
        *spins += 1;
        std::hint::spin_loop();
    } else {
        yield_now();
    }
}

#[cfg(loom)]
#[derive(Default)]
pub(crate) struct Shadow {
    cell: loom::cell::UnsafeCell<()>,
}

#[cfg(loom)]
impl Shadow {
    pub(crate) fn touch(&self) {
        self.cell.with_mut(|_| ());
    }

    pub(crate) fn look(&self) {
        self.cell.with(|_| ());
    }
}
