//! The large form of a list: a counted tree of nodes.
//!
//! Positions of the tree are wrong once its shape changes, so what works on several nodes goes by
//! ranks, the indexes of elements, and seeks anew.

use structures::btree::{CountedTree, Position};
use structures::listpack::{Deque, Value};

use super::End;
use super::node::{FrozenNode, Node, NodeLimit, NodeRef};
use super::view::{ListRef, RefForm};

#[derive(Clone)]
pub(super) struct Quicklist {
    nodes: CountedTree<Node>,
}

impl Quicklist {
    /// One node of what was a small list, or none.
    pub(super) fn of(pack: Deque) -> Quicklist {
        let mut nodes = CountedTree::new();
        if !pack.is_empty() {
            nodes.push_back(Node::Packed(pack));
        }
        Quicklist { nodes }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.weight()
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn nodes(&self) -> &CountedTree<Node> {
        &self.nodes
    }

    pub(super) fn view(&self) -> ListRef<'_> {
        ListRef(RefForm::Quick(self))
    }

    pub(super) fn push_node(&mut self, node: NodeRef<'_>) {
        match node {
            NodeRef::Packed(pack) if pack.is_empty() => {}
            NodeRef::Packed(pack) => {
                let mut deque = Deque::from_listpack(pack.as_bytes().to_vec());
                deque.fit();
                self.nodes.push_back(Node::Packed(deque));
            }
            NodeRef::Plain(element) => self.nodes.push_back(Node::Plain(element.into())),
        }
    }

    /// The listpack of the only node, if it is one and fits.
    pub(super) fn take_only(&mut self, fits: impl FnOnce(usize, usize) -> bool) -> Option<Deque> {
        let only = if self.nodes.len() == 1 { self.nodes.first() } else { None };
        match only.map(Node::view) {
            Some(NodeRef::Packed(pack)) if fits(pack.byte_len(), pack.len()) => {}
            _ => return None,
        }
        let mut only = self.nodes.pop_first().expect("it was just looked at");
        only.fit();
        match only {
            Node::Packed(pack) => Some(pack),
            _ => unreachable!("its view is packed, and it is its own since it was fitted"),
        }
    }

    /// The node at an end.
    #[inline]
    pub(super) fn at_end(&self, end: End) -> Option<Position> {
        match end {
            End::Head => (!self.nodes.is_empty()).then(|| self.nodes.start()),
            End::Tail => self.nodes.previous(self.nodes.end()),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, end: End, element: &[u8], limit: &NodeLimit) {
        let at = self.at_end(end);
        if let Some(at) = at
            && !limit.is_plain(element.len())
            && self.nodes.update(at, |node| node.push(end, element, limit))
        {
            return;
        }
        self.push_new(end, at, Node::of(element, limit));
    }

    #[cold]
    fn push_new(&mut self, end: End, old: Option<Position>, node: Node) {
        if let Some(old) = old {
            // It is full: nothing will be pushed to it any more.
            self.nodes.update(old, Node::fit);
        }
        match end {
            End::Head => self.nodes.push_front(node),
            End::Tail => self.nodes.push_back(node),
        }
    }

    /// Gives the element at an end to `f` and takes it out.
    pub(super) fn pop_end(&mut self, end: End, f: impl FnOnce(Value<'_>)) {
        let at = self.at_end(end).expect("a list that is popped from has a node");
        let is_used_up = self.nodes.update(at, |node| {
            f(node.view().at_end(end).expect("(1) no node is empty"));
            let is_last = node.len() == 1;
            if !is_last {
                node.drop_end(end, 1);
            }
            is_last
        });
        if is_used_up {
            drop(self.nodes.remove(at));
        }
    }

    pub(super) fn drop_end(&mut self, end: End, mut count: usize) {
        while count > 0
            && let Some(at) = self.at_end(end)
        {
            let left = self.nodes.update(at, |node| match node.len() {
                len if len > count => {
                    node.drop_end(end, count);
                    None
                }
                len => Some(count - len),
            });
            let Some(left) = left else { return };
            drop(self.nodes.remove(at));
            count = left;
        }
    }

    pub(super) fn set(&mut self, index: usize, element: &[u8], limit: &NodeLimit) -> bool {
        let Some((at, offset)) = self.nodes.seek(index) else { return false };
        // As in Redis: what replaces a large element moves to the node behind it, if it fits there.
        if self.nodes.at(at).is_some_and(Node::is_plain)
            && !limit.is_plain(element.len())
            && let Some(next) = self.nodes.next(at)
            && self.nodes.at(next).is_some()
            && self.nodes.update(next, |node| node.push(End::Head, element, limit))
        {
            drop(self.nodes.remove(at));
            return true;
        }
        if !self.nodes.update(at, |node| node.replace(offset, element, limit)) {
            self.remove_at(index);
            self.insert(index, element, limit);
        }
        true
    }

    fn remove_at(&mut self, index: usize) {
        let (at, offset) = self.nodes.seek(index).expect("callers give an index of the list");
        if self.nodes.at(at).is_some_and(|node| node.len() == 1) {
            drop(self.nodes.remove(at));
        } else {
            self.nodes.update(at, |node| node.remove(offset));
        }
    }

    /// Puts an element before the one at `index`, or behind all others.
    pub(super) fn insert(&mut self, index: usize, element: &[u8], limit: &NodeLimit) {
        let Some((at, offset)) = self.nodes.seek(index) else {
            return self.push(End::Tail, element, limit);
        };
        let is_plain = limit.is_plain(element.len());
        if !is_plain {
            if self.nodes.update(at, |node| node.insert(offset, element, limit)) {
                return;
            }
            if offset == 0
                && let Some(before) = self.nodes.previous(at)
                && self.nodes.update(before, |node| node.push(End::Tail, element, limit))
            {
                return;
            }
        }
        if offset > 0 {
            self.split(index);
        }
        let (at, _) = self.nodes.seek(index).expect("a node begins there");
        self.nodes.insert(at, Node::of(element, limit));
        self.join_around(index, limit);
    }

    /// Splits a node, so that one begins at `index`.
    fn split(&mut self, index: usize) {
        let (at, offset) = self.nodes.seek(index).expect("callers give an index of the list");
        let tail = self.nodes.update(at, |node| node.split_off(offset));
        let gap = self.nodes.next(at).expect("the split node");
        self.nodes.insert(gap, tail);
    }

    /// Joins the node that begins at `index`, and those it is between, as far as they fit.
    fn join_around(&mut self, index: usize, limit: &NodeLimit) {
        let Some((at, _)) = self.nodes.seek(index) else { return };
        let len = self.nodes.at(at).map_or(0, Node::len);
        self.join_at(index + len, limit);
        self.join_at(index, limit);
    }

    /// Joins the node that begins at `index` to the one before it, if they fit.
    fn join_at(&mut self, index: usize, limit: &NodeLimit) {
        let Some((at, 0)) = self.nodes.seek(index) else { return };
        let Some(before) = self.nodes.previous(at) else { return };
        let (Some(left), Some(right)) = (self.nodes.at(before), self.nodes.at(at)) else { return };
        if left.may_join(right, limit) {
            let right = self.nodes.remove(at);
            let (before, _) = self.nodes.seek(index - 1).expect("the left node is still there");
            self.nodes.update(before, |node| node.join(&right));
        }
    }

    pub(super) fn remove(&mut self, element: &[u8], from: End, count: usize) -> usize {
        let mut left = count;
        // Where the walk stands: what lies before it (from the head) or behind it is done.
        let mut rank = if from == End::Head { 0 } else { self.len() };
        while left > 0 {
            let next = if from == End::Head { Some(rank) } else { rank.checked_sub(1) };
            let Some((at, offset)) = next.and_then(|rank| self.nodes.seek(rank)) else { break };
            let len = self.nodes.at(at).map_or(0, Node::len);
            let start = if from == End::Head { rank } else { rank - 1 - offset };
            let removed = self.nodes.update(at, |node| node.remove_equal(element, from, left));
            if removed == len {
                drop(self.nodes.remove(at));
            }
            left -= removed;
            rank = if from == End::Head { start + len - removed } else { start };
        }
        count - left
    }

    /// Lends all nodes, as they are now, in order.
    pub(super) fn freeze(&mut self) -> Vec<FrozenNode> {
        let mut frozen = Vec::with_capacity(self.nodes.len());
        let mut next = self.at_end(End::Head);
        while let Some(at) = next {
            frozen.push(self.nodes.update(at, Node::share));
            next = self.nodes.next(at).filter(|at| self.nodes.at(*at).is_some());
        }
        frozen
    }

    pub(super) fn check(&self) {
        for node in self.nodes.iter() {
            assert!(node.len() > 0, "(1) no node is empty");
            node.check();
        }
        assert_eq!(self.nodes.iter().map(Node::len).sum::<usize>(), self.len());
    }
}

impl std::fmt::Debug for Quicklist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.nodes.iter()).finish()
    }
}
