//! A private copy of the suite for one run, and the hunt for whatever it leaves behind.
//!
//! The suite starts `src/redis-server` and writes below `tests/tmp`, so a run needs a tree of its
//! own, with our binaries under Redis's names:
//!
//! ```text
//!  ~/.cache/ochre/run-PID/runtest  tests/          copied
//!                         src/redis-server         → our server; also redis-sentinel,
//!                                                    redis-check-rdb and -aof, by argv[0]
//!                         src/redis-cli            → our client
//! ```
//!
//! Every process of the suite has its working directory inside this tree, also a server that made
//! itself a daemon. So leftovers are found by that, not by process group, and nothing else on the
//! machine can be hit.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::workspace;

/// A tree's name ends with the process that runs it.
const PREFIX: &str = "run-";

/// The tree; dropping it kills what still runs in it and removes it.
pub(crate) struct Sandbox {
    root: PathBuf,
    /// Leave the files of the servers, logs included, for a human to read, until the next run.
    keep: bool,
}

/// The programs under test. Any of Redis's kind will do.
pub(crate) struct Programs {
    pub(crate) server: PathBuf,
    pub(crate) cli: Option<PathBuf>,
    pub(crate) benchmark: Option<PathBuf>,
}

impl Sandbox {
    pub(crate) fn new(suite: &Path, programs: &Programs, keep: bool) -> Result<Sandbox> {
        let cache = workspace::cache()?;
        remove_abandoned(&cache);
        let root = cache.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(root.join("src")).with_context(|| format!("create {root:?}"))?;
        // Resolved now: `/proc/PID/cwd` shows no links, and leftovers are found by it.
        let sandbox = Sandbox { root: root.canonicalize()?, keep };
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(suite.join("tests")).arg(suite.join("runtest")).arg(&sandbox.root);
        workspace::must(&mut copy)?;
        fs::create_dir_all(sandbox.root.join("tests/tmp"))?;
        for name in ["redis-server", "redis-sentinel", "redis-check-rdb", "redis-check-aof"] {
            sandbox.link(name, &programs.server)?;
        }
        if let Some(cli) = &programs.cli {
            sandbox.link("redis-cli", cli)?;
        }
        if let Some(benchmark) = &programs.benchmark {
            sandbox.link("redis-benchmark", benchmark)?;
        }
        Ok(sandbox)
    }

    fn link(&self, name: &str, program: &Path) -> Result<()> {
        ensure!(program.is_file(), "{} is not a file", program.display());
        let program = program.canonicalize()?;
        symlink(&program, self.root.join("src").join(name)).with_context(|| format!("link {name}"))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Every file of the suite, in its own order.
    pub(crate) fn all_files(&self) -> Result<Vec<String>> {
        let mut list = Command::new("./runtest");
        let text = workspace::output(list.arg("--list-tests").current_dir(&self.root))?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Kills every process that works inside the tree.
    pub(crate) fn kill_leftovers(&self) {
        kill_processes_in(&self.root);
    }
}

fn kill_processes_in(root: &Path) {
    let Ok(processes) = fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let cwd = fs::read_link(process.path().join("cwd"));
        if !cwd.is_ok_and(|cwd| cwd.starts_with(root)) {
            continue;
        }
        let pid = process.file_name().to_str().and_then(|pid| pid.parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // It may be gone by now, and that is fine.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Removes the trees, processes included, of runs that were themselves killed.
fn remove_abandoned(cache: &Path) {
    let Ok(trees) = fs::read_dir(cache) else { return };
    for tree in trees.flatten() {
        let name = tree.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            if let Ok(root) = tree.path().canonicalize() {
                kill_processes_in(&root);
            }
            let _ = fs::remove_dir_all(tree.path());
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill_leftovers();
        if self.keep {
            println!("kept {}", self.root.display());
        } else {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}
