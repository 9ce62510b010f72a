//! INFO keysizes: how long strings are and how many elements other values have, by powers of two.
//!
//! ```text
//!   db0_distrib_lists_items:1=3,16=1,1K=2       3 lists of one, 1 of 16 to 31, 2 of 1024 to 2047
//! ```
//!
//! Nothing is kept for this while keys change: every key is looked at when somebody asks, which
//! takes a tenth of a second for a million keys. So, unlike in Redis, the section is shown only to
//! who asks for it by name.

use store::{Record, ValueRef, View};

use super::seen::Seen;
use crate::db::Db;

/// Lengths 0, 1, 2–3, 4–7, …
const BINS: usize = 65;
const TYPES: [&str; 5] =
    ["strings_sizes", "lists_items", "sets_items", "zsets_items", "hashes_items"];

/// The sizes in one database, by type.
#[derive(Clone)]
pub struct KeySizes([[u64; BINS]; TYPES.len()]);

impl KeySizes {
    pub(super) fn measure(db: &mut Db<'_>) -> KeySizes {
        let mut sizes = KeySizes([[0; BINS]; TYPES.len()]);
        for shard in 0..db.shard_count() {
            db.shard(shard).for_each(|record| sizes.add(record));
        }
        sizes
    }

    fn add(&mut self, record: Record<'_>) {
        let (of_type, len) = match record.value() {
            ValueRef::String(text) => (0, text.len()),
            ValueRef::List(list) => (1, list.len()),
            ValueRef::Set(set) => (2, set.len()),
            ValueRef::SortedSet(zset) => (3, zset.len()),
            ValueRef::Hash(hash) => (4, hash.len()),
            // As in Redis.
            ValueRef::Stream(_) => return,
        };
        self.0[of_type][bin(len)] += 1;
    }
}

fn bin(len: usize) -> usize {
    len.checked_ilog2().map_or(0, |log| log as usize + 1)
}

/// The least length of a bin, with a letter for each three digits or so.
fn label(bin: usize) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    match bin.checked_sub(1) {
        None => "0".to_owned(),
        Some(log) => format!("{}{}", 1 << (log % 10), UNITS[log / 10]),
    }
}

pub(super) fn lines(seen: &Seen<'_>, out: &mut String) {
    for (index, sizes) in seen.key_sizes.iter().enumerate() {
        for (name, bins) in TYPES.iter().zip(&sizes.0) {
            let counted = bins.iter().enumerate().filter(|(_, keys)| **keys > 0);
            let told: Vec<String> =
                counted.map(|(bin, keys)| format!("{}={keys}", label(bin))).collect();
            if !told.is_empty() {
                out.push_str(&format!("db{index}_distrib_{name}:{}\r\n", told.join(",")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_is_named_by_its_least_length() {
        for (len, name) in [
            (0, "0"),
            (1, "1"),
            (3, "2"),
            (1023, "512"),
            (1024, "1K"),
            (1 << 21, "2M"),
            (1 << 62, "4E"),
        ] {
            assert_eq!(label(bin(len)), name, "{len}");
        }
    }
}
