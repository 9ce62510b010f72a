//! BACKUP: the data set, and what changes while the backup is open, as files of a directory of their own.
//!
//! ```text
//!   START                                        SEAL
//!     │ the gate is closed: a cut, a reader         │ where the stream ends now
//!     ▼                                             ▼
//!   stream ───────────────────────────────────────────────────────►
//!     │ workers sweep ─► backupdir/…1.base.rdb │    │
//!     └─ a writer of its own ─► backupdir/…1.incr.aof
//! ```
//!
//! A backup is a log of its own ([`journal::aof`]): another reader of the one stream, whose writer ends
//! where it is sealed. So it is the same with `appendonly` on and off, no rewrite of the log gets in its
//! way or waits for it, and its disk may be another and fail without harm to the log's. What it costs is
//! that changes are written twice while it is open; Redis pins the log's own files by hard links.
//!
//! Its files are a log that any server loads, with notes of time in it: `--restore-at` has any instant
//! since the cut. When it is sealed, checksums are put beside them as `sha256sum -c` reads them.
//!
//! # Invariants
//!
//! (1) Nothing that is in the directory is overwritten: it must be empty. What is removed was made by
//!     this backup.
//! (2) A backup whose disk fails or does not keep up is given up; the memory that waits for it is
//!     bounded by [`LAG_BYTES_MAX`] and what comes until somebody looks, about a tenth of a second.
//! (3) It is sealed when all that was acknowledged before SEAL is on its disk.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use ::base::disk::{Disk, Found, Open, reason};
use config::id;
use journal::aof::{Aof, Appender, Files, Fsync, Manifest, Outside};
use rdb::feed::End;
use sha2::{Digest, Sha256};
use store::Access;

use crate::engine::{Engine, Host};
use crate::error::CmdError;
use crate::persistence::SaveJob;

/// More of the stream than this does not wait for the backup's disk.
const LAG_BYTES_MAX: u64 = 256 << 20;
const CHECKSUMS: &str = "SHA256SUMS";
const READ_BYTES: usize = 1 << 20;

/// Where a backup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Idle,
    /// It waits for a cut of somebody else to end.
    Pending,
    Snapshotting,
    Incrementing,
    Sealed,
    Failed,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Stage::Idle => "idle",
            Stage::Pending => "pending",
            Stage::Snapshotting => "snapshotting",
            Stage::Incrementing => "incrementing",
            Stage::Sealed => "sealed",
            Stage::Failed => "failed",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Stage::Pending | Stage::Snapshotting | Stage::Incrementing)
    }
}

/// The backup, if there is one.
#[derive(Default)]
pub struct Backup {
    aof: Aof,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    error: String,
    started_s: i64,
    ended_s: i64,
    files: Option<Files>,
    job: Option<Arc<SaveJob>>,
}

/// What STATUS tells.
pub struct BackupSeen {
    pub stage: Stage,
    pub error: String,
    pub started_s: i64,
    pub ended_s: i64,
}

/// Its writer's news. Nobody's reply waits for it.
struct ToLog(Arc<dyn Host>);

impl Outside for ToLog {
    fn log(&self, level: char, text: &str) {
        self.0.log(level, &format!("Backup: {text}"));
    }

    fn give_up(&self, text: &str) {
        self.log('#', text);
    }

    fn advanced(&self) {}
}

impl Backup {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with a backup")
    }
}

impl Engine {
    /// The state as it is by now: the base may have been written meanwhile, or the disk have failed.
    fn backup_state(&self) -> MutexGuard<'_, State> {
        let mut state = self.backup.state();
        let aof = &self.backup.aof;
        if state.stage == Stage::Snapshotting && !aof.is_rewriting() {
            match aof.is_waiting_for_base() {
                false => {
                    state.stage = Stage::Incrementing;
                    state.job = None;
                }
                true => self.fail_backup(&mut state, "the snapshot could not be written"),
            }
        }
        if matches!(state.stage, Stage::Snapshotting | Stage::Incrementing) {
            let lag = self.journal.tail().saturating_sub(aof.written());
            if aof.is_broken() || aof.is_suspect() {
                let why = aof.why_broken();
                self.fail_backup(&mut state, &why);
            } else if lag > LAG_BYTES_MAX {
                self.fail_backup(&mut state, "the disk does not keep up");
            }
        }
        state
    }

    fn fail_backup(&self, state: &mut State, why: &str) {
        self.host.log('#', &format!("Backup failed: {why}"));
        if let Some(job) = state.job.take() {
            job.feed.end(End::Cancelled);
            if state.stage == Stage::Snapshotting && self.backup.aof.is_rewriting() {
                self.abandon_cut();
            }
        }
        self.backup.aof.abandon();
        if let Some(files) = &state.files
            && let Err(error) = remove(files)
        {
            self.host.log('#', &format!("Removing the backup: {}", reason(&error)));
        }
        (state.stage, state.error) = (Stage::Failed, why.to_owned());
    }

    /// BACKUP STATUS.
    pub fn backup_seen(&self) -> BackupSeen {
        let state = self.backup_state();
        BackupSeen {
            stage: state.stage,
            error: state.error.clone(),
            started_s: state.started_s,
            ended_s: state.ended_s,
        }
    }

    /// BACKUP LIST: the files that do not change any more.
    pub fn backup_list(&self) -> Vec<PathBuf> {
        use std::os::unix::ffi::OsStringExt;
        let state = self.backup_state();
        let Some(files) = &state.files else { return Vec::new() };
        let parts = match state.stage {
            Stage::Incrementing | Stage::Sealed => files.load().ok().flatten(),
            _ => None,
        };
        let Some(parts) = parts else { return Vec::new() };
        let mut names: Vec<String> = parts.base.iter().map(|part| part.name.clone()).collect();
        if state.stage == Stage::Sealed {
            names.extend(parts.incrs.iter().map(|part| part.name.clone()));
            names.push(format!("{}.manifest", files.name));
            if let Ok(Found::File(_)) = files.disk.find(&files.path(CHECKSUMS)) {
                names.push(CHECKSUMS.to_owned());
            }
        }
        let dir = self.host.working_dir().map(std::ffi::OsString::from_vec);
        let dir = PathBuf::from(dir.unwrap_or_default()).join(&files.dir_name);
        names.into_iter().map(|name| dir.join(name)).collect()
    }

    /// BACKUP START. The gate is closed.
    ///
    /// # Errors
    /// There is one already, or its directory cannot be used.
    pub(crate) fn begin_backup(
        &self,
        access: &mut Access<'_>,
        now_ms: i64,
        is_amid: bool,
    ) -> Result<(), CmdError> {
        let mut state = self.backup_state();
        match state.stage {
            Stage::Idle | Stage::Failed => {}
            Stage::Sealed => return Err(CmdError::BACKUP_SEALED),
            _ => return Err(CmdError::BACKUP_RUNS),
        }
        let config = self.config();
        let files = Files {
            dir_name: config.text(id::BACKUPDIRNAME).into_owned(),
            ..self.aof_files(&config)
        };
        drop(config);
        if !is_empty(&files).map_err(|error| CmdError::backup_dir(&reason(&error)))? {
            return Err(CmdError::BACKUP_DIR_NOT_EMPTY);
        }
        *state = State {
            stage: Stage::Pending,
            started_s: now_ms / 1000,
            files: Some(files),
            ..State::default()
        };
        if is_amid || self.is_cutting() {
            return Ok(());
        }
        self.take_backup(access, now_ms, &mut state);
        match state.stage {
            Stage::Failed => Err(CmdError::backup_dir(&state.error)),
            _ => Ok(()),
        }
    }

    /// Whether somebody's cut is under way.
    fn is_cutting(&self) -> bool {
        self.persistence.is_saving()
            || self.is_cut()
            || self.aof.is_rewriting()
            || self.persistence.is_loading()
    }

    /// The cut. The gate is closed.
    fn take_backup(&self, access: &mut Access<'_>, now_ms: i64, state: &mut State) {
        let aof = &self.backup.aof;
        let files = state.files.clone().expect("a backup has its directory");
        // Whether times are noted in the log or not: they are what a backup is for.
        aof.configure(Fsync::Everysec, true, false, false);
        let told = Arc::new(ToLog(self.host.clone()));
        let reader = self.journal.reader(None).expect("a journal always has its end");
        let appender = Appender::begin(aof, told, files.clone(), Manifest::default(), reader);
        match appender {
            Ok(appender) => aof.start(appender),
            Err(error) => {
                (state.stage, state.error) = (Stage::Failed, reason(&error));
                return;
            }
        }
        self.host.log('*', &format!("Backup started in {}", files.dir().display()));
        aof.note_rewrite();
        state.stage = Stage::Snapshotting;
        state.job = Some(self.write_base(access, now_ms, files, aof));
    }

    /// BACKUP SEAL.
    ///
    /// # Errors
    /// There is none to seal, or its disk failed.
    pub fn seal_backup(&self) -> Result<(), CmdError> {
        let mut state = self.backup_state();
        if state.stage != Stage::Incrementing {
            return Err(CmdError::backup_not_open(state.stage.name()));
        }
        let tail = self.journal.tail();
        self.backup.aof.stop_at(tail);
        if self.backup.aof.durable() < tail {
            // (3)
            self.fail_backup(&mut state, "what had come could not be written");
            return Err(CmdError::backup_dir(&state.error));
        }
        (state.stage, state.ended_s) = (Stage::Sealed, ::base::clock::unix_ms() / 1000);
        let files = state.files.clone().expect("a backup has its directory");
        drop(state);
        self.host.log('*', "Backup sealed");
        let host = self.host.clone();
        self.host.in_background(
            "backup-sums",
            Box::new(move || {
                if let Err(error) = write_checksums(&files) {
                    host.log('#', &format!("Backup: no checksums: {}", reason(&error)));
                }
            }),
        );
        Ok(())
    }

    /// BACKUP ABORT.
    ///
    /// # Errors
    /// There is none under way.
    pub fn abort_backup(&self) -> Result<(), CmdError> {
        let mut state = self.backup_state();
        if !state.stage.is_open() {
            return Err(CmdError::backup_not_open(state.stage.name()));
        }
        self.fail_backup(&mut state, "aborted");
        Ok(())
    }

    /// BACKUP CLEANUP.
    ///
    /// # Errors
    /// It is still under way, or its files cannot be removed.
    pub fn clean_up_backup(&self) -> Result<(), CmdError> {
        let mut state = self.backup_state();
        if !matches!(state.stage, Stage::Sealed | Stage::Failed) {
            return Err(CmdError::backup_not_sealed(state.stage.name()));
        }
        if let Some(files) = &state.files {
            remove(files).map_err(|error| CmdError::backup_dir(&reason(&error)))?;
        }
        *state = State::default();
        Ok(())
    }

    /// Now and then: whether one that waits can begin, for [`Engine::begin_pending_backup`].
    pub fn is_backup_due(&self) -> bool {
        if self.backup.state.try_lock().is_err() {
            // It is being sealed, which waits for its disk: nobody else shall.
            return false;
        }
        let state = self.backup_state();
        let ttl_s = self.config().int(id::BACKUP_SEALED_TTL);
        let now_s = ::base::clock::unix_ms() / 1000;
        let is_old = state.stage == Stage::Sealed && ttl_s > 0 && now_s - state.ended_s >= ttl_s;
        let is_due = state.stage == Stage::Pending && !self.is_cutting();
        drop(state);
        if is_old && let Err(why) = self.clean_up_backup() {
            self.host.log('#', &why.0);
        }
        is_due
    }

    /// The gate is closed.
    pub fn begin_pending_backup(&self, access: &mut Access<'_>, now_ms: i64) {
        let mut state = self.backup_state();
        if state.stage == Stage::Pending && !self.is_cutting() {
            self.take_backup(access, now_ms, &mut state);
        }
    }
}

/// Whether the directory holds nothing, or is not there (1).
fn is_empty(files: &Files) -> io::Result<bool> {
    match files.disk.find(&files.dir())? {
        Found::Nothing => Ok(true),
        Found::File(_) => Ok(false),
        Found::Dir => {
            files.sweep()?;
            Ok(files.disk.list(&files.dir())?.is_empty())
        }
    }
}

/// Removes what a backup has made (1).
fn remove(files: &Files) -> io::Result<()> {
    if files.disk.find(&files.dir())? != Found::Dir {
        return Ok(());
    }
    files.sweep()?;
    let mine = format!("{}.", files.name);
    let names = files.disk.list(&files.dir())?;
    for name in names.iter().filter(|name| name.starts_with(&mine) || *name == CHECKSUMS) {
        files.disk.remove(&files.path(name))?;
    }
    files.disk.sync_dir(&files.dir())
}

/// Lines as `sha256sum` writes them.
fn write_checksums(files: &Files) -> io::Result<()> {
    let manifest = files.load().map_err(io::Error::other)?.unwrap_or_default();
    let mut names: Vec<String> = manifest.parts().map(|part| part.name.clone()).collect();
    names.push(format!("{}.manifest", files.name));
    let mut text = String::new();
    for name in names {
        for byte in sha256(&*files.disk, &files.path(&name))? {
            write!(text, "{byte:02x}").expect("a string takes all");
        }
        writeln!(text, "  {name}").expect("a string takes all");
    }
    let temp = files.path(&format!("temp-{}.sums", files.name));
    files.disk.replace(&files.path(CHECKSUMS), &temp, text.as_bytes())
}

fn sha256(disk: &dyn Disk, path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut file = disk.open(path, Open::Read)?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read_full(&mut buffer)? {
            0 => return Ok(sum.finalize().to_vec()),
            n => sum.update(&buffer[..n]),
        }
    }
}
