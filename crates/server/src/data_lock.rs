//! Two servers that save into one file take each other's data away: who saves there locks it.
//!
//! The lock is a file beside the snapshot, `dump.rdb.lock`, held as long as the process lives: so a
//! server that was killed leaves no lock, only the file. The append only file has one of its own
//! ([`Engine::lock_aof`](engine::Engine::lock_aof)).
//!
//! A server whose data set is the snapshot takes it at its start if it has save points, and does not
//! start without: it would end in one of the two losing what it has. Any other, and who has a log,
//! takes it when it first saves. Where no file can be made there is nothing to protect.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base::disk::{DirLock, Disk, Real};

use crate::process::{log, reason};

/// A server that is about to end may take so long to be gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is locked: the snapshot by its absolute name. Dropped when another is.
static HELD: Mutex<Option<(PathBuf, DirLock)>> = Mutex::new(None);

/// Locks the snapshot `name`, and waits a little for who has it.
///
/// # Errors
/// Another server keeps it.
pub(crate) fn take_at_start(name: &str) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match take(name) {
            Err(_) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            taken => return taken,
        }
    }
}

/// Locks the snapshot `name`, in the working directory.
///
/// # Errors
/// Another server has it.
pub(crate) fn take(name: &str) -> Result<(), String> {
    let path = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
    let mut held = HELD.lock().expect("nobody panics locking");
    if held.as_ref().is_some_and(|(of, _)| *of == path) {
        return Ok(());
    }
    match Real.lock(Path::new(&format!("{name}.lock"))) {
        Ok(Some(lock)) => {
            *held = Some((path, lock));
            Ok(())
        }
        Ok(None) => Err(format!(
            "Another server saves to {}: stop it, or set another dir or dbfilename",
            path.display()
        )),
        Err(error) => {
            // A directory that takes no lock takes no snapshot either, and that will be told; a file
            // system without locks must do without.
            if error.kind() != io::ErrorKind::PermissionDenied {
                log::line('#', &format!("Can't lock {}: {}", path.display(), reason(&error)));
            }
            Ok(())
        }
    }
}
