//! A reader: somebody who wants every byte from an offset on, in order, at its own pace.
//!
//! The AOF writer, each replica's sender, and whoever else follows the changes is one. A reader
//! that nobody reads is of use too: it keeps the journal on and thus the backlog alive, say until
//! `repl-backlog-ttl` after the last replica went.
//!
//! Reading is like std's `BufRead`: [`Reader::chunk`] shows what is there without copying,
//! [`Reader::consume`] says how much was used, so a socket may take as little as it likes.

use std::fmt;
use std::sync::{Arc as Owner, PoisonError};
use std::time::{Duration, Instant};

use crate::block::Block;
use crate::journal::Journal;
use crate::moments::Moment;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering, Thread, current, park, yield_now};

/// The offset asked for is no longer (or not yet) in the journal: resync by other means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub offset: u64,
    /// The first offset that could have been had.
    pub first_offset: u64,
    /// The last one, where the next record will begin.
    pub tail: u64,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Behind { offset, first_offset, tail } = self;
        write!(f, "offset {offset} is not in the journal, which holds {first_offset} to {tail}")
    }
}

impl std::error::Error for Behind {}

/// What the journal knows of a reader.
pub(crate) struct Slot {
    pub(crate) position: AtomicU64,
    pub(crate) lag_bytes: AtomicU64,
    /// Set under the reservation lock, taken by whoever wakes.
    pub(crate) is_armed: AtomicBool,
    waker: Mutex<Waker>,
}

enum Waker {
    Nobody,
    Thread(Thread),
    Call(Box<dyn Fn() + Send>),
}

impl Slot {
    pub(crate) fn new(position: u64) -> Slot {
        Slot {
            position: AtomicU64::new(position),
            lag_bytes: AtomicU64::new(0),
            is_armed: AtomicBool::new(false),
            waker: Mutex::new(Waker::Nobody),
        }
    }

    fn set_waker(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = waker;
    }

    pub(crate) fn wake(&self) {
        match &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            Waker::Nobody => (),
            Waker::Thread(thread) => thread.unpark(),
            Waker::Call(call) => call(),
        }
    }
}

/// A position in the stream; see the essay of this file. Made by [`Journal::reader`].
pub struct Reader {
    journal: Journal,
    slot: Owner<Slot>,
    epoch: u64,
    offset: u64,
    /// The end of the last chunk shown: nothing behind it may be consumed.
    chunk_end: u64,
    /// The block being read, which the journal may have trimmed meanwhile.
    block: Option<Arc<Block>>,
}

impl Reader {
    pub(crate) fn new(journal: Journal, slot: Owner<Slot>, epoch: u64, offset: u64) -> Reader {
        Reader { journal, slot, epoch, offset, chunk_end: offset, block: None }
    }

    /// The offset of the next byte to read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Lets this reader lag `bytes` even where the backlog is smaller: blocks are held for it. With
    /// `u64::MAX` it never falls behind, and memory grows as long as it does not read.
    pub fn allow_lag(&self, bytes: u64) {
        self.slot.lag_bytes.store(bytes, Ordering::Relaxed);
        self.journal.trim();
    }

    /// The published bytes from [`Reader::offset`] on, up to the end of their block; empty when
    /// everything was read. They stay until consumed.
    ///
    /// # Errors
    /// The journal has trimmed the offset, or was restarted. The reader stays useless.
    pub fn chunk(&mut self) -> Result<&[u8], Behind> {
        let watermark = self.journal.watermark();
        let state = self.journal.state();
        // Equal epochs here prove that no restart came between, so the watermark belongs to the
        // stream this reader reads.
        if state.epoch != self.epoch {
            self.block = None;
            return Err(self.journal.behind(&state, self.offset));
        }
        // A reader that began at the tail may stand above the watermark for a moment.
        if watermark <= self.offset {
            return Ok(&[]);
        }
        if !self.block.as_ref().is_some_and(|block| block.contains(self.offset)) {
            self.block = state.find(self.offset).cloned();
        }
        let Some(block) = &self.block else {
            return Err(self.journal.behind(&state, self.offset));
        };
        drop(state);
        self.chunk_end = watermark.min(block.end());
        // SAFETY: lib.rs (4): the range ends at or below the watermark.
        Ok(unsafe { block.read(self.offset, self.chunk_end) })
    }

    /// Moves on by `bytes`, which the last [`Reader::chunk`] must have shown.
    pub fn consume(&mut self, bytes: usize) {
        let offset = self.offset + bytes as u64;
        assert!(offset <= self.chunk_end, "only what was shown can be consumed");
        self.offset = offset;
        self.slot.position.store(offset, Ordering::Relaxed);
        if self.block.as_ref().is_some_and(|block| block.end() == offset) {
            self.block = None;
            self.journal.trim();
        }
    }

    /// Takes the moments of the records that begin in what was read, if they are kept
    /// ([`Reader::keep_moments`]).
    pub fn take_moments(&self, into: &mut Vec<Moment>) {
        self.journal.take_moments(&self.slot, self.offset, into);
    }

    /// Has the moments of records kept for this reader from now on, or no longer.
    pub fn keep_moments(&self, is_wanted: bool) {
        self.journal.keep_moments(&self.slot, is_wanted);
    }

    /// Hands over everything published so far, block by block, and returns how many bytes it was.
    ///
    /// # Errors
    /// As [`Reader::chunk`]; what was handed over until then was good.
    pub fn read(&mut self, mut take: impl FnMut(&[u8])) -> Result<usize, Behind> {
        let start = self.offset;
        // A bound, lest busy writers keep the reader here forever.
        let stop = self.journal.watermark();
        loop {
            let chunk = self.chunk()?;
            let len = chunk.len();
            if len > 0 {
                take(chunk);
                self.consume(len);
            }
            if len == 0 || self.offset >= stop {
                return Ok((self.offset - start) as usize);
            }
        }
    }

    /// Registers what an armed reader is woken with. It runs on a worker's thread: it should do no
    /// more than write to an eventfd.
    pub fn on_progress(&self, wake: impl Fn() + Send + 'static) {
        self.slot.set_waker(Waker::Call(Box::new(wake)));
    }

    /// Asks to be woken once, when there is more to read.
    ///
    /// `false` means do not sleep: something is there, or a worker is copying it at this moment.
    /// A wake-up may come for nothing.
    ///
    /// # Errors
    /// The journal was restarted.
    pub fn arm(&self) -> Result<bool, Behind> {
        let mut state = self.journal.state();
        if state.epoch != self.epoch {
            return Err(self.journal.behind(&state, self.offset));
        }
        if self.journal.tail() != self.offset {
            return Ok(false);
        }
        self.slot.is_armed.store(true, Ordering::Relaxed);
        state.is_armed = true;
        Ok(true)
    }

    /// Blocks this thread until there is something to read (`true`) or `timeout` is over. Replaces
    /// what was registered with [`Reader::on_progress`].
    ///
    /// # Errors
    /// The journal was restarted. (It may also say `true`, and leave the news to the next chunk.)
    pub fn wait(&self, timeout: Duration) -> Result<bool, Behind> {
        if self.journal.watermark() > self.offset {
            return Ok(true);
        }
        // A timeout too long for the clock is as good as none.
        let deadline = Instant::now().checked_add(timeout);
        self.slot.set_waker(Waker::Thread(current()));
        loop {
            let may_sleep = self.arm()?;
            if self.journal.watermark() > self.offset {
                return Ok(true);
            }
            let left = deadline.map_or(timeout, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            if may_sleep {
                park(left);
            } else {
                yield_now();
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.block = None;
        self.journal.remove(&self.slot);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("offset", &self.offset).finish_non_exhaustive()
    }
}
