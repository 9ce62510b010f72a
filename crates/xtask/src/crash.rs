//! `cargo x crash`: the server is killed at random moments; what it had acknowledged must be there
//! when it starts again.
//!
//! Each client counts up in keys of its own, several with each request, and knows the last number it
//! sent and the last that was acknowledged:
//!
//! ```text
//!   MULTI  SET a:C n  HSET h:C f n  EXEC  RPUSH l:C n  ZADD z:C n m      n = 1, 2, 3 …
//!            └───── both or neither ───┘
//! ```
//!
//! After a start each number must lie between the two, the list must be 1 … its length, and since
//! what is found is a first part of what was written, `a ≥ l ≥ z ≥ a - 1`. Meanwhile the log is
//! rewritten now and then, and some starts are killed while they load.
//!
//! With `--simulated` nothing is killed: see [`simulated`].

pub(crate) mod session;
mod simulated;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base::random::Random;
use resp::Value;

use crate::workspace;
use session::Session;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often it is killed.
    #[arg(long, default_value_t = 100)]
    rounds: u64,
    #[arg(long, default_value_t = 4)]
    workers: usize,
    #[arg(long, default_value_t = 8)]
    clients: u64,
    /// Under `everysec` what was acknowledged in the last two seconds may be lost.
    #[arg(long, default_value = "always")]
    fsync: String,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many crashes of a simulated disk instead.
    #[arg(long, value_name = "CRASHES")]
    simulated: Option<u64>,
    /// The server to test; by default ours, built now.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// More options for the server.
    #[arg(last = true)]
    options: Vec<String>,
}

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What `everysec` may lose.
const LOSS_MAX: Duration = Duration::from_secs(2);

/// What a client knows.
#[derive(Default)]
struct Counter {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    /// The last number that was acknowledged long ago.
    settled: AtomicU64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(crashes) = args.simulated {
        return simulated::run(crashes, args.seed);
    }
    let server = match &args.server {
        Some(path) => path.canonicalize().with_context(|| format!("open {}", path.display()))?,
        None => workspace::build_release()?.join("ochre-server"),
    };
    let dir = std::env::temp_dir().join(format!("ochre-crash-{}", std::process::id()));
    std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let outcome = rounds(args, &server, &dir);
    match &outcome {
        // What is left of a failure is what one wants to look at.
        Err(_) => eprintln!("the files are in {}", dir.display()),
        Ok(()) => std::fs::remove_dir_all(&dir)?,
    }
    outcome
}

fn rounds(args: &Args, server: &Path, dir: &Path) -> Result<()> {
    let mut random = Random::from_seed(args.seed);
    let counters: Vec<Counter> = (0..args.clients).map(|_| Counter::default()).collect();
    let (mut lost_most, mut rewrites, mut early) = (0, 0, 0);
    for round in 0..args.rounds {
        let mut process = Process::start(args, server, dir)?;
        if random.below(10) == 0 {
            early += 1;
            std::thread::sleep(Duration::from_micros(random.below(30_000)));
            process.kill()?;
            process = Process::start(args, server, dir)?;
        }
        process.wait_until_loaded().with_context(|| format!("start of round {round}"))?;
        let lost = check(args, &process, &counters);
        lost_most =
            lost_most.max(lost.with_context(|| format!("round {round}, seed {}", args.seed))?);
        let rewrite = random.below(3) == 0;
        rewrites += u64::from(rewrite);
        let lasts = Duration::from_micros(2_000 + random.below(150_000));
        std::thread::scope(|scope| -> Result<()> {
            let worked = (|| -> Result<()> {
                for (client, counter) in counters.iter().enumerate() {
                    let session = Session::connect(&process.socket)?;
                    scope.spawn(move || count_up(session, client, counter));
                }
                if rewrite {
                    std::thread::sleep(lasts / 2);
                    Session::connect(&process.socket)?.ask(&["BGREWRITEAOF"])?;
                }
                std::thread::sleep(lasts);
                Ok(())
            })();
            // In any case: the clients end when the server does.
            process.kill()?;
            worked
        })?;
    }
    let mut process = Process::start(args, server, dir)?;
    process.wait_until_loaded()?;
    lost_most = lost_most.max(check(args, &process, &counters)?);
    process.kill()?;
    let total: u64 = counters.iter().map(|counter| counter.acknowledged.load(Relaxed)).sum();
    println!(
        "{} kills ({early} more while it started), {rewrites} rewrites, {} writes acknowledged by {} \
         workers under {}: 0 unreadable starts, {lost_most} acknowledged writes lost at most by a client",
        args.rounds,
        total * 5,
        args.workers,
        args.fsync,
    );
    Ok(())
}

/// Counts up until the server is gone.
fn count_up(mut session: Session, client: usize, counter: &Counter) {
    let mut history: std::collections::VecDeque<(Instant, u64)> = Default::default();
    for n in counter.acknowledged.load(Relaxed) + 1.. {
        counter.sent.store(n, Relaxed);
        let request = format!(
            "MULTI\r\nSET a:{client} {n}\r\nHSET h:{client} f {n}\r\nEXEC\r\n\
             RPUSH l:{client} {n}\r\nZADD z:{client} {n} m\r\n"
        );
        if session.stream.write_all(request.as_bytes()).is_err() {
            return;
        }
        for _ in 0..6 {
            if session.value().is_err() {
                return;
            }
        }
        counter.acknowledged.store(n, Relaxed);
        history.push_back((Instant::now(), n));
        while history.front().is_some_and(|(at, _)| at.elapsed() > LOSS_MAX) {
            let (_, n) = history.pop_front().expect("it was just looked at");
            counter.settled.store(n, Relaxed);
        }
    }
}

/// Looks at everything. How many acknowledged numbers of a client are missing, at most.
fn check(args: &Args, process: &Process, counters: &[Counter]) -> Result<u64> {
    let mut session = Session::connect(&process.socket)?;
    let mut lost_most = 0;
    for (client, counter) in counters.iter().enumerate() {
        let mut number = |words: &[&str]| -> Result<u64> {
            Ok(match session.ask(words)? {
                Value::Bulk(text) => String::from_utf8_lossy(&text).parse()?,
                Value::Integer(n) => n as u64,
                _ => 0,
            })
        };
        let key = |letter: &str| format!("{letter}:{client}");
        let a = number(&["GET", &key("a")])?;
        let h = number(&["HGET", &key("h"), "f"])?;
        let l = number(&["LLEN", &key("l")])?;
        let last = number(&["LINDEX", &key("l"), "-1"])?;
        let z = number(&["ZSCORE", &key("z"), "m"])?;
        let (sent, known) = (counter.sent.load(Relaxed), counter.acknowledged.load(Relaxed));
        let found =
            format!("client {client}: a {a}, h {h}, l {l} ({last}), z {z}; {known} to {sent}");
        ensure!(a == h, "a transaction was torn: {found}");
        ensure!(last == l, "the list has a hole: {found}");
        ensure!(a >= l && l >= z && z + 1 >= a, "no first part of what was written: {found}");
        ensure!(a <= sent, "it was never sent: {found}");
        let lost = known.saturating_sub(z);
        match args.fsync.as_str() {
            "always" => ensure!(lost == 0, "an acknowledged write is lost: {found}"),
            _ => ensure!(z >= counter.settled.load(Relaxed), "lost after two seconds: {found}"),
        }
        lost_most = lost_most.max(lost);
        if z < a {
            // So that all count on from one number.
            session.ask(&["ZADD", &key("z"), &a.to_string(), "m"])?;
        }
        if l < a {
            session.ask(&["RPUSH", &key("l"), &a.to_string()])?;
        }
        for counted in [&counter.sent, &counter.acknowledged, &counter.settled] {
            counted.store(a, Relaxed);
        }
    }
    Ok(lost_most)
}

struct Process {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Process {
    fn start(args: &Args, server: &Path, dir: &Path) -> Result<Process> {
        let (socket, log) = (dir.join("s"), dir.join("log"));
        let child = Command::new(server)
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--unixsocket"])
            .arg(&socket)
            .args(["--appendfsync", &args.fsync, "--io-threads", &args.workers.to_string()])
            .arg("--dir")
            .arg(dir)
            .arg("--logfile")
            .arg(&log)
            .args(&args.options)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", server.display()))?;
        Ok(Process { child, socket, log })
    }

    fn wait_until_loaded(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let pong =
                Session::connect(&self.socket).and_then(|mut session| session.ask(&["PING"]));
            if matches!(pong, Ok(Value::Simple(_))) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(8).collect();
                bail!("the server does not start ({status}):\n{}", last.join("\n"));
            }
            ensure!(began.elapsed() < START_LIMIT, "the server does not start in time");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.kill();
    }
}
