//! Streams.
//!
//! ```text
//!   nodes     count, each: ID (16 bytes, as a string), listpack
//!   history   length, last ID [2: first ID, greatest deleted ID, entries ever added]
//!   groups    count, each: name, last ID [2: entries read]
//!               pending     count, each: ID, delivery moment, deliveries
//!               consumers   count, each: name, seen [3: active], pending: count, IDs
//!               [5: released: count, IDs in their order]
//!   [4: producers: seconds and ids remembered, count, each: name, count, each: id, ID;
//!       ids ever added, duplicates]
//! ```
//!
//! The numbers in brackets are the forms from which on a part is there. IDs inside of nodes and
//! pending lists are 16 bytes, the high ones first; others are two lengths.

use store::value::stream::{Group, History, Memory, Stream, StreamId};
use structures::packed::Invalid;

use crate::error::{Bad, Result};
use crate::read::Reader;
use crate::version::Kind;

/// What an unknown count of entries read is written as.
pub(crate) const UNKNOWN_READ: u64 = u64::MAX;
const ID_BYTES: usize = 16;

fn bad(invalid: Invalid) -> Bad {
    Bad::Corrupt(invalid.0)
}

pub(super) fn stream(reader: &mut Reader<'_>, kind: Kind) -> Result<Stream> {
    let has = |since: Kind| kind as u8 >= since as u8;
    let mut stream = Stream::default();
    for _ in 0..reader.count(2)? {
        let mut scratch = Vec::new();
        let first = reader.string(&mut scratch)?;
        let first = first.try_into().map_err(|_| Bad::Corrupt("a stream node without an ID"))?;
        stream.load_node(id_of(first), reader.string_owned()?).map_err(bad)?;
    }
    let mut history = History { len: reader.length()?, last_id: id(reader)?, ..History::default() };
    if has(Kind::Stream2) {
        // The first ID follows from the nodes.
        id(reader)?;
        history.max_deleted_id = Some(id(reader)?);
        history.entries_added = Some(reader.length()?);
    }
    stream.load_history(&history).map_err(bad)?;
    for _ in 0..reader.count(5)? {
        group(reader, kind, &mut stream)?;
    }
    if has(Kind::Stream4) {
        producers(reader, &mut stream)?;
    }
    Ok(stream)
}

fn group(reader: &mut Reader<'_>, kind: Kind, stream: &mut Stream) -> Result<()> {
    let has = |since: Kind| kind as u8 >= since as u8;
    let mut scratch = Vec::new();
    let name = reader.string(&mut scratch)?;
    let last_id = id(reader)?;
    let entries_read = match has(Kind::Stream2) {
        true => Some(Some(reader.length()?).filter(|&read| read != UNKNOWN_READ)),
        false => None,
    };
    let group = stream.load_group(name, last_id, entries_read).map_err(bad)?;
    for _ in 0..reader.count(ID_BYTES + 9)? {
        let (id, delivered_ms) = (id_of(reader.array()?), reader.moment_ms()?);
        group.load_pending(id, delivered_ms, reader.length()?).map_err(bad)?;
    }
    for _ in 0..reader.count(10)? {
        consumer(reader, has(Kind::Stream3), group)?;
    }
    if has(Kind::Stream5) {
        let mut released = Vec::new();
        for _ in 0..reader.count(ID_BYTES)? {
            released.push(id_of(reader.array()?));
        }
        group.load_released(released.into_iter()).map_err(bad)?;
    }
    group.check_loaded().map_err(bad)
}

fn consumer(reader: &mut Reader<'_>, has_active: bool, group: &mut Group) -> Result<()> {
    let mut scratch = Vec::new();
    let name = reader.string(&mut scratch)?;
    let seen_ms = reader.moment_ms()?;
    let active_ms = if has_active { reader.moment_ms()? } else { seen_ms };
    let number = group
        .consumers
        .create(name, seen_ms)
        .ok_or(Bad::Corrupt("Duplicate stream consumer detected"))?;
    // -1: it never did anything.
    group.consumers.get_mut(number).active_ms = Some(active_ms).filter(|&ms| ms != -1);
    for _ in 0..reader.count(ID_BYTES)? {
        group.load_owner(id_of(reader.array()?), number).map_err(bad)?;
    }
    Ok(())
}

fn producers(reader: &mut Reader<'_>, stream: &mut Stream) -> Result<()> {
    let memory = Memory { duration_s: reader.length()?, ids_max: reader.length()? };
    let count = reader.count(2)?;
    // The moment is long ago: nothing is forgotten while it is read.
    let producers = stream.producers_mut(memory, 0);
    let (mut name, mut id_text) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let name = reader.string(&mut name)?;
        for _ in 0..reader.count(3)? {
            let id_text = reader.string(&mut id_text)?;
            let entry = StreamId { ms: reader.length()?, seq: reader.length()? };
            producers.insert(name, id_text, entry);
        }
    }
    producers.added = reader.length()?;
    producers.duplicates = reader.length()?;
    Ok(())
}

fn id(reader: &mut Reader<'_>) -> Result<StreamId> {
    Ok(StreamId { ms: reader.length()?, seq: reader.length()? })
}

fn id_of(bytes: [u8; ID_BYTES]) -> StreamId {
    let wide = u128::from_be_bytes(bytes);
    StreamId { ms: (wide >> 64) as u64, seq: wide as u64 }
}
