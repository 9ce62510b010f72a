//! From a name on the wire to a command, in a few nanoseconds.
//!
//! Every request pays for this lookup, so it hashes no bytes one by one and compares none either.
//! A name is three words, case folded eight bytes at a time:
//!
//! ```text
//! "getrange"            head = first 8 bytes, tail = 0,                len 8
//! "zunionstore"         head = "ZUNIONST",    tail = "ONSTORE" + …,    len 11   (they overlap)
//! "set"                 head = up to 7 bytes packed, tail = 0,         len 3
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

/// Longer names cannot be kept: a length has 16 bits.
pub(crate) const NAME_BYTES_MAX: usize = u16::MAX as usize;

#[derive(Clone, Copy, PartialEq, Eq)]
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
        let (head, tail) = match len {
            0 => (0, 0),
            1..=3 => {
                let bytes = [name[0], name[len / 2], name[len - 1], 0, 0, 0, 0, 0];
                (u64::from_le_bytes(bytes), 0)
            }
            4..=7 => (u64::from(load4(name, 0)) | u64::from(load4(name, len - 4)) << 32, 0),
            8 => (load8(name, 0), 0),
            _ => (load8(name, 0), load8(name, len - 8)),
        };
        let whose = u32::from(parent) << 16 | len as u32;
        Key { head: to_upper(head), tail: to_upper(tail), whose }
    }

    #[inline]
    fn hash(self) -> u64 {
        let mixed = self.head ^ self.tail.rotate_left(29) ^ u64::from(self.whose) << 17;
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
    slots: Box<[Slot]>,
    /// Names by slot, for what three words cannot hold.
    names: Box<[Box<[u8]>]>,
    shift: u32,
}

impl NameIndex {
    /// Builds the index. The error is a name that came twice under one parent.
    pub(crate) fn build<'n>(
        entries: impl Iterator<Item = (u16, &'n [u8], u16)> + Clone,
    ) -> Result<NameIndex, &'n [u8]> {
        let slot_count = (entries.clone().count() * 2).next_power_of_two().max(16);
        let mut index = NameIndex {
            slots: vec![Slot { key: Key::EMPTY, value: 0 }; slot_count].into(),
            names: vec![Box::<[u8]>::from([]); slot_count].into(),
            shift: 64 - slot_count.trailing_zeros(),
        };
        for (parent, name, value) in entries {
            assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX, "a name of sensible length");
            if index.find(parent, name).is_some() {
                return Err(name);
            }
            let key = Key::new(parent, name);
            let mut at = (key.hash() >> index.shift) as usize;
            while index.slots[at].key.whose != 0 {
                at = (at + 1) & (slot_count - 1);
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
        let mask = self.slots.len() - 1;
        let mut at = (key.hash() >> self.shift) as usize & mask;
        loop {
            let slot = &self.slots[at];
            if slot.key == key && (name.len() <= 16 || self.names[at].eq_ignore_ascii_case(name)) {
                return Some(slot.value);
            }
            if slot.key.whose == 0 {
                return None;
            }
            at = (at + 1) & mask;
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
        let index = NameIndex::build(entries).ok().expect("names differ");
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
        let index = NameIndex::build(entries.into_iter()).ok().expect("parents differ");
        assert_eq!((index.find(TOP, b"get"), index.find(7, b"get")), (Some(1), Some(2)));
        assert!(NameIndex::build([(1, &b"A"[..], 1), (1, b"A", 2)].into_iter()).is_err());
    }
}
