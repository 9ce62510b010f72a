//! Reading a list, in whichever form.

use structures::btree;
use structures::listpack::{self, Listpack, Value};

use super::End;
use super::node::{Node, NodeRef};
use super::quick::Quicklist;
use crate::value::{View, extrapolate};

/// A list to be read.
#[derive(Clone, Copy)]
pub struct ListRef<'a>(pub(super) RefForm<'a>);

#[derive(Clone, Copy)]
pub(super) enum RefForm<'a> {
    Packed(Listpack<'a>),
    Quick(&'a Quicklist),
}

impl View for ListRef<'_> {
    #[inline]
    fn len(&self) -> usize {
        match self.0 {
            RefForm::Packed(pack) => pack.len(),
            RefForm::Quick(quick) => quick.len(),
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self.0 {
            RefForm::Packed(_) => "listpack",
            RefForm::Quick(_) => "quicklist",
        }
    }

    fn bytes(&self, samples: usize) -> usize {
        match self.0 {
            RefForm::Packed(pack) => structures::packed::size_class(pack.as_bytes().len()),
            RefForm::Quick(quick) => {
                let sizes = quick.nodes().iter().map(Node::allocated);
                quick.nodes().bytes() + extrapolate(sizes, quick.node_count(), samples)
            }
        }
    }
}

impl<'a> ListRef<'a> {
    /// The element at an index; none beyond the last.
    pub fn get(self, index: usize) -> Option<Value<'a>> {
        match self.0 {
            RefForm::Packed(pack) => pack.at_index(index).map(|at| pack.get(at)),
            RefForm::Quick(quick) => {
                let (at, offset) = quick.nodes().seek(index)?;
                match quick.nodes().at(at)?.view() {
                    NodeRef::Packed(pack) => pack.at_index(offset).map(|at| pack.get(at)),
                    NodeRef::Plain(element) => Some(Value::Bytes(element)),
                }
            }
        }
    }

    /// The first or last element.
    #[inline]
    pub fn at_end(self, end: End) -> Option<Value<'a>> {
        match self.0 {
            RefForm::Packed(pack) => NodeRef::Packed(pack),
            RefForm::Quick(quick) => quick.nodes().at(quick.at_end(end)?)?.view(),
        }
        .at_end(end)
    }

    /// All elements, from both ends.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        match self.0 {
            RefForm::Packed(pack) => Iter::of_pack(pack.iter()),
            RefForm::Quick(quick) => Iter::of_nodes(quick.nodes().iter()),
        }
    }

    /// The elements from an index on.
    #[inline]
    pub fn iter_from(self, index: usize) -> Iter<'a> {
        match self.0 {
            RefForm::Packed(pack) => {
                Iter::of_pack(pack.iter_span(position(pack, index)..pack.end()))
            }
            RefForm::Quick(quick) => {
                let nodes = quick.nodes();
                let Some((at, offset)) = nodes.seek(index) else { return Iter::EMPTY };
                let mut iter = Iter::of_nodes(nodes.iter_from(at));
                iter.enter_front();
                iter.front.skip_front(offset);
                iter
            }
        }
    }

    /// The elements before an index; the nearest comes first from [`Iterator::rev`].
    pub fn iter_until(self, index: usize) -> Iter<'a> {
        match self.0 {
            RefForm::Packed(pack) => {
                Iter::of_pack(pack.iter_span(listpack::HEADER_LEN..position(pack, index)))
            }
            RefForm::Quick(quick) => {
                let nodes = quick.nodes();
                let Some((at, offset)) = nodes.seek(index) else { return self.iter() };
                let mut iter = Iter::of_nodes(nodes.iter_until(at));
                iter.back = nodes.at(at).map_or(NodeIter::EMPTY, |node| node_iter(node));
                iter.back.keep_front(offset);
                iter
            }
        }
    }

    /// The nodes: a small list is one.
    pub fn nodes(self) -> impl ExactSizeIterator<Item = NodeRef<'a>> {
        let (pack, quick) = match self.0 {
            RefForm::Packed(pack) => (Some(NodeRef::Packed(pack)), None),
            RefForm::Quick(quick) => (None, Some(quick)),
        };
        let len = quick.map_or(1, Quicklist::node_count);
        let nodes = quick.into_iter().flat_map(|quick| quick.nodes().iter()).map(Node::view);
        Counted { iter: pack.into_iter().chain(nodes), len }
    }
}

/// An iterator whose length is known.
struct Counted<I> {
    iter: I,
    len: usize,
}

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let item = self.iter.next()?;
        self.len -= 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<I: Iterator> ExactSizeIterator for Counted<I> {}

/// The position of an index, or the end.
fn position(pack: Listpack<'_>, index: usize) -> usize {
    pack.at_index(index).unwrap_or(pack.end())
}

/// The elements of a list, from both ends.
#[derive(Clone)]
pub struct Iter<'a> {
    front: NodeIter<'a>,
    /// The nodes between.
    nodes: Option<btree::Iter<'a, Node>>,
    back: NodeIter<'a>,
}

impl<'a> Iter<'a> {
    const EMPTY: Iter<'static> =
        Iter { front: NodeIter::EMPTY, nodes: None, back: NodeIter::EMPTY };

    fn of_pack(pack: listpack::Iter<'a>) -> Iter<'a> {
        Iter { front: NodeIter::Packed(pack), nodes: None, back: NodeIter::EMPTY }
    }

    fn of_nodes(nodes: btree::Iter<'a, Node>) -> Iter<'a> {
        Iter { front: NodeIter::EMPTY, nodes: Some(nodes), back: NodeIter::EMPTY }
    }

    /// Takes the next node from the front; false if there is none.
    #[cold]
    fn enter_front(&mut self) -> bool {
        let node = self.nodes.as_mut().and_then(Iterator::next);
        self.front = node.map_or(NodeIter::EMPTY, node_iter);
        node.is_some()
    }

    #[cold]
    fn enter_back(&mut self) -> bool {
        let node = self.nodes.as_mut().and_then(DoubleEndedIterator::next_back);
        self.back = node.map_or(NodeIter::EMPTY, node_iter);
        node.is_some()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        loop {
            if let Some(value) = self.front.next() {
                return Some(value);
            }
            if !self.enter_front() {
                return self.back.next();
            }
        }
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Value<'a>> {
        loop {
            if let Some(value) = self.back.next_back() {
                return Some(value);
            }
            if !self.enter_back() {
                return self.front.next_back();
            }
        }
    }
}

/// The elements of a node, from both ends.
#[derive(Clone)]
enum NodeIter<'a> {
    Packed(listpack::Iter<'a>),
    Plain(Option<&'a [u8]>),
}

fn node_iter(node: &Node) -> NodeIter<'_> {
    match node.view() {
        NodeRef::Packed(pack) => NodeIter::Packed(pack.iter()),
        NodeRef::Plain(element) => NodeIter::Plain(Some(element)),
    }
}

impl<'a> NodeIter<'a> {
    const EMPTY: NodeIter<'static> = NodeIter::Plain(None);

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        match self {
            NodeIter::Packed(pack) => pack.next(),
            NodeIter::Plain(element) => element.take().map(Value::Bytes),
        }
    }

    #[inline]
    fn next_back(&mut self) -> Option<Value<'a>> {
        match self {
            NodeIter::Packed(pack) => pack.next_back(),
            NodeIter::Plain(element) => element.take().map(Value::Bytes),
        }
    }

    /// Leaves the first `count` elements out.
    fn skip_front(&mut self, count: usize) {
        match self {
            NodeIter::Packed(iter) => {
                let pack = iter.listpack();
                *iter = pack.iter_span(position(pack, count)..pack.end());
            }
            NodeIter::Plain(element) if count > 0 => *element = None,
            NodeIter::Plain(_) => {}
        }
    }

    /// Leaves all but the first `count` elements out.
    fn keep_front(&mut self, count: usize) {
        match self {
            NodeIter::Packed(iter) => {
                let pack = iter.listpack();
                *iter = pack.iter_span(listpack::HEADER_LEN..position(pack, count));
            }
            NodeIter::Plain(element) if count == 0 => *element = None,
            NodeIter::Plain(_) => {}
        }
    }
}
