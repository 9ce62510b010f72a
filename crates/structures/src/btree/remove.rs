//! Taking items out: one, a range, or slice by slice all of a tree that nobody needs any more.

use super::node::{Node, shrink};
use super::{CountedTree, Item, Position};

/// One end of a range below some node; none if the range goes beyond the node there.
type Edge<'a> = Option<(&'a [u8], usize)>;

fn below(edge: Edge<'_>) -> Edge<'_> {
    edge.map(|(path, index)| (&path[1..], index))
}

impl<T: Item> CountedTree<T> {
    /// Takes the item at `position` out.
    ///
    /// Panics if no item is there.
    pub fn remove(&mut self, position: Position) -> T {
        let position = self.settle(position).expect("there is an item to remove");
        let (path, index) = position.parts(self.height);
        let item = self.root.remove(path, index);
        self.len -= 1;
        self.weight -= item.weight();
        self.lower();
        item
    }

    pub fn pop_first(&mut self) -> Option<T> {
        (!self.is_empty()).then(|| self.remove(self.start()))
    }

    pub fn pop_last(&mut self) -> Option<T> {
        let position = self.previous(self.end())?;
        Some(self.remove(position))
    }

    /// Takes out the items between two gaps and hands them over in order.
    pub fn remove_range(&mut self, from: Position, until: Position, mut f: impl FnMut(T)) {
        if from >= until {
            return;
        }
        let (mut count, mut weight) = (0, 0);
        let mut hand_over = |item: T| {
            count += 1;
            weight += item.weight();
            f(item);
        };
        let edges = (Some(from.parts(self.height)), Some(until.parts(self.height)));
        self.root.remove_range(edges, &mut hand_over);
        self.len -= count;
        self.weight -= weight;
        self.lower();
    }

    /// Removes all items.
    pub fn clear(&mut self) {
        *self = CountedTree::new();
    }

    /// Empties a tree nobody needs any more, slice by slice: hands over about `budget` items, from
    /// the last leaf on, and frees what held them. True when the tree is empty.
    ///
    /// Once begun, only this, the counts and drop make sense on the tree.
    pub fn drain_some(&mut self, budget: usize, mut f: impl FnMut(T)) -> bool {
        let mut left = budget;
        while left > 0 && self.len > 0 {
            let leaf = self.root.take_last_leaf();
            left = left.saturating_sub(leaf.len().max(1));
            for item in leaf {
                self.len -= 1;
                self.weight -= item.weight();
                f(item);
            }
        }
        self.len == 0
    }

    /// Restores (2) at the root.
    fn lower(&mut self) {
        while let Node::Inner(inner) = &mut self.root
            && inner.len() < 2
        {
            let child = inner.take(0..inner.len()).next();
            self.root = child.unwrap_or(Node::EMPTY);
            // Without a child there is no leaf either, at any height.
            self.height = if self.root.len() == 0 { 0 } else { self.height - 1 };
        }
    }
}

impl<T: Item> Node<T> {
    fn remove(&mut self, path: &[u8], index: usize) -> T {
        let inner = match self {
            Node::Leaf(items) => {
                let item = items.remove(index);
                shrink(items);
                return item;
            }
            Node::Inner(inner) => inner,
        };
        let child = usize::from(path[0]);
        let item = inner.node_mut(child).remove(&path[1..], index);
        if inner.node(child).len() == 0 {
            inner.take(child..child + 1).for_each(drop);
        } else {
            inner.note_removed(child, index, item.weight());
            inner.tidy(child);
        }
        item
    }

    fn remove_range(&mut self, (from, until): (Edge<'_>, Edge<'_>), f: &mut impl FnMut(T)) {
        let inner = match self {
            Node::Leaf(items) => {
                let start = from.map_or(0, |(_, index)| index);
                let end = until.map_or(items.len(), |(_, index)| index);
                items.drain(start..end).for_each(f);
                return shrink(items);
            }
            Node::Inner(inner) => inner,
        };
        let low = from.map_or(0, |(path, _)| usize::from(path[0]));
        let high = until.map_or(inner.len() - 1, |(path, _)| usize::from(path[0]));
        if low == high {
            inner.node_mut(low).remove_range((below(from), below(until)), f);
        } else {
            inner.node_mut(low).remove_range((below(from), None), f);
            inner.take(low + 1..high).for_each(|node| node.take_all(f));
            inner.node_mut(low + 1).remove_range((None, below(until)), f);
        }
        // At most two children are left of those that were touched; the higher one goes first.
        for child in if low == high { low..low + 1 } else { low..low + 2 }.rev() {
            if inner.node(child).len() == 0 {
                inner.take(child..child + 1).for_each(drop);
            } else {
                inner.refresh(child);
            }
        }
        for child in (low..inner.len().min(low + 2)).rev() {
            if child < inner.len() {
                inner.tidy(child);
            }
        }
    }

    fn take_all(self, f: &mut impl FnMut(T)) {
        match self {
            Node::Leaf(items) => items.into_iter().for_each(f),
            Node::Inner(mut inner) => {
                for node in inner.take(0..inner.len()) {
                    node.take_all(f);
                }
            }
        }
    }

    /// The last leaf below; sums above it are not kept.
    fn take_last_leaf(&mut self) -> Vec<T> {
        match self {
            Node::Leaf(items) => std::mem::take(items),
            Node::Inner(inner) => {
                let last = inner.len() - 1;
                let leaf = inner.node_mut(last).take_last_leaf();
                if inner.node(last).len() == 0 {
                    inner.take(last..last + 1).for_each(drop);
                }
                leaf
            }
        }
    }
}
