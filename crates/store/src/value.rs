//! Values that do not live inside their record: collections, and values on their way between keys.

use std::collections::VecDeque;

use indexmap::IndexSet;

/// The plain form of a list.
pub type List = VecDeque<Box<[u8]>>;
/// The plain form of a set.
pub type Set = IndexSet<Box<[u8]>>;

/// A collection behind a record's pointer.
///
/// Lists and sets are here in a plain form; their compact encodings come with the data types.
#[derive(Clone, Debug)]
pub enum Collection {
    List(List),
    Set(Set),
}

impl Collection {
    /// Elements in it.
    pub fn len(&self) -> usize {
        match self {
            Collection::List(list) => list.len(),
            Collection::Set(set) => set.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An estimate of the bytes it holds, from up to `samples` elements (0: all).
    pub fn bytes(&self, samples: usize) -> usize {
        let sampled = |lens: &mut dyn Iterator<Item = usize>, each: usize| {
            let take = if samples == 0 { usize::MAX } else { samples };
            let (mut n, mut sum) = (0, 0);
            for len in lens.take(take) {
                (n, sum) = (n + 1, sum + len + each);
            }
            if n == 0 { 0 } else { sum * self.len() / n }
        };
        match self {
            Collection::List(list) => {
                sampled(&mut list.iter().map(|e| e.len()), size_of::<Box<[u8]>>())
            }
            Collection::Set(set) => {
                sampled(&mut set.iter().map(|e| e.len()), size_of::<Box<[u8]>>() + 16)
            }
        }
    }
}

/// A string whose bytes have a buffer of their own, so that it can grow in place.
#[derive(Clone, Debug, Default)]
pub struct BigString {
    /// Bytes before `start` are the remains of the request that brought the value: a large
    /// argument is moved out of the receive buffer, not copied.
    pub buffer: Vec<u8>,
    pub start: usize,
}

impl BigString {
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..]
    }

    /// Makes it `len` bytes long; new bytes are zero.
    pub fn resize(&mut self, len: usize) {
        self.buffer.resize(self.start + len, 0);
    }
}

/// A value without a key: what RENAME, COPY and MOVE carry.
#[derive(Clone, Debug)]
pub enum OwnedValue {
    Int(i64),
    /// Bytes, and whether they count as `raw` however short (they were modified in place).
    Bytes(Vec<u8>, bool),
    Big(Box<BigString>),
    Collection(Box<Collection>),
}
