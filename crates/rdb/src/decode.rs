//! Bytes to values: one reader for each type of value, each for all its forms.
//!
//! What a value becomes follows from the configured limits, as when Redis loads: a hash in a
//! listpack stays one unless it has too many fields; one that comes field by field becomes what the
//! same fields would become by HSET.
//!
//! | type | forms | in |
//! |---|---|---|
//! | string | integers, plain, LZF | here |
//! | list | plain, ziplist, quicklist of either | [`list`] |
//! | set | plain, intset, listpack | [`set`] |
//! | sorted set | plain with two kinds of scores, ziplist, listpack | [`sorted_set`] |
//! | hash | plain, zipmap, ziplist, listpack; four forms with expiring fields | [`hash`] |
//! | stream | five, each with more than the one before | [`stream`] |

mod hash;
mod list;
mod parts;
mod set;
mod sorted_set;
mod stream;

pub(crate) use parts::Parts;
pub(crate) use stream::UNKNOWN_READ;

use store::{CollectionType, Limits, OwnedValue};

use crate::error::Result;
use crate::read::Reader;
use crate::version::Kind;

/// A value of which the beginning has been read.
pub(crate) enum Begun {
    Whole(OwnedValue),
    /// Its elements follow.
    Parts(Parts),
}

/// Reads a value of this form. What follows it stays in the reader.
pub fn value(kind: Kind, reader: &mut Reader<'_>, limits: &Limits) -> Result<OwnedValue> {
    match begin(kind, reader, limits)? {
        Begun::Whole(value) => Ok(value),
        Begun::Parts(mut parts) => {
            parts.go_on(reader, limits)?;
            parts.finish(limits)
        }
    }
}

/// Reads a value of this form, or its beginning if it is a collection of any size.
pub(crate) fn begin(kind: Kind, reader: &mut Reader<'_>, limits: &Limits) -> Result<Begun> {
    Ok(match kind {
        Kind::String => Begun::Whole(string(reader)?),
        Kind::List => Begun::Parts(list::plain(reader, limits)?),
        Kind::ListZiplist => whole(list::ziplist(reader, limits)?),
        Kind::ListQuicklist => Begun::Parts(list::nodes(reader, limits, list::Nodes::Ziplists)?),
        Kind::ListQuicklist2 => Begun::Parts(list::nodes(reader, limits, list::Nodes::Tagged)?),
        Kind::Set => Begun::Parts(set::plain(reader, limits)?),
        Kind::SetIntset => whole(set::intset(reader, limits)?),
        Kind::SetListpack => whole(set::listpack(reader, limits)?),
        Kind::ZSet => Begun::Parts(sorted_set::plain(reader, |reader| reader.double_text())?),
        Kind::ZSet2 => Begun::Parts(sorted_set::plain(reader, |reader| reader.double())?),
        Kind::ZSetZiplist => whole(sorted_set::ziplist(reader, limits)?),
        Kind::ZSetListpack => whole(sorted_set::listpack(reader, limits)?),
        Kind::Hash => Begun::Parts(hash::plain(reader, limits)?),
        Kind::HashZipmap => whole(hash::zipmap(reader, limits)?),
        Kind::HashZiplist => whole(hash::ziplist(reader, limits)?),
        Kind::HashListpack => whole(hash::listpack(reader, limits)?),
        Kind::HashListpackExPreGa => whole(hash::triples(reader, limits)?),
        Kind::HashListpackEx => {
            // The earliest expiry; the listpack says it as well.
            reader.moment_ms()?;
            whole(hash::triples(reader, limits)?)
        }
        Kind::HashMetadataPreGa => Begun::Parts(hash::expiring(reader, limits, None)?),
        Kind::HashMetadata => {
            let earliest_ms = reader.moment_ms()?;
            Begun::Parts(hash::expiring(reader, limits, Some(earliest_ms))?)
        }
        Kind::HashExpiring => Begun::Parts(hash::expiring_of_valkey(reader, limits)?),
        Kind::Stream | Kind::Stream2 | Kind::Stream3 | Kind::Stream4 | Kind::Stream5 => {
            whole(stream::stream(reader, kind)?)
        }
    })
}

fn whole(collection: impl CollectionType) -> Begun {
    Begun::Whole(OwnedValue::of(collection))
}

fn string(reader: &mut Reader<'_>) -> Result<OwnedValue> {
    let text = reader.string_owned()?;
    Ok(match base::number::parse_i64(&text) {
        Some(n) => OwnedValue::Int(n),
        None => OwnedValue::Bytes(text, false),
    })
}
