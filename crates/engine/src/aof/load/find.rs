//! Finding the log: its manifest, an old log of one file, what a crash left, and what says that
//! there was more than the manifest names.
//!
//! # Invariants
//!
//! (1) A log is never begun, or taken for shorter than it is, beside files with data that the
//!     manifest does not name: a manifest that is missing or old is refused.
//! (2) A log that was off for a while, in which the data set was saved, is refused: its data is older.
//!     Only of snapshots of ours is that known.

use std::io;

use ::base::disk::{Disk, Found, Open, reason};
use config::id;
use journal::aof::{Files, Manifest};
use rdb::load::{Item, Loader, Terms};
use store::Limits;

use crate::engine::Engine;
use ::base::disk::AsStd;

/// Takes back what a crash left half-way.
///
/// # Errors
/// As for [`find`].
pub(super) fn tidy_up(files: &Files) -> Result<(), String> {
    let manifest = files.load().map_err(|error| error.to_string())?;
    files.take_back(manifest.as_ref()).and_then(|()| files.sweep()).map_err(|error| {
        format!("Can't write the AOF in {}: {}", files.dir().display(), reason(&error))
    })
}

/// The manifest, after an old log of one file has become one of several.
///
/// # Errors
/// A text for the log: the server must not start.
pub(super) fn find(engine: &Engine, files: &Files) -> Result<Option<Manifest>, String> {
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
            refuse_newer(files, &manifest)?;
            refuse_stale(files, &manifest, &engine.config().text(id::DBFILENAME))?;
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

/// Names in the log's directory, if it is there.
fn names(files: &Files) -> Result<Vec<String>, String> {
    let dir = files.dir();
    match files.disk.find(&dir) {
        Ok(Found::Dir) => {}
        Ok(Found::Nothing) => return Ok(Vec::new()),
        Ok(Found::File(_)) => {
            return Err(format!("{} is a file, not the directory of the AOF", dir.display()));
        }
        Err(error) => return Err(format!("Can't look at {}: {}", dir.display(), reason(&error))),
    }
    let names = files.disk.list(&dir);
    names.map_err(|error| format!("Can't list {}: {}", dir.display(), reason(&error)))
}

fn has_data(files: &Files, name: &str) -> bool {
    !files.disk.find(&files.path(name)).is_ok_and(|found| found == Found::File(0))
}

/// Files of a log without its manifest (1).
fn refuse_orphans(files: &Files) -> Result<(), String> {
    let names = names(files)?;
    let is_part = |name: &&String| {
        let rest = name.strip_prefix(&files.name).unwrap_or_default();
        [".base.rdb", ".base.aof", ".incr.aof"].iter().any(|end| rest.ends_with(end))
    };
    let Some(orphan) = names.iter().filter(is_part).find(|name| has_data(files, name)) else {
        return Ok(());
    };
    Err(format!(
        "Fatal error: {} holds {orphan} but the manifest {} is missing: the data set cannot be \
         known. Restore the manifest, or move the files away to start without them.",
        files.dir().display(),
        files.manifest_path().display()
    ))
}

/// Increments that came after all that the manifest names (1).
fn refuse_newer(files: &Files, manifest: &Manifest) -> Result<(), String> {
    let last = manifest.incrs.last().map_or(0, |part| part.seq);
    let is_newer = |name: &&String| {
        let seq = name.strip_prefix(&files.name).and_then(|rest| rest.strip_prefix('.'));
        let seq = seq.and_then(|rest| rest.strip_suffix(".incr.aof"));
        let is_named = manifest.parts().chain(&manifest.history).any(|part| part.name == **name);
        !is_named && seq.and_then(|seq| seq.parse::<u64>().ok()).is_some_and(|seq| seq > last)
    };
    let names = names(files)?;
    match names.iter().filter(is_newer).find(|name| has_data(files, name)) {
        None => Ok(()),
        Some(newer) => Err(format!(
            "Fatal error: {} holds {newer} but the manifest {} is older and does not name it: \
             starting would lose what is in it. Restore the manifest, or move the file away to \
             start without it.",
            files.dir().display(),
            files.manifest_path().display()
        )),
    }
}

/// A snapshot that was made after the log had been switched off (2).
fn refuse_stale(files: &Files, manifest: &Manifest, name: &str) -> Result<(), String> {
    let path = files.above.join(name);
    let snapshot = made(&*files.disk, &path);
    let base = manifest.base.as_ref().and_then(|base| made(&*files.disk, &files.path(&base.name)));
    let (Some(snapshot), Some(base)) = (snapshot, base) else { return Ok(()) };
    if snapshot.has_log || snapshot.ms <= base.ms {
        return Ok(());
    }
    Err(format!(
        "Fatal error: {name} was saved while the AOF was off, and is newer than the AOF in {}: \
         starting would lose what is in it. Move the AOF's directory away to begin one with {name}, \
         or move {name} away to start with the AOF.",
        files.dir().display()
    ))
}

/// What a snapshot of ours says of its making.
struct Made {
    ms: i64,
    has_log: bool,
}

/// None if it does not say so, or is no snapshot: whoever loads it will tell.
fn made(disk: &dyn Disk, path: &std::path::Path) -> Option<Made> {
    let file = disk.open(path, Open::Read).ok()?;
    let terms = Terms { limits: Limits::default(), checks_crc: false, any_version: true };
    let mut loader = Loader::new(AsStd(file), terms).ok()?;
    let (mut ms, mut has_log) = (None, None);
    while let Ok(Item::Aux { name, text }) = loader.item() {
        match &name[..] {
            b"ctime-ms" => ms = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()),
            b"aof-on" => has_log = Some(text == b"1"),
            _ => {}
        }
    }
    // The base of an empty data set has no log to speak of.
    Some(Made { ms: ms?, has_log: has_log.unwrap_or(true) })
}
