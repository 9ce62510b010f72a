//! The feed: from those who hold shards to the one who writes the file.
//!
//! ```text
//!   writers, sweeper ──take──► open chunk ──full──► queue ──next──► the thread that writes
//!      hold a shard             encoded, not compressed               compresses, sums, writes
//! ```
//!
//! Nobody who holds a shard waits for anything but this lock, under which entries are copied.
//! Compressing, checksums and the disk belong to the thread.
//!
//! # Limits
//!
//! The sweep stops while more than [`FULL_BYTES`] wait. Writers who must hand over do not wait here, where
//! they hold a shard: their worker slows down between its turns, so the queue is bounded by what it
//! allows and one turn of each (`server/src/worker/persist.rs`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use store::Record;
use store::eviction_clock::{Usage, UsageClock};
use store::snapshot::Sink;

use crate::encode::{self, Style};
use crate::opcode;
use crate::version::Version;
use crate::write::{Uncompressed, Writer};

const CHUNK_BYTES: usize = 128 << 10;
/// So much may wait before the sweep does.
pub const FULL_BYTES: usize = 8 << 20;

/// Whole entries of one database.
#[derive(Debug)]
pub struct Chunk {
    pub db: usize,
    pub keys: usize,
    pub entries: Uncompressed,
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
pub struct Feed {
    style: Style,
    /// Whether entries say how long they were idle, or how often used.
    usage: Option<Usage>,
    state: Mutex<State>,
    arrived: Condvar,
    left: Condvar,
    waiting_bytes: AtomicUsize,
}

struct State {
    db: usize,
    keys: usize,
    writer: Writer,
    queue: VecDeque<Chunk>,
    version: Version,
    end: Option<End>,
}

impl Feed {
    pub fn new(style: Style, usage: Option<Usage>) -> Feed {
        Feed {
            style,
            usage,
            state: Mutex::new(State {
                db: 0,
                keys: 0,
                writer: Writer::deferring(style.compresses),
                queue: VecDeque::new(),
                version: style.version.unwrap_or(Version::FLOOR),
                end: None,
            }),
            arrived: Condvar::new(),
            left: Condvar::new(),
            waiting_bytes: AtomicUsize::new(0),
        }
    }

    pub fn style(&self) -> Style {
        self.style
    }

    /// Whether entries say how long they were idle, or how often used.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics feeding a snapshot")
    }

    fn push_open(&self, state: &mut State) {
        if state.keys > 0 {
            let entries = state.writer.take_uncompressed();
            self.waiting_bytes.fetch_add(entries.len(), Relaxed);
            let keys = std::mem::take(&mut state.keys);
            state.queue.push_back(Chunk { db: state.db, keys, entries });
            self.arrived.notify_one();
        }
    }

    /// Nothing more will come.
    pub fn end(&self, end: End) {
        let mut state = self.lock();
        self.push_open(&mut state);
        if end == End::Cancelled {
            state.queue.clear();
            self.waiting_bytes.store(0, Relaxed);
        }
        state.end.get_or_insert(end);
        self.arrived.notify_all();
        self.left.notify_all();
    }

    pub fn is_cancelled(&self) -> bool {
        self.lock().end == Some(End::Cancelled)
    }

    /// Waits for the next chunk; how the feed ended after the last.
    pub fn next(&self) -> Result<Chunk, End> {
        let mut state = self.lock();
        loop {
            if let Some(chunk) = state.queue.pop_front() {
                self.waiting_bytes.fetch_sub(chunk.entries.len(), Relaxed);
                self.left.notify_all();
                return Ok(chunk);
            }
            if let Some(end) = state.end {
                return Err(end);
            }
            state = self.arrived.wait(state).expect("nobody panics feeding a snapshot");
        }
    }

    /// Waits, but not for long, until there is room for more. For those who hold no shard that
    /// others want.
    pub fn wait_for_room(&self) {
        let state = self.lock();
        if self.is_full() && state.end.is_none() {
            let waited = self.left.wait_timeout(state, Duration::from_millis(100));
            drop(waited.expect("nobody panics feeding a snapshot"));
        }
    }

    /// The lowest version that knows all that has come.
    pub fn version(&self) -> Version {
        self.lock().version
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
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.end.is_some() {
            return 0;
        }
        if state.db != db {
            self.push_open(state);
            state.db = db;
        }
        let before = state.writer.bytes().len();
        if let Some(ms) = record.expire_ms() {
            state.writer.byte(opcode::EXPIRE_MS);
            state.writer.moment_ms(ms);
        }
        self.write_usage(&mut state.writer, record.usage());
        let value = record.value();
        let kind = encode::kind(value, self.style);
        state.version = state.version.max(kind.version());
        state.writer.byte(kind.number());
        state.writer.string(record.key());
        encode::value(kind, value, &mut state.writer);
        state.keys += 1;
        let bytes = state.writer.bytes().len();
        if bytes >= CHUNK_BYTES {
            self.push_open(state);
        }
        bytes - before
    }

    fn is_full(&self) -> bool {
        self.waiting_bytes.load(Relaxed) > FULL_BYTES
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Relaxed)
    }

    fn swept(&self) {
        Feed::end(self, End::Complete);
    }
}
