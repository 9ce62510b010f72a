//! The rules of the tree that no compiler checks, told with the file that breaks them.
//!
//! (1) Arrows between crates only point down, as in [`ARROWS`].
//! (2) Every crate's root file opens with an essay, `//!`. (One line is a crate not yet begun.)
//! (3) No file of Rust is longer than 1,200 lines.
//! (4) `unsafe` lives in five crates; every other forbids it.
//! (5) `ARCHITECTURE.md` names every crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Which of our crates each crate may use. A new arrow is architecture, not an edit.
const ARROWS: &[(&str, Uses)] = &[
    ("base", Only(&[])),
    ("structures", Only(&["base"])),
    ("resp", Only(&["base"])),
    ("command", Only(&["base"])),
    ("config", Only(&["base"])),
    ("store", Only(&["base", "structures"])),
    ("journal", Only(&["base", "resp"])),
    ("rdb", Only(&["base", "structures", "store"])),
    ("acl", Only(&["base", "command"])),
    ("script", Only(&["base", "resp"])),
    ("tls", Only(&[])),
    ("engine", AllAbove),
    ("commands", AllAbove),
    ("server", AllAbove),
    ("cli", Only(&["base", "resp", "command", "tls"])),
    ("benchmark", Only(&["base", "resp", "cli"])),
    ("testkit", AllAbove),
    ("xtask", AllAbove),
];

enum Uses {
    Only(&'static [&'static str]),
    /// Every crate with an earlier line.
    AllAbove,
}
use Uses::{AllAbove, Only};

const MAY_BE_UNSAFE: &[&str] = &["structures", "store", "journal", "server", "script"];
const MAX_LINES: usize = 1200;

pub(crate) fn run() -> Result<()> {
    let complaints = complaints()?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    if !complaints.is_empty() {
        bail!("{} rules of the tree are broken", complaints.len());
    }
    Ok(())
}

fn complaints() -> Result<Vec<String>> {
    let mut complaints = arrows()?;
    let architecture = workspace::root().join("ARCHITECTURE.md");
    let architecture = fs::read_to_string(&architecture).context("read ARCHITECTURE.md")?;
    for dir in workspace::crate_dirs()? {
        let name = dir.file_name().and_then(|name| name.to_str()).context("a crate's name")?;
        if !architecture.contains(&format!("`{name}`")) {
            complaints.push(format!("ARCHITECTURE.md does not name the crate `{name}`"));
        }
        root_file(name, &dir, &mut complaints)?;
        for file in rust_files(&dir)? {
            let lines = fs::read_to_string(&file)?.lines().count();
            if lines > MAX_LINES {
                let file = shown(&file);
                complaints.push(format!("{file} has {lines} lines; {MAX_LINES} is the most"));
            }
        }
    }
    Ok(complaints)
}

fn root_file(name: &str, dir: &Path, complaints: &mut Vec<String>) -> Result<()> {
    let file = ["src/lib.rs", "src/main.rs"]
        .iter()
        .map(|path| dir.join(path))
        .find(|path| path.is_file())
        .with_context(|| format!("the crate {name} has neither lib.rs nor main.rs"))?;
    let text = fs::read_to_string(&file)?;
    if text.lines().count() <= 1 {
        return Ok(());
    }
    let shown = shown(&file);
    if !text.starts_with("//!") {
        complaints.push(format!("{shown} does not open with an essay (`//!`)"));
    }
    let forbids = text.contains("#![forbid(unsafe_code)]");
    if !forbids && !MAY_BE_UNSAFE.contains(&name) {
        complaints.push(format!("{shown} does not forbid unsafe code"));
    }
    Ok(())
}

fn arrows() -> Result<Vec<String>> {
    let metadata = workspace::metadata(&["--no-deps"])?;
    let mut used = BTreeMap::new();
    for package in metadata["packages"].as_array().context("cargo metadata lists no packages")? {
        let name = package["name"].as_str().context("a package without a name")?;
        let mut uses = Vec::new();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Only ours have a path.
            if dependency["path"].is_string() {
                let kind = dependency["kind"].as_str().unwrap_or("normal");
                uses.push((dependency["name"].as_str().unwrap_or_default(), kind));
            }
        }
        used.insert(name, uses);
    }
    Ok(judge_arrows(&used))
}

/// `used`: for each crate, those of ours it uses, and as what: `normal`, `dev`, `build`.
fn judge_arrows(used: &BTreeMap<&str, Vec<(&str, &str)>>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, uses) in used {
        let Some(line) = ARROWS.iter().position(|(known, _)| known == name) else {
            complaints.push(format!("the crate {name} has no line in tidy's table of arrows"));
            continue;
        };
        for (target, kind) in uses {
            let is_allowed = match ARROWS[line].1 {
                Only(targets) => targets.contains(target),
                AllAbove => ARROWS[..line].iter().any(|(above, _)| above == target),
            };
            let is_test_arrow = *kind == "dev" && *target == "testkit";
            if !is_allowed && !is_test_arrow {
                complaints.push(format!("{name} may not use {target}: arrows only point down"));
            }
        }
    }
    complaints
}

fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_keeps_its_rules() {
        let complaints = complaints().unwrap();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    #[test]
    fn an_arrow_that_points_up_is_told() {
        let used = BTreeMap::from([
            ("base", vec![("store", "normal")]),
            ("store", vec![("base", "normal"), ("testkit", "dev")]),
            ("novel", vec![]),
        ]);
        let complaints = judge_arrows(&used);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("base may not use store"));
        assert!(complaints[1].starts_with("the crate novel"));
    }
}
