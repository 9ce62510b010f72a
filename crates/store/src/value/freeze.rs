//! A large value as it was at one moment, handed over part by part while it changes.
//!
//! ```text
//!   hash, set, sorted set   the table itself is frozen, and asked for some elements at a time
//!                           ( structures/src/elements/frozen.rs )
//!   list, stream            all nodes are shared at once; who changes one copies it first
//! ```
//!
//! Small forms are not frozen: they are handed over whole.
//!
//! # Limits
//!
//! Sharing the nodes of a list or stream takes some 50 to 100 ns for each, so about 1 ms for 100 MB.
//! A shared node costs 40 bytes more until it is changed.

use structures::elements::{Element, Elements, Fields};

use super::list::{FrozenNode, NodeRef};
use super::stream::{self, FrozenStreamNode};
use super::{Collection, SortedSet};

/// A part of a value.
#[derive(Clone, Copy)]
pub enum Part<'a> {
    Member(&'a [u8]),
    Field(Element<'a, Fields>),
    /// Of a sorted set.
    Scored(&'a [u8], f64),
    /// Of a list.
    Node(NodeRef<'a>),
    /// Of a stream.
    Entries(stream::Node<'a>),
}

/// What is left to be handed over of a frozen value.
pub(crate) enum Frozen {
    /// The value knows.
    InPlace,
    Nothing,
    List(std::vec::IntoIter<FrozenNode>),
    Stream(std::vec::IntoIter<FrozenStreamNode>),
}

impl Frozen {
    /// Hands over some of what is left of the value; `f` says what each part cost, and it stops
    /// when `budget` is used up. True once all has been handed over. `value` is where it is, if it
    /// is [`Frozen::InPlace`].
    pub(crate) fn hand_over(
        &mut self,
        value: Option<&mut Collection>,
        budget: &mut usize,
        f: &mut dyn FnMut(Part<'_>) -> usize,
    ) -> bool {
        match self {
            Frozen::Nothing => true,
            Frozen::List(nodes) => {
                all(nodes, budget, |node: FrozenNode| f(Part::Node(node.view())))
            }
            Frozen::Stream(nodes) => {
                all(nodes, budget, |node: FrozenStreamNode| f(Part::Entries(node.view())))
            }
            Frozen::InPlace => {
                let value = value.expect("it is frozen in place");
                value.hand_over(budget, f)
            }
        }
    }
}

fn all<T>(
    parts: &mut std::vec::IntoIter<T>,
    budget: &mut usize,
    mut f: impl FnMut(T) -> usize,
) -> bool {
    while *budget > 0 {
        let Some(part) = parts.next() else { return true };
        *budget = budget.saturating_sub(f(part));
    }
    false
}

impl Collection {
    /// Freezes it; none if it is in a small form.
    pub(crate) fn freeze(&mut self) -> Option<Frozen> {
        match self {
            Collection::Hash(hash) => hash.elements_mut()?.freeze(),
            Collection::Set(set) => set.elements_mut()?.freeze(),
            Collection::SortedSet(SortedSet::Skiplist(set)) => set.freeze(),
            Collection::SortedSet(SortedSet::Listpack(_)) => return None,
            Collection::List(list) => return Some(Frozen::List(list.freeze()?.into_iter())),
            Collection::Stream(stream) => {
                return Some(Frozen::Stream(stream.log.freeze().into_iter()));
            }
        }
        Some(Frozen::InPlace)
    }

    /// Whether something of it is left that only it can hand over.
    pub(crate) fn is_frozen(&self) -> bool {
        match self {
            Collection::Hash(hash) => hash.elements().is_some_and(Elements::is_frozen),
            Collection::Set(set) => set.elements().is_some_and(Elements::is_frozen),
            Collection::SortedSet(SortedSet::Skiplist(set)) => set.is_frozen(),
            _ => false,
        }
    }

    /// Nobody wants the rest.
    pub(crate) fn thaw(&mut self) {
        match self {
            Collection::Hash(hash) => hash.elements_mut().into_iter().for_each(Elements::thaw),
            Collection::Set(set) => set.elements_mut().into_iter().for_each(Elements::thaw),
            Collection::SortedSet(SortedSet::Skiplist(set)) => set.thaw(),
            _ => {}
        }
    }

    fn hand_over(&mut self, budget: &mut usize, f: &mut dyn FnMut(Part<'_>) -> usize) -> bool {
        const LARGE: &str = "what is frozen in place is in its large form";
        match self {
            Collection::Hash(hash) => {
                let fields = hash.elements_mut().expect(LARGE);
                fields.frozen_some(budget, &mut |field| f(Part::Field(field)))
            }
            Collection::Set(set) => {
                let members = set.elements_mut().expect(LARGE);
                members.frozen_some(budget, &mut |member| f(Part::Member(member.member())))
            }
            Collection::SortedSet(SortedSet::Skiplist(set)) => set
                .frozen_some(budget, &mut |scored| {
                    f(Part::Scored(scored.member(), scored.score()))
                }),
            _ => panic!("{LARGE}"),
        }
    }
}
