//! `ochre-server --restore-at WHEN FROM TO`: the data set as it was at an instant, in a new directory.
//!
//! The work is the log's own ([`journal::aof::restore`]); here are words, directories and the snapshot
//! that a log begins with. FROM is a data directory, the directory of a log in it, or a backup; it is
//! only read.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use base::calendar::{self, Utc};
use base::clock::unix_ms;
use base::disk::{AsStd, Disk, File, Real, reason};
use journal::aof::Files;
use journal::aof::restore::{OfBase, Restored, Until, restore};
use rdb::load::{Item, Loader, Terms};

const USAGE: &str = "\
Usage: ochre-server --restore-at <when> <data directory or backup> <new directory>

<when> is one of:
  2026-11-22T10:15:30Z              an instant, in UTC; with milliseconds: 10:15:30.250Z
  1795342530000                     the same in milliseconds of Unix time
  appendonly.aof.5.incr.aof:90112   what stands before this byte of this file of the log

What was done before the instant is restored, and nothing that was done later.
";

const LOG_DIR: &str = "appendonlydir";
const LOG_NAME: &str = "appendonly.aof";

/// Does it, if that is asked for.
pub(crate) fn answer(arguments: &[OsString]) -> Option<ExitCode> {
    (arguments.get(1)? == "--restore-at").then(|| match run(&arguments[2..]) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{}", text.trim_end());
            ExitCode::FAILURE
        }
    })
}

fn run(words: &[OsString]) -> Result<String, String> {
    let [when, from, to] = words else { return Err(USAGE.to_owned()) };
    let until = when.to_str().and_then(until_of).ok_or(USAGE)?;
    if let Until::Instant(ms) = until
        && ms > unix_ms()
    {
        return Err(format!("{} has not come yet", Utc(ms)));
    }
    let (from, to) = (Path::new(from), Path::new(to));
    let log = the_log(from)?;
    let made = make_new(to)?;
    let into = Files {
        disk: Arc::new(Real),
        above: to.to_owned(),
        dir_name: LOG_DIR.to_owned(),
        name: log.name.clone(),
    };
    match restore(&log, &into, &until, of_base) {
        Ok(restored) => Ok(told(&restored, &log, to)),
        Err(error) => {
            // What is there of it is of no use; the error that counts is the first.
            let _ = std::fs::remove_dir_all(into.dir());
            if made {
                let _ = std::fs::remove_dir(to);
            }
            Err(error.to_string())
        }
    }
}

fn until_of(text: &str) -> Option<Until> {
    if let Some(ms) = text.parse().ok().or_else(|| calendar::parse(text)) {
        return Some(Until::Instant(ms));
    }
    let (file, offset) = text.rsplit_once(':')?;
    let offset = offset.parse().ok()?;
    file.ends_with(".aof").then(|| Until::Place { file: file.to_owned(), offset })
}

fn told(restored: &Restored, log: &Files, to: &Path) -> String {
    let &Restored { commands, bytes, is_all, torn_bytes } = restored;
    let mut text = format!(
        "Restored {bytes} bytes of {} to {}, with {commands} commands behind the base.\n",
        log.dir().display(),
        to.display()
    );
    if torn_bytes > 0 {
        let _ = writeln!(text, "The last {torn_bytes} bytes of it are no whole command.");
    }
    if is_all {
        text.push_str("That is all of it: nothing in it is later.\n");
    }
    let name = match log.name == LOG_NAME {
        true => String::new(),
        false => format!(" --appendfilename {:?}", log.name),
    };
    let _ = writeln!(
        text,
        "Start a server with it: ochre-server --dir {} --appendonly yes{name}",
        to.display()
    );
    text
}

/// Makes the directory. False if it was there, and empty.
fn make_new(to: &Path) -> Result<bool, String> {
    let cannot = |error: io::Error| format!("Can't make {}: {}", to.display(), reason(&error));
    match std::fs::create_dir(to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match std::fs::read_dir(to).map_err(cannot)?.next() {
                None => Ok(false),
                Some(_) => Err(format!("{} is there already, and is not empty", to.display())),
            }
        }
        Err(error) => Err(cannot(error)),
    }
}

/// The one log in a data directory, or that is one.
fn the_log(data: &Path) -> Result<Files, String> {
    let cannot = |path: &Path, error: io::Error| {
        format!("Can't read {}: {}", path.display(), reason(&error))
    };
    let mut dirs = vec![data.to_owned()];
    for entry in std::fs::read_dir(data).map_err(|error| cannot(data, error))? {
        let path = entry.map_err(|error| cannot(data, error))?.path();
        if path.is_dir() {
            dirs.push(path);
        }
    }
    let mut found: Vec<(PathBuf, String)> = Vec::new();
    for dir in dirs {
        // A directory in it that is none of ours may be closed to us.
        let Ok(names) = Real.list(&dir) else { continue };
        let logs = names.iter().filter_map(|name| name.strip_suffix(".manifest"));
        let logs = logs.filter(|name| !name.starts_with("temp-"));
        found.extend(logs.map(|name| (dir.clone(), name.to_owned())));
    }
    // Beside the log there may be a backup.
    let is_usual = |(dir, _): &(PathBuf, String)| {
        dir == data || dir.file_name().is_some_and(|name| name == LOG_DIR)
    };
    if found.len() > 1 && found.iter().any(is_usual) {
        found.retain(is_usual);
    }
    let [(dir, name)] = &found[..] else {
        let dir = data.display();
        return Err(match found.len() {
            0 => format!("{dir} holds no append only file: a snapshot alone is of one moment only"),
            _ => format!("{dir} holds several append only files: name the directory of one"),
        });
    };
    // A path may end in a name that is none, such as "..".
    let dir = dir.canonicalize().map_err(|error| cannot(dir, error))?;
    let dir_name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let above = dir.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Files { disk: Arc::new(Real), above, dir_name, name: name.clone() })
}

/// Reads the snapshot that a base is, to its end: one that cannot be loaded is not handed on.
fn of_base(file: &mut dyn File) -> Result<OfBase, String> {
    let told = |error: io::Error| reason(&error);
    let mut head = [0; 6];
    let read = file.read_full(&mut head).map_err(told)?;
    file.seek(0).map_err(told)?;
    if !(head[..read].starts_with(b"REDIS") || head[..read].starts_with(b"VALKEY")) {
        return Ok(OfBase { before_ms: None, commands_at: 0 });
    }
    let terms = Terms { limits: store::Limits::default(), checks_crc: true, any_version: false };
    let mut loader = Loader::new(AsStd(file), terms).map_err(|error| error.to_string())?;
    let (mut second, mut millisecond): (Option<i64>, Option<i64>) = (None, None);
    loop {
        match loader.item().map_err(|error| error.to_string())? {
            Item::Aux { name, text } => {
                let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                match &name[..] {
                    b"ctime" => second = number,
                    b"ctime-ms" => millisecond = number,
                    _ => {}
                }
            }
            Item::End => break,
            _ => {}
        }
    }
    let before_ms = match (millisecond, second) {
        (Some(ms), _) => Some(ms.saturating_add(1)),
        (None, Some(s)) => Some(s.saturating_add(1).saturating_mul(1000)),
        (None, None) => None,
    };
    Ok(OfBase { before_ms, commands_at: loader.offset() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_is_an_instant_or_a_place() {
        assert_eq!(until_of("1795342530000"), Some(Until::Instant(1_795_342_530_000)));
        assert_eq!(until_of("2026-11-22T10:15:30Z"), Some(Until::Instant(1_795_342_530_000)));
        let file = "a.5.incr.aof".to_owned();
        assert_eq!(until_of("a.5.incr.aof:12"), Some(Until::Place { file, offset: 12 }));
        for bad in ["", "now", "a.5.incr.aof", "a.5.incr.aof:x", "dump.rdb:9"] {
            assert_eq!(until_of(bad), None, "{bad}");
        }
    }
}
