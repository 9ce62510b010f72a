//! What a client can send that is no request. The connection gets one error and is closed: after a wrong length
//! nobody knows where the next request begins.
//!
//! The texts are Redis's word for word (7.0 and 8.0 agree on all of them); clients and its test suite match on them.

use crate::reply::Reply;

/// Why the bytes of a client are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// No line feed within `Limits::inline_bytes_max`.
    InlineTooBig,
    /// A quote of an inline request is not closed, or not followed by a space.
    UnbalancedQuotes,
    /// No end of the line `*…` within `Limits::inline_bytes_max`.
    MultibulkCountTooLong,
    /// The count after `*` is no number or above `Limits::args_max`.
    InvalidMultibulkLength,
    /// More arguments than a client may send before it has authenticated.
    UnauthenticatedMultibulkLength,
    /// No end of the line `$…` within `Limits::inline_bytes_max`.
    BulkCountTooLong,
    /// An argument begins with this byte, not with `$`.
    ExpectedDollar(u8),
    /// The length after `$` is no number, negative, or above `Limits::bulk_bytes_max`.
    InvalidBulkLength,
    /// A larger argument than a client may send before it has authenticated.
    UnauthenticatedBulkLength,
}

impl ProtocolError {
    /// Writes the error reply, such as `-ERR Protocol error: invalid bulk length`.
    pub fn reply(self, reply: &mut Reply<'_>) {
        let mut text = format!("ERR Protocol error: {}", self.texts().0).into_bytes();
        if let ProtocolError::ExpectedDollar(got) = self {
            text.extend_from_slice(&[got, b'\'']);
        }
        reply.error(&text);
    }

    /// What Redis writes to its log between the brackets of `Protocol error (…) from client`.
    pub fn log_text(self) -> &'static str {
        self.texts().1
    }

    /// What the client is told and what the log is told. They differ for no reason but age.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            ProtocolError::InlineTooBig => ("too big inline request", "too big inline request"),
            ProtocolError::UnbalancedQuotes => {
                ("unbalanced quotes in request", "unbalanced quotes in request")
            }
            ProtocolError::MultibulkCountTooLong => {
                ("too big mbulk count string", "too big mbulk count string")
            }
            ProtocolError::InvalidMultibulkLength => {
                ("invalid multibulk length", "invalid mbulk count")
            }
            ProtocolError::UnauthenticatedMultibulkLength => {
                ("unauthenticated multibulk length", "unauth mbulk count")
            }
            ProtocolError::BulkCountTooLong => {
                ("too big bulk count string", "too big bulk count string")
            }
            ProtocolError::ExpectedDollar(_) => {
                ("expected '$', got '", "expected $ but got something else")
            }
            ProtocolError::InvalidBulkLength => ("invalid bulk length", "invalid bulk length"),
            ProtocolError::UnauthenticatedBulkLength => {
                ("unauthenticated bulk length", "unauth bulk length")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Protocol;

    fn check(error: ProtocolError, expected: &[u8]) {
        let mut out = Vec::new();
        error.reply(&mut Reply::new(&mut out, Protocol::Resp2));
        assert_eq!(out, expected, "{}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn the_texts_are_those_of_redis() {
        check(ProtocolError::InlineTooBig, b"-ERR Protocol error: too big inline request\r\n");
        check(
            ProtocolError::UnbalancedQuotes,
            b"-ERR Protocol error: unbalanced quotes in request\r\n",
        );
        check(
            ProtocolError::MultibulkCountTooLong,
            b"-ERR Protocol error: too big mbulk count string\r\n",
        );
        check(
            ProtocolError::InvalidMultibulkLength,
            b"-ERR Protocol error: invalid multibulk length\r\n",
        );
        check(
            ProtocolError::UnauthenticatedMultibulkLength,
            b"-ERR Protocol error: unauthenticated multibulk length\r\n",
        );
        check(
            ProtocolError::BulkCountTooLong,
            b"-ERR Protocol error: too big bulk count string\r\n",
        );
        check(ProtocolError::InvalidBulkLength, b"-ERR Protocol error: invalid bulk length\r\n");
        check(
            ProtocolError::UnauthenticatedBulkLength,
            b"-ERR Protocol error: unauthenticated bulk length\r\n",
        );
        check(
            ProtocolError::ExpectedDollar(b'f'),
            b"-ERR Protocol error: expected '$', got 'f'\r\n",
        );
    }

    #[test]
    fn an_unexpected_byte_cannot_break_the_line() {
        check(
            ProtocolError::ExpectedDollar(b'\r'),
            b"-ERR Protocol error: expected '$', got ' '\r\n",
        );
        check(
            ProtocolError::ExpectedDollar(0xff),
            b"-ERR Protocol error: expected '$', got '\xff'\r\n",
        );
    }
}
