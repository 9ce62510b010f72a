//! Reading the log of a stream from one ID to another, in either direction.

use structures::btree;

use super::id::StreamId;
use super::node::{Backward, Entry, Forward, Node};
use super::open::Sealed;

/// See [`Log::range`].
#[derive(Clone)]
pub struct Range<'a> {
    from: StreamId,
    to: StreamId,
    nodes: btree::Iter<'a, Sealed>,
    tail: Option<Node<'a>>,
    walk: Option<Forward<'a>>,
}

impl<'a> Range<'a> {
    /// Begins with the first of these nodes; the tail comes behind them.
    pub(super) fn new(
        from: StreamId,
        to: StreamId,
        nodes: btree::Iter<'a, Sealed>,
        tail: Option<Node<'a>>,
    ) -> Range<'a> {
        Range { from, to, nodes, tail, walk: None }
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            for entry in self.walk.iter_mut().flatten() {
                if entry.id > self.to {
                    return None;
                }
                if entry.id >= self.from && !entry.is_deleted() {
                    return Some(entry);
                }
            }
            let node = self.nodes.next().map(Sealed::node).or_else(|| self.tail.take())?;
            self.walk = Some(node.forward());
        }
    }
}

/// See [`Log::range_rev`].
#[derive(Clone)]
pub struct RangeRev<'a> {
    from: StreamId,
    to: StreamId,
    tail: Option<Node<'a>>,
    nodes: btree::Iter<'a, Sealed>,
    walk: Option<Backward<'a>>,
}

impl<'a> RangeRev<'a> {
    /// Begins with the tail, then the last of these nodes.
    pub(super) fn new(
        from: StreamId,
        to: StreamId,
        tail: Option<Node<'a>>,
        nodes: btree::Iter<'a, Sealed>,
    ) -> RangeRev<'a> {
        RangeRev { from, to, tail, nodes, walk: None }
    }
}

impl<'a> Iterator for RangeRev<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            for entry in self.walk.iter_mut().flatten() {
                if entry.id < self.from {
                    return None;
                }
                if entry.id <= self.to && !entry.is_deleted() {
                    return Some(entry);
                }
            }
            let node = self.tail.take().or_else(|| self.nodes.next_back().map(Sealed::node))?;
            self.walk = Some(node.backward());
        }
    }
}
