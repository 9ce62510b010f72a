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
mod set;
mod sorted_set;
mod stream;

pub(crate) use stream::UNKNOWN_READ;

use store::{Limits, OwnedValue};

use crate::error::Result;
use crate::read::Reader;
use crate::version::Kind;

/// Reads a value of this form. What follows it stays in the reader.
pub fn value(kind: Kind, reader: &mut Reader<'_>, limits: &Limits) -> Result<OwnedValue> {
    Ok(match kind {
        Kind::String => string(reader)?,
        Kind::List => OwnedValue::of(list::plain(reader, limits)?),
        Kind::ListZiplist => OwnedValue::of(list::ziplist(reader, limits)?),
        Kind::ListQuicklist => OwnedValue::of(list::nodes(reader, limits, list::Nodes::Ziplists)?),
        Kind::ListQuicklist2 => OwnedValue::of(list::nodes(reader, limits, list::Nodes::Tagged)?),
        Kind::Set => OwnedValue::of(set::plain(reader, limits)?),
        Kind::SetIntset => OwnedValue::of(set::intset(reader, limits)?),
        Kind::SetListpack => OwnedValue::of(set::listpack(reader, limits)?),
        Kind::ZSet => OwnedValue::of(sorted_set::plain(reader, limits, Reader::double_text, 2)?),
        Kind::ZSet2 => OwnedValue::of(sorted_set::plain(reader, limits, Reader::double, 9)?),
        Kind::ZSetZiplist => OwnedValue::of(sorted_set::ziplist(reader, limits)?),
        Kind::ZSetListpack => OwnedValue::of(sorted_set::listpack(reader, limits)?),
        Kind::Hash => OwnedValue::of(hash::plain(reader, limits)?),
        Kind::HashZipmap => OwnedValue::of(hash::zipmap(reader, limits)?),
        Kind::HashZiplist => OwnedValue::of(hash::ziplist(reader, limits)?),
        Kind::HashListpack => OwnedValue::of(hash::listpack(reader, limits)?),
        Kind::HashListpackExPreGa => OwnedValue::of(hash::triples(reader, limits)?),
        Kind::HashListpackEx => {
            // The earliest expiry; the listpack says it as well.
            reader.moment_ms()?;
            OwnedValue::of(hash::triples(reader, limits)?)
        }
        Kind::HashMetadataPreGa => OwnedValue::of(hash::expiring(reader, limits, None)?),
        Kind::HashMetadata => {
            let earliest_ms = reader.moment_ms()?;
            OwnedValue::of(hash::expiring(reader, limits, Some(earliest_ms))?)
        }
        Kind::HashExpiring => OwnedValue::of(hash::expiring_of_valkey(reader, limits)?),
        Kind::Stream | Kind::Stream2 | Kind::Stream3 | Kind::Stream4 | Kind::Stream5 => {
            OwnedValue::of(stream::stream(reader, kind)?)
        }
    })
}

fn string(reader: &mut Reader<'_>) -> Result<OwnedValue> {
    let text = reader.string_owned()?;
    Ok(match base::number::parse_i64(&text) {
        Some(n) => OwnedValue::Int(n),
        None => OwnedValue::Bytes(text, false),
    })
}
