//! Which keys go when memory is short: what a policy calls a good one, and the best seen lately.
//!
//! Nobody keeps the keys in the order in which they should go. Instead a few neighbours in the
//! table, whose hashes and so whose fate have nothing to do with each other, are looked at each
//! time, and the best are kept in a [`Pool`] for the next times: what is evicted is the best of
//! some hundred keys, not of five. (The idea is Redis's.)
//!
//! ```text
//!   table ─ sample ─► score ─► pool of 16, ascending ─ best ─► still as good? ─► evicted
//!                                                                └ used or gone since: the next
//! ```
//!
//! The pool holds names, not records: a key may have been used, overwritten or deleted since. Who
//! takes one looks it up again and asks for its score once more.
//!
//! `docs/design/002-eviction.md` has the reasons.

use crate::eviction_clock::Usage;
use crate::record::Record;

/// As many candidates are kept.
const POOL_LEN: usize = 16;

/// What makes a key a good one to evict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// By the bits of [`crate::eviction_clock`]: LRU, LRM and LFU, which differ in what they count.
    Usage,
    /// The end of its life is near.
    Ttl,
    #[default]
    Random,
}

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    pub order: Order,
    /// Only keys with an expiry of their own.
    pub is_volatile: bool,
}

impl Policy {
    /// By its name in the configuration; none for `noeviction`.
    pub fn named(name: &str) -> Option<Policy> {
        let (keys, order) = name.split_once('-')?;
        let order = match order {
            "ttl" => Order::Ttl,
            "random" => Order::Random,
            _ => Order::Usage,
        };
        Some(Policy { order, is_volatile: keys == "volatile" })
    }

    /// How good it would be to evict this key: higher is better. None if it must stay.
    #[inline]
    pub fn score(self, usage: &Usage, record: &Record<'_>) -> Option<u64> {
        if self.is_volatile && !record.has_expire() {
            return None;
        }
        Some(match self.order {
            Order::Usage => usage.eviction_score(record.usage()),
            Order::Ttl => u64::MAX - record.expire_ms()?.max(0) as u64,
            Order::Random => 0,
        })
    }
}

/// A key that may be evicted.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate {
    pub score: u64,
    /// Its database.
    pub db: usize,
    pub key: Vec<u8>,
}

/// The best candidates seen lately.
#[derive(Default)]
pub struct Pool {
    /// By score, the best last.
    best: Vec<Candidate>,
    /// Buffers for names.
    spare: Vec<Vec<u8>>,
}

impl Pool {
    /// Keeps the candidate if it is among the best.
    pub fn offer(&mut self, score: u64, db: usize, key: &[u8]) {
        let is_full = self.best.len() == POOL_LEN;
        if is_full && score <= self.best[0].score {
            return;
        }
        // Behind those alike: the one seen last is the freshest knowledge.
        let mut at = self.best.partition_point(|known| known.score <= score);
        let alike = self.best[..at].iter().rev().take_while(|known| known.score == score);
        if alike.into_iter().any(|known| known.db == db && known.key == key) {
            return;
        }
        if is_full {
            let worst = self.best.remove(0);
            self.spare.push(worst.key);
            at -= 1;
        }
        let mut name = self.spare.pop().unwrap_or_default();
        name.clear();
        name.extend_from_slice(key);
        self.best.insert(at, Candidate { score, db, key: name });
    }

    /// The best, which is then forgotten.
    pub fn take_best(&mut self) -> Option<Candidate> {
        self.best.pop()
    }

    /// Gives back the candidate's memory.
    pub fn done_with(&mut self, candidate: Candidate) {
        if self.spare.len() < POOL_LEN {
            self.spare.push(candidate.key);
        }
    }

    pub fn clear(&mut self) {
        self.best.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_keeps_the_best_and_gives_the_very_best_first() {
        let mut pool = Pool::default();
        for n in [5, 90, 3, 70, 70, 1].into_iter().chain(10..30) {
            pool.offer(n, 0, n.to_string().as_bytes());
        }
        let mut taken = Vec::new();
        while let Some(candidate) = pool.take_best() {
            taken.push(candidate.score);
            pool.done_with(candidate);
        }
        // 70 is one key that was offered twice.
        assert_eq!(taken, [90, 70, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16]);
    }

    #[test]
    fn a_policy_is_what_its_name_says() {
        let of = |order, is_volatile| Some(Policy { order, is_volatile });
        for (name, policy) in [
            ("noeviction", None),
            ("allkeys-lru", of(Order::Usage, false)),
            ("volatile-lfu", of(Order::Usage, true)),
            ("allkeys-lrm", of(Order::Usage, false)),
            ("volatile-ttl", of(Order::Ttl, true)),
            ("allkeys-random", of(Order::Random, false)),
        ] {
            assert_eq!(Policy::named(name), policy, "{name}");
        }
    }
}
