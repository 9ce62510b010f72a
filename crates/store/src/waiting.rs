//! Who waits for a key, in the order of arrival: what BLPOP and its like leave beside the key.
//!
//! The store knows waits by number only; what a wait is for is the engine's. A number whose wait is
//! over may stand here until whoever meets it removes it.

use std::collections::{HashMap, VecDeque};

/// The waited keys of one database in one shard.
#[derive(Default)]
pub struct Waiting {
    by_key: HashMap<Box<[u8]>, VecDeque<u64>>,
}

impl Waiting {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub fn has(&self, key: &[u8]) -> bool {
        self.by_key.contains_key(key)
    }

    /// Puts a wait behind those that are there.
    pub fn add(&mut self, key: &[u8], wait: u64) {
        self.by_key.entry(key.into()).or_default().push_back(wait);
    }

    pub fn remove(&mut self, key: &[u8], wait: u64) {
        let Some(waits) = self.by_key.get_mut(key) else { return };
        waits.retain(|other| *other != wait);
        if waits.is_empty() {
            self.by_key.remove(key);
        }
    }

    /// The wait that came after `n` others.
    pub fn nth(&self, key: &[u8], n: usize) -> Option<u64> {
        self.by_key.get(key)?.get(n).copied()
    }

    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.by_key.keys().map(|key| &**key)
    }

    /// Keys that somebody waits for.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stand_in_the_order_they_came() {
        let mut waiting = Waiting::default();
        for wait in [7, 3, 9] {
            waiting.add(b"k", wait);
        }
        waiting.remove(b"k", 3);
        assert_eq!([waiting.nth(b"k", 0), waiting.nth(b"k", 1)], [Some(7), Some(9)]);
        waiting.remove(b"k", 7);
        waiting.remove(b"k", 9);
        assert!(waiting.is_empty() && !waiting.has(b"k"));
    }
}
