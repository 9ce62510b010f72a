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
//!     with those bytes unsynced: those may be lost for ever, as on Linux.
//! (2) A rename is one step: after a power cut one of the names is there.
//! (3) Within one directory what happened to names survives in order: a first part of it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use base::disk::{DirLock, Disk, File, Found, Open, dir_of};
use base::random::Random;

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;
const ENOENT: i32 = 2;
const EEXIST: i32 = 17;

/// A device writes so much in one piece.
const SECTOR_BYTES: usize = 512;

/// A change of a file that no sync has covered.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// Changes that a failed sync took from memory: no later sync brings them out.
    dropped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

type Names = BTreeMap<PathBuf, Node>;

struct State {
    inodes: Vec<Inode>,
    seen: Names,
    durable: Names,
    /// With the directory whose sync makes it last.
    unsynced: Vec<(PathBuf, NameChange)>,
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
        SimDisk::with(Vec::new(), Names::from([(PathBuf::from("."), Node::Dir)]))
    }

    fn with(inodes: Vec<Inode>, names: Names) -> SimDisk {
        SimDisk {
            state: Arc::new(Mutex::new(State {
                inodes,
                seen: names.clone(),
                durable: names,
                unsynced: Vec::new(),
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

    /// What a start after a power cut at this moment finds. The disk itself is as it was.
    pub fn after_power_cut(&self, seed: u64) -> SimDisk {
        let state = self.state();
        let mut random = Random::from_seed(seed);
        let mut names = state.durable.clone();
        let dirs: std::collections::BTreeSet<&PathBuf> =
            state.unsynced.iter().map(|(dir, _)| dir).collect();
        for dir in dirs {
            let changes: Vec<_> = state.unsynced.iter().filter(|(d, _)| d == dir).collect();
            let kept = random.below(changes.len() as u64 + 1) as usize;
            for (_, change) in &changes[..kept] {
                apply(&mut names, change);
            }
        }
        let inodes = state.inodes.iter().map(|inode| survive(inode, &mut random)).collect();
        SimDisk::with(inodes, names)
    }
}

/// What is left of a file: its length as it was at some moment since the last sync, and each sector
/// as it was at some moment, or zeros.
fn survive(inode: &Inode, random: &mut Random) -> Inode {
    let mut moments = vec![inode.durable.clone()];
    for change in &inode.unsynced {
        let mut bytes = moments.last().expect("there is the first").clone();
        match change {
            Change::Truncate(len) => bytes.resize(*len, 0),
            Change::Write { at, bytes: new } => {
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
        }
        moments.push(bytes);
    }
    let mut any = |n: usize| random.below(n as u64) as usize;
    let at = any(moments.len());
    let lens = (moments[at].len(), moments[(at + 1).min(moments.len() - 1)].len());
    let (least, most) = (lens.0.min(lens.1), lens.0.max(lens.1));
    let len = match any(3) {
        0 => most,
        1 => least,
        _ => least + any(most - least + 1),
    };
    let mut bytes = vec![0; len];
    let is_whole = any(4) == 0;
    for (i, sector) in bytes.chunks_mut(SECTOR_BYTES).enumerate() {
        let moment = if is_whole || any(3) > 0 { moments.len() - 1 } else { any(moments.len()) };
        let from = moments[moment].get(i * SECTOR_BYTES..).unwrap_or_default();
        let there = from.len().min(sector.len());
        sector[..there].copy_from_slice(&from[..there]);
    }
    Inode { seen: bytes.clone(), durable: bytes, unsynced: Vec::new(), dropped: false }
}

fn apply(names: &mut Names, change: &NameChange) {
    match change {
        NameChange::Put(path, node) => drop(names.insert(path.clone(), *node)),
        NameChange::Remove(path) => drop(names.remove(path)),
        NameChange::Rename(from, to, node) => {
            names.remove(from);
            names.insert(to.clone(), *node);
        }
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
        if self.calls >= self.power_cut_at {
            return Err(io::Error::other("the power is cut"));
        }
        self.faults.remove(&self.calls).map_or(Ok(()), |errno| Err(error(errno)))
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.seen.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(error(ENOENT)),
        }
    }

    fn name(&mut self, dir: &Path, change: NameChange) {
        apply(&mut self.seen, &change);
        self.unsynced.push((clean(dir), change));
    }

    fn make(&mut self, path: PathBuf) -> io::Result<usize> {
        if self.seen.get(&clean(dir_of(&path))) != Some(&Node::Dir) {
            return Err(error(ENOENT));
        }
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
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
            (Open::Create | Open::Append | Open::CreateNew, Err(missing))
                if missing.kind() == io::ErrorKind::NotFound =>
            {
                state.make(path)?
            }
            (_, found) => found?,
        };
        if how == Open::Create {
            let file = &mut state.inodes[inode];
            file.seen.clear();
            file.unsynced.push(Change::Truncate(0));
        }
        drop(state);
        Ok(Box::new(SimFile { disk: self.clone(), inode, at: 0, appends: how == Open::Append }))
    }

    fn find(&self, path: &Path) -> io::Result<Found> {
        let mut state = self.state();
        state.call()?;
        Ok(match state.seen.get(&clean(path)) {
            None => Found::Nothing,
            Some(Node::Dir) => Found::Dir,
            Some(Node::File(inode)) => Found::File(state.inodes[*inode].seen.len() as u64),
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.call()?;
        let dir = clean(dir);
        if state.seen.get(&dir) != Some(&Node::Dir) {
            return Err(error(ENOENT));
        }
        let names = state.seen.keys().filter(|path| **path != dir && clean(dir_of(path)) == dir);
        let name =
            |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(names.filter_map(name).collect())
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let dir = clean(dir);
        match state.seen.get(&dir) {
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
        if state.seen.contains_key(&to) {
            return Err(error(EEXIST));
        }
        state.name(dir_of(&to), NameChange::Put(to.clone(), Node::File(inode)));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let dir = clean(dir);
        let (mine, others) =
            std::mem::take(&mut state.unsynced).into_iter().partition(|(of, _)| *of == dir);
        state.unsynced = others;
        let mine: Vec<(PathBuf, NameChange)> = mine;
        for (_, change) in &mine {
            apply(&mut state.durable, change);
        }
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
        let bytes = state.inodes[self.inode].seen.get(self.at..).unwrap_or_default();
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
        let file = &mut state.inodes[self.inode];
        let at = if self.appends { file.seen.len() } else { self.at };
        if file.seen.len() < at + len {
            file.seen.resize(at + len, 0);
        }
        file.seen[at..at + len].copy_from_slice(&bytes[..len]);
        file.unsynced.push(Change::Write { at, bytes: bytes[..len].to_vec() });
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
        let file = &mut state.inodes[self.inode];
        if let Err(error) = called {
            file.dropped |= !file.unsynced.is_empty();
            return Err(error);
        }
        // (1)
        if !file.dropped {
            file.durable = file.seen.clone();
            file.unsynced.clear();
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call()?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let file = &mut state.inodes[self.inode];
        file.seen.resize(len, 0);
        file.unsynced.push(Change::Truncate(len));
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.call()?;
        Ok(state.inodes[self.inode].seen.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(disk: &SimDisk, path: &str, bytes: &[u8], syncs: bool) {
        let mut file = disk.open(Path::new(path), Open::Append).expect("it opens");
        file.write_all(bytes).expect("it is written");
        if syncs {
            file.sync().expect("it is forced out");
        }
    }

    #[test]
    fn what_was_synced_survives_with_its_name_only_if_that_was_synced_too() {
        let disk = SimDisk::new();
        write(&disk, "kept", b"bytes", true);
        disk.sync_dir(Path::new(".")).expect("it works");
        write(&disk, "named", b"bytes", true);
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let after = disk.after_power_cut(seed);
            assert_eq!(after.read(Path::new("kept")).expect("it survives"), b"bytes");
            outcomes
                .insert(after.find(Path::new("named")).expect("it can be asked") == Found::Nothing);
        }
        assert_eq!(outcomes.len(), 2, "sometimes the name is lost");
    }

    #[test]
    fn what_was_not_synced_is_torn() {
        let disk = SimDisk::new();
        write(&disk, "a", b"old", true);
        disk.sync_dir(Path::new(".")).expect("it works");
        write(&disk, "a", &[b'x'; 2000], false);
        let read = |seed| disk.after_power_cut(seed).read(Path::new("a")).expect("it is there");
        let outcomes: std::collections::BTreeSet<Vec<u8>> = (0..100).map(read).collect();
        assert!(outcomes.iter().all(|bytes| bytes.starts_with(b"old")));
        assert!(outcomes.contains(&b"old"[..]), "all of it may be lost");
        assert!(outcomes.iter().any(|bytes| bytes.contains(&0)), "zeros may be in its place");
        assert!(outcomes.iter().any(|bytes| bytes.len() == 2003 && !bytes.contains(&0)));
    }

    #[test]
    fn a_failed_sync_is_never_made_good() {
        let disk = SimDisk::new();
        write(&disk, "a", b"", true);
        disk.sync_dir(Path::new(".")).expect("it works");
        let mut file = disk.open(Path::new("a"), Open::Append).expect("it opens");
        file.write_all(b"lost").expect("it is written");
        disk.fail_syncs(Some(EIO));
        assert_eq!(file.sync().expect_err("it fails").raw_os_error(), Some(EIO));
        disk.fail_syncs(None);
        file.sync().expect("it says so");
        let read = |seed| disk.after_power_cut(seed).read(Path::new("a")).expect("it is there");
        assert!((0..50).any(|seed| read(seed).is_empty()), "(1)");
    }

    #[test]
    fn a_full_disk_takes_a_part() {
        let disk = SimDisk::new();
        let mut file = disk.open(Path::new("a"), Open::Create).expect("it opens");
        disk.set_room(3);
        assert_eq!(file.write(b"12345").expect("some fits"), 3);
        assert_eq!(file.write(b"45").expect_err("it is full").raw_os_error(), Some(ENOSPC));
    }

    #[test]
    fn a_replaced_file_is_the_old_or_the_new_whenever_the_power_is_cut() {
        let mut seen = std::collections::BTreeSet::new();
        for call in 1..30 {
            let disk = SimDisk::new();
            let (path, temp) = (Path::new("m"), Path::new("temp-m"));
            disk.replace(path, temp, b"old").expect("the power is on");
            disk.cut_power_at(disk.calls() + call);
            let replaced = disk.replace(path, temp, b"new").is_ok();
            for seed in 0..20 {
                let found = disk.after_power_cut(seed).read(path).expect("one of them is there");
                assert!(found == b"old" || found == b"new", "call {call}, seed {seed}: {found:?}");
                assert!(!replaced || found == b"new", "call {call}, seed {seed}");
                seen.insert(found);
            }
        }
        assert_eq!(seen.len(), 2);
    }
}
