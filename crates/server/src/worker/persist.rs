//! A worker's part of saving and loading: both go on between its turns.
//!
//! While a snapshot is swept, a busy worker gives it a fifth of its time, an idle one all of it.
//! Worker 0 also loads at the start, and begins the saves that save points ask for.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use store::{Access, Inside, Seat, Sweep};

use super::Worker;

/// Longest part of a sweep between two turns, in microseconds.
const SWEEP_US_MAX: u64 = 1000;
/// What a worker that has nothing to do begins with. Its clients may be about to send: each turn in
/// which none did doubles it.
const IDLE_SWEEP_US_MIN: u64 = 50;
/// A busy worker gives the sweep this part of the time that its turn took.
const BUSY_SHARE: u64 = 4;
/// While more than the first waits to be written, a worker that writes pauses after each turn: the
/// longer the more it is, and from the second on until it is less.
const WAITING_BYTES: std::ops::Range<usize> = 16 << 20..64 << 20;
const PAUSE_US_MAX: u64 = 4000;

/// Part of a load between two turns, in microseconds.
const LOAD_US: u64 = 5000;

impl Worker {
    /// Sweeps on after a turn that began at this tick.
    pub(super) fn sweep(&mut self, began: u64, is_idle: bool) {
        let budget_us = if is_idle {
            self.idle_sweep_us = (2 * self.idle_sweep_us).clamp(IDLE_SWEEP_US_MIN, SWEEP_US_MAX);
            self.idle_sweep_us
        } else {
            self.idle_sweep_us = 0;
            let turn_us = store::ticks::to_us(store::ticks::now().wrapping_sub(began));
            (turn_us / BUSY_SHARE).min(SWEEP_US_MAX)
        };
        self.sweep = self.engine.sweep(budget_us);
    }

    /// Who overwrites hands over what was there, and the disk may be slower: then writers wait for it
    /// here, where they hold nothing, and what waits in memory is bounded. The sweep goes on meanwhile:
    /// the thread that writes may be waiting for the rest of a value.
    pub(super) fn slow_down_for_snapshot(&mut self, seat: &mut Seat) {
        loop {
            let waiting = self.engine.snapshot_waiting_bytes();
            let pause_us = pause_us(waiting);
            if pause_us > 0 {
                std::thread::sleep(Duration::from_micros(pause_us));
            }
            if waiting < WAITING_BYTES.end || self.engine.shutting_down.load(Relaxed) {
                return;
            }
            let inside = self.engine.gate.enter(seat);
            self.sweep = self.engine.sweep(SWEEP_US_MAX);
            drop(inside);
        }
    }

    /// How long the loop may wait for events; none: as long as it likes.
    pub(super) fn persistence_wait(&self) -> Option<Duration> {
        if self.when_loaded.is_some() {
            return Some(Duration::ZERO);
        }
        if !self.engine.persistence.has_sweep() {
            return None;
        }
        Some(match self.sweep {
            Sweep::Waits => Duration::from_millis(1),
            Sweep::Unfinished | Sweep::Finished => Duration::ZERO,
        })
    }

    /// For worker 0: what to do when the data set has been loaded.
    pub(crate) fn when_loaded(mut self, then: Box<dyn FnOnce() + Send>) -> Worker {
        self.when_loaded = Some(then);
        self
    }

    /// Loads on. An error ends the server: nothing of what was loaded may be served.
    pub(super) fn load(&mut self, inside: &mut Inside<'_>) -> io::Result<()> {
        match self.engine.go_on_loading(&mut self.runner, inside, LOAD_US) {
            Some(Ok(())) => Ok(()),
            None => {
                self.follow_appendonly(inside);
                if let Some(then) = self.when_loaded.take() {
                    then();
                }
                Ok(())
            }
            Some(Err(why)) => {
                self.engine.shutting_down.store(true, Relaxed);
                self.inboxes.iter().for_each(crate::inbox::Inbox::ring);
                Err(io::Error::other(why))
            }
        }
    }

    /// Begins a save if a save point has been reached, or one was scheduled.
    pub(super) fn save_if_due(&mut self, inside: &mut Inside<'_>) {
        let now_ms = base::clock::unix_ms();
        if !self.engine.is_save_due(now_ms) {
            return;
        }
        let _world = inside.close();
        let mut access = Access::world(&self.engine.keyspace);
        if let Err(why) = self.engine.begin_save(&mut access, now_ms) {
            self.engine.host.log('#', &why.0);
        }
    }
}

/// How long a worker pauses after a turn in which it wrote, in microseconds.
fn pause_us(waiting: usize) -> u64 {
    let over = waiting.saturating_sub(WAITING_BYTES.start) as u64;
    (over * PAUSE_US_MAX / WAITING_BYTES.len() as u64).min(PAUSE_US_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_the_longer() {
        assert_eq!(pause_us(0), 0);
        assert_eq!(pause_us(WAITING_BYTES.start), 0);
        assert_eq!(pause_us(40 << 20), PAUSE_US_MAX / 2);
        assert_eq!(pause_us(usize::MAX >> 20), PAUSE_US_MAX);
    }
}
