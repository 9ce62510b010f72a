//! Saving the data set: when, what is known of it, and the cut.
//!
//! ```text
//!                       begin_save
//!   Idle ───────────────────────────────► Saving ── the sweep ends ──► the host's thread writes
//!    ▲   BGSAVE, save points, a request      │       what waits, and     │
//!    │   that was scheduled                  │       end_save            │
//!    └───────────────────────────────────────┴──────────────────────────┘
//!                cancel_save: BGSAVE CANCEL, FLUSHALL, shutdown
//! ```
//!
//! [`store::snapshot`] tells how a snapshot is taken. Workers sweep: each turn of a loop a little
//! ([`Engine::sweep`]), all the time if there is nothing else to do. The host's thread writes
//! ([`Host::write_snapshot`](crate::engine::Host)). SAVE and a shutdown own the world and need no
//! colours: they hand over record by record, and wait for the same thread.
//!
//! # Invariants
//!
//! (1) There is one job at most, and one snapshot at most: a cancelled one is swept to its end
//!     before the next cut.
//! (2) What was changed before the cut is not counted as changed since the last save, once it has
//!     succeeded.

mod job;
mod load;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use config::id;
use rdb::feed::End;
use rdb::save::Head;
use rdb::{Style, Version, feed::Feed};
use store::eviction_clock::Usage;
use store::snapshot::Sink;
use store::{Access, Snapshot, Sweep};

use crate::attention::Reason;
use crate::engine::{Engine, REDIS_VERSION, Shutdown};
use crate::error::CmdError;

pub use job::{Outcome, SaveJob};
pub(crate) use load::AtStart;
pub use load::{LoadFailure, Loading, Merge};

/// What one hold of a shard may cost, in bytes about: some tens of microseconds.
const STEP_COST: usize = 16 << 10;
/// After a save has failed, the next that nobody asked for is this much later.
const RETRY_S: i64 = 5;

/// What is known of saves.
#[derive(Default)]
pub struct Persistence {
    state: Mutex<State>,
    /// Whether workers have something to sweep.
    sweeps: AtomicBool,
    is_loading: AtomicBool,
    load: Mutex<Option<AtStart>>,
    loaded_keys: AtomicU64,
    expired_keys: AtomicU64,
    empty_keys: AtomicU64,
    pub load_started_s: AtomicI64,
    pub load_total_bytes: AtomicU64,
    pub load_bytes: AtomicU64,
    pub load_used_memory: AtomicU64,
}

#[derive(Default)]
struct State {
    job: Option<Arc<SaveJob>>,
    snapshot: Option<Arc<Snapshot>>,
    is_scheduled: bool,
    last_save_s: Option<i64>,
    has_failed: bool,
    last_duration_s: Option<i64>,
    last_try_s: i64,
    saves: u64,
    /// Of all changes, those before the last save.
    saved_changes: u64,
}

/// What INFO tells.
pub struct SavesSeen {
    pub is_saving: bool,
    pub is_scheduled: bool,
    pub last_save_s: i64,
    pub has_failed: bool,
    pub last_duration_s: i64,
    pub duration_s: i64,
    pub saves: u64,
    pub changes: u64,
    pub keys_done: u64,
    pub keys_total: u64,
}

impl Persistence {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics noting a save")
    }

    /// Whether [`Engine::sweep`] is to be called.
    #[inline]
    pub fn has_sweep(&self) -> bool {
        self.sweeps.load(Relaxed)
    }

    #[inline]
    pub fn is_loading(&self) -> bool {
        self.is_loading.load(Relaxed)
    }

    pub(crate) fn set_is_loading(&self, is_loading: bool) {
        self.is_loading.store(is_loading, Relaxed);
    }

    /// Keys that the last load put into the data set.
    pub fn loaded_keys(&self) -> u64 {
        self.loaded_keys.load(Relaxed)
    }

    /// Keys that it left out.
    pub fn expired_keys(&self) -> u64 {
        self.expired_keys.load(Relaxed)
    }

    /// So many changes more were saved than had been counted.
    pub(crate) fn note_saved(&self, changes: u64) {
        self.state().saved_changes += changes;
    }

    /// Waits until the job under way, if there is one, has ended.
    pub fn wait_for_save(&self) {
        let job = self.state().job.clone();
        if let Some(job) = job {
            job.wait();
        }
    }

    pub fn is_saving(&self) -> bool {
        self.state().job.is_some()
    }
}

impl Engine {
    fn changes(&self) -> u64 {
        self.total(|stats| stats.dirty.get())
    }

    /// Changes since the last save.
    pub fn changes_since_save(&self) -> u64 {
        self.changes().saturating_sub(self.persistence.state().saved_changes)
    }

    /// From now on nothing counts as changed.
    pub fn note_nothing_changed(&self) {
        self.persistence.state().saved_changes = self.changes();
    }

    /// Unix time of the last save; before the first, of the start.
    pub fn last_save_s(&self) -> i64 {
        self.persistence.state().last_save_s.unwrap_or(self.started_ms / 1000)
    }

    pub fn saves_seen(&self) -> SavesSeen {
        let now_s = base::clock::unix_ms() / 1000;
        let state = self.persistence.state();
        let job = state.job.as_deref();
        SavesSeen {
            is_saving: job.is_some(),
            is_scheduled: state.is_scheduled,
            last_save_s: state.last_save_s.unwrap_or(self.started_ms / 1000),
            has_failed: state.has_failed,
            last_duration_s: state.last_duration_s.unwrap_or(-1),
            duration_s: job.map_or(-1, |job| now_s - job.started_ms / 1000),
            saves: state.saves,
            changes: self.changes().saturating_sub(state.saved_changes),
            keys_done: job.map_or(0, SaveJob::keys_done),
            keys_total: job.map_or(0, |job| job.keys_total),
        }
    }

    /// `rdb-version` and `rdbcompression`.
    pub fn rdb_style(&self) -> Style {
        let version = self.settings.rdb_version.load(Relaxed) as u16;
        Style {
            version: (version != 0).then_some(Version(version)),
            compresses: self.settings.rdb_compression.load(Relaxed),
        }
    }

    /// How long keys were idle is only written for those who evict by it.
    fn written_usage(&self, now_ms: i64) -> Option<Usage> {
        let policy = self.config().choice(id::MAXMEMORY_POLICY);
        let tells = ["lru", "lfu", "lrm"].iter().any(|clock| policy.ends_with(clock));
        tells.then(|| Usage::new(self.settings.usage_clock(), now_ms))
    }

    pub(crate) fn new_job(
        &self,
        access: &mut Access<'_>,
        now_ms: i64,
        is_background: bool,
    ) -> SaveJob {
        let mut sizes = vec![(0, 0); self.keyspace.databases()];
        for shard in 0..self.keyspace.shard_count() {
            for (size, part) in sizes.iter_mut().zip(&access.shard(shard).dbs) {
                *size = (size.0 + part.len(), size.1 + part.expires());
            }
        }
        let keys_total = sizes.iter().map(|size| size.0 as u64).sum();
        let sizes = sizes.into_iter().enumerate();
        let sizes = sizes.filter(|(_, (keys, _))| *keys > 0);
        let config = self.config();
        let has_checksum = config.flag(id::RDBCHECKSUM);
        let file_name = config.text(id::DBFILENAME).into_owned();
        let key_delay_us = config.int(id::RDB_KEY_SAVE_DELAY);
        drop(config);
        // The caller's clock may be that of the beginning of a batch, and the stream has later moments.
        let cut_ms = base::clock::unix_ms().max(now_ms);
        let has_log = self.aof.is_on() && !self.aof.is_waiting_for_base();
        let aux = |name: &str, text: String| (name.as_bytes().to_vec(), text.into_bytes());
        let head = Head {
            aux: vec![
                aux("redis-ver", REDIS_VERSION.to_owned()),
                aux("redis-bits", usize::BITS.to_string()),
                aux("ctime", (cut_ms / 1000).to_string()),
                // Ours: restoring the log of an instant needs more than seconds.
                aux("ctime-ms", cut_ms.to_string()),
                // Ours too: a snapshot made while there was no log may be newer than an old one.
                aux("aof-on", u8::from(has_log).to_string()),
                aux("used-mem", self.host.used_memory().to_string()),
                aux("aof-base", "0".to_owned()),
            ],
            libraries: self.scripts.library_sources(),
            sizes: sizes.map(|(db, (keys, expires))| (db, keys, expires)).collect(),
            has_checksum,
        };
        SaveJob {
            feed: Arc::new(Feed::new(self.rdb_style(), self.written_usage(now_ms))),
            head,
            file_name,
            key_delay_us,
            is_background,
            started_ms: now_ms,
            cut_ms,
            changes: self.changes(),
            keys_total,
            ..SaveJob::default()
        }
    }

    /// BGSAVE: the cut. The gate is closed.
    pub fn begin_save(&self, access: &mut Access<'_>, now_ms: i64) -> Result<(), CmdError> {
        if self.persistence.is_saving() {
            return Err(CmdError::BACKGROUND_SAVE_RUNS);
        }
        if self.is_cut() || self.aof.is_rewriting() {
            return Err(CmdError::SNAPSHOT_RUNS);
        }
        let job = Arc::new(self.new_job(access, now_ms, true));
        self.cut(access, Box::new(Arc::clone(&job.feed)));
        let mut state = self.persistence.state();
        state.job = Some(Arc::clone(&job));
        state.last_try_s = now_ms / 1000;
        state.is_scheduled = false;
        drop(state);
        self.host.log('*', &format!("Background saving started by pid {}", std::process::id()));
        self.host.write_snapshot(job);
        Ok(())
    }

    /// Whether a snapshot for anything is under way.
    pub fn is_cut(&self) -> bool {
        let state = self.persistence.state();
        state.snapshot.as_ref().is_some_and(|snapshot| !snapshot.is_cancelled())
    }

    /// A cut through all databases, for whoever takes the records. The gate is closed.
    pub fn cut(&self, access: &mut Access<'_>, sink: Box<dyn Sink>) {
        let mut state = self.persistence.state();
        if let Some(before) = state.snapshot.take() {
            before.finish(|shard, sweep| sweep(access.shard(shard)));
        }
        let snapshot = Snapshot::new(self.keyspace.shard_count(), sink);
        for shard in 0..self.keyspace.shard_count() {
            snapshot.enter(shard, access.shard(shard));
        }
        state.snapshot = Some(snapshot);
        self.persistence.sweeps.store(true, Relaxed);
    }

    /// A worker's part of the sweep, for about `budget_us`. No shard is held.
    pub fn sweep(&self, budget_us: u64) -> Sweep {
        let snapshot = self.persistence.state().snapshot.clone();
        let Some(snapshot) = snapshot else { return Sweep::Finished };
        let began = store::ticks::now();
        loop {
            match snapshot.sweep(&self.keyspace, STEP_COST) {
                Sweep::Unfinished => {}
                Sweep::Waits => return Sweep::Waits,
                Sweep::Finished => {
                    self.end_sweep(&snapshot);
                    return Sweep::Finished;
                }
            }
            if store::ticks::to_us(store::ticks::now().wrapping_sub(began)) >= budget_us {
                return Sweep::Unfinished;
            }
        }
    }

    /// What of the snapshot under way was handed over and waits to be written, in bytes.
    pub fn snapshot_waiting_bytes(&self) -> usize {
        let snapshot = self.persistence.state().snapshot.clone();
        snapshot.map_or(0, |snapshot| snapshot.waiting_bytes())
    }

    fn end_sweep(&self, snapshot: &Arc<Snapshot>) {
        let mut state = self.persistence.state();
        if state.snapshot.as_ref().is_some_and(|current| Arc::ptr_eq(current, snapshot)) {
            state.snapshot = None;
            self.persistence.sweeps.store(false, Relaxed);
            drop(state);
            snapshot.end();
        }
    }

    /// The host's thread has done what it could.
    pub fn end_save(&self, job: &Arc<SaveJob>, outcome: Outcome) {
        let now_ms = base::clock::unix_ms();
        let mut state = self.persistence.state();
        if state.job.as_ref().is_some_and(|current| Arc::ptr_eq(current, job)) {
            state.job = None;
            if let Some(snapshot) = &state.snapshot
                && !matches!(outcome, Outcome::Saved(_))
            {
                snapshot.cancel();
            }
            state.last_duration_s = Some((now_ms - job.started_ms) / 1000);
        }
        match &outcome {
            Outcome::Saved(_) => {
                state.saved_changes = job.changes;
                state.last_save_s = Some(now_ms / 1000);
                state.has_failed = false;
                state.saves += 1;
                if job.is_background {
                    self.host.log('*', "Background saving terminated with success");
                } else {
                    self.host.log('*', "DB saved on disk");
                }
            }
            Outcome::Cancelled => self.host.log('#', "Background saving terminated by signal 10"),
            Outcome::Failed(why) => {
                // Who waited for it was told.
                state.has_failed |= job.is_background;
                self.host.log('#', &format!("Failed saving the DB: {why}"));
                if job.is_background {
                    self.host.log('#', "Background saving error");
                }
            }
        }
        drop(state);
        self.note_refusing();
        job.set_outcome(outcome);
    }

    /// Nobody wants the snapshot under way.
    pub(crate) fn abandon_cut(&self) {
        if let Some(snapshot) = &self.persistence.state().snapshot {
            snapshot.cancel();
        }
    }

    /// Ends a save under way without a file. False if there is none.
    pub fn cancel_save(&self) -> bool {
        let state = self.persistence.state();
        let Some(job) = &state.job else { return false };
        if let Some(snapshot) = &state.snapshot {
            snapshot.cancel();
        }
        job.feed.end(End::Cancelled);
        true
    }

    /// The same, and waits until nothing is left of it.
    pub fn kill_save(&self) {
        let job = self.persistence.state().job.clone();
        if let (Some(job), true) = (job, self.cancel_save()) {
            job.wait();
        }
    }

    /// SAVE: nothing else runs until the file is there. The gate is closed.
    pub fn save_now(&self, access: &mut Access<'_>, now_ms: i64) -> Outcome {
        let job = Arc::new(self.new_job(access, now_ms, false));
        self.host.write_snapshot(Arc::clone(&job));
        for shard in 0..self.keyspace.shard_count() {
            for (db, part) in access.shard(shard).dbs.iter().enumerate() {
                part.for_each(|record| {
                    job.feed.take(db, record);
                    job.feed.wait_for_room();
                });
            }
        }
        job.feed.end(End::Complete);
        job.wait()
    }

    /// Starts a save that is due. True if one may be: then the caller closes the gate for
    /// [`Engine::begin_save`].
    pub fn is_save_due(&self, now_ms: i64) -> bool {
        if self.persistence.is_loading() {
            return false;
        }
        let now_s = now_ms / 1000;
        let changes = self.changes_since_save();
        let last_save_s = self.last_save_s();
        let state = self.persistence.state();
        let is_cut = state.snapshot.as_ref().is_some_and(|snapshot| !snapshot.is_cancelled());
        if state.job.is_some() || is_cut || self.aof.is_rewriting() {
            return false;
        }
        if state.is_scheduled {
            return true;
        }
        if changes == 0 || state.has_failed && now_s - state.last_try_s <= RETRY_S {
            return false;
        }
        drop(state);
        let config = self.config();
        let due = config
            .save_points()
            .iter()
            .find(|point| changes >= point.changes as u64 && now_s - last_save_s > point.seconds);
        if let Some(point) = due {
            let line = format!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
            self.host.log('*', &line);
        }
        due.is_some()
    }

    /// BGSAVE SCHEDULE while something else is written: saves as soon as that has ended.
    pub fn schedule_save(&self) {
        self.persistence.state().is_scheduled = true;
    }

    /// False if none is scheduled.
    pub fn unschedule_save(&self) -> bool {
        std::mem::take(&mut self.persistence.state().is_scheduled)
    }

    /// Whether there are points at which the data set is saved.
    pub fn has_save_points(&self) -> bool {
        !self.config().save_points().is_empty()
    }

    /// What a shutdown does before anything ends. False: it failed, and nothing shall end.
    pub fn save_finally(&self, access: &mut Access<'_>, how: Shutdown, now_ms: i64) -> bool {
        if self.persistence.is_saving() {
            self.host.log('#', "There is a child saving an .rdb. Killing it!");
            self.kill_save();
        }
        if self.aof.is_rewriting() {
            if self.aof.is_waiting_for_base() && !how.force {
                self.host.log('#', "Writing initial AOF, can't exit.");
                return false;
            }
            self.host.log('#', "There is a child rewriting the AOF. Killing it!");
            self.kill_rewrite();
        }
        let saves = match how.save {
            Some(saves) => saves,
            None => self.has_save_points(),
        };
        if !saves || self.persistence.is_loading() {
            return true;
        }
        self.host.log('*', "Saving the final RDB snapshot before exiting.");
        if let Outcome::Saved(_) = self.save_now(access, now_ms) {
            return true;
        }
        if how.force {
            self.host.log('#', "Error trying to save the DB. Exit anyway.");
            return true;
        }
        self.host.log('#', "Error trying to save the DB, can't exit.");
        false
    }

    /// The last word about a shutdown that failed: from here on it is as if it had not been asked.
    pub fn log_failed_shutdown(&self) {
        let text = "Errors trying to shut down the server. Check the logs for more information.";
        self.host.log('#', text);
    }

    /// Whether writes are refused because the last save failed.
    pub fn refuses_writes(&self) -> bool {
        self.persistence.state().has_failed
            && self.settings.stops_writes_on_save_error.load(Relaxed)
            && self.has_save_points()
    }

    /// Makes each command look whether it may run, if there is a reason why it may not.
    pub fn note_refusing(&self) {
        let refuses = self.persistence.is_loading() || self.persistence.state().has_failed;
        self.settings.attention.set(Reason::Refusing, refuses);
    }
}
