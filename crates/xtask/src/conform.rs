//! `cargo x conform`: Redis's own test suites against our server, that of 7.0.15 or with `--redis`
//! that of 8.0.6.
//!
//! The suite is the best description of Redis there is, so we take it as it is: fetched from
//! Debian's source package ([`fetch`]), copied into a private tree where `src/redis-server` is
//! ours ([`sandbox`]), run file by file with one worker and with four ([`file`]), read
//! ([`transcript`]). Which files run, and which of their tests do not and why, stands in
//! `conform.list` or `conform-8.0.6.list` ([`list`]); `COMPAT.md` publishes both.
//!
//! The number of workers is passed as `io-threads`, Redis's name for it.

mod certificates;
mod fetch;
mod file;
pub(crate) mod list;
mod sandbox;
pub(crate) mod suite;
mod transcript;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::bench::server::Server;
use crate::workspace;
use list::SuiteFile;
use sandbox::{Programs, Sandbox};
use suite::Suite;
use transcript::Transcript;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files of the suite, such as unit/type/string; by default those listed.
    files: Vec<String>,
    /// The Redis whose suite it is.
    #[arg(long, value_name = "VERSION", default_value = "7.0.15")]
    redis: String,
    /// An unpacked source of that Redis to use instead of Debian's.
    #[arg(long, value_name = "DIR")]
    suite: Option<PathBuf>,
    /// Where Debian no longer has that source, say so and succeed.
    #[arg(long)]
    if_available: bool,
    /// Numbers of worker threads to run with.
    #[arg(long, value_delimiter = ',', default_value = "1,4")]
    workers: Vec<usize>,
    /// The server to test; by default ours, built now.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// The client to test with; by default the one beside the server.
    #[arg(long, value_name = "PATH")]
    cli: Option<PathBuf>,
    /// Print the files and their exclusions, and run nothing.
    #[arg(long)]
    list: bool,
    /// Run every file of the suite, for information: failures do not fail the chore.
    #[arg(long)]
    all: bool,
    /// Run excluded tests too.
    #[arg(long)]
    no_exclusions: bool,
    /// Seconds a file may take.
    #[arg(long, default_value_t = 900)]
    limit_s: u64,
    /// Keep the private tree with the servers' logs.
    #[arg(long)]
    keep: bool,
}

/// Messages of failed tests shown for one file.
const MESSAGES_SHOWN: usize = 40;

pub(crate) fn run(args: &Args) -> Result<()> {
    let suite = suite::named(&args.redis)?;
    if args.list {
        return print_list(suite);
    }
    fetch::prerequisites()?;
    let source = match &args.suite {
        Some(dir) => dir.canonicalize().with_context(|| format!("open {}", dir.display()))?,
        None => match fetch::source(suite) {
            Err(error) if args.if_available => {
                println!("left out: {error:#}");
                return Ok(());
            }
            source => source?,
        },
    };
    let programs = programs(args)?;
    let sandbox = Sandbox::new(&source, &programs, args.keep)?;
    let files = choose(args, suite, &sandbox)?;
    ensure!(!files.is_empty(), "no file to run");
    println!("suite of redis {}, server: {}", suite.version, programs.server.display());
    // The suite waits two minutes for every server that does not come up; we do not.
    drop(Server::start(&programs.server, 1, None)?);

    let name_width = files.iter().map(|file| file.name.len()).max().unwrap_or(0).max(4);
    println!(
        "{:name_width$}  workers  passed  failed  excluded  ignored  seconds",
        "file",
        name_width = name_width
    );
    let (mut passed, mut failed) = (0, 0);
    for &workers in &args.workers {
        for file in &files {
            let start = Instant::now();
            let outcome = file::run(&sandbox, file, workers, Duration::from_secs(args.limit_s))?;
            println!(
                "{:name_width$}  {workers:>7}  {:>6}  {:>6}  {:>8}  {:>7}  {:>7.1}{}",
                file.name,
                outcome.passed,
                outcome.failed(),
                outcome.excluded.len(),
                outcome.ignored,
                start.elapsed().as_secs_f64(),
                if outcome.aborted.is_some() { "  aborted" } else { "" },
                name_width = name_width
            );
            print_messages(&outcome);
            passed += outcome.passed;
            failed += outcome.failed();
        }
    }
    drop(sandbox);
    println!("\n{passed} passed, {failed} failed");
    if failed > 0 && !args.all {
        // The table has said it all; the last line stays the count.
        std::process::exit(1);
    }
    Ok(())
}

fn print_messages(outcome: &Transcript) {
    for message in outcome.failures.iter().take(MESSAGES_SHOWN) {
        print_indented("failed", message);
    }
    if outcome.failures.len() > MESSAGES_SHOWN {
        println!("    … and {} more", outcome.failures.len() - MESSAGES_SHOWN);
    }
    if let Some(why) = &outcome.aborted {
        print_indented("aborted", why);
    }
}

fn print_indented(what: &str, message: &str) {
    for (index, line) in message.lines().enumerate() {
        match index {
            0 => println!("    {what}: {line}"),
            _ => println!("        {line}"),
        }
    }
}

fn print_list(suite: &Suite) -> Result<()> {
    for file in list::read(suite)? {
        println!("{}", file.name);
        for exclusion in file.exclusions {
            println!("    without {}: {}", exclusion.what, exclusion.reason);
        }
    }
    Ok(())
}

fn programs(args: &Args) -> Result<Programs> {
    let Some(server) = &args.server else {
        let release = workspace::build_release()?;
        return Ok(Programs {
            server: release.join("ochre-server"),
            cli: Some(args.cli.clone().unwrap_or_else(|| release.join("ochre-cli"))),
            benchmark: Some(release.join("ochre-benchmark")),
        });
    };
    let beside = |tool: &str| {
        ["ochre", "redis", "valkey"]
            .iter()
            .map(|family| server.with_file_name(format!("{family}-{tool}")))
            .find(|path: &PathBuf| path.is_file())
    };
    Ok(Programs {
        server: server.clone(),
        cli: args.cli.clone().or_else(|| beside("cli")),
        benchmark: beside("benchmark"),
    })
}

/// The files to run: those named, else all, else those listed; each with its listed exclusions.
fn choose(args: &Args, suite: &Suite, sandbox: &Sandbox) -> Result<Vec<SuiteFile>> {
    let mut listed = list::read(suite)?;
    if args.no_exclusions {
        listed.iter_mut().for_each(|file| file.exclusions.clear());
    }
    let names = match (args.files.is_empty(), args.all) {
        (true, false) => return Ok(listed),
        (true, true) => sandbox.all_files()?,
        (false, _) => args.files.clone(),
    };
    let mut files = Vec::new();
    for name in names {
        if !suite_has(sandbox.root(), &name) {
            bail!("the suite has no file {name}");
        }
        let position = listed.iter().position(|file| file.name == name);
        files.push(match position {
            Some(position) => listed.swap_remove(position),
            None => SuiteFile { name, exclusions: Vec::new() },
        });
    }
    Ok(files)
}

fn suite_has(root: &Path, name: &str) -> bool {
    root.join("tests").join(format!("{name}.tcl")).is_file()
}
