//! The logs of commands that stood out: SLOWLOG, and Valkey's COMMANDLOG for large requests and
//! replies.
//!
//! ```text
//!   a command ran ─┬─ took long?        ─► slow           microseconds
//!                  ├─ long request?     ─► large-request  bytes
//!                  └─ long reply?       ─► large-reply    bytes
//! ```
//!
//! An entry keeps so much of the request as tells it again, and no secret: arguments that a
//! command's declaration calls secret are shown as `(redacted)`. What is kept of a request is
//! bounded by `slowlog-entry-max-argc` and `-max-string-len`, and how many there are by the three
//! `max-len` options, looked at whenever an entry comes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use command::table::Entry;
use config::{Config, id};
use resp::Args;

use crate::cx::Handler;

/// Why a command is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    Slow = 0,
    LargeRequest = 1,
    LargeReply = 2,
}

/// One command that stood out.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Ascending from 0 in each log, whatever is forgotten.
    pub id: u64,
    pub unix_s: i64,
    /// Microseconds, or bytes.
    pub amount: u64,
    pub args: Vec<Vec<u8>>,
    pub address: String,
    pub name: Vec<u8>,
}

/// What of a request is kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub args_max: usize,
    pub arg_bytes_max: usize,
}

/// Whose command it was.
pub struct Caller<'a> {
    pub address: &'a crate::client::Address,
    pub name: &'a [u8],
}

#[derive(Default)]
struct Log {
    next_id: u64,
    /// The newest first.
    entries: VecDeque<LogEntry>,
}

/// All three logs.
#[derive(Default)]
pub struct CommandLogs([Mutex<Log>; 3]);

impl CommandLogs {
    fn of(&self, kind: LogKind) -> MutexGuard<'_, Log> {
        self.0[kind as usize].lock().expect("nobody panics holding a log")
    }

    /// Remembers a command, and forgets the oldest beyond `max`.
    pub(crate) fn push(
        &self,
        kind: LogKind,
        max: usize,
        amount: u64,
        args: Vec<Vec<u8>>,
        caller: &Caller<'_>,
    ) {
        let mut log = self.of(kind);
        if max > 0 {
            let entry = LogEntry {
                id: log.next_id,
                unix_s: base::clock::unix_ms() / 1000,
                amount,
                args,
                address: caller.address.to_string(),
                name: caller.name.to_vec(),
            };
            log.next_id += 1;
            log.entries.push_front(entry);
        }
        log.entries.truncate(max);
    }

    pub fn len(&self, kind: LogKind) -> usize {
        self.of(kind).entries.len()
    }

    pub fn is_empty(&self, kind: LogKind) -> bool {
        self.len(kind) == 0
    }

    pub fn reset(&self, kind: LogKind) {
        self.of(kind).entries.clear();
    }

    /// The newest entries, up to so many.
    pub fn newest(&self, kind: LogKind, count: usize) -> Vec<LogEntry> {
        self.of(kind).entries.iter().take(count).cloned().collect()
    }
}

impl Kept {
    pub(crate) fn of(config: &Config) -> Kept {
        Kept {
            args_max: config.int(id::SLOWLOG_ENTRY_MAX_ARGC) as usize,
            arg_bytes_max: config.int(id::SLOWLOG_ENTRY_MAX_STRING_LEN) as usize,
        }
    }

    /// So much of a request as is kept.
    pub fn excerpt(self, entry: &Entry<Handler>, args: Args<'_>) -> Vec<Vec<u8>> {
        let shown = shown_args(entry, args);
        let count = shown.len();
        let whole = if count > self.args_max { self.args_max - 1 } else { count };
        let mut kept: Vec<Vec<u8>> =
            shown.iter().take(whole).map(|arg| self.shorten(arg)).collect();
        if whole < count {
            kept.push(format!("... ({} more arguments)", count - whole).into_bytes());
        }
        kept
    }

    fn shorten(self, arg: &[u8]) -> Vec<u8> {
        let Some(more) = arg.len().checked_sub(self.arg_bytes_max).filter(|more| *more > 0) else {
            return arg.to_vec();
        };
        let mut short = arg[..self.arg_bytes_max].to_vec();
        short.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
        short
    }
}

/// A request's arguments as others may see them: secrets are replaced.
pub fn shown_args<'a>(entry: &Entry<Handler>, args: Args<'a>) -> Vec<&'a [u8]> {
    let mut shown: Vec<&[u8]> = args.iter().collect();
    if let Some(is_secret) = entry.decl.secret {
        let secrets: Vec<usize> = (1..shown.len()).filter(|i| is_secret(&shown, *i)).collect();
        secrets.into_iter().for_each(|i| shown[i] = b"(redacted)");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Address;

    fn push(logs: &CommandLogs, max: usize, amount: u64) {
        let caller = Caller { address: &Address::None, name: b"ann" };
        logs.push(LogKind::Slow, max, amount, vec![b"PING".to_vec()], &caller);
    }

    #[test]
    fn the_oldest_are_forgotten_and_ids_go_on() {
        let logs = CommandLogs::default();
        (0..5).for_each(|amount| push(&logs, 3, amount));
        let newest = logs.newest(LogKind::Slow, 10);
        let ids: Vec<_> = newest.iter().map(|entry| (entry.id, entry.amount)).collect();
        assert_eq!(ids, [(4, 4), (3, 3), (2, 2)]);
        assert_eq!(logs.newest(LogKind::Slow, 1).len(), 1);
        logs.reset(LogKind::Slow);
        push(&logs, 3, 9);
        assert_eq!(logs.newest(LogKind::Slow, 10)[0].id, 5);
        assert!(logs.is_empty(LogKind::LargeReply));
    }

    #[test]
    fn a_log_of_no_length_stays_empty() {
        let logs = CommandLogs::default();
        push(&logs, 0, 1);
        assert!(logs.is_empty(LogKind::Slow));
    }

    #[test]
    fn an_argument_is_cut_where_the_option_says() {
        let kept = Kept { args_max: 4, arg_bytes_max: 3 };
        assert_eq!(kept.shorten(b"abc"), b"abc");
        assert_eq!(kept.shorten(b"abcd"), b"abc... (1 more bytes)");
    }
}
