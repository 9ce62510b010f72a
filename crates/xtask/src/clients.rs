//! `cargo x clients`: client libraries as people use them, against our server.
//!
//! Their tests are in `tests/clients`. The libraries come from PyPI and npm into the cache; which
//! version ran is printed, since the newest is what people install. The server runs with one
//! worker and with two.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::workspace::{self, must};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server to test; by default ours, built now.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Numbers of worker threads to run with.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    workers: Vec<usize>,
    /// Install the newest versions even if some are installed.
    #[arg(long)]
    update: bool,
}

/// How long a server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn run(args: &Args) -> Result<()> {
    let libraries = Libraries::install(args.update)?;
    let server = match &args.server {
        Some(path) => path.canonicalize().with_context(|| format!("open {}", path.display()))?,
        None => workspace::build_release()?.join("ochre-server"),
    };
    for &workers in &args.workers {
        println!("with {workers} worker(s):");
        let server = Server::start(&server, workers)?;
        let tests = workspace::root().join("tests/clients");
        let test = |program: &Path, file: &Path| {
            must(Command::new(program).arg(file).arg(server.port.to_string()).arg(server.socket()))
        };
        test(&libraries.python, &tests.join("redis_py.py"))?;
        for script in ["ioredis.mjs", "node_redis.mjs"] {
            // Node looks for packages beside the file.
            let beside = libraries.dir.join(script);
            std::fs::copy(tests.join(script), &beside)
                .with_context(|| format!("copy to {}", beside.display()))?;
            test(&libraries.node, &beside)?;
        }
    }
    Ok(())
}

/// Client libraries in a folder of the cache.
struct Libraries {
    dir: PathBuf,
    python: PathBuf,
    node: PathBuf,
}

impl Libraries {
    fn install(update: bool) -> Result<Libraries> {
        let program = |names: &[&str]| {
            workspace::find_program(names)
                .with_context(|| format!("the clients need {} in PATH", names.join(" or ")))
        };
        let python = program(&["python3"])?;
        let (node, npm) = (program(&["node"])?, program(&["npm"])?);
        let dir = workspace::cache()?.join("clients");
        std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let venv = dir.join("python");
        let libraries = Libraries { python: venv.join("bin/python"), node, dir };
        if update || !venv.join("installed").exists() {
            must(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
            let pip = ["-m", "pip", "install", "--quiet", "--upgrade", "redis"];
            must(Command::new(&libraries.python).args(pip))?;
            std::fs::write(venv.join("installed"), "")?;
        }
        if update || !libraries.dir.join("node_modules/redis").exists() {
            std::fs::write(libraries.dir.join("package.json"), "{ \"private\": true }\n")?;
            let install = ["install", "--no-audit", "--no-fund", "--silent"];
            let packages = ["ioredis@latest", "redis@latest"];
            let mut npm = Command::new(npm);
            must(npm.current_dir(&libraries.dir).args(install).args(packages))?;
        }
        Ok(libraries)
    }
}

/// A server on a port and a unix socket of its own, killed at the end.
struct Server {
    process: Child,
    port: u16,
    dir: PathBuf,
}

impl Server {
    fn start(program: &Path, workers: usize) -> Result<Server> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let dir = std::env::temp_dir().join(format!("ochre-clients-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let log = std::fs::File::create(dir.join("log"))?;
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--unixsocket", "socket", "--io-threads", &workers.to_string()])
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut server = Server { process, port, dir };
        let start = Instant::now();
        while UnixStream::connect(server.socket()).is_err() {
            let log = || std::fs::read_to_string(server.dir.join("log")).unwrap_or_default();
            ensure!(server.process.try_wait()?.is_none(), "the server ended: {}", log());
            ensure!(start.elapsed() < START_LIMIT, "the server does not listen: {}", log());
            std::thread::yield_now();
        }
        Ok(server)
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and its folder is only in nobody's way.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
