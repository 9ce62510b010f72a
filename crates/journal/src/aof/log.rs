//! The log as others see it: whether it is on, how far it is durable, and orders for its writer.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{JoinHandle, Thread};

use super::writer::Appender;

/// `appendfsync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fsync {
    No,
    Everysec,
    Always,
}

impl Fsync {
    pub(super) fn of(byte: u8) -> Fsync {
        match byte {
            0 => Fsync::No,
            1 => Fsync::Everysec,
            _ => Fsync::Always,
        }
    }
}

/// What the writer tells others.
pub trait Outside: Send + Sync {
    fn log(&self, level: char, text: &str);
    /// Ends the process: what was acknowledged can no longer be kept.
    fn give_up(&self, text: &str);
    /// More is durable. Replies may go.
    fn advanced(&self);
}

pub(super) enum Order {
    /// The data set as of this offset is being written down.
    Rotate(u64),
    /// It is in this file, or there is none.
    Install(u64, NewBase),
    Stop,
    /// As soon as this is written down.
    StopAt(u64),
    Abandon,
}

/// A base on the disk, and the extension of its name; or why there is none.
pub type NewBase = Result<(PathBuf, &'static str), String>;

/// Figures for INFO.
#[derive(Debug, Default)]
pub struct Figures {
    pub base_bytes: AtomicU64,
    pub current_bytes: AtomicU64,
    /// Unix seconds at which the present rewrite began; 0: none.
    pub rewrite_began_s: AtomicI64,
    pub last_rewrite_s: AtomicI64,
    pub last_rewrite_failed: AtomicBool,
    pub rewrites: AtomicU64,
    pub failures_in_a_row: AtomicU64,
    pub last_failure_s: AtomicI64,
    /// The number of failures that was logged as too many.
    pub told_of_failures: AtomicU64,
    pub delayed_fsyncs: AtomicU64,
    pub fsyncs: AtomicU64,
}

impl Figures {
    pub(super) fn end_rewrite(&self, is_done: bool) {
        let now_s = base::clock::unix_ms() / 1000;
        let began_s = self.rewrite_began_s.swap(0, Ordering::Relaxed);
        self.last_rewrite_s.store(now_s - began_s, Ordering::Relaxed);
        self.last_rewrite_failed.store(!is_done, Ordering::Relaxed);
        if is_done {
            self.rewrites.fetch_add(1, Ordering::Relaxed);
            self.failures_in_a_row.store(0, Ordering::Relaxed);
        } else {
            self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
            self.last_failure_s.store(now_s, Ordering::Relaxed);
        }
    }
}

pub(super) struct Shared {
    pub(super) is_on: AtomicBool,
    /// Replies wait for the disk.
    pub(super) gates: AtomicBool,
    /// There is no base yet: nothing is durable, whatever is forced out.
    pub(super) waits_for_base: AtomicBool,
    pub(super) fsync: AtomicU8,
    pub(super) timestamps: AtomicBool,
    pub(super) keeps_history: AtomicBool,
    /// `no-appendfsync-on-rewrite`.
    pub(super) rests: AtomicBool,
    /// All there was is written: what comes now is written at once.
    pub(super) is_idle: AtomicBool,
    /// For tests: so long before each write.
    pub(super) dawdles_us: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) durable: AtomicU64,
    pub(super) is_broken: AtomicBool,
    /// A sync has failed since the base was made: what is in the files is not known.
    pub(super) is_suspect: AtomicBool,
    error: Mutex<String>,
    pub(super) orders: Mutex<VecDeque<Order>>,
    /// Counts the times the log was switched off: a base of before is of no use after.
    epoch: AtomicU64,
    figures: Figures,
    thread: Mutex<Option<(Thread, JoinHandle<()>)>>,
}

/// The log as others see it. Clones are the same log.
#[derive(Clone)]
pub struct Aof {
    pub(super) shared: Arc<Shared>,
}

impl Default for Aof {
    fn default() -> Aof {
        Aof::new()
    }
}

impl Aof {
    /// A log that is off.
    pub fn new() -> Aof {
        let figures = Figures { last_rewrite_s: AtomicI64::new(-1), ..Figures::default() };
        Aof {
            shared: Arc::new(Shared {
                is_on: AtomicBool::new(false),
                gates: AtomicBool::new(false),
                waits_for_base: AtomicBool::new(false),
                fsync: AtomicU8::new(Fsync::Everysec as u8),
                timestamps: AtomicBool::new(false),
                keeps_history: AtomicBool::new(false),
                rests: AtomicBool::new(false),
                is_idle: AtomicBool::new(false),
                dawdles_us: AtomicU64::new(0),
                written: AtomicU64::new(0),
                durable: AtomicU64::new(0),
                is_broken: AtomicBool::new(false),
                is_suspect: AtomicBool::new(false),
                error: Mutex::default(),
                orders: Mutex::default(),
                epoch: AtomicU64::new(0),
                figures,
                thread: Mutex::new(None),
            }),
        }
    }

    pub fn is_on(&self) -> bool {
        self.shared.is_on.load(Ordering::Relaxed)
    }

    /// Whether replies wait for the disk.
    #[inline]
    pub fn gates(&self) -> bool {
        self.shared.gates.load(Ordering::Relaxed)
    }

    /// Whether the writer rests, so that whatever comes is written at once.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.shared.is_idle.load(Ordering::Relaxed)
    }

    /// Has the writer wait for so long before each write, for tests.
    pub fn dawdle(&self, us: u64) {
        self.shared.dawdles_us.store(us, Ordering::Relaxed);
        self.wake();
    }

    /// The stream is on the disk up to here.
    #[inline]
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::SeqCst)
    }

    /// The stream is in the file up to here.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::SeqCst)
    }

    /// Whether writes must be refused: the disk did not take what came before.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.shared.is_broken.load(Ordering::Relaxed)
    }

    /// Whether a sync has failed since the base was made: only another base makes the log good.
    pub fn is_suspect(&self) -> bool {
        self.shared.is_suspect.load(Ordering::Relaxed)
    }

    /// The system's words for what broke it.
    pub fn why_broken(&self) -> String {
        self.error().clone()
    }

    pub fn is_waiting_for_base(&self) -> bool {
        self.shared.waits_for_base.load(Ordering::Relaxed)
    }

    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    pub fn is_rewriting(&self) -> bool {
        self.figures().rewrite_began_s.load(Ordering::Relaxed) != 0
    }

    pub fn configure(&self, fsync: Fsync, timestamps: bool, keeps_history: bool, rests: bool) {
        let shared = &*self.shared;
        shared.fsync.store(fsync as u8, Ordering::Relaxed);
        shared.timestamps.store(timestamps, Ordering::Relaxed);
        shared.keeps_history.store(keeps_history, Ordering::Relaxed);
        shared.rests.store(rests, Ordering::Relaxed);
        self.decide_gates();
        self.wake();
    }

    pub(super) fn decide_gates(&self) {
        let shared = &*self.shared;
        let is_always = Fsync::of(shared.fsync.load(Ordering::Relaxed)) == Fsync::Always;
        let waits = shared.waits_for_base.load(Ordering::Relaxed);
        shared.gates.store(self.is_on() && is_always && !waits, Ordering::SeqCst);
    }

    /// The data set as of `offset`, where the journal ends now, is about to be written down. To be
    /// called at a closed gate; [`Aof::install`] must follow.
    pub fn rotate(&self, offset: u64) {
        self.note_rewrite();
        self.order(Order::Rotate(offset));
    }

    /// To be given to [`Aof::install`] of what begins now.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::SeqCst)
    }

    /// The data set is on the disk, or could not be had.
    pub fn install(&self, epoch: u64, base: NewBase) {
        self.order(Order::Install(epoch, base));
    }

    /// A rewrite begins that needs no new increment: nothing was written yet, or the log is off.
    pub fn note_rewrite(&self) {
        self.figures().rewrite_began_s.store(base::clock::unix_ms() / 1000, Ordering::Relaxed);
    }

    pub fn end_alone(&self, is_done: bool) {
        self.figures().end_rewrite(is_done);
    }

    /// Waits until the file has the stream up to `tail`, for a caller that is about to read it. False
    /// if the log is broken.
    pub fn settle(&self, tail: u64) -> bool {
        while self.is_on() && self.written() < tail {
            if self.is_broken() {
                return false;
            }
            self.wake();
            std::thread::yield_now();
        }
        true
    }

    /// Begins to append, from where `reader` stands, in a thread of its own.
    pub fn start(&self, mut appender: Appender) {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name("aof-writer".to_owned()).spawn(move || {
            appender.wakes(std::thread::current());
            while appender.turn() {}
            shared.is_on.store(false, Ordering::Relaxed);
            shared.is_idle.store(false, Ordering::Relaxed);
            shared.gates.store(false, Ordering::SeqCst);
            // Who waits for the disk shall wait no more.
            appender.outside.advanced();
        });
        let thread = thread.expect("the process can start a thread");
        *self.shared.thread.lock().expect("nobody panics with the thread") =
            Some((thread.thread().clone(), thread));
    }

    /// Writes down all there is, forces it to the disk and ends. No more may be appended.
    pub fn stop(&self) {
        self.end_with(Order::Stop);
    }

    /// As [`Aof::stop`], of what stands before `offset` at the end of a record: more may be appended. What
    /// is durable then says whether it is on the disk.
    pub fn stop_at(&self, offset: u64) {
        self.end_with(Order::StopAt(offset));
    }

    /// Ends without writing any more.
    pub fn abandon(&self) {
        self.end_with(Order::Abandon);
    }

    fn end_with(&self, order: Order) {
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        self.order(order);
        let thread = self.shared.thread.lock().expect("nobody panics with the thread").take();
        match thread {
            Some((_, thread)) => thread.join().expect("the writer does not panic"),
            // Nobody will obey.
            None => self.shared.orders.lock().expect("nobody panics with orders").clear(),
        }
    }

    fn order(&self, order: Order) {
        self.shared.orders.lock().expect("nobody panics with orders").push_back(order);
        self.wake();
    }

    fn wake(&self) {
        if let Some((thread, _)) =
            &*self.shared.thread.lock().expect("nobody panics with the thread")
        {
            thread.unpark();
        }
    }

    pub(super) fn error(&self) -> MutexGuard<'_, String> {
        self.shared.error.lock().expect("nobody panics with an error")
    }
}
