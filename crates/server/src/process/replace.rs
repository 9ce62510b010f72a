//! A file's new text takes the place of the old in one step.
//!
//! ```text
//!   text ──► file.PID.tmp ──fsync──► rename ──► fsync of the folder
//! ```
//!
//! Whoever reads the file, at whatever moment, and after a power cut too, finds all of the old
//! text or all of the new.

use std::io::{self, Write};
use std::path::Path;

pub(crate) fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let file = file.canonicalize().or_else(|_| std::path::absolute(file))?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut aside = file.clone().into_os_string();
    aside.push(format!(".{}.tmp", std::process::id()));
    let written = write(Path::new(&aside), &file, text).and_then(|()| {
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
