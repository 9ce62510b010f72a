//! Inline requests: a line of words, for people with telnet and for health checks.
//!
//! Whatever does not begin with `*` is inline. The line ends at the first `\n`, one `\r` before it is dropped, and
//! the words are taken apart as in redis.conf, quotes and escapes included. So the arguments are not found in the
//! input: the batch keeps a side buffer for them.
//!
//! ```text
//!   input    SET key "a b\x21"\r\n
//!   side     SETkeya b!             spans [0,3] [3,3] [6,4]
//! ```
//!
//! A line without words is no request at all; a replica sends such lines to show that it lives.
//!
//! One difference from Redis is wanted: to Redis a NUL byte hides the rest of the input, so such a line waits
//! until it is too big. To us NUL is a byte like any other.

use memchr::memchr;

use base::split_args::split_args;

use crate::args::Span;
use crate::protocol_error::ProtocolError;
use crate::request::{Limits, Stop};

/// Appends the words of the line at `input[start..]` to `side` and their places in it to `spans`. Gives the number
/// of words and where the next request begins.
pub(crate) fn read_line(
    input: &[u8],
    start: usize,
    limits: &Limits,
    side: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(usize, usize), Stop> {
    let rest = &input[start..];
    let Some(line_feed) = memchr(b'\n', rest) else {
        if rest.len() > limits.inline_bytes_max {
            return Err(Stop::Error(ProtocolError::InlineTooBig));
        }
        return Err(Stop::More { needed_end: input.len() + 1 });
    };
    let line = &rest[..line_feed];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let end = start + line_feed + 1;
    if line.is_empty() {
        return Ok((0, end));
    }
    let words = split_args(line).ok_or(Stop::Error(ProtocolError::UnbalancedQuotes))?;
    for word in &words {
        spans.push(Span { start: side.len(), len: word.len() });
        side.extend_from_slice(word);
    }
    Ok((words.len(), end))
}
