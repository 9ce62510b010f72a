//! One file of a log, from its first byte to its last.
//!
//! ```text
//!   RDB, if it begins with one ─► the rest is checked to its end ─► its commands are run
//! ```

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ::base::clock::monotonic_us;
use ::base::disk::{File, Open, reason};
use config::id;
use journal::aof::check::Check;
use journal::aof::scan::{Item, Stop};
use journal::aof::{Files, Scan};

use super::damage::settle;
use crate::cx::Cx;
use crate::engine::Engine;
use crate::persistence::{Loading, Merge};
use crate::replay::NotRun;
use ::base::disk::AsStd;

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
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) is_last: bool,
}

/// How far a part is.
enum Stage {
    Rdb(Loading),
    Check(Check),
    Run(Scan, u64),
}

pub(super) struct Current {
    pub(super) part: Part,
    stage: Stage,
    /// Where its commands begin.
    from: u64,
    db: usize,
    errors: u64,
    pub(super) began_us: u64,
}

impl Current {
    /// Looks what the file is.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn open(engine: &Engine, files: &Files, part: Part) -> Result<Current, String> {
        let mut head = [0; 6];
        let read = open(files, &part)?.read_full(&mut head);
        let read = read.map_err(|error| unreadable(&part.name, &error))?;
        let is_rdb = head[..read].starts_with(b"REDIS") || head[..read].starts_with(b"VALKEY");
        let stage = match is_rdb || part.kind == "snapshot" {
            true => {
                engine.host.log('*', "Reading RDB base file on AOF loading...");
                let total = engine.persistence.load_total_bytes.load(Relaxed);
                let input = Box::new(AsStd(open(files, &part)?));
                let loading = engine.begin_load(input, total, Merge::Refuse);
                let loading = loading.map_err(|failure| bad_preamble(&part.name, &failure))?;
                Stage::Rdb(loading.keep_expired())
            }
            false => Stage::Check(check_from(files, &part, 0)?),
        };
        Ok(Current { part, stage, from: 0, db: 0, errors: 0, began_us: monotonic_us() })
    }

    /// Loads on. How far in the file; none at its end.
    pub(super) fn go_on(
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
