//! Values to bytes, in the lowest version that can hold them.
//!
//! Values in a compact form are copied, if the version allows the form. [`crate::version`] tells
//! why it is the lowest; `rdb-version` raises or lowers it, but never so far that something of the
//! value would be lost.

mod hash;
mod stream;

use store::value::list::{ListRef, NodeRef};
use store::value::set::SetRef;
use store::value::sorted_set::SortedSetRef;
use store::{StrRef, ValueRef, View};
use structures::listpack::TextBuffer;

use crate::version::{Kind, Version, container};
use crate::write::Writer;

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// `rdb-version`: forms of later versions are not used unless the value needs them. None: the
    /// lowest from [`Version::FLOOR`] on.
    pub version: Option<Version>,
    /// `rdbcompression`.
    pub compresses: bool,
}

impl Style {
    /// Whether a form may be used that the value does not need.
    fn allows(self, kind: Kind) -> bool {
        kind.version() <= self.version.unwrap_or(Version::FLOOR)
    }
}

/// The form in which a value is written.
pub fn kind(value: ValueRef<'_>, style: Style) -> Kind {
    let copied = |compact: Kind, plain: Kind| if style.allows(compact) { compact } else { plain };
    match value {
        ValueRef::String(_) => Kind::String,
        ValueRef::List(_) => copied(Kind::ListQuicklist2, Kind::List),
        ValueRef::Set(SetRef::Intset(_)) => Kind::SetIntset,
        ValueRef::Set(SetRef::Listpack(_)) => copied(Kind::SetListpack, Kind::Set),
        ValueRef::Set(SetRef::Table(_)) => Kind::Set,
        ValueRef::SortedSet(SortedSetRef::Listpack(_)) if style.allows(Kind::ZSetListpack) => {
            Kind::ZSetListpack
        }
        ValueRef::SortedSet(_) => copied(Kind::ZSet2, Kind::ZSet),
        ValueRef::Hash(hash) => hash::kind(hash, style),
        ValueRef::Stream(stream) => stream::kind(stream, style),
    }
}

/// Writes a value in a form that [`kind`] gave for it.
pub fn value(kind: Kind, value: ValueRef<'_>, writer: &mut Writer) {
    match value {
        ValueRef::String(StrRef::Int(n)) => writer.integer(n),
        ValueRef::String(StrRef::Bytes(text)) => writer.string(text),
        ValueRef::List(list) => write_list(kind, list, writer),
        ValueRef::Set(set) => write_set(kind, set, writer),
        ValueRef::SortedSet(set) => write_sorted_set(kind, set, writer),
        ValueRef::Hash(hash) => hash::write(kind, hash, writer),
        ValueRef::Stream(stream) => stream::write(kind, stream, writer),
    }
}

fn write_list(kind: Kind, list: ListRef<'_>, writer: &mut Writer) {
    if kind == Kind::List {
        writer.length(list.len() as u64);
        for element in list.iter() {
            writer.string(element.text(&mut TextBuffer::new()));
        }
        return;
    }
    let nodes = list.nodes();
    writer.length(nodes.len() as u64);
    for node in nodes {
        match node {
            NodeRef::Packed(pack) => {
                writer.length(container::PACKED);
                writer.string(&pack.to_redis());
            }
            NodeRef::Plain(element) => {
                writer.length(container::PLAIN);
                writer.string(element);
            }
        }
    }
}

fn write_set(kind: Kind, set: SetRef<'_>, writer: &mut Writer) {
    match (kind, set) {
        (Kind::SetIntset, SetRef::Intset(set)) => writer.string(set.as_bytes()),
        (Kind::SetListpack, SetRef::Listpack(pack)) => writer.string(&pack.to_redis()),
        _ => {
            writer.length(set.len() as u64);
            for member in set.iter() {
                writer.string(member.text(&mut TextBuffer::new()));
            }
        }
    }
}

fn write_sorted_set(kind: Kind, set: SortedSetRef<'_>, writer: &mut Writer) {
    if let (Kind::ZSetListpack, SortedSetRef::Listpack(pack)) = (kind, set) {
        return writer.string(&pack.to_redis());
    }
    // The greatest first: a skiplist takes what is always in front in no time.
    writer.length(set.len() as u64);
    let pairs: Vec<_> = set.iter().collect();
    for pair in pairs.into_iter().rev() {
        writer.string(pair.member.text(&mut TextBuffer::new()));
        match kind {
            Kind::ZSet => writer.double_text(pair.score()),
            _ => writer.double(pair.score()),
        }
    }
}
