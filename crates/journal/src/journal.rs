//! The journal's front: append, the watermark, switching on and off. The essay is in lib.rs.

use std::io::Write;
use std::sync::Arc as Owner;

use crossbeam_utils::CachePadded;

use crate::block::Block;
use crate::moments::Moment;
use crate::reader::{Behind, Reader, Slot};
use crate::retain::{Route, State, Trimmed};
use crate::spin::{Guard, Spin};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, relax};

const BLOCK_BYTES_MAX: usize = 1 << 20;

/// No moments are kept.
const CLOCK_OFF: u64 = 0;
/// They are the system's. Anything else is a moment that a test has set.
const CLOCK_REAL: u64 = u64::MAX;

/// An in-flight word that holds nothing back.
const IDLE: u64 = u64::MAX;

/// The one stream of changes. Cheap to clone; all clones are the same journal.
#[derive(Clone)]
pub struct Journal {
    shared: Owner<Shared>,
}

/// Each part that is written at its own rhythm has its own cache lines.
struct Shared {
    reservation: CachePadded<Reservation>,
    in_flight: Box<[CachePadded<AtomicU64>]>,
    is_on: CachePadded<AtomicBool>,
    /// Where the moments of records come from: lib.rs (9). Nothing is ordered by it, so it is no
    /// business of loom's.
    clock: CachePadded<std::sync::atomic::AtomicU64>,
    /// Set by the writer of a record that an armed reader waits for, after it has published.
    is_wake_due: CachePadded<AtomicBool>,
}

struct Reservation {
    /// Written under the lock only.
    tail: AtomicU64,
    state: Spin<State>,
}

/// The backlog as INFO replication shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub is_active: bool,
    /// As configured.
    pub size_bytes: u64,
    /// The first offset a reader may begin at. Slow readers with an allowance extend the history.
    pub first_offset: u64,
    pub history_bytes: u64,
    /// The memory of the blocks.
    pub held_bytes: usize,
}

impl Journal {
    /// A journal that is off, at offset 0, for `workers` threads that append.
    pub fn new(workers: usize, backlog_bytes: usize) -> Journal {
        Journal::with_block_bytes_max(workers, backlog_bytes, BLOCK_BYTES_MAX)
    }

    /// As [`Journal::new`], with smaller blocks, for tests.
    pub fn with_block_bytes_max(
        workers: usize,
        backlog_bytes: usize,
        block_bytes_max: usize,
    ) -> Journal {
        let idle = || CachePadded::new(AtomicU64::new(IDLE));
        let shared = Shared {
            reservation: CachePadded::new(Reservation {
                tail: AtomicU64::new(0),
                state: Spin::new(State::new(backlog_bytes as u64, block_bytes_max)),
            }),
            in_flight: (0..workers).map(|_| idle()).collect(),
            is_on: CachePadded::new(AtomicBool::new(false)),
            clock: CachePadded::new(std::sync::atomic::AtomicU64::new(CLOCK_OFF)),
            is_wake_due: CachePadded::new(AtomicBool::new(false)),
        };
        Journal { shared: Owner::new(shared) }
    }

    /// Whether anybody reads; if not, appending is a waste.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.shared.is_on.load(Ordering::Relaxed)
    }

    /// Where the next record will begin.
    #[inline]
    pub fn tail(&self) -> u64 {
        self.shared.reservation.tail.load(Ordering::Acquire)
    }

    /// Everything below is fully copied. Looks at each worker's word.
    pub fn watermark(&self) -> u64 {
        // The tail first: a range it covers has its in-flight word set already, by (3).
        let tail = self.tail();
        let words = self.shared.in_flight.iter().map(|word| word.load(Ordering::Acquire));
        words.fold(tail, u64::min)
    }

    /// Appends the effects of one command, or of one transaction, in `db`, and returns the offset
    /// where they end. While the journal is off it does nothing and returns the tail.
    ///
    /// `parts` are encoded commands; they stay contiguous. Call it with the shard locks of the
    /// command held, and [`Journal::wake_readers`] after letting go of them.
    ///
    /// # Panics
    /// When two threads use one `worker` at the same time.
    #[inline]
    pub fn append(&self, worker: usize, db: u32, parts: &[&[u8]]) -> u64 {
        self.record(worker, Some((db, db)), parts)
    }

    /// As [`Journal::append`], for a transaction that contains its own SELECTs: it begins in
    /// `db_first` and leaves the stream in `db_last`.
    pub fn append_across_dbs(
        &self,
        worker: usize,
        db_first: u32,
        db_last: u32,
        parts: &[&[u8]],
    ) -> u64 {
        self.record(worker, Some((db_first, db_last)), parts)
    }

    /// Appends bytes that need no database: a PING, a REPLCONF GETACK, or on a replica the stream of
    /// its primary as it came.
    pub fn append_raw(&self, worker: usize, parts: &[&[u8]]) -> u64 {
        self.record(worker, None, parts)
    }

    #[inline]
    fn record(&self, worker: usize, dbs: Option<(u32, u32)>, parts: &[&[u8]]) -> u64 {
        let shared = &*self.shared;
        let in_flight = &shared.in_flight[worker];
        let body_bytes: usize = parts.iter().map(|part| part.len()).sum();
        // The blocks of a huge record are allocated before everybody has to wait for it.
        let mut fresh = Vec::new();
        if body_bytes > BLOCK_BYTES_MAX {
            let block_bytes = self.state().block_bytes();
            fresh.resize_with(body_bytes / block_bytes, || Arc::new(Block::new(block_bytes)));
        }

        // Between the change and its reply, so it is when the change was made to whoever asked for it.
        let now_ms = match shared.clock.load(Ordering::Relaxed) {
            CLOCK_OFF => None,
            CLOCK_REAL => Some(base::clock::unix_ms()),
            ms => Some(ms as i64),
        };

        let mut state = self.state();
        let start = shared.reservation.tail.load(Ordering::Relaxed);
        if state.readers.is_empty() || body_bytes == 0 {
            return start;
        }
        // Acquire: should another thread have used this word before, its copy is published with
        // our next store to the word.
        assert!(in_flight.load(Ordering::Acquire) == IDLE, "(3) a worker has one append in flight");
        let mut select = None;
        if let Some((first, last)) = dbs {
            if state.db != Some(first) {
                select = Some(Select::new(first));
            }
            state.db = Some(last);
        }
        if let Some(now_ms) = now_ms {
            state.moments.note(start, now_ms);
        }
        let select = select.as_ref().map_or(&[][..], Select::as_bytes);
        let end = start + (select.len() + body_bytes) as u64;
        let is_extended = end > state.end;
        let route = state.route(start, end, &mut fresh);
        // Release for both: a reader that sees this word, or this tail, also sees what this
        // worker has copied before.
        in_flight.store(start, Ordering::Release);
        shared.reservation.tail.store(end, Ordering::Release);
        let must_wake = std::mem::take(&mut state.is_armed);
        drop(state);

        let mut pen = Pen { route: &route, next: 0, offset: start };
        pen.write(select);
        for part in parts {
            pen.write(part);
        }
        in_flight.store(IDLE, Ordering::Release);

        if must_wake {
            shared.is_wake_due.store(true, Ordering::Release);
        }
        if is_extended {
            self.extended();
        }
        end
    }

    /// The chores of a record that needed a new block.
    #[cold]
    fn extended(&self) {
        let mut state = self.state();
        let _trimmed = state.trim(self.tail(), || self.watermark());
        if !state.has_spare() {
            let block_bytes = state.block_bytes();
            drop(state);
            let spare = Arc::new(Block::new(block_bytes));
            // Named, so that what is not wanted is dropped after the lock.
            let _surplus = self.state().offer_spare(spare);
        }
    }

    /// Wakes the readers that armed themselves and now have something to read. Each worker calls it
    /// after appending, when it holds no shard: say once per batch. One relaxed load if none waits.
    #[inline]
    pub fn wake_readers(&self) {
        if self.shared.is_wake_due.load(Ordering::Relaxed) {
            self.wake_armed();
        }
    }

    #[cold]
    fn wake_armed(&self) {
        if !self.shared.is_wake_due.swap(false, Ordering::Acquire) {
            return; // Another worker does it.
        }
        self.wake(|slot| slot.is_armed.swap(false, Ordering::Relaxed));
    }

    fn wake(&self, is_wanted: impl Fn(&Slot) -> bool) {
        let wanted = |slot: &&Owner<Slot>| is_wanted(slot);
        let slots: smallvec::SmallVec<[Owner<Slot>; 8]> =
            self.state().readers.iter().filter(wanted).cloned().collect();
        for slot in slots {
            slot.wake();
        }
    }

    /// A reader from the tail on (`None`), whose first bytes are a SELECT, or from an offset of the
    /// history (`Some`).
    ///
    /// The first reader switches the journal on. For it to miss nothing, no write may be under way:
    /// make it at a closed gate.
    ///
    /// # Errors
    /// The offset is not in the backlog; of a journal that is off, none is.
    pub fn reader(&self, from: Option<u64>) -> Result<Reader, Behind> {
        let (mut state, _trimmed) = self.settled();
        let tail = self.tail();
        let is_off = state.readers.is_empty();
        let offset = match from {
            Some(offset) => {
                if is_off || offset < state.first_offset(tail) || offset > tail {
                    return Err(self.behind(&state, offset));
                }
                offset
            }
            None => {
                state.db = None;
                tail
            }
        };
        let slot = Owner::new(Slot::new(offset));
        state.readers.push(slot.clone());
        let epoch = state.epoch;
        self.shared.is_on.store(true, Ordering::Relaxed);
        drop(state);
        Ok(Reader::new(self.clone(), slot, epoch, offset))
    }

    pub(crate) fn remove(&self, slot: &Owner<Slot>) {
        let mut state = self.state();
        self.shared.keep_moments(&mut state, slot, false);
        state.readers.retain(|other| !Owner::ptr_eq(other, slot));
        if !state.readers.is_empty() {
            drop(state);
            return self.trim();
        }
        self.shared.is_on.store(false, Ordering::Relaxed);
        drop(state);
        self.settled();
    }

    /// The state, without history if the journal is off: what is written while it is off is missing
    /// from the stream, so nothing from before may be read as if it led up to what follows.
    fn settled(&self) -> (Guard<'_, State>, Trimmed) {
        let mut spins = 0;
        loop {
            let mut state = self.state();
            if !state.readers.is_empty() {
                return (state, Trimmed::new());
            }
            // While off nobody can reserve, but those who have may still copy into the blocks.
            if self.watermark() == self.tail() {
                let trimmed = state.clear();
                return (state, trimmed);
            }
            drop(state);
            relax(&mut spins);
        }
    }

    /// Keeps the moments of records from now on, or no longer: lib.rs (9).
    pub(crate) fn keep_moments(&self, slot: &Owner<Slot>, is_wanted: bool) {
        self.shared.keep_moments(&mut self.state(), slot, is_wanted);
    }

    /// Has it be this moment until the next call, for tests. Moments are being kept.
    pub fn set_clock_ms(&self, ms: u64) {
        self.shared.clock.store(ms, Ordering::Relaxed);
    }

    /// Takes the moments of all records that begin below `offset`.
    pub(crate) fn take_moments(&self, slot: &Owner<Slot>, offset: u64, into: &mut Vec<Moment>) {
        self.state().moments.take(Owner::as_ptr(slot).addr(), offset, into);
    }

    /// Lets go of the blocks nobody needs any more.
    pub(crate) fn trim(&self) {
        let _trimmed = self.state().trim(self.tail(), || self.watermark());
    }

    /// Changes `repl-backlog-size`.
    pub fn set_backlog_bytes(&self, bytes: usize) {
        self.state().backlog_bytes = bytes as u64;
        self.trim();
    }

    pub fn backlog(&self) -> Backlog {
        let state = self.state();
        let tail = self.tail();
        let first_offset = state.first_offset(tail);
        Backlog {
            is_active: !state.readers.is_empty(),
            size_bytes: state.backlog_bytes,
            first_offset,
            history_bytes: tail - first_offset,
            held_bytes: state.held_bytes(),
        }
    }

    /// Makes the next record say SELECT: the stream's database is not known, as after a replica
    /// that repeated its primary's stream becomes a primary.
    pub fn forget_db(&self) {
        self.state().db = None;
    }

    /// Drops all history and goes on at `offset`, as a replica does after a full resync. Every
    /// reader is behind from now on. Call it at a closed gate.
    pub fn restart_at(&self, offset: u64) {
        let _trimmed = {
            let mut state = self.state();
            assert!(self.watermark() == self.tail(), "the gate is closed while a journal restarts");
            state.epoch += 1;
            for slot in &state.readers {
                // What they stand at means nothing in the new stream, so it must not hold it.
                slot.lag_bytes.store(0, Ordering::Relaxed);
            }
            self.shared.reservation.tail.store(offset, Ordering::Release);
            state.clear()
        };
        self.wake(|_| true);
    }

    #[inline]
    pub(crate) fn state(&self) -> Guard<'_, State> {
        self.shared.reservation.state.lock()
    }

    pub(crate) fn behind(&self, state: &State, offset: u64) -> Behind {
        let tail = self.tail();
        Behind { offset, first_offset: state.first_offset(tail), tail }
    }
}

impl Shared {
    fn keep_moments(&self, state: &mut State, slot: &Owner<Slot>, is_wanted: bool) {
        let is_wanted = state.moments.keep(Owner::as_ptr(slot).addr(), is_wanted);
        match (is_wanted, self.clock.load(Ordering::Relaxed)) {
            (false, _) => self.clock.store(CLOCK_OFF, Ordering::Relaxed),
            (true, CLOCK_OFF) => self.clock.store(CLOCK_REAL, Ordering::Relaxed),
            // A test may have set it.
            (true, _) => {}
        }
    }
}

/// Writes a reservation from its start to its end.
struct Pen<'a> {
    route: &'a Route,
    next: usize,
    offset: u64,
}

impl Pen<'_> {
    #[inline]
    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // SAFETY: lib.rs (5): a block ends above the watermark, and so is held, while the
            // reservation that ends in or behind it is in flight.
            let block = unsafe { &*self.route[self.next] };
            let room = block.end() - self.offset;
            let (now, later) = bytes.split_at(bytes.len().min(room as usize));
            // SAFETY: lib.rs (2): the range is ours, and not yet published.
            unsafe { block.write(self.offset, now) };
            self.offset += now.len() as u64;
            self.next += usize::from(self.offset == block.end());
            bytes = later;
        }
    }
}

/// An encoded SELECT, without an allocation.
struct Select {
    bytes: [u8; Select::BYTES_MAX],
    len: usize,
}

impl Select {
    const BYTES_MAX: usize = "*2\r\n$6\r\nSELECT\r\n$10\r\n4294967295\r\n".len();

    #[cold]
    fn new(db: u32) -> Select {
        let digits = db.checked_ilog10().unwrap_or(0) + 1;
        let mut bytes = [0; Select::BYTES_MAX];
        let mut rest = &mut bytes[..];
        write!(rest, "*2\r\n$6\r\nSELECT\r\n${digits}\r\n{db}\r\n").expect("the longest fits");
        let len = Select::BYTES_MAX - rest.len();
        Select { bytes, len }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
