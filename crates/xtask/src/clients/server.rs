//! A server for clients to talk to.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long a server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A server on a port and a unix socket of its own, killed at the end.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    pub(crate) dir: PathBuf,
}

impl Server {
    /// `name` tells servers of one run apart; `options` are those that not every server has.
    pub(crate) fn start(program: &Path, name: &str, options: &[&str]) -> Result<Server> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let dir = std::env::temp_dir().join(format!("ochre-clients-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let log = std::fs::File::create(dir.join("log"))?;
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--unixsocket", "socket", "--enable-debug-command", "yes"])
            .args(options)
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

    pub(crate) fn socket(&self) -> PathBuf {
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
