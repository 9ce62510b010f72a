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
    // A table knows a bound only: whether any field expires, the fields say.
    let expires =
        hash.earliest_expire_ms().is_some() && hash.iter().any(|field| field.expire_ms.is_some());
    match hash.packed() {
        _ if expires && is_for_valkey => Kind::HashExpiring,
        Some((Group::Triples, _)) if expires => Kind::HashListpackEx,
        _ if expires => Kind::HashMetadata,
        Some((Group::Pairs, _)) if style.allows(Kind::HashListpack) => Kind::HashListpack,
        _ => Kind::Hash,
    }
}

pub(super) fn write(kind: Kind, hash: HashRef<'_>, writer: &mut Writer) {
    let earliest_ms = hash.iter().filter_map(|field| field.expire_ms).min();
    match (kind, hash.packed()) {
        (Kind::HashListpack, Some((_, pack))) => return writer.string(&pack.to_redis()),
        (Kind::HashListpackEx, Some((_, pack))) => {
            writer.moment_ms(earliest_ms.unwrap_or(0));
            return writer.string(&pack.to_redis());
        }
        (Kind::HashMetadata, _) => writer.moment_ms(earliest_ms.unwrap_or(0)),
        _ => {}
    }
    writer.length(hash.len() as u64);
    for field in hash.iter() {
        if kind == Kind::HashMetadata {
            let since_earliest = field.expire_ms.map(|ms| ms - earliest_ms.unwrap_or(0) + 1);
            writer.length(since_earliest.unwrap_or(0) as u64);
        }
        writer.string(field.name.text(&mut TextBuffer::new()));
        writer.string(field.value.text(&mut TextBuffer::new()));
        if kind == Kind::HashExpiring {
            writer.moment_ms(field.expire_ms.unwrap_or(-1));
        }
    }
}
