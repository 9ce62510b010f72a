//! ACL LOG: what was refused lately, like with like.
//!
//! The newest entry stands first. A refusal like one of the first ten, not a minute apart, is added
//! to that entry, which moves to the front.
//!
//! An entry's object is a client's own bytes, so no more than [`SHOWN_BYTES_MAX`] of it are kept.

use std::collections::VecDeque;

/// Entries that are compared with a new refusal.
const COMPARED: usize = 10;
const APART_MS_MAX: i64 = 60_000;
/// Of an object or a name.
pub const SHOWN_BYTES_MAX: usize = 1024;

/// How the command came to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    TopLevel,
    Multi,
    /// A command that a script called.
    Script,
}

impl Context {
    pub fn word(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Multi => "multi",
            Context::Script => "lua",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub count: u64,
    /// `command`, `key`, `channel`, `database` or `auth`.
    pub reason: &'static str,
    pub context: Context,
    /// The command, key, channel or database that was refused.
    pub object: Box<[u8]>,
    pub user: Box<[u8]>,
    /// The client's line of CLIENT LIST, at the latest refusal.
    pub client: Vec<u8>,
    /// Unique while the server runs, ascending.
    pub id: u64,
    /// Unix milliseconds.
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// A refusal that is to be noted.
pub struct Refusal<'r> {
    pub reason: &'static str,
    pub context: Context,
    pub object: &'r [u8],
    pub user: &'r [u8],
    pub client: Vec<u8>,
    pub now_ms: i64,
}

impl Refusal<'_> {
    fn is_like(&self, entry: &Entry) -> bool {
        self.reason == entry.reason
            && self.context == entry.context
            && (self.now_ms - entry.updated_ms).abs() <= APART_MS_MAX
            && shown(self.object) == &*entry.object
            && shown(self.user) == &*entry.user
    }
}

fn shown(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(SHOWN_BYTES_MAX)]
}

#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl Log {
    /// Notes a refusal, and keeps `entries_max` entries.
    pub fn add(&mut self, refusal: Refusal<'_>, entries_max: usize) {
        if entries_max == 0 {
            self.entries.clear();
            return;
        }
        let alike = self.entries.iter().take(COMPARED).position(|entry| refusal.is_like(entry));
        let entry = match alike.and_then(|at| self.entries.remove(at)) {
            Some(mut known) => {
                known.count += 1;
                known.updated_ms = refusal.now_ms;
                known.client = refusal.client;
                known
            }
            None => {
                self.next_id += 1;
                Entry {
                    count: 1,
                    reason: refusal.reason,
                    context: refusal.context,
                    object: shown(refusal.object).into(),
                    user: shown(refusal.user).into(),
                    client: refusal.client,
                    id: self.next_id - 1,
                    created_ms: refusal.now_ms,
                    updated_ms: refusal.now_ms,
                }
            }
        };
        self.entries.push_front(entry);
        self.entries.truncate(entries_max);
    }

    /// The newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(object: &str, now_ms: i64) -> Refusal<'_> {
        Refusal {
            reason: "key",
            context: Context::TopLevel,
            object: object.as_bytes(),
            user: b"ann",
            client: Vec::new(),
            now_ms,
        }
    }

    fn seen(log: &Log) -> Vec<(u64, u64)> {
        log.entries().map(|entry| (entry.id, entry.count)).collect()
    }

    #[test]
    fn like_refusals_within_a_minute_are_one_entry() {
        let mut log = Log::default();
        log.add(refusal("a", 0), 128);
        log.add(refusal("b", 1), 128);
        log.add(refusal("a", 60_000), 128);
        assert_eq!(seen(&log), [(0, 2), (1, 1)]);
        log.add(refusal("a", 120_001), 128);
        assert_eq!(seen(&log), [(2, 1), (0, 2), (1, 1)]);
        log.add(Refusal { context: Context::Multi, ..refusal("a", 120_001) }, 128);
        assert_eq!(log.entries().len(), 4);
    }

    #[test]
    fn only_the_newest_are_compared_and_kept() {
        let mut log = Log::default();
        for n in 0..11 {
            log.add(refusal(&n.to_string(), 0), 128);
        }
        log.add(refusal("0", 0), 128);
        assert_eq!((log.entries().len(), seen(&log)[0]), (12, (11, 1)));
        log.add(refusal("0", 0), 3);
        assert_eq!(seen(&log), [(11, 2), (10, 1), (9, 1)]);
        log.add(refusal("0", 0), 0);
        assert_eq!(log.entries().len(), 0);
    }

    #[test]
    fn a_huge_key_is_cut() {
        let mut log = Log::default();
        let key = "k".repeat(1 << 20);
        log.add(refusal(&key, 0), 128);
        log.add(refusal(&key, 0), 128);
        let entry = log.entries().next().expect("two alike make one");
        assert_eq!((entry.object.len(), entry.count), (SHOWN_BYTES_MAX, 2));
    }
}
