//! What a stream remembers of its producers, so that an entry sent twice is added once.
//!
//! A producer names each of its entries by an idempotency ID. The stream remembers the latest of
//! them, for a time and up to a number, each with the ID of the entry that it became.
//!
//! The time runs by the entry's own ID: what it was added at is in there. What is too old goes when
//! somebody looks, not by itself.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::id::StreamId;

/// How long and how many, as the configuration or XCFGSET says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub duration_s: u64,
    pub ids_max: u64,
}

#[derive(Clone)]
pub struct Producers {
    pub memory: Memory,
    by_id: BTreeMap<Box<[u8]>, Producer>,
    /// IDs ever remembered, and how often one came again.
    pub added: u64,
    pub duplicates: u64,
}

#[derive(Clone, Default)]
struct Producer {
    entries: HashMap<Box<[u8]>, StreamId>,
    /// The same, in the order in which they came.
    order: VecDeque<Box<[u8]>>,
}

impl Producers {
    pub fn new(memory: Memory) -> Producers {
        Producers { memory, by_id: BTreeMap::new(), added: 0, duplicates: 0 }
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Idempotency IDs remembered, of all producers.
    pub fn ids_len(&self) -> usize {
        self.by_id.values().map(|producer| producer.order.len()).sum()
    }

    /// What was remembered, producer by producer, in the order in which it came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], StreamId)> {
        self.by_id.iter().flat_map(|(name, producer)| {
            producer.order.iter().map(move |id| (&**name, &**id, producer.entries[id]))
        })
    }

    /// The entry that this became, if it is remembered.
    pub fn find(&self, producer: &[u8], id: &[u8]) -> Option<StreamId> {
        self.by_id.get(producer)?.entries.get(id).copied()
    }

    /// Remembers what became of this.
    pub fn insert(&mut self, producer: &[u8], id: &[u8], entry: StreamId) {
        let producer = match self.by_id.get_mut(producer) {
            Some(producer) => producer,
            None => self.by_id.entry(producer.into()).or_default(),
        };
        if producer.entries.insert(id.into(), entry).is_none() {
            producer.order.push_back(id.into());
        }
        self.added += 1;
        while producer.order.len() as u64 > self.memory.ids_max {
            producer.forget_first();
        }
    }

    /// Forgets what is too old.
    pub fn expire(&mut self, now_ms: i64) {
        let kept_ms = self.memory.duration_s.saturating_mul(1000);
        let Some(until_ms) = (now_ms.max(0) as u64).checked_sub(kept_ms) else { return };
        self.by_id.retain(|_, producer| {
            while producer.first().is_some_and(|first| first.ms <= until_ms) {
                producer.forget_first();
            }
            !producer.order.is_empty()
        });
    }

    /// Forgets everything but the counts.
    pub fn clear(&mut self) {
        self.by_id.clear();
    }

    pub(super) fn bytes(&self) -> usize {
        let ids = self.by_id.values().flat_map(|producer| &producer.order);
        let ids = ids.map(|id| 2 * id.len() + 2 * size_of::<Box<[u8]>>() + 24);
        size_of::<Producers>() + ids.sum::<usize>() + self.by_id.len() * size_of::<Producer>()
    }
}

impl Producer {
    fn first(&self) -> Option<StreamId> {
        self.order.front().map(|id| self.entries[id])
    }

    fn forget_first(&mut self) {
        if let Some(id) = self.order.pop_front() {
            self.entries.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(producers: &Producers) -> Vec<String> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        producers.iter().map(|(p, id, at)| format!("{} {} {at}", text(p), text(id))).collect()
    }

    #[test]
    fn the_oldest_of_a_producer_goes_when_there_are_too_many() {
        let mut producers = Producers::new(Memory { duration_s: 100, ids_max: 2 });
        for (n, id) in ["a", "b", "c"].iter().enumerate() {
            producers.insert(b"p", id.as_bytes(), StreamId::new(1, n as u64));
        }
        producers.insert(b"o", b"a", StreamId::new(2, 0));
        assert_eq!(remembered(&producers), ["o a 2-0", "p b 1-1", "p c 1-2"]);
        assert_eq!(producers.find(b"p", b"a"), None);
        assert_eq!(producers.find(b"p", b"c"), Some(StreamId::new(1, 2)));
        assert_eq!((producers.len(), producers.ids_len(), producers.added), (2, 3, 4));
    }

    #[test]
    fn what_is_too_old_goes_and_its_producer_with_it() {
        let mut producers = Producers::new(Memory { duration_s: 1, ids_max: 9 });
        producers.insert(b"p", b"a", StreamId::new(1000, 0));
        producers.insert(b"q", b"a", StreamId::new(1500, 0));
        producers.expire(900);
        producers.expire(1999);
        assert_eq!(producers.ids_len(), 2);
        producers.expire(2000);
        assert_eq!(remembered(&producers), ["q a 1500-0"]);
        producers.expire(2600);
        assert!(producers.is_empty());
    }
}
