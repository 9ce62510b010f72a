//! A save under way: what the one who cuts and the one who writes know of each other.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rdb::feed::Feed;
use rdb::save::{Head, Written};
use rdb::{Style, Version};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Saved(Written),
    Cancelled,
    Failed(String),
}

/// One per file.
pub struct SaveJob {
    /// Where the entries come from.
    pub feed: Arc<Feed>,
    pub head: Head,
    /// In the working directory.
    pub file_name: String,
    /// `rdb-key-save-delay`.
    pub key_delay_us: i64,
    pub is_background: bool,
    pub started_ms: i64,
    /// When the data set was as it is written.
    pub cut_ms: i64,
    /// All changes before the cut.
    pub changes: u64,
    pub keys_total: u64,
    pub(super) keys_done: AtomicU64,
    pub(super) outcome: Mutex<Option<Outcome>>,
    pub(super) ended: Condvar,
}

impl Default for SaveJob {
    fn default() -> SaveJob {
        let style = Style { version: Some(Version::FLOOR), compresses: false };
        SaveJob {
            feed: Arc::new(Feed::new(style, None)),
            head: Head::default(),
            file_name: String::new(),
            key_delay_us: 0,
            is_background: false,
            started_ms: 0,
            cut_ms: 0,
            changes: 0,
            keys_total: 0,
            keys_done: AtomicU64::new(0),
            outcome: Mutex::new(None),
            ended: Condvar::new(),
        }
    }
}

impl SaveJob {
    pub fn note_progress(&self, written: Written) {
        self.keys_done.store(written.keys, Relaxed);
    }

    pub(crate) fn keys_done(&self) -> u64 {
        self.keys_done.load(Relaxed)
    }

    pub(crate) fn set_outcome(&self, outcome: Outcome) {
        *self.outcome.lock().expect("nobody panics ending a save") = Some(outcome);
        self.ended.notify_all();
    }

    /// `rdb-key-save-delay`, for tests.
    pub fn dawdle(&self, keys_before: u64, keys: u64) {
        const SLICE: Duration = Duration::from_millis(10);
        let keys = keys - keys_before;
        let mut left = match self.key_delay_us {
            us @ 0.. => Duration::from_micros(us as u64).saturating_mul(keys as u32),
            every => Duration::from_micros(keys / every.unsigned_abs()),
        };
        while !left.is_zero() && !self.feed.is_cancelled() {
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
    }

    /// Waits for its end.
    pub fn wait(&self) -> Outcome {
        let mut outcome = self.outcome.lock().expect("nobody panics ending a save");
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            outcome = self.ended.wait(outcome).expect("nobody panics ending a save");
        }
    }
}
