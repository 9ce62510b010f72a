//! Rates of the last moments: INFO's `instantaneous_ops_per_sec` and its like.
//!
//! Ten times a second the totals are read; the last sixteen differences, averaged, are the rate.
//! The counters themselves never learn of this.

/// What is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    Commands = 0,
    InputBytes = 1,
    OutputBytes = 2,
    Turns = 3,
    /// Microseconds of those turns.
    TurnTime = 4,
}

pub const RATES: usize = 5;
const SAMPLES: usize = 16;

#[derive(Default)]
pub struct Sampler {
    last_ms: i64,
    last: [u64; RATES],
    per_second: [[u64; RATES]; SAMPLES],
    next: usize,
}

impl Sampler {
    /// Takes the totals of this moment, in the order of [`Rate`].
    pub fn sample(&mut self, now_ms: i64, totals: [u64; RATES]) {
        let passed_ms = now_ms - self.last_ms;
        if self.last_ms != 0 && passed_ms > 0 {
            let row = &mut self.per_second[self.next];
            for (i, total) in totals.iter().enumerate() {
                // Totals start again from 0 at CONFIG RESETSTAT.
                let grown = total.saturating_sub(self.last[i]);
                row[i] = grown.saturating_mul(1000) / passed_ms as u64;
            }
            self.next = (self.next + 1) % SAMPLES;
        }
        (self.last_ms, self.last) = (now_ms, totals);
    }

    pub fn per_second(&self, rate: Rate) -> u64 {
        self.per_second.iter().map(|row| row[rate as usize]).sum::<u64>() / SAMPLES as u64
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        *self = Sampler::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_shows_its_rate_after_sixteen_samples() {
        let mut sampler = Sampler::default();
        for i in 0..=16 {
            sampler.sample(1000 + i as i64 * 100, [i * 50, i * 1024, 0, 0, 0]);
        }
        assert_eq!(sampler.per_second(Rate::Commands), 500);
        assert_eq!(sampler.per_second(Rate::InputBytes), 10_240);
        assert_eq!(sampler.per_second(Rate::OutputBytes), 0);
    }

    #[test]
    fn totals_that_were_reset_and_a_clock_that_stood_still_count_as_nothing() {
        let mut sampler = Sampler::default();
        sampler.sample(1000, [100, 0, 0, 0, 0]);
        sampler.sample(1000, [200, 0, 0, 0, 0]);
        sampler.sample(1100, [3, 0, 0, 0, 0]);
        assert_eq!(sampler.per_second(Rate::Commands), 0);
    }
}
