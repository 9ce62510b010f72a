//! When a command is worth a second look: it was slow, it was large, or somebody looks at each.
//!
//! ```text
//!   run of commands ─► elapsed ≥ slow_ticks? ── no ──► done: one compare
//!                         yes │                        └ slow log, latency monitor
//!   each command by itself ◄──┴── reasons ≠ 0: a threshold too fine for runs, MONITOR, a pause
//! ```
//!
//! Commands of a pipeline are timed in runs (`straight.rs`), so a slow one is found by the time of
//! its run. That is honest because whatever may take long ends its run: a command that is not
//! declared brief, one with many arguments, one that freed a large value, a reply that fills the
//! turn. What runs together are a few commands of a microsecond at most, and their time is what
//! the last of them is charged with besides its own. Where that is too coarse — thresholds below a
//! millisecond, sizes below what a run may have — there is a reason to look at each, and requests
//! take the general way (`call.rs`), one by one.
//!
//! # Invariants
//!
//! (1) `slow_ticks` is not above any threshold of time that is set; with none it is `u64::MAX`.
//! (2) While `reasons` is 0, no threshold of size is below what a run may have.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use command::declare::Flag;
use command::table::{CommandId, Entry};
use config::{Config, id};
use resp::Args;

use crate::client::Client;
use crate::command_log::{Caller, Kept, LogKind};
use crate::cx::Handler;
use crate::engine::Engine;
use crate::histogram::Distribution;
use crate::stats::WorkerStats;

/// Input of a batch from which its requests run one by one.
pub(crate) const RUN_BYTES_MAX: usize = 256 * 1024;
/// Microseconds below which a threshold needs each command timed by itself.
const FINE_US: u64 = 1000;

/// Why each command is looked at by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// A threshold that runs are too coarse for.
    Fine = 1,
    Monitor = 2,
    Pause = 4,
    /// Commands are refused: the data set is being loaded, or could not be saved.
    Refusing = 8,
    HotKeys = 16,
}

/// Thresholds, and reasons to look at each command.
pub struct Attention {
    reasons: AtomicU32,
    slow_ticks: AtomicU64,
    /// Negative: no command is slow.
    slow_us: AtomicI64,
    /// 0: nothing is noted.
    latency_ms: AtomicU64,
    /// `usize::MAX`: none is large.
    request_bytes: AtomicUsize,
    reply_bytes: AtomicUsize,
    /// Entries kept of each [`LogKind`].
    lens: [AtomicUsize; 3],
    kept: Mutex<Kept>,
}

impl Default for Attention {
    fn default() -> Attention {
        Attention {
            reasons: AtomicU32::new(0),
            slow_ticks: AtomicU64::new(u64::MAX),
            slow_us: AtomicI64::new(-1),
            latency_ms: AtomicU64::new(0),
            request_bytes: AtomicUsize::new(usize::MAX),
            reply_bytes: AtomicUsize::new(usize::MAX),
            lens: Default::default(),
            kept: Mutex::new(Kept { args_max: 32, arg_bytes_max: 128 }),
        }
    }
}

impl Attention {
    pub(crate) fn load(&self, config: &Config) {
        let lens = [
            id::SLOWLOG_MAX_LEN,
            id::COMMANDLOG_LARGE_REQUEST_MAX_LEN,
            id::COMMANDLOG_LARGE_REPLY_MAX_LEN,
        ];
        for (len, option) in self.lens.iter().zip(lens) {
            len.store(usize::try_from(config.int(option)).unwrap_or(usize::MAX), Relaxed);
        }
        let slow_us = config.int(id::SLOWLOG_LOG_SLOWER_THAN);
        let latency_ms = config.int(id::LATENCY_MONITOR_THRESHOLD).max(0) as u64;
        self.slow_us.store(slow_us, Relaxed);
        self.latency_ms.store(latency_ms, Relaxed);
        let least_us = [
            u64::try_from(slow_us).ok(),
            (latency_ms > 0).then_some(latency_ms.saturating_mul(1000)),
        ];
        let least_us = least_us.into_iter().flatten().min();
        let least = least_us.map_or(u64::MAX, |us| (us as f64 * store::ticks::per_us()) as u64);
        self.slow_ticks.store(least, Relaxed);

        let bytes = |option| usize::try_from(config.int(option)).unwrap_or(usize::MAX);
        let request_bytes = bytes(id::COMMANDLOG_REQUEST_LARGER_THAN);
        let reply_bytes = bytes(id::COMMANDLOG_REPLY_LARGER_THAN);
        self.request_bytes.store(request_bytes, Relaxed);
        self.reply_bytes.store(reply_bytes, Relaxed);
        *self.kept.lock().expect("nobody panics holding two numbers") = Kept::of(config);
        let is_fine = least_us.is_some_and(|us| us < FINE_US)
            || request_bytes < RUN_BYTES_MAX
            || reply_bytes < crate::batch::TURN_REPLY_BYTES_MAX;
        self.set(Reason::Fine, is_fine);
    }

    /// Sets or clears a reason to look at each command.
    pub fn set(&self, reason: Reason, is_on: bool) {
        if is_on {
            self.reasons.fetch_or(reason as u32, Relaxed);
        } else {
            self.reasons.fetch_and(!(reason as u32), Relaxed);
        }
    }

    /// Whether each command is to be looked at by itself.
    #[inline]
    pub fn is_close(&self) -> bool {
        self.reasons.load(Relaxed) != 0
    }

    #[inline]
    pub fn has(&self, reason: Reason) -> bool {
        self.reasons.load(Relaxed) & reason as u32 != 0
    }

    /// Whether so many ticks are worth a second look.
    #[inline]
    pub fn is_slow(&self, ticks: u64) -> bool {
        ticks >= self.slow_ticks.load(Relaxed)
    }

    /// Whether a request or a reply of so many bytes is.
    #[inline]
    pub fn is_large(&self, request_bytes: usize, reply_bytes: usize) -> bool {
        request_bytes >= self.request_bytes.load(Relaxed)
            || reply_bytes >= self.reply_bytes.load(Relaxed)
    }
}

/// A command that ran, as the logs see it.
pub(crate) struct Seen<'a> {
    pub(crate) entry: &'a Entry<Handler>,
    pub(crate) args: Args<'a>,
    pub(crate) caller: Caller<'a>,
}

impl<'a> Seen<'a> {
    pub(crate) fn of(entry: &'a Entry<Handler>, args: Args<'a>, client: &'a Client) -> Seen<'a> {
        let caller = Caller { address: &client.address, name: &client.names().name };
        Seen { entry, args, caller }
    }
}

impl Engine {
    /// Counts calls of a command that together took so long. Whether that is worth a second look.
    #[inline]
    pub(crate) fn count_calls(
        &self,
        stats: &WorkerStats,
        id: CommandId,
        calls: u64,
        ticks: u64,
    ) -> bool {
        let command = &stats.per_command[id.index()];
        command.calls.add(calls);
        command.ticks.add(ticks);
        if self.settings.latency_tracking.load(Relaxed) {
            command.latency.add(calls, if calls == 1 { ticks } else { ticks / calls });
        }
        self.settings.attention.is_slow(ticks)
    }

    /// How long calls of a command took, at all workers.
    pub fn durations(&self, id: CommandId) -> Distribution {
        Distribution::merged(self.stats.iter().map(|stats| &stats.per_command[id.index()].latency))
    }

    /// A command, or the last of a run, took so long: for the slow log and the latency monitor.
    #[cold]
    pub(crate) fn note_slow(&self, seen: &Seen<'_>, ticks: u64) {
        let us = store::ticks::to_us(ticks);
        let is_fast = seen.entry.has(Flag::Fast);
        self.note_latency(if is_fast { "fast-command" } else { "command" }, us);
        self.log_slow(seen, us);
    }

    /// For the slow log alone.
    pub(crate) fn log_slow(&self, seen: &Seen<'_>, us: u64) {
        let slow_us = self.settings.attention.slow_us.load(Relaxed);
        if u64::try_from(slow_us).is_ok_and(|slow_us| us >= slow_us) {
            self.log_command(LogKind::Slow, us, seen);
        }
    }

    /// Notes an event that took so long, if that is above the threshold.
    pub fn note_latency(&self, event: &'static str, us: u64) {
        let threshold_ms = self.settings.attention.latency_ms.load(Relaxed);
        if threshold_ms > 0 && us / 1000 >= threshold_ms {
            self.latency.add(event, us / 1000);
        }
    }

    /// A request or a reply may be large.
    #[cold]
    pub(crate) fn note_large(&self, seen: &Seen<'_>, request_bytes: usize, reply_bytes: usize) {
        let attention = &self.settings.attention;
        if request_bytes >= attention.request_bytes.load(Relaxed) {
            self.log_command(LogKind::LargeRequest, request_bytes as u64, seen);
        }
        if reply_bytes >= attention.reply_bytes.load(Relaxed) {
            self.log_command(LogKind::LargeReply, reply_bytes as u64, seen);
        }
    }

    fn log_command(&self, kind: LogKind, amount: u64, seen: &Seen<'_>) {
        if seen.entry.has(Flag::SkipSlowlog) {
            return;
        }
        let attention = &self.settings.attention;
        let kept = *attention.kept.lock().expect("nobody panics holding two numbers");
        let args = kept.excerpt(seen.entry, seen.args);
        let max = attention.lens[kind as usize].load(Relaxed);
        self.command_logs.push(kind, max, amount, args, &seen.caller);
    }
}
