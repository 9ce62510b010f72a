//! The snapshot file: the thread that writes it, and how it is opened.
//!
//! ```text
//!   feed ──► temp-PID.rdb ── fsync as it grows ──► fsync ──► rename to dbfilename ──► fsync of the folder
//! ```
//!
//! # Invariants
//!
//! (1) Whoever opens the file, at whatever moment and after a power cut too, finds the whole old
//!     snapshot or the whole new one.
//! (2) A temporary file that is not finished is removed.
//! (3) Nobody else writes the file: it is locked ([`data_lock`]).

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::disk::{AsStd, BulkFile, File as _};
use engine::Engine;
use engine::engine::SnapshotFile;
use engine::persistence::{Merge, Outcome, SaveJob};
use rdb::feed::End;
use rdb::save::{SaveError, Written, save};

use crate::data_lock;
use crate::process::{crash, reason};

/// So many bytes are forced to the disk together while the file grows.
const SYNC_BYTES: u64 = 32 << 20;

/// The name of the file that is being written, formatted without allocating: a signal's handler
/// needs it.
pub(crate) struct Temporary;

impl fmt::Display for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "temp-{}.rdb", std::process::id())
    }
}

/// Writes the job's file with a thread of its own.
pub(crate) fn write(engine: &'static Engine, job: Arc<SaveJob>) {
    let its_job = Arc::clone(&job);
    let started = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
        crash::guard_this_thread();
        let outcome = outcome(&its_job);
        if !matches!(outcome, Outcome::Saved(_)) {
            // Nobody reads what others still hand over.
            its_job.feed.end(End::Cancelled);
        }
        engine.end_save(&its_job, outcome);
    });
    if let Err(error) = started {
        job.feed.end(End::Cancelled);
        engine.end_save(&job, Outcome::Failed(reason(&error)));
    }
}

fn outcome(job: &SaveJob) -> Outcome {
    if let Err(why) = data_lock::take(&job.file_name) {
        return Outcome::Failed(why);
    }
    let aside = PathBuf::from(Temporary.to_string());
    let saved = write_aside(job, &aside).and_then(|written| {
        put_in_place(&aside, Path::new(&job.file_name))?;
        Ok(written)
    });
    if saved.is_err() {
        // That it is not there may be why.
        let _ = fs::remove_file(&aside);
    }
    match saved {
        Ok(written) => Outcome::Saved(written),
        Err(SaveError::Cancelled) => Outcome::Cancelled,
        Err(SaveError::Io(error)) => Outcome::Failed(reason(&error)),
    }
}

fn write_aside(job: &SaveJob, aside: &Path) -> Result<Written, SaveError> {
    let mut file = AsStd(Box::new(BulkFile::create(aside)?));
    let (mut synced, mut keys) = (0, 0);
    let written = save(&mut file, &job.head, &job.feed, |written, file| {
        job.note_progress(written);
        job.dawdle(keys, written.keys);
        keys = written.keys;
        if written.bytes - synced >= SYNC_BYTES {
            synced = written.bytes;
            file.0.sync()?;
        }
        Ok(())
    })?;
    file.0.sync()?;
    Ok(written)
}

fn put_in_place(aside: &Path, name: &Path) -> io::Result<()> {
    fs::rename(aside, name)?;
    File::open(".")?.sync_all()
}

/// Opens the snapshot; none if there is none.
pub(crate) fn open(name: &str) -> Result<Option<SnapshotFile>, String> {
    let file = match File::open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("can't open it for reading: {}", reason(&error))),
    };
    let metadata = file.metadata().map_err(|error| reason(&error))?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    let len = metadata.len();
    Ok(Some((Box::new(file), len)))
}

/// Begins to load the snapshot at the start, if there is one. An error ends the server.
pub(crate) fn begin_load(engine: &Engine) -> Result<(), String> {
    let loading =
        engine.open_load(Merge::Refuse).map_err(|why| engine.refusal_of_snapshot(&why))?;
    if loading.is_some() {
        engine.set_loading(loading);
    }
    Ok(())
}
