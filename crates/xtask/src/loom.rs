//! `cargo x loom`: the model tests of what workers synchronise with.
//!
//! Loom replaces atomics and threads by its own and tries every interleaving, up to a number of
//! preemptions. That is another build of everything below, so it has a target folder of its own.

use anyhow::Result;

use crate::workspace;

/// Crates with a `loom_tests` module.
const CRATES: &[&str] = &["store", "journal"];

pub(crate) fn run() -> Result<()> {
    for name in CRATES {
        let mut cargo = workspace::cargo();
        cargo.args(["test", "--package", name, "--lib", "loom"]);
        cargo.args(["--target-dir", "target/loom"]).env("RUSTFLAGS", "--cfg loom");
        workspace::must(&mut cargo)?;
    }
    Ok(())
}
