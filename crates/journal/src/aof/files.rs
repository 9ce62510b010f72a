//! The directory of the log: its manifest, and files that come and go.
//!
//! # Invariants
//!
//! (1) The manifest is replaced in one step. A file that it names was forced to the disk before,
//!     and one that it no longer names is removed after.
//! (2) What is removed is history in the manifest first, so that a crash leaves nothing behind
//!     that nobody would ever remove.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::disk::{Disk, Found, reason};

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

    /// Where a base is written before it has its name.
    pub fn temp_base(&self) -> PathBuf {
        self.path(&format!("temp-{}.{}.base", self.name, std::process::id()))
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
        self.disk.rename(temp, &self.path(&base.name))?;
        self.disk.sync_dir(&self.dir())?;
        manifest.retire_all_incrs();
        self.save(&manifest)?;
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
