//! Comparing words without regard to case.
//!
//! Command names, options and subcommands are ASCII and match in any case. Only `A-Z` fold, as in
//! the C locale Redis runs in: bytes from 0x80 up compare as they are.

use std::cmp::Ordering;

/// Whether both spell the same word in any mixture of cases: `eq_nocase(b"XX", "xx")`.
#[inline]
pub fn eq_nocase(a: &[u8], b: impl AsRef<[u8]>) -> bool {
    a.eq_ignore_ascii_case(b.as_ref())
}

/// Orders as C's `strcasecmp` does: by lower-cased bytes, a prefix before what it begins.
pub fn cmp_nocase(a: &[u8], b: &[u8]) -> Ordering {
    let lower = u8::to_ascii_lowercase;
    a.iter().map(lower).cmp(b.iter().map(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_in_any_case() {
        assert!(eq_nocase(b"WithScores", "WITHSCORES"));
        assert!(eq_nocase(b"nx", b"NX"));
        assert!(!eq_nocase(b"nx", "nxx"));
        assert!(!eq_nocase(b"\xc3\x84", b"\xc3\xa4"));
    }

    #[test]
    fn order_ignores_case_and_puts_prefixes_first() {
        assert_eq!(cmp_nocase(b"abc", b"ABD"), Ordering::Less);
        assert_eq!(cmp_nocase(b"AB", b"abc"), Ordering::Less);
        assert_eq!(cmp_nocase(b"GeT", b"gEt"), Ordering::Equal);
    }
}
