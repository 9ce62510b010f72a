//! A server under our hand: started on chosen cores, asked for CPU and memory, killed at the end.
//!
//! CPU time is the sum of `/proc/PID/task/*/schedstat`, in nanoseconds, or, on kernels without it,
//! of `utime + stime` in `/proc/PID/stat`, in ticks of 10 ms.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::secure::Secure;
use super::wire::{Connection, Reply};
use super::workload::Keys;

pub(crate) struct Server {
    process: Child,
    port: u16,
    dir: PathBuf,
    connection: Connection,
    pub(crate) secure: Option<Secure>,
}

/// What the server had done at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    at: Instant,
    cpu_ns: u64,
    commands: u64,
}

/// What a command cost between two readings.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) cpu_us_per_command: f64,
    pub(crate) commands_per_s: f64,
}

impl Reading {
    pub(crate) fn until(self, end: Reading) -> Result<Cost> {
        let commands = (end.commands - self.commands) as f64;
        ensure!(commands >= 10.0, "the server ran {commands} commands only: no load reached it");
        Ok(Cost {
            cpu_us_per_command: (end.cpu_ns - self.cpu_ns) as f64 / 1000.0 / commands,
            commands_per_s: commands / (end.at - self.at).as_secs_f64(),
        })
    }
}

/// How long a server may take from its start to its first PONG.
const START_LIMIT: Duration = Duration::from_secs(20);

impl Server {
    /// Starts `program` without persistence, with `threads` threads that run or serve commands,
    /// on `core` or on any.
    pub(crate) fn start(program: &Path, threads: usize, core: Option<usize>) -> Result<Server> {
        Server::start_with(program, threads, core, &[])
    }

    /// As [`Server::start`], with more options.
    pub(crate) fn start_with(
        program: &Path,
        threads: usize,
        core: Option<usize>,
        options: &[&str],
    ) -> Result<Server> {
        let port = free_port()?;
        let dir = std::env::temp_dir().join(format!("ochre-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let log = fs::File::create(dir.join("log"))?;
        let mut command = Command::new(program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--io-threads", &threads.to_string()])
            .args(["--maxclients", "2000", "--enable-debug-command", "yes", "--dir"])
            .arg(&dir)
            .args(options)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = spawn_on(&mut command, core)?;
        let start = Instant::now();
        let connection = loop {
            let greeted = Connection::open(port).and_then(|mut connection| {
                connection.call(&[b"PING"])?;
                Ok(connection)
            });
            match greeted {
                Ok(connection) => break connection,
                Err(error) => {
                    let exited = process.try_wait()?;
                    if exited.is_some() || start.elapsed() > START_LIMIT {
                        let _ = process.kill();
                        let _ = process.wait();
                        let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
                        bail!("{} does not start: {error:#}\n{log}", program.display());
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        };
        Ok(Server { process, port, dir, connection, secure: None })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Stores the first `count` of `keys`.
    pub(crate) fn fill(&mut self, keys: Keys, count: usize) -> Result<()> {
        self.connection.pipeline(count, |n, connection| {
            let words = keys.request(n);
            connection.add(&words.iter().map(|word| &word[..]).collect::<Vec<_>>());
        })
    }

    pub(crate) fn read(&mut self) -> Result<Reading> {
        let commands = self.connection.info("stats", "total_commands_processed")?;
        Ok(Reading { at: Instant::now(), cpu_ns: self.cpu_ns()?, commands })
    }

    pub(crate) fn dbsize(&mut self) -> Result<i64> {
        match self.connection.call(&[b"DBSIZE"])? {
            Reply::Integer(keys) => Ok(keys),
            reply => bail!("DBSIZE answers {reply:?}"),
        }
    }

    /// Resident memory.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(self.process.id())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its working directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn cpu_ns(&self) -> Result<u64> {
        let process = format!("/proc/{}", self.process.id());
        let mut sum = 0;
        for task in fs::read_dir(format!("{process}/task")).context("read the server's threads")? {
            match fs::read_to_string(task?.path().join("schedstat")) {
                Ok(text) => sum += number(&text, 0)?,
                Err(_) => {
                    let stat = fs::read_to_string(format!("{process}/stat"))?;
                    // The name before `)` may hold spaces; utime is the 12th field after it.
                    let (_name, rest) = stat.rsplit_once(')').context("/proc/PID/stat")?;
                    return Ok((number(rest, 11)? + number(rest, 12)?) * 10_000_000);
                }
            }
        }
        Ok(sum)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// It is free when we look; nothing else takes it before a server does.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Resident memory of a process.
pub(crate) fn resident_bytes(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse().ok())
        .context("/proc/PID/status has no VmRSS")?;
    Ok(kib * 1024)
}

fn number(text: &str, field: usize) -> Result<u64> {
    let word = text.split_whitespace().nth(field).context("a field is missing in /proc")?;
    word.parse().context("a number in /proc")
}

/// The cores this process may use.
pub(crate) fn cores() -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect())
}

/// Starts `command` on `core`, or wherever we may run.
pub(crate) fn spawn_on(command: &mut Command, core: Option<usize>) -> Result<Child> {
    let child = on_core(core, || command.spawn())?;
    child.with_context(|| format!("start {}", command.get_program().display()))
}

/// Starts a process or a thread on `core`, or wherever we may run.
///
/// A child inherits the affinity of the thread that starts it, so that thread moves for a moment:
/// every thread of a server is on its core from the first instruction.
pub(crate) fn on_core<T>(core: Option<usize>, start: impl FnOnce() -> T) -> Result<T> {
    let allowed = sched_getaffinity(None)?;
    if let Some(core) = core {
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).with_context(|| format!("move to core {core}"))?;
    }
    let started = start();
    sched_setaffinity(None, &allowed).context("move back")?;
    Ok(started)
}
