//! `cargo x golden --peer PATH`: has a real server write the golden payloads.
//!
//! The cases are in [`testkit::golden`]; what a server does not know is left out. The file is named
//! for the server and its version, and never changes once it is there: old payloads must stay
//! readable.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use resp::Value;
use testkit::golden::{CASES, Case, expand};

use crate::bench::server::Server;
use crate::differ::link::Link;
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A redis-server or valkey-server.
    #[arg(long, value_name = "PATH")]
    peer: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let server = Server::start(&args.peer, 1, None)?;
    let mut link = Link::open(server.port())?;
    let name = name(&mut link)?;
    let mut file = format!(
        "# DUMP payloads of {name}, written by `cargo x golden`: a name of \
         testkit/src/golden.rs, the payload.\n"
    );
    let mut count = 0;
    for case in CASES {
        if let Some(payload) = payload(&mut link, case)? {
            let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(file, "{} {hex}", case.name)?;
            count += 1;
        }
    }
    let path = workspace::root().join(format!("crates/rdb/tests/golden/{name}.txt"));
    std::fs::write(&path, file).with_context(|| format!("write {}", path.display()))?;
    println!("{}: {count} of {} cases", path.display(), CASES.len());
    Ok(())
}

/// None if the server does not know a command of the case.
fn payload(link: &mut Link, case: &Case) -> Result<Option<Vec<u8>>> {
    link.ask(&["FLUSHALL"])?;
    for call in case.commands.iter().flat_map(|command| expand(command)) {
        if link.ask(&call)?.is_error() {
            return Ok(None);
        }
    }
    match link.ask(&["DUMP", "k"])? {
        Value::Bulk(payload) => Ok(Some(payload)),
        _ => Ok(None),
    }
}

/// Such as `redis-8.0.6`.
fn name(link: &mut Link) -> Result<String> {
    let info = link.ask(&["INFO", "server"])?;
    let info = info.text().context("INFO answers no text")?.into_owned();
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    match field("valkey_version") {
        Some(version) => Ok(format!("valkey-{version}")),
        None => Ok(format!("redis-{}", field("redis_version").context("INFO has no version")?)),
    }
}
