//! Finding a place: by key, by rank, and from one place to the next.

use std::cmp::Ordering;

use super::node::{self, Node};
use super::{CountedTree, Item};

/// Deeper trees would need more memory than there is.
pub(super) const HEIGHT_MAX: usize = 12;

/// A gap between items: the path to its leaf, and how many of the leaf's items lie before it.
///
/// The gap between two leaves has two positions, which mean the same everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    path: [u8; HEIGHT_MAX],
    index: u8,
}

impl Position {
    pub(super) fn parts(&self, height: usize) -> (&[u8], usize) {
        (&self.path[..height], usize::from(self.index))
    }

    pub(super) fn is_in_leaf_of(&self, other: &Position) -> bool {
        self.path == other.path
    }

    fn push(&mut self, level: usize, child: usize) {
        assert!(level < HEIGHT_MAX, "the tree is less than {HEIGHT_MAX} nodes deep");
        self.path[level] = child as u8;
    }

    const START: Position = Position { path: [0; HEIGHT_MAX], index: 0 };
}

/// How many items of a leaf come before something: binary search, two steps at a time, so that
/// what the second step reads is on its way while the first one waits.
pub(super) fn partition<T: Item>(items: &[T], mut before: impl FnMut(T::Key) -> bool) -> usize {
    let (mut low, mut high) = (0, items.len());
    while high - low > 4 {
        let quarter = (high - low) / 4;
        let (first, second, third) = (low + quarter, low + 2 * quarter, low + 3 * quarter);
        items[first].prefetch();
        items[third].prefetch();
        if before(items[second].key()) {
            low = second + 1;
            if before(items[third].key()) { low = third + 1 } else { high = third }
        } else {
            high = second;
            if before(items[first].key()) { low = first + 1 } else { high = first }
        }
    }
    items[low..high].iter().for_each(T::prefetch);
    while low < high && before(items[low].key()) {
        low += 1;
    }
    low
}

impl<T: Item> CountedTree<T> {
    /// The gap before the first item.
    pub fn start(&self) -> Position {
        Position::START
    }

    /// The gap behind the last item.
    pub fn end(&self) -> Position {
        let mut position = Position::START;
        let mut node = &self.root;
        for level in 0..self.height {
            let inner = node.inner();
            position.push(level, inner.len() - 1);
            node = inner.node(inner.len() - 1);
        }
        position.index = node.leaf().len() as u8;
        position
    }

    /// The gap behind all items whose key comes `before` something: it is asked about keys in any
    /// order, and true must never follow false in the order of the items.
    pub fn partition_point(&self, mut before: impl FnMut(T::Key) -> bool) -> Position {
        let mut position = Position::START;
        let mut node = &self.root;
        for level in 0..self.height {
            let inner = node.inner();
            let child = inner.keys()[1..].partition_point(|key| before(*key));
            position.push(level, child);
            node = inner.node(child);
        }
        position.index = partition(node.leaf(), before) as u8;
        position
    }

    /// The last item whose key comes `before` something, as in [`CountedTree::partition_point`].
    pub fn last_before(&self, before: impl FnMut(T::Key) -> bool) -> Option<Position> {
        // A child that is not the leftmost was chosen because its first item comes before.
        let mut position = self.partition_point(before);
        position.index = position.index.checked_sub(1)?;
        Some(position)
    }

    /// The item whose key `compare` calls equal to something, or else the gap where it would be.
    /// `compare` tells how a key stands to what is looked for; keys are different.
    pub fn search(
        &self,
        mut compare: impl FnMut(T::Key) -> Ordering,
    ) -> Result<Position, Position> {
        // What is equal to a child's key is in that child.
        let mut position = Position::START;
        let mut node = &self.root;
        for level in 0..self.height {
            let inner = node.inner();
            let child = inner.keys()[1..].partition_point(|key| compare(*key) != Ordering::Greater);
            position.push(level, child);
            node = inner.node(child);
        }
        let leaf = node.leaf();
        let index = partition(leaf, |key| compare(key) == Ordering::Less);
        position.index = index as u8;
        match leaf.get(index) {
            Some(item) if compare(item.key()) == Ordering::Equal => Ok(position),
            _ => Err(position),
        }
    }

    /// Like `search` for an item the caller has in hand: in the leaf it is recognized by `is_it`,
    /// and no key of its neighbours is read.
    pub fn locate(
        &self,
        mut compare: impl FnMut(T::Key) -> Ordering,
        is_it: impl FnMut(&T) -> bool,
    ) -> Option<Position> {
        let mut position = Position::START;
        let mut node = &self.root;
        for level in 0..self.height {
            let inner = node.inner();
            let child = inner.keys()[1..].partition_point(|key| compare(*key) != Ordering::Greater);
            position.push(level, child);
            node = inner.node(child);
        }
        position.index = node.leaf().iter().position(is_it)? as u8;
        Some(position)
    }

    /// Whether what all keys `before` it come before would be in the leaf of `position`: told by
    /// the keys in inner nodes alone. False in some cases at the leaf's beginning.
    pub(super) fn is_within_leaf(
        &self,
        position: Position,
        mut before: impl FnMut(T::Key) -> bool,
    ) -> bool {
        let (path, _) = position.parts(self.height);
        let (mut lower, mut upper) = (None, None);
        let mut node = &self.root;
        for &child in path {
            let (inner, child) = (node.inner(), usize::from(child));
            lower = if child > 0 { Some(inner.keys()[child]) } else { lower };
            upper = inner.keys().get(child + 1).copied().or(upper);
            node = inner.node(child);
        }
        lower.is_none_or(&mut before) && upper.is_none_or(|key| !before(key))
    }

    /// The item that the unit of weight number `rank` (0 is the first) is part of, and how many
    /// units of that item come before it. None if the tree does not weigh so much.
    pub fn seek(&self, rank: usize) -> Option<(Position, usize)> {
        if rank >= self.weight {
            return None;
        }
        let mut left = rank;
        let mut position = Position::START;
        let mut node = &self.root;
        for level in 0..self.height {
            let inner = node.inner();
            let mut child = 0;
            while left >= inner.sums()[child] {
                left -= inner.sums()[child];
                child += 1;
            }
            position.push(level, child);
            node = inner.node(child);
        }
        if T::UNIT {
            position.index = left as u8;
            return Some((position, 0));
        }
        let mut index = 0;
        for item in node.leaf() {
            let weight = item.weight();
            if left < weight {
                break;
            }
            left -= weight;
            index += 1;
        }
        position.index = index;
        Some((position, left))
    }

    /// The gap before the unit number `rank`; the end if there is none. For trees of unit weights.
    pub fn gap(&self, rank: usize) -> Position {
        self.seek(rank).map_or_else(|| self.end(), |(position, _)| position)
    }

    /// The weight of all items before the gap.
    pub fn rank(&self, position: Position) -> usize {
        let (path, index) = position.parts(self.height);
        let mut rank = 0;
        let mut node = &self.root;
        for &child in path {
            let inner = node.inner();
            rank += inner.sums()[..usize::from(child)].iter().sum::<usize>();
            node = inner.node(usize::from(child));
        }
        rank + node::weight_of(&node.leaf()[..index])
    }

    /// The item behind the gap.
    pub fn at(&self, position: Position) -> Option<&T> {
        let (path, index) = position.parts(self.height);
        if let Some(item) = self.leaf_at(path).get(index) {
            return Some(item);
        }
        self.next_leaf(position)?.1.first()
    }

    /// The gap behind the item at `position`. None if no item is there.
    pub fn next(&self, position: Position) -> Option<Position> {
        let position = self.settle(position)?;
        Some(Position { index: position.index + 1, ..position })
    }

    /// The item before the gap.
    pub fn previous(&self, position: Position) -> Option<Position> {
        if position.index > 0 {
            return Some(Position { index: position.index - 1, ..position });
        }
        let (leaf, items) = self.previous_leaf(position)?;
        Some(Position { index: items.len() as u8 - 1, ..leaf })
    }

    /// Of the two positions of a gap the one whose leaf holds the item behind it. None at the end.
    pub(super) fn settle(&self, position: Position) -> Option<Position> {
        let (path, index) = position.parts(self.height);
        if index < self.leaf_at(path).len() {
            return Some(position);
        }
        let (leaf, items) = self.next_leaf(position)?;
        (!items.is_empty()).then_some(leaf)
    }

    pub(super) fn leaf_at(&self, path: &[u8]) -> &[T] {
        let mut node = &self.root;
        for &child in path {
            node = node.inner().node(usize::from(child));
        }
        node.leaf()
    }

    /// The start of the leaf behind the one that `position` is in.
    pub(super) fn next_leaf(&self, position: Position) -> Option<(Position, &[T])> {
        self.neighbour_leaf(position, |child, len| (child + 1 < len).then_some(child + 1), |_| 0)
    }

    /// The start of the leaf before the one that `position` is in.
    pub(super) fn previous_leaf(&self, position: Position) -> Option<(Position, &[T])> {
        self.neighbour_leaf(position, |child, _| child.checked_sub(1), |len| len - 1)
    }

    /// Turns aside at the lowest inner node where `aside` can, and goes down by `down` from there.
    fn neighbour_leaf(
        &self,
        position: Position,
        aside: impl Fn(usize, usize) -> Option<usize>,
        down: impl Fn(usize) -> usize,
    ) -> Option<(Position, &[T])> {
        let (path, _) = position.parts(self.height);
        let mut turn: Option<(usize, usize, &Node<T>)> = None;
        let mut node = &self.root;
        for (level, &child) in path.iter().enumerate() {
            let inner = node.inner();
            if let Some(beside) = aside(usize::from(child), inner.len()) {
                turn = Some((level, beside, inner.node(beside)));
            }
            node = inner.node(usize::from(child));
        }
        let (level, beside, mut node) = turn?;
        let mut found = Position { index: 0, ..position };
        found.push(level, beside);
        for level in level + 1..self.height {
            let inner = node.inner();
            let child = down(inner.len());
            found.push(level, child);
            node = inner.node(child);
        }
        Some((found, node.leaf()))
    }
}
