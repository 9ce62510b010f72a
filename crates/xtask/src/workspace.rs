//! Where things are: the repository, cargo, the target directory, the cache, programs in PATH.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The repository this xtask was compiled from.
pub(crate) fn root() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.ancestors().nth(2).expect("the crate lies in crates/xtask").to_path_buf()
}

/// `cargo`, the one that runs us if there is one, in the repository's root.
///
/// It must not take over what the other one says of this package: build scripts that ask for such
/// variables would run again, and all that depends on them be built again.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix("CARGO_")) else {
            continue;
        };
        let is_of_package = rest.starts_with("PKG_")
            || matches!(rest, "MANIFEST_DIR" | "MANIFEST_PATH" | "BIN_NAME" | "CRATE_NAME");
        if is_of_package {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs `command` and fails, with its words, unless it succeeds.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    let words = words(command);
    let status = command.status().with_context(|| format!("start {words}"))?;
    ensure!(status.success(), "{words}: {status}");
    Ok(())
}

/// Runs `command` and returns what it printed; fails with its standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let words = words(command);
    let out = command.output().with_context(|| format!("start {words}"))?;
    let stderr = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{words}: {}: {}", out.status, stderr.trim());
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}

/// Builds everything that is shipped, optimised, and returns the folder of the binaries.
pub(crate) fn build_release() -> Result<PathBuf> {
    // The same words as in `.ci/run`: other package selections would be other builds.
    must(cargo().args(["build", "--release", "--workspace"]))?;
    let metadata = metadata(&["--no-deps"])?;
    let target = metadata["target_directory"].as_str();
    Ok(Path::new(target.context("cargo metadata names no target directory")?).join("release"))
}

/// What `cargo metadata` tells, as JSON.
pub(crate) fn metadata(args: &[&str]) -> Result<serde_json::Value> {
    let json = output(cargo().args(["metadata", "--format-version=1"]).args(args))?;
    serde_json::from_str(&json).context("read cargo metadata")
}

/// Where downloads are kept between runs: `OCHRE_CACHE`, or `~/.cache/ochre`.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("OCHRE_CACHE") {
        return Ok(dir.into());
    }
    let home = std::env::var_os("HOME").context("neither OCHRE_CACHE nor HOME is set")?;
    Ok(Path::new(&home).join(".cache/ochre"))
}

/// The first of `names` that is a file in a folder of PATH.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// The folders of `crates/`, sorted.
pub(crate) fn crate_dirs() -> Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).context("list crates/")? {
        let dir = entry?.path();
        if dir.join("Cargo.toml").is_file() {
            dirs.push(dir);
        }
    }
    dirs.sort();
    Ok(dirs)
}
