//! The latency monitor: when and how long something took longer than `latency-monitor-threshold`.
//!
//! ```text
//!   event "command"   160 samples: (second, worst milliseconds of that second), the oldest go
//! ```
//!
//! | event | what took so long |
//! |---|---|
//! | `command`, `fast-command` | a command; the second if it is declared fast |
//! | `command-unblocking` | serving a command that had waited |
//! | `expire-cycle` | a stretch of active expiry |
//!
//! Names are Redis's. There are as many series as there are names, so this is small.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

/// Samples kept of an event.
const SAMPLES_MAX: usize = 160;

/// The worst of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub unix_s: i64,
    pub ms: u64,
}

/// What is known of one event.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The oldest first; never empty.
    samples: VecDeque<Sample>,
    /// The worst since the last LATENCY RESET.
    pub worst_ms: u64,
}

/// What LATENCY DOCTOR computes of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub samples: usize,
    pub average_ms: u64,
    /// How far samples lie from the average, on average.
    pub deviation_ms: u64,
    /// Seconds from one sample to the next, on average.
    pub period_s: f64,
}

impl Series {
    fn add(&mut self, now_s: i64, ms: u64) {
        self.worst_ms = self.worst_ms.max(ms);
        match self.samples.back_mut() {
            Some(last) if last.unix_s == now_s => last.ms = last.ms.max(ms),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back(Sample { unix_s: now_s, ms });
            }
        }
    }

    /// The oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> {
        self.samples.iter().copied()
    }

    pub fn latest(&self) -> Sample {
        *self.samples.back().expect("a series begins with a sample")
    }

    pub fn summary(&self, now_s: i64) -> Summary {
        let count = self.samples.len() as u64;
        let average_ms = self.samples.iter().map(|sample| sample.ms).sum::<u64>() / count;
        let deviations = self.samples.iter().map(|sample| sample.ms.abs_diff(average_ms));
        let first = self.samples.front().expect("a series begins with a sample");
        Summary {
            samples: self.samples.len(),
            average_ms,
            deviation_ms: deviations.sum::<u64>() / count,
            period_s: (now_s - first.unix_s).max(1) as f64 / count as f64,
        }
    }
}

/// All events.
#[derive(Default)]
pub struct LatencyMonitor(Mutex<BTreeMap<&'static str, Series>>);

impl LatencyMonitor {
    fn events(&self) -> MutexGuard<'_, BTreeMap<&'static str, Series>> {
        self.0.lock().expect("nobody panics holding the events")
    }

    /// Notes an event; callers looked at the threshold.
    pub(crate) fn add(&self, event: &'static str, ms: u64) {
        self.events().entry(event).or_default().add(base::clock::unix_ms() / 1000, ms);
    }

    /// Every event that was noted, by name.
    pub fn all(&self) -> Vec<(&'static str, Series)> {
        self.events().iter().map(|(name, series)| (*name, series.clone())).collect()
    }

    /// One event's series, under exactly this name.
    pub fn get(&self, event: &[u8]) -> Option<(&'static str, Series)> {
        let events = self.events();
        let (name, series) = events.iter().find(|(name, _)| name.as_bytes() == event)?;
        Some((name, series.clone()))
    }

    /// Forgets one event, in any case of letters, or all; how many there were.
    pub fn reset(&self, event: Option<&[u8]>) -> usize {
        let mut events = self.events();
        let before = events.len();
        events.retain(|name, _| {
            event.is_some_and(|event| !name.as_bytes().eq_ignore_ascii_case(event))
        });
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_worst_and_the_oldest_samples_go() {
        let mut series = Series::default();
        for second in 0..SAMPLES_MAX as i64 + 10 {
            series.add(second, 5);
            series.add(second, 9);
            series.add(second, 7);
        }
        assert_eq!(series.samples().len(), SAMPLES_MAX);
        assert_eq!(series.samples().next(), Some(Sample { unix_s: 10, ms: 9 }));
        assert_eq!((series.latest().ms, series.worst_ms), (9, 9));
    }

    #[test]
    fn a_summary_tells_average_deviation_and_period() {
        let mut series = Series::default();
        for (second, ms) in [(100, 10), (110, 20), (120, 30)] {
            series.add(second, ms);
        }
        let summary = series.summary(130);
        assert_eq!((summary.samples, summary.average_ms, summary.deviation_ms), (3, 20, 6));
        assert_eq!(summary.period_s, 10.0);
    }

    #[test]
    fn events_are_forgotten_by_name_or_all() {
        let monitor = LatencyMonitor::default();
        monitor.add("command", 5);
        monitor.add("expire-cycle", 6);
        assert!(monitor.get(b"COMMAND").is_none());
        assert_eq!(monitor.reset(Some(b"nope")), 0);
        assert_eq!(monitor.reset(Some(b"COMMAND")), 1);
        assert_eq!(monitor.all().len(), 1);
        assert_eq!(monitor.reset(None), 1);
        assert!(monitor.all().is_empty());
    }
}
