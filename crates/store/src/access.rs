//! The proof of access that a running command holds: which shards it may touch.
//!
//! ```text
//!   Nothing           PING
//!   One(shard)        GET, SET, … and MSET whose keys share a shard
//!   Many(shards)      MSET, RENAME, … in ascending order
//!   Each              SCAN, DBSIZE: any shard, one at a time
//!   World             the gate is closed: any shard, all of them if need be
//!   Lent              what another command holds, for one that runs within it
//! ```
//!
//! A command asks for the part of the database where a key lives and gets it, or we have a bug: it
//! touched a key it did not declare.

use smallvec::SmallVec;

use crate::keyspace::{Keyspace, ShardGuard};
use crate::shard::{DbShard, ShardData};

pub enum Access<'k> {
    Nothing,
    One(ShardGuard<'k>),
    Many(Vec<ShardGuard<'k>>),
    /// Holds the shard it is visiting.
    Each(&'k Keyspace, Option<ShardGuard<'k>>),
    /// Holds the shards it has touched so far. Only built while the gate is closed.
    World(&'k Keyspace, Vec<Option<ShardGuard<'k>>>),
    Lent(&'k mut (dyn Held + 'k)),
}

/// Shards that somebody holds, whatever the lifetime of what they are part of.
pub trait Held {
    fn shard(&mut self, index: usize) -> &mut ShardData;
    fn held(&self, index: usize) -> Option<&ShardData>;
    fn is_world(&self) -> bool;
    fn is_visiting(&self) -> bool;
    fn let_go(&mut self);
}

impl Held for Access<'_> {
    fn shard(&mut self, index: usize) -> &mut ShardData {
        Access::shard(self, index)
    }

    fn held(&self, index: usize) -> Option<&ShardData> {
        Access::held(self, index)
    }

    fn is_world(&self) -> bool {
        Access::is_world(self)
    }

    fn is_visiting(&self) -> bool {
        Access::is_visiting(self)
    }

    fn let_go(&mut self) {
        Access::let_go(self);
    }
}

/// The shard that was busy, after everything else was given back.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy(pub usize);

impl<'k> Access<'k> {
    /// The shard of one hash.
    #[inline]
    pub fn one(keyspace: &'k Keyspace, hash: u64) -> Result<Access<'k>, Busy> {
        let shard = keyspace.shard_of(hash);
        keyspace.try_lock(shard).map(Access::One).ok_or(Busy(shard))
    }

    /// Takes the shard of one hash in place of `Nothing`: what [`Access::one`] does, without moving
    /// anything. To be given back by [`Access::release`].
    #[inline(always)]
    pub fn take_one(&mut self, keyspace: &'k Keyspace, hash: u64) -> Result<(), Busy> {
        let shard = keyspace.shard_of(hash);
        let guard = keyspace.try_lock(shard).ok_or(Busy(shard))?;
        let before = std::mem::replace(self, Access::One(guard));
        assert!(matches!(before, Access::Nothing), "a command's shards are given back before");
        // Nothing is to be dropped: so no code for it is here.
        std::mem::forget(before);
        Ok(())
    }

    /// Gives back whatever is held.
    #[inline(always)]
    pub fn release(&mut self) {
        match std::mem::replace(self, Access::Nothing) {
            Access::One(guard) => drop(guard),
            other => drop(other),
        }
    }

    /// The shards of several hashes, taken in ascending order so that no two workers can wait for
    /// each other.
    pub fn many(
        keyspace: &'k Keyspace,
        hashes: impl Iterator<Item = u64>,
    ) -> Result<Access<'k>, Busy> {
        let mut wanted: SmallVec<[usize; 16]> = hashes.map(|h| keyspace.shard_of(h)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut guards = Vec::with_capacity(wanted.len());
        for shard in wanted {
            guards.push(keyspace.try_lock(shard).ok_or(Busy(shard))?);
        }
        Ok(match guards.len() {
            0 => Access::Nothing,
            1 => Access::One(guards.pop().expect("there is one")),
            _ => Access::Many(guards),
        })
    }

    pub fn each(keyspace: &'k Keyspace) -> Access<'k> {
        Access::Each(keyspace, None)
    }

    /// All shards; to be called with the gate closed.
    pub fn world(keyspace: &'k Keyspace) -> Access<'k> {
        Access::World(keyspace, (0..keyspace.shard_count()).map(|_| None).collect())
    }

    /// The shard of that index.
    pub fn shard(&mut self, index: usize) -> &mut ShardData {
        match self {
            Access::One(guard) => {
                assert!(guard.index() == index, "a command touches only keys it declared");
                guard
            }
            Access::Many(guards) => {
                let at = guards
                    .binary_search_by_key(&index, ShardGuard::index)
                    .expect("a command touches only keys it declared");
                &mut guards[at]
            }
            Access::Each(keyspace, held) => {
                if held.as_ref().is_none_or(|guard| guard.index() != index) {
                    // The old one is given back first: visitors hold one shard at a time.
                    *held = None;
                    *held = Some(keyspace.lock(index));
                }
                held.as_mut().expect("it was just taken")
            }
            Access::World(keyspace, held) => {
                held[index].get_or_insert_with(|| keyspace.lock(index))
            }
            Access::Lent(held) => held.shard(index),
            Access::Nothing => panic!("a command touches only keys it declared"),
        }
    }

    /// The part of database `db` in which a key of this hash lives.
    #[inline]
    pub fn db(&mut self, keyspace: &Keyspace, db: usize, hash: u64) -> &mut DbShard {
        if let Access::One(guard) = self {
            // In a release a wrong key would be looked for in the wrong shard and not be found;
            // the lock is held either way.
            debug_assert!(
                guard.index() == keyspace.shard_of(hash),
                "a command touches only keys it declared"
            );
            return &mut guard.dbs[db];
        }
        &mut self.shard(keyspace.shard_of(hash)).dbs[db]
    }

    /// As `db`, only to be looked at, and with others at once; none unless its shard is held.
    pub fn held_db(&self, keyspace: &Keyspace, db: usize, hash: u64) -> Option<&DbShard> {
        Some(&self.held(keyspace.shard_of(hash))?.dbs[db])
    }

    /// Whether the part is held in which a key of this hash lives, in any database.
    pub fn holds(&self, keyspace: &Keyspace, hash: u64) -> bool {
        self.held(keyspace.shard_of(hash)).is_some()
    }

    /// The shard of that index, if it is held.
    fn held(&self, index: usize) -> Option<&ShardData> {
        let guard = match self {
            Access::Nothing => None,
            Access::One(guard) => Some(guard),
            Access::Many(guards) => guards.iter().find(|guard| guard.index() == index),
            Access::Each(_, held) => held.as_ref(),
            Access::World(_, held) => held[index].as_ref(),
            Access::Lent(held) => return held.held(index),
        };
        guard.filter(|guard| guard.index() == index).map(|guard| &**guard)
    }

    /// The same, for a command that runs within the one that holds this.
    pub fn lend(&mut self) -> Access<'_> {
        Access::Lent(self)
    }

    /// Whether somebody waits in these shards for more than they hold.
    #[inline]
    pub fn has_strays(&self) -> bool {
        match self {
            Access::One(guard) => guard.strays > 0,
            Access::Many(guards) => guards.iter().any(|guard| guard.strays > 0),
            Access::Nothing | Access::Each(..) | Access::World(..) | Access::Lent(..) => false,
        }
    }

    /// Whether every shard may be touched at once.
    pub fn is_world(&self) -> bool {
        match self {
            Access::World(..) => true,
            Access::Lent(held) => held.is_world(),
            _ => false,
        }
    }

    /// Gives the world's shards back for a while, between two commands that run within another:
    /// they are taken again when they are touched.
    pub fn let_go(&mut self) {
        match self {
            Access::World(_, held) => held.fill_with(|| None),
            Access::Lent(held) => held.let_go(),
            _ => {}
        }
    }

    /// Whether shards are given back before the command ends.
    pub fn is_visiting(&self) -> bool {
        match self {
            Access::Each(..) => true,
            Access::Lent(held) => held.is_visiting(),
            _ => false,
        }
    }
}
