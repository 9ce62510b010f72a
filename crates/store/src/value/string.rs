//! Strings too large for their record.

use std::sync::Arc;

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
