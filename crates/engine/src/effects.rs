//! What a command leaves behind besides its reply: how much it changed, and what replicas and the
//! AOF shall repeat.
//!
//! Most writes are repeated as they came. A command that would give another result later says what
//! to repeat instead: an expiry in absolute time, INCRBYFLOAT as SET. Keys that were found expired
//! on the way are deleted first.
//!
//! # Invariants
//!
//! (1) A command that changed nothing (`dirty` is 0) is not repeated, save its deletions of
//!     expired keys, and messages while somebody follows.
//! (2) What one command or one EXEC leaves is appended in one piece; if it is more than one
//!     command, inside MULTI and EXEC.
//! (3) Each command in `commands` runs in the database it happened in: MOVE, COPY and a SELECT
//!     inside EXEC leave commands of several databases, with SELECT between them.

use std::collections::VecDeque;

use resp::encode::write_request;

use crate::tracking::Broadcast;

/// Collected while a command runs.
#[derive(Default)]
pub struct Effects {
    /// Changes to the data set, as Redis counts them.
    pub dirty: u64,
    instead: Instead,
    /// Commands to repeat, encoded, in order.
    pub(crate) commands: Vec<Vec<u8>>,
    /// The database before the first of `commands`, and the one they leave selected.
    pub(crate) dbs: (usize, usize),
    /// Changed keys that somebody waits for, with their databases, in order.
    pub(crate) ready: VecDeque<(usize, Box<[u8]>)>,
    /// Keys that changed in this turn, for clients that track by prefixes.
    pub(crate) broadcast: Vec<Broadcast>,
    /// Nobody listens: nothing needs to be encoded.
    pub(crate) silent: bool,
    /// Repeat it although it changed nothing: a message, for those who follow.
    forced: bool,
    /// A large value was freed at once, which may have taken long.
    pub(crate) freed_large: bool,
    /// A script found that it needs more than the shards of its keys: it is to run again, and has
    /// changed nothing.
    pub(crate) wants_world: bool,
    /// While a script runs: what TIME has told it, in microseconds; 0: it has not asked.
    pub(crate) script_us: Option<i64>,
}

#[derive(Default, PartialEq, Eq)]
enum Instead {
    #[default]
    Verbatim,
    Commands(Vec<Vec<u8>>),
    Nothing,
}

pub(crate) fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write_request(&mut out, args.iter().copied());
    out
}

/// How replicas and the AOF hear that a key expired.
pub(crate) fn encode_expired(key: &[u8], lazy: bool) -> Vec<u8> {
    let name: &[u8] = if lazy { b"UNLINK" } else { b"DEL" };
    encode(&[name, key])
}

/// How replicas and the AOF hear that a field of a hash expired.
pub(crate) fn encode_field_expired(key: &[u8], field: &[u8]) -> Vec<u8> {
    encode(&[b"HDEL", key, field])
}

impl Effects {
    pub(crate) fn begin(&mut self, silent: bool, db: usize) {
        self.dirty = 0;
        self.dbs = (db, db);
        self.instead = Instead::Verbatim;
        self.commands.clear();
        self.silent = silent;
        self.forced = false;
        self.freed_large = false;
    }

    /// Whether anybody repeats what is noted here.
    pub fn is_heard(&self) -> bool {
        !self.silent
    }

    /// Repeat this instead of the request. Called more than once: all of them, in order.
    pub fn propagate(&mut self, args: &[&[u8]]) {
        if self.silent {
            return;
        }
        let command = encode(args);
        match &mut self.instead {
            Instead::Commands(list) => list.push(command),
            other => *other = Instead::Commands(vec![command]),
        }
    }

    /// Whether anybody will hear what is to be repeated. What is not heard need not be said.
    #[inline]
    pub fn are_heard(&self) -> bool {
        !self.silent
    }

    /// Repeat the request although it changes nothing.
    pub(crate) fn force(&mut self) {
        self.forced = true;
    }

    /// How much there is to repeat.
    pub(crate) fn mark(&self) -> (usize, (usize, usize)) {
        (self.commands.len(), self.dbs)
    }

    /// Repeats nothing of what came since `mark`.
    pub(crate) fn take_back(&mut self, (len, dbs): (usize, (usize, usize))) {
        self.commands.truncate(len);
        self.dbs = dbs;
    }

    /// How many commands there are to repeat.
    pub(crate) fn count(&self) -> usize {
        self.commands.len()
    }

    /// Takes back what changed since `begin`, which was undone; `written` are the commands to repeat
    /// that told of it. What is left tells of keys that had expired.
    pub(crate) fn undone(&mut self, written: &[std::ops::Range<usize>]) {
        for range in written.iter().rev() {
            self.commands.drain(range.clone());
        }
        self.ready.clear();
        self.dirty = 0;
        self.freed_large = false;
    }

    /// Repeats nothing of all that came since `begin`.
    pub(crate) fn forget(&mut self) {
        self.commands.clear();
        self.ready.clear();
        self.dirty = 0;
    }

    /// Repeat nothing of this command.
    pub fn propagate_nothing(&mut self) {
        self.instead = Instead::Nothing;
    }

    /// Adds a command that ran in `db` (3).
    fn push(&mut self, db: usize, command: Vec<u8>) {
        if self.commands.is_empty() {
            self.dbs.0 = db;
        } else if self.dbs.1 != db {
            self.commands.push(encode(&[b"SELECT", db.to_string().as_bytes()]));
        }
        self.dbs.1 = db;
        self.commands.push(command);
    }

    /// A key was found expired in `db` and removed.
    pub(crate) fn expired(&mut self, db: usize, key: &[u8], lazy: bool) {
        if !self.silent {
            self.push(db, encode_expired(key, lazy));
        }
    }

    /// A field was found expired in a hash in `db` and removed.
    pub(crate) fn field_expired(&mut self, db: usize, key: &[u8], field: &[u8]) {
        if !self.silent {
            self.push(db, encode_field_expired(key, field));
        }
    }

    /// Ends one command inside or outside of EXEC: adds what shall be repeated of it.
    pub(crate) fn end_command(
        &mut self,
        db: usize,
        dirty_before: u64,
        verbatim: impl FnOnce() -> Vec<u8>,
    ) {
        let instead = std::mem::take(&mut self.instead);
        let forced = std::mem::take(&mut self.forced);
        if self.silent || (self.dirty == dirty_before && !forced) {
            return;
        }
        match instead {
            Instead::Verbatim => self.push(db, verbatim()),
            Instead::Commands(list) => list.into_iter().for_each(|command| self.push(db, command)),
            Instead::Nothing => {}
        }
    }

    /// Somebody waits for a key that has changed.
    pub(crate) fn ready(&mut self, db: usize, key: &[u8]) {
        if !self.ready.iter().any(|(other_db, other)| *other_db == db && **other == *key) {
            self.ready.push_back((db, key.into()));
        }
    }

    /// Whether a transaction has changed something, and is not over: the stream has nothing of it yet.
    pub(crate) fn is_amid(&self) -> bool {
        self.dirty > 0 || !self.commands.is_empty()
    }

    /// Whether anything was noted since `begin`.
    #[inline]
    pub(crate) fn is_touched(&self) -> bool {
        self.dirty != 0
            || !self.commands.is_empty()
            || self.instead != Instead::Verbatim
            || !self.ready.is_empty()
            || self.freed_large
            || self.forced
    }

    /// Whether it changed something, or is a message.
    pub(crate) fn is_repeated(&self) -> bool {
        self.dirty > 0 || self.forced
    }

    /// Whether the only thing to repeat is the request as it came.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.commands.is_empty() && self.instead == Instead::Verbatim
    }
}
