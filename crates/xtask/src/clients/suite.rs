//! redis-py's own tests, as they come with its source on PyPI.
//!
//! Left out as a whole: what needs a cluster, a replica, Sentinel, modules or Redis Enterprise. Left
//! out by name: the lines of `tests/clients/redis-py.known`, each with its reason.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::libraries::Libraries;
use super::server::Server;
use crate::workspace::{self, must, output};

const NOT_OURS: &str = "not onlycluster and not redismod and not replica and not ssl and not \
                        cp_integration and not multidb_integration";
const FILES_NOT_OURS: &[&str] =
    &["test_scenario", "test_sentinel.py", "test_asyncio/test_sentinel.py"];

pub(crate) fn run(libraries: &Libraries, server: &Server) -> Result<()> {
    let source = source(libraries)?;
    let known = workspace::root().join("tests/clients/redis-py.known");
    let known =
        std::fs::read_to_string(&known).with_context(|| format!("read {}", known.display()))?;
    let url = format!("redis://localhost:{}/0", server.port);
    let mut pytest = Command::new(&libraries.python);
    pytest.current_dir(&source).args(["-m", "pytest", "tests", "-q", "--tb=short", "-m", NOT_OURS]);
    pytest.args(["-W", "ignore", "--timeout", "60", "--redis-url", &url]);
    pytest.args(FILES_NOT_OURS.iter().map(|file| format!("--ignore=tests/{file}")));
    for line in known.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (test, _reason) = line.split_once('\t').context("a known test without a reason")?;
        pytest.args(["--deselect", test]);
    }
    must(&mut pytest)
}

/// The source of the version that is installed.
fn source(libraries: &Libraries) -> Result<PathBuf> {
    let version = ["-c", "import redis; print(redis.__version__)"];
    let version = output(Command::new(&libraries.python).args(version))?;
    let name = format!("redis-{}", version.trim());
    let dir = libraries.dir.join(&name);
    if !dir.exists() {
        let wanted = format!("redis=={}", version.trim());
        let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "redis"];
        let python = || {
            let mut python = Command::new(&libraries.python);
            python.current_dir(&libraries.dir);
            python
        };
        must(python().args(download).arg(wanted))?;
        must(python().args(["-m", "tarfile", "-e", &format!("{name}.tar.gz"), "."]))?;
    }
    Ok(dir)
}
