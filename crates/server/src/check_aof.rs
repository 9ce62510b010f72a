//! `ochre-check-aof`, which is `redis-check-aof` too: the server's binary under another name.
//!
//! It reads a log as the server would at its start, runs nothing, and says how far each file is
//! good. `--fix` cuts off what is not, of the last file only; `--truncate-to-timestamp` cuts off
//! what came later. Texts are those of redis-check-aof, for whoever reads them with a program.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base::disk::{Disk, File, Open, Real, reason};
use journal::aof::check::{Checked, Damage, check};
use journal::aof::scan::Item;
use journal::aof::{Manifest, Scan};
use rdb::load::{Item as RdbItem, Loader, Terms};

const USAGE: &str = "Usage: ochre-check-aof [--json] [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>";
const NAMES: [&str; 3] = ["ochre-check-aof", "redis-check-aof", "valkey-check-aof"];

/// Does what it was called for. None if the binary has another name.
pub(crate) fn answer(arguments: &[OsString]) -> Option<ExitCode> {
    let name = Path::new(arguments.first()?).file_name()?.to_str()?;
    NAMES.contains(&name).then(|| run(&arguments[1..]))
}

#[derive(Debug, Default)]
struct Asked {
    fixes: bool,
    is_json: bool,
    until_s: Option<i64>,
    file: PathBuf,
}

fn parse(arguments: &[OsString]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut words = arguments.iter();
    let mut file = None;
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--fix") => asked.fixes = true,
            Some("--json") => asked.is_json = true,
            Some("--truncate-to-timestamp") => {
                let moment: Option<i64> = words.next().and_then(|word| word.to_str()?.parse().ok());
                let moment = moment.filter(|s| *s > 0);
                asked.until_s = Some(moment.ok_or("Invalid timestamp, aborting...")?);
            }
            Some(option) if option.starts_with("--") => return Err(USAGE.to_owned()),
            _ if file.is_some() => return Err(USAGE.to_owned()),
            _ => file = Some(PathBuf::from(word)),
        }
    }
    asked.file = file.ok_or(USAGE)?;
    if asked.fixes && asked.until_s.is_some() {
        return Err(USAGE.to_owned());
    }
    Ok(asked)
}

fn run(arguments: &[OsString]) -> ExitCode {
    if arguments.iter().any(|word| word == "--version") {
        println!("{}", crate::process::version::line());
        return ExitCode::SUCCESS;
    }
    let asked = match parse(arguments) {
        Ok(asked) => asked,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report { is_json: asked.is_json, files: Vec::new() };
    let checked = check_log(&asked, &mut report);
    if let Err(text) = &checked {
        report.say(text);
    }
    if asked.is_json {
        println!("{}", report.json(checked.as_ref().err()));
    }
    if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is told, and what was found.
struct Report {
    is_json: bool,
    files: Vec<(String, Checked)>,
}

impl Report {
    fn say(&self, line: &str) {
        if !self.is_json {
            println!("{line}");
        }
    }

    fn json(&self, error: Option<&String>) -> String {
        let file = |(name, checked): &(String, Checked)| {
            let state = match checked.damage {
                None => "valid",
                Some(Damage::CutOff) => "cut off",
                Some(Damage::Torn) => "torn",
                Some(Damage::Bad(..)) => "damaged",
            };
            format!(
                "{{\"name\":{name:?},\"bytes\":{},\"good_bytes\":{},\"commands\":{},\"state\":\"{state}\"}}",
                checked.len, checked.good, checked.commands
            )
        };
        let files: Vec<String> = self.files.iter().map(file).collect();
        let error = error.map_or("null".to_owned(), |text| format!("{text:?}"));
        format!(
            "{{\"valid\":{},\"error\":{error},\"files\":[{}]}}",
            error == "null",
            files.join(",")
        )
    }
}

/// # Errors
/// What to print before exiting.
fn check_log(asked: &Asked, report: &mut Report) -> Result<(), String> {
    let path = &asked.file;
    let shown = path.display().to_string();
    let cannot = |error: io::Error| format!("Cannot open file {shown}: {}", reason(&error));
    let mut head = [0; 5];
    let read = Real.open(path, Open::Read).and_then(|mut file| file.read_full(&mut head));
    let read = read.map_err(cannot)?;
    let is_manifest =
        path.extension().is_some_and(|end| end == "manifest") || head[..read].starts_with(b"file ");
    if !is_manifest {
        report.say("Start checking Old-Style AOF");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return check_file(asked, report, "AOF", &name, path, true);
    }
    report.say("Start checking Multi Part AOF");
    let text = Real.read(path).map_err(|error| format!("Cannot open file {shown}: {error}"))?;
    let manifest = Manifest::parse(&text).map_err(|bad| bad.to_string())?;
    let dir = base::disk::dir_of(path);
    if let Some(base) = &manifest.base {
        let path = dir.join(&base.name);
        let is_rdb = is_snapshot(&path).map_err(|error| cannot_open(&path, &error))?;
        let format = if is_rdb { "RDB" } else { "RESP" };
        report.say(&format!("Start to check BASE AOF ({format} format)."));
        let is_last = manifest.incrs.is_empty();
        check_file(asked, report, "BASE AOF", &base.name, &path, is_last)?;
    }
    if !manifest.incrs.is_empty() {
        report.say("Start to check INCR files.");
    }
    for (i, incr) in manifest.incrs.iter().enumerate() {
        let is_last = i + 1 == manifest.incrs.len();
        check_file(asked, report, "INCR AOF", &incr.name, &dir.join(&incr.name), is_last)?;
    }
    report.say("All AOF files and manifest are valid");
    Ok(())
}

fn cannot_open(path: &Path, error: &io::Error) -> String {
    format!("Cannot open file {}: {}, aborting...", path.display(), reason(error))
}

fn is_snapshot(path: &Path) -> io::Result<bool> {
    let mut head = [0; 6];
    let read = Real.open(path, Open::Read)?.read_full(&mut head)?;
    Ok(head[..read].starts_with(b"REDIS") || head[..read].starts_with(b"VALKEY"))
}

fn check_file(
    asked: &Asked,
    report: &mut Report,
    kind: &str,
    name: &str,
    path: &Path,
    is_last: bool,
) -> Result<(), String> {
    let cannot = |error: io::Error| cannot_open(path, &error);
    let len = Real.open(path, Open::Read).and_then(|file| file.len()).map_err(cannot)?;
    if len == 0 {
        report.say(&format!("{kind} {name} is empty"));
        return Ok(());
    }
    let mut from = 0;
    if is_snapshot(path).map_err(cannot)? {
        from = end_of_snapshot(path)
            .map_err(|why| format!("{why}\nRDB preamble of AOF file is not sane, aborting."))?;
        report.say("RDB preamble is OK, proceeding with AOF tail...");
    }
    let open = || -> io::Result<Box<dyn File>> {
        let mut file = Real.open(path, Open::Read)?;
        file.seek(from)?;
        Ok(file)
    };
    if let Some(until_s) = asked.until_s {
        let file = open().map_err(cannot)?;
        if let Some(at) = later_than(Scan::new(file, from), until_s)? {
            cut_to_moment(name, path, at, until_s, is_last)?;
            report.say(&format!("Successfully truncated AOF {name} to timestamp {until_s}"));
            return Ok(());
        }
    }
    let checked = open().and_then(|file| check(file, from)).map_err(cannot)?;
    report.files.push((name.to_owned(), checked));
    if let Some(Damage::Bad(at, why)) = checked.damage {
        report.say(&format!("{at:#018x}: {why}"));
        report.say(&format!("AOF {name} format error"));
    }
    if checked.damage.is_none()
        && let Some(until_s) = asked.until_s
    {
        report.say(&format!("Truncate nothing in AOF {name} to timestamp {until_s}"));
        return Ok(());
    }
    let line = 1 + lines(path, checked.good).map_err(cannot)?;
    let (good, diff) = (checked.good, len - checked.good);
    report.say(&format!(
        "AOF analyzed: filename={name}, size={len}, ok_up_to={good}, ok_up_to_line={line}, diff={diff}"
    ));
    if diff == 0 {
        report.say(&format!("{kind} {name} is valid"));
        return Ok(());
    }
    if !asked.fixes {
        return Err(format!("AOF {name} is not valid. Use the --fix option to try fixing it."));
    }
    if !is_last {
        return Err(format!("Failed to truncate AOF {name} because it is not the last file"));
    }
    report.say(&format!(
        "This will shrink the AOF {name} from {len} bytes, with {diff} bytes, to {good} bytes"
    ));
    confirm()?;
    truncate(path, good)
        .map_err(|error| format!("Failed to truncate AOF {name}: {}", reason(&error)))?;
    report.say(&format!("Successfully truncated AOF {name}"));
    Ok(())
}

/// Where the snapshot at the beginning of a file ends.
fn end_of_snapshot(path: &Path) -> Result<u64, String> {
    let input = std::fs::File::open(path).map_err(|error| reason(&error))?;
    let terms = Terms { limits: store::Limits::default(), checks_crc: true, any_version: false };
    let mut loader = Loader::new(input, terms).map_err(|error| error.to_string())?;
    loop {
        if let RdbItem::End = loader.item().map_err(|error| error.to_string())? {
            return Ok(loader.offset());
        }
    }
}

/// Where the first note stands that is of a later moment.
fn later_than(mut scan: Scan, until_s: i64) -> Result<Option<u64>, String> {
    loop {
        let at = scan.offset();
        match scan.next_item() {
            Ok(Item::Command(_)) => {}
            Ok(Item::Note(line)) => {
                let Some(moment) = line.strip_prefix(b"#TS:") else { continue };
                let moment = std::str::from_utf8(moment).ok().and_then(|text| text.parse().ok());
                let moment: i64 = moment.ok_or("Invalid timestamp annotation")?;
                if moment > until_s {
                    return Ok(Some(at));
                }
            }
            // What is damaged is found by the check.
            Err(_) => return Ok(None),
        }
    }
}

fn cut_to_moment(
    name: &str,
    path: &Path,
    at: u64,
    until_s: i64,
    is_last: bool,
) -> Result<(), String> {
    if at == 0 {
        return Err(format!("AOF {name} has nothing before timestamp {until_s}, aborting..."));
    }
    if !is_last {
        return Err(format!(
            "Failed to truncate AOF {name} to timestamp {until_s} to offset {at} because it is not \
             the last file.\nIf you insist, please delete all files after this file according to \
             the manifest file and delete the corresponding records in manifest file manually. \
             Then re-run redis-check-aof."
        ));
    }
    truncate(path, at).map_err(|error| {
        format!("Failed to truncate AOF {name} to timestamp {until_s}: {}", reason(&error))
    })
}

fn truncate(path: &Path, len: u64) -> io::Result<()> {
    let mut file = Real.open(path, Open::Repair)?;
    file.truncate(len)?;
    file.sync()
}

fn confirm() -> Result<(), String> {
    print!("Continue? [y/N]: ");
    // Who does not see the question may answer it all the same.
    let _ = io::Write::flush(&mut io::stdout());
    let mut answer = String::new();
    // Who cannot be asked has not agreed.
    let _ = io::stdin().read_line(&mut answer);
    match answer.starts_with(['y', 'Y']) {
        true => Ok(()),
        false => Err("Aborting...".to_owned()),
    }
}

/// Line ends in the first so many bytes of a file.
fn lines(path: &Path, bytes: u64) -> io::Result<u64> {
    let mut input = std::fs::File::open(path)?.take(bytes);
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0;
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(lines),
            n => lines += buffer[..n].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn options_are_those_of_redis() {
        let asked = parse(&words("--fix a.manifest")).expect("it is understood");
        assert!(asked.fixes && asked.file == Path::new("a.manifest"));
        let asked = parse(&words("--truncate-to-timestamp 12 --json a")).expect("it is understood");
        assert!(asked.until_s == Some(12) && asked.is_json);
        for bad in ["--truncate-to-timestamp x a", "--fixx a", "a b", "--fix"] {
            assert!(parse(&words(bad)).is_err(), "{bad}");
        }
    }
}
