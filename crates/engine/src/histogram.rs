//! How long calls of a command took: a count for each range of durations.
//!
//! ```text
//!   ticks   0 1 2 … 31 | 32 … 63 | 64–65 … 126–127 | 128–131 … | …     32 ranges an octave
//! ```
//!
//! A range is at most 1/32 of its durations wide, from the ticks of the processor's counter to
//! minutes, so what is told of percentiles is right within 3 %. Noting a call is one increment;
//! ticks become time when somebody asks. Each worker has its own, made when the command first runs
//! there: 9 KB, whatever happens.

use std::sync::OnceLock;

use crate::stats::Counter;

/// Ranges of an octave, as a power of two.
const SUB_BITS: u32 = 5;
const SUBS: usize = 1 << SUB_BITS;
/// Longer durations count as this long: minutes.
const TICKS_MAX: u64 = (1 << 40) - 1;
const RANGES: usize = (40 - SUB_BITS as usize + 1) * SUBS;

/// The durations that one worker counted of one command.
#[derive(Default)]
pub struct Histogram(OnceLock<Box<[Counter]>>);

fn range_of(ticks: u64) -> usize {
    let ticks = ticks.min(TICKS_MAX);
    if ticks < SUBS as u64 {
        return ticks as usize;
    }
    let octave = ticks.ilog2() - SUB_BITS;
    (octave as usize + 1) * SUBS + (ticks >> octave) as usize - SUBS
}

/// The longest duration of a range.
fn last_of(range: usize) -> u64 {
    if range < SUBS {
        return range as u64;
    }
    let octave = (range / SUBS - 1) as u32;
    let first = ((SUBS + range % SUBS) as u64) << octave;
    first + (1 << octave) - 1
}

impl Histogram {
    /// So many calls took so long each.
    #[inline]
    pub fn add(&self, calls: u64, ticks: u64) {
        self.counters()[range_of(ticks)].add(calls);
    }

    #[inline]
    fn counters(&self) -> &[Counter] {
        self.0.get_or_init(|| (0..RANGES).map(|_| Counter::default()).collect())
    }

    pub fn reset(&self) {
        self.0.get().into_iter().flatten().for_each(Counter::reset);
    }
}

/// What all workers counted of a command.
#[derive(Debug, Default)]
pub struct Distribution {
    /// Nanoseconds at most, and how many calls; in ascending order.
    counts: Vec<(u64, u64)>,
    pub calls: u64,
}

impl Distribution {
    pub fn merged<'h>(histograms: impl Iterator<Item = &'h Histogram>) -> Distribution {
        let mut sums: Vec<u64> = Vec::new();
        for counters in histograms.filter_map(|histogram| histogram.0.get()) {
            sums.resize(RANGES, 0);
            sums.iter_mut().zip(counters).for_each(|(sum, counter)| *sum += counter.get());
        }
        let counts: Vec<(u64, u64)> = sums
            .iter()
            .enumerate()
            .filter(|(_, calls)| **calls > 0)
            .map(|(range, calls)| (store::ticks::to_ns(last_of(range)), *calls))
            .collect();
        Distribution { calls: counts.iter().map(|(_, calls)| calls).sum(), counts }
    }

    /// Nanoseconds within which this many percent of the calls were done.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((percent / 100.0 * self.calls as f64 + 0.5) as u64).max(1);
        let mut sum = 0;
        for (ns, calls) in &self.counts {
            sum += calls;
            if sum >= wanted {
                return *ns;
            }
        }
        self.counts.last().map_or(0, |(ns, _)| *ns)
    }

    /// Calls that took no longer.
    pub fn within(&self, ns: u64) -> u64 {
        self.counts.iter().take_while(|(most, _)| *most <= ns).map(|(_, calls)| calls).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_range_and_ranges_are_narrow() {
        let mut before = None;
        for range in 0..RANGES {
            let last = last_of(range);
            assert_eq!(range_of(last), range);
            let first = before.map_or(0, |before| before + 1);
            assert_eq!(range_of(first), range);
            assert!((last - first) * SUBS as u64 <= first, "{first} to {last}");
            before = Some(last);
        }
        assert_eq!(before, Some(TICKS_MAX));
        assert_eq!(range_of(u64::MAX), RANGES - 1);
    }

    #[test]
    fn percentiles_of_all_workers_together() {
        let workers = [Histogram::default(), Histogram::default(), Histogram::default()];
        workers[0].add(90, 1_000);
        workers[2].add(10, 1_000_000);
        let all = Distribution::merged(workers.iter());
        assert_eq!(all.calls, 100);
        let near = |ns: u64, ticks: u64| {
            let wanted = store::ticks::to_ns(ticks);
            assert!(ns >= wanted && ns <= wanted + wanted / 30 + 1, "{ns} for {wanted}");
        };
        near(all.percentile(0.0), 1_000);
        near(all.percentile(90.0), 1_000);
        near(all.percentile(90.6), 1_000_000);
        near(all.percentile(100.0), 1_000_000);
        assert_eq!(all.within(all.percentile(50.0)), 90);
        assert_eq!(all.within(u64::MAX), 100);
        workers[0].reset();
        assert_eq!(Distribution::merged(workers.iter()).calls, 10);
        assert_eq!(Distribution::merged([].into_iter()).percentile(50.0), 0);
    }
}
