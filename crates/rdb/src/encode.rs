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
use store::{Part, StrRef, ValueRef, View};
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
    begin_list(kind, list, writer);
    list.nodes().for_each(|node| write_node(kind, node, writer));
}

fn begin_list(kind: Kind, list: ListRef<'_>, writer: &mut Writer) {
    let len = if kind == Kind::List { list.len() } else { list.nodes().len() };
    writer.length(len as u64);
}

fn write_node(kind: Kind, node: NodeRef<'_>, writer: &mut Writer) {
    match node {
        NodeRef::Packed(pack) if kind == Kind::List => {
            pack.iter().for_each(|element| writer.string(element.text(&mut TextBuffer::new())));
        }
        NodeRef::Plain(element) if kind == Kind::List => writer.string(element),
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
    for pair in set.iter().rev() {
        write_scored(kind, pair.member.text(&mut TextBuffer::new()), pair.score(), writer);
    }
}

fn write_scored(kind: Kind, member: &[u8], score: f64, writer: &mut Writer) {
    writer.string(member);
    match kind {
        Kind::ZSet => writer.double_text(score),
        _ => writer.double(score),
    }
}

/// A large value that is written part by part. Together it is what [`value`] writes, in another
/// order where there is none.
#[derive(Debug)]
pub struct InParts {
    kind: Kind,
    /// No field of a hash expires before.
    earliest_ms: i64,
    /// What comes behind all parts.
    behind: Vec<u8>,
}

impl InParts {
    /// Writes what comes before the parts. The value is in its large form.
    pub fn begin(kind: Kind, value: ValueRef<'_>, writer: &mut Writer) -> InParts {
        let mut parts = InParts { kind, earliest_ms: 0, behind: Vec::new() };
        match value {
            ValueRef::List(list) => begin_list(kind, list, writer),
            ValueRef::Set(set) => writer.length(set.len() as u64),
            ValueRef::SortedSet(set) => writer.length(set.len() as u64),
            ValueRef::Hash(hash) => {
                parts.earliest_ms = hash.earliest_expire_ms().unwrap_or(0);
                hash::begin(kind, hash.len(), parts.earliest_ms, writer);
            }
            ValueRef::Stream(stream) => {
                writer.length(stream.log.node_count() as u64);
                let mut behind = Writer::new(false);
                stream::write_behind(kind, stream, &mut behind);
                parts.behind = behind.into_bytes();
            }
            ValueRef::String(_) => unreachable!("a string has no parts"),
        }
        parts
    }

    pub fn add(&self, part: Part<'_>, writer: &mut Writer) {
        match part {
            Part::Member(member) => writer.string(member),
            Part::Field(field) => {
                let pair = (field.member(), field.value());
                hash::write_field(self.kind, self.earliest_ms, pair, field.expire_ms(), writer);
            }
            Part::Scored(member, score) => write_scored(self.kind, member, score, writer),
            Part::Node(node) => write_node(self.kind, node, writer),
            Part::Entries(node) => stream::node(node, writer),
        }
    }

    /// Writes what comes behind all parts.
    pub fn end(&self, writer: &mut Writer) {
        writer.raw(&self.behind);
    }
}
