//! When the log is written anew, and its being switched on and off.
//!
//! ```text
//!   the gate is closed: cut ─► the log's file ends here ─► workers sweep, a thread writes the base
//!                                                           └─► the log's writer installs it
//! ```
//!
//! The cut is that of a snapshot ([`crate::persistence`]), so there is one at a time: a rewrite waits
//! for a save under way.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use ::base::disk::reason;
use config::id;
use journal::aof::{Aof, Appender, Files};
use rdb::feed::End;
use store::Access;

use super::base::{Base, Form};
use crate::engine::Engine;
use crate::error::CmdError;
use crate::persistence::SaveJob;

/// After so many failed rewrites in a row the next one waits.
const FAILURES_MAX: u64 = 3;
const WAIT_MINUTES_MAX: u64 = 60;

/// What is known of rewrites, besides what the log says in its figures.
#[derive(Default)]
pub struct Rewrites {
    is_scheduled: AtomicBool,
    /// Of the last base.
    job: Mutex<Option<Arc<SaveJob>>>,
}

/// What became of a wish to rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    Now,
    /// As soon as a save has ended.
    Later,
}

impl Engine {
    pub(crate) fn is_rewrite_scheduled(&self) -> bool {
        self.rewrites.is_scheduled.load(Relaxed)
    }

    /// BGREWRITEAOF. The gate is closed. Amid a transaction it waits for its end: the base would have
    /// what is repeated behind it.
    ///
    /// # Errors
    /// One is under way.
    pub(crate) fn begin_rewrite(
        &self,
        access: &mut Access<'_>,
        now_ms: i64,
        is_amid: bool,
    ) -> Result<Began, CmdError> {
        if self.aof.is_rewriting() {
            return Err(CmdError::REWRITE_RUNS);
        }
        if is_amid || self.persistence.is_saving() || self.is_cut() {
            self.rewrites.is_scheduled.store(true, Relaxed);
            return Ok(Began::Later);
        }
        let files = self.aof_files(&self.config());
        if self.aof.is_on() {
            // The next file is read from its beginning: it says its database.
            self.journal.forget_db();
            self.aof.rotate(self.journal.tail());
        } else {
            self.aof.note_rewrite();
        }
        self.take_base(access, now_ms, files);
        Ok(Began::Now)
    }

    /// The data set as of now becomes a base.
    fn take_base(&self, access: &mut Access<'_>, now_ms: i64, files: Files) {
        self.rewrites.is_scheduled.store(false, Relaxed);
        if self.aof.is_on() {
            let job = self.write_base(access, now_ms, files, &self.aof);
            *self.rewrites.job.lock().expect("nobody panics noting a rewrite") = Some(job);
            return;
        }
        let keeps_history = self.config().flag(id::AOF_DISABLE_AUTO_GC);
        let (base, aof, host) =
            (self.cut_base(access, now_ms, files), self.aof.clone(), self.host.clone());
        *self.rewrites.job.lock().expect("nobody panics noting a rewrite") = Some(base.job.clone());
        self.host.in_background(
            "aof-rewrite",
            Box::new(move || {
                let form = base.form;
                let installed = base.write().and_then(|path| {
                    base.files.install_alone(&path, form.extension(), keeps_history)
                });
                match &installed {
                    Ok(()) => host.log('*', "Background AOF rewrite finished successfully"),
                    Err(error) => {
                        let text = format!("Background AOF rewrite failed: {}", reason(error));
                        host.log('#', &text);
                    }
                }
                aof.end_alone(installed.is_ok());
            }),
        );
    }

    /// The data set as of now becomes the base of this log, which is on.
    pub(crate) fn write_base(
        &self,
        access: &mut Access<'_>,
        now_ms: i64,
        files: Files,
        aof: &Aof,
    ) -> Arc<SaveJob> {
        let (base, aof, epoch) = (self.cut_base(access, now_ms, files), aof.clone(), aof.epoch());
        let job = base.job.clone();
        self.host.in_background(
            "aof-rewrite",
            Box::new(move || {
                let written = base.write().map(|path| (path, base.form.extension()));
                aof.install(epoch, written.map_err(|error| reason(&error)));
            }),
        );
        job
    }

    /// The cut, for whoever writes the base.
    fn cut_base(&self, access: &mut Access<'_>, now_ms: i64, files: Files) -> Base {
        let config = self.config();
        let form = match config.flag(id::AOF_USE_RDB_PREAMBLE) {
            true => Form::Snapshot,
            false => Form::Commands { notes_time: config.flag(id::AOF_TIMESTAMP_ENABLED) },
        };
        let syncs = config.flag(id::AOF_REWRITE_INCREMENTAL_FSYNC);
        drop(config);
        let job = Arc::new(self.new_base_job(access, now_ms, form));
        self.cut(access, Box::new(Arc::clone(&job.feed)));
        self.host.log('*', "Background append only file rewriting started");
        Base { job, form, files, syncs, limits: self.settings.limits() }
    }

    /// Makes `appendonly` true, as CONFIG SET has it. The gate is closed.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(crate) fn follow_appendonly(
        &self,
        access: &mut Access<'_>,
        now_ms: i64,
        is_amid: bool,
    ) -> Result<(), CmdError> {
        let config = self.config();
        let (wanted, files) = (config.flag(id::APPENDONLY), self.aof_files(&config));
        drop(config);
        // While something is loaded there is nothing to log yet: the end of it looks again.
        if wanted == self.aof.is_on() || self.persistence.is_loading() {
            return Ok(());
        }
        if !wanted {
            self.end_log();
            return Ok(());
        }
        let began = self.begin_log(&files);
        began.map_err(|why| {
            self.host.log('#', &format!("Unable to turn on AOF: {why}"));
            CmdError::AOF_NOT_ON
        })?;
        if is_amid || self.persistence.is_saving() || self.is_cut() || self.aof.is_rewriting() {
            let text = "AOF was enabled but there is already another background operation. An AOF \
                        background was scheduled to start when possible.";
            self.host.log('*', text);
            self.rewrites.is_scheduled.store(true, Relaxed);
            return Ok(());
        }
        self.aof.note_rewrite();
        self.take_base(access, now_ms, files);
        Ok(())
    }

    /// The log begins here; it waits for its base.
    fn begin_log(&self, files: &Files) -> Result<(), String> {
        self.lock_aof(files, std::time::Duration::ZERO)?;
        let manifest = files.load().map_err(|error| error.to_string())?.unwrap_or_default();
        let reader = self.journal.reader(None).expect("a journal always has its end");
        self.aof.figures().failures_in_a_row.store(0, Relaxed);
        let appender = Appender::begin(&self.aof, self.told(), files.clone(), manifest, reader);
        self.aof.start(appender.map_err(|error| reason(&error))?);
        Ok(())
    }

    fn end_log(&self) {
        if self.aof.is_rewriting() {
            let pid = std::process::id();
            self.host.log('*', &format!("Killing running AOF rewrite child: {pid}"));
            self.kill_rewrite();
        }
        self.rewrites.is_scheduled.store(false, Relaxed);
        self.aof.stop();
    }

    /// Ends a rewrite under way without a base.
    pub fn kill_rewrite(&self) {
        let job = self.rewrites.job.lock().expect("nobody panics noting a rewrite").clone();
        if let Some(job) = job.filter(|_| self.aof.is_rewriting()) {
            job.feed.end(End::Cancelled);
            self.abandon_cut();
        }
    }

    /// Whether a rewrite shall begin: one that was put off, a base that is missing, or a log that
    /// has grown.
    pub fn is_rewrite_due(&self) -> bool {
        let is_busy = self.aof.is_rewriting()
            || self.persistence.is_loading()
            || self.persistence.is_saving()
            || self.is_cut();
        if is_busy {
            return false;
        }
        if self.is_rewrite_scheduled() {
            return true;
        }
        if !self.aof.is_on() {
            return false;
        }
        if self.aof.is_waiting_for_base() {
            return self.may_retry_rewrite();
        }
        if self.aof.is_suspect() && !self.aof.is_broken() {
            let is_due = self.may_retry_rewrite();
            if is_due {
                let text = "A sync of the AOF had failed, and what of it is on the disk is not known: \
                            rewriting it";
                self.host.log('#', text);
            }
            return is_due;
        }
        let Some(growth) = self.aof_growth_due() else { return false };
        if !self.may_retry_rewrite() {
            return false;
        }
        let text = format!("Starting automatic rewriting of AOF on {growth}% growth");
        self.host.log('*', &text);
        true
    }

    /// By how many percent the log has grown, if that is too much.
    fn aof_growth_due(&self) -> Option<u64> {
        let config = self.config();
        let percent = config.int(id::AUTO_AOF_REWRITE_PERCENTAGE) as u64;
        let bytes_min = config.int(id::AUTO_AOF_REWRITE_MIN_SIZE) as u64;
        drop(config);
        let figures = self.aof.figures();
        let current = figures.current_bytes.load(Relaxed);
        let base = figures.base_bytes.load(Relaxed).max(1);
        let growth = (current * 100 / base).saturating_sub(100);
        (percent > 0 && current > bytes_min && growth >= percent).then_some(growth)
    }

    /// After several failures the next attempt waits: 1, 2, 4 … minutes.
    fn may_retry_rewrite(&self) -> bool {
        let figures = self.aof.figures();
        let failures = figures.failures_in_a_row.load(Relaxed);
        if failures < FAILURES_MAX {
            return true;
        }
        let minutes = (1 << (failures - FAILURES_MAX).min(6)).min(WAIT_MINUTES_MAX);
        let now_s = ::base::clock::unix_ms() / 1000;
        let since_s = now_s - figures.last_failure_s.load(Relaxed);
        if since_s >= 60 * minutes as i64 {
            return true;
        }
        if figures.told_of_failures.swap(failures, Relaxed) != failures {
            let text = format!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry \
                 in {minutes} minutes"
            );
            self.host.log('#', &text);
        }
        false
    }
}
