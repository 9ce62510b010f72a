//! Values that do not live inside their record: collections, and values on their way between keys.

use std::collections::VecDeque;
use std::sync::Arc;

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
            (sum * self.len()).checked_div(n).unwrap_or(0)
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
///
/// A large argument is not copied: the buffer is the request that brought it, whose other bytes
/// stand before `start` and behind the value. The connection holds the request until it has run;
/// a value that is changed before that moves to a buffer that nobody shares.
#[derive(Clone, Debug, Default)]
pub struct BigString {
    buffer: Arc<Vec<u8>>,
    start: usize,
    len: usize,
}

impl BigString {
    pub fn new(bytes: Vec<u8>) -> BigString {
        BigString { start: 0, len: bytes.len(), buffer: Arc::new(bytes) }
    }

    /// `value` as a part of `buffer`; none unless it lies in it and all but a tenth of the buffer
    /// is the value.
    pub fn within(buffer: &Arc<Vec<u8>>, value: &[u8]) -> Option<BigString> {
        let start = value.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
        let end = start.checked_add(value.len())?;
        if end > buffer.len() || value.len() < buffer.capacity() / 10 * 9 {
            return None;
        }
        Some(BigString { buffer: buffer.clone(), start, len: value.len() })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.start + self.len]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.start, self.start + self.len);
        if Arc::get_mut(&mut self.buffer).is_none() {
            *self = BigString::new(self.bytes().to_vec());
            return self.bytes_mut();
        }
        let buffer = Arc::get_mut(&mut self.buffer).expect("nobody shares it");
        &mut buffer[start..end]
    }

    /// Makes it `len` bytes long; new bytes are zero.
    pub fn resize(&mut self, len: usize) {
        match Arc::get_mut(&mut self.buffer) {
            Some(buffer) => {
                buffer.truncate(self.start + self.len);
                buffer.resize(self.start + len, 0);
                self.len = len;
            }
            None => {
                let mut own = Vec::with_capacity(len.max(self.len));
                own.extend_from_slice(self.bytes());
                own.resize(len, 0);
                *self = BigString::new(own);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Arc<Vec<u8>> {
        Arc::new([b"SET k ", &[b'v'; 100][..], b"\r\n"].concat())
    }

    #[test]
    fn a_value_that_makes_up_its_request_shares_it() {
        let request = request();
        let big = BigString::within(&request, &request[6..106]).expect("it lies inside");
        assert_eq!(big.bytes(), [b'v'; 100]);
        assert_eq!(big.bytes().as_ptr(), request[6..].as_ptr());
    }

    #[test]
    fn a_value_of_another_buffer_or_a_small_part_of_one_does_not() {
        let (request, other) = (request(), vec![b'v'; 100]);
        assert!(BigString::within(&request, &other).is_none());
        assert!(BigString::within(&request, &request[6..50]).is_none());
    }

    #[test]
    fn a_change_leaves_the_shared_request_as_it_was() {
        let request = request();
        let before = request.to_vec();
        let mut big = BigString::within(&request, &request[6..106]).expect("it lies inside");
        big.bytes_mut()[0] = b'w';
        let mut grown = BigString::within(&request, &request[6..106]).expect("it lies inside");
        grown.resize(102);
        assert_eq!(*request, before);
        assert_eq!(grown.bytes(), [&[b'v'; 100][..], &[0, 0]].concat());
        assert_eq!(big.bytes()[..2], *b"wv");
    }

    #[test]
    fn what_follows_the_value_in_its_request_is_not_in_what_it_grows_to() {
        let mut request = request();
        let mut big = BigString::within(&request, &request[6..106]).expect("it lies inside");
        request = Arc::default();
        let at = big.bytes().as_ptr();
        big.bytes_mut()[0] = b'w';
        big.resize(100);
        assert_eq!(big.bytes().as_ptr(), at, "it is changed in place when nobody else has it");
        big.resize(101);
        assert_eq!(big.bytes()[99..], [b'v', 0]);
        assert!(request.is_empty());
    }
}
