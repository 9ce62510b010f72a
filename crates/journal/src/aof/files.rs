//! The directory of the log: its manifest, and files that come and go.
//!
//! # Invariants
//!
//! (1) The manifest is replaced in one step. A file that it names was forced to the disk before,
//!     and one that it no longer names is removed after.
//! (2) What is removed is history in the manifest first, so that a crash leaves nothing behind
//!     that nobody would ever remove.
//! (3) When a log begins, what follows its base gets its name before the manifest tells of it. The
//!     manifest to be is on the disk before, so that a start knows what a crash left half-way from
//!     a manifest that was lost.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::disk::{Disk, Found, Open, reason};

use super::manifest::{BadManifest, Manifest};

/// Where the log lies.
#[derive(Clone)]
pub struct Files {
    pub disk: Arc<dyn Disk>,
    /// `dir`, in which old logs of one file lie.
    pub above: PathBuf,
    /// `appenddirname`.
    pub dir_name: String,
    /// `appendfilename`.
    pub name: String,
}

/// Why the manifest cannot be had.
#[derive(Debug)]
pub enum ManifestError {
    Io(PathBuf, io::Error),
    Bad(BadManifest),
}

impl std::error::Error for ManifestError {}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::Io(path, error) => {
                write!(
                    f,
                    "Fatal error: can't open the AOF manifest file {}: {}",
                    path.display(),
                    reason(error)
                )
            }
            ManifestError::Bad(bad) => write!(f, "Fatal error reading the AOF manifest: {bad}"),
        }
    }
}

impl Files {
    pub fn dir(&self) -> PathBuf {
        self.above.join(&self.dir_name)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub fn manifest_path(&self) -> PathBuf {
        self.path(&format!("{}.manifest", self.name))
    }

    /// The manifest, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn load(&self) -> Result<Option<Manifest>, ManifestError> {
        let path = self.manifest_path();
        match self.disk.read(&path) {
            Ok(text) => Manifest::parse(&text).map(Some).map_err(ManifestError::Bad),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ManifestError::Io(path, error)),
        }
    }

    /// Puts the manifest in place (1).
    pub fn save(&self, manifest: &Manifest) -> io::Result<()> {
        self.make_dir()?;
        let temp = self.path(&format!("temp-{}.manifest", self.name));
        self.disk.replace(&self.manifest_path(), &temp, &manifest.format())
    }

    fn announced(&self) -> PathBuf {
        self.path(&format!("temp-{}.announced", self.name))
    }

    /// Says on the disk what the manifest will be, before files get the names in it (3).
    pub fn announce(&self, manifest: &Manifest) -> io::Result<()> {
        let mut file = self.disk.open(&self.announced(), Open::Create)?;
        file.write_all(&manifest.format())?;
        file.sync()?;
        self.disk.sync_dir(&self.dir())
    }

    /// Removes increments that a log had which never began: nobody was told that they are there
    /// (3). `manifest`: the one in place.
    pub fn take_back(&self, manifest: Option<&Manifest>) -> io::Result<()> {
        let text = match self.disk.read(&self.announced()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // One that is torn was not on the disk, and then nothing has such a name yet.
        let Ok(announced) = Manifest::parse(&text) else { return Ok(()) };
        let is_in_use = |name: &str| {
            manifest.is_some_and(|manifest| {
                manifest.parts().chain(&manifest.history).any(|part| part.name == name)
            })
        };
        for part in announced.parts().filter(|part| !is_in_use(&part.name)) {
            let path = self.path(&part.name);
            if let Found::File(_) = self.disk.find(&path)? {
                self.disk.remove(&path)?;
            }
        }
        self.disk.sync_dir(&self.dir())?;
        self.disk.remove(&self.announced())
    }

    /// Puts an announced manifest in place.
    pub fn save_announced(&self, manifest: &Manifest) -> io::Result<()> {
        self.save(manifest)?;
        // What is left of it says nothing any more, and the next start removes it.
        let _ = self.disk.remove(&self.announced());
        Ok(())
    }

    pub fn make_dir(&self) -> io::Result<()> {
        let dir = self.dir();
        if self.disk.find(&dir)? != Found::Dir {
            self.disk.make_dir(&dir)?;
            self.disk.sync_dir(&self.above)?;
        }
        Ok(())
    }

    /// Removes history (2). A file that is gone already is as good as removed.
    pub fn forget_history(&self, manifest: &mut Manifest) -> io::Result<()> {
        if manifest.history.is_empty() {
            return Ok(());
        }
        for part in std::mem::take(&mut manifest.history) {
            match self.disk.remove(&self.path(&part.name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    manifest.history.push(part);
                    return Err(error);
                }
                _ => {}
            }
        }
        self.save(manifest)
    }

    /// Where a base is written before it has its name: another each time, since one that was
    /// cancelled may not have ended when the next begins.
    pub fn temp_base(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (process, n) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.path(&format!("temp-{}.{process}.{n}.base", self.name))
    }

    /// Where the stream goes while there is no base.
    pub fn temp_incr(&self) -> PathBuf {
        self.path(&format!("temp-{}.incr", self.name))
    }

    /// Puts a base in place while the log is off: nothing follows it.
    pub fn install_alone(
        &self,
        temp: &Path,
        extension: &str,
        keeps_history: bool,
    ) -> io::Result<()> {
        let mut manifest = self.load().map_err(io::Error::other)?.unwrap_or_default();
        self.make_dir()?;
        let base = manifest.new_base(&self.name, extension);
        manifest.retire_all_incrs();
        self.announce(&manifest)?;
        self.disk.rename(temp, &self.path(&base.name))?;
        self.disk.sync_dir(&self.dir())?;
        self.save_announced(&manifest)?;
        if keeps_history { Ok(()) } else { self.forget_history(&mut manifest) }
    }

    /// Removes what a crash left in the middle of a rewrite.
    pub fn sweep(&self) -> io::Result<()> {
        let dir = self.dir();
        if self.disk.find(&dir)? != Found::Dir {
            return Ok(());
        }
        // Another log may share the directory.
        let mine = format!("temp-{}.", self.name);
        for name in self.disk.list(&dir)? {
            if name.starts_with(&mine) {
                self.disk.remove(&dir.join(name))?;
            }
        }
        Ok(())
    }

    /// An old log of one file becomes the base: first the manifest names it, then it moves. Either
    /// half may already be done.
    ///
    /// # Errors
    /// As told in the log.
    pub fn upgrade(&self) -> io::Result<Manifest> {
        let mut manifest = Manifest::default();
        manifest.adopt_base(&self.name);
        self.save(&manifest)?;
        self.finish_upgrade()?;
        Ok(manifest)
    }

    pub fn finish_upgrade(&self) -> io::Result<()> {
        self.disk.rename(&self.above.join(&self.name), &self.path(&self.name))?;
        self.disk.sync_dir(&self.dir())?;
        self.disk.sync_dir(&self.above)
    }

    /// How many bytes the files with data have.
    pub fn bytes(&self, manifest: &Manifest) -> io::Result<u64> {
        let mut bytes = 0;
        for part in manifest.parts() {
            if let Found::File(len) = self.disk.find(&self.path(&part.name))? {
                bytes += len;
            }
        }
        Ok(bytes)
    }
}
