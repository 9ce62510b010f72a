//! The cheapest clock there is: the processor's time stamp counter.
//!
//! Every command is timed, so reading the clock is on the hot path: `rdtsc` costs a third of
//! `clock_gettime`. Ticks are converted to microseconds with a rate measured once at start.
//! Machines without a counter that runs at a constant rate fall back to the monotonic clock, in
//! nanoseconds.

use std::sync::OnceLock;
use std::time::Instant;

/// A point in time, in ticks of unknown but constant length. Only differences mean something.
#[inline]
pub fn now() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // SAFETY: `rdtsc` is part of the x86-64 baseline and only reads a counter.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

/// Ticks in one microsecond, measured over the first two milliseconds that it is asked for.
pub fn per_us() -> f64 {
    static RATE: OnceLock<f64> = OnceLock::new();
    *RATE.get_or_init(|| {
        let (wall, ticks) = (Instant::now(), now());
        while wall.elapsed().as_micros() < 2000 {
            std::hint::spin_loop();
        }
        let rate = (now() - ticks) as f64 / wall.elapsed().as_micros() as f64;
        assert!(rate > 0.0, "the time stamp counter moves forward");
        rate
    })
}

/// A span of ticks in nanoseconds.
pub fn to_ns(ticks: u64) -> u64 {
    (ticks as f64 * 1000.0 / per_us()) as u64
}

/// A span of ticks in microseconds.
pub fn to_us(ticks: u64) -> u64 {
    (ticks as f64 / per_us()) as u64
}
