//! Which clients may hold a key in a cache of their own: what CLIENT TRACKING leaves beside the
//! keys of a shard.
//!
//! ```text
//!   ShardData.tracked   key ─► 7          one client has read it
//!                       key ─► 7, 9, 31   several have
//! ```
//!
//! Keys stand here by name, whatever their database, as in Redis: who caches by name must forget
//! a name whichever database it changed in. An entry goes when its key changes, since whoever had
//! read the key is told then; clients that went away meanwhile are not looked for.
//!
//! # Invariants
//!
//! (1) No entry is without a client, and none names one twice.
//! (2) `items` is the number of clients in all entries.
//! (3) `list` has each key once, and each entry knows its place there: so any of them can be drawn.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

#[derive(Debug)]
struct Entry {
    /// Clients by their ids; most keys are read by one or two.
    readers: SmallVec<[u64; 2]>,
    at: usize,
}

/// The tracked keys of one shard.
#[derive(Debug, Default)]
pub struct Tracked {
    by_key: HashMap<Arc<[u8]>, Entry>,
    list: Vec<Arc<[u8]>>,
    items: usize,
}

impl Tracked {
    /// Keys.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Pairs of key and client.
    pub fn items(&self) -> usize {
        self.items
    }

    /// A client has read the key. Whether the key is new here.
    pub fn add(&mut self, key: &[u8], client: u64) -> bool {
        if let Some(entry) = self.by_key.get_mut(key) {
            if !entry.readers.contains(&client) {
                entry.readers.push(client);
                self.items += 1;
            }
            return false;
        }
        let key: Arc<[u8]> = key.into();
        let entry = Entry { readers: smallvec![client], at: self.list.len() };
        self.list.push(key.clone());
        self.by_key.insert(key, entry);
        self.items += 1;
        true
    }

    /// The key has changed: who had read it, each once.
    pub fn take(&mut self, key: &[u8]) -> Vec<u64> {
        let Some(Entry { readers, at }) = self.by_key.remove(key) else { return Vec::new() };
        self.list.swap_remove(at);
        if let Some(moved) = self.list.get(at) {
            self.by_key.get_mut(moved).expect("(3) what is listed is there").at = at;
        }
        self.items -= readers.len();
        readers.into_vec()
    }

    /// A key drawn by a random number, but not this one; none if there is no other.
    pub fn draw_but(&self, key: &[u8], random: u64) -> Option<Arc<[u8]>> {
        let at = (random % self.list.len().max(1) as u64) as usize;
        let others =
            self.list.get(at).into_iter().chain(self.list.get((at + 1) % self.len().max(1)));
        others.into_iter().find(|other| ***other != *key).cloned()
    }

    /// Forgets everything; how many keys that were.
    pub fn clear(&mut self) -> usize {
        let keys = self.len();
        *self = Tracked::default();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_read_a_key_is_told_once() {
        let mut tracked = Tracked::default();
        assert!(tracked.add(b"a", 7));
        assert!(!tracked.add(b"a", 9));
        assert!(!tracked.add(b"a", 7));
        assert!(tracked.add(b"b", 7));
        assert_eq!((tracked.len(), tracked.items()), (2, 3));
        assert_eq!(tracked.take(b"a"), [7, 9]);
        assert_eq!(tracked.take(b"a"), []);
        assert_eq!((tracked.len(), tracked.items()), (1, 1));
    }

    #[test]
    fn any_other_key_can_be_drawn() {
        let mut tracked = Tracked::default();
        assert_eq!(tracked.draw_but(b"a", 0), None);
        tracked.add(b"a", 7);
        assert_eq!(tracked.draw_but(b"a", 5), None);
        for key in [b"b", b"c", b"d"] {
            tracked.add(key, 7);
        }
        tracked.take(b"b");
        let mut drawn: Vec<_> = (0..30).filter_map(|n| tracked.draw_but(b"a", n)).collect();
        assert_eq!(drawn.len(), 30, "there is always another");
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn, [b"c"[..].into(), b"d"[..].into()]);
        assert_eq!(tracked.clear(), 3);
        assert_eq!(tracked.items(), 0);
    }
}
