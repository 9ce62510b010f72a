//! Lists.

use store::value::list::{End, List, NodeRef};
use store::{CollectionType, Limits};
use structures::listpack::Listpack;

use crate::error::{Bad, Result};
use crate::pack;
use crate::read::Reader;
use crate::version::container;

/// Element by element.
pub(super) fn plain(reader: &mut Reader<'_>, limits: &Limits) -> Result<List> {
    let count = reader.count(1)?;
    let (mut list, mut scratch) = (List::empty(limits), Vec::new());
    for _ in 0..count {
        list.push(End::Tail, reader.string(&mut scratch)?, limits);
    }
    settled(list, limits)
}

pub(super) fn ziplist(reader: &mut Reader<'_>, limits: &Limits) -> Result<List> {
    let mut list = List::empty(limits);
    let old = reader.string_owned()?;
    let nodes = pack::listpack_of_ziplist(&old)?;
    // One ziplist could be larger than a node is.
    let mut text = structures::listpack::TextBuffer::new();
    for value in Listpack::new(&nodes).iter() {
        list.push(End::Tail, value.text(&mut text), limits);
    }
    settled(list, limits)
}

/// How the nodes of a quicklist are written.
#[derive(Clone, Copy)]
pub(super) enum Nodes {
    Ziplists,
    /// Each says whether it is a listpack or one large element.
    Tagged,
}

pub(super) fn nodes(reader: &mut Reader<'_>, limits: &Limits, form: Nodes) -> Result<List> {
    let count = reader.count(1)?;
    let (mut list, mut scratch) = (List::empty(limits), Vec::new());
    for _ in 0..count {
        let container = match form {
            Nodes::Ziplists => container::PACKED,
            Nodes::Tagged => reader.length()?,
        };
        let node = reader.string(&mut scratch)?;
        match (container, form) {
            (container::PLAIN, _) if !node.is_empty() => list.push_node(NodeRef::Plain(node)),
            (container::PACKED, Nodes::Tagged) => {
                list.push_node(NodeRef::Packed(pack::valid(node)?.0));
            }
            (container::PACKED, Nodes::Ziplists) => {
                let node = pack::listpack_of_ziplist(node)?;
                list.push_node(NodeRef::Packed(Listpack::new(&node)));
            }
            _ => return Err(Bad::Corrupt("a quicklist node of no kind")),
        }
    }
    settled(list, limits)
}

fn settled(mut list: List, limits: &Limits) -> Result<List> {
    use store::View;
    list.settle(limits);
    if list.view().is_empty() { Err(Bad::Empty) } else { Ok(list) }
}
