//! `ochre-check-rdb`, which is `redis-check-rdb` too: the server's binary under another name.

use std::ffi::OsString;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

use rdb::load::Terms;

const USAGE: &str = "Usage: ochre-check-rdb [--json] <rdb-file-name>";
const NAMES: [&str; 3] = ["ochre-check-rdb", "redis-check-rdb", "valkey-check-rdb"];

/// Does what it was called for. None if the binary has another name.
pub(crate) fn answer(arguments: &[OsString]) -> Option<ExitCode> {
    let name = Path::new(arguments.first()?).file_name()?.to_str()?;
    NAMES.contains(&name).then(|| run(&arguments[1..]))
}

fn run(arguments: &[OsString]) -> ExitCode {
    let is_option = |argument: &&OsString| argument.to_str().is_some_and(|a| a.starts_with("--"));
    let (options, files): (Vec<_>, Vec<_>) = arguments.iter().partition(is_option);
    if options.iter().any(|option| *option == "--version") {
        println!("{}", crate::process::version::line());
        return ExitCode::SUCCESS;
    }
    let ([file], true) = (&files[..], options.iter().all(|option| *option == "--json")) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let shown = file.to_string_lossy();
    let input = match File::open(file) {
        Ok(input) => input,
        Err(error) => {
            eprintln!("Cannot open file {shown}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let terms = Terms { limits: store::Limits::default(), checks_crc: true, any_version: false };
    let report = rdb::check::check(BufReader::new(input), terms, base::clock::unix_ms());
    match options.is_empty() {
        true => print!("{}", report.text(&shown)),
        false => print!("{}", report.json(&shown)),
    }
    if report.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
