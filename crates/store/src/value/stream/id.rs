//! Stream IDs: a moment in milliseconds and a number within it, written `1526919030474-55`.

use std::fmt;

use base::number::{parse_u64, write_u64};

/// The ID of a stream's entry. Entries have ascending IDs; none has 0-0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

/// The ID a new entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the present moment, or the next after the last ID.
    Auto,
    /// `ms-*`: the next within this millisecond.
    Within(u64),
    Exact(StreamId),
}

impl StreamId {
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    pub fn is_zero(self) -> bool {
        self == StreamId::MIN
    }

    /// The ID right after; none after the last.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => self.ms.checked_add(1).map(|ms| StreamId { ms, seq: 0 }),
        }
    }

    /// The ID right before; none before 0-0.
    pub fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => self.ms.checked_sub(1).map(|ms| StreamId { ms, seq: u64::MAX }),
        }
    }

    /// Reads `ms-seq`, or `ms` alone, to which `missing_seq` is added. `-` and `+` are the first
    /// and the last ID.
    pub fn parse_or_edge(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        match text {
            b"-" => Some(StreamId::MIN),
            b"+" => Some(StreamId::MAX),
            _ => StreamId::parse(text, missing_seq),
        }
    }

    /// Reads `ms-seq`, or `ms` alone, to which `missing_seq` is added.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        match halves(text)? {
            (ms, None) => Some(StreamId { ms: number(ms)?, seq: missing_seq }),
            (ms, Some(seq)) => Some(StreamId { ms: number(ms)?, seq: number(seq)? }),
        }
    }

    /// Appends its text.
    #[inline]
    pub fn write_to(self, out: &mut Vec<u8>) {
        write_u64(out, self.ms);
        out.push(b'-');
        write_u64(out, self.seq);
    }

    pub fn to_text(self) -> Vec<u8> {
        let mut text = Vec::with_capacity(24);
        self.write_to(&mut text);
        text
    }
}

impl NewId {
    /// Reads what XADD takes for an ID.
    pub fn parse(text: &[u8]) -> Option<NewId> {
        if text == b"*" {
            return Some(NewId::Auto);
        }
        match halves(text)? {
            (ms, Some(b"*")) => number(ms).map(NewId::Within),
            _ => StreamId::parse(text, 0).map(NewId::Exact),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The longest text that is looked at: Redis copies IDs into a buffer of this size.
const TEXT_BYTES_MAX: usize = 127;

/// What stands before and after the first dash.
fn halves(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    match text.iter().position(|&byte| byte == b'-') {
        Some(dash) => Some((&text[..dash], Some(&text[dash + 1..]))),
        None => Some((text, None)),
    }
}

/// An unsigned number in any of the forms that C's `strtoull` reads, for Redis falls back on it:
/// white space before it, a plus, leading zeros.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(n) = parse_u64(text) {
        return Some(n);
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_space(byte))?;
    let digits = text[start..].strip_prefix(b"+").unwrap_or(&text[start..]);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, seq: u64) -> Option<StreamId> {
        Some(StreamId { ms, seq })
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("5-7", id(5, 7)),
            ("5", id(5, 9)),
            ("0-0", id(0, 0)),
            ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            ("18446744073709551616-0", None),
            ("5-18446744073709551616", None),
            ("007-01", id(7, 1)),
            (" 5-+6", id(5, 6)),
            ("", None),
            ("-", None),
            ("5-", None),
            ("-5", None),
            ("5--6", None),
            ("5-6-7", None),
            ("5-6 ", None),
            ("5-*", None),
            ("a-1", None),
            ("+", None),
        ] {
            assert_eq!(StreamId::parse(text.as_bytes(), 9), expected, "{text}");
        }
        assert_eq!(StreamId::parse(&[b'0'; 127], 1), id(0, 1));
        assert_eq!(StreamId::parse(&[b'0'; 128], 1), None);
        assert_eq!(StreamId::parse_or_edge(b"-", 9), id(0, 0));
        assert_eq!(StreamId::parse_or_edge(b"+", 9), Some(StreamId::MAX));
    }

    #[test]
    fn new_ids_may_leave_something_open() {
        assert_eq!(NewId::parse(b"*"), Some(NewId::Auto));
        assert_eq!(NewId::parse(b"5-*"), Some(NewId::Within(5)));
        assert_eq!(NewId::parse(b"5"), Some(NewId::Exact(StreamId::new(5, 0))));
        assert_eq!(NewId::parse(b"*-1"), None);
        assert_eq!(NewId::parse(b"5-**"), None);
        assert_eq!(NewId::parse(b"+"), None);
    }

    #[test]
    fn neighbours_cross_milliseconds_and_end_at_the_edges() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), id(2, 0));
        assert_eq!(StreamId::new(2, 0).previous(), id(1, u64::MAX));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(StreamId::new(12, 34).to_text(), b"12-34");
        assert_eq!(StreamId::new(12, 34).to_string(), "12-34");
    }
}
