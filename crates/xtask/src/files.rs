//! `cargo x files`: real servers read our files, and ours theirs; the data sets must be equal.
//!
//! ```text
//!   writer: data of every type ─► snapshot, or log ─► DEBUG DIGEST ─► ends
//!                                      │
//!   the reader's checker ◄─────────────┤
//!                                      ▼
//!   reader, on the same directory: DEBUG DIGEST, libraries ─► equal?
//! ```
//!
//! Each way, for each peer, in each form: a snapshot; a log that begins with a snapshot; one of
//! commands only; an old log of one file. What follows a base is written too: expiries, changes,
//! a transaction.

mod data;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use resp::Value;

use crate::crash::session::Session;
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Real servers; their checkers lie beside them.
    #[arg(long = "peer", value_name = "PATH", required = true)]
    peers: Vec<PathBuf>,
    /// The server to test; by default ours, built now.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

const START_LIMIT: Duration = Duration::from_secs(30);

/// How a data set lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Snapshot,
    Log,
    LogOfCommands,
    /// As before 7.0: a log of one file.
    OldLog,
}

const FORMS: [Form; 4] = [Form::Snapshot, Form::Log, Form::LogOfCommands, Form::OldLog];
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";

impl Form {
    fn options(self) -> &'static [&'static str] {
        match self {
            Form::Snapshot => &["--appendonly", "no"],
            Form::Log => &["--appendonly", "yes"],
            Form::LogOfCommands | Form::OldLog => {
                &["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]
            }
        }
    }
}

/// A server, and what its files are known to hold.
#[derive(Clone)]
struct Program {
    path: PathBuf,
    name: String,
    is_ours: bool,
}

impl Program {
    /// Its own checker of snapshots or logs.
    fn checker(&self, what: &str) -> PathBuf {
        if self.is_ours {
            return self.path.clone();
        }
        let family = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let family = family.split('-').next().unwrap_or_default();
        self.path.with_file_name(format!("{family}-check-{what}"))
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let ours = match &args.server {
        Some(path) => path.canonicalize().with_context(|| format!("open {}", path.display()))?,
        None => workspace::build_release()?.join("ochre-server"),
    };
    let ours = Program { path: ours, name: "ochre".to_owned(), is_ours: true };
    let mut differences = 0;
    for path in &args.peers {
        let path = path.canonicalize().with_context(|| format!("open {}", path.display()))?;
        let peer = Program { name: version(&path)?, path, is_ours: false };
        for form in FORMS {
            for (writer, reader) in [(&ours, &peer), (&peer, &ours)] {
                let outcome = once(form, writer, reader, &peer.name);
                let verdict = match &outcome {
                    Ok(keys) => format!("{keys} keys, equal"),
                    Err(error) => format!("DIFFERS: {error:#}"),
                };
                differences += usize::from(outcome.is_err());
                println!("{:<15} -> {:<15} {form:?}: {verdict}", writer.name, reader.name);
            }
        }
    }
    ensure!(differences == 0, "{differences} differences");
    Ok(())
}

/// `redis 8.0.6`.
fn version(server: &Path) -> Result<String> {
    let output = Command::new(server).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let family = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    let number = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
    Ok(format!("{family} {}", number.context("the server tells no version")?))
}

/// One way in one form. The number of keys.
fn once(form: Form, writer: &Program, reader: &Program, peer: &str) -> Result<i64> {
    let dir = std::env::temp_dir().join(format!("ochre-files-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let outcome = (|| {
        let mut options = form.options().to_vec();
        if writer.is_ours && peer.starts_with("redis 7.0") {
            options.extend(["--rdb-version", "10"]);
        }
        let written = write(form, &options, writer, peer, &dir)?;
        // A peer's checker need not know what its server writes: that of Valkey 9.1.2 does not.
        check(form, reader, &dir)?;
        let mut running = Running::start(reader, form.options(), &dir)?;
        let read = seen(&mut running.session)?;
        ensure!(read == written, "{written:?} was written, {read:?} is there");
        Ok(written.keys)
    })();
    match &outcome {
        Ok(_) => drop(std::fs::remove_dir_all(&dir)),
        Err(_) => {
            let kept = dir.with_extension(format!("{}-{form:?}", writer.name.replace(' ', "-")));
            let _ = std::fs::remove_dir_all(&kept);
            std::fs::rename(&dir, &kept)?;
        }
    }
    outcome
}

/// What two servers must agree on.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    keys: i64,
    digest: String,
    libraries: usize,
}

fn seen(session: &mut Session) -> Result<Seen> {
    let mut keys = 0;
    for db in data::DATABASES {
        session.ask(&["SELECT", db])?;
        if let Value::Integer(n) = session.ask(&["DBSIZE"])? {
            keys += n;
        }
    }
    let libraries = match session.ask(&["FUNCTION", "LIST"])? {
        Value::Array(libraries) => libraries.len(),
        _ => 0,
    };
    let digest = match session.ask(&["DEBUG", "DIGEST"])? {
        Value::Simple(text) => String::from_utf8_lossy(&text).into_owned(),
        other => bail!("DEBUG DIGEST answers {other:?}"),
    };
    Ok(Seen { keys, digest, libraries })
}

fn write(form: Form, options: &[&str], writer: &Program, peer: &str, dir: &Path) -> Result<Seen> {
    let mut running = Running::start(writer, options, dir)?;
    let session = &mut running.session;
    data::fill(session, writer.is_ours, peer)?;
    match form {
        Form::Snapshot => {}
        Form::Log | Form::LogOfCommands | Form::OldLog => {
            running.rewrite()?;
        }
    }
    let session = &mut running.session;
    data::change(session, writer.is_ours, peer)?;
    let seen = seen(session)?;
    if form == Form::Snapshot {
        let saved = session.ask(&["SAVE"])?;
        ensure!(matches!(saved, Value::Simple(_)), "SAVE answers {saved:?}");
    }
    running.end()?;
    if form == Form::OldLog {
        join(dir)?;
    }
    Ok(seen)
}

/// Makes one file of a log of several.
fn join(dir: &Path) -> Result<()> {
    let manifest = std::fs::read_to_string(dir.join(MANIFEST))?;
    let mut all = Vec::new();
    for line in manifest.lines() {
        let name = line.split(' ').nth(1).context("a line of the manifest names a file")?;
        all.extend(std::fs::read(dir.join("appendonlydir").join(name))?);
    }
    std::fs::remove_dir_all(dir.join("appendonlydir"))?;
    std::fs::write(dir.join("appendonly.aof"), all)?;
    Ok(())
}

fn check(form: Form, program: &Program, dir: &Path) -> Result<()> {
    let (what, file) = match form {
        Form::Snapshot => ("rdb", "dump.rdb"),
        Form::OldLog => ("aof", "appendonly.aof"),
        Form::Log | Form::LogOfCommands => ("aof", MANIFEST),
    };
    let mut command = Command::new(program.checker(what));
    if program.is_ours {
        // By the name that the binary is called by it knows what to do.
        use std::os::unix::process::CommandExt;
        command.arg0(format!("ochre-check-{what}"));
    }
    let output = command.arg(dir.join(file)).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{}'s checker of {what}: {text}", program.name);
    Ok(())
}

struct Running {
    child: Child,
    session: Session,
}

impl Running {
    fn start(program: &Program, options: &[&str], dir: &Path) -> Result<Running> {
        let (socket, log) = (dir.join("s"), dir.join(format!("log-{}", program.name)));
        let _ = std::fs::remove_file(&socket);
        let mut child = Command::new(&program.path)
            .args(["--port", "0", "--save", "", "--enable-debug-command", "yes", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(dir)
            .arg("--logfile")
            .arg(&log)
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", program.path.display()))?;
        let began = Instant::now();
        loop {
            let pong = Session::connect(&socket).and_then(|mut session| {
                let pong = session.ask(&["PING"])?;
                Ok((session, pong))
            });
            if let Ok((session, Value::Simple(_))) = pong {
                return Ok(Running { child, session });
            }
            if child.try_wait()?.is_some() || began.elapsed() > START_LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let last: Vec<&str> = text.lines().rev().take(4).collect();
                bail!("{} does not start: {}", program.name, last.join(" | "));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn rewrite(&mut self) -> Result<()> {
        self.session.ask(&["BGREWRITEAOF"])?;
        let began = Instant::now();
        while began.elapsed() < START_LIMIT {
            let Value::Bulk(info) = self.session.ask(&["INFO", "persistence"])? else { continue };
            let info = String::from_utf8_lossy(&info).into_owned();
            if ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"]
                .iter()
                .all(|f| info.contains(f))
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("the log is not rewritten in time")
    }

    fn end(&mut self) -> Result<()> {
        // The connection ends with the server.
        let _ = self.session.ask(&["SHUTDOWN", "NOSAVE"]);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
