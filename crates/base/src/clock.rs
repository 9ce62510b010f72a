//! The clock: the one place of the heart that asks what time it is.
//!
//! Expiry, idle times and slow logs take the time as a number from their caller, who took it
//! from here once per event batch. So a test gives any time it likes, and all commands of one
//! transaction see one time.
//!
//! Two clocks, never to be mixed: the wall clock may jump either way and is for times that leave
//! the process (PEXPIREAT, LASTSAVE, stream identifiers); the monotonic clock never goes back and
//! is for durations.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds of the wall clock since 1970; signed because expiry arithmetic is.
#[inline]
pub fn unix_ms() -> i64 {
    since_epoch().as_millis() as i64
}

/// Microseconds of the wall clock since 1970.
#[inline]
pub fn unix_us() -> i64 {
    since_epoch().as_micros() as i64
}

/// Microseconds since the first call in this process; never goes back.
#[inline]
pub fn monotonic_us() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_micros() as u64
}

/// A clock set before 1970 reads as 1970: no duration is negative.
#[inline]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_never_goes_back() {
        let mut last = monotonic_us();
        for _ in 0..1000 {
            let now = monotonic_us();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn milliseconds_and_microseconds_tell_the_same_time() {
        let before_ms = unix_ms();
        let us = unix_us();
        assert!(before_ms > 1_600_000_000_000, "after 2020");
        assert!(us / 1000 >= before_ms && us / 1000 <= unix_ms());
    }
}
