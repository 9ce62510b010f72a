//! Loading the log: at the start a little at a time, for DEBUG LOADAOF at once.
//!
//! ```text
//!   manifest ─► base: RDB, then perhaps commands ─► increments, in order ─► go on with the last
//!                 each file is checked to its end before anything of it is run
//!   no manifest ─► the snapshot, if there is one, becomes the base
//! ```
//!
//! # Invariants
//!
//! (1) Nothing on the disk is changed before all of it has been read, but for the torn end of the
//!     last file, whose bytes are counted in the log.
//! (2) What cannot be read is an error with the file's name and what to do; then the server does
//!     not start, and writes nothing.
//! (3) A snapshot that becomes the base is loaded as bases are: a key whose time has passed is
//!     there until the log says that it went. So every later start finds the same.

mod damage;
mod find;
mod part;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ::base::clock::monotonic_us;
use ::base::disk::{Found, Open, reason};
use config::id;
use journal::aof::{Files, Manifest};

use super::base::Form;
use crate::cx::Cx;
use crate::engine::Engine;
use crate::persistence::AtStart;
use find::find;
use part::{Current, Part};

/// A server before this one may take so long to be gone.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// A log that is being loaded.
pub struct LogLoading {
    files: Files,
    /// None: it begins now.
    manifest: Option<Manifest>,
    /// What it begins with.
    snapshot: Option<PathBuf>,
    parts: VecDeque<Part>,
    current: Option<Current>,
    /// Bytes of the files that are done.
    done_bytes: u64,
    began_us: u64,
}

impl Engine {
    /// Begins to load the log; one that does not exist yet begins with the snapshot.
    ///
    /// # Errors
    /// A text for the log: the server must not start.
    pub fn begin_log_load(&self) -> Result<(), String> {
        let files = self.aof_files(&self.config());
        self.lock_aof(&files, LOCK_PATIENCE)?;
        find::tidy_up(&files)?;
        let mut loading = self.log_loading(files)?;
        if loading.manifest.is_none() {
            loading.begin_with_snapshot(self)?;
        }
        self.set_at_start(Some(AtStart::Log(Box::new(loading))));
        Ok(())
    }

    fn log_loading(&self, files: Files) -> Result<LogLoading, String> {
        let manifest = find(self, &files)?;
        let mut parts = VecDeque::new();
        if let Some(manifest) = &manifest {
            let last = manifest.parts().count();
            for (i, part) in manifest.parts().enumerate() {
                parts.push_back(Part {
                    path: files.path(&part.name),
                    name: part.name.clone(),
                    kind: if manifest.base.as_ref() == Some(part) { "base" } else { "incr" },
                    is_last: i + 1 == last,
                });
            }
        }
        let total = manifest.as_ref().map_or(0, |manifest| files.bytes(manifest).unwrap_or(0));
        self.note_log_load(total);
        let began_us = monotonic_us();
        Ok(LogLoading {
            files,
            manifest,
            snapshot: None,
            parts,
            current: None,
            done_bytes: 0,
            began_us,
        })
    }

    fn note_log_load(&self, total_bytes: u64) {
        let persistence = &self.persistence;
        persistence.load_started_s.store(::base::clock::unix_ms() / 1000, Relaxed);
        persistence.load_total_bytes.store(total_bytes, Relaxed);
        persistence.load_bytes.store(0, Relaxed);
    }
}

impl Cx<'_> {
    /// DEBUG LOADAOF: loads the log into an empty data set. False if there is none. The gate is
    /// closed.
    ///
    /// # Errors
    /// A text for the log.
    pub fn load_log(&mut self) -> Result<bool, String> {
        let files = self.engine.aof_files(&self.engine.config());
        let mut loading = self.engine.log_loading(files)?;
        // Who is served while a script of the log is late is told so.
        self.engine.persistence.set_is_loading(true);
        let loaded = loop {
            match loading.go_on(self, u64::MAX) {
                Ok(false) => {}
                done => break done,
            }
        };
        self.engine.persistence.set_is_loading(false);
        loaded.map(|_| loading.manifest.is_some())
    }
}

impl LogLoading {
    /// `appendonly` was switched on beside a snapshot: that is the data set.
    fn begin_with_snapshot(&mut self, engine: &Engine) -> Result<(), String> {
        let name = engine.config().text(id::DBFILENAME).into_owned();
        let path = self.files.above.join(&name);
        match self.files.disk.find(&path) {
            Ok(Found::Nothing) => return Ok(()),
            Ok(Found::File(bytes)) => engine.note_log_load(bytes),
            Ok(Found::Dir) => return Err(format!("Fatal error: {name} is a directory")),
            Err(error) => {
                return Err(format!("Fatal error: can't open {name}: {}", reason(&error)));
            }
        }
        let text = format!("There is no AOF yet: it begins with what {name} holds");
        engine.host.log('*', &text);
        self.snapshot = Some(path.clone());
        self.parts.push_back(Part { path, name, kind: "snapshot", is_last: false });
        Ok(())
    }

    /// Loads on at the start; what follows its end is the log's.
    pub(crate) fn go_on_at_start(
        &mut self,
        cx: &mut Cx<'_>,
        until_us: u64,
    ) -> Result<bool, String> {
        let is_done = self.go_on(cx, until_us)?;
        if is_done {
            self.resume(cx.engine)?;
        }
        Ok(is_done)
    }

    /// Loads on until about `until_us`. True when all is loaded.
    fn go_on(&mut self, cx: &mut Cx<'_>, until_us: u64) -> Result<bool, String> {
        loop {
            let Some(mut current) = self.current.take() else {
                let Some(part) = self.parts.pop_front() else {
                    let s = seconds_since(self.began_us);
                    let text = format!("DB loaded from append only file: {s:.3} seconds");
                    if self.manifest.is_some() {
                        cx.engine.host.log('*', &text);
                    }
                    cx.engine.note_nothing_changed();
                    return Ok(true);
                };
                self.current = Some(Current::open(cx.engine, &self.files, part)?);
                continue;
            };
            let at = match current.go_on(cx, &self.files, until_us)? {
                Some(at) => {
                    self.current = Some(current);
                    at
                }
                None => {
                    let Part { name, kind, path, .. } = &current.part;
                    let s = seconds_since(current.began_us);
                    let text = format!("DB loaded from {kind} file {name}: {s:.3} seconds");
                    cx.engine.host.log('*', &text);
                    if let Ok(Found::File(bytes)) = self.files.disk.find(path) {
                        self.done_bytes += bytes;
                    }
                    0
                }
            };
            cx.engine.persistence.load_bytes.store(self.done_bytes + at, Relaxed);
            if monotonic_us() >= until_us {
                return Ok(false);
            }
        }
    }

    /// All is loaded: the log goes on, if it still shall, or begins.
    fn resume(&mut self, engine: &Engine) -> Result<(), String> {
        let config = engine.config();
        let (wanted, is_rdb) = (config.flag(id::APPENDONLY), config.flag(id::AOF_USE_RDB_PREAMBLE));
        drop(config);
        if !wanted {
            return Ok(());
        }
        let files = self.files.clone();
        let log = |text: String| engine.host.log('*', &text);
        let manifest = match self.manifest.take() {
            Some(manifest) => {
                if let Some(last) = manifest.incrs.last() {
                    log(format!("Opening AOF incr file {} on server start", last.name));
                }
                manifest
            }
            None => {
                let form = match is_rdb {
                    true => Form::Snapshot,
                    false => Form::Commands { notes_time: false },
                };
                let begun = self.begin(engine, form).map_err(|error| {
                    let dir = files.dir();
                    format!("Can't write the AOF in {}: {}", dir.display(), reason(&error))
                })?;
                if let Some(base) = &begun.base {
                    log(format!("Creating AOF base file {} on server start", base.name));
                }
                begun
            }
        };
        engine.resume_aof(files, manifest)
    }

    /// The first base: the snapshot under another name, or one of nothing.
    fn begin(&self, engine: &Engine, form: Form) -> io::Result<Manifest> {
        let files = &self.files;
        files.make_dir()?;
        let temp = files.temp_base();
        let mut extension = form.extension();
        let write = |bytes: &[u8]| {
            let mut file = files.disk.open(&temp, Open::Create)?;
            file.write_all(bytes)?;
            file.sync()
        };
        match &self.snapshot {
            None => write(&engine.empty_base(form))?,
            Some(snapshot) => {
                extension = "rdb";
                // Where a file can have one name only, there will be two files.
                if files.disk.link(snapshot, &temp).is_err() {
                    write(&files.disk.read(snapshot)?)?;
                }
            }
        }
        files.install_alone(&temp, extension, false)?;
        let manifest = files.load().map_err(io::Error::other)?;
        Ok(manifest.unwrap_or_default())
    }
}

fn seconds_since(began_us: u64) -> f64 {
    (monotonic_us() - began_us) as f64 / 1e6
}
