//! Elements of large values, asked for before the commands that look for them run.
//!
//! A pipeline of SADD to a set of a million members waits for memory twice in each command: for a
//! bucket of the set's table, and for an element. While the shard is held, nobody else changes the
//! table; so before a run begins, the buckets of all its elements are asked for, then the elements,
//! and by the time a command runs they are on their way. Which arguments name elements is said by
//! the declaration ([`command::declare::Command::elements`]).
//!
//! # Limits
//!
//! With several workers each command takes its shard for itself, so there is nothing to look at
//! before. A key that an earlier command of the run makes, changes or removes was looked at in vain.

use resp::{Args, Batch};
use smallvec::SmallVec;
use store::Key;
use structures::elements::Ahead;
use structures::hash::process_key;

use crate::batch::Plan;
use crate::db::Db;
use crate::engine::Engine;

/// Asked for together: more than a core has on their way at once, fewer than a cache forgets.
const ELEMENTS_MAX: usize = 32;
/// Smaller tables stay in the cache by themselves.
const TABLE_LEN_MIN: usize = 4096;

/// The last key that was looked at: many commands in a row have the same.
#[derive(Default)]
struct Last<'a> {
    key: &'a [u8],
    table: Option<&'a dyn Ahead>,
}

/// Asks for the elements that the requests from number `from` on name, of keys whose shards are
/// held.
pub(crate) fn fetch_elements<'a>(
    db: &'a Db<'_>,
    engine: &Engine,
    batch: &Batch,
    input: &'a [u8],
    plans: &[Plan],
    hashes: &[u64],
    from: usize,
) {
    let mut asked: SmallVec<[(&dyn Ahead, u64); ELEMENTS_MAX]> = SmallVec::new();
    let mut last = Last::default();
    for (at, plan) in plans.iter().enumerate().skip(from) {
        let Some((first, step)) = plan.id.and_then(|id| engine.table.get(id).decl.elements) else {
            continue;
        };
        let args = batch.args(at, input);
        let Some(table) = last.table(db, plan, hashes, args) else { continue };
        for index in (first..args.len()).step_by(step) {
            if asked.len() == ELEMENTS_MAX {
                break;
            }
            let hash = process_key().hash(args.at(index));
            table.prefetch_bucket(hash);
            asked.push((table, hash));
        }
    }
    for (table, hash) in asked {
        table.prefetch_element(hash);
    }
}

impl<'a> Last<'a> {
    /// The table under the key of a request, if it is a large one.
    fn table(
        &mut self,
        db: &'a Db<'_>,
        plan: &Plan,
        hashes: &[u64],
        args: Args<'a>,
    ) -> Option<&'a dyn Ahead> {
        let keys = plan.hashes(hashes);
        let (hash, bytes) = (*keys.hashes.first()?, args.get(keys.first)?);
        if self.key != bytes || self.table.is_none() {
            let table = db.held(Key { bytes, hash }).and_then(|record| record.boxed()?.table());
            *self = Last { key: bytes, table: table.filter(|t| t.len() >= TABLE_LEN_MIN) };
        }
        self.table
    }
}
