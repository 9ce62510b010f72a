//! The arguments of one request, wherever their bytes lie.
//!
//! A request parsed from the socket lies in the read buffer, an inline one in a side buffer because quotes and
//! escapes were taken away, a command queued by MULTI or rewritten for the journal in memory of its own. All are
//! the same to a handler: one run of bytes and a list of [`Span`]s into it.
//!
//! ```text
//!   bytes   *2\r\n$3\r\nGET\r\n$5\r\nmykey\r\n
//!                     └┬┘           └─┬─┘
//!   spans           [8,3]          [17,5]        Args = (&bytes, &spans), copied freely
//! ```
//!
//! 1. Every span of an `Args` lies within its bytes. The fields are private and only this crate makes spans.
//!
//! A span is two words (16 bytes): an argument may be larger than 4 GiB when `proto-max-bulk-len` allows it.

use std::ops::Index;

/// Where one argument lies: `len` bytes from `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// The arguments of one request, the command's name included.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args { bytes, spans }
    }

    /// How many arguments, the command's name included: Redis's argc.
    #[inline]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    #[inline]
    pub fn get(self, i: usize) -> Option<&'a [u8]> {
        self.spans.get(i).map(|span| self.slice(*span))
    }

    /// Like indexing, but the bytes live as long as the request, not as this copy of `Args`.
    ///
    /// Panics when there is no such argument: a handler's arity was checked before it ran.
    #[inline]
    pub fn at(self, i: usize) -> &'a [u8] {
        self.slice(self.spans[i])
    }

    /// The arguments from the `i`th on; none when there are fewer.
    #[inline]
    pub fn from_index(self, i: usize) -> Args<'a> {
        Args { bytes: self.bytes, spans: self.spans.get(i..).unwrap_or(&[]) }
    }

    #[inline]
    pub fn iter(self) -> Iter<'a> {
        Iter { bytes: self.bytes, spans: self.spans.iter() }
    }

    /// Sum of the lengths of all arguments, in bytes.
    pub fn bytes_len(self) -> usize {
        self.spans.iter().map(|span| span.len).sum()
    }

    #[inline]
    fn slice(self, span: Span) -> &'a [u8] {
        &self.bytes[span.start..span.start + span.len]
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, i: usize) -> &[u8] {
        self.at(i)
    }
}

impl std::fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(String::from_utf8_lossy)).finish()
    }
}

impl<'a> IntoIterator for Args<'a> {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Walks over the arguments of a request, from either end.
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    spans: std::slice::Iter<'a, Span>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let span = self.spans.next()?;
        Some(&self.bytes[span.start..span.start + span.len])
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<&'a [u8]> {
        let span = self.spans.nth(n)?;
        Some(&self.bytes[span.start..span.start + span.len])
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let span = self.spans.next_back()?;
        Some(&self.bytes[span.start..span.start + span.len])
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// Arguments that own their bytes: a command queued by MULTI, blocked, rewritten for the journal, or made by a script.
#[derive(Clone, Default)]
pub struct ArgBuf {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl ArgBuf {
    pub fn new() -> ArgBuf {
        ArgBuf::default()
    }

    /// Room for `args` arguments of `bytes` bytes together, so that filling it allocates twice and never again.
    pub fn with_capacity(args: usize, bytes: usize) -> ArgBuf {
        ArgBuf { bytes: Vec::with_capacity(bytes), spans: Vec::with_capacity(args) }
    }

    pub fn push(&mut self, arg: &[u8]) {
        self.spans.push(Span { start: self.bytes.len(), len: arg.len() });
        self.bytes.extend_from_slice(arg);
    }

    /// Adds one argument written by `write`, such as a number or a joined text.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        assert!(self.bytes.len() >= start, "an argument only adds bytes");
        self.spans.push(Span { start, len: self.bytes.len() - start });
    }

    #[inline]
    pub fn as_args(&self) -> Args<'_> {
        Args { bytes: &self.bytes, spans: &self.spans }
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Forgets the arguments and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// Bytes held on the heap, for the memory a client is charged with.
    pub fn allocated_bytes(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

impl From<Args<'_>> for ArgBuf {
    fn from(args: Args<'_>) -> ArgBuf {
        let mut owned = ArgBuf::with_capacity(args.len(), args.bytes_len());
        owned.extend(args);
        owned
    }
}

impl<A: AsRef<[u8]>> FromIterator<A> for ArgBuf {
    fn from_iter<I: IntoIterator<Item = A>>(args: I) -> ArgBuf {
        let mut owned = ArgBuf::new();
        owned.extend(args);
        owned
    }
}

impl<A: AsRef<[u8]>> Extend<A> for ArgBuf {
    fn extend<I: IntoIterator<Item = A>>(&mut self, args: I) {
        for arg in args {
            self.push(arg.as_ref());
        }
    }
}

impl std::fmt::Debug for ArgBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_args().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_arguments_read_like_borrowed_ones() {
        let owned = ArgBuf::from_iter(["SET", "", "value"]);
        let args = owned.as_args();
        assert_eq!(args.len(), 3);
        assert_eq!(&args[0], b"SET");
        assert_eq!(args.get(1), Some(&b""[..]));
        assert_eq!(args.get(3), None);
        assert_eq!(args.iter().next_back(), Some(&b"value"[..]));
        assert_eq!(args.bytes_len(), 8);
        assert_eq!(format!("{:?}", ArgBuf::from(args)), r#"["SET", "", "value"]"#);
    }

    #[test]
    fn the_rest_from_beyond_the_end_is_empty() {
        let owned = ArgBuf::from_iter([b"PING"]);
        assert!(owned.as_args().from_index(1).is_empty());
        assert!(owned.as_args().from_index(9).is_empty());
        assert_eq!(owned.as_args().from_index(0).at(0), b"PING");
    }
}
