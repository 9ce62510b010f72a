//! Elements drawn by chance again and again, as many as a client asks for: SRANDMEMBER, HRANDFIELD
//! and ZRANDMEMBER with a negative count.
//!
//! A reply of a few bytes' request could so be of any length. Redis writes until memory or
//! `client-output-buffer-limit` ends; here a reply that would be longer than [`REPLY_BYTES_MAX`] is
//! refused, as Redis refuses counts beyond its own range.

use engine::{CmdError, CmdResult};
use resp::Reply;

/// As long as the longest string.
const REPLY_BYTES_MAX: usize = 512 << 20;
/// An empty string: `$0`, and two ends of lines.
const ELEMENT_BYTES_MIN: usize = 6;
/// Drawn before the length is looked at.
const STEP: usize = 256;

/// Has `write` append `count` elements, some at a time; the header stands already and the reply
/// began at `start`.
pub(crate) fn draw(
    reply: &mut Reply<'_>,
    start: usize,
    count: usize,
    write: impl FnMut(&mut Reply<'_>, usize),
) -> CmdResult {
    draw_within(reply, start, count, REPLY_BYTES_MAX, write)
}

fn draw_within(
    reply: &mut Reply<'_>,
    start: usize,
    count: usize,
    bytes_max: usize,
    mut write: impl FnMut(&mut Reply<'_>, usize),
) -> CmdResult {
    let mut left = count;
    let mut is_short = count <= bytes_max / ELEMENT_BYTES_MIN;
    while is_short && left > 0 {
        let step = left.min(STEP);
        write(reply, step);
        left -= step;
        is_short = reply.len() - start <= bytes_max;
    }
    if is_short {
        return Ok(());
    }
    reply.truncate(start);
    Err(CmdError::VALUE_OUT_OF_RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use resp::Protocol;
    use testkit::transcript::check;

    #[test]
    fn a_reply_ends_where_it_would_be_too_long() {
        for (count, is_fine) in [(1000, true), (1001, false), (usize::MAX, false)] {
            let mut out = b"+before\r\n".to_vec();
            let start = out.len();
            let mut reply = Reply::new(&mut out, Protocol::Resp3);
            let drawn = draw_within(&mut reply, start, count, 7000, |reply, n| {
                (0..n).for_each(|_| reply.bulk(b"a"));
            });
            assert_eq!(drawn.is_ok(), is_fine, "{count}");
            assert_eq!(out.len(), start + if is_fine { 7 * count } else { 0 }, "{count}");
        }
    }

    #[test]
    fn absurd_counts_are_refused_and_large_ones_are_not() {
        let mut calls = String::new();
        for (make, draw, words) in [
            ("SADD s a", "SRANDMEMBER s", &[""][..]),
            ("HSET h a 1", "HRANDFIELD h", &["", "WITHVALUES"]),
            ("ZADD z 1 a", "ZRANDMEMBER z", &["", "WITHSCORES"]),
        ] {
            calls += &format!("> {make}\n(integer) 1\n");
            for words in words {
                for count in ["-100000000", "-4611686018427387903"] {
                    calls +=
                        &format!("> {draw} {count} {words}\n(error) ERR value is out of range\n");
                }
            }
        }
        check(&calls);
        let mut server = testkit::TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "SADD s a");
        let reply = server.reply(&mut ann, "SRANDMEMBER s -100000");
        assert_eq!(reply, resp::Value::Array(vec![resp::Value::Bulk(b"a".to_vec()); 100_000]));
    }
}
