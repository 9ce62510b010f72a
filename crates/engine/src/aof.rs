//! The append only file, as the engine uses it: whose replies wait for the disk, and how the data
//! set gets into a new base.
//!
//! ```text
//!   reply ─► reply_gate: None, or the offset that must be durable ─► the worker holds the reply
//!   writer's thread ─► Told::advanced ─► rings the workers that hold some
//! ```
//!
//! The log itself is the journal's ([`journal::aof`]); [`load`] reads it, [`rewrite`] begins a new
//! base, and [`base`] writes it.
//!
//! # Invariants
//!
//! (1) A worker says that it holds replies before it looks how far the log is; the writer says how
//!     far it is before it looks who holds replies. So no ring is missed.
//! (2) When the disk does not keep up, replies are held until the log's lag is half of what it may
//!     be, and who waits for one is not read from: so the stream that waits in memory is bounded.
//! (3) Without `always`, a write that finds the log's writer idle is in the file before its reply
//!     leaves. Those that follow within a millisecond are written together behind it.

mod base;
mod load;
mod rewrite;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::base::disk::reason;
use config::{Config, id};
use crossbeam_utils::CachePadded;
use journal::aof::{Appender, Files, Fsync, Manifest, Outside};

use crate::engine::{Engine, Host};

pub use load::LogLoading;
pub use rewrite::{Began, Rewrites};

/// Without `always`, so much of the stream may wait for the disk before replies do.
const LAG_BYTES_MAX: u64 = 64 << 20;

/// The workers that hold replies.
pub struct Holding {
    flags: Box<[CachePadded<AtomicBool>]>,
}

impl Holding {
    pub(crate) fn new(workers: usize) -> Arc<Holding> {
        Arc::new(Holding { flags: (0..workers).map(|_| CachePadded::default()).collect() })
    }
}

/// Where the writer's news go.
struct Told {
    host: Arc<dyn Host>,
    holding: Arc<Holding>,
}

impl Outside for Told {
    fn log(&self, level: char, text: &str) {
        self.host.log(level, text);
    }

    fn give_up(&self, text: &str) {
        self.host.give_up(text);
    }

    fn advanced(&self) {
        for (worker, flag) in self.holding.flags.iter().enumerate() {
            if flag.load(Ordering::SeqCst) && flag.swap(false, Ordering::SeqCst) {
                self.host.wake(worker);
            }
        }
    }
}

impl Engine {
    /// Takes over what the configuration says of the log.
    pub fn configure_aof(&self, config: &Config) {
        let fsync = match config.choice(id::APPENDFSYNC) {
            "always" => Fsync::Always,
            "no" => Fsync::No,
            _ => Fsync::Everysec,
        };
        self.aof.configure(
            fsync,
            config.flag(id::AOF_TIMESTAMP_ENABLED),
            config.flag(id::AOF_DISABLE_AUTO_GC),
            config.flag(id::NO_APPENDFSYNC_ON_REWRITE),
        );
    }

    /// Where the log lies.
    pub fn aof_files(&self, config: &Config) -> Files {
        Files {
            disk: self.host.disk(),
            above: PathBuf::from("."),
            dir_name: config.text(id::APPENDDIRNAME).into_owned(),
            name: config.text(id::APPENDFILENAME).into_owned(),
        }
    }

    /// Keeps other servers away from the log, as long as this one lives. One that is about to end has
    /// so much time for it.
    ///
    /// # Errors
    /// Another has it, or the directory cannot be used.
    pub fn lock_aof(&self, files: &Files, patience: Duration) -> Result<(), String> {
        let mut lock = self.aof_lock.lock().expect("nobody panics with the lock");
        if lock.is_some() {
            return Ok(());
        }
        let path = files.path(&format!("{}.lock", files.name));
        let told = |error: io::Error| {
            format!("Can't use {} for the AOF: {}", files.dir().display(), reason(&error))
        };
        files.make_dir().map_err(told)?;
        let began = Instant::now();
        loop {
            *lock = files.disk.lock(&path).map_err(told)?;
            if lock.is_some() {
                return Ok(());
            }
            if began.elapsed() >= patience {
                return Err(format!(
                    "Another server uses the AOF {} in {}: stop it, or set another dir",
                    files.name,
                    files.dir().display()
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn told(&self) -> Arc<dyn Outside> {
        Arc::new(Told { host: self.host.clone(), holding: self.holding.clone() })
    }

    /// What the log must have reached before a reply made now may leave; none if it may at once.
    #[inline]
    pub fn reply_gate(&self) -> Option<u64> {
        if !self.aof.is_on() {
            return None;
        }
        let tail = self.journal.tail();
        if self.aof.gates() {
            return (self.aof.durable() < tail).then_some(tail);
        }
        let written = self.aof.written();
        if self.aof.is_idle() {
            // (3)
            return (written < tail).then_some(tail);
        }
        // (2)
        (tail.saturating_sub(written) > LAG_BYTES_MAX).then(|| tail - LAG_BYTES_MAX / 2)
    }

    /// Whether so much waits for the disk that nobody shall bring more.
    pub fn log_lags(&self) -> bool {
        self.journal.tail().saturating_sub(self.aof.written()) > LAG_BYTES_MAX
    }

    /// Whether there is a log that is on the disk up to here.
    pub fn is_in_log(&self, offset: u64) -> bool {
        self.aof.is_on() && !self.aof.is_waiting_for_base() && self.aof.durable() >= offset
    }

    /// The same for who waits for it: the worker will be woken when the log got further (1).
    pub fn awaits_log(&self, offset: u64, worker: usize) -> bool {
        if self.is_in_log(offset) {
            return false;
        }
        self.holding.flags[worker].store(true, Ordering::SeqCst);
        !self.is_in_log(offset)
    }

    /// Whether the log has reached `gate`. If not, the worker will be woken when it got
    /// further (1).
    pub fn is_open(&self, gate: u64, worker: usize) -> bool {
        let is_reached = || {
            if self.aof.gates() {
                return self.aof.durable() >= gate;
            }
            let written = self.aof.written();
            let lag = self.journal.tail().saturating_sub(written);
            written >= gate || (!self.aof.is_idle() && lag <= LAG_BYTES_MAX / 2)
        };
        if is_reached() {
            return true;
        }
        self.holding.flags[worker].store(true, Ordering::SeqCst);
        // A log that was switched off holds nobody.
        is_reached() || !self.aof.is_on()
    }

    /// Goes on with a log whose commands have been run. The gate is closed.
    ///
    /// # Errors
    /// Why it cannot be appended to.
    pub fn resume_aof(&self, files: Files, manifest: Manifest) -> Result<(), String> {
        let reader = self.journal.reader(None).expect("a journal always has its end");
        let appender = Appender::resume(&self.aof, self.told(), files, manifest, reader)
            .map_err(|error| reason(&error))?;
        self.aof.start(appender);
        Ok(())
    }
}
