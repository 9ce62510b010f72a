//! Client libraries in a folder of the cache, from PyPI and npm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{self, must};

/// Of PyPI. The last line is what redis-py's own tests need.
const PYTHON: &[&str] = &[
    "redis",
    "celery",
    "rq",
    "limits",
    "throttled-py",
    "pyrate-limiter",
    "python-redis-lock",
    "redlock-py",
    "croniter",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "packaging",
    "numpy",
    "xxhash",
    "pybreaker",
    "aiohttp",
    "cryptography",
    "PyJWT",
    "cachetools",
    "redis-entraid",
    "opentelemetry-sdk",
];

/// Of npm.
const NODE: &[&str] = &[
    "ioredis",
    "redis",
    "bullmq",
    "bull",
    "bee-queue",
    "redlock",
    "rate-limiter-flexible",
    "bottleneck",
    "rate-limit-redis",
    "redis-semaphore",
];

pub(crate) struct Libraries {
    pub(crate) dir: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) node: PathBuf,
}

impl Libraries {
    /// Installs what is missing, or with `update` the newest of all.
    pub(crate) fn install(update: bool) -> Result<Libraries> {
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
        install(&venv, PYTHON, update, || {
            must(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
            let pip = ["-m", "pip", "install", "--quiet", "--upgrade"];
            must(Command::new(&libraries.python).args(pip).args(PYTHON))
        })?;
        let modules = libraries.dir.join("node_modules");
        install(&modules, NODE, update, || {
            std::fs::write(libraries.dir.join("package.json"), "{ \"private\": true }\n")?;
            let install = ["install", "--no-audit", "--no-fund", "--silent"];
            let packages = NODE.iter().map(|name| format!("{name}@latest"));
            must(Command::new(npm).current_dir(&libraries.dir).args(install).args(packages))
        })?;
        Ok(libraries)
    }

    /// Puts a test beside the packages, where Node looks for them.
    pub(crate) fn beside(&self, test: &Path) -> Result<PathBuf> {
        let beside = self.dir.join(test.file_name().context("a test without a name")?);
        std::fs::copy(test, &beside).with_context(|| format!("copy to {}", beside.display()))?;
        Ok(beside)
    }
}

/// Runs `installs` unless a file in `dir` says that these packages are there.
fn install(
    dir: &Path,
    packages: &[&str],
    update: bool,
    installs: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (marker, packages) = (dir.join("installed"), packages.join(" "));
    if update || std::fs::read_to_string(&marker).ok().as_deref() != Some(&packages) {
        installs()?;
        std::fs::write(&marker, packages).with_context(|| format!("write {}", marker.display()))?;
    }
    Ok(())
}
