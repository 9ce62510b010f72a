//! Bounds as clients write them, and the ranks between them.
//!
//! ```text
//!   by rank     0 -1           negative counts from the end
//!   by score    1 (5 -inf      `(`: the bound itself is out
//!   by member   [a (b - +      `[`: it is in; `-` and `+`: no bound
//! ```

use std::ops::Range;

use engine::{CmdError, Cx};
use store::View;
use store::value::SortedSetRef;
use store::value::sorted_set::{LexBound, LexRange, ScoreRange};

/// What part of a sorted set is meant.
#[derive(Clone, Copy)]
pub(super) enum Bounds<'a> {
    /// Start and stop, both included.
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

impl<'a> Bounds<'a> {
    /// The arguments at `min` and `max`. Where a reversed command takes the higher bound first, the
    /// caller says so by their indexes.
    pub(super) fn parse(
        cx: &Cx<'a>,
        by: By,
        min: usize,
        max: usize,
    ) -> Result<Bounds<'a>, CmdError> {
        match by {
            By::Rank => Ok(Bounds::Rank(cx.int(min)?, cx.int(max)?)),
            By::Score => {
                let bounds = score_bound(cx.arg(min)).zip(score_bound(cx.arg(max)));
                let ((min, min_is_open), (max, max_is_open)) =
                    bounds.ok_or(CmdError::MIN_MAX_NOT_FLOAT)?;
                Ok(Bounds::Score(ScoreRange { min, max, min_is_open, max_is_open }))
            }
            By::Lex => {
                let bounds = lex_bound(cx.arg(min)).zip(lex_bound(cx.arg(max)));
                let (min, max) = bounds.ok_or(CmdError::MIN_MAX_NOT_LEX)?;
                Ok(Bounds::Lex(LexRange { min, max }))
            }
        }
    }

    /// The ranks of the elements that are meant. In reverse, ranks count from the last element.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>, reverse: bool) -> Range<usize> {
        match self {
            Bounds::Score(range) => set.score_ranks(range),
            Bounds::Lex(range) => set.member_ranks(range),
            Bounds::Rank(start, stop) => {
                let len = set.len();
                let ranks = within(*start, *stop, len);
                if reverse { len - ranks.end..len - ranks.start } else { ranks }
            }
        }
    }
}

/// From `start` to `stop`, both included, among `len`; negative numbers count from the end.
fn within(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_end = |index: i64| len.saturating_sub(index.unsigned_abs() as usize);
    let start = if start < 0 { from_end(start) } else { (start as usize).min(len) };
    let end = match stop {
        // What lies before the first is before all.
        ..0 => (len + 1).saturating_sub(stop.unsigned_abs() as usize),
        _ => (stop as usize).saturating_add(1).min(len),
    };
    start..end.max(start)
}

/// A score that is a bound, and whether it is out itself: decimal, while a score that is stored may
/// be hexadecimal. An empty text is 0, what is too large infinite.
fn score_bound(text: &[u8]) -> Option<(f64, bool)> {
    let (text, is_open) = match text.strip_prefix(b"(") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    if text.is_empty() {
        return Some((0.0, is_open));
    }
    let score: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!score.is_nan()).then_some((score, is_open))
}

fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        b"-" => Some(LexBound::Lowest),
        b"+" => Some(LexBound::Highest),
        [b'(', member @ ..] => Some(LexBound::Open(member)),
        [b'[', member @ ..] => Some(LexBound::Closed(member)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_cut_to_what_there_is() {
        for (start, stop, expected) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-9, 1, 0..2),
            (3, 99, 3..5),
            (i64::MIN, i64::MAX, 0..5),
        ] {
            assert_eq!(within(start, stop, 5), expected);
        }
        for (start, stop) in [(3, 1), (5, 9), (0, -6), (-1, -2), (i64::MAX, i64::MIN)] {
            assert!(within(start, stop, 5).is_empty(), "{start} {stop}");
        }
        assert!(within(0, -1, 0).is_empty());
    }

    #[test]
    fn a_score_bound_is_decimal() {
        assert_eq!(score_bound(b"(1.5"), Some((1.5, true)));
        assert_eq!(score_bound(b""), Some((0.0, false)));
        assert_eq!(score_bound(b"-1e400"), Some((f64::NEG_INFINITY, false)));
        assert_eq!(score_bound(b"1e-400"), Some((0.0, false)));
        for text in [&b"nan"[..], b"0x10", b"(0x10", b"1x", b" 1", b"( 1", b"(("] {
            assert_eq!(score_bound(text), None);
        }
    }
}
