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
//! (4) After a failed sync nobody knows what is on the disk, and no later sync tells. Under `always`
//!     that is the end of the process, as in Redis; else writes are refused until a later sync
//!     succeeds, and nothing more counts as durable before there is a new base.
//! (5) A file's first mark is on the disk before anything that is long enough to be torn unseen.

mod put;
mod rewrite;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::Duration;

use base::disk::{File, Open};

use super::files::Files;
use super::log::{Aof, Order, Outside};
use super::manifest::Manifest;
use super::marks::{SECTOR_BYTES, Sum};
use super::times::Times;
use crate::reader::Reader;

/// Gathered at once at most, and then some.
const GROUP_BYTES_MAX: usize = 8 << 20;
const IDLE: Duration = Duration::from_millis(100);
/// While no reply waits for the disk, one write follows another no sooner. What comes first after
/// nothing came for so long is written before its reply leaves.
const PACE_US: u64 = 1000;

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
    pub(super) outside: Arc<dyn Outside>,
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
    /// What the mark behind the group is about, if it has one.
    mark: Option<Sum>,
    /// The offset behind `group`.
    gathered: u64,
    sum: Sum,
    /// Whether there are marks in the file since this writer has it.
    has_opened: bool,
    must_open: bool,
    times: Times,
    last_sync_us: u64,
    wrote_us: u64,
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
    /// A sync of this file has failed (4).
    is_file_suspect: bool,
    is_stopping: bool,
    /// Where it ends.
    stop_at: Option<u64>,
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
        // What a process before this one left to the system is made sure of.
        file.sync()?;
        if is_new {
            files.disk.sync_dir(&files.dir())?;
            files.save(&manifest)?;
        }
        let bytes = file.len()?;
        let total = files.bytes(&manifest)?;
        aof.figures().current_bytes.store(total, Ordering::Relaxed);
        aof.figures().base_bytes.store(total, Ordering::Relaxed);
        Ok(Appender::with(aof, outside, files, manifest, reader, file, bytes, false))
    }

    /// A writer that gathers in a temporary file until there is a base: the caller takes the data set
    /// as of where `reader` stands, or calls [`Aof::rotate`] where it does, and will install it.
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
        let file = files.disk.open(&files.temp_incr(), Open::Create)?;
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
        shared.written.store(offset, Ordering::SeqCst);
        shared.durable.store(offset, Ordering::SeqCst);
        shared.is_broken.store(false, Ordering::Relaxed);
        shared.is_suspect.store(false, Ordering::Relaxed);
        shared.is_on.store(true, Ordering::Relaxed);
        shared.waits_for_base.store(waits_for_base, Ordering::Relaxed);
        aof.decide_gates();
        let mut times = Times::new(file_bytes > 0);
        times.follow(shared.timestamps.load(Ordering::Relaxed), &reader);
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
            mark: None,
            sum: Sum::default(),
            has_opened: false,
            must_open: false,
            times,
            last_sync_us: 0,
            wrote_us: 0,
            retry_at_us: 0,
            rotate_at: VecDeque::new(),
            kept: 1,
            waits_for_base,
            needs_cut: false,
            sync_failed: false,
            is_file_suspect: false,
            is_stopping: false,
            stop_at: None,
            has_given_up: false,
        }
    }

    /// Who is woken when there is more to gather.
    pub(super) fn wakes(&self, thread: Thread) {
        self.reader.on_progress(move || thread.unpark());
    }

    /// One turn of the thread; false when it is over.
    pub(super) fn turn(&mut self) -> bool {
        let now_us = base::clock::monotonic_us();
        if !self.aof.gates() && now_us < self.wrote_us + PACE_US {
            // Nobody waits for it. Whoever writes need not wake us either.
            std::thread::park_timeout(Duration::from_micros(self.wrote_us + PACE_US - now_us));
        }
        let dawdles_us = self.aof.shared.dawdles_us.load(Ordering::Relaxed);
        if dawdles_us > 0 {
            std::thread::sleep(Duration::from_micros(dawdles_us));
        }
        match self.step_at(base::clock::monotonic_us()) {
            Turn::Over => false,
            Turn::Busy => true,
            Turn::Idle => {
                if self.group.is_empty() {
                    self.aof.shared.is_idle.store(true, Ordering::SeqCst);
                }
                // An order that came meanwhile has left its wake-up.
                match self.reader.arm() {
                    Ok(false) if self.group.is_empty() => std::thread::yield_now(),
                    // A restarted journal leaves its news to the next step.
                    _ => std::thread::park_timeout(IDLE),
                }
                true
            }
        }
    }

    /// Does what there is to do. False when there is nothing more for now, or ever.
    pub fn step(&mut self, now_us: u64) -> bool {
        self.step_at(now_us) == Turn::Busy
    }

    fn step_at(&mut self, now_us: u64) -> Turn {
        if self.has_given_up {
            return Turn::Over;
        }
        self.obey();
        if self.has_given_up {
            return Turn::Over;
        }
        let had = self.group.len();
        if self.group.is_empty() {
            self.gather();
        }
        let shall_end = self.is_stopping || self.stop_at.is_some();
        let may_write = now_us >= self.retry_at_us || shall_end;
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
        if self.stop_at == Some(self.gathered) && self.group.is_empty() {
            self.sync();
            self.close();
            self.end();
            return Turn::Over;
        }
        if self.is_stopping && self.group.is_empty() && self.reader.offset() == self.gathered {
            // Whatever arrived before the order has been gathered above.
            if !matches!(self.reader.chunk(), Ok([_, ..])) {
                self.sync();
                self.close();
                self.end();
                return Turn::Over;
            }
        }
        if shall_end && !self.group.is_empty() && !is_busy {
            self.outside.log('#', "The end of the stream could not be written to the AOF");
            return Turn::Over;
        }
        if is_busy { Turn::Busy } else { Turn::Idle }
    }

    /// Says that all is on the disk, to whoever reads what others may append.
    fn close(&mut self) {
        if !self.has_opened || self.synced_bytes != self.file_bytes {
            return;
        }
        if self.append(&super::marks::closed(self.file_bytes)).is_ok() {
            self.sync();
        }
    }

    /// The log is off from now on.
    fn end(&mut self) {
        self.aof.figures().rewrite_began_s.store(0, Ordering::Relaxed);
        if self.waits_for_base {
            // It is of no use without its base.
            let _ = self.files.disk.remove(&self.files.temp_incr());
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
                Some(Order::StopAt(offset)) => self.stop_at = Some(offset),
                Some(Order::Abandon) => {
                    self.has_given_up = true;
                    self.end();
                }
            }
        }
    }

    /// Takes from the stream what there is, up to where the file has to end, with notes of its times in
    /// it and a mark behind (3).
    fn gather(&mut self) {
        let begins_whole = self.is_group_whole;
        self.times.follow(self.aof.shared.timestamps.load(Ordering::Relaxed), &self.reader);
        let begins_at = self.reader.offset();
        let bound = self.rotate_at.front().copied().unwrap_or(u64::MAX);
        let bound = bound.min(self.stop_at.unwrap_or(u64::MAX));
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
        self.times.note(&mut self.group, begins_at, begins_whole, &self.reader);
        let will_mark = self.sum.bytes() + self.group.len() as u64 >= SECTOR_BYTES;
        if begins_whole && will_mark && !self.has_opened {
            (self.must_open, self.has_opened, self.sum) = (true, true, Sum::default());
        }
        self.sum.add(&self.group);
        if self.is_group_whole && self.has_opened && self.sum.bytes() >= SECTOR_BYTES {
            self.mark = Some(std::mem::take(&mut self.sum));
        }
    }
}
