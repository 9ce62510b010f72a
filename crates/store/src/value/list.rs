//! List: elements in the order in which they were pushed, at either end.
//!
//! ```text
//!   small   | listpack |                         in its record, or boxed: "listpack"
//!
//!   large   CountedTree of nodes, each           "quicklist"
//!             a listpack with room in front, weighing its elements, or
//!             one large element alone: plain
//! ```
//!
//! Pushing and popping touch the first or last node and move no other element's bytes. An index
//! is found by the weights in the tree, then by walking one node. An element costs two or three
//! bytes, a node of 8 KiB some 40.
//!
//! # When one form becomes the other
//!
//! As in Redis: it is looked at before elements come, with their lengths as an upper estimate of
//! what they add (`list-max-listpack-size`, [`NodeLimit`]), and again after elements went, when
//! a large list must be down to one node and half the limit, so that it does not go back and
//! forth.
//!
//! # Invariants
//!
//! [`List::check`] verifies them.
//!
//! (1) No node is empty.
//! (2) A plain node is one element. Whether an element is plain was decided when it came
//!     ([`NodeLimit::is_plain`]); another limit later changes nothing.
//!
//! # Limits
//!
//! A node that loses elements in its middle joins a neighbour only when it is split or replaced
//! in: a list from which every second element was removed stays as thin as that. `list-compress-depth`
//! is accepted and does nothing: no node is compressed in memory.

mod node;
mod quick;
#[cfg(test)]
mod tests;
mod view;

pub use node::{FrozenNode, NodeLimit, NodeRef};
pub use view::{Iter, ListRef};

use structures::listpack::{self, Deque, Listpack, Value};

use super::{Collection, CollectionType, Form, Limits, View};
use crate::record::Type;
use quick::Quicklist;
use view::RefForm;

/// One of the two ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Head,
    Tail,
}

/// See the module's essay.
#[derive(Clone, Debug)]
pub struct List(Owned);

#[derive(Clone, Debug)]
enum Owned {
    Packed(Deque),
    Quick(Quicklist),
}

impl List {
    /// Pushes elements one after the other.
    pub fn push_all<'e>(
        &mut self,
        end: End,
        elements: impl Iterator<Item = &'e [u8]> + Clone,
        limits: &Limits,
    ) {
        let limit = NodeLimit::of(limits);
        let sizes = elements.clone().map(|element| element.len());
        let (bytes, count) = sizes.fold((0, 0), |(bytes, count), len| (bytes + len, count + 1));
        self.expect_more(bytes, count, &limit);
        for element in elements {
            match &mut self.0 {
                Owned::Packed(pack) => push_packed(pack, end, Value::of(element)),
                Owned::Quick(quick) => quick.push(end, element, &limit),
            }
        }
    }

    /// Pushes one element.
    pub fn push(&mut self, end: End, element: &[u8], limits: &Limits) {
        self.push_all(end, std::iter::once(element), limits);
    }

    /// Gives the element at an end to `f` and takes it out. The list is not empty.
    pub fn pop_end(&mut self, end: End, limits: &Limits, f: impl FnOnce(Value<'_>)) {
        match &mut self.0 {
            Owned::Packed(pack) => {
                f(NodeRef::Packed(pack.view()).at_end(end).expect("the list is not empty"));
                drop_packed(pack, end, 1);
                fit_if_half_empty(pack);
            }
            Owned::Quick(quick) => {
                quick.pop_end(end, f);
                self.settle_smaller(limits);
            }
        }
    }

    /// Takes up to `count` elements out at an end.
    pub fn drop_end(&mut self, end: End, count: usize, limits: &Limits) {
        self.cut_end(end, count);
        self.settle_smaller(limits);
    }

    /// Moves elements within the list: takes as many as `moved` has off `from` and pushes `moved`
    /// at `to`. As in Redis, only the list that comes out decides whether it is small.
    pub fn turn<'e>(
        &mut self,
        from: End,
        to: End,
        moved: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
        limits: &Limits,
    ) {
        self.cut_end(from, moved.len());
        self.push_all(to, moved, limits);
        self.settle_smaller(limits);
    }

    fn cut_end(&mut self, end: End, count: usize) {
        match &mut self.0 {
            Owned::Packed(pack) => {
                drop_packed(pack, end, count);
                fit_if_half_empty(pack);
            }
            Owned::Quick(quick) => quick.drop_end(end, count),
        }
    }

    /// Keeps the elements from `start` to before `end`, both within the list.
    pub fn keep(&mut self, start: usize, end: usize, limits: &Limits) {
        let behind = self.view().len() - end;
        self.drop_end(End::Tail, behind, limits);
        self.drop_end(End::Head, start, limits);
    }

    /// Puts an element in the place of the one at `index`; false if there is none.
    pub fn set(&mut self, index: usize, element: &[u8], limits: &Limits) -> bool {
        let limit = NodeLimit::of(limits);
        // As in Redis, as if it came in addition.
        self.expect_more(element.len(), 1, &limit);
        match &mut self.0 {
            Owned::Packed(pack) => {
                let Some(at) = pack.view().at_index(index) else { return false };
                pack.edit(|pack| listpack::replace(pack, at, Value::of(element)));
            }
            Owned::Quick(quick) => {
                if !quick.set(index, element, &limit) {
                    return false;
                }
                self.settle_smaller(limits);
            }
        }
        true
    }

    /// Puts an element before or behind the first that equals `pivot`; false if there is none.
    pub fn insert(
        &mut self,
        pivot: &[u8],
        is_before: bool,
        element: &[u8],
        limits: &Limits,
    ) -> bool {
        let limit = NodeLimit::of(limits);
        // As in Redis, even if there is no pivot.
        self.expect_more(element.len(), 1, &limit);
        match &mut self.0 {
            Owned::Packed(pack) => {
                let view = pack.view();
                let Some(pivot) = view.find(pivot, 0) else { return false };
                let at = if is_before { pivot } else { view.next(pivot).unwrap_or(view.end()) };
                pack.edit(|pack| listpack::insert(pack, at, Value::of(element)));
                true
            }
            Owned::Quick(quick) => {
                let pivot = quick.view().iter().position(|value| value.is(pivot));
                let Some(pivot) = pivot else { return false };
                quick.insert(pivot + usize::from(!is_before), element, &limit);
                true
            }
        }
    }

    /// Removes up to `count` elements that equal `element`, those nearest to an end; gives how many.
    pub fn remove(&mut self, element: &[u8], from: End, count: usize, limits: &Limits) -> usize {
        match &mut self.0 {
            Owned::Packed(pack) => {
                let removed = node::remove_equal(pack, element, from, count);
                fit_if_half_empty(pack);
                removed
            }
            Owned::Quick(quick) => {
                let removed = quick.remove(element, from, count);
                self.settle_smaller(limits);
                removed
            }
        }
    }

    /// Puts a node that was held by a large list, here or in another server, behind all others.
    /// Its listpack is valid; if it is empty, nothing happens. Ends with [`List::settle`].
    pub fn push_node(&mut self, node: NodeRef<'_>) {
        if let Owned::Packed(pack) = &mut self.0 {
            self.0 = Owned::Quick(Quicklist::of(std::mem::take(pack)));
        }
        let Owned::Quick(quick) = &mut self.0 else { unreachable!("it just became one") };
        quick.push_node(node);
    }

    /// Takes the form that its size asks for, after [`List::push_node`].
    pub fn settle(&mut self, limits: &Limits) {
        let limit = NodeLimit::of(limits);
        self.become_packed(|bytes, count| limit.allows(bytes, count));
    }

    /// The nodes of a large list as they are now, in order, whatever becomes of them. Takes some
    /// 50 ns for each.
    pub(crate) fn freeze(&mut self) -> Option<Vec<FrozenNode>> {
        match &mut self.0 {
            Owned::Packed(_) => None,
            Owned::Quick(quick) => Some(quick.freeze()),
        }
    }

    /// Panics if an invariant is broken.
    pub fn check(&self) {
        match &self.0 {
            Owned::Packed(pack) => pack.check(),
            Owned::Quick(quick) => quick.check(),
        }
    }

    /// Becomes a large list if it could not hold so much more in one listpack.
    #[inline]
    fn expect_more(&mut self, bytes: usize, count: usize, limit: &NodeLimit) {
        if let Owned::Packed(pack) = &mut self.0
            && !limit.allows(pack.byte_len() + bytes, pack.len() + count)
        {
            self.0 = Owned::Quick(Quicklist::of(std::mem::take(pack)));
        }
    }

    /// Becomes a small list if it is one by now.
    #[inline]
    fn settle_smaller(&mut self, limits: &Limits) {
        if matches!(&self.0, Owned::Quick(quick) if quick.node_count() == 1) {
            let limit = NodeLimit::of(limits);
            self.become_packed(|bytes, count| limit.is_small(bytes, count));
        }
    }

    fn become_packed(&mut self, fits: impl FnOnce(usize, usize) -> bool) {
        if let Owned::Quick(quick) = &mut self.0
            && let Some(pack) = quick.take_only(fits)
        {
            self.0 = Owned::Packed(pack);
        }
    }
}

fn push_packed(pack: &mut Deque, end: End, value: Value<'_>) {
    match end {
        End::Head => pack.push_front(value),
        End::Tail => pack.push_back(value),
    }
}

fn drop_packed(pack: &mut Deque, end: End, count: usize) {
    match end {
        End::Head => pack.drop_front(count),
        End::Tail => pack.drop_back(count),
    }
}

/// A listpack of its own gives memory back when it has become much smaller. Inline ones are in a
/// buffer that is kept, and are below this size.
fn fit_if_half_empty(pack: &mut Deque) {
    if pack.byte_len() > super::INLINE_PACKED_BYTES_MAX && pack.byte_len() < pack.allocated() / 2 {
        pack.fit();
    }
}

impl CollectionType for List {
    const TYPE: Type = Type::List;
    type Ref<'a> = ListRef<'a>;

    fn empty(_: &Limits) -> List {
        List(Owned::Packed(Deque::new()))
    }

    fn of_inline(_: Form, bytes: &[u8]) -> ListRef<'_> {
        ListRef(RefForm::Packed(Listpack::new(bytes)))
    }

    fn from_inline(_: Form, bytes: Vec<u8>) -> List {
        List(Owned::Packed(Deque::from_listpack(bytes)))
    }

    fn inline(&self) -> Option<(Form, &[u8])> {
        match &self.0 {
            Owned::Packed(pack) => Some((Form::Listpack, pack.view().as_bytes())),
            Owned::Quick(_) => None,
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        match self.0 {
            Owned::Packed(pack) => pack.into_listpack(),
            Owned::Quick(_) => Vec::new(),
        }
    }

    #[inline]
    fn allocations(&self) -> usize {
        self.view().nodes().len()
    }

    fn view(&self) -> ListRef<'_> {
        ListRef(match &self.0 {
            Owned::Packed(pack) => RefForm::Packed(pack.view()),
            Owned::Quick(quick) => RefForm::Quick(quick),
        })
    }

    fn wrap(mut self) -> Collection {
        // It may come out of a scratch buffer.
        if let Owned::Packed(pack) = &mut self.0
            && pack.allocated() > pack.byte_len() / 4 * 5
        {
            pack.fit();
        }
        Collection::List(self)
    }

    fn unwrap(collection: &Collection) -> Option<&List> {
        match collection {
            Collection::List(list) => Some(list),
            _ => None,
        }
    }

    fn unwrap_mut(collection: &mut Collection) -> Option<&mut List> {
        match collection {
            Collection::List(list) => Some(list),
            _ => None,
        }
    }
}
