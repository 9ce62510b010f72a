//! Streams: a log of entries, each a list of fields and values under an ascending ID, and the
//! groups of consumers that read it.
//!
//! ```text
//!   Stream ─┬─ log        the entries, in nodes of a listpack each            log.rs, node.rs
//!           ├─ groups     how far each has read, what is pending at whom      group.rs
//!           └─ producers  which entries came already, if producers say        producers.rs
//! ```
//!
//! The three know nothing of each other; what needs more than one of them is here. A stream stays
//! when it is empty: the last ID, and the groups, are worth keeping.

mod consumers;
mod group;
mod id;
mod load;
mod log;
mod node;
mod open;
mod producers;
mod range;
#[cfg(test)]
mod tests;

pub use consumers::{Consumer, ConsumerNumber, Consumers};
pub use group::{DELIVERIES_MAX, Deliveries, Group, PendingRef};
pub use id::{NewId, StreamId};
pub use load::{History, fuzz_stream_node};
pub use log::{Bound, Log, Trimmed};
pub use node::{Entry, Node, Pairs};
pub use open::FrozenStreamNode;
pub use producers::{Memory, Producers};
pub use range::{Range, RangeRev};

use super::{Collection, CollectionType, Form, Limits, View};
use crate::record::Type;

#[derive(Clone, Default)]
pub struct Stream {
    pub log: Log,
    /// Ordered by name.
    groups: Vec<Group>,
    producers: Option<Box<Producers>>,
}

/// What deleting an entry means for the groups at which it is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// It stays pending there.
    Keep,
    /// It is no longer pending anywhere.
    Delete,
    /// Only entries go that all groups have read and acknowledged.
    Acknowledged,
}

/// How XTRIM and XADD cut a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    pub bound: Bound,
    /// Whole nodes only.
    pub by_nodes: bool,
    /// Entries that go at most; 0 is no limit.
    pub limit: u64,
    pub references: References,
}

impl Stream {
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter()
    }

    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.search(name).ok().map(|at| &self.groups[at])
    }

    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.log_and_group(name).map(|(_, group)| group)
    }

    /// The log to be read, and a group to be changed.
    pub fn log_and_group(&mut self, name: &[u8]) -> Option<(&Log, &mut Group)> {
        let at = self.search(name).ok()?;
        Some((&self.log, &mut self.groups[at]))
    }

    /// Makes a group that has read so far; none if there is one of this name.
    pub fn create_group(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
    ) -> Option<&mut Group> {
        let at = self.search(name).err()?;
        self.groups.insert(at, Group::new(name, last_id, entries_read));
        Some(&mut self.groups[at])
    }

    pub fn destroy_group(&mut self, name: &[u8]) -> bool {
        let found = self.search(name);
        if let Ok(at) = found {
            self.groups.remove(at);
        }
        found.is_ok()
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| group.name().cmp(name))
    }

    pub fn producers(&self) -> Option<&Producers> {
        self.producers.as_deref()
    }

    /// What is remembered of producers, with what is too old forgotten; made with this memory if
    /// there is nothing yet.
    pub fn producers_mut(&mut self, memory: Memory, now_ms: i64) -> &mut Producers {
        let producers = self.producers.get_or_insert_with(|| Box::new(Producers::new(memory)));
        producers.expire(now_ms);
        producers
    }

    // ---- what concerns log and groups ------------------------------------------------------

    /// Whether a group has not read an entry yet, or has not acknowledged it.
    pub fn is_referenced(&self, id: StreamId) -> bool {
        self.groups.iter().any(|group| group.last_id < id || group.pending(id).is_some())
    }

    /// Makes an entry pending nowhere; whether it was anywhere.
    pub fn dereference(&mut self, id: StreamId) -> bool {
        dereference(&mut self.groups, id)
    }

    pub fn trim(&mut self, trim: &Trim) -> Trimmed {
        let Trim { bound, by_nodes, limit, references } = *trim;
        let Stream { log, groups, .. } = self;
        match references {
            References::Keep => log.trim(bound, by_nodes, limit, None),
            References::Acknowledged => log.trim(
                bound,
                by_nodes,
                limit,
                Some(&mut |id| groups.iter().all(|g| g.last_id >= id && g.pending(id).is_none())),
            ),
            References::Delete => log.trim(
                bound,
                by_nodes,
                limit,
                Some(&mut |id| {
                    dereference(groups, id);
                    true
                }),
            ),
        }
    }

    /// Bytes it holds, guessed from `samples` nodes and groups (0: all).
    fn bytes(&self, samples: usize) -> usize {
        let groups = self.groups.iter().map(|group| group.bytes());
        size_of::<Stream>()
            + self.log.bytes(samples)
            + super::extrapolate(groups, self.groups.len(), samples)
            + self.producers.as_ref().map_or(0, |producers| producers.bytes())
    }

    /// Panics if an invariant is broken.
    pub fn check(&self) {
        self.log.check();
        self.groups.iter().for_each(|group| group.check());
        assert!(self.groups.is_sorted_by(|a, b| a.name() < b.name()), "groups are ordered by name");
    }
}

fn dereference(groups: &mut [Group], id: StreamId) -> bool {
    // All of them are asked, whatever the first says.
    groups.iter_mut().filter_map(|group| group.acknowledge(id).then_some(())).count() > 0
}

impl Log {
    /// How many entries were added up to an ID, if that can be told.
    ///
    /// It can where no entry behind the ID was deleted by itself, and the ID lies before the first
    /// entry, is the first, or is the last.
    pub fn entries_until(&self, id: StreamId) -> Option<u64> {
        if self.entries_added() == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id() {
            return Some(self.entries_added());
        }
        if !id.is_zero() && id < self.max_deleted_id() || id > self.last_id() {
            return None;
        }
        if id == self.last_id() {
            return Some(self.entries_added());
        }
        let is_whole = self.max_deleted_id().is_zero() || self.max_deleted_id() < self.first_id();
        let before_first = self.entries_added().wrapping_sub(self.len());
        match id.cmp(&self.first_id()) {
            std::cmp::Ordering::Less if is_whole => Some(before_first),
            std::cmp::Ordering::Equal if is_whole => Some(before_first.wrapping_add(1)),
            _ => None,
        }
    }

    /// Whether an entry from an ID on may have been deleted by itself.
    pub fn has_gap_from(&self, id: StreamId) -> bool {
        !self.is_empty() && !self.max_deleted_id().is_zero() && id <= self.max_deleted_id()
    }

    /// Entries that a group has yet to read, if that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added() == 0 || self.is_empty() {
            return Some(0);
        }
        if group.last_id < self.first_id() && self.max_deleted_id() < self.first_id() {
            return Some(self.len() as i64);
        }
        let read = group.entries_read.filter(|_| !self.has_gap_from(group.last_id));
        let read = read.or_else(|| self.entries_until(group.last_id))?;
        Some(self.entries_added().wrapping_sub(read) as i64)
    }

    /// Moves a group on to an entry that it is given.
    pub fn advance(&self, group: &mut Group, to: StreamId) {
        let counts_on = group.last_id >= self.first_id() && !self.has_gap_from(group.last_id);
        group.entries_read = match group.entries_read {
            Some(read) if counts_on => Some(read + 1),
            read if self.entries_added() == 0 => read,
            _ => self.entries_until(to),
        };
        group.last_id = to;
    }
}

impl View for &Stream {
    fn len(&self) -> usize {
        self.log.len() as usize
    }

    fn encoding_name(&self) -> &'static str {
        "stream"
    }

    fn bytes(&self, samples: usize) -> usize {
        Stream::bytes(self, samples)
    }
}

impl CollectionType for Stream {
    const TYPE: Type = Type::Stream;
    const STAYS_EMPTY: bool = true;
    type Ref<'a> = &'a Stream;

    fn empty(_: &Limits) -> Stream {
        Stream::default()
    }

    fn allocations(&self) -> usize {
        let of_group = |group: &Group| 1 + group.consumers.len() + group.pending_len();
        self.log.node_count() + self.groups().map(of_group).sum::<usize>()
    }

    fn of_inline(_: Form, _: &[u8]) -> &Stream {
        unreachable!("a stream never lies in its record")
    }

    fn from_inline(_: Form, _: Vec<u8>) -> Stream {
        unreachable!("a stream never lies in its record")
    }

    fn inline(&self) -> Option<(Form, &[u8])> {
        None
    }

    fn into_buffer(self) -> Vec<u8> {
        Vec::new()
    }

    fn view(&self) -> &Stream {
        self
    }

    fn wrap(self) -> Collection {
        Collection::Stream(Box::new(self))
    }

    fn unwrap(collection: &Collection) -> Option<&Stream> {
        match collection {
            Collection::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    fn unwrap_mut(collection: &mut Collection) -> Option<&mut Stream> {
        match collection {
            Collection::Stream(stream) => Some(stream),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("len", &self.log.len())
            .field("last_id", &self.log.last_id())
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}
