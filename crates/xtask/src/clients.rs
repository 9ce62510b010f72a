//! `cargo x clients`: client libraries as people use them, against our server.
//!
//! ```text
//!   clients, queues, limiters (tests/clients)   each, with every number of workers
//!   --peer PATH   what their scripts get here and from a real server, reply by reply
//!   --suite       redis-py's own tests: ten minutes for each number of workers
//! ```
//!
//! The libraries come from PyPI and npm into the cache; which version ran is printed, since the newest
//! is what people install.

mod libraries;
mod server;
mod suite;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{self, must};
use libraries::Libraries;
use server::Server;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server to test; by default ours, built now.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Numbers of worker threads to run with.
    #[arg(long, value_delimiter = ',', default_value = "1,4")]
    workers: Vec<usize>,
    /// Only tests whose file's name contains this.
    #[arg(long, value_name = "WORD", default_value = "")]
    only: String,
    /// A real redis-server: the scripts of queues and limiters must get the same replies there.
    #[arg(long, value_name = "PATH")]
    peer: Option<PathBuf>,
    /// Run redis-py's own tests too.
    #[arg(long)]
    suite: bool,
    /// Install the newest versions even if some are installed.
    #[arg(long)]
    update: bool,
}

/// In `tests/clients`; each gets the port and the unix socket.
const TESTS: &[&str] = &[
    "redis_py.py",
    "ioredis.mjs",
    "node_redis.mjs",
    "limiters.py",
    "limiters.mjs",
    "bullmq.mjs",
    "rq_flow.py",
    "celery_flow.py",
];

/// Those of them that run scripts of libraries.
const SCRIPTED: &[&str] = &["limiters.py", "limiters.mjs", "bullmq.mjs", "rq_flow.py"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let libraries = Libraries::install(args.update)?;
    let server = match &args.server {
        Some(path) => path.canonicalize().with_context(|| format!("open {}", path.display()))?,
        None => workspace::build_release()?.join("ochre-server"),
    };
    let wanted = |test: &&&str| test.contains(&args.only);
    for &workers in &args.workers {
        println!("with {workers} worker(s):");
        let server = Server::start(&server, "ours", &["--io-threads", &workers.to_string()])?;
        for test in TESTS.iter().filter(wanted) {
            let (program, file) = program_of(&libraries, test)?;
            let mut run = Command::new(program);
            run.arg(file).arg(server.port.to_string()).arg(server.socket());
            must(run.current_dir(&server.dir).envs(environment(&server)))?;
        }
        if let Some(peer) = &args.peer {
            let peer = Server::start(peer, "peer", &[])?;
            let (python, compare) = program_of(&libraries, "scripts.py")?;
            let mut run = Command::new(python);
            run.arg(compare).args([server.port.to_string(), peer.port.to_string()]);
            for test in SCRIPTED.iter().filter(wanted) {
                let (program, file) = program_of(&libraries, test)?;
                run.arg(format!("{} {}", program.display(), file.display()));
            }
            must(run.current_dir(&server.dir).envs(environment(&server)))?;
        }
        if args.suite {
            suite::run(&libraries, &server)?;
        }
    }
    Ok(())
}

/// Where tests put what they write, which goes with the server's folder.
fn environment(server: &Server) -> [(&'static str, &OsStr); 2] {
    [("FLOW_DIR", server.dir.as_os_str()), ("PYTHONDONTWRITEBYTECODE", OsStr::new("1"))]
}

/// What runs a test, and where the test is for it.
fn program_of<'a>(libraries: &'a Libraries, test: &str) -> Result<(&'a Path, PathBuf)> {
    let file = workspace::root().join("tests/clients").join(test);
    Ok(if test.ends_with(".mjs") {
        (&libraries.node, libraries.beside(&file)?)
    } else {
        (&libraries.python, file)
    })
}
