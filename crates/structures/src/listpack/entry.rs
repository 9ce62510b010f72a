//! One entry: its value, its bytes, and from one to the other.

use base::number;

/// What an entry holds. Bytes that are the canonical text of an integer are that integer: this is
/// what [`Value::of`] gives, though a listpack from outside may hold such bytes all the same.
///
/// `==` compares forms; [`Value::is`] compares with a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// Room for the text of an integer, for [`Value::text`].
#[derive(Clone, Copy)]
pub struct TextBuffer(itoa::Buffer);

impl TextBuffer {
    #[inline]
    pub fn new() -> TextBuffer {
        TextBuffer(itoa::Buffer::new())
    }
}

impl Default for TextBuffer {
    fn default() -> TextBuffer {
        TextBuffer::new()
    }
}

impl<'a> Value<'a> {
    /// The value by which `text` is stored.
    #[inline]
    pub fn of(text: &'a [u8]) -> Value<'a> {
        match number::parse_i64(text) {
            Some(n) => Value::Int(n),
            None => Value::Bytes(text),
        }
    }

    /// Bytes of its text.
    #[inline]
    pub fn text_len(self) -> usize {
        match self {
            Value::Int(n) => number::i64_len(n),
            Value::Bytes(text) => text.len(),
        }
    }

    /// Its text; an integer's is written into `buffer`.
    #[inline]
    pub fn text<'b>(self, buffer: &'b mut TextBuffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Value::Int(n) => buffer.0.format(n).as_bytes(),
            Value::Bytes(text) => text,
        }
    }

    /// Appends its text.
    #[inline]
    pub fn write_to(self, out: &mut Vec<u8>) {
        match self {
            Value::Int(n) => number::write_i64(out, n),
            Value::Bytes(text) => out.extend_from_slice(text),
        }
    }

    /// Its text, owned.
    pub fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text_len());
        self.write_to(&mut out);
        out
    }

    /// Whether its text is `text`.
    #[inline]
    pub fn is(self, text: &[u8]) -> bool {
        match self {
            // Cheaper than parsing the text, which is mostly none of an integer.
            Value::Int(n) => number::i64_len(n) == text.len() && number::parse_i64(text) == Some(n),
            Value::Bytes(bytes) => same(bytes, text),
        }
    }

    /// The integer its text is the canonical form of, if any.
    #[inline]
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(n),
            Value::Bytes(text) => number::parse_i64(text),
        }
    }

    /// The bytes it takes in a listpack.
    pub fn entry_len(self) -> usize {
        let body = self.body_len();
        body + backlen_len(body)
    }

    /// Bytes of header and payload.
    pub(super) fn body_len(self) -> usize {
        match self {
            Value::Int(0..=0x7f) => 1,
            Value::Int(-0x1000..=0xfff) => 2,
            Value::Int(n) => 1 + int_width(n),
            Value::Bytes(text) if text.len() < 1 << 6 => 1 + text.len(),
            Value::Bytes(text) if text.len() < 1 << 12 => 2 + text.len(),
            Value::Bytes(text) => 5 + text.len(),
        }
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    #[inline]
    fn from(text: &'a [u8]) -> Value<'a> {
        Value::of(text)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    #[inline]
    fn from(text: &'a [u8; N]) -> Value<'a> {
        Value::of(text)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    #[inline]
    fn from(text: &'a Vec<u8>) -> Value<'a> {
        Value::of(text)
    }
}

impl From<i64> for Value<'_> {
    #[inline]
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

/// Bytes of a two's complement integer that has no shorter encoding of its own.
fn int_width(n: i64) -> usize {
    match n {
        -0x8000..=0x7fff => 2,
        -0x80_0000..=0x7f_ffff => 3,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

/// Whether both are the same. A call of `memcmp` costs more than all of this for the short texts
/// that fill listpacks, and texts of the same length differ at the end more often than before.
#[inline]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.split_last_chunk::<8>(), b.split_last_chunk::<8>()) {
        (Some((_, a_tail)), Some((_, b_tail))) => a_tail == b_tail && (a.len() <= 8 || a == b),
        _ => a.iter().rev().eq(b.iter().rev()),
    }
}

/// Bytes of header and payload of the entry at `at`.
#[inline]
pub(super) fn body_len(bytes: &[u8], at: usize) -> usize {
    let first = bytes[at];
    match first {
        0..0x80 => 1,
        0x80..0xc0 => 1 + usize::from(first & 0x3f),
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 2 + (usize::from(first & 0x0f) << 8 | usize::from(bytes[at + 1])),
        0xf0 => 5 + read_u32(bytes, at + 1),
        0xf1..=0xf3 => usize::from(first - 0xf0) + 2,
        0xf4 => 9,
        0xf5.. => panic!("no listpack entry begins with {first:#x}"),
    }
}

/// The header's own bytes for this first byte, as far as the entry's length depends on them; none
/// if no entry begins so.
pub(super) fn length_len(first: u8) -> Option<usize> {
    match first {
        0..0xe0 | 0xf1..=0xf4 => Some(1),
        0xe0..0xf0 => Some(2),
        0xf0 => Some(5),
        0xf5.. => None,
    }
}

fn read_u32(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

/// The position behind the entry at `at`.
#[inline]
pub(super) fn entry_end(bytes: &[u8], at: usize) -> usize {
    let body = body_len(bytes, at);
    at + body + backlen_len(body)
}

/// The value of the entry at `at`, and the position behind it.
#[inline]
pub(super) fn decode(bytes: &[u8], at: usize) -> (Value<'_>, usize) {
    let first = bytes[at];
    match first {
        0..0x80 => (Value::Int(i64::from(first)), at + 2),
        0x80..0xc0 => {
            let end = at + 1 + usize::from(first & 0x3f);
            (Value::Bytes(&bytes[at + 1..end]), end + 1)
        }
        _ => decode_rarer(bytes, at),
    }
}

fn decode_rarer(bytes: &[u8], at: usize) -> (Value<'_>, usize) {
    let (body, end) = (&bytes[at..at + body_len(bytes, at)], entry_end(bytes, at));
    let value = match body[0] {
        0xc0..0xe0 => {
            // Sign-extends 13 bits.
            let n = u16::from_be_bytes([body[0], body[1]]) << 3;
            Value::Int(i64::from(n as i16 >> 3))
        }
        0xe0..0xf0 => Value::Bytes(&body[2..]),
        0xf0 => Value::Bytes(&body[5..]),
        _ => {
            let mut wide = [0; 8];
            let width = body.len() - 1;
            wide[8 - width..].copy_from_slice(&body[1..]);
            Value::Int(i64::from_le_bytes(wide) >> (8 * (8 - width)))
        }
    };
    (value, end)
}

/// Bytes of the backlen of so many bytes of header and payload. The odd limits are Redis's.
#[inline]
pub(super) fn backlen_len(body: usize) -> usize {
    match body {
        0..=127 => 1,
        128..16383 => 2,
        16383..2097151 => 3,
        2097151..268435455 => 4,
        _ => 5,
    }
}

/// The backlen that ends before `at`: what it says, and its own bytes.
#[inline]
pub(super) fn decode_backlen(bytes: &[u8], at: usize) -> (usize, usize) {
    let last = bytes[at - 1];
    if last < 0x80 {
        return (usize::from(last), 1);
    }
    let (mut body, mut len) = (usize::from(last & 0x7f), 1);
    loop {
        // Only in bytes from outside there is none: then it is of a length that no entry has.
        let Some(before) = (at - 1).checked_sub(len) else { return (body, len) };
        let byte = bytes[before];
        body |= usize::from(byte & 0x7f) << (7 * len);
        len += 1;
        // More than five are never written; `validate` calls with any bytes.
        if byte < 0x80 || len == 5 {
            return (body, len);
        }
    }
}

/// Writes the entry of `value`; `out` is as long as the entry.
pub(super) fn encode(out: &mut [u8], value: Value<'_>) {
    let body = value.body_len();
    let (entry, backlen) = out.split_at_mut(body);
    match value {
        Value::Int(n @ 0..=0x7f) => entry[0] = n as u8,
        Value::Int(n @ -0x1000..=0xfff) => {
            entry.copy_from_slice(&(n as u16 & 0x1fff | 0xc000).to_be_bytes());
        }
        Value::Int(n) => {
            let width = body - 1;
            entry[0] = match width {
                8 => 0xf4,
                width => 0xef + width as u8,
            };
            entry[1..].copy_from_slice(&n.to_le_bytes()[..width]);
        }
        Value::Bytes(text) => {
            let (header, payload) = entry.split_at_mut(body - text.len());
            match *header {
                [ref mut first] => *first = 0x80 | text.len() as u8,
                [ref mut first, ref mut second] => {
                    [*first, *second] = (text.len() as u16 | 0xe000).to_be_bytes();
                }
                _ => {
                    header[0] = 0xf0;
                    header[1..].copy_from_slice(&(text.len() as u32).to_le_bytes());
                }
            }
            payload.copy_from_slice(text);
        }
    }
    encode_backlen(backlen, body);
}

/// Writes the backlen; `out` is as long as it.
#[inline]
fn encode_backlen(out: &mut [u8], body: usize) {
    let mut rest = body;
    for (at, byte) in out.iter_mut().enumerate().rev() {
        // The high bit says: more bytes lie before.
        *byte = rest as u8 & 0x7f | if at == 0 { 0 } else { 0x80 };
        rest >>= 7;
    }
}
