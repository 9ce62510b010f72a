//! Walking over a range of items, from both ends.

use std::iter::FusedIterator;
use std::slice;

use super::{CountedTree, Item, Position};

/// How many items ahead what an item points to is asked for ([`Item::prefetch`]).
const AHEAD: usize = 8;

/// The items between two gaps.
///
/// Each end walks through a leaf as a slice, and takes the next one by its path. Once both are in
/// the same leaf, they share `front`. What items point to is asked for some items ahead.
pub struct Iter<'a, T: Item> {
    tree: &'a CountedTree<T>,
    front_leaf: Position,
    front: slice::Iter<'a, T>,
    back_leaf: Position,
    back: slice::Iter<'a, T>,
    is_joined: bool,
}

impl<T: Item> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter { front: self.front.clone(), back: self.back.clone(), ..*self }
    }
}

impl<T: Item> CountedTree<T> {
    /// All items.
    pub fn iter(&self) -> Iter<'_, T> {
        self.range(self.start(), self.end())
    }

    /// The items between two gaps; none if `until` does not lie behind `from`.
    pub fn range(&self, from: Position, until: Position) -> Iter<'_, T> {
        let mut iter = Iter {
            tree: self,
            front_leaf: from,
            front: [].iter(),
            back_leaf: until,
            back: [].iter(),
            is_joined: true,
        };
        if from >= until {
            return iter;
        }
        let (path, index) = from.parts(self.height);
        let leaf = self.leaf_at(path);
        let (back_path, back_index) = until.parts(self.height);
        iter.is_joined = from.is_in_leaf_of(&until);
        if iter.is_joined {
            iter.front = leaf[index..back_index].iter();
        } else {
            iter.front = leaf[index..].iter();
            iter.back = self.leaf_at(back_path)[..back_index].iter();
        }
        iter.front.as_slice().iter().take(AHEAD).for_each(T::prefetch);
        iter
    }

    /// All items from a gap on.
    pub fn iter_from(&self, from: Position) -> Iter<'_, T> {
        self.range(from, self.end())
    }

    /// All items before a gap; the last one comes first from [`Iterator::rev`].
    pub fn iter_until(&self, until: Position) -> Iter<'_, T> {
        self.range(self.start(), until)
    }
}

impl<'a, T: Item> Iter<'a, T> {
    #[cold]
    fn advance(&mut self) {
        let (leaf, items) =
            self.tree.next_leaf(self.front_leaf).expect("the back lies in a later leaf");
        self.front_leaf = leaf;
        self.is_joined = leaf.is_in_leaf_of(&self.back_leaf);
        self.front = if self.is_joined { self.back.clone() } else { items.iter() };
        self.front.as_slice().iter().take(AHEAD).for_each(T::prefetch);
    }

    #[cold]
    fn retreat(&mut self) {
        let (leaf, items) =
            self.tree.previous_leaf(self.back_leaf).expect("the front lies in an earlier leaf");
        self.back_leaf = leaf;
        self.is_joined = leaf.is_in_leaf_of(&self.front_leaf);
        self.back = items.iter();
        let ask = if self.is_joined { &self.front } else { &self.back };
        ask.as_slice().iter().rev().take(AHEAD).for_each(T::prefetch);
    }
}

impl<'a, T: Item> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.front.next() {
                if let Some(ahead) = self.front.as_slice().get(AHEAD) {
                    ahead.prefetch();
                }
                return Some(item);
            }
            if self.is_joined {
                return None;
            }
            self.advance();
        }
    }

    /// Leaf by leaf, without a question between two items.
    #[inline]
    fn fold<B, F: FnMut(B, &'a T) -> B>(mut self, init: B, mut f: F) -> B {
        let mut all = init;
        loop {
            let items = self.front.as_slice();
            for (i, item) in items.iter().enumerate() {
                if let Some(ahead) = items.get(i + AHEAD) {
                    ahead.prefetch();
                }
                all = f(all, item);
            }
            if self.is_joined {
                return all;
            }
            self.advance();
        }
    }
}

impl<'a, T: Item> DoubleEndedIterator for Iter<'a, T> {
    #[inline]
    fn next_back(&mut self) -> Option<&'a T> {
        loop {
            let items = if self.is_joined { &mut self.front } else { &mut self.back };
            if let Some(item) = items.next_back() {
                let left = items.as_slice();
                if let Some(ahead) = left.len().checked_sub(AHEAD) {
                    left[ahead].prefetch();
                }
                return Some(item);
            }
            if self.is_joined {
                return None;
            }
            self.retreat();
        }
    }
}

impl<T: Item> FusedIterator for Iter<'_, T> {}
