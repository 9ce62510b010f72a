//! Multibulk requests: an array of bulk strings, as every client library sends them.
//!
//! ```text
//!   *2\r\n  $3\r\n  GET\r\n  $5\r\n  mykey\r\n
//!   count   length  body     length  body
//! ```
//!
//! This is the hottest code of the crate. A count or a length has one to three digits almost
//! always, so it is read with one load of eight bytes and at most three compares; whatever is not
//! so plain goes to general code, which reads any number and alone knows the errors. About 40
//! instructions an argument.
//!
//! Limits: the two bytes after a number and after a body are skipped, not compared with CR LF, and
//! a NUL is a byte like any other. The first is what Redis does (Valkey 9 refuses), the second is
//! not (to Redis a NUL hides what follows it in the buffer).
//!
//! Source: behaviour of `processMultibulkBuffer` of Redis 7.0.15 and 8.0.6, and of the running
//! servers.

use memchr::memchr;

use base::number::parse_i64;

use crate::args::Span;
use crate::protocol_error::ProtocolError;
use crate::request::{Limits, Stop};

/// Arguments a client may send in one request before it has authenticated.
const UNAUTHENTICATED_ARGS_MAX: usize = 10;
/// Length of an argument before the client has authenticated.
const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// How far the arguments of a request are read.
pub(crate) struct Cursor {
    /// The next length line begins here.
    pub(crate) at: usize,
    /// Arguments still to be read.
    pub(crate) left: usize,
}

/// Reads arguments until none is left. On a stop the cursor stands at the argument that is not
/// whole.
#[inline]
pub(crate) fn read_args(
    input: &[u8],
    cursor: &mut Cursor,
    spans: &mut Vec<Span>,
    limits: &Limits,
) -> Result<(), Stop> {
    while cursor.left > 0 {
        let (len, start) = read_length(input, cursor.at, limits)?;
        // No overflow: a length is at most i64::MAX and a position less.
        let end = start + len + 2;
        if end > input.len() {
            return Err(Stop::More { needed_end: end });
        }
        spans.push(Span { start, len });
        cursor.at = end;
        cursor.left -= 1;
    }
    Ok(())
}

/// Reads `*<count>` at `at`: the count, 0 if it is negative, and where the first argument begins.
#[inline]
pub(crate) fn read_count(input: &[u8], at: usize, limits: &Limits) -> Result<(usize, usize), Stop> {
    match short_line(input, at, b'*') {
        Some((argc, next))
            if argc <= limits.args_max
                && (argc <= UNAUTHENTICATED_ARGS_MAX || !limits.unauthenticated) =>
        {
            Ok((argc, next))
        }
        _ => read_any_count(input, at, limits),
    }
}

#[cold]
fn read_any_count(input: &[u8], at: usize, limits: &Limits) -> Result<(usize, usize), Stop> {
    let (line, next) = read_line(input, at, limits, ProtocolError::MultibulkCountTooLong)?;
    let Some(argc) = parse_i64(&line[1..]) else {
        return Err(Stop::Error(ProtocolError::InvalidMultibulkLength));
    };
    let argc = usize::try_from(argc).unwrap_or(0);
    if argc > limits.args_max {
        Err(Stop::Error(ProtocolError::InvalidMultibulkLength))
    } else if limits.unauthenticated && argc > UNAUTHENTICATED_ARGS_MAX {
        Err(Stop::Error(ProtocolError::UnauthenticatedMultibulkLength))
    } else {
        Ok((argc, next))
    }
}

/// Reads `$<length>` at `at`: the length and where the body begins.
#[inline]
pub(crate) fn read_length(
    input: &[u8],
    at: usize,
    limits: &Limits,
) -> Result<(usize, usize), Stop> {
    match short_line(input, at, b'$') {
        Some((len, next)) if len <= limits.bulk_bytes_max => Ok((len, next)),
        _ => read_any_length(input, at, limits),
    }
}

#[cold]
fn read_any_length(input: &[u8], at: usize, limits: &Limits) -> Result<(usize, usize), Stop> {
    let (line, next) = read_line(input, at, limits, ProtocolError::BulkCountTooLong)?;
    // An empty line: what stands in the place of `$` is its line end.
    let got = line.first().copied().unwrap_or(b'\r');
    if got != b'$' {
        return Err(Stop::Error(ProtocolError::ExpectedDollar(got)));
    }
    match parse_i64(&line[1..]).and_then(|len| usize::try_from(len).ok()) {
        Some(len) if len > limits.bulk_bytes_max => {
            Err(Stop::Error(ProtocolError::InvalidBulkLength))
        }
        Some(len) if limits.unauthenticated && len > UNAUTHENTICATED_BULK_BYTES_MAX => {
            Err(Stop::Error(ProtocolError::UnauthenticatedBulkLength))
        }
        Some(len) => Ok((len, next)),
        None => Err(Stop::Error(ProtocolError::InvalidBulkLength)),
    }
}

/// The line at `at` without its end, and where the next begins.
fn read_line<'a>(
    input: &'a [u8],
    at: usize,
    limits: &Limits,
    too_long: ProtocolError,
) -> Result<(&'a [u8], usize), Stop> {
    let rest = &input[at..];
    match memchr(b'\r', rest) {
        Some(len) if len + 2 <= rest.len() => Ok((&rest[..len], at + len + 2)),
        Some(len) => Err(Stop::More { needed_end: at + len + 2 }),
        None if rest.len() > limits.inline_bytes_max => Err(Stop::Error(too_long)),
        None => Err(Stop::More { needed_end: input.len() + 1 }),
    }
}

/// A number of one to three digits between `kind` and CR LF, as almost all are, from one load of
/// eight bytes. `None` for whatever else stands there: the general code knows what to say about it.
#[inline(always)]
fn short_line(input: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let bytes = u64::from_le_bytes(*input.get(at..)?.first_chunk::<8>()?);
    let digit = |i: u32| u64::from((bytes >> (8 * i)) as u8).wrapping_sub(u64::from(b'0'));
    // The bytes in the order of the text, first byte lowest: kind, digits, CR, LF.
    let kind = u64::from(kind);
    if bytes & 0xffff_00ff == kind | 0x0a0d_0000 {
        let n = digit(1);
        return (n < 10).then(|| (n as usize, at + 4));
    }
    if bytes & 0xff_ff00_00ff == kind | 0x0a_0d00_0000 {
        let (tens, ones) = (digit(1), digit(2));
        // A leading zero is an error that the general code reports.
        return (tens.wrapping_sub(1) < 9 && ones < 10)
            .then(|| ((tens * 10 + ones) as usize, at + 5));
    }
    if bytes & 0xffff_0000_00ff == kind | 0x0a0d_0000_0000 {
        let (hundreds, tens, ones) = (digit(1), digit(2), digit(3));
        return (hundreds.wrapping_sub(1) < 9 && tens < 10 && ones < 10)
            .then(|| ((hundreds * 100 + tens * 10 + ones) as usize, at + 6));
    }
    None
}
