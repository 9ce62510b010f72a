//! Bytes to replies: what a client of ours, or a test, makes of what a server answered.
//!
//! The server itself never decodes a reply, so this is written to be short and faithful, not to be the fastest. Texts
//! stay bytes, since an error may quote any bytes a client sent, and a double keeps its text, since servers
//! differ in how they print one.
//!
//! Limits: nesting to [`NESTING_MAX`]; no streamed strings and aggregates (`$?`, `*?`), which no server sends.
//! Memory grows with what has arrived, never with a declared count.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

use base::number::parse_i64;

/// Deepest nesting of arrays, maps, sets and pushes.
pub const NESTING_MAX: usize = 256;

/// Elements an aggregate makes room for before they have arrived.
const ELEMENTS_TRUSTED: usize = 16;

/// A decoded reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Simple(Vec<u8>),
    /// `-` and RESP3's `!`, which is the same with a length.
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// RESP3's `_`, and both nulls of RESP2, `$-1` and `*-1`.
    Null,
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    /// A message that answers no command.
    Push(Vec<Value>),
    /// A reply with attributes before it.
    Attribute {
        attributes: Vec<(Value, Value)>,
        value: Box<Value>,
    },
    Double {
        value: f64,
        /// As the server printed it.
        text: Vec<u8>,
    },
    Boolean(bool),
    /// Decimal digits, with a sign if negative.
    BigNumber(Vec<u8>),
    Verbatim {
        /// `txt`, `mkd`.
        format: [u8; 3],
        text: Vec<u8>,
    },
}

impl Value {
    /// The text of a string, error or number; `None` for what has none.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Simple(text)
            | Value::Error(text)
            | Value::Bulk(text)
            | Value::BigNumber(text)
            | Value::Double { text, .. }
            | Value::Verbatim { text, .. } => Some(String::from_utf8_lossy(text)),
            Value::Integer(n) => Some(Cow::Owned(n.to_string())),
            Value::Attribute { value, .. } => value.text(),
            Value::Null
            | Value::Boolean(_)
            | Value::Array(_)
            | Value::Map(_)
            | Value::Set(_)
            | Value::Push(_) => None,
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No type of RESP2 or RESP3 begins with this byte.
    UnknownType(u8),
    /// A count or length is no number, or is negative where that means nothing.
    InvalidLength,
    /// The text of an integer, double or big number.
    InvalidNumber,
    InvalidBoolean,
    /// A verbatim string is shorter than its format.
    InvalidVerbatim,
    /// A line or a body does not end in CR LF.
    MissingLineEnd,
    /// Deeper than [`NESTING_MAX`].
    TooDeep,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::UnknownType(byte) => {
                write!(f, "no reply begins with '{}'", byte.escape_ascii())
            }
            DecodeError::InvalidLength => f.write_str("invalid length in a reply"),
            DecodeError::InvalidNumber => f.write_str("invalid number in a reply"),
            DecodeError::InvalidBoolean => f.write_str("invalid boolean in a reply"),
            DecodeError::InvalidVerbatim => f.write_str("a verbatim string without a format"),
            DecodeError::MissingLineEnd => f.write_str("a reply without its line end"),
            DecodeError::TooDeep => f.write_str("a reply nested too deeply"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes the reply at the beginning of `input`, and tells how many bytes it took. `Ok(None)` when it is not
/// whole yet; see [`crate::scan::Scan`] for how to wait for a large one.
pub fn decode(input: &[u8]) -> Result<Option<(Value, usize)>, DecodeError> {
    let mut decoder = Decoder { input, at: 0, depth: 0 };
    Ok(decoder.value()?.map(|value| (value, decoder.at)))
}

/// What follows the line a reply begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: the line is all.
    Line,
    /// Nothing: a length of -1.
    Null,
    /// So many bytes, and a line end.
    Body,
    /// So many replies.
    Elements,
    /// So many pairs of replies.
    Entries,
    /// So many pairs of replies, and then the reply they belong to.
    Attributes,
}

/// The line a reply begins with.
pub(crate) struct Header<'a> {
    type_byte: u8,
    text: &'a [u8],
    pub(crate) kind: Kind,
    /// Bytes, elements or entries that follow; 0 where the line is all.
    pub(crate) n: usize,
}

/// Reads the line at `at`, and tells where what follows begins. `None` when the line is not whole.
pub(crate) fn header(input: &[u8], at: usize) -> Result<Option<(Header<'_>, usize)>, DecodeError> {
    let rest = &input[at..];
    let Some(&type_byte) = rest.first() else { return Ok(None) };
    let kind = match type_byte {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Kind::Line,
        b'$' | b'!' | b'=' => Kind::Body,
        b'*' | b'~' | b'>' => Kind::Elements,
        b'%' => Kind::Entries,
        b'|' => Kind::Attributes,
        other => return Err(DecodeError::UnknownType(other)),
    };
    let Some(line_feed) = memchr(b'\n', rest) else { return Ok(None) };
    let text = rest[1..line_feed].strip_suffix(b"\r").ok_or(DecodeError::MissingLineEnd)?;
    let next = at + line_feed + 1;
    if kind == Kind::Line {
        return Ok(Some((Header { type_byte, text, kind, n: 0 }, next)));
    }
    let n = parse_i64(text).ok_or(DecodeError::InvalidLength)?;
    let is_null = n == -1 && matches!(type_byte, b'$' | b'*');
    let kind = if is_null { Kind::Null } else { kind };
    let n = if is_null { 0 } else { usize::try_from(n).map_err(|_| DecodeError::InvalidLength)? };
    Ok(Some((Header { type_byte, text, kind, n }, next)))
}

struct Decoder<'a> {
    input: &'a [u8],
    at: usize,
    depth: usize,
}

impl Decoder<'_> {
    fn value(&mut self) -> Result<Option<Value>, DecodeError> {
        let Some((header, next)) = header(self.input, self.at)? else { return Ok(None) };
        self.at = next;
        match header.kind {
            Kind::Line => line(&header).map(Some),
            Kind::Null => Ok(Some(Value::Null)),
            Kind::Body => self.body(&header),
            Kind::Elements | Kind::Entries | Kind::Attributes => {
                if self.depth == NESTING_MAX {
                    return Err(DecodeError::TooDeep);
                }
                self.depth += 1;
                let value = self.aggregate(&header);
                self.depth -= 1;
                value
            }
        }
    }

    fn body(&mut self, header: &Header<'_>) -> Result<Option<Value>, DecodeError> {
        let rest = &self.input[self.at..];
        // No overflow: a length is at most i64::MAX.
        let Some(body) = rest.get(..header.n + 2) else { return Ok(None) };
        let body = body.strip_suffix(b"\r\n").ok_or(DecodeError::MissingLineEnd)?;
        self.at += header.n + 2;
        Ok(Some(match header.type_byte {
            b'$' => Value::Bulk(body.to_vec()),
            b'!' => Value::Error(body.to_vec()),
            _ => match body.split_first_chunk::<3>() {
                Some((format, [b':', text @ ..])) => {
                    Value::Verbatim { format: *format, text: text.to_vec() }
                }
                _ => return Err(DecodeError::InvalidVerbatim),
            },
        }))
    }

    fn aggregate(&mut self, header: &Header<'_>) -> Result<Option<Value>, DecodeError> {
        if header.kind == Kind::Elements {
            let Some(elements) = self.repeat(header.n, Decoder::value)? else { return Ok(None) };
            return Ok(Some(match header.type_byte {
                b'*' => Value::Array(elements),
                b'~' => Value::Set(elements),
                _ => Value::Push(elements),
            }));
        }
        let Some(entries) = self.repeat(header.n, Decoder::entry)? else { return Ok(None) };
        if header.kind == Kind::Entries {
            return Ok(Some(Value::Map(entries)));
        }
        let value = self.value()?.map(Box::new);
        Ok(value.map(|value| Value::Attribute { attributes: entries, value }))
    }

    fn entry(&mut self) -> Result<Option<(Value, Value)>, DecodeError> {
        let Some(key) = self.value()? else { return Ok(None) };
        Ok(self.value()?.map(|value| (key, value)))
    }

    fn repeat<T>(
        &mut self,
        n: usize,
        one: impl Fn(&mut Self) -> Result<Option<T>, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let mut all = Vec::with_capacity(n.min(ELEMENTS_TRUSTED));
        for _ in 0..n {
            let Some(one) = one(self)? else { return Ok(None) };
            all.push(one);
        }
        Ok(Some(all))
    }
}

/// A reply that is all in its line.
fn line(header: &Header<'_>) -> Result<Value, DecodeError> {
    let text = header.text;
    match header.type_byte {
        b'+' => Ok(Value::Simple(text.to_vec())),
        b'-' => Ok(Value::Error(text.to_vec())),
        b':' => parse_i64(text).map(Value::Integer).ok_or(DecodeError::InvalidNumber),
        b'_' if text.is_empty() => Ok(Value::Null),
        b'_' => Err(DecodeError::InvalidLength),
        b'#' => match text {
            b"t" => Ok(Value::Boolean(true)),
            b"f" => Ok(Value::Boolean(false)),
            _ => Err(DecodeError::InvalidBoolean),
        },
        b',' => std::str::from_utf8(text)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .map(|value| Value::Double { value, text: text.to_vec() })
            .ok_or(DecodeError::InvalidNumber),
        _ => {
            let digits = text.strip_prefix(b"-").unwrap_or(text);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(DecodeError::InvalidNumber);
            }
            Ok(Value::BigNumber(text.to_vec()))
        }
    }
}

/// Checks on any bytes that decoding ends, and that scanning them in pieces finds the same end.
pub fn fuzz_decode(data: &[u8]) {
    let [piece, input @ ..] = data else { return };
    let Ok(decoded) = decode(input) else { return };
    let mut scan = crate::scan::Scan::default();
    let mut arrived = 0;
    let mut end = None;
    while end.is_none() && arrived < input.len() {
        arrived = input.len().min(arrived + usize::from(*piece) + 1);
        end = scan.find_end(&input[..arrived]).expect("what can be decoded can be scanned");
    }
    assert_eq!(end, decoded.map(|(_, len)| len), "input {input:?}");
}

#[cfg(test)]
mod tests;
