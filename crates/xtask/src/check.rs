//! `cargo x check`: what must hold before a push, each step with its time.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::{docs, workspace};

/// Runs every step in order and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let cargo = |args: &[&str]| {
        let mut cargo: Command = workspace::cargo();
        cargo.args(args);
        workspace::must(&mut cargo)
    };
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("lints", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
    })?;
    // The rules of the tree (`tidy`) are a test of xtask.
    step("tests", || cargo(&["test", "--workspace", "--quiet"]))?;
    step("docs are fresh", || docs::run(&docs::Args { check: true }))?;
    println!("all good");
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    let start = Instant::now();
    let outcome = work();
    println!("== {name}: {:.1} s", start.elapsed().as_secs_f64());
    outcome
}
