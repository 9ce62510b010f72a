//! The file that holds the process id while the server runs.

use std::path::{Path, PathBuf};

use super::log;

/// Where a daemon's id goes if no `pidfile` is set.
pub(crate) const DEFAULT_PATH: &str = "/var/run/redis.pid";

/// A written pid file; removed by [`PidFile::remove`].
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file. A server that cannot runs all the same, as Redis does, and says so.
    pub(crate) fn write(path: &Path) -> Option<PidFile> {
        // Absolute, since `dir` may change before it is removed.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match std::fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Some(PidFile { path }),
            Err(error) => {
                let reason = super::reason(&error);
                log::line('#', &format!("Failed to write PID file '{}': {reason}", path.display()));
                None
            }
        }
    }

    pub(crate) fn remove(self) {
        log::line('*', "Removing the pid file.");
        if let Err(error) = std::fs::remove_file(&self.path) {
            let reason = super::reason(&error);
            log::line('#', &format!("Removing '{}': {reason}", self.path.display()));
        }
    }
}
