//! Listpacks from outside, made fit for the values that will hold them.
//!
//! A valid listpack is not yet a hash: its entries must come in groups, and no field twice. And
//! what our structures wrote has one form for each text, which others need not keep to: the text
//! of an integer is an integer. All of this is looked at here, once, so that nobody else has to.

use structures::listpack::{self, Listpack, Value};

use crate::error::{Bad, Result};
use crate::ziplist::{Element, Ziplist};

/// A listpack whose entries are groups of `size`: members, or fields with their values.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) bytes: Vec<u8>,
    /// Groups.
    pub(crate) len: usize,
    size: usize,
}

impl Groups {
    /// Takes bytes that claim to be such a listpack.
    pub(crate) fn of(mut bytes: Vec<u8>, size: usize) -> Result<Groups> {
        let (_, count) = valid(&bytes)?;
        bytes.drain(..listpack::LENGTH_LEN);
        if !count.is_multiple_of(size) {
            return Err(Bad::Corrupt("a listpack with half a pair"));
        }
        let is_plain = |value: Value<'_>| match value {
            Value::Int(_) => true,
            Value::Bytes(text) => matches!(Value::of(text), Value::Bytes(_)),
        };
        let pack = Listpack::new(&bytes);
        let bytes = match pack.iter().all(is_plain) {
            true => bytes,
            false => {
                let mut plain = listpack::new();
                listpack::extend(&mut plain, pack.iter().map(canonical));
                plain
            }
        };
        Groups { bytes, len: count / size, size }.not_empty()
    }

    /// Takes a ziplist.
    pub(crate) fn of_ziplist(bytes: &[u8], size: usize) -> Result<Groups> {
        let pack = listpack_of_ziplist(bytes)?;
        let count = Listpack::new(&pack).len();
        if !count.is_multiple_of(size) {
            return Err(Bad::Corrupt("a ziplist with half a pair"));
        }
        Groups { bytes: pack, len: count / size, size }.not_empty()
    }

    /// Takes what was put together here, entry by entry.
    pub(crate) fn of_entries(bytes: Vec<u8>, size: usize) -> Result<Groups> {
        let len = Listpack::new(&bytes).len() / size;
        Groups { bytes, len, size }.not_empty()
    }

    fn not_empty(self) -> Result<Groups> {
        if self.len == 0 { Err(Bad::Empty) } else { Ok(self) }
    }

    pub(crate) fn view(&self) -> Listpack<'_> {
        Listpack::new(&self.bytes)
    }

    /// Refuses a listpack of which two groups begin with the same text. For those that stay
    /// listpacks: a table finds out by itself.
    pub(crate) fn distinct(self) -> Result<Groups> {
        let mut names: Vec<Value<'_>> = self.view().iter().step_by(self.size).collect();
        names.sort_unstable_by_key(|name| match *name {
            Value::Int(n) => (n, &b""[..], false),
            Value::Bytes(text) => (0, text, true),
        });
        let is_twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        if is_twice { Err(TWICE) } else { Ok(self) }
    }
}

pub(crate) const TWICE: Bad = Bad::Corrupt("a member or field that comes twice");

/// A listpack that may be a node of a list, and the count of its elements.
pub(crate) fn valid(bytes: &[u8]) -> Result<(Listpack<'_>, usize)> {
    if bytes.len() > listpack::BYTES_MAX {
        return Err(Bad::Corrupt("a listpack that is too large"));
    }
    Listpack::of_redis(bytes).map_err(|invalid| Bad::Corrupt(invalid.0))
}

fn canonical(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Int(n) => Value::Int(n),
        Value::Bytes(text) => Value::of(text),
    }
}

/// The listpack of the same elements.
pub(crate) fn listpack_of_ziplist(bytes: &[u8]) -> Result<Vec<u8>> {
    // An element takes at most a few bytes more than before.
    if bytes.len() > listpack::BYTES_MAX / 2 {
        return Err(Bad::Corrupt("a ziplist that is too large"));
    }
    let mut pack = listpack::new();
    for element in Ziplist::new(bytes)? {
        let value = match element? {
            Element::Int(n) => Value::Int(n),
            Element::Bytes(text) => Value::of(text),
        };
        listpack::append(&mut pack, value);
    }
    Ok(pack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ziplist::tests::ziplist;

    fn pack(texts: &[&str]) -> Vec<u8> {
        let mut pack = listpack::new();
        listpack::extend(&mut pack, texts.iter().map(|text| Value::of(text.as_bytes())));
        Listpack::new(&pack).to_redis()
    }

    #[test]
    fn groups_are_whole_and_there() {
        assert_eq!(Groups::of(pack(&["f", "v", "g", "1"]), 2).unwrap().len, 2);
        assert!(Groups::of(pack(&["f", "v", "g"]), 2).is_err());
        assert_eq!(Groups::of(pack(&[]), 1).unwrap_err(), Bad::Empty);
        assert!(Groups::of(b"\x07\0\0\0\x01\0\xff".to_vec(), 1).is_err());
    }

    #[test]
    fn an_integer_that_came_as_text_becomes_one() {
        let mut written = listpack::new();
        listpack::append(&mut written, Value::Bytes(b"12"));
        listpack::append(&mut written, Value::Bytes(b"x"));
        let groups = Groups::of(Listpack::new(&written).to_redis(), 1).unwrap();
        assert_eq!(groups.view().to_redis(), pack(&["12", "x"]));
    }

    #[test]
    fn names_come_once_values_as_often_as_they_like() {
        let distinct = |bytes, size| Groups::of(bytes, size).and_then(Groups::distinct).is_ok();
        assert!(distinct(pack(&["f", "1", "g", "1", "1", "f"]), 2));
        assert!(!distinct(pack(&["f", "1", "g", "1", "f", "2"]), 2));
        assert!(!distinct(pack(&["1", "2", "0", "1"]), 1));
        assert!(distinct(pack(&["1", "2", "0", "", "-1"]), 1));
    }

    #[test]
    fn a_ziplist_keeps_its_elements() {
        let old = ziplist(&[b"\x01f", b"\xfe\x20", b"\x0212", b"\xf1"]);
        let new = listpack_of_ziplist(&old).unwrap();
        assert_eq!(Listpack::new(&new).to_redis(), pack(&["f", "32", "12", "0"]));
        assert_eq!(Groups::of_ziplist(&ziplist(&[]), 2).unwrap_err(), Bad::Empty);
    }
}
