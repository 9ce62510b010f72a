//! The writer: one thread that appends the stream to the log and forces it to the disk.
//!
//! ```text
//!   workers ─► journal ─► gather ─► write ─► sync ─► durable ─► the workers whose replies wait
//!                           ▲                 │
//!                           └── while it syncs, the next group forms: everything that arrives
//! ```
//!
//! Under `always` one sync serves all that was written before it, and no worker waits for a disk:
//! their clients' replies are held until [`Aof::durable`] has passed the end of the stream as it
//! was when the reply was made. Under `everysec` the same thread syncs once a second.
//!
//! # A rewrite
//!
//! At a closed gate somebody takes the data set as it is at offset X, and calls [`Aof::rotate`].
//!
//! ```text
//!   stream   ───────────────X──────────────►        manifest
//!              incr 5       │    incr 6             base 2, incr 5, incr 6     after rotate
//!                           └ data set ─► temp      base 3, incr 6             after install
//! ```
//!
//! What ends at X is forced out before the next file is begun, so only the last file of a log can
//! be torn. If there is no base in the end, the log simply goes on with more increments. When the
//! log is switched on, what follows X goes to a temporary file until there is a base.
//!
//! # Invariants
//!
//! (1) `durable` never passes what a sync that succeeded has covered.
//! (2) Nothing of the stream is skipped: what could not be written is kept and tried again. What a
//!     failed write left behind is cut off first.
//! (3) Notes and marks stand between commands only.
//! (4) After a failed sync nobody knows what is on the disk. Under `always` that is the end of the
//!     process, as in Redis; else writes are refused until a later sync succeeds.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use base::disk::{File, Open, reason};

use super::files::Files;
use super::manifest::Manifest;
use super::marks::{Mark, SECTOR_BYTES, Sum};
use crate::reader::Reader;

/// Gathered at once at most, and then some.
const GROUP_BYTES_MAX: usize = 8 << 20;
const SYNC_EVERY_US: u64 = 1_000_000;
const RETRY_US: u64 = 1_000_000;
const IDLE: Duration = Duration::from_millis(100);

/// `appendfsync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fsync {
    No,
    Everysec,
    Always,
}

impl Fsync {
    fn of(byte: u8) -> Fsync {
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

enum Order {
    /// The data set as of this offset is being written down.
    Rotate(u64),
    /// It is in this file, or there is none.
    Install(u64, NewBase),
    Stop,
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
    fn end_rewrite(&self, is_done: bool) {
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

struct Shared {
    is_on: AtomicBool,
    /// Replies wait for the disk.
    gates: AtomicBool,
    /// There is no base yet: nothing is durable, whatever is forced out.
    waits_for_base: AtomicBool,
    fsync: AtomicU8,
    timestamps: AtomicBool,
    keeps_history: AtomicBool,
    /// `no-appendfsync-on-rewrite`.
    rests: AtomicBool,
    written: AtomicU64,
    durable: AtomicU64,
    is_broken: AtomicBool,
    error: Mutex<String>,
    orders: Mutex<VecDeque<Order>>,
    /// Counts the times the log was switched off: a base of before is of no use after.
    epoch: AtomicU64,
    figures: Figures,
    thread: Mutex<Option<(Thread, JoinHandle<()>)>>,
}

/// The log as others see it; see the essay of this file. Clones are the same log.
#[derive(Clone)]
pub struct Aof {
    shared: Arc<Shared>,
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
                written: AtomicU64::new(0),
                durable: AtomicU64::new(0),
                is_broken: AtomicBool::new(false),
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

    /// The stream is on the disk up to here.
    #[inline]
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::SeqCst)
    }

    /// The stream is in the file up to here.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Whether writes must be refused: the disk did not take what came before.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.shared.is_broken.load(Ordering::Relaxed)
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

    fn decide_gates(&self) {
        let shared = &*self.shared;
        let is_always = Fsync::of(shared.fsync.load(Ordering::Relaxed)) == Fsync::Always;
        let waits = shared.waits_for_base.load(Ordering::Relaxed);
        shared.gates.store(self.is_on() && is_always && !waits, Ordering::SeqCst);
    }

    /// The data set as of `offset`, where the journal ends now, is about to be written down. To be
    /// called at a closed gate; [`Aof::install`] must follow.
    pub fn rotate(&self, offset: u64) {
        let figures = self.figures();
        figures.rewrite_began_s.store(base::clock::unix_ms() / 1000, Ordering::Relaxed);
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

    /// A rewrite begins while the log is off.
    pub fn begin_alone(&self) {
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
            while appender.turn() {}
            shared.is_on.store(false, Ordering::Relaxed);
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
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        self.order(Order::Stop);
        let thread = self.shared.thread.lock().expect("nobody panics with the thread").take();
        if let Some((_, thread)) = thread {
            thread.join().expect("the writer does not panic");
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

    fn error(&self) -> MutexGuard<'_, String> {
        self.shared.error.lock().expect("nobody panics with an error")
    }
}

/// How the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Idle,
    Busy,
    Over,
}

/// The writer without its thread: everything it does happens in [`Appender::step`].
pub struct Appender {
    aof: Aof,
    outside: Arc<dyn Outside>,
    files: Files,
    manifest: Manifest,
    reader: Reader,
    file: Box<dyn File>,
    file_bytes: u64,
    /// Of `file_bytes`, forced to the disk.
    synced_bytes: u64,
    /// Gathered and not written.
    group: Vec<u8>,
    is_group_whole: bool,
    /// The offset behind `group`.
    gathered: u64,
    sum: Sum,
    has_opened: bool,
    noted_s: i64,
    last_sync_us: u64,
    retry_at_us: u64,
    /// Where the file ends that is being written.
    rotate_at: VecDeque<u64>,
    /// The increments since the data set was taken.
    kept: usize,
    /// What follows the data set that is not there yet.
    waits_for_base: bool,
    /// A failed write left something behind.
    needs_cut: bool,
    sync_failed: bool,
    is_stopping: bool,
    has_given_up: bool,
}

impl Appender {
    /// A writer that goes on with the last increment of `manifest`, or begins a new one.
    ///
    /// # Errors
    /// The disk's.
    pub fn resume(
        aof: &Aof,
        outside: Arc<dyn Outside>,
        files: Files,
        mut manifest: Manifest,
        reader: Reader,
    ) -> io::Result<Appender> {
        let (path, is_new) = match manifest.incrs.last() {
            Some(part) => (files.path(&part.name), false),
            None => (files.path(&manifest.new_incr(&files.name).name), true),
        };
        files.make_dir()?;
        let mut file = files.disk.open(&path, if is_new { Open::Create } else { Open::Append })?;
        if is_new {
            file.sync()?;
            files.disk.sync_dir(&files.dir())?;
            files.save(&manifest)?;
        }
        let bytes = file.len()?;
        let total = files.bytes(&manifest)?;
        aof.figures().current_bytes.store(total, Ordering::Relaxed);
        aof.figures().base_bytes.store(total, Ordering::Relaxed);
        Ok(Appender::with(aof, outside, files, manifest, reader, file, bytes, false))
    }

    /// A writer that gathers in a temporary file until there is a base: the caller has the data set
    /// as of where `reader` stands, and will install it.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(
        aof: &Aof,
        outside: Arc<dyn Outside>,
        files: Files,
        manifest: Manifest,
        reader: Reader,
    ) -> io::Result<Appender> {
        files.make_dir()?;
        let file = files.disk.open(&temp_incr(&files), Open::Create)?;
        let began_s = base::clock::unix_ms() / 1000;
        aof.figures().rewrite_began_s.store(began_s, Ordering::Relaxed);
        Ok(Appender::with(aof, outside, files, manifest, reader, file, 0, true))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of two constructors")]
    fn with(
        aof: &Aof,
        outside: Arc<dyn Outside>,
        files: Files,
        manifest: Manifest,
        reader: Reader,
        file: Box<dyn File>,
        file_bytes: u64,
        waits_for_base: bool,
    ) -> Appender {
        let offset = reader.offset();
        reader.allow_lag(u64::MAX);
        let shared = &*aof.shared;
        shared.written.store(offset, Ordering::Relaxed);
        shared.durable.store(offset, Ordering::SeqCst);
        shared.is_broken.store(false, Ordering::Relaxed);
        shared.is_on.store(true, Ordering::Relaxed);
        shared.waits_for_base.store(waits_for_base, Ordering::Relaxed);
        aof.decide_gates();
        Appender {
            aof: aof.clone(),
            outside,
            files,
            manifest,
            gathered: offset,
            reader,
            file,
            file_bytes,
            synced_bytes: file_bytes,
            group: Vec::new(),
            is_group_whole: true,
            sum: Sum::default(),
            has_opened: false,
            noted_s: 0,
            last_sync_us: 0,
            retry_at_us: 0,
            rotate_at: VecDeque::new(),
            kept: 1,
            waits_for_base,
            needs_cut: false,
            sync_failed: false,
            is_stopping: false,
            has_given_up: false,
        }
    }

    /// One turn of the thread; false when it is over.
    fn turn(&mut self) -> bool {
        match self.step_at(base::clock::monotonic_us(), base::clock::unix_ms() / 1000) {
            Turn::Over => false,
            Turn::Busy => true,
            Turn::Idle => {
                if self.group.is_empty() {
                    // A restarted journal leaves its news to the next step.
                    let _ = self.reader.wait(IDLE);
                } else {
                    std::thread::park_timeout(IDLE);
                }
                true
            }
        }
    }

    /// Does what there is to do. False when there is nothing more for now, or ever.
    pub fn step(&mut self, now_us: u64, now_s: i64) -> bool {
        self.step_at(now_us, now_s) == Turn::Busy
    }

    fn step_at(&mut self, now_us: u64, now_s: i64) -> Turn {
        if self.has_given_up {
            return Turn::Over;
        }
        self.obey();
        let had = self.group.len();
        if self.group.is_empty() {
            self.gather(now_s);
        }
        let may_write = now_us >= self.retry_at_us || self.is_stopping;
        let mut is_busy = had != self.group.len();
        if !self.group.is_empty() && may_write {
            is_busy |= self.write(now_us);
        }
        self.sync_as_told(now_us);
        if self.group.is_empty() && self.rotate_at.front() == Some(&self.gathered) {
            self.rotate_at.pop_front();
            self.begin_next();
            is_busy = true;
        }
        if self.is_stopping && self.group.is_empty() && self.reader.offset() == self.gathered {
            // Whatever arrived before the order has been gathered above.
            if !matches!(self.reader.chunk(), Ok([_, ..])) {
                self.sync();
                self.end();
                return Turn::Over;
            }
        }
        if self.is_stopping && !self.group.is_empty() && !is_busy {
            self.outside.log('#', "The end of the stream could not be written to the AOF");
            return Turn::Over;
        }
        if is_busy { Turn::Busy } else { Turn::Idle }
    }

    /// The log is off from now on.
    fn end(&mut self) {
        self.aof.figures().rewrite_began_s.store(0, Ordering::Relaxed);
        if self.waits_for_base {
            // It is of no use without its base.
            let _ = self.files.disk.remove(&temp_incr(&self.files));
        }
    }

    fn obey(&mut self) {
        loop {
            let order =
                self.aof.shared.orders.lock().expect("nobody panics with orders").pop_front();
            match order {
                None => return,
                Some(Order::Rotate(offset)) => self.rotate_at.push_back(offset),
                Some(Order::Install(..)) if !self.rotate_at.is_empty() => {
                    // First the file must end where the base does.
                    let order = order.expect("it has just been looked at");
                    self.aof
                        .shared
                        .orders
                        .lock()
                        .expect("nobody panics with orders")
                        .push_front(order);
                    return;
                }
                Some(Order::Install(epoch, base)) if epoch == self.aof.epoch() => {
                    self.install(base)
                }
                Some(Order::Install(_, base)) => {
                    // Nobody needs it, and there is nobody to tell.
                    let _ = base.map(|(path, _)| self.files.disk.remove(&path));
                }
                Some(Order::Stop) => self.is_stopping = true,
            }
        }
    }

    /// Takes from the stream what there is, up to where the file has to end, with a note of the time
    /// before it and a mark behind (3).
    fn gather(&mut self, now_s: i64) {
        let begins_whole = self.is_group_whole;
        let bound = self.rotate_at.front().copied().unwrap_or(u64::MAX);
        loop {
            let room = bound.saturating_sub(self.reader.offset());
            let taken = match self.reader.chunk() {
                Ok(chunk) => {
                    let taken = chunk.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                    self.group.extend_from_slice(&chunk[..taken]);
                    taken
                }
                Err(_) => 0,
            };
            self.reader.consume(taken);
            self.is_group_whole = self.group.len() < GROUP_BYTES_MAX;
            if taken == 0 || !self.is_group_whole {
                break;
            }
        }
        self.gathered = self.reader.offset();
        if self.group.is_empty() {
            return;
        }
        let mut head = Vec::new();
        if begins_whole
            && self.aof.shared.timestamps.load(Ordering::Relaxed)
            && now_s != self.noted_s
        {
            self.noted_s = now_s;
            head = format!("#TS:{now_s}\r\n").into_bytes();
        }
        let will_mark = self.sum.bytes() + self.group.len() as u64 >= SECTOR_BYTES;
        if begins_whole && will_mark && !self.has_opened {
            let opening = Mark { crc: 0, covers: 0, synced: self.synced_bytes };
            head.splice(0..0, opening.line());
            let opening_bytes = opening.line().len();
            (self.has_opened, self.sum) = (true, Sum::default());
            self.sum.add(&head[opening_bytes..]);
        } else {
            self.sum.add(&head);
        }
        self.sum.add(&self.group);
        self.group.splice(0..0, head);
        if self.is_group_whole && self.has_opened && self.sum.bytes() >= SECTOR_BYTES {
            let mark = self.sum.mark(self.synced_bytes);
            self.group.extend(mark.line());
            self.sum = Sum::default();
        }
    }

    /// Writes the group. False if the disk did not take it (2).
    fn write(&mut self, now_us: u64) -> bool {
        let written = self.cut().and_then(|()| self.file.write_all(&self.group));
        match written {
            Ok(()) => {
                self.file_bytes += self.group.len() as u64;
                self.aof
                    .figures()
                    .current_bytes
                    .fetch_add(self.group.len() as u64, Ordering::Relaxed);
                self.group.clear();
                self.group.shrink_to(GROUP_BYTES_MAX);
                self.aof.shared.written.store(self.gathered, Ordering::Relaxed);
                if !self.sync_failed {
                    self.mend("AOF write error looks solved. The server can write again.");
                }
                true
            }
            Err(error) => {
                self.retry_at_us = now_us + RETRY_US;
                self.write_failed(&error);
                false
            }
        }
    }

    fn write_failed(&mut self, error: &io::Error) {
        let why = reason(error);
        self.outside.log('#', &format!("Error writing to the AOF file: {why}"));
        if self.fsync() == Fsync::Always {
            return self.give_up(
                "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...",
            );
        }
        self.break_down(&why);
        self.needs_cut = true;
        if let Err(error) = self.cut() {
            let why = reason(&error);
            let text = format!(
                "Could not remove short write from the append-only file. The file may have to be \
                 repaired by redis-check-aof. ftruncate: {why}"
            );
            self.outside.log('#', &text);
        }
    }

    /// Removes what a failed write left (2).
    fn cut(&mut self) -> io::Result<()> {
        if self.needs_cut {
            self.file.truncate(self.file_bytes)?;
            self.file.seek(self.file_bytes)?;
            self.needs_cut = false;
        }
        Ok(())
    }

    fn fsync(&self) -> Fsync {
        Fsync::of(self.aof.shared.fsync.load(Ordering::Relaxed))
    }

    fn sync_as_told(&mut self, now_us: u64) {
        if self.has_given_up || self.file_bytes == self.synced_bytes {
            // Nothing is in the file that is not on the disk; but more may have been gathered.
            return;
        }
        let is_due = match self.fsync() {
            Fsync::Always => true,
            Fsync::Everysec => {
                let rests =
                    self.aof.shared.rests.load(Ordering::Relaxed) && self.aof.is_rewriting();
                !rests && now_us >= self.last_sync_us + SYNC_EVERY_US
            }
            Fsync::No => false,
        };
        if is_due {
            self.last_sync_us = now_us;
            self.sync();
        }
    }

    /// Forces the file to the disk (1).
    fn sync(&mut self) -> bool {
        if self.has_given_up {
            return false;
        }
        let synced = self.file.sync();
        self.aof.figures().fsyncs.fetch_add(1, Ordering::Relaxed);
        match synced {
            Ok(()) => {
                self.synced_bytes = self.file_bytes;
                self.sync_failed = false;
                self.mend("AOF fsync error looks solved. The server can write again.");
                let written = self.aof.written();
                if !self.waits_for_base {
                    self.aof.shared.durable.store(written, Ordering::SeqCst);
                    self.outside.advanced();
                }
                true
            }
            Err(error) => {
                let why = reason(&error);
                if self.fsync() == Fsync::Always {
                    self.give_up(&format!(
                        "Can't persist AOF for fsync error when the AOF fsync policy is 'always': \
                         {why}. Exiting..."
                    ));
                } else {
                    self.sync_failed = true;
                    self.outside.log('#', &format!("Fail to fsync the AOF file: {why}"));
                    self.break_down(&why);
                }
                false
            }
        }
    }

    fn break_down(&self, why: &str) {
        *self.aof.error() = why.to_owned();
        self.aof.shared.is_broken.store(true, Ordering::Relaxed);
    }

    fn mend(&self, text: &str) {
        if self.aof.shared.is_broken.swap(false, Ordering::Relaxed) {
            self.outside.log('#', text);
        }
    }

    fn give_up(&mut self, text: &str) {
        self.has_given_up = true;
        self.outside.give_up(text);
    }

    // ---- rewriting ---------------------------------------------------------------------------

    /// The data set was taken here: the next increment begins.
    fn begin_next(&mut self) {
        if let Err(error) = self.try_begin_next() {
            let text = format!("Can't open the next INCR AOF: {}", reason(&error));
            self.outside.log('#', &text);
            self.kept = usize::MAX;
        }
    }

    fn try_begin_next(&mut self) -> io::Result<()> {
        if self.waits_for_base {
            // Another attempt at a base: what came before it is in the data set.
            self.file = self.files.disk.open(&temp_incr(&self.files), Open::Create)?;
            self.begin_file(0);
            return Ok(());
        }
        if !self.sync() {
            return Err(io::Error::other("the last one could not be forced to the disk"));
        }
        let mut manifest = self.manifest.clone();
        let part = manifest.new_incr(&self.files.name);
        let mut file = self.files.disk.open(&self.files.path(&part.name), Open::Create)?;
        file.sync()?;
        self.files.disk.sync_dir(&self.files.dir())?;
        self.files.save(&manifest)?;
        self.outside
            .log('*', &format!("Creating AOF incr file {} on background rewrite", part.name));
        (self.manifest, self.file, self.kept) = (manifest, file, 1);
        self.begin_file(0);
        Ok(())
    }

    fn begin_file(&mut self, bytes: u64) {
        (self.file_bytes, self.synced_bytes) = (bytes, bytes);
        (self.sum, self.has_opened, self.noted_s) = (Sum::default(), false, 0);
    }

    fn install(&mut self, base: NewBase) {
        let installed = base.and_then(|(path, extension)| {
            let done = self.try_install(&path, extension);
            done.map_err(|error| {
                // Whoever reads the log wants to know of the first error.
                let _ = self.files.disk.remove(&path);
                reason(&error)
            })
        });
        self.aof.figures().end_rewrite(installed.is_ok());
        match installed {
            Ok(()) => self.outside.log('*', "Background AOF rewrite finished successfully"),
            Err(why) => {
                self.outside.log('#', &format!("Background AOF rewrite failed: {why}"));
                if self.waits_for_base {
                    let text = "Removing the temp incr aof file: the next attempt makes another";
                    self.outside.log('*', text);
                }
            }
        }
    }

    fn try_install(&mut self, temp: &std::path::Path, extension: &str) -> io::Result<()> {
        if self.kept == usize::MAX {
            return Err(io::Error::other("the increment behind it could not be begun"));
        }
        let mut manifest = self.manifest.clone();
        let disk = self.files.disk.clone();
        let base = manifest.new_base(&self.files.name, extension);
        disk.rename(temp, &self.files.path(&base.name))?;
        if self.waits_for_base {
            manifest.retire_incrs(0);
            // Numbers go on: what has become history is still there.
            let incr = manifest.new_incr(&self.files.name);
            // What it has must be there when the manifest names it.
            self.file.sync()?;
            disk.rename(&temp_incr(&self.files), &self.files.path(&incr.name))?;
        } else {
            manifest.retire_incrs(self.kept);
        }
        disk.sync_dir(&self.files.dir())?;
        disk.sync_dir(&self.files.above)?;
        self.files.save(&manifest)?;
        self.manifest = manifest;
        self.waits_for_base = false;
        self.aof.shared.waits_for_base.store(false, Ordering::Relaxed);
        self.tidy_up();
        let bytes = self.files.bytes(&self.manifest).unwrap_or(0);
        self.aof.figures().current_bytes.store(bytes, Ordering::Relaxed);
        self.aof.figures().base_bytes.store(bytes, Ordering::Relaxed);
        // A sync will say what of the new increment is durable.
        self.last_sync_us = 0;
        self.sync();
        self.aof.decide_gates();
        Ok(())
    }

    fn tidy_up(&mut self) {
        if self.aof.shared.keeps_history.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.files.forget_history(&mut self.manifest) {
            let text = format!("Removing old AOF files: {}", reason(&error));
            self.outside.log('#', &text);
        }
    }
}

fn temp_incr(files: &Files) -> PathBuf {
    files.path(&format!("temp-{}.incr", files.name))
}
