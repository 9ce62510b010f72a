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
//! The pool holds hashes of keys, not records: a key may have been used, overwritten or deleted
//! since. Who takes one looks it up again and asks for its score once more. A key with the same 64
//! bits would do as well, if it scores as well. (Names would be memory that grows while there is
//! too little, for each worker.)
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub score: u64,
    /// Its database.
    pub db: usize,
    /// Of its key.
    pub hash: u64,
}

/// The best candidates seen lately.
#[derive(Default)]
pub struct Pool {
    /// By score, the best last.
    best: Vec<Candidate>,
}

impl Pool {
    /// Keeps the candidate if it is among the best.
    pub fn offer(&mut self, score: u64, db: usize, hash: impl FnOnce() -> u64) {
        let is_full = self.best.len() == POOL_LEN;
        if is_full && score <= self.best[0].score {
            return;
        }
        let candidate = Candidate { score, db, hash: hash() };
        // Behind those alike: the one seen last is the freshest knowledge.
        let mut at = self.best.partition_point(|known| known.score <= score);
        let mut alike = self.best[..at].iter().rev().take_while(|known| known.score == score);
        if alike.any(|known| *known == candidate) {
            return;
        }
        if is_full {
            self.best.remove(0);
            at -= 1;
        }
        self.best.insert(at, candidate);
    }

    /// The best, which is then forgotten.
    pub fn take_best(&mut self) -> Option<Candidate> {
        self.best.pop()
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
            pool.offer(n, 0, || n);
        }
        let mut taken = Vec::new();
        while let Some(candidate) = pool.take_best() {
            taken.push(candidate.score);
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
