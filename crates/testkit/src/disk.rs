//! A disk that lies as much as a real one may: it tears, forgets, fills up, and fails at any call.
//!
//! ```text
//!   program ─► files and names as it sees them ──► what survives a power cut
//!                writes since the last sync            any part of them, or zeros
//!                names since the last sync_dir         the first few, per directory
//! ```
//!
//! Every call has a number. [`SimDisk::fail_call`] fails one, [`SimDisk::cut_power_at`] ends the
//! world at one: from then on every call fails, and [`SimDisk::after_power_cut`] is the disk that
//! the next start finds. The same seed gives the
//! same survivors.
//!
//! # Invariants
//!
//! (1) What was written before a sync that succeeded survives, unless a sync before it had failed
//!     with those bytes unsynced: those may be lost for ever, as on Linux, where a page that could
//!     not be written counts as clean.
//! (2) A rename is one step: after a power cut one of the names is there.
//! (3) Within one directory what happened to names survives in order: a first part of it.

mod contents;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use base::disk::{DirLock, Disk, File, Found, Open, dir_of};
use base::random::Random;

use contents::{Change, Contents, Inode, NameChange, Node};

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;
const ENOENT: i32 = 2;
const EEXIST: i32 = 17;

/// The disk as it was at a call, and what the test knew then.
pub struct Moment {
    contents: Contents,
    pub known: u64,
}

impl Moment {
    /// What a start finds if the power is cut then.
    pub fn after_power_cut(&self, seed: u64) -> SimDisk {
        SimDisk::with(self.contents.after_power_cut(&mut Random::from_seed(seed)))
    }
}

/// Which moments are kept.
struct Keeping {
    every: u64,
    known: Box<dyn Fn() -> u64 + Send>,
    moments: Vec<Moment>,
}

struct State {
    contents: Contents,
    /// What becomes of what a failed sync should have brought out.
    random: Random,
    keeping: Option<Keeping>,
    calls: u64,
    faults: BTreeMap<u64, i32>,
    failing_syncs: Option<i32>,
    power_cut_at: u64,
    room_bytes: u64,
    locks: Vec<PathBuf>,
}

/// See the essay of this file. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl Default for SimDisk {
    fn default() -> SimDisk {
        SimDisk::new()
    }
}

impl SimDisk {
    pub fn new() -> SimDisk {
        SimDisk::with(Contents::new())
    }

    fn with(contents: Contents) -> SimDisk {
        SimDisk {
            state: Arc::new(Mutex::new(State {
                contents,
                random: Random::from_seed(0),
                keeping: None,
                calls: 0,
                faults: BTreeMap::new(),
                failing_syncs: None,
                power_cut_at: u64::MAX,
                room_bytes: u64::MAX,
                locks: Vec::new(),
            })),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics on the disk")
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Call number `call` (from 1) fails with this error number.
    pub fn fail_call(&self, call: u64, errno: i32) {
        self.state().faults.insert(call, errno);
    }

    /// Every sync of a file fails, until `None`.
    pub fn fail_syncs(&self, errno: Option<i32>) {
        self.state().failing_syncs = errno;
    }

    /// From call number `call` on nothing works.
    pub fn cut_power_at(&self, call: u64) {
        self.state().power_cut_at = call;
    }

    pub fn has_power(&self) -> bool {
        let state = self.state();
        state.calls < state.power_cut_at
    }

    /// So much more can be written.
    pub fn set_room(&self, bytes: u64) {
        self.state().room_bytes = bytes;
    }

    /// What becomes of bytes that a failed sync should have brought out.
    pub fn seed(&self, seed: u64) {
        self.state().random = Random::from_seed(seed);
    }

    /// No fault is left: all works from now on.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        (state.failing_syncs, state.room_bytes, state.power_cut_at) = (None, u64::MAX, u64::MAX);
    }

    /// Keeps what the disk is before one of `every` calls, with what `known` says then.
    pub fn keep_moments(&self, every: u64, known: impl Fn() -> u64 + Send + 'static) {
        self.state().keeping = Some(Keeping { every, known: Box::new(known), moments: Vec::new() });
    }

    /// Those that were kept since the last time.
    pub fn take_moments(&self) -> Vec<Moment> {
        let mut state = self.state();
        state.keeping.as_mut().map_or(Vec::new(), |keeping| std::mem::take(&mut keeping.moments))
    }

    /// The disk at this moment.
    pub fn moment(&self, known: u64) -> Moment {
        Moment { contents: self.state().contents.clone(), known }
    }

    /// What a start after a power cut at this moment finds. The disk itself is as it was.
    pub fn after_power_cut(&self, seed: u64) -> SimDisk {
        self.moment(0).after_power_cut(seed)
    }
}

fn error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

/// One name for one place.
fn clean(path: &Path) -> PathBuf {
    let parts = path.components().filter(|part| !matches!(part, std::path::Component::CurDir));
    let path: PathBuf = parts.collect();
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

impl State {
    /// Each call begins here.
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if let Some(keeping) = &mut self.keeping
            && self.calls.is_multiple_of(keeping.every)
        {
            let known = (keeping.known)();
            keeping.moments.push(Moment { contents: self.contents.clone(), known });
        }
        if self.calls >= self.power_cut_at {
            return Err(io::Error::other("the power is cut"));
        }
        self.faults.remove(&self.calls).map_or(Ok(()), |errno| Err(error(errno)))
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.contents.seen.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(error(ENOENT)),
        }
    }

    fn name(&mut self, dir: &Path, change: NameChange) {
        self.contents.name(clean(dir), change);
    }

    fn make(&mut self, path: PathBuf) -> io::Result<usize> {
        if self.contents.seen.get(&clean(dir_of(&path))) != Some(&Node::Dir) {
            return Err(error(ENOENT));
        }
        self.contents.inodes.push(Inode::default());
        let inode = self.contents.inodes.len() - 1;
        let dir = dir_of(&path).to_owned();
        self.name(&dir, NameChange::Put(path, Node::File(inode)));
        Ok(inode)
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.call()?;
        let path = clean(path);
        let found = state.file(&path);
        let inode = match (how, found) {
            (Open::CreateNew, Ok(_)) => return Err(error(EEXIST)),
            (Open::Create | Open::CreateBulk | Open::Append | Open::CreateNew, Err(missing))
                if missing.kind() == io::ErrorKind::NotFound =>
            {
                state.make(path)?
            }
            (_, found) => found?,
        };
        if matches!(how, Open::Create | Open::CreateBulk) {
            state.contents.inodes[inode].change(Change::Truncate(0));
        }
        drop(state);
        Ok(Box::new(SimFile { disk: self.clone(), inode, at: 0, appends: how == Open::Append }))
    }

    fn find(&self, path: &Path) -> io::Result<Found> {
        let mut state = self.state();
        state.call()?;
        Ok(match state.contents.seen.get(&clean(path)) {
            None => Found::Nothing,
            Some(Node::Dir) => Found::Dir,
            Some(Node::File(inode)) => Found::File(state.contents.inodes[*inode].seen.len() as u64),
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.call()?;
        let dir = clean(dir);
        if state.contents.seen.get(&dir) != Some(&Node::Dir) {
            return Err(error(ENOENT));
        }
        let names =
            state.contents.seen.keys().filter(|path| **path != dir && clean(dir_of(path)) == dir);
        let name =
            |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(names.filter_map(name).collect())
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let dir = clean(dir);
        match state.contents.seen.get(&dir) {
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_)) => Err(error(EEXIST)),
            None => {
                state.name(dir_of(&dir), NameChange::Put(dir.clone(), Node::Dir));
                Ok(())
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let (from, to) = (clean(from), clean(to));
        let node = Node::File(state.file(&from)?);
        state.name(dir_of(&to), NameChange::Rename(from, to.clone(), node));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let path = clean(path);
        state.file(&path)?;
        state.name(dir_of(&path), NameChange::Remove(path.clone()));
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let (from, to) = (clean(from), clean(to));
        let inode = state.file(&from)?;
        if state.contents.seen.contains_key(&to) {
            return Err(error(EEXIST));
        }
        state.name(dir_of(&to), NameChange::Put(to.clone(), Node::File(inode)));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let dir = clean(dir);
        state.contents.sync_dir(&dir);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DirLock>> {
        let mut state = self.state();
        state.call()?;
        let path = clean(path);
        if state.locks.contains(&path) {
            return Ok(None);
        }
        state.locks.push(path.clone());
        Ok(Some(Box::new(SimLock { disk: self.clone(), path })))
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locks.retain(|path| *path != self.path);
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
    at: usize,
    appends: bool,
}

impl File for SimFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.call()?;
        let bytes = state.contents.inodes[self.inode].seen.get(self.at..).unwrap_or_default();
        let len = bytes.len().min(into.len());
        into[..len].copy_from_slice(&bytes[..len]);
        self.at += len;
        Ok(len)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.call()?;
        let len = bytes.len().min(usize::try_from(state.room_bytes).unwrap_or(usize::MAX));
        if len == 0 && !bytes.is_empty() {
            return Err(error(ENOSPC));
        }
        if state.room_bytes != u64::MAX {
            state.room_bytes -= len as u64;
        }
        let file = &mut state.contents.inodes[self.inode];
        let at = if self.appends { file.seen.len() } else { self.at };
        file.change(Change::Write { at, bytes: bytes[..len].to_vec() });
        self.at = at + len;
        Ok(len)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.disk.state().call()?;
        self.at = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let called =
            state.call().and_then(|()| state.failing_syncs.map_or(Ok(()), |n| Err(error(n))));
        let State { contents, random, .. } = &mut *state;
        let file = &mut contents.inodes[self.inode];
        if let Err(error) = called {
            // (1)
            file.fail_sync(random);
            return Err(error);
        }
        file.sync();
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call()?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        state.contents.inodes[self.inode].change(Change::Truncate(len));
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.call()?;
        Ok(state.contents.inodes[self.inode].seen.len() as u64)
    }
}
