//! From a name on the wire to a command, in a few nanoseconds.
//!
//! Every request pays for this lookup, so it hashes no bytes one by one and compares none either.
//! A name is three words, case folded eight bytes at a time:
//!
//! ```text
//! "zunionstore"    head = first 8 bytes,  tail = last 8 bytes (they may overlap),  len 11
//! "expire"         head = first 4 bytes and last 4 bytes,  tail = 0,                len 6
//! "set"            head = its 1 to 3 bytes,                tail = 0,                len 3
//! ```
//!
//! Given the length these words are the name, up to 16 bytes; only for longer names is the middle
//! compared. Subcommands live in the same table: the parent's id is part of the key.
//!
//! # Invariants
//!
//! (1) At most half of the slots are taken, so a probe always ends.
//! (2) No two slots have the same name and parent.

/// The parent of what has none.
pub(crate) const TOP: u16 = u16::MAX;

/// A constant, so that a probe checks no bounds. Redis 8 has 400 names, subcommands included.
const SLOTS: usize = 2048;

/// Longer names cannot be kept: a length has 16 bits.
pub(crate) const NAME_BYTES_MAX: usize = u16::MAX as usize;

#[derive(Clone, Copy)]
struct Key {
    head: u64,
    tail: u64,
    /// Parent in the high half, length in the low half. Zero is an empty slot.
    whose: u32,
}

impl Key {
    const EMPTY: Key = Key { head: 0, tail: 0, whose: 0 };

    #[inline]
    fn new(parent: u16, name: &[u8]) -> Key {
        let len = name.len();
        let whose = u32::from(parent) << 16 | len as u32;
        if len >= 8 {
            let (head, tail) = (load8(name, 0), load8(name, len - 8));
            return Key { head: to_upper(head), tail: to_upper(tail), whose };
        }
        let head = if len >= 4 {
            u64::from(load4(name, 0)) | u64::from(load4(name, len - 4)) << 32
        } else {
            let at = |index: usize| u64::from(name[index]);
            at(0) | at(len / 2) << 8 | at(len - 1) << 16
        };
        Key { head: to_upper(head), tail: 0, whose }
    }

    #[inline]
    fn slot(self) -> usize {
        let mixed = self.head ^ self.tail.rotate_left(29) ^ u64::from(self.whose) << 17;
        let hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> (64 - SLOTS.trailing_zeros())) as usize
    }

    /// One branch instead of three: a probe mostly hits at once.
    #[inline]
    fn is(self, other: Key) -> bool {
        let whose = u64::from(self.whose ^ other.whose);
        (self.head ^ other.head) | (self.tail ^ other.tail) | whose == 0
    }
}

#[inline]
fn load4(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were sliced"))
}

#[inline]
fn load8(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were sliced"))
}

/// Makes eight ASCII bytes upper case; other bytes stay.
#[inline]
fn to_upper(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Seven bits cannot carry into the next byte, so each high bit answers for its own byte.
    let low = word & (ONES * 0x7f);
    let from_a = low + ONES * (0x80 - b'a' as u64);
    let past_z = low + ONES * (0x80 - b'z' as u64 - 1);
    let is_lower = from_a & !past_z & !word & (ONES * 0x80);
    word ^ is_lower >> 2
}

#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    value: u16,
}

/// Names, each under a parent, to ids.
pub(crate) struct NameIndex {
    slots: Box<[Slot; SLOTS]>,
    /// Names by slot, for what three words cannot hold.
    names: Box<[Box<[u8]>]>,
}

impl NameIndex {
    /// Builds the index. The error is a name that came twice under one parent.
    pub(crate) fn build<'n>(
        entries: impl Iterator<Item = (u16, &'n [u8], u16)> + Clone,
    ) -> Result<NameIndex, &'n [u8]> {
        assert!(entries.clone().count() <= SLOTS / 2, "half of the slots stay free");
        let mut index = NameIndex {
            slots: Box::new([Slot { key: Key::EMPTY, value: 0 }; SLOTS]),
            names: vec![Box::<[u8]>::from([]); SLOTS].into(),
        };
        for (parent, name, value) in entries {
            assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX, "a name of sensible length");
            if index.find(parent, name).is_some() {
                return Err(name);
            }
            let key = Key::new(parent, name);
            let mut at = key.slot();
            while index.slots[at].key.whose != 0 {
                at = (at + 1) & (SLOTS - 1);
            }
            index.slots[at] = Slot { key, value };
            index.names[at] = name.into();
        }
        Ok(index)
    }

    /// The id of a name in any case.
    #[inline]
    pub(crate) fn find(&self, parent: u16, name: &[u8]) -> Option<u16> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return None;
        }
        let key = Key::new(parent, name);
        let mut at = key.slot();
        loop {
            let slot = &self.slots[at];
            if slot.key.is(key) && (name.len() <= 16 || self.names[at].eq_ignore_ascii_case(name)) {
                return Some(slot.value);
            }
            if slot.key.whose == 0 {
                return None;
            }
            at = (at + 1) & (SLOTS - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_agrees_with_std_for_every_byte() {
        for byte in 0..=255_u8 {
            let word = u64::from_le_bytes([byte, b'a', b'z', b'{', b'`', 0xe1, b'Z', byte]);
            let expected = word.to_le_bytes().map(|b| b.to_ascii_uppercase());
            assert_eq!(to_upper(word).to_le_bytes(), expected, "byte {byte:#x}");
        }
    }

    #[test]
    fn names_of_every_length_are_found_in_any_case_and_no_neighbour_is() {
        let long = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let names: Vec<&[u8]> = (1..=long.len()).map(|len| &long[..len]).collect();
        let entries = names.iter().enumerate().map(|(id, name)| (TOP, *name, id as u16));
        let index = NameIndex::build(entries).expect("names differ");
        for (id, name) in names.iter().enumerate() {
            assert_eq!(index.find(TOP, &name.to_ascii_lowercase()), Some(id as u16));
            assert_eq!(index.find(3, name), None, "another parent");
            for at in 0..name.len() {
                let mut other = name.to_vec();
                other[at] = b'!';
                assert_eq!(index.find(TOP, &other), None, "{other:?}");
            }
        }
        assert_eq!(index.find(TOP, b""), None);
        assert_eq!(index.find(TOP, &[b'A'; 70_000]), None);
    }

    #[test]
    fn the_same_name_under_two_parents_is_two_names() {
        let entries = [(TOP, &b"GET"[..], 1), (7, b"GET", 2)];
        let index = NameIndex::build(entries.into_iter()).expect("parents differ");
        assert_eq!((index.find(TOP, b"get"), index.find(7, b"get")), (Some(1), Some(2)));
        assert!(NameIndex::build([(1, &b"A"[..], 1), (1, b"A", 2)].into_iter()).is_err());
    }
}
