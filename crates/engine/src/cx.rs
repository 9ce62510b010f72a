//! All that a handler sees: its arguments, the database, the reply, its client, the engine.

use std::sync::atomic::Ordering::Relaxed;

use command::table::Entry;
use resp::{Args, Reply};
use store::value::BigString;
use store::{Key, NewValue, OwnedValue, World};

use crate::aof::Began;
use crate::blocked::Wait;
use crate::client::Client;
use crate::db::Db;
use crate::engine::{Engine, Shutdown};
use crate::error::{CmdError, CmdResult};
use crate::persistence::{Merge, Outcome};

/// What runs a command. It reads all of argv, looks up, changes, replies, in this order: nothing
/// changes before and nothing fails after.
pub type Handler = fn(&mut Cx<'_>) -> CmdResult;

/// From this length on, moving an argument instead of copying it is worth a look.
pub const LARGE_BYTES: usize = 64 * 1024;

pub struct Cx<'a> {
    /// With the command's name first.
    pub args: Args<'a>,
    pub db: Db<'a>,
    pub reply: Reply<'a>,
    pub client: &'a mut Client,
    pub engine: &'a Engine,
    /// There while the gate is closed: the right to look at every worker's clients.
    pub world: Option<World<'a>>,
    /// Its place in the command table.
    pub entry: &'a Entry<Handler>,
    pub worker: usize,
    pub(crate) hashes: KeyHashes<'a>,
    /// The key because of which a command that waited runs again: see [`crate::blocked`].
    pub(crate) ready: Option<&'a [u8]>,
    pub(crate) may_block: bool,
    /// Set by a command that found nothing and waits.
    pub(crate) wait: Option<Wait>,
}

/// Hashes of the keys in argv that were computed before the command ran.
#[derive(Clone, Copy, Default)]
pub(crate) struct KeyHashes<'a> {
    pub(crate) hashes: &'a [u64],
    pub(crate) first: usize,
    pub(crate) step: usize,
}

impl KeyHashes<'_> {
    #[inline]
    fn of(&self, index: usize) -> Option<u64> {
        if index == self.first {
            return self.hashes.first().copied();
        }
        if self.step == 0 || index < self.first || !(index - self.first).is_multiple_of(self.step) {
            return None;
        }
        self.hashes.get((index - self.first) / self.step).copied()
    }
}

impl<'a> Cx<'a> {
    /// Arguments, the name included.
    pub fn argc(&self) -> usize {
        self.args.len()
    }

    #[inline]
    pub fn arg(&self, index: usize) -> &'a [u8] {
        self.args.at(index)
    }

    /// The argument as a key, with its hash.
    #[inline]
    pub fn key(&self, index: usize) -> Key<'a> {
        let bytes = self.args.at(index);
        match self.hashes.of(index) {
            Some(hash) => Key { bytes, hash },
            None => self.engine.keyspace.key(bytes),
        }
    }

    /// The argument as a string to be stored. One that is large and makes up most of the input
    /// it came in is not copied.
    #[inline]
    pub fn value(&self, index: usize) -> NewValue<'a> {
        let bytes = self.args.at(index);
        if bytes.len() < LARGE_BYTES {
            return NewValue::Text(bytes);
        }
        let input = self.client.large_input.as_ref();
        match input.and_then(|input| BigString::within(input, bytes)) {
            Some(big) => NewValue::Owned(OwnedValue::Big(Box::new(big))),
            None => NewValue::Text(bytes),
        }
    }

    /// The argument as an integer.
    pub fn int(&self, index: usize) -> Result<i64, CmdError> {
        base::number::parse_i64(self.args.at(index)).ok_or(CmdError::NOT_INTEGER)
    }

    /// The argument as a moment to wait until, given as seconds from now; none is for ever.
    pub fn deadline(&self, index: usize) -> Result<Option<i64>, CmdError> {
        let seconds = base::number::parse_f64(self.args.at(index));
        let ms = seconds.ok_or(CmdError::TIMEOUT_NOT_FLOAT)? * 1000.0;
        if ms < 0.0 {
            return Err(CmdError::TIMEOUT_NEGATIVE);
        }
        self.deadline_in(ms.ceil())
    }

    /// The argument as a moment to wait until, given as milliseconds from now; none is for ever.
    pub fn deadline_ms(&self, index: usize) -> Result<Option<i64>, CmdError> {
        let ms =
            base::number::parse_i64(self.args.at(index)).ok_or(CmdError::TIMEOUT_NOT_INTEGER)?;
        if ms < 0 {
            return Err(CmdError::TIMEOUT_NEGATIVE);
        }
        self.deadline_in(ms as f64)
    }

    fn deadline_in(&self, ms: f64) -> Result<Option<i64>, CmdError> {
        if ms > (i64::MAX - self.now_ms()) as f64 {
            return Err(CmdError::TIMEOUT_OUT_OF_RANGE);
        }
        Ok((ms > 0.0).then(|| self.now_ms().saturating_add(ms as i64)))
    }

    /// Whether a reply may come later, or more than one: not inside a transaction.
    pub fn may_wait(&self) -> bool {
        self.may_block
    }

    /// Whether the argument is this word, in any case.
    pub fn is_word(&self, index: usize, word: &str) -> bool {
        self.args.at(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether a script runs this.
    pub fn is_in_script(&self) -> bool {
        self.db.effects.script_us.is_some()
    }

    /// The time as TIME tells it: within a script it stands still.
    pub fn now_us(&mut self) -> i64 {
        match self.db.effects.script_us {
            None => base::clock::unix_us(),
            Some(0) => *self.db.effects.script_us.insert(base::clock::unix_us()),
            Some(us) => us,
        }
    }

    /// Unix milliseconds at which this command runs.
    pub fn now_ms(&self) -> i64 {
        self.db.now_ms()
    }

    /// Whether it was queued by MULTI and runs inside EXEC. Not to be asked by commands that need
    /// nothing but the shards of their keys.
    pub fn is_queued(&self) -> bool {
        !self.may_block
    }

    /// Repeat this on replicas and in the AOF instead of the request.
    pub fn propagate(&mut self, args: &[&[u8]]) {
        self.db.effects.propagate(args);
    }

    /// Repeat a message for those who follow, where it is published too.
    pub fn repeat_message(&mut self) {
        if self.engine.followers.load(Relaxed) > 0 {
            self.db.effects.force();
        }
    }

    /// From here on the client gets every change, as it is propagated. The gate is closed.
    pub fn follow(&mut self) {
        let reader = self.engine.journal.reader(None).expect("a journal always has its end");
        self.client.follows = Some(Box::new(reader));
        self.engine.followers.fetch_add(1, Relaxed);
    }

    /// BGSAVE's cut. The gate is closed.
    pub fn begin_save(&mut self) -> CmdResult {
        let now_ms = self.now_ms();
        self.engine.begin_save(&mut self.db.access, now_ms)
    }

    /// BGREWRITEAOF. The gate is closed.
    pub fn begin_rewrite(&mut self) -> Result<Began, CmdError> {
        let now_ms = self.now_ms();
        let is_amid = self.db.effects.is_amid();
        self.engine.begin_rewrite(&mut self.db.access, now_ms, is_amid)
    }

    /// BACKUP START. The gate is closed.
    ///
    /// # Errors
    /// It cannot be begun.
    pub fn begin_backup(&mut self) -> CmdResult {
        let now_ms = self.now_ms();
        let is_amid = self.db.effects.is_amid();
        self.engine.begin_backup(&mut self.db.access, now_ms, is_amid)
    }

    /// Makes `appendonly` true, as CONFIG SET has it. The gate is closed.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn follow_appendonly(&mut self) -> CmdResult {
        let now_ms = self.now_ms();
        let is_amid = self.db.effects.is_amid();
        self.engine.follow_appendonly(&mut self.db.access, now_ms, is_amid)
    }

    /// SAVE. The gate is closed.
    pub fn save_now(&mut self) -> Outcome {
        let now_ms = self.now_ms();
        let outcome = self.engine.save_now(&mut self.db.access, now_ms);
        if matches!(outcome, Outcome::Saved(_)) {
            // What this command has changed so far is counted when it ends.
            self.engine.persistence.note_saved(self.db.effects.dirty);
        }
        outcome
    }

    /// What has to be saved before the server ends. The gate is closed.
    pub fn save_finally(&mut self, how: Shutdown) -> bool {
        let now_ms = self.now_ms();
        self.engine.save_finally(&mut self.db.access, how, now_ms)
    }

    /// Loads the snapshot file into what is here. The gate is closed. `Ok(false)`: there is none.
    pub fn load_snapshot(&mut self, merge: Merge) -> Result<bool, String> {
        let Some(loading) = self.engine.open_load(merge)? else { return Ok(false) };
        let loaded = self.engine.load_now(&mut self.db.access, loading);
        loaded.map(|()| true).map_err(|failure| failure.to_string())
    }

    /// Bytes of the stream of changes so far.
    pub fn replication_offset(&self) -> u64 {
        self.engine.journal.tail()
    }

    /// Tells monitors of a command before those that it will call.
    pub(crate) fn feed_monitors_early(&self) {
        if self.engine.settings.attention.has(crate::attention::Reason::Monitor) {
            let (db, address) = (self.db.index, &self.client.address);
            self.engine.feed_monitor_of_script(self.entry, self.args, db, address);
        }
    }

    /// Counts this call among those that failed.
    pub(crate) fn note_failed(&self) {
        self.db.stats.per_command[self.entry.id.index()].failed.add(1);
    }

    /// The command's full name in small letters, as error texts print it.
    pub fn name(&self) -> &'a str {
        &self.entry.full_name
    }
}
