//! The counted B+tree: a long sequence of items, found by order or by rank.
//!
//! It is the one tree of this crate: a sorted set keeps pointers to its elements here, a list and a
//! stream their listpack nodes, a consumer group its pending entries.
//!
//! ```text
//!   inner   | key  key  key  ...    |   key of the first item below each child
//!           | sum  sum  sum  ...    |   weight of all items below it
//!           | node node node ...    |   up to 31
//!                |    \
//!   inner       ...   ...               all leaves lie equally deep
//!                |
//!   leaf    | item item item ...    |   up to 768 bytes, allocated as they are needed
//! ```
//!
//! An item has a *weight* (1 for a sorted set, the number of elements for a list's node) and a
//! *key*, a small copy of what orders it. Inner nodes keep both, so a search or a count reads no
//! item before it has arrived at the leaf. The tree never compares keys: a search is given a
//! question, such as "does this key come before what I look for?".
//!
//! A [`Position`] is the path to a gap between two items, or before the first, or behind the last.
//! The item *at* a position is the one behind the gap. Positions are plain data and cost nothing
//! to keep, but any change of the tree's shape makes them wrong: get one, use it, forget it.
//!
//! # How it stays full
//!
//! A leaf that is full first gives to a neighbour with room. Only if both are full it splits, and
//! the halves take memory for what they hold, a size class at a time. An item that goes behind the
//! last of a full leaf, or before the first, begins a new leaf: what arrives in order fills all
//! leaves. Items of 8 bytes take about 10 bytes in random order and 9 in order.
//!
//! # Invariants
//!
//! [`CountedTree::check`] verifies them all.
//!
//! (1) All leaves lie `height` inner nodes deep, and none is empty but a root.
//! (2) An inner node has at least one child, the root at least two. Slots behind its `len` hold
//!     empty leaves, which own no memory.
//! (3) `keys[i]` is the key of the first item below child `i`; `sums[i]` is the weight below it.
//! (4) `len` and `weight` are those of all items.
//!
//! # Limits
//!
//! No item weighs more than the sum may overflow: weights are counts of things in memory. A node
//! that loses items joins a neighbour when both fit into three quarters of one; below that no
//! minimum is kept, so an adversary can thin the tree out to an eighth or so, not make it deep.

mod build;
mod check;
mod iter;
mod node;
mod remove;
mod search;
#[cfg(test)]
mod tests;

pub use check::fuzz_btree;
pub use iter::Iter;
pub use search::Position;

use node::{Inner, Node};

/// What a tree must know of its items.
pub trait Item {
    /// What inner nodes keep of the first item below a child; `()` where only position orders.
    type Key: Copy + PartialEq;
    /// All items weigh 1. Lets a leaf be counted without being read.
    const UNIT: bool = false;

    fn key(&self) -> Self::Key;

    /// Asked often and of whole leaves: it must not leave the item's own bytes.
    fn weight(&self) -> usize {
        1
    }

    /// Asks for the memory that `key` reads, if that lies elsewhere.
    fn prefetch(&self) {}
}

/// A counted B+tree. See the module's essay. An empty one owns no memory.
#[derive(Clone)]
pub struct CountedTree<T: Item> {
    root: Node<T>,
    /// Inner nodes between the tree and a leaf.
    height: usize,
    len: usize,
    weight: usize,
}

impl<T: Item> Default for CountedTree<T> {
    fn default() -> CountedTree<T> {
        CountedTree::new()
    }
}

impl<T: Item> CountedTree<T> {
    pub const fn new() -> CountedTree<T> {
        CountedTree { root: Node::EMPTY, height: 0, len: 0, weight: 0 }
    }

    /// Items in the tree.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The weight of all items.
    #[inline]
    pub fn weight(&self) -> usize {
        self.weight
    }

    pub fn first(&self) -> Option<&T> {
        self.at(self.start())
    }

    pub fn last(&self) -> Option<&T> {
        self.iter().next_back()
    }

    /// Puts an item into the gap at `position`.
    pub fn insert(&mut self, position: Position, item: T) {
        self.len += 1;
        self.weight += item.weight();
        let (path, index) = position.parts(self.height);
        if let Some(right) = self.root.insert(path, index, item) {
            let left = std::mem::replace(&mut self.root, Node::EMPTY);
            self.root = Node::Inner(Inner::of_two(left, right));
            self.height += 1;
        }
    }

    pub fn push_back(&mut self, item: T) {
        self.insert(self.end(), item);
    }

    pub fn push_front(&mut self, item: T) {
        self.insert(self.start(), item);
    }

    /// Changes the item at `position`, weight included. Its place in the order must stay the same.
    ///
    /// Panics if no item is there.
    pub fn update<R>(&mut self, position: Position, change: impl FnOnce(&mut T) -> R) -> R {
        let position = self.settle(position).expect("there is an item to change");
        let (path, index) = position.parts(self.height);
        let (result, before, after) = self.root.update(path, index, change);
        self.weight = self.weight - before + after;
        result
    }

    /// Puts another item in the place of the one at `position`, which comes back.
    ///
    /// Panics if no item is there.
    pub fn replace(&mut self, position: Position, item: T) -> T {
        self.update(position, |old| std::mem::replace(old, item))
    }

    /// Changes the key of the item at `position`, and nothing else about it, and moves it to its new
    /// place: behind all items whose key comes `before` it, which is asked after the change.
    ///
    /// Panics if no item is there.
    pub fn reorder(
        &mut self,
        position: Position,
        change: impl FnOnce(&mut T),
        mut before: impl FnMut(T::Key) -> bool,
    ) {
        let position = self.settle(position).expect("there is an item to move");
        if self.is_within_leaf(position, &mut before) {
            let (path, index) = position.parts(self.height);
            self.root.reorder(path, index, change, before);
            return;
        }
        let mut item = self.remove(position);
        change(&mut item);
        self.insert(self.partition_point(before), item);
    }

    /// Bytes of the nodes. Neither what items own elsewhere nor `CountedTree` itself.
    pub fn bytes(&self) -> usize {
        self.root.bytes()
    }
}
