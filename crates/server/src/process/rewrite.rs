//! CONFIG REWRITE: the new text replaces the file in one step.
//!
//! ```text
//!   file ──read──► Config::rewrite ──► file.PID.tmp ──fsync──► rename ──► fsync of the folder
//! ```
//!
//! Whoever reads the file, at whatever moment, and after a power cut too, finds all of the old
//! text or all of the new.

use std::io::{self, Write};
use std::path::Path;

use config::{Config, Scope};

/// Brings `file` up to date. The error is CONFIG REWRITE's, without the code; it is the caller's to
/// log.
pub(crate) fn run(config: &Config, file: Option<&str>, scope: Scope) -> Result<(), String> {
    let file = file.ok_or("The server is running without a config file")?;
    replace(config, Path::new(file), scope)
        .map_err(|error| format!("Rewriting config file: {}", super::reason(&error)))
}

fn replace(config: &Config, file: &Path, scope: Scope) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let old = match std::fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let text = config.rewrite(&old, &[], scope);
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut aside = file.clone().into_os_string();
    aside.push(format!(".{}.tmp", std::process::id()));
    let written = write(Path::new(&aside), &file, &text).and_then(|()| {
        std::fs::rename(&aside, &file)?;
        std::fs::File::open(folder)?.sync_all()
    });
    if written.is_err() {
        // It may be the reason of the failure that it is not there.
        let _ = std::fs::remove_file(&aside);
    }
    written
}

fn write(aside: &Path, file: &Path, text: &[u8]) -> io::Result<()> {
    let mut new = std::fs::File::create(aside)?;
    if let Ok(old) = std::fs::metadata(file) {
        new.set_permissions(old.permissions())?;
    }
    new.write_all(text)?;
    new.sync_all()
}
