//! The log of a stream: its entries, and what it remembers of those it once had.
//!
//! ```text
//!   sealed   CountedTree   | node | node | … | node |      ordered by the ID of their first entry
//!   tail                                              | node |   the one that entries are added to
//! ```
//!
//! The tail lies outside the tree: adding an entry touches no tree at all 99 times out of 100, and
//! a short stream has no tree.
//!
//! # Invariants
//!
//! (1) Without a tail there is no sealed node.
//! (2) IDs ascend over all nodes, and none is greater than `last_id`.
//! (3) `len` counts the entries that are not deleted; `first_id` is the first of them, or 0-0.

use structures::btree::{self, CountedTree, Item};

use super::id::{NewId, StreamId};
use super::node::{Entry, Node};
use super::open::{FrozenStreamNode, Open, Sealed};
use super::range::{Range, RangeRev};
use crate::value::Limits;

impl Item for Sealed {
    type Key = StreamId;
    const UNIT: bool = true;

    fn key(&self) -> StreamId {
        self.first()
    }
}

#[derive(Clone, Default)]
pub struct Log {
    sealed: CountedTree<Sealed>,
    tail: Option<Open>,
    len: u64,
    first_id: StreamId,
    pub(super) last_id: StreamId,
    pub(super) max_deleted_id: StreamId,
    pub(super) entries_added: u64,
}

/// How far a stream is cut at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// To so many entries.
    Len(u64),
    /// To the entries from this ID on.
    Id(StreamId),
}

/// What came of trimming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Entries that went.
    pub entries: u64,
    /// The first ID that was not looked at, if the limit ended it.
    pub stopped_at: Option<StreamId>,
}

/// A node of a log: in the tree, or the tail.
enum Place {
    Sealed(btree::Position),
    Tail,
}

impl Log {
    /// All nodes as they are now, in order, whatever becomes of them. Takes some 50 ns for each.
    pub(crate) fn freeze(&mut self) -> Vec<FrozenStreamNode> {
        let mut frozen = Vec::with_capacity(self.node_count());
        let mut next = Some(self.sealed.start());
        while let Some(at) = next.filter(|at| self.sealed.at(*at).is_some()) {
            frozen.push(self.sealed.update(at, Sealed::share));
            next = self.sealed.next(at);
        }
        frozen.extend(self.tail.as_ref().map(Open::freeze));
        frozen
    }

    /// Entries that are not deleted.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The greatest ID that an entry ever had, or that XSETID gave.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The ID of the first entry, 0-0 if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The greatest ID that was deleted by itself, not by trimming.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// Entries ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    pub fn node_count(&self) -> usize {
        self.sealed.len() + usize::from(self.tail.is_some())
    }

    /// All nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.sealed.iter().map(Sealed::node).chain(self.tail())
    }

    /// The ID that a new entry gets; none if there is no such ID greater than the last.
    pub fn new_id(&self, wanted: NewId, now_ms: u64) -> Option<StreamId> {
        let last = self.last_id;
        match wanted {
            NewId::Auto if now_ms > last.ms => Some(StreamId::new(now_ms, 0)),
            NewId::Auto => last.next(),
            NewId::Within(ms) if ms == last.ms => {
                last.seq.checked_add(1).map(|seq| StreamId { ms, seq })
            }
            NewId::Within(ms) => Some(StreamId::new(ms, 0)).filter(|&id| id > last),
            NewId::Exact(id) => Some(id).filter(|&id| id > last),
        }
    }

    /// Whether any stream can hold an entry of these words.
    pub fn can_hold<'w>(words: impl Iterator<Item = &'w [u8]>) -> bool {
        let (count, bytes) = measure(words);
        Open::can_hold(count, bytes)
    }

    /// Adds an entry: fields and values by turns. The ID is greater than the last.
    pub fn append<'w>(
        &mut self,
        id: StreamId,
        words: impl Iterator<Item = &'w [u8]> + Clone,
        limits: &Limits,
    ) {
        assert!(id > self.last_id, "(2): a new ID is greater than the last");
        let (count, bytes) = measure(words.clone());
        match &mut self.tail {
            Some(tail) if !tail.is_full_for(count, bytes, limits) => tail.append(id, words),
            tail => {
                // The next node will be about as large as this one.
                let mut capacity = 0;
                if let Some(full) = tail.take() {
                    capacity = full.held_bytes().min(CAPACITY_MAX);
                    self.sealed.push_back(full.seal());
                }
                *tail = Some(Open::begin(id, words, capacity));
            }
        }
        self.last_id = id;
        self.len += 1;
        self.entries_added += 1;
        if self.len == 1 {
            self.first_id = id;
        }
    }

    /// Sets the last ID, which is not smaller than that of any entry. Deleted entries behind it,
    /// of which only bytes are left, go for good: what comes next must be greater (2).
    pub fn set_last_id(&mut self, id: StreamId) {
        while let Some(tail) = self.tail.as_mut().filter(|tail| tail.node().last_id() > id) {
            if tail.forget_behind(id) {
                break;
            }
            self.tail = self.sealed.pop_last().map(Sealed::open);
        }
        self.last_id = id;
    }

    /// Sets what the log remembers of entries it once had.
    pub fn set_history(&mut self, entries_added: Option<u64>, max_deleted_id: Option<StreamId>) {
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        self.max_deleted_id = max_deleted_id.unwrap_or(self.max_deleted_id);
    }

    /// The entry with an ID.
    pub fn entry(&self, id: StreamId) -> Option<Entry<'_>> {
        match self.place_of(id)? {
            Place::Tail => self.tail()?.find(id),
            Place::Sealed(position) => self.sealed.at(position)?.node().find(id),
        }
    }

    pub fn contains(&self, id: StreamId) -> bool {
        self.entry(id).is_some()
    }

    /// The ID of the last entry that is not deleted.
    pub fn last_entry_id(&self) -> Option<StreamId> {
        if self.is_empty() {
            return None;
        }
        self.range_rev(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id)
    }

    /// The entries between two IDs, both included.
    pub fn range(&self, from: StreamId, to: StreamId) -> Range<'_> {
        let start = match self.place_of(from) {
            Some(Place::Tail) => self.sealed.end(),
            Some(Place::Sealed(position)) => position,
            None => self.sealed.start(),
        };
        Range::new(from, to, self.sealed.iter_from(start), self.tail())
    }

    /// The entries between two IDs, both included, the last one first.
    pub fn range_rev(&self, from: StreamId, to: StreamId) -> RangeRev<'_> {
        let (tail, end) = match self.place_of(to) {
            Some(Place::Tail) => (self.tail(), self.sealed.end()),
            Some(Place::Sealed(position)) => (None, self.sealed.next(position).unwrap_or(position)),
            None => (None, self.sealed.start()),
        };
        RangeRev::new(from, to, tail, self.sealed.iter_until(end))
    }

    /// Deletes an entry; false if there is none.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(place) = self.place_of(id) else { return false };
        let deleted = |open: &mut Open| open.delete(id).then(|| open.node().live());
        let Some(live) = self.change(&place, deleted) else { return false };
        if live == 0 {
            self.remove_node(place);
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first();
        }
        true
    }

    /// Deletes entries from the beginning of the log.
    ///
    /// Without `may_go` whole nodes go at once, and with `by_nodes` nothing but whole nodes; with
    /// it, each entry is asked about. Stops before more than `limit` entries are gone, if that is
    /// not 0.
    pub fn trim(
        &mut self,
        bound: Bound,
        by_nodes: bool,
        limit: u64,
        mut may_go: Option<&mut dyn FnMut(StreamId) -> bool>,
    ) -> Trimmed {
        let mut trimmed = Trimmed::default();
        // Nodes that were passed, since they hold entries that must stay.
        let mut passed = 0;
        while let Some(place) = self.place_at(passed) {
            if matches!(bound, Bound::Len(max) if self.len <= max) {
                break;
            }
            let node = self.node(&place);
            let live = node.live();
            if limit != 0 && trimmed.entries + live > limit {
                trimmed.stopped_at = Some(node.first());
                break;
            }
            let is_beyond = match bound {
                Bound::Len(max) => self.len - live >= max,
                Bound::Id(min) => node.last_id() < min,
            };
            let gone = match &mut may_go {
                None if is_beyond => live,
                None if by_nodes => break,
                None => self.trim_node(&place, bound, &mut |_| true),
                Some(may_go) => self.trim_node(&place, bound, may_go),
            };
            self.len -= gone;
            trimmed.entries += gone;
            match is_beyond {
                true if gone == live => self.remove_node(place),
                true => passed += 1,
                false => break,
            }
        }
        if trimmed.entries > 0 {
            self.find_first();
        }
        trimmed
    }

    fn trim_node(
        &mut self,
        place: &Place,
        bound: Bound,
        may_go: &mut dyn FnMut(StreamId) -> bool,
    ) -> u64 {
        let len = self.len;
        let goes_on = |id, gone| match bound {
            Bound::Len(max) => len - gone > max,
            Bound::Id(min) => id < min,
        };
        self.change(place, |node| node.delete_first(goes_on, may_go))
    }

    fn find_first(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next();
        self.first_id = first.map_or(StreamId::MIN, |entry| entry.id);
    }

    // ---- nodes -----------------------------------------------------------------------------

    /// The node in which an ID lies, if it is in any.
    fn place_of(&self, id: StreamId) -> Option<Place> {
        let tail = self.tail.as_ref()?;
        if tail.first() <= id {
            return Some(Place::Tail);
        }
        self.sealed.last_before(|first| first <= id).map(Place::Sealed)
    }

    fn place_at(&self, index: usize) -> Option<Place> {
        if index < self.sealed.len() {
            return Some(Place::Sealed(self.sealed.gap(index)));
        }
        (index < self.node_count()).then_some(Place::Tail)
    }

    fn tail(&self) -> Option<Node<'_>> {
        self.tail.as_ref().map(Open::node)
    }

    fn node(&self, place: &Place) -> Node<'_> {
        let node = match place {
            Place::Sealed(position) => self.sealed.at(*position).map(Sealed::node),
            Place::Tail => self.tail(),
        };
        node.expect("a place is one of a node")
    }

    fn change<R>(&mut self, place: &Place, change: impl FnOnce(&mut Open) -> R) -> R {
        match place {
            Place::Sealed(position) => {
                self.sealed.update(*position, |sealed| sealed.change(change))
            }
            Place::Tail => change(self.tail.as_mut().expect("a place is one of a node")),
        }
    }

    fn remove_node(&mut self, place: Place) {
        match place {
            Place::Sealed(position) => drop(self.sealed.remove(position)),
            Place::Tail => self.tail = self.sealed.pop_last().map(Sealed::open),
        }
    }

    /// Adds a node from outside behind all others; its IDs are greater than theirs.
    pub(super) fn push_node(&mut self, node: Open) {
        self.len += node.node().live();
        if let Some(full) = self.tail.replace(node) {
            self.sealed.push_back(full.seal());
        }
        if self.first_id.is_zero() {
            self.find_first();
        }
    }

    /// The ID of the last entry, deleted or not.
    pub(super) fn greatest_id(&self) -> Option<StreamId> {
        self.tail().map(Node::last_id)
    }

    /// Bytes allocated, guessed from the first `samples` nodes (0: all).
    pub(super) fn bytes(&self, samples: usize) -> usize {
        let sealed = self.sealed.iter().map(Sealed::allocated_bytes);
        let sizes = sealed.chain(self.tail.iter().map(Open::allocated_bytes));
        self.sealed.bytes() + crate::value::extrapolate(sizes, self.node_count(), samples)
    }

    /// Panics if an invariant is broken.
    pub fn check(&self) {
        assert!(self.tail.is_some() || self.sealed.is_empty(), "(1)");
        self.sealed.check(|a, b| a.node().last_id() < b.first());
        let mut previous = None;
        for node in self.nodes() {
            node.check();
            assert!(previous.is_none_or(|last| last < node.first()), "(2): nodes ascend");
            previous = Some(node.last_id());
        }
        assert!(previous.is_none_or(|last| last <= self.last_id), "(2)");
        let mut live = self.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id);
        assert_eq!(live.next().unwrap_or_default(), self.first_id, "(3)");
        let count = u64::from(!self.first_id.is_zero()) + live.count() as u64;
        assert_eq!(count, self.len, "(3)");
    }
}

/// A new node begins with room for what the last one took, but no more than this.
const CAPACITY_MAX: usize = 4096;

/// Words and their bytes.
#[inline]
fn measure<'w>(words: impl Iterator<Item = &'w [u8]>) -> (usize, usize) {
    words.fold((0, 0), |(count, bytes), word| (count + 1, bytes + word.len()))
}
