//! What is on the disk, as programs see it and as a power cut would leave it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base::random::Random;

/// A device writes so much in one piece.
const SECTOR_BYTES: usize = 512;

/// A change of a file that no sync has covered.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Truncate(len) => file.resize(*len, 0),
            Change::Write { at, bytes } => {
                file.resize(file.len().max(at + bytes.len()), 0);
                file[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

impl Inode {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that failed: what it should have brought out is there or not, and no later sync
    /// looks after it.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        self.durable = self.survive(random);
        self.unsynced.clear();
    }

    /// What is left of a file: its length as it was at some moment since the last sync, and each
    /// sector as it was at some moment, or zeros.
    fn survive(&self, random: &mut Random) -> Vec<u8> {
        if self.unsynced.is_empty() {
            return self.durable.clone();
        }
        let mut moments = vec![self.durable.clone()];
        for change in &self.unsynced {
            let mut bytes = moments.last().expect("there is the first").clone();
            change.apply(&mut bytes);
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
            let is_last = is_whole || any(3) > 0;
            let moment = if is_last { moments.len() - 1 } else { any(moments.len()) };
            let from = moments[moment].get(i * SECTOR_BYTES..).unwrap_or_default();
            let there = from.len().min(sector.len());
            sector[..there].copy_from_slice(&from[..there]);
        }
        bytes
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Dir,
    File(usize),
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

pub(super) type Names = BTreeMap<PathBuf, Node>;

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

/// Files and names.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) inodes: Vec<Inode>,
    pub(super) seen: Names,
    durable: Names,
    /// With the directory whose sync makes it last.
    unsynced: Vec<(PathBuf, NameChange)>,
}

impl Contents {
    pub(super) fn new() -> Contents {
        let names = Names::from([(PathBuf::from("."), Node::Dir)]);
        let durable = names.clone();
        Contents { inodes: Vec::new(), seen: names, durable, unsynced: Vec::new() }
    }

    pub(super) fn name(&mut self, dir: PathBuf, change: NameChange) {
        apply(&mut self.seen, &change);
        self.unsynced.push((dir, change));
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let (mine, others): (Vec<_>, Vec<_>) = unsynced.into_iter().partition(|(of, _)| of == dir);
        self.unsynced = others;
        for (_, change) in &mine {
            apply(&mut self.durable, change);
        }
    }

    /// What a start after a power cut finds.
    pub(super) fn after_power_cut(&self, random: &mut Random) -> Contents {
        let mut names = self.durable.clone();
        let dirs: BTreeSet<&PathBuf> = self.unsynced.iter().map(|(dir, _)| dir).collect();
        for dir in dirs {
            let changes: Vec<_> = self.unsynced.iter().filter(|(d, _)| d == dir).collect();
            let kept = random.below(changes.len() as u64 + 1) as usize;
            for (_, change) in &changes[..kept] {
                apply(&mut names, change);
            }
        }
        let named: BTreeSet<usize> = names
            .values()
            .filter_map(|node| match node {
                Node::File(inode) => Some(*inode),
                Node::Dir => None,
            })
            .collect();
        let mut inodes = vec![Inode::default(); self.inodes.len()];
        for inode in named {
            let bytes = self.inodes[inode].survive(random);
            inodes[inode] = Inode { seen: bytes.clone(), durable: bytes, unsynced: Vec::new() };
        }
        Contents { inodes, durable: names.clone(), seen: names, unsynced: Vec::new() }
    }
}
