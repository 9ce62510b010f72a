//! Lists.

use store::value::list::{End, List, NodeRef};
use store::{CollectionType, Limits, OwnedValue, View};
use structures::listpack::Listpack;

use super::parts::{self, Grow, Parts};
use crate::error::{Bad, Result};
use crate::pack;
use crate::read::Reader;
use crate::version::container;

/// A list that is being read.
struct Growing {
    list: List,
    /// None: element by element.
    nodes: Option<Nodes>,
    scratch: Vec<u8>,
}

/// Element by element.
pub(super) fn plain(reader: &mut Reader<'_>, limits: &Limits) -> Result<Parts> {
    begin(reader, limits, None)
}

/// Node by node.
pub(super) fn nodes(reader: &mut Reader<'_>, limits: &Limits, form: Nodes) -> Result<Parts> {
    begin(reader, limits, Some(form))
}

fn begin(reader: &mut Reader<'_>, limits: &Limits, nodes: Option<Nodes>) -> Result<Parts> {
    let count = parts::count(reader)?;
    Ok(Parts::new(count, Growing { list: List::empty(limits), nodes, scratch: Vec::new() }))
}

impl Grow for Growing {
    fn grow(&mut self, reader: &mut Reader<'_>, _: u64, limits: &Limits) -> Result<u64> {
        let list = &mut self.list;
        match self.nodes {
            None => list.push(End::Tail, reader.string(&mut self.scratch)?, limits),
            Some(form) => push_node(list, reader, form, &mut self.scratch)?,
        }
        Ok(1)
    }

    fn finish(self: Box<Self>, limits: &Limits) -> Result<OwnedValue> {
        settled(self.list, limits).map(OwnedValue::of)
    }
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

fn push_node(
    list: &mut List,
    reader: &mut Reader<'_>,
    form: Nodes,
    scratch: &mut Vec<u8>,
) -> Result<()> {
    let container = match form {
        Nodes::Ziplists => container::PACKED,
        Nodes::Tagged => reader.length()?,
    };
    let node = reader.string(scratch)?;
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
    Ok(())
}

fn settled(mut list: List, limits: &Limits) -> Result<List> {
    list.settle(limits);
    if list.view().is_empty() { Err(Bad::Empty) } else { Ok(list) }
}
