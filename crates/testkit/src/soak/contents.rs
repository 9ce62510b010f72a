//! All that an engine holds, in a form that two engines can be compared by.

use std::collections::BTreeMap;

use engine::Engine;
use store::value::Stream;
use store::value::stream::StreamId;
use store::{Record, ValueRef};

/// A key with its database.
pub(crate) type Place = (usize, Vec<u8>);

/// What a key holds. Encodings are left out: a replica may have another, as in Redis.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Held {
    value: Value,
    expire_ms: Option<i64>,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    /// Sorted: order is no property of a set.
    Set(Vec<Vec<u8>>),
    /// Fields, values and expiries, sorted.
    Hash(Vec<(Vec<u8>, Vec<u8>, Option<i64>)>),
    /// With the bits of the scores.
    SortedSet(Vec<(Vec<u8>, u64)>),
    /// What it remembers, its entries, and its groups with what is pending, a line each.
    Stream(Vec<String>),
}

impl Held {
    fn of(record: &Record<'_>) -> Held {
        let value = match record.value() {
            ValueRef::String(string) => Value::String(string.to_vec()),
            ValueRef::List(list) => Value::List(list.iter().map(|e| e.to_vec()).collect()),
            ValueRef::Set(set) => {
                let mut members: Vec<Vec<u8>> = set.iter().map(|m| m.to_vec()).collect();
                members.sort();
                Value::Set(members)
            }
            ValueRef::Hash(hash) => {
                let fields = hash.iter();
                let mut fields: Vec<_> = fields
                    .map(|field| (field.name.to_vec(), field.value.to_vec(), field.expire_ms))
                    .collect();
                fields.sort();
                Value::Hash(fields)
            }
            ValueRef::SortedSet(set) => {
                let pairs = set.iter().map(|pair| (pair.member.to_vec(), pair.score().to_bits()));
                Value::SortedSet(pairs.collect())
            }
            ValueRef::Stream(stream) => {
                stream.check();
                Value::Stream(stream_lines(stream))
            }
        };
        Held { value, expire_ms: record.expire_ms() }
    }

    /// The integer in a string.
    pub(crate) fn integer(&self) -> Option<i64> {
        match &self.value {
            Value::String(text) => base::number::parse_i64(text),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = |all: &[Vec<u8>]| -> Vec<String> {
            all.iter().map(|e| e.escape_ascii().to_string()).collect()
        };
        match &self.value {
            Value::String(text) => write!(f, "string \"{}\"", text.escape_ascii())?,
            Value::List(elements) => write!(f, "list {:?}", words(elements))?,
            Value::Set(members) => write!(f, "set {:?}", words(members))?,
            Value::Hash(fields) => {
                write!(f, "hash")?;
                for (name, value, expire_ms) in fields {
                    write!(f, " {}={}", name.escape_ascii(), value.escape_ascii())?;
                    expire_ms.map_or(Ok(()), |at_ms| write!(f, "@{at_ms}"))?;
                }
            }
            Value::SortedSet(pairs) => {
                let word = |(member, score): &(Vec<u8>, u64)| {
                    format!("{} {}", member.escape_ascii(), f64::from_bits(*score))
                };
                write!(f, "sorted set {:?}", pairs.iter().map(word).collect::<Vec<_>>())?;
            }
            Value::Stream(lines) => write!(f, "stream {lines:?}")?,
        }
        match self.expire_ms {
            Some(at_ms) => write!(f, " until {at_ms}"),
            None => Ok(()),
        }
    }
}

fn stream_lines(stream: &Stream) -> Vec<String> {
    let log = &stream.log;
    let mut lines = vec![format!(
        "last {} deleted {} added {}",
        log.last_id(),
        log.max_deleted_id(),
        log.entries_added()
    )];
    for entry in log.range(StreamId::MIN, StreamId::MAX) {
        let words = entry.pairs().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]);
        let words: Vec<_> = words.map(|word| word.escape_ascii().to_string()).collect();
        lines.push(format!("{} {}", entry.id, words.join(" ")));
    }
    for group in stream.groups() {
        let name = group.name().escape_ascii();
        lines.push(format!("group {name} {} {:?}", group.last_id, group.entries_read));
        for pending in group.pending_range(StreamId::MIN..=StreamId::MAX) {
            let owner = pending.owner.map_or(&b""[..], |owner| owner.name()).escape_ascii();
            lines.push(format!("{} {owner} {}", pending.id, pending.deliveries));
        }
    }
    lines
}

/// Every key of every database, whether its time has come or not. Checks the tables on the way.
pub(crate) fn of(engine: &Engine) -> BTreeMap<Place, Held> {
    let mut all = BTreeMap::new();
    for shard in 0..engine.keyspace.shard_count() {
        let shard = engine.keyspace.lock(shard);
        for (db, part) in shard.dbs.iter().enumerate() {
            part.check();
            part.for_each(|record| {
                all.insert((db, record.key().to_vec()), Held::of(&record));
            });
        }
    }
    all
}
