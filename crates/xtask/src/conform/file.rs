//! Running one file of the suite: its arguments, its ports, its time limit.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::certificates;
use super::list::{Excluded, SuiteFile};
use super::sandbox::Sandbox;
use super::transcript::Transcript;

/// Ports the suite may use for servers of one file.
const PORTS: u16 = 400;

/// Runs over TLS; needs Tcl's package `tls` and OpenSSL's program.
const TLS_FILE: &str = "unit/tls";

/// What is still printed after the suite's process ended comes within this time.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs `file` with `workers` worker threads and reads what happened.
pub(crate) fn run(
    sandbox: &Sandbox,
    file: &SuiteFile,
    workers: usize,
    limit: Duration,
) -> Result<Transcript> {
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    let mut suite = Command::new("./runtest");
    suite
        .current_dir(sandbox.root())
        .args(["--single", &file.name, "--clients", "1"])
        // A test that throws is one failed test, not the end of its file.
        .arg("--durable")
        .args(["--config", "io-threads", &workers.to_string()])
        .args(["--baseport", &free_ports()?.to_string(), "--portcount", &PORTS.to_string()])
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("copy a pipe")?)
        .stderr(writer);
    // It tests nothing without.
    if file.name == TLS_FILE {
        certificates::make(sandbox.root())?;
        suite.arg("--tls");
    }
    let mut refused_tags = Vec::new();
    for exclusion in &file.exclusions {
        match &exclusion.what {
            Excluded::Test(name) => suite.args(["--skiptest", name]),
            Excluded::Matching(pattern) => suite.args(["--skiptest", &format!("/{pattern}")]),
            Excluded::Encodings => suite.arg("--ignore-encoding"),
            Excluded::Line(line) => {
                leave_out(sandbox, file, line)?;
                continue;
            }
            Excluded::Tag(tag) => {
                refused_tags.push(format!("-{tag}"));
                continue;
            }
        };
    }
    if !refused_tags.is_empty() {
        suite.args(["--tags", &refused_tags.join(" ")]);
    }
    let mut child = suite.spawn().context("start ./runtest")?;
    // It holds the writing end; the pipe would never end.
    drop(suite);

    let (send, lines) = channel();
    std::thread::spawn(move || {
        // Test names and messages may hold any bytes.
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    let mut transcript = listen(&lines, &mut child, limit);
    sandbox.kill_leftovers();
    child.wait().context("wait for ./runtest")?;
    transcript.finish();
    report_stale_exclusions(file, &mut transcript);
    Ok(transcript)
}

/// Makes a comment of a line in the sandbox's copy of the file.
fn leave_out(sandbox: &Sandbox, file: &SuiteFile, line: &str) -> Result<()> {
    let path = sandbox.root().join("tests").join(format!("{}.tcl", file.name));
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let comment = format!("# left out: {line}");
    let written: Vec<&str> =
        text.lines().map(|l| if l.trim() == line { &comment[..] } else { l }).collect();
    // A run before this one may have done it.
    ensure!(written.contains(&&comment[..]), "{} has no line '{line}'", file.name);
    fs::write(&path, written.join("\n") + "\n").with_context(|| format!("write {}", path.display()))
}

fn listen(lines: &Receiver<String>, child: &mut Child, limit: Duration) -> Transcript {
    let mut transcript = Transcript::default();
    let mut deadline = Instant::now() + limit;
    let mut has_exited = false;
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => transcript.line(&line),
            Err(RecvTimeoutError::Disconnected) => return transcript,
            Err(RecvTimeoutError::Timeout) => {
                if !has_exited && matches!(child.try_wait(), Ok(Some(_))) {
                    // A leftover of the suite may hold the pipe open for ever.
                    (has_exited, deadline) = (true, Instant::now() + LAST_WORDS);
                }
            }
        }
        if Instant::now() >= deadline {
            if !has_exited {
                transcript.abort(&format!("not done after {} s", limit.as_secs()));
            }
            return transcript;
        }
    }
}

/// An exclusion that excludes nothing is a failure, or the list would fill with stale lines.
fn report_stale_exclusions(file: &SuiteFile, transcript: &mut Transcript) {
    if !transcript.is_done {
        return;
    }
    for exclusion in &file.exclusions {
        if let Excluded::Test(name) = &exclusion.what
            && !transcript.excluded.contains(name)
        {
            transcript.failures.push(format!(
                "the list excludes a test that does not run in {}: {name}",
                file.name
            ));
        }
    }
}

/// The first of a row of ports nobody listens on just now.
fn free_ports() -> Result<u16> {
    // Below the range from which systems hand out ports; a start per process keeps
    // runs side by side apart.
    let blocks = (32000 - 20100) / (PORTS + 100);
    let first = std::process::id() as u16 % blocks;
    (0..blocks)
        .map(|step| 20100 + (first + step) % blocks * (PORTS + 100))
        .find(|&port| {
            let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
            // The suite's own socket lies 32 below the first server.
            free(port - 32) && (0..8).all(|offset| free(port + offset))
        })
        .context("no free row of ports between 20100 and 32000")
}
