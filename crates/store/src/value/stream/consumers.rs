//! The consumers of a group, known by name and by a small number that pending entries keep.

use structures::btree::{CountedTree, Item};

use super::id::StreamId;

/// A consumer within its group. Numbers of consumers that are gone are given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerNumber(pub(super) u32);

/// A member of a consumer group.
#[derive(Clone)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last tried to do something, in Unix milliseconds.
    pub seen_ms: i64,
    /// When it last got something; none if never.
    pub active_ms: Option<i64>,
    pub(super) pending: CountedTree<StreamId>,
}

impl Item for StreamId {
    type Key = StreamId;
    const UNIT: bool = true;

    fn key(&self) -> StreamId {
        *self
    }
}

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Entries delivered to it and not acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Their IDs, from `from` on.
    pub fn pending_from(&self, from: StreamId) -> impl Iterator<Item = StreamId> + '_ {
        let start = self.pending.partition_point(|id| id < from);
        self.pending.iter_from(start).copied()
    }

    pub(super) fn owns(&mut self, id: StreamId) {
        if let Err(gap) = self.pending.search(|other| other.cmp(&id)) {
            self.pending.insert(gap, id);
        }
    }

    pub(super) fn disowns(&mut self, id: StreamId) {
        if let Ok(position) = self.pending.search(|other| other.cmp(&id)) {
            self.pending.remove(position);
        }
    }
}

/// All consumers of a group.
#[derive(Clone, Default)]
pub struct Consumers {
    slots: Vec<Option<Box<Consumer>>>,
    /// Numbers in the order of names.
    by_name: Vec<u32>,
    free: Vec<u32>,
}

impl Consumers {
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub fn find(&self, name: &[u8]) -> Option<ConsumerNumber> {
        self.search(name).ok().map(|at| ConsumerNumber(self.by_name[at]))
    }

    /// Adds a consumer; none if there is one of this name.
    pub fn create(&mut self, name: &[u8], now_ms: i64) -> Option<ConsumerNumber> {
        let at = self.search(name).err()?;
        let pending = CountedTree::new();
        let consumer = Consumer { name: name.into(), seen_ms: now_ms, active_ms: None, pending };
        let consumer = Some(Box::new(consumer));
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize] = consumer;
                number
            }
            None => {
                self.slots.push(consumer);
                (self.slots.len() - 1) as u32
            }
        };
        self.by_name.insert(at, number);
        Some(ConsumerNumber(number))
    }

    pub(super) fn remove(&mut self, number: ConsumerNumber) -> Consumer {
        let at = self.search(self.get(number).name()).expect("each consumer has its name's place");
        let ConsumerNumber(number) = number;
        self.by_name.remove(at);
        self.free.push(number);
        *self.slots[number as usize].take().expect("numbers are of consumers")
    }

    pub fn get(&self, ConsumerNumber(number): ConsumerNumber) -> &Consumer {
        self.slots[number as usize].as_ref().expect("numbers are of consumers")
    }

    pub fn get_mut(&mut self, ConsumerNumber(number): ConsumerNumber) -> &mut Consumer {
        self.slots[number as usize].as_mut().expect("numbers are of consumers")
    }

    /// All consumers in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.iter().map(|&number| self.get(ConsumerNumber(number)))
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|&number| self.get(ConsumerNumber(number)).name().cmp(name))
    }

    pub(super) fn bytes(&self) -> usize {
        let each = |consumer: &Consumer| {
            size_of::<Consumer>() + consumer.name.len() + consumer.pending.bytes()
        };
        self.slots.capacity() * 8
            + self.by_name.capacity() * 4
            + self.iter().map(each).sum::<usize>()
    }
}
