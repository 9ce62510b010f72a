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

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ::base::clock::monotonic_us;
use ::base::disk::{Disk, File, Found, Open, reason};
use config::id;
use journal::aof::check::{Check, Checked, Damage};
use journal::aof::scan::{Item, Stop};
use journal::aof::{Files, Manifest, Scan};

use super::base::{Form, Reading};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::persistence::{AtStart, Loading, Merge};
use crate::replay::NotRun;

/// Commands run together.
const RUN_BYTES: usize = 256 * 1024;
const RUN_COMMANDS: usize = 1024;
/// The same with `key-load-delay`.
const DELAYED_COMMANDS: usize = 16;
/// Bytes checked together.
const CHECK_BYTES: u64 = 1 << 20;
/// Errors of commands that are told each.
const TOLD_MAX: u64 = 10;

/// One file to load.
struct Part {
    path: PathBuf,
    name: String,
    kind: &'static str,
    is_last: bool,
}

/// How far a part is.
enum Stage {
    Rdb(Loading),
    Check(Check),
    Run(Scan, u64),
}

struct Current {
    part: Part,
    stage: Stage,
    /// Where its commands begin.
    from: u64,
    db: usize,
    errors: u64,
    began_us: u64,
}

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
        self.lock_aof(&files)?;
        let told = |error: io::Error| {
            format!("Can't write the AOF in {}: {}", files.dir().display(), reason(&error))
        };
        files.sweep().map_err(told)?;
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
        while !loading.go_on(self, u64::MAX)? {}
        Ok(loading.manifest.is_some())
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
                self.current = Some(self.open(cx.engine, part)?);
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

    fn open(&self, engine: &Engine, part: Part) -> Result<Current, String> {
        let mut head = [0; 6];
        let read = open(&self.files, &part)?.read_full(&mut head);
        let read = read.map_err(|error| unreadable(&part.name, &error))?;
        let is_rdb = head[..read].starts_with(b"REDIS") || head[..read].starts_with(b"VALKEY");
        let stage = match is_rdb || part.kind == "snapshot" {
            true => {
                engine.host.log('*', "Reading RDB base file on AOF loading...");
                let total = engine.persistence.load_total_bytes.load(Relaxed);
                let input = Box::new(Reading(open(&self.files, &part)?));
                let loading = engine.begin_load(input, total, Merge::Refuse);
                let loading = loading.map_err(|failure| bad_preamble(&part.name, &failure))?;
                Stage::Rdb(loading.keep_expired())
            }
            false => Stage::Check(check_from(&self.files, &part, 0)?),
        };
        Ok(Current { part, stage, from: 0, db: 0, errors: 0, began_us: monotonic_us() })
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

impl Current {
    /// Loads on. How far in the file; none at its end.
    fn go_on(
        &mut self,
        cx: &mut Cx<'_>,
        files: &Files,
        until_us: u64,
    ) -> Result<Option<u64>, String> {
        let name = &self.part.name;
        match &mut self.stage {
            Stage::Rdb(loading) => {
                let is_done = cx.engine.load_some(loading, &mut cx.db.access, until_us);
                let is_done = is_done.map_err(|failure| bad_preamble(name, &failure))?;
                let at = loading.offset();
                if is_done {
                    self.from = at;
                    self.stage = Stage::Check(check_from(files, &self.part, at)?);
                }
                Ok(Some(at))
            }
            Stage::Check(check) => {
                let checked = check.go_on(CHECK_BYTES);
                match checked.map_err(|error| unreadable(name, &error))? {
                    None => {}
                    Some(checked) => {
                        if let Some(damage) = checked.damage {
                            settle(cx.engine, files, name, self.part.is_last, &checked, damage)?;
                        }
                        let file = open_at(files, &self.part, self.from)?;
                        self.stage = Stage::Run(Scan::new(file, self.from), checked.good);
                    }
                }
                Ok(Some(self.from))
            }
            Stage::Run(scan, good) => {
                let db = &mut self.db;
                let ran = cx.replaying(|cx| {
                    cx.client.db = *db;
                    let ran = run_some(cx, scan, *good, name, &mut self.errors);
                    *db = cx.client.db;
                    ran
                });
                ran?;
                if scan.offset() < *good {
                    return Ok(Some(scan.offset()));
                }
                let errors = self.errors;
                if errors > TOLD_MAX {
                    let text = format!(
                        "{errors} commands of the append only file {name} answered an error"
                    );
                    cx.engine.host.log('#', &text);
                }
                Ok(None)
            }
        }
    }
}

fn seconds_since(began_us: u64) -> f64 {
    (monotonic_us() - began_us) as f64 / 1e6
}

fn open(files: &Files, part: &Part) -> Result<Box<dyn File>, String> {
    files.disk.open(&part.path, Open::Read).map_err(|error| {
        let (name, why) = (&part.name, reason(&error));
        format!("Fatal error: can't open the append log file {name} for reading: {why}")
    })
}

fn open_at(files: &Files, part: &Part, at: u64) -> Result<Box<dyn File>, String> {
    let mut file = open(files, part)?;
    file.seek(at).map_err(|error| unreadable(&part.name, &error))?;
    Ok(file)
}

fn check_from(files: &Files, part: &Part, at: u64) -> Result<Check, String> {
    Check::new(open_at(files, part, at)?, at).map_err(|error| unreadable(&part.name, &error))
}

fn unreadable(name: &str, error: &io::Error) -> String {
    format!("Unrecoverable error reading the append only file {name}: {}", reason(error))
}

fn bad_preamble(name: &str, why: &dyn std::fmt::Display) -> String {
    format!("Error reading the RDB preamble of the AOF file {name}, AOF loading aborted: {why}")
}

/// The manifest, after an old log of one file has become one of several.
fn find(engine: &Engine, files: &Files) -> Result<Option<Manifest>, String> {
    let told = |what: &str, error: io::Error| format!("{what}: {}", reason(&error));
    let disk = &*files.disk;
    let old = files.above.join(&files.name);
    let has_old = |disk: &dyn Disk| disk.find(&old).map(|found| matches!(found, Found::File(_)));
    let log = |text: &str| engine.host.log('*', text);
    match files.load().map_err(|error| error.to_string())? {
        Some(manifest) => {
            // An upgrade that was interrupted between its two halves.
            let is_named = manifest.base.as_ref().is_some_and(|base| base.name == files.name)
                && manifest.incrs.is_empty()
                && disk.find(&files.path(&files.name)).is_ok_and(|found| found == Found::Nothing);
            if is_named && has_old(disk).map_err(|e| told("Looking for an old AOF", e))? {
                files.finish_upgrade().map_err(|e| told("Error trying to move the old AOF", e))?;
                log("Successfully migrated an old-style AOF");
            }
            Ok(Some(manifest))
        }
        None => {
            refuse_orphans(files)?;
            if !has_old(disk).map_err(|e| told("Looking for an old AOF", e))? {
                return Ok(None);
            }
            let manifest =
                files.upgrade().map_err(|e| told("Error trying to move the old AOF", e))?;
            log("Successfully migrated an old-style AOF");
            Ok(Some(manifest))
        }
    }
}

/// Files of a log without its manifest: starting would be starting with less than there is.
fn refuse_orphans(files: &Files) -> Result<(), String> {
    let dir = files.dir();
    match files.disk.find(&dir) {
        Ok(Found::Dir) => {}
        Ok(Found::Nothing) => return Ok(()),
        Ok(Found::File(_)) => {
            return Err(format!("{} is a file, not the directory of the AOF", dir.display()));
        }
        Err(error) => return Err(format!("Can't look at {}: {}", dir.display(), reason(&error))),
    }
    let names = files.disk.list(&dir);
    let names =
        names.map_err(|error| format!("Can't list {}: {}", dir.display(), reason(&error)))?;
    let is_part = |name: &&String| {
        let rest = name.strip_prefix(&files.name).unwrap_or_default();
        [".base.rdb", ".base.aof", ".incr.aof"].iter().any(|end| rest.ends_with(end))
    };
    let Some(orphan) = names.iter().find(is_part) else { return Ok(()) };
    let is_empty =
        |name: &String| files.disk.find(&files.path(name)).is_ok_and(|f| f == Found::File(0));
    if names.iter().filter(is_part).all(is_empty) {
        return Ok(());
    }
    Err(format!(
        "Fatal error: {} holds {orphan} but the manifest {} is missing: the data set cannot be \
         known. Restore the manifest, or move the files away to start without them.",
        dir.display(),
        files.manifest_path().display()
    ))
}

/// What to do with a damaged file: go on with what is good of it, or not at all.
fn settle(
    engine: &Engine,
    files: &Files,
    name: &str,
    is_last: bool,
    checked: &Checked,
    damage: Damage,
) -> Result<(), String> {
    let lost = checked.len - checked.good;
    let config = engine.config();
    let loads_truncated = config.flag(id::AOF_LOAD_TRUNCATED);
    let tail_max = config.int(id::AOF_LOAD_CORRUPT_TAIL_MAX_SIZE) as u64;
    drop(config);
    let what = match damage {
        Damage::CutOff => "is cut off",
        Damage::Torn => "was torn by a power cut",
        Damage::Bad(..) => "is damaged",
    };
    match damage {
        Damage::CutOff | Damage::Torn if is_last && loads_truncated => {}
        Damage::CutOff | Damage::Torn => {
            let hint = if is_last {
                "2) Alternatively you can set the 'aof-load-truncated' configuration option to yes \
                 and restart the server."
            } else {
                "2) Only the last file of an AOF may be cut off, and this is not the last."
            };
            return Err(format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a \
                 backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. {hint}"
            ));
        }
        Damage::Bad(..) if is_last && lost <= tail_max => {}
        Damage::Bad(at, why) => {
            return Err(format!(
                "Bad file format reading the append only file {name}: {why}, at byte {at}; the {} \
                 bytes before byte {} are good. Make a backup of your AOF file, then use \
                 ./redis-check-aof --fix <filename.manifest>",
                checked.good, checked.good
            ));
        }
    }
    let host = &engine.host;
    host.log('#', &format!("!!! Warning: short read while loading the AOF file {name}!!!"));
    host.log(
        '#',
        &format!(
            "AOF {name} {what}: {} commands and {} bytes are good, the {lost} bytes behind them are not",
            checked.commands, checked.good
        ),
    );
    host.log('#', &format!("Truncating the AOF {name} at offset {}", checked.good));
    let cut = files.disk.open(&files.path(name), Open::Repair).and_then(|mut file| {
        file.truncate(checked.good)?;
        file.sync()
    });
    cut.map_err(|error| format!("Error truncating the AOF file {name}: {}", reason(&error)))?;
    host.log('#', &format!("AOF {name} loaded anyway because aof-load-truncated is enabled"));
    Ok(())
}

/// Runs some of the commands before `good`.
fn run_some(
    cx: &mut Cx<'_>,
    scan: &mut Scan,
    good: u64,
    name: &str,
    errors: &mut u64,
) -> Result<(), String> {
    let engine = cx.engine;
    let delay_us = engine.config().int(id::KEY_LOAD_DELAY).max(0) as u64;
    let most = if delay_us > 0 { DELAYED_COMMANDS } else { RUN_COMMANDS };
    let (mut commands, mut count) = (Vec::new(), 0);
    while scan.offset() < good && commands.len() < RUN_BYTES && count < most {
        match scan.next_item() {
            Ok(Item::Command(bytes)) => {
                commands.extend_from_slice(bytes);
                count += 1;
            }
            Ok(Item::Note(_)) => {}
            Err(Stop::Io(error)) => return Err(unreadable(name, &error)),
            Err(_) => return Err(format!("The append only file {name} changed while it was read")),
        }
    }
    let ran = cx.replay(&commands, &mut |command, error| {
        *errors += 1;
        if *errors <= TOLD_MAX {
            let (command, error) = (command.escape_ascii(), error.escape_ascii());
            let text = format!("'{command}' in the append only file {name} answers {error}");
            engine.host.log('#', &text);
        }
    });
    if delay_us > 0 {
        std::thread::sleep(Duration::from_micros(delay_us * count as u64));
    }
    match ran {
        Ok(()) => Ok(()),
        Err(NotRun::Unknown(command)) => {
            let command = command.escape_ascii();
            Err(format!("Unknown command '{command}' reading the append only file {name}"))
        }
        Err(NotRun::Malformed) => {
            Err(format!("Bad file format reading the append only file {name}"))
        }
    }
}
