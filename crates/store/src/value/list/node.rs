//! A node of a large list: a listpack with room in front, or one large element.

use std::sync::Arc;

use structures::btree::Item;
use structures::listpack::{self, Deque, Listpack, Value};
use structures::packed::size_class;

use super::{End, drop_packed, push_packed};
use crate::value::Limits;

/// Up to where elements share a node, and a list is one listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    bytes_max: usize,
    entries_max: usize,
    /// Elements of this length or more get a node of their own.
    plain_bytes_min: usize,
    is_count: bool,
}

impl NodeLimit {
    /// Of `list-max-listpack-size`: a number of elements, 0 standing for 1, or from -1 to -5 a
    /// size from 4 to 64 KiB.
    #[inline]
    pub fn of(limits: &Limits) -> NodeLimit {
        /// A node that is limited by its number of elements still has no more bytes.
        const BYTES_WITH_COUNT: usize = 8192;
        let option = limits.list_node_size;
        let (bytes_max, entries_max) = if option < 0 {
            (4096 << ((-option).min(5) - 1), usize::MAX)
        } else {
            (BYTES_WITH_COUNT, option.max(1) as usize)
        };
        let plain_bytes_min = match limits.list_plain_bytes_min {
            0 => bytes_max + 1,
            // A listpack could not hold much larger ones.
            bytes => bytes.min(1 << 29),
        };
        NodeLimit { bytes_max, entries_max, plain_bytes_min, is_count: option >= 0 }
    }

    /// Whether a listpack may be so large.
    #[inline]
    pub(super) fn allows(&self, bytes: usize, entries: usize) -> bool {
        bytes <= self.bytes_max && entries <= self.entries_max
    }

    /// Whether one node is little enough to be a small list again.
    pub(super) fn is_small(&self, bytes: usize, entries: usize) -> bool {
        if self.is_count { entries <= self.entries_max / 2 } else { bytes <= self.bytes_max / 2 }
    }

    /// Whether an element of so many bytes is not packed.
    #[inline]
    pub(super) fn is_plain(&self, len: usize) -> bool {
        len >= self.plain_bytes_min
    }
}

/// What an element adds to a listpack is estimated as its length and so much.
const ENTRY_OVERHEAD: usize = 8;
/// What two listpacks have that one has once.
const FRAME: usize = listpack::LENGTH_LEN + listpack::EMPTY_LEN;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Packed(Deque),
    Plain(Box<[u8]>),
    /// One of the others, which a snapshot may be looking at: it is copied before it changes, unless
    /// nobody does any more.
    Shared(Arc<Node>),
}

/// A node as it was when its list was frozen.
#[derive(Debug)]
pub struct FrozenNode(Arc<Node>);

impl FrozenNode {
    pub fn view(&self) -> NodeRef<'_> {
        self.0.view()
    }
}

/// A node to be read.
#[derive(Clone, Copy, Debug)]
pub enum NodeRef<'a> {
    Packed(Listpack<'a>),
    /// One element.
    Plain(&'a [u8]),
}

impl<'a> NodeRef<'a> {
    /// The first or last element.
    #[inline]
    pub(super) fn at_end(self, end: End) -> Option<Value<'a>> {
        match self {
            NodeRef::Packed(pack) => {
                let at = if end == End::Head { pack.first()? } else { pack.last()? };
                Some(pack.get(at))
            }
            NodeRef::Plain(element) => Some(Value::Bytes(element)),
        }
    }
}

impl Item for Node {
    type Key = ();

    fn key(&self) {}

    #[inline]
    fn weight(&self) -> usize {
        self.len()
    }
}

impl Node {
    /// A node of one element.
    pub(super) fn of(element: &[u8], limit: &NodeLimit) -> Node {
        if limit.is_plain(element.len()) {
            return Node::Plain(element.into());
        }
        let mut pack = Deque::new();
        pack.push_back(Value::of(element));
        Node::Packed(pack)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Node::Packed(pack) => pack.len(),
            Node::Plain(_) => 1,
            Node::Shared(node) => node.len(),
        }
    }

    pub(super) fn view(&self) -> NodeRef<'_> {
        match self {
            Node::Packed(pack) => NodeRef::Packed(pack.view()),
            Node::Plain(element) => NodeRef::Plain(element),
            Node::Shared(node) => node.view(),
        }
    }

    /// Bytes of its allocation.
    pub(super) fn allocated(&self) -> usize {
        match self {
            Node::Packed(pack) => pack.allocated(),
            Node::Plain(element) => size_class(element.len()),
            Node::Shared(node) => size_of::<Node>() + node.allocated(),
        }
    }

    /// Lends it to a snapshot. It is shared from now on, until it is changed.
    pub(super) fn share(&mut self) -> FrozenNode {
        let shared = match std::mem::replace(self, Node::Plain(Box::default())) {
            Node::Shared(node) => node,
            node => Arc::new(node),
        };
        *self = Node::Shared(Arc::clone(&shared));
        FrozenNode(shared)
    }

    /// It, to be changed: its own, and no longer shared.
    #[inline]
    pub(super) fn own(&mut self) -> &mut Node {
        if let Node::Shared(_) = self {
            self.unshare();
        }
        self
    }

    #[cold]
    fn unshare(&mut self) {
        if let Node::Shared(node) = std::mem::replace(self, Node::Plain(Box::default())) {
            *self = Arc::unwrap_or_clone(node);
        }
    }

    /// It, to be read: never [`Node::Shared`].
    fn inner(&self) -> &Node {
        match self {
            Node::Shared(node) => node,
            node => node,
        }
    }

    /// The listpack, if it has room for this element, which is not plain.
    fn with_room(&mut self, element: &[u8], limit: &NodeLimit) -> Option<&mut Deque> {
        match self.own() {
            Node::Packed(pack) => limit
                .allows(pack.byte_len() + element.len() + ENTRY_OVERHEAD, pack.len() + 1)
                .then_some(pack),
            _ => None,
        }
    }

    /// Takes an element that is not plain in at an end; false if there is no room.
    #[inline]
    pub(super) fn push(&mut self, end: End, element: &[u8], limit: &NodeLimit) -> bool {
        let Some(pack) = self.with_room(element, limit) else { return false };
        push_packed(pack, end, Value::of(element));
        true
    }

    /// Takes an element that is not plain in before the one at `index`; false if there is no room.
    pub(super) fn insert(&mut self, index: usize, element: &[u8], limit: &NodeLimit) -> bool {
        let Some(pack) = self.with_room(element, limit) else { return false };
        let at = pack.view().at_index(index).expect("callers give an index of the node");
        pack.edit(|pack| listpack::insert(pack, at, Value::of(element)));
        true
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.inner(), Node::Plain(_))
    }

    /// Puts an element in the place of one of its own; false if it does not fit.
    pub(super) fn replace(&mut self, index: usize, element: &[u8], limit: &NodeLimit) -> bool {
        let is_alone = self.len() == 1;
        match (&mut *self.own(), limit.is_plain(element.len())) {
            (Node::Plain(old), true) => *old = element.into(),
            (Node::Packed(pack), false) => {
                let view = pack.view();
                let at = view.at_index(index).expect("callers give an index of the node");
                let bytes = view.byte_len() - view.entry_len(at) + Value::of(element).entry_len();
                if !is_alone && !limit.allows(bytes, 1) {
                    return false;
                }
                pack.edit(|pack| listpack::replace(pack, at, Value::of(element)));
            }
            // The other kind of node, as long as nothing else is in it.
            _ if is_alone => *self = Node::of(element, limit),
            _ => return false,
        }
        true
    }

    /// Takes fewer elements than it has out at an end.
    pub(super) fn drop_end(&mut self, end: End, count: usize) {
        match self.own() {
            Node::Packed(pack) => drop_packed(pack, end, count),
            _ => assert_eq!(count, 0, "a plain node goes as a whole"),
        }
    }

    /// Takes one of several elements out.
    pub(super) fn remove(&mut self, index: usize) {
        let Node::Packed(pack) = self.own() else { panic!("a plain node goes as a whole") };
        let at = pack.view().at_index(index).expect("callers give an index of the node");
        pack.edit(|pack| listpack::delete(pack, at));
    }

    /// Takes up to `count` elements equal to `element` out; gives how many.
    pub(super) fn remove_equal(&mut self, element: &[u8], from: End, count: usize) -> usize {
        if let Node::Plain(own) = self.inner() {
            return usize::from(count > 0 && **own == *element);
        }
        let Node::Packed(pack) = self.own() else { unreachable!("it is not plain") };
        remove_equal(pack, element, from, count)
    }

    /// Takes the elements from `index` on out into a node of their own.
    pub(super) fn split_off(&mut self, index: usize) -> Node {
        let Node::Packed(pack) = self.own() else { panic!("a plain node is not split") };
        let mut tail = pack.split_off(index);
        tail.fit();
        pack.fit();
        Node::Packed(tail)
    }

    /// Whether both may be one.
    pub(super) fn may_join(&self, next: &Node, limit: &NodeLimit) -> bool {
        match (self.inner(), next.inner()) {
            (Node::Packed(a), Node::Packed(b)) => {
                limit.allows(a.byte_len() + b.byte_len() - FRAME, a.len() + b.len())
            }
            _ => false,
        }
    }

    pub(super) fn join(&mut self, next: &Node) {
        let (Node::Packed(a), Node::Packed(b)) = (self.own(), next.inner()) else {
            panic!("only packed nodes join")
        };
        a.append(b);
    }

    /// Gives back the memory it does not need.
    pub(super) fn fit(&mut self) {
        if let Node::Packed(pack) = self.own() {
            pack.fit();
        }
    }

    pub(super) fn check(&self) {
        match self {
            Node::Packed(pack) => pack.check(),
            Node::Plain(_) => {}
            Node::Shared(node) => {
                assert!(!matches!(**node, Node::Shared(_)), "a node is shared once");
                node.check();
            }
        }
    }
}

/// Takes up to `count` entries equal to `element` out, those nearest to an end; gives how many.
pub(super) fn remove_equal(pack: &mut Deque, element: &[u8], from: End, count: usize) -> usize {
    let view = pack.view();
    let mut doomed = Vec::new();
    match from {
        End::Head => {
            let mut next = view.find(element, 0);
            while let Some(at) = next.filter(|_| doomed.len() < count) {
                doomed.push(at);
                next = view.next(at).and_then(|at| view.find_from(at, element, 0));
            }
        }
        End::Tail => {
            let equal = view.entries().rev().filter(|(_, value)| value.is(element));
            doomed.extend(equal.take(count).map(|(at, _)| at));
            doomed.reverse();
        }
    }
    if !doomed.is_empty() {
        // Positions are those of the listpack alone, which `edit` sees.
        pack.edit(|pack| listpack::delete_groups(pack, &doomed, 1));
    }
    doomed.len()
}

const _: () = assert!(size_of::<Node>() == 32);
