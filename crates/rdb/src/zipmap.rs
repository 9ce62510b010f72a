//! Zipmap: how Redis kept small hashes before 2.6. It is only read.
//!
//! ```text
//!   +-------+----------------------------------------+---
//!   | count | length, field, length, free, value, .. | .. ff
//!   +-------+----------------------------------------+---
//!     1 byte; 254 and more: not known
//!
//!   length  one byte below 254, or the byte 254 and four bytes, low first
//!   free    bytes that are left over behind the value
//! ```

use crate::error::{Bad, Result};

const MANY: u8 = 254;
const END: u8 = 255;

/// The fields and values of a zipmap, in their order. The last one may be an error, after which
/// there are no more.
pub(crate) struct Zipmap<'a> {
    rest: &'a [u8],
    claimed: u8,
    seen: usize,
    is_over: bool,
}

impl<'a> Zipmap<'a> {
    /// The view of `bytes`, of which nothing is believed yet.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Zipmap<'a>> {
        let (&claimed, rest) = bytes.split_first().ok_or(Bad::Truncated)?;
        Ok(Zipmap { rest, claimed, seen: 0, is_over: false })
    }

    fn pair(&mut self) -> Result<Option<(&'a [u8], &'a [u8])>> {
        if let [END, rest @ ..] = self.rest {
            let counts = self.claimed >= MANY || usize::from(self.claimed) == self.seen;
            return if counts && rest.is_empty() {
                Ok(None)
            } else {
                Err(Bad::Corrupt("a zipmap that ends elsewhere than it says"))
            };
        }
        let field_len = self.length()?;
        let field = self.take(field_len)?;
        let value_len = self.length()?;
        let free = self.take(1)?[0];
        let value = self.take(value_len)?;
        self.take(free.into())?;
        self.seen += 1;
        Ok(Some((field, value)))
    }

    fn length(&mut self) -> Result<usize> {
        match self.take(1)?[0] {
            MANY => {
                let len = self.take(4)?.try_into().expect("four bytes were taken");
                Ok(u32::from_le_bytes(len) as usize)
            }
            END => Err(Bad::Corrupt("a zipmap that ends inside a pair")),
            len => Ok(len.into()),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Bad::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Zipmap<'a> {
    type Item = Result<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let pair = self.pair().transpose();
        self.is_over = !matches!(pair, Some(Ok(_)));
        pair
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(bytes: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let own = |(field, value): (&[u8], &[u8])| (field.to_vec(), value.to_vec());
        Zipmap::new(bytes)?.map(|pair| pair.map(own)).collect()
    }

    #[test]
    fn pairs_are_read_and_free_bytes_passed_over() {
        let bytes = b"\x02\x03foo\x03\x00bar\x05hello\x02\x03hi...\xff";
        let expected = [("foo", "bar"), ("hello", "hi")];
        let expected = expected.map(|(f, v)| (f.as_bytes().to_vec(), v.as_bytes().to_vec()));
        assert_eq!(pairs(bytes).unwrap(), expected);
        let long = [&b"\xfe\x01k\xfe\x2c\x01\x00\x00\x00"[..], &[b'v'; 300], b"\xff"].concat();
        assert_eq!(pairs(&long).unwrap(), [(b"k".to_vec(), vec![b'v'; 300])]);
        assert_eq!(pairs(b"\x00\xff").unwrap(), []);
    }

    #[test]
    fn a_cut_or_miscounted_zipmap_is_refused() {
        let bytes = b"\x01\x03foo\x03\x00bar\xff";
        for cut in 0..bytes.len() {
            assert!(pairs(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(pairs(b"\x02\x03foo\x03\x00bar\xff").is_err());
        assert!(pairs(b"\x01\x03foo\x03\x00bar\xff\xff").is_err());
        assert!(pairs(b"\x01\x03foo\xff").is_err());
        assert!(pairs(b"\x01\x03foo\x03\x20bar\xff").is_err());
        assert!(pairs(b"\xfe\xfe\xff\xff\xff\xfffoo\xff").is_err());
    }
}
