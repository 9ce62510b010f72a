//! The disk: files and directories as the rest of the house sees them, so that a test disk can tear,
//! forget, fill up and fail at any call.
//!
//! Only what durability needs is here. What a call promises is what POSIX promises and no more:
//!
//! | after | and a power cut |
//! |---|---|
//! | [`File::write`] | any part of the bytes may be there, or zeros in their place |
//! | [`File::sync`] | the bytes are there, but the name may not be |
//! | [`Disk::rename`] | either name, never none |
//! | [`Disk::sync_dir`] | what was made, renamed and removed in it stays so |
//!
//! [`Real`] is the machine's disk; `testkit::disk` has the one that lies.
//!
//! # Invariants
//!
//! (1) Errors are the system's, with its number: a caller can tell a full disk
//!     ([`io::ErrorKind::StorageFull`]) from a broken one.
//! (2) A path is used as it is given: relative ones are relative to the working directory.

mod bulk;

use std::any::Any;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::DerefMut;
use std::path::Path;

pub use bulk::BulkFile;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To be read; it must exist.
    Read,
    /// Empty, for writing; what was there is lost.
    Create,
    /// As [`Open::Create`], for much that is written once, from the beginning on, and not read soon
    /// ([`BulkFile`]).
    CreateBulk,
    /// As [`Open::Create`], but nothing may be there.
    CreateNew,
    /// For writing at its end; made if need be.
    Append,
    /// For reading and writing what is there; it must exist.
    Repair,
}

/// An open file. It is closed when dropped.
pub trait File: Send {
    /// Reads on from where it is; 0 at the end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Writes on from where it is (at the end, if opened to append); perhaps not all.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// The next read or write begins here.
    fn seek(&mut self, offset: u64) -> io::Result<()>;
    /// Forces what was written to the disk.
    ///
    /// When it fails, what was written since the last success is in an unknown state for ever: a
    /// later success says nothing about it.
    fn sync(&mut self) -> io::Result<()>;
    /// Forgets everything from `len` on.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Writes all of it, or fails with part of it written.
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills as much of `into` as there is to read.
    fn read_full(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// A file as std reads, writes and seeks. Nothing is held back: there is nothing to flush.
pub struct AsStd<F>(pub F);

impl<F: DerefMut<Target: File>> Read for AsStd<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl<F: DerefMut<Target: File>> Write for AsStd<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: DerefMut<Target: File>> Seek for AsStd<F> {
    /// From where it is, or from before the end, is not supported.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let offset = match to {
            SeekFrom::Start(offset) => offset,
            SeekFrom::End(0) => self.0.len()?,
            SeekFrom::End(_) | SeekFrom::Current(_) => {
                return Err(io::ErrorKind::Unsupported.into());
            }
        };
        self.0.seek(offset)?;
        Ok(offset)
    }
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Dir,
    /// A file of so many bytes.
    File(u64),
}

/// Held as long as it lives.
pub type DirLock = Box<dyn Any + Send + Sync>;

/// A disk with directories; see the essay of this file.
pub trait Disk: Send + Sync {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>>;
    /// What is there; an error if that cannot be known.
    fn find(&self, path: &Path) -> io::Result<Found>;
    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a directory; one that is there already will do.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;
    /// Moves a file, in one step, over whatever has the name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// A second name for a file.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Forces the names in a directory to the disk.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Keeps others out who lock the same file, which is made if need be. None: somebody has it.
    fn lock(&self, path: &Path) -> io::Result<Option<DirLock>>;

    /// All of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = self.open(path, Open::Read)?;
        let len = file.len()?;
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?];
        let read = file.read_full(&mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Puts `bytes` in the place of `path` in one step, by way of `temp` in the same directory:
    /// after a power cut there is the old content or the new.
    fn replace(&self, path: &Path, temp: &Path, bytes: &[u8]) -> io::Result<()> {
        let written = self.open(temp, Open::Create).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()
        });
        if let Err(error) = written.and_then(|()| self.rename(temp, path)) {
            // It may not be there; the error that counts is the first.
            let _ = self.remove(temp);
            return Err(error);
        }
        self.sync_dir(dir_of(path))
    }
}

/// The directory a path is in.
pub fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The system's words for an error: `No space left on device`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl File for fs::File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Read::read(self, into)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        Seek::seek(self, SeekFrom::Start(offset)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl Disk for Real {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let mut options = fs::OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            Open::CreateBulk => return Ok(Box::new(BulkFile::create(path)?)),
            Open::Create => options.write(true).create(true).truncate(true),
            Open::CreateNew => options.write(true).create_new(true),
            Open::Append => options.append(true).create(true),
            Open::Repair => options.read(true).write(true),
        };
        Ok(Box::new(options.open(path)?))
    }

    fn find(&self, path: &Path) -> io::Result<Found> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Found::Dir),
            Ok(found) => Ok(Found::File(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<fs::DirEntry>| {
            entry?.file_name().into_string().or(Ok(String::new()))
        };
        fs::read_dir(dir)?
            .map(name)
            .filter(|name| !matches!(name, Ok(name) if name.is_empty()))
            .collect()
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        match fs::create_dir(dir) {
            Err(_) if dir.is_dir() => Ok(()),
            made => made,
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DirLock>> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fresh directory, removed with what is in it.
    struct Dir(std::path::PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let path =
                std::env::temp_dir().join(format!("ochre-disk-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Real.make_dir(&path).expect("a directory can be made");
            Dir(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_written_is_read_and_appended_to() {
        let dir = Dir::new("append");
        let path = dir.0.join("a");
        for part in [&b"one "[..], b"two"] {
            let mut file = Real.open(&path, Open::Append).expect("it opens");
            file.write_all(part).expect("it is written");
            file.sync().expect("it is forced out");
        }
        assert_eq!(Real.read(&path).expect("it is there"), b"one two");
        assert_eq!(Real.find(&path).expect("it can be seen"), Found::File(7));
        let mut file = Real.open(&path, Open::Repair).expect("it opens");
        file.truncate(3).expect("it can be cut");
        assert_eq!(Real.read(&path).expect("it is there"), b"one");
    }

    #[test]
    fn replacing_leaves_no_other_file() {
        let dir = Dir::new("replace");
        let path = dir.0.join("m");
        for text in [&b"old"[..], b"new"] {
            Real.replace(&path, &dir.0.join("temp-m"), text).expect("it is replaced");
        }
        assert_eq!(Real.list(&dir.0).expect("it can be listed"), ["m"]);
        assert_eq!(Real.read(&path).expect("it is there"), b"new");
    }

    #[test]
    fn a_lock_keeps_a_second_out_until_it_is_dropped() {
        let dir = Dir::new("lock");
        let path = dir.0.join("lock");
        let first = Real.lock(&path).expect("it can be locked");
        assert!(first.is_some());
        assert!(Real.lock(&path).expect("it can be asked").is_none());
        drop(first);
        assert!(Real.lock(&path).expect("it can be asked").is_some());
    }

    #[test]
    fn reasons_are_the_systems_words() {
        assert_eq!(reason(&io::Error::from_raw_os_error(28)), "No space left on device");
        assert_eq!(io::Error::from_raw_os_error(28).kind(), io::ErrorKind::StorageFull, "(1)");
    }
}
