//! Bytes to requests, a batch at a time.
//!
//! A request is an array of bulk strings (`multibulk.rs`) or a line of words (`inline.rs`). The
//! parser copies nothing: it writes down where the arguments lie. One [`Batch`] serves a worker for
//! ever, so after the first seconds it does not allocate either.
//!
//! ```text
//!           from                                                       end of input
//!            ▼                                                                ▼
//!   input    *2 $3 GET $1 a  *1 $4 PING  \r\n  *3 $3 SET $1 b $9000 xxxxxxxxxx
//!            └─ request 0 ┘  └request 1┘  └┬┘   └─ not whole: stays in the input
//!                                        empty  ▲
//!                                               used up to here, Parsed::NeedMore { hint }
//! ```
//!
//! **Large requests.** What arrives in pieces must not be read again from its beginning each time:
//! a million arguments in pieces of 16 KiB would be quadratic. So when a request is not whole and
//! has many arguments, what was found so far moves into the connection's [`Pending`], and the next
//! call goes on behind it. Bodies cost nothing (they are skipped), so a request of few arguments is
//! simply read again.
//!
//! Invariants:
//!
//! 1. A connection keeps its input from the first byte of its unfinished request. `Pending`
//!    describes that request: its positions count from there, never from the beginning of some
//!    buffer.
//! 2. Every span of a batch lies within the input given to `parse`, or, for inline requests,
//!    within the batch's side buffer.
//! 3. Memory grows with what has arrived, not with what was declared: one span (16 bytes) for at
//!    least 6 bytes.
//! 4. An error is only told when it is the next thing to do. Requests before it come first, in a
//!    call of their own; running them may change the limits (AUTH, CONFIG SET).
//!
//! Source: behaviour of `processInputBuffer` of Redis 7.0.15 and 8.0.6, and of the running servers.

use crate::args::{Args, Span};
use crate::inline;
use crate::multibulk::{Cursor, read_args, read_count, read_length};
use crate::protocol_error::ProtocolError;

/// From so many arguments on, going on beats reading again.
const PENDING_ARGS_MIN: usize = 64;
/// A batch keeps room for so many spans, requests and inline bytes; what a giant took is given
/// back.
const KEEP_MAX: usize = 16 * 1024;

/// How large a request may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest argument: `proto-max-bulk-len`. A link to a primary has none (`usize::MAX`).
    pub bulk_bytes_max: usize,
    /// Most arguments of a request, its name included.
    pub args_max: usize,
    /// Longest line: an inline request, a count, a length.
    pub inline_bytes_max: usize,
    /// The client must authenticate first: 10 arguments of 16 KiB. Then one call parses one
    /// request, since that request may be the AUTH that lifts the limit for the next.
    pub unauthenticated: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bulk_bytes_max: 512 * 1024 * 1024,
            args_max: i32::MAX as usize,
            inline_bytes_max: 64 * 1024,
            unauthenticated: false,
        }
    }
}

/// Why [`Batch::parse`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The input is used up, or there are as many requests as were asked for, or an error follows
    /// them. Go on from the returned position when input is left.
    Requests,
    /// A request has begun and is not whole. It needs at least `hint` bytes, counted from its first
    /// byte to the end of the argument that is being read. A length is what a client *says*:
    /// reserve with judgement.
    NeedMore { hint: usize },
    /// What follows is no request. Nothing was parsed by this call.
    Error(ProtocolError),
}

/// One parsed request: where it lies in the input and which arguments are its own.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    first_arg: usize,
    argc: usize,
    /// The raw bytes are `input[start..end]`; a request that is not inline can be copied to the
    /// journal as it is.
    pub start: usize,
    pub end: usize,
    pub inline: bool,
}

impl Request {
    /// How many arguments, the command's name included.
    pub fn argc(&self) -> usize {
        self.argc
    }
}

/// What was found of a connection's unfinished request. Empty, and one word, for almost every
/// connection.
#[derive(Default)]
pub struct Pending(Option<Box<Unfinished>>);

struct Unfinished {
    cursor: Cursor,
    /// Positions count from the first byte of the request.
    spans: Vec<Span>,
}

impl Pending {
    /// Bytes held on the heap, for the memory a client is charged with.
    pub fn allocated_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |unfinished| {
            size_of::<Unfinished>() + unfinished.spans.capacity() * size_of::<Span>()
        })
    }

    /// How far the unfinished request that `input` begins with can be read: bytes before the argument
    /// that is on its way, and those of them that are whole arguments.
    pub fn progress(&self, input: &[u8]) -> (usize, usize) {
        if input.first() != Some(&b'*') {
            return (0, 0);
        }
        let limits = Limits::default();
        let (mut spans, mut cursor) = (Vec::new(), Cursor { at: 0, left: 0 });
        let mut argument_bytes = 0;
        if let Some(unfinished) = &self.0 {
            cursor = Cursor { at: unfinished.cursor.at, left: unfinished.cursor.left };
            argument_bytes = unfinished.spans.iter().map(|span| span.len).sum();
        } else if let Ok((argc, at)) = read_count(input, 0, &limits) {
            cursor = Cursor { at, left: argc };
        }
        // It stops at the argument on its way.
        let _ = read_args(input, &mut cursor, &mut spans, &limits);
        argument_bytes += spans.iter().map(|span| span.len).sum::<usize>();
        let is_known = cursor.left > 0 && input.get(cursor.at) == Some(&b'$');
        let start = read_length(input, cursor.at, &limits).map(|(_, start)| start);
        (if is_known { start.unwrap_or(cursor.at) } else { cursor.at }, argument_bytes)
    }
}

/// Why a request could not be read to its end. Positions count as those of the slice that was read.
pub(crate) enum Stop {
    More { needed_end: usize },
    Error(ProtocolError),
}

/// The requests found in one piece of input.
///
/// ```
/// use resp::{Batch, Limits, Parsed, Pending};
///
/// let input = b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPING\r\n*1\r\n$4\r\nPI";
/// let (mut batch, mut pending, limits) = (Batch::new(), Pending::default(), Limits::default());
/// let (used, said) = batch.parse(input, 0, 64, &limits, &mut pending);
/// assert_eq!(batch.len(), 2);
/// assert_eq!(&batch.args(0, input)[1], b"hi");
/// assert!(batch.request(1).inline);
/// // The connection keeps input[used..], and reads on before it asks again.
/// assert_eq!(said, Parsed::NeedMore { hint: 14 });
/// assert_eq!(&input[used..], b"*1\r\n$4\r\nPI");
/// ```
#[derive(Default)]
pub struct Batch {
    spans: Vec<Span>,
    requests: Vec<Request>,
    /// The words of inline requests, quotes and escapes taken away.
    inline_bytes: Vec<u8>,
}

impl Batch {
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Forgets all requests. Call it before the input moves: spans are positions in it.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.requests.clear();
        self.inline_bytes.clear();
        self.spans.shrink_to(KEEP_MAX);
        self.requests.shrink_to(KEEP_MAX);
        self.inline_bytes.shrink_to(KEEP_MAX);
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    #[inline]
    pub fn request(&self, i: usize) -> Request {
        self.requests[i]
    }

    /// The arguments of the `i`th request. `input` is what was given to [`Batch::parse`].
    #[inline]
    pub fn args<'b>(&'b self, i: usize, input: &'b [u8]) -> Args<'b> {
        let request = &self.requests[i];
        let bytes = if request.inline { &self.inline_bytes } else { input };
        Args::new(bytes, &self.spans[request.first_arg..request.first_arg + request.argc])
    }

    /// Adds the whole requests in `input[from..]`, at most `max`, and tells up to where the input
    /// is used.
    ///
    /// `input[from]` is the first byte of a request; if the last call for this connection returned
    /// `Parsed::NeedMore`, of that same request, and `pending` is the connection's own. Empty
    /// requests (an empty line, `*0`, `*-1`) are used up without a trace.
    pub fn parse(
        &mut self,
        input: &[u8],
        from: usize,
        max: usize,
        limits: &Limits,
        pending: &mut Pending,
    ) -> (usize, Parsed) {
        let max = if limits.unauthenticated { max.min(1) } else { max };
        let before = self.requests.len();
        let full = before.saturating_add(max);
        let mut at = from;
        while self.requests.len() < full && at < input.len() {
            let end = if pending.0.is_some() {
                self.resume(input, at, limits, pending)
            } else if input[at] == b'*' {
                self.multibulk(input, at, limits, pending)
            } else {
                self.inline(input, at, limits)
            };
            match end {
                Ok(end) => at = end,
                Err(Stop::More { needed_end }) => {
                    return (at, Parsed::NeedMore { hint: needed_end - at });
                }
                Err(Stop::Error(error)) if self.requests.len() == before => {
                    return (at, Parsed::Error(error));
                }
                Err(Stop::Error(_)) => break,
            }
        }
        (at, Parsed::Requests)
    }

    #[inline]
    fn multibulk(
        &mut self,
        input: &[u8],
        start: usize,
        limits: &Limits,
        pending: &mut Pending,
    ) -> Result<usize, Stop> {
        let (argc, at) = read_count(input, start, limits)?;
        if argc == 0 {
            return Ok(at);
        }
        let first_arg = self.spans.len();
        let mut cursor = Cursor { at, left: argc };
        match read_args(input, &mut cursor, &mut self.spans, limits) {
            Ok(()) => {
                let end = cursor.at;
                self.requests.push(Request { first_arg, argc, start, end, inline: false });
                Ok(end)
            }
            Err(stop) => {
                if matches!(stop, Stop::More { .. })
                    && self.spans.len() - first_arg >= PENDING_ARGS_MIN
                {
                    *pending = self.set_aside(first_arg, start, cursor);
                }
                self.spans.truncate(first_arg);
                Err(stop)
            }
        }
    }

    /// Moves the spans of an unfinished request out of the batch.
    #[cold]
    fn set_aside(&mut self, first_arg: usize, start: usize, cursor: Cursor) -> Pending {
        let found = self.spans.drain(first_arg..);
        let spans = found.map(|span| Span { start: span.start - start, len: span.len }).collect();
        let cursor = Cursor { at: cursor.at - start, left: cursor.left };
        Pending(Some(Box::new(Unfinished { cursor, spans })))
    }

    /// Goes on with the request at `start` behind the arguments that were found before.
    #[cold]
    fn resume(
        &mut self,
        input: &[u8],
        start: usize,
        limits: &Limits,
        pending: &mut Pending,
    ) -> Result<usize, Stop> {
        let unfinished = pending.0.as_mut().expect("the caller saw an unfinished request");
        let request = &input[start..];
        assert!(unfinished.cursor.at <= request.len(), "input was lost from an unfinished request");
        match read_args(request, &mut unfinished.cursor, &mut unfinished.spans, limits) {
            Err(Stop::More { needed_end }) => Err(Stop::More { needed_end: start + needed_end }),
            Err(Stop::Error(error)) => {
                pending.0 = None;
                Err(Stop::Error(error))
            }
            Ok(()) => {
                let end = start + unfinished.cursor.at;
                let first_arg = self.spans.len();
                let argc = unfinished.spans.len();
                let found = unfinished.spans.iter();
                self.spans.extend(found.map(|s| Span { start: s.start + start, len: s.len }));
                self.requests.push(Request { first_arg, argc, start, end, inline: false });
                pending.0 = None;
                Ok(end)
            }
        }
    }

    #[cold]
    fn inline(&mut self, input: &[u8], start: usize, limits: &Limits) -> Result<usize, Stop> {
        let first_arg = self.spans.len();
        let (argc, end) =
            inline::read_line(input, start, limits, &mut self.inline_bytes, &mut self.spans)?;
        if argc > 0 {
            self.requests.push(Request { first_arg, argc, start, end, inline: true });
        }
        Ok(end)
    }
}

/// Checks on any bytes that input in pieces gives the same requests and the same end as input at
/// once. The first two bytes choose the sizes of pieces and the limits.
pub fn fuzz_request(data: &[u8]) {
    let [piece, limits, input @ ..] = data else { return };
    let piece = usize::from(*piece) + 1;
    let limits = Limits {
        bulk_bytes_max: if limits & 1 == 0 { 512 << 20 } else { 100 },
        args_max: if limits & 2 == 0 { i32::MAX as usize } else { 100 },
        // Whether a line is too long depends on how much of it has arrived, so no line may be.
        inline_bytes_max: input.len(),
        unauthenticated: limits & 4 != 0,
    };
    let whole = read_in_pieces(input, input.len().max(1), usize::MAX, &limits);
    let pieces = read_in_pieces(input, piece, piece, &limits);
    assert_eq!(whole, pieces, "pieces of {piece} bytes, {limits:?}, input {input:?}");
}

/// What a connection would do: requests with their raw bytes, how many bytes they used, and the
/// error, if any.
type Transcript = (Vec<(Vec<Vec<u8>>, Vec<u8>)>, usize, Option<ProtocolError>);

fn read_in_pieces(input: &[u8], piece: usize, max: usize, limits: &Limits) -> Transcript {
    let (mut batch, mut pending) = (Batch::new(), Pending::default());
    let (mut requests, mut used) = (Vec::new(), 0);
    let mut saved = Vec::new();
    for bytes in input.chunks(piece) {
        saved.extend_from_slice(bytes);
        let mut from = 0;
        loop {
            batch.clear();
            let (next, parsed) = batch.parse(&saved, from, max, limits, &mut pending);
            assert!(batch.len() <= max && from <= next && next <= saved.len());
            assert!(batch.spans.len() <= (next - from) / 2, "every span costs bytes");
            for i in 0..batch.len() {
                let request = batch.request(i);
                assert!(from <= request.start && request.end <= next);
                let args = batch.args(i, &saved).iter().map(<[u8]>::to_vec).collect();
                requests.push((args, saved[request.start..request.end].to_vec()));
            }
            used += next - from;
            from = next;
            match parsed {
                Parsed::Error(error) => {
                    assert!(batch.is_empty(), "requests come before the error behind them");
                    return (requests, used, Some(error));
                }
                Parsed::NeedMore { hint } => {
                    assert!(hint > saved.len() - from, "what has arrived was not enough");
                    break;
                }
                Parsed::Requests if from == saved.len() => break,
                Parsed::Requests => {}
            }
        }
        saved.drain(..from);
    }
    (requests, used, None)
}

#[cfg(test)]
mod tests;
