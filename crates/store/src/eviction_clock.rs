//! The 24 bits in each record that say when it was last used, or how often.
//!
//! ```text
//! LRU   seconds, modulo 2^24 (194 days)
//! LRM   the same, of the last change
//! LFU   16 bits minutes of the last decrement | 8 bits logarithmic counter
//! ```
//!
//! The arithmetic is Redis's (`evict.c`), so OBJECT IDLETIME and OBJECT FREQ print the same.

pub const LRU_CLOCK_MAX: u32 = (1 << 24) - 1;
/// Counter of a key that was just created.
pub const LFU_INIT: u32 = 5;

/// What counts as a use and which meaning the bits have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageClock {
    /// Reading and writing.
    Lru,
    /// Writing only.
    Lrm,
    Lfu {
        log_factor: u32,
        decay_minutes: u32,
    },
}

impl UsageClock {
    /// Whether the bits are a counter, not a moment.
    pub fn counts(self) -> bool {
        matches!(self, UsageClock::Lfu { .. })
    }
}

/// What "used now" is written as, computed once per batch.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub clock: UsageClock,
    pub now_ms: i64,
    lru_now: u32,
}

impl Usage {
    pub fn new(clock: UsageClock, now_ms: i64) -> Usage {
        Usage { clock, now_ms, lru_now: ((now_ms / 1000) as u32) & LRU_CLOCK_MAX }
    }

    #[inline]
    pub fn lru_now(&self) -> u32 {
        self.lru_now
    }

    fn minutes_now(&self) -> u32 {
        ((self.now_ms / 60_000) as u32) & 0xffff
    }

    /// The bits of a key created now.
    pub fn fresh(&self) -> u32 {
        match self.clock {
            UsageClock::Lru | UsageClock::Lrm => self.lru_now(),
            UsageClock::Lfu { .. } => (self.minutes_now() << 8) | LFU_INIT,
        }
    }

    /// The bits after one more look-up. `chance` is a random number.
    #[inline]
    pub fn touched(&self, bits: u32, chance: impl FnOnce() -> u64) -> u32 {
        match self.clock {
            UsageClock::Lru => self.lru_now(),
            UsageClock::Lrm => bits,
            UsageClock::Lfu { log_factor, .. } => {
                let counter = self.frequency(bits);
                let base = counter.saturating_sub(LFU_INIT) as f64;
                let p = 1.0 / (base * log_factor as f64 + 1.0);
                let r = (chance() >> 11) as f64 / (1u64 << 53) as f64;
                let counter = if counter < 255 && r < p { counter + 1 } else { counter };
                (self.minutes_now() << 8) | counter
            }
        }
    }

    /// How good it would be to evict a key with these bits: the longest idle or, under LFU, the
    /// least frequently used goes first, and of those alike the one used longest ago.
    pub fn eviction_score(&self, bits: u32) -> u64 {
        match self.clock {
            UsageClock::Lru | UsageClock::Lrm => self.idle_ms(bits),
            UsageClock::Lfu { .. } => {
                let idle_minutes = u64::from(self.minutes_since(bits >> 8));
                u64::from(255 - self.frequency(bits)) << 16 | idle_minutes
            }
        }
    }

    /// The bits of a key that was used `idle_s` seconds ago, for RESTORE. A time before the clock
    /// began is half a turn of the clock ago.
    pub fn idle_for(&self, idle_s: u64) -> u32 {
        match u64::from(self.lru_now()).checked_sub(idle_s) {
            Some(then) => then as u32,
            None => (self.lru_now() + LRU_CLOCK_MAX / 2) % LRU_CLOCK_MAX,
        }
    }

    /// The bits of a key with this counter, for RESTORE.
    pub fn with_frequency(&self, counter: u8) -> u32 {
        (self.minutes_now() << 8) | u32::from(counter)
    }

    /// OBJECT FREQ: the counter, decayed by the minutes since it was last touched.
    pub fn frequency(&self, bits: u32) -> u32 {
        let UsageClock::Lfu { decay_minutes, .. } = self.clock else { return 0 };
        let counter = bits & 255;
        if decay_minutes == 0 {
            return counter;
        }
        counter.saturating_sub(self.minutes_since(bits >> 8) / decay_minutes)
    }

    fn minutes_since(&self, last: u32) -> u32 {
        let now = self.minutes_now();
        if now >= last { now - last } else { 65535 - last + now }
    }

    /// OBJECT IDLETIME in milliseconds.
    pub fn idle_ms(&self, bits: u32) -> u64 {
        let now = self.lru_now();
        let seconds = if now >= bits { now - bits } else { now + (LRU_CLOCK_MAX - bits) };
        u64::from(seconds) * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let at = |s: i64| Usage::new(UsageClock::Lru, s * 1000);
        assert_eq!(at(100).idle_ms(40), 60_000);
        assert_eq!(at((1 << 24) + 5).idle_ms(LRU_CLOCK_MAX - 5), 10_000);
    }

    #[test]
    fn what_was_idle_elsewhere_is_idle_here() {
        let now = Usage::new(UsageClock::Lru, 100_000);
        assert_eq!(now.idle_ms(now.idle_for(40)), 40_000);
        assert_eq!(now.idle_for(101), 100 + LRU_CLOCK_MAX / 2);
    }

    #[test]
    fn reading_is_no_use_where_only_changes_count() {
        let usage = Usage::new(UsageClock::Lrm, 100_000);
        assert_eq!(usage.touched(40, || 0), 40);
        assert_eq!((usage.fresh(), usage.eviction_score(40)), (100, 60_000));
    }

    #[test]
    fn of_keys_used_as_often_the_one_used_longest_ago_goes_first() {
        let clock = UsageClock::Lfu { log_factor: 10, decay_minutes: 0 };
        let now = Usage::new(clock, 100 * 60_000);
        let score = |minutes: u32, counter: u32| now.eviction_score(minutes << 8 | counter);
        assert!(score(90, 5) > score(99, 5));
        assert!(score(99, 5) > score(0, 6));
    }

    #[test]
    fn frequency_decays_with_the_minutes_and_grows_with_use() {
        let clock = UsageClock::Lfu { log_factor: 10, decay_minutes: 1 };
        let now = Usage::new(clock, 10 * 60_000);
        assert_eq!(now.frequency(now.fresh()), LFU_INIT);
        let later = Usage::new(clock, 13 * 60_000);
        assert_eq!(later.frequency(now.fresh()), LFU_INIT - 3);
        assert_eq!(now.frequency(now.touched(now.fresh(), || 0)), LFU_INIT + 1);
    }
}
