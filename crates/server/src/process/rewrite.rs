//! CONFIG REWRITE: the configuration file brought up to date, as [`Config::rewrite`] says.

use std::io;
use std::path::Path;

use config::{Config, LiveLines, Scope};

use super::replace::replace;

/// Brings `file` up to date. The error is CONFIG REWRITE's, without the code; it is the caller's to
/// log.
pub(crate) fn run(
    config: &Config,
    live: &[LiveLines],
    file: Option<&str>,
    scope: Scope,
) -> Result<(), String> {
    let file = file.ok_or("The server is running without a config file")?;
    rewrite(config, live, Path::new(file), scope)
        .map_err(|error| format!("Rewriting config file: {}", super::reason(&error)))
}

fn rewrite(config: &Config, live: &[LiveLines], file: &Path, scope: Scope) -> io::Result<()> {
    let old = match std::fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    replace(file, &config.rewrite(&old, live, scope))
}
