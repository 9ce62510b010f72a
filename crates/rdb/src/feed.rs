//! The feed: from those who hold shards to the one who writes the file.
//!
//! ```text
//!   writers, sweeper ──take──► open chunk ──full──► queue ───┬─next──► the thread that writes
//!      hold a shard             encoded, not compressed        |         compresses, sums, writes
//!   sweeper ─────────begin─► value in pieces ─────► pieces ───┘
//! ```
//!
//! A file has entries one behind the other: once the thread has taken the first piece of a large
//! value, all others of it come before anything else. Meanwhile the queue grows; so the sweep goes on
//! with the value then, however long the queue is.
//!
//! Nobody who holds a shard waits for anything but this lock, under which entries are copied.
//! Compressing, checksums and the disk belong to the thread.
//!
//! # Limits
//!
//! The sweep stops while more than [`FULL_BYTES`] wait, or as much of the value under way. Writers
//! who must hand over do not wait here, where
//! they hold a shard: their worker slows down between its turns, so the queue is bounded by what it
//! allows and one turn of each (`server/src/worker/persist.rs`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use store::eviction_clock::{Usage, UsageClock};
use store::snapshot::{Pieces, Sink};
use store::{Part, Record};

use crate::encode::{self, InParts, Style};
use crate::opcode;
use crate::version::{Kind, Version};
use crate::write::{Uncompressed, Writer};

const CHUNK_BYTES: usize = 128 << 10;
/// Values that take as much memory are taken in pieces: what one step of the sweep or one command
/// may stand still for.
const PIECES_FROM_BYTES: usize = 128 << 10;
/// So much may wait before the sweep does.
pub const FULL_BYTES: usize = 8 << 20;

/// Whole entries of one database, or a piece of one.
#[derive(Debug)]
pub struct Chunk {
    pub db: usize,
    /// A value in pieces counts with its first one.
    pub keys: usize,
    pub entries: Uncompressed,
    /// The next chunk goes on with the value this one ends in.
    pub continues: bool,
}

/// How a feed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All that was to come has come.
    Complete,
    /// Nobody wants it any more.
    Cancelled,
}

/// One per snapshot.
pub struct Feed(Arc<Shared>);

struct Shared {
    style: Style,
    /// Whether entries say how long they were idle, or how often used.
    usage: Option<Usage>,
    state: Mutex<State>,
    arrived: Condvar,
    left: Condvar,
    /// Of the queue and the pieces.
    waiting_bytes: AtomicUsize,
    /// Of the value of which some pieces have been sent and not all; else none.
    pieces_bytes: AtomicUsize,
    is_piecewise: AtomicBool,
}

struct State {
    db: usize,
    keys: usize,
    writer: Writer,
    queue: VecDeque<Chunk>,
    /// Of one value after the other.
    pieces: VecDeque<Chunk>,
    /// The thread has the first piece of a value, and not yet the last.
    is_within_value: bool,
    version: Version,
    end: Option<End>,
}

impl Feed {
    pub fn new(style: Style, usage: Option<Usage>) -> Feed {
        Feed(Arc::new(Shared {
            style,
            usage,
            state: Mutex::new(State {
                db: 0,
                keys: 0,
                writer: Writer::deferring(style.compresses),
                queue: VecDeque::new(),
                pieces: VecDeque::new(),
                is_within_value: false,
                version: style.version.unwrap_or(Version::FLOOR),
                end: None,
            }),
            arrived: Condvar::new(),
            left: Condvar::new(),
            waiting_bytes: AtomicUsize::new(0),
            pieces_bytes: AtomicUsize::new(0),
            is_piecewise: AtomicBool::new(false),
        }))
    }

    pub fn style(&self) -> Style {
        self.0.style
    }

    /// Whether entries say how long they were idle, or how often used.
    pub fn usage(&self) -> Option<Usage> {
        self.0.usage
    }

    /// Nothing more will come.
    pub fn end(&self, end: End) {
        let shared = &*self.0;
        let mut state = shared.lock();
        shared.push_open(&mut state);
        if end == End::Cancelled {
            state.queue.clear();
            state.pieces.clear();
            shared.waiting_bytes.store(0, Relaxed);
            shared.pieces_bytes.store(0, Relaxed);
        }
        state.end.get_or_insert(end);
        shared.arrived.notify_all();
        shared.left.notify_all();
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.lock().end == Some(End::Cancelled)
    }

    /// Waits for the next chunk; how the feed ended after the last.
    pub fn next(&self) -> Result<Chunk, End> {
        let shared = &*self.0;
        let mut state = shared.lock();
        loop {
            if let Some(chunk) = shared.pop(&mut state) {
                shared.waiting_bytes.fetch_sub(chunk.entries.len(), Relaxed);
                shared.left.notify_all();
                return Ok(chunk);
            }
            if let Some(end) = state.end {
                let is_whole = !state.is_within_value || end == End::Cancelled;
                assert!(is_whole, "what is swept has no value that is not");
                return Err(end);
            }
            state = shared.arrived.wait(state).expect("nobody panics feeding a snapshot");
        }
    }

    /// As [`Feed::next`], with all the pieces of a large value in one chunk.
    pub fn next_whole(&self) -> Result<Chunk, End> {
        let mut chunk = self.next()?;
        while chunk.continues {
            let more = self.next()?;
            chunk.entries.append(&more.entries);
            chunk.continues = more.continues;
        }
        Ok(chunk)
    }

    /// Waits, but not for long, until there is room for more. For those who hold no shard that
    /// others want.
    pub fn wait_for_room(&self) {
        let state = self.0.lock();
        if self.is_full() && state.end.is_none() {
            let waited = self.0.left.wait_timeout(state, Duration::from_millis(100));
            drop(waited.expect("nobody panics feeding a snapshot"));
        }
    }

    /// The lowest version that knows all that has come.
    pub fn version(&self) -> Version {
        self.0.lock().version
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics feeding a snapshot")
    }

    fn push_open(&self, state: &mut State) {
        if state.keys > 0 {
            let entries = state.writer.take_uncompressed();
            self.waiting_bytes.fetch_add(entries.len(), Relaxed);
            let keys = std::mem::take(&mut state.keys);
            state.queue.push_back(Chunk { db: state.db, keys, entries, continues: false });
            self.arrived.notify_one();
        }
    }

    fn pop(&self, state: &mut State) -> Option<Chunk> {
        if !state.is_within_value && state.pieces.is_empty() {
            return state.queue.pop_front();
        }
        let chunk = state.pieces.pop_front()?;
        state.is_within_value = chunk.continues;
        self.pieces_bytes.fetch_sub(chunk.entries.len(), Relaxed);
        Some(chunk)
    }

    /// Writes what comes before the value.
    fn write_head(&self, kind: Kind, record: Record<'_>, writer: &mut Writer) {
        if let Some(ms) = record.expire_ms() {
            writer.byte(opcode::EXPIRE_MS);
            writer.moment_ms(ms);
        }
        self.write_usage(writer, record.usage());
        writer.byte(kind.number());
        writer.string(record.key());
    }

    fn write_usage(&self, writer: &mut Writer, bits: u32) {
        let Some(usage) = self.usage else { return };
        match usage.clock {
            UsageClock::Lfu { .. } => {
                writer.byte(opcode::FREQUENCY);
                writer.byte(usage.frequency(bits) as u8);
            }
            UsageClock::Lru | UsageClock::Lrm => {
                writer.byte(opcode::IDLE);
                writer.length(usage.idle_ms(bits) / 1000);
            }
        }
    }
}

impl Sink for Feed {
    fn take(&self, db: usize, record: Record<'_>) -> usize {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        if state.end.is_some() {
            return 0;
        }
        if state.db != db {
            self.0.push_open(state);
            state.db = db;
        }
        let before = state.writer.bytes().len();
        let value = record.value();
        let kind = encode::kind(value, self.0.style);
        state.version = state.version.max(kind.version());
        self.0.write_head(kind, record, &mut state.writer);
        encode::value(kind, value, &mut state.writer);
        state.keys += 1;
        let bytes = state.writer.bytes().len();
        if bytes >= CHUNK_BYTES {
            self.0.push_open(state);
        }
        bytes - before
    }

    fn pieces_from_bytes(&self) -> usize {
        PIECES_FROM_BYTES
    }

    fn begin(&self, db: usize, record: Record<'_>) -> Box<dyn Pieces> {
        let value = record.value();
        let kind = encode::kind(value, self.0.style);
        let mut writer = Writer::deferring(self.0.style.compresses);
        self.0.write_head(kind, record, &mut writer);
        let parts = InParts::begin(kind, value, &mut writer);
        let mut state = self.0.lock();
        state.version = state.version.max(kind.version());
        Box::new(ValueInPieces { feed: Arc::clone(&self.0), db, keys: 1, parts, writer })
    }

    fn is_full(&self) -> bool {
        if self.0.is_piecewise.load(Relaxed) {
            return self.0.pieces_bytes.load(Relaxed) > FULL_BYTES;
        }
        self.waiting_bytes() > FULL_BYTES
    }

    fn waiting_bytes(&self) -> usize {
        self.0.waiting_bytes.load(Relaxed)
    }

    fn swept(&self) {
        Feed::end(self, End::Complete);
    }
}

/// A large value on its way into the feed.
struct ValueInPieces {
    feed: Arc<Shared>,
    db: usize,
    /// 1 until it has been counted.
    keys: usize,
    parts: InParts,
    writer: Writer,
}

impl Pieces for ValueInPieces {
    fn add(&mut self, part: Part<'_>) -> usize {
        let before = self.writer.bytes().len();
        self.parts.add(part, &mut self.writer);
        self.writer.bytes().len() - before
    }

    fn send(&mut self, is_last: bool) {
        if is_last {
            self.parts.end(&mut self.writer);
        } else if self.writer.bytes().len() < CHUNK_BYTES {
            return;
        }
        let entries = self.writer.take_uncompressed();
        let feed = &*self.feed;
        let mut state = feed.lock();
        if state.end.is_some() {
            return;
        }
        feed.is_piecewise.store(!is_last, Relaxed);
        feed.waiting_bytes.fetch_add(entries.len(), Relaxed);
        feed.pieces_bytes.fetch_add(entries.len(), Relaxed);
        let keys = std::mem::take(&mut self.keys);
        state.pieces.push_back(Chunk { db: self.db, keys, entries, continues: !is_last });
        feed.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests;
