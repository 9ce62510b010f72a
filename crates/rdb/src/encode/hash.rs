//! Hashes. One with fields that expire is written in the form of a family that can hold them, by
//! default Redis's; a field that has no moment costs one byte more then.

use store::View;
use store::value::hash::{Group, HashRef};
use structures::listpack::TextBuffer;

use super::Style;
use crate::version::{Kind, Version};
use crate::write::Writer;

pub(super) fn kind(hash: HashRef<'_>, style: Style) -> Kind {
    let is_for_valkey = style.version.is_some_and(Version::is_valkey);
    let expires = hash.expires();
    match hash.packed() {
        _ if expires && is_for_valkey => Kind::HashExpiring,
        Some((Group::Triples, _)) if expires => Kind::HashListpackEx,
        _ if expires => Kind::HashMetadata,
        Some((Group::Pairs, _)) if style.allows(Kind::HashListpack) => Kind::HashListpack,
        _ => Kind::Hash,
    }
}

pub(super) fn write(kind: Kind, hash: HashRef<'_>, writer: &mut Writer) {
    let earliest_ms = hash.iter().filter_map(|field| field.expire_ms).min().unwrap_or(0);
    match (kind, hash.packed()) {
        (Kind::HashListpack, Some((_, pack))) => return writer.string(&pack.to_redis()),
        (Kind::HashListpackEx, Some((_, pack))) => {
            writer.moment_ms(earliest_ms);
            return writer.string(&pack.to_redis());
        }
        _ => {}
    }
    begin(kind, hash.len(), earliest_ms, writer);
    let (mut name, mut value) = (TextBuffer::new(), TextBuffer::new());
    for field in hash.iter() {
        let pair = (field.name.text(&mut name), field.value.text(&mut value));
        write_field(kind, earliest_ms, pair, field.expire_ms, writer);
    }
}

/// What comes before the fields. None of them expires before `earliest_ms`.
pub(super) fn begin(kind: Kind, len: usize, earliest_ms: i64, writer: &mut Writer) {
    if kind == Kind::HashMetadata {
        writer.moment_ms(earliest_ms);
    }
    writer.length(len as u64);
}

pub(super) fn write_field(
    kind: Kind,
    earliest_ms: i64,
    (name, value): (&[u8], &[u8]),
    expire_ms: Option<i64>,
    writer: &mut Writer,
) {
    if kind == Kind::HashMetadata {
        let since_earliest = expire_ms.map_or(0, |ms| ms - earliest_ms + 1);
        writer.length(since_earliest as u64);
    }
    writer.string(name);
    writer.string(value);
    if kind == Kind::HashExpiring {
        writer.moment_ms(expire_ms.unwrap_or(-1));
    }
}
