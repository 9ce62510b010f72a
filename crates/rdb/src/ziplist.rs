//! Ziplist: how Redis kept small collections before 7.0. It is only read.
//!
//! ```text
//!   +-------+------+-------+-------------------------+----+
//!   | bytes | tail | count | entries                 | ff |    numbers low byte first
//!   +-------+------+-------+-------------------------+----+
//!     u32     u32    u16     tail: where the last begins; count 65535: not known
//!
//!   entry    size of the entry before, head, content
//!   size     one byte below 254, or the byte 254 and four bytes
//!
//!   head                                            content
//!   00nnnnnn                                        n bytes
//!   01nnnnnn nnnnnnnn (high first)                  n bytes
//!   10000000 and 4 bytes (high first)               n bytes
//!   11000000 11010000 11100000 11110000 11111110    an integer of 2, 4, 8, 3, 1 bytes
//!   1111nnnn, n from 1 to 13                        the integer n-1, without more bytes
//! ```
//!
//! The sizes allow to walk backwards. Here they are only compared with what was read before.

use crate::error::{Bad, Result};
use crate::read::Reader;

const HEADER_BYTES: usize = 10;
const END: u8 = 255;
const LONG_SIZE: u8 = 254;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// An element of a ziplist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// The elements of a ziplist, in their order. The last one may be an error, after which there are
/// no more.
pub(crate) struct Ziplist<'a> {
    bytes: &'a [u8],
    entries: Reader<'a>,
    tail: usize,
    claimed: u16,
    seen: usize,
    /// Where the entry before the next one begins.
    before: usize,
    is_over: bool,
}

impl<'a> Ziplist<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Ziplist<'a>> {
        let mut entries = Reader::new(bytes);
        let claimed_bytes = u32::from_le_bytes(entries.array()?) as usize;
        let tail = u32::from_le_bytes(entries.array()?) as usize;
        let claimed = u16::from_le_bytes(entries.array()?);
        if claimed_bytes != bytes.len() {
            return Err(Bad::Corrupt("a ziplist of another size than it says"));
        }
        let before = HEADER_BYTES;
        Ok(Ziplist { bytes, entries, tail, claimed, seen: 0, before, is_over: false })
    }

    fn element(&mut self) -> Result<Option<Element<'a>>> {
        let start = self.bytes.len() - self.entries.rest().len();
        let size_before = match self.entries.byte()? {
            END => return self.end().map(|()| None),
            LONG_SIZE => u32::from_le_bytes(self.entries.array()?) as usize,
            size => size.into(),
        };
        if size_before != start - self.before {
            return Err(Bad::Corrupt("a ziplist entry that mistakes the one before"));
        }
        let element = content(&mut self.entries)?;
        self.before = start;
        self.seen += 1;
        Ok(Some(element))
    }

    fn end(&self) -> Result<()> {
        let counts = self.claimed == COUNT_UNKNOWN || usize::from(self.claimed) == self.seen;
        if counts && self.tail == self.before && self.entries.rest().is_empty() {
            Ok(())
        } else {
            Err(Bad::Corrupt("a ziplist that ends elsewhere than it says"))
        }
    }
}

fn content<'a>(entries: &mut Reader<'a>) -> Result<Element<'a>> {
    let head = entries.byte()?;
    let len = match head >> 6 {
        0 => usize::from(head),
        1 => usize::from(head & 0x3f) << 8 | usize::from(entries.byte()?),
        2 if head == 0x80 => u32::from_be_bytes(entries.array()?) as usize,
        _ => return integer(head, entries).map(Element::Int),
    };
    entries.take(len).map(Element::Bytes)
}

fn integer(head: u8, entries: &mut Reader<'_>) -> Result<i64> {
    Ok(match head {
        0xc0 => i16::from_le_bytes(entries.array()?).into(),
        0xd0 => i32::from_le_bytes(entries.array()?).into(),
        0xe0 => i64::from_le_bytes(entries.array()?),
        0xf0 => {
            let [a, b, c] = entries.array()?;
            // The sign is in the highest of the three bytes.
            (i32::from_le_bytes([0, a, b, c]) >> 8).into()
        }
        0xfe => i8::from_le_bytes(entries.array()?).into(),
        0xf1..=0xfd => i64::from(head & 0x0f) - 1,
        _ => return Err(Bad::Corrupt("an unknown ziplist encoding")),
    })
}

impl<'a> Iterator for Ziplist<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let element = self.element().transpose();
        self.is_over = !matches!(element, Some(Ok(_)));
        element
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ziplist of entries that are given without the size of the one before.
    pub(crate) fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        let mut before = HEADER_BYTES;
        for entry in entries {
            let (start, size) = (bytes.len(), bytes.len() - before);
            match size {
                ..254 => bytes.push(size as u8),
                _ => {
                    bytes.push(LONG_SIZE);
                    bytes.extend_from_slice(&(size as u32).to_le_bytes());
                }
            }
            bytes.extend_from_slice(entry);
            before = start;
        }
        bytes.push(END);
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        bytes[4..8].copy_from_slice(&(before as u32).to_le_bytes());
        bytes[8..10].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        bytes
    }

    fn elements(bytes: &[u8]) -> Result<Vec<Element<'_>>> {
        Ziplist::new(bytes)?.collect()
    }

    #[test]
    fn every_encoding_is_read() {
        let (middle, long) = ([b'm'; 300], [b'l'; 20000]);
        let middle_entry = [&b"\x41\x2c"[..], &middle].concat();
        let long_entry = [&b"\x80\x00\x00\x4e\x20"[..], &long].concat();
        let bytes = ziplist(&[
            b"\x03abc",
            b"\x00",
            &middle_entry,
            &long_entry,
            b"\xc0\x00\x80",
            b"\xd0\xff\xff\xff\x7f",
            b"\xe0\x00\x00\x00\x00\x00\x00\x00\x80",
            b"\xf0\x00\x00\x80",
            b"\xf0\xff\xff\x7f",
            b"\xfe\xff",
            b"\xf1",
            b"\xfd",
        ]);
        let integers = [-32768, 2147483647, i64::MIN, -8388608, 8388607, -1, 0, 12];
        let expected: Vec<_> = [&b"abc"[..], b"", &middle, &long]
            .into_iter()
            .map(Element::Bytes)
            .chain(integers.map(Element::Int))
            .collect();
        assert_eq!(elements(&bytes).unwrap(), expected);
        assert_eq!(elements(&ziplist(&[])).unwrap(), []);
    }

    #[test]
    fn a_cut_ziplist_is_refused() {
        let bytes = ziplist(&[b"\x03abc", b"\xfe\x20"]);
        for cut in 0..bytes.len() {
            let mut cut_bytes = bytes[..cut].to_vec();
            if let Some(claimed) = cut_bytes.first_mut() {
                *claimed = cut as u8;
            }
            assert!(elements(&cut_bytes).is_err(), "cut at {cut}");
            assert!(elements(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let bytes = ziplist(&[b"\x03abc", b"\xfe\x20", b"\x02de"]);
        let spoilt = |at: usize, byte: u8| {
            let mut spoilt = bytes.clone();
            spoilt[at] = byte;
            elements(&spoilt).map(|e| e.len())
        };
        assert_eq!(spoilt(0, bytes[0]), Ok(3));
        assert!(spoilt(4, 10).is_err(), "the tail");
        assert!(spoilt(8, 2).is_err(), "the count");
        assert!(spoilt(15, 4).is_err(), "the size of the entry before");
        assert!(spoilt(16, 0xff).is_err(), "the head of an entry");
        let mut uncounted = bytes.clone();
        uncounted[8..10].copy_from_slice(&COUNT_UNKNOWN.to_le_bytes());
        assert_eq!(elements(&uncounted).unwrap().len(), 3);
    }
}
