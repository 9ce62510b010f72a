//! Replies to bytes, in the protocol the client chose with HELLO.
//!
//! A handler says what it means and RESP2 gets the nearest thing it has:
//!
//! ```text
//!   method          RESP3                RESP2
//!   simple          +OK                  the same
//!   error           -ERR text            the same
//!   integer         :5                   the same
//!   bulk            $3 abc               the same
//!   array           *n                   the same
//!   null            _                    $-1
//!   null_array      _                    *-1
//!   map             %n                   *2n
//!   set             ~n                   *n
//!   push            >n                   *n
//!   attribute       |n                   nothing: the caller leaves it out
//!   double          ,1.5                 $3 1.5
//!   boolean         #t  #f               :1  :0
//!   big_number      (123                 $3 123
//!   verbatim        =8 txt:body          $4 body
//! ```
//!
//! **Counts not known yet.** A handler that finds while it walks how many elements there are asks
//! for a [`Deferred`] header. It stands as a count of one digit and is corrected at the end; only
//! from ten elements on does what was written since move up by a few bytes, once.
//!
//! ```text
//!   deferred_array()   …*0\r\n          ← 4 bytes, position kept in Deferred
//!   elements           …*0\r\n:1\r\n:2\r\n…
//!   set_deferred(12)   …*12\r\n:1\r\n:2\r\n…
//! ```
//!
//! 1. A reply never contains a line end that its header did not announce: texts of simple strings
//!    and errors have theirs replaced by spaces, as in Redis.
//! 2. Deferred headers are set in the reverse order of their making, like brackets.

use std::fmt;
use std::io::Write;

use memchr::memchr2;

use base::number::write_f64_resp;

use crate::encode::{HEADER_BYTES_MAX, write_bulk, write_header};

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// A header whose count is told later. Dropping it leaves an empty array there.
#[derive(Debug)]
#[must_use = "the header says 0 until it is set"]
pub struct Deferred {
    at: usize,
    kind: u8,
    /// In RESP2 a map is an array, and each entry counts for two elements.
    elements_per_entry: usize,
}

/// Placeholder of a deferred header: its kind, `0`, CR, LF.
const PLACEHOLDER_BYTES: usize = 4;

/// Writes the reply of one command at the end of a client's output buffer.
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Reply<'a> {
        Reply { out, protocol }
    }

    /// The same reply for a shorter time.
    #[inline]
    pub fn lend(&mut self) -> Reply<'_> {
        Reply { out: &mut *self.out, protocol: self.protocol }
    }

    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// For HELLO, whose own reply already speaks the new protocol.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Bytes in the output buffer, earlier replies included: a mark for [`Reply::truncate`].
    #[inline]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes back what was written since [`Reply::len`] was `len`.
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// What was written since [`Reply::len`] was `len`.
    pub fn written_since(&self, len: usize) -> &[u8] {
        &self.out[len..]
    }

    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', text.as_ref());
    }

    /// An error with its code, such as `ERR syntax error`.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let from = text.iter().position(|byte| !is_line_end(byte)).unwrap_or(text.len());
        let to = text.iter().rposition(|byte| !is_line_end(byte)).map_or(from, |last| last + 1);
        self.line(b'-', &text[from..to]);
    }

    #[inline]
    pub fn integer(&mut self, n: i64) {
        match usize::try_from(n) {
            Ok(small @ 0..100) => write_header(self.out, b':', small),
            _ => self.number(b':', itoa::Buffer::new().format(n).as_bytes()),
        }
    }

    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        write_bulk(self.out, bytes);
    }

    /// A bulk string holding a decimal number.
    pub fn bulk_integer(&mut self, n: i64) {
        self.bulk(itoa::Buffer::new().format(n).as_bytes());
    }

    /// A bulk string from `format_args!`, without a string in between.
    pub fn bulk_fmt(&mut self, text: fmt::Arguments<'_>) {
        if let Some(text) = text.as_str() {
            return self.bulk(text.as_bytes());
        }
        self.bulk_with(|out| out.write_fmt(text).expect("a Vec takes all, and no Display fails"));
    }

    /// A bulk string of whatever `write` appends.
    pub fn bulk_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let header = self.deferred(b'$', 1);
        let start = self.out.len();
        write(self.out);
        let len = self.out.len().checked_sub(start).expect("a bulk string only adds bytes");
        self.set_deferred(header, len);
        self.raw(b"\r\n");
    }

    #[inline]
    pub fn null(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    #[inline]
    pub fn null_array(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Begins an array: `n` replies follow.
    #[inline]
    pub fn array(&mut self, n: usize) {
        write_header(self.out, b'*', n);
    }

    /// Begins a map: `n` keys follow, each with its value.
    pub fn map(&mut self, n: usize) {
        match self.protocol {
            Protocol::Resp2 => write_header(self.out, b'*', 2 * n),
            Protocol::Resp3 => write_header(self.out, b'%', n),
        }
    }

    /// Begins a set: `n` different replies follow.
    pub fn set(&mut self, n: usize) {
        write_header(self.out, self.or_array(b'~'), n);
    }

    /// Begins a message that is no reply to a command: `n` replies follow.
    pub fn push(&mut self, n: usize) {
        write_header(self.out, self.or_array(b'>'), n);
    }

    /// Begins the attributes of the reply that comes next: `n` keys follow, each with its value.
    /// RESP2 has none: then this gives false and the caller writes none.
    pub fn attribute(&mut self, n: usize) -> bool {
        if self.protocol == Protocol::Resp3 {
            write_header(self.out, b'|', n);
        }
        self.protocol == Protocol::Resp3
    }

    pub fn double(&mut self, n: f64) {
        match self.protocol {
            Protocol::Resp2 => self.bulk_with(|out| write_f64_resp(out, n)),
            Protocol::Resp3 => {
                self.raw(b",");
                write_f64_resp(self.out, n);
                self.raw(b"\r\n");
            }
        }
    }

    /// A double whose text the caller made: an 80-bit sum, a coordinate.
    pub fn double_text(&mut self, digits: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits),
            Protocol::Resp3 => self.number(b',', digits),
        }
    }

    /// An integer of any size, as decimal text.
    pub fn big_number(&mut self, digits: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits),
            Protocol::Resp3 => self.number(b'(', digits),
        }
    }

    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.protocol, value) {
            (Protocol::Resp2, false) => b":0\r\n",
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
        });
    }

    /// Text for people. `format` is `txt` or `mkd`.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        self.out.reserve(HEADER_BYTES_MAX + 4 + text.len() + 2);
        write_header(self.out, b'=', 4 + text.len());
        self.raw(format);
        self.raw(b":");
        self.raw(text);
        self.raw(b"\r\n");
    }

    /// Bytes that are already a reply, or a part of one.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub fn deferred_array(&mut self) -> Deferred {
        self.deferred(b'*', 1)
    }

    pub fn deferred_map(&mut self) -> Deferred {
        match self.protocol {
            Protocol::Resp2 => self.deferred(b'*', 2),
            Protocol::Resp3 => self.deferred(b'%', 1),
        }
    }

    pub fn deferred_set(&mut self) -> Deferred {
        self.deferred(self.or_array(b'~'), 1)
    }

    pub fn deferred_push(&mut self) -> Deferred {
        self.deferred(self.or_array(b'>'), 1)
    }

    /// Tells how many elements (entries of a map) followed the header.
    pub fn set_deferred(&mut self, header: Deferred, n: usize) {
        let Deferred { at, kind, elements_per_entry } = header;
        let body = at + PLACEHOLDER_BYTES;
        let end = self.out.len();
        assert!(body <= end && self.out[at] == kind, "the deferred header was taken back");
        // Write the true header behind the end, then swap places with the body.
        write_header(self.out, kind, n * elements_per_entry);
        let header_bytes = self.out.len() - end;
        let mut header = [0; HEADER_BYTES_MAX];
        header[..header_bytes].copy_from_slice(&self.out[end..]);
        self.out.copy_within(body..end, at + header_bytes);
        self.out[at..at + header_bytes].copy_from_slice(&header[..header_bytes]);
        self.out.truncate(end + header_bytes - PLACEHOLDER_BYTES);
    }

    fn deferred(&mut self, kind: u8, elements_per_entry: usize) -> Deferred {
        let at = self.out.len();
        write_header(self.out, kind, 0);
        Deferred { at, kind, elements_per_entry }
    }

    fn or_array(&self, kind: u8) -> u8 {
        if self.protocol == Protocol::Resp3 { kind } else { b'*' }
    }

    fn number(&mut self, kind: u8, digits: &[u8]) {
        self.out.reserve(digits.len() + 3);
        self.raw(&[kind]);
        self.raw(digits);
        self.raw(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.raw(&[kind]);
        let start = self.out.len();
        self.raw(text);
        let mut rest = &mut self.out[start..];
        while let Some(i) = memchr2(b'\r', b'\n', rest) {
            rest[i] = b' ';
            rest = &mut rest[i + 1..];
        }
        self.raw(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
