//! Counters, one set for each worker, added up when someone asks.
//!
//! Each counter has one writer, its worker, so counting is a plain load and store; the atomics
//! only make reading from elsewhere sound.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::histogram::Histogram;

/// A counter with a single writer.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// For a maximum.
    #[inline]
    pub fn raise(&self, n: u64) {
        if n > self.get() {
            self.0.store(n, Relaxed);
        }
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// What INFO commandstats prints of one command.
#[derive(Default)]
pub struct CommandStats {
    pub calls: Counter,
    pub ticks: Counter,
    /// Refused before it ran.
    pub rejected: Counter,
    /// Ran and answered an error.
    pub failed: Counter,
    /// How long calls took, while `latency-tracking` is on.
    pub latency: Histogram,
}

/// Declares the counters that CONFIG RESETSTAT sets back, each once.
macro_rules! worker_stats {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What one worker counts.
        #[derive(Default)]
        pub struct WorkerStats {
            $($(#[$doc])* pub $name: Counter,)*
            /// Changes of the data set; they count from the last save, whatever is reset.
            pub dirty: Counter,
            /// Indexed by command id.
            pub per_command: Box<[CommandStats]>,
        }

        impl WorkerStats {
            /// CONFIG RESETSTAT.
            pub fn reset(&self) {
                $(self.$name.reset();)*
                for command in &self.per_command {
                    for c in [&command.calls, &command.ticks, &command.rejected, &command.failed] {
                        c.reset();
                    }
                    command.latency.reset();
                }
            }
        }
    };
}

worker_stats! {
    commands,
    keyspace_hits,
    keyspace_misses,
    expired_keys,
    expired_by_cycle,
    /// Fields of hashes.
    expired_subkeys,
    evicted_keys,
    net_input_bytes,
    net_output_bytes,
    reads,
    writes,
    /// Turns of the event loop.
    turns,
    /// How long they took, from the end of one wait to the beginning of the next.
    turn_ticks,
    /// The longest.
    turn_ticks_max,
    /// Most commands in one.
    turn_commands_max,
    /// Ticks of housekeeping.
    cron_ticks,
    connections_received,
    connections_rejected,
    /// Connections parked because a shard was busy.
    parked,
    /// Commands that closed the gate.
    world_commands,
    query_buffer_limit_closed,
    output_buffer_limit_closed,
    acl_denied_logins,
    acl_denied_commands,
    acl_denied_keys,
    acl_denied_channels,
    acl_denied_databases,
    /// Because of `maxmemory-clients`.
    evicted_clients,
}

impl WorkerStats {
    pub fn new(commands: usize) -> WorkerStats {
        WorkerStats {
            per_command: (0..commands).map(|_| CommandStats::default()).collect(),
            ..WorkerStats::default()
        }
    }

    /// Ticks of all commands.
    pub fn command_ticks(&self) -> u64 {
        self.per_command.iter().map(|command| command.ticks.get()).sum()
    }
}

/// INFO errorstats: how often each error code was answered. Errors are rare: a mutex will do.
#[derive(Default)]
pub struct ErrorStats(Mutex<HashMap<String, u64>>);

impl ErrorStats {
    /// Codes beyond this many are counted together: clients can make up codes.
    const CODES_MAX: usize = 128;

    pub fn count(&self, code: &str) {
        let mut map = self.0.lock().expect("nobody panics while counting");
        if let Some(n) = map.get_mut(code) {
            *n += 1;
        } else if map.len() < Self::CODES_MAX {
            map.insert(code.to_owned(), 1);
        } else {
            *map.entry("ERRORSTATS_OVERFLOW".to_owned()).or_insert(0) += 1;
        }
    }

    /// Sorted by code.
    pub fn list(&self) -> Vec<(String, u64)> {
        let map = self.0.lock().expect("nobody panics while counting");
        let mut list: Vec<_> = map.iter().map(|(k, n)| (k.clone(), *n)).collect();
        list.sort();
        list
    }

    pub fn total(&self) -> u64 {
        self.list().iter().map(|(_, n)| n).sum()
    }

    pub fn reset(&self) {
        self.0.lock().expect("nobody panics while counting").clear();
    }
}
