//! Reading the parts that every value is made of: lengths, strings, doubles, moments.
//!
//! A length begins with two bits that say how it goes on:
//!
//! ```text
//!   00nnnnnn                       n
//!   01nnnnnn nnnnnnnn              n, the high bits first
//!   10000000 and 4 bytes           n, the high byte first
//!   10000001 and 8 bytes           n, the high byte first
//!   11eeeeee                       no length: a string in the special form e
//! ```
//!
//! A string is a length and its bytes, or one of the special forms: an integer in 1, 2 or 4 bytes
//! (low byte first) that stands for its decimal text, or an LZF-compressed text, with its
//! compressed and its real length before it.
//!
//! # Invariants
//!
//! (1) Nothing is read beyond the end: whatever would be is [`Bad::Truncated`].
//! (2) No allocation is larger than a constant times the bytes that are there.

use crate::error::{Bad, Result};

/// Special forms of a string.
pub(crate) mod special {
    pub(crate) const INT8: u8 = 0;
    pub(crate) const INT16: u8 = 1;
    pub(crate) const INT32: u8 = 2;
    pub(crate) const LZF: u8 = 3;
}

/// What stands where a string or a length begins.
enum Head {
    Length(u64),
    Special(u8),
}

/// Walks over the bytes of one or more values.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Bad::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Bad::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    fn head(&mut self) -> Result<Head> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, low) {
            (0, _) => Head::Length(low.into()),
            (1, _) => Head::Length(u64::from(low) << 8 | u64::from(self.byte()?)),
            (2, 0) => Head::Length(u32::from_be_bytes(self.array()?).into()),
            (2, 1) => Head::Length(u64::from_be_bytes(self.array()?)),
            (2, _) => return Err(Bad::Corrupt("an unknown form of length")),
            _ => Head::Special(low),
        })
    }

    /// A length or any other number without a sign.
    #[inline]
    pub fn length(&mut self) -> Result<u64> {
        match self.head()? {
            Head::Length(n) => Ok(n),
            Head::Special(_) => Err(Bad::Corrupt("a string where a length should be")),
        }
    }

    /// The count of elements that follow, of which each takes at least `bytes_min` bytes. A count
    /// that cannot be true is refused here, before anybody makes room for it.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize> {
        let count = self.length()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() / bytes_min => Ok(count),
            _ => Err(Bad::Truncated),
        }
    }

    /// A string. It is borrowed from the payload if it lies there as it is, else from `scratch`.
    #[inline]
    pub fn string<'s>(&mut self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8]>
    where
        'a: 's,
    {
        match self.head()? {
            Head::Length(len) => self.take(usize::try_from(len).map_err(|_| Bad::Truncated)?),
            Head::Special(form) => {
                scratch.clear();
                self.special(form, scratch)?;
                Ok(scratch)
            }
        }
    }

    /// A string in a buffer of its own.
    pub fn string_owned(&mut self) -> Result<Vec<u8>> {
        match self.head()? {
            Head::Length(len) => {
                let len = usize::try_from(len).map_err(|_| Bad::Truncated)?;
                self.take(len).map(<[u8]>::to_vec)
            }
            Head::Special(form) => {
                let mut text = Vec::new();
                self.special(form, &mut text)?;
                Ok(text)
            }
        }
    }

    /// Passes over a string without expanding it.
    pub fn skip_string(&mut self) -> Result<()> {
        let len = match self.head()? {
            Head::Length(len) => len,
            Head::Special(special::INT8) => 1,
            Head::Special(special::INT16) => 2,
            Head::Special(special::INT32) => 4,
            Head::Special(special::LZF) => {
                let packed_len = self.length()?;
                self.length()?;
                packed_len
            }
            Head::Special(_) => return Err(UNKNOWN_STRING),
        };
        self.take(usize::try_from(len).map_err(|_| Bad::Truncated)?)?;
        Ok(())
    }

    #[cold]
    fn special(&mut self, form: u8, out: &mut Vec<u8>) -> Result<()> {
        let integer = match form {
            special::INT8 => i8::from_le_bytes(self.array()?).into(),
            special::INT16 => i16::from_le_bytes(self.array()?).into(),
            special::INT32 => i32::from_le_bytes(self.array()?).into(),
            special::LZF => {
                let packed_len = usize::try_from(self.length()?).map_err(|_| Bad::Truncated)?;
                let len = self.length()?;
                let packed = self.take(packed_len)?;
                let expands =
                    usize::try_from(len).is_ok_and(|len| base::lzf::decompress(packed, len, out));
                return if expands { Ok(()) } else { Err(Bad::Corrupt("a broken LZF string")) };
            }
            _ => return Err(UNKNOWN_STRING),
        };
        base::number::write_i64(out, integer);
        Ok(())
    }

    /// A moment in unix milliseconds.
    pub fn moment_ms(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A double of eight bytes.
    pub fn double(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A double as text behind its length, as it was before RDB 8. The highest three lengths are
    /// the values that have no digits.
    pub fn double_text(&mut self) -> Result<f64> {
        match self.byte()? {
            255 => Ok(f64::NEG_INFINITY),
            254 => Ok(f64::INFINITY),
            253 => Ok(f64::NAN),
            len => {
                let text = self.take(len.into())?;
                base::number::parse_f64(text).ok_or(Bad::Corrupt("a double that is none"))
            }
        }
    }
}

const UNKNOWN_STRING: Bad = Bad::Corrupt("an unknown form of string");

#[cfg(test)]
mod tests {
    use super::*;

    fn length(bytes: &[u8]) -> Result<u64> {
        Reader::new(bytes).length()
    }

    fn string(bytes: &[u8]) -> Result<Vec<u8>> {
        let owned = Reader::new(bytes).string_owned();
        let mut scratch = b"old".to_vec();
        assert_eq!(Reader::new(bytes).string(&mut scratch).map(<[u8]>::to_vec), owned);
        let mut skipping = Reader::new(bytes);
        if owned.is_ok() {
            assert_eq!(skipping.skip_string(), Ok(()));
            assert!(skipping.rest().is_empty());
        }
        owned
    }

    #[test]
    fn lengths_of_every_form() {
        assert_eq!(length(b"\x3f"), Ok(63));
        assert_eq!(length(b"\x7f\xff"), Ok(16383));
        assert_eq!(length(b"\x80\x00\x01\x00\x00"), Ok(65536));
        assert_eq!(length(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff"), Ok(u64::MAX));
        assert_eq!(length(b"\x81\xff\xff\xff\xff\xff\xff\xff"), Err(Bad::Truncated));
        assert_eq!(length(b"\x82\0\0\0\0"), Err(Bad::Corrupt("an unknown form of length")));
        assert_eq!(length(b"\xc0\0"), Err(Bad::Corrupt("a string where a length should be")));
        assert_eq!(length(b""), Err(Bad::Truncated));
    }

    #[test]
    fn strings_of_every_form() {
        assert_eq!(string(b"\x03abc").unwrap(), b"abc");
        assert_eq!(string(b"\x00").unwrap(), b"");
        assert_eq!(string(b"\xc0\xff").unwrap(), b"-1");
        assert_eq!(string(b"\xc1\x00\x80").unwrap(), b"-32768");
        assert_eq!(string(b"\xc2\xff\xff\xff\x7f").unwrap(), b"2147483647");
        assert_eq!(string(b"\xc3\x05\x14\x00a\xe0\x0a\x00").unwrap(), [b'a'; 20]);
        assert_eq!(string(b"\xc4\x01"), Err(UNKNOWN_STRING));
        assert_eq!(string(b"\x04abc"), Err(Bad::Truncated));
    }

    #[test]
    fn a_length_that_cannot_be_true_allocates_nothing() {
        let broken = Err(Bad::Corrupt("a broken LZF string"));
        assert_eq!(
            string(b"\xc3\x05\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00a\xe0\x0a\x00"),
            broken
        );
        assert_eq!(string(b"\x81\x7f\xff\xff\xff\xff\xff\xff\xffa"), Err(Bad::Truncated));
        assert_eq!(Reader::new(b"\x05abcd").count(1), Err(Bad::Truncated));
        assert_eq!(Reader::new(b"\x02abcd").count(2), Ok(2));
    }

    #[test]
    fn doubles_of_both_forms() {
        assert_eq!(Reader::new(&1.5f64.to_le_bytes()).double(), Ok(1.5));
        assert_eq!(Reader::new(b"\x043.25").double_text(), Ok(3.25));
        assert_eq!(Reader::new(b"\xfe").double_text(), Ok(f64::INFINITY));
        assert_eq!(Reader::new(b"\xff").double_text(), Ok(f64::NEG_INFINITY));
        assert!(Reader::new(b"\xfd").double_text().unwrap().is_nan());
        assert!(Reader::new(b"\x02xy").double_text().is_err());
        assert_eq!(Reader::new(b"\x042.").double_text(), Err(Bad::Truncated));
    }
}
