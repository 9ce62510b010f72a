//! Glob patterns, as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and ACL rules use them.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any bytes, also none |
//! | `?` | any one byte |
//! | `[abc]` `[a-z]` `[^a]` | one byte of, or not of, a class |
//! | `\x` | the byte `x` itself, inside a class too |
//!
//! # How it works
//!
//! Every element but `*` takes exactly one byte. So when a match fails after a `*`, only the
//! *last* `*` need try again one byte further: had an earlier one taken more, the last one could
//! have taken it as well. One retry position is enough, no recursion, and the cost is at most
//! pattern × text:
//!
//! ```text
//!   pattern   a * b ? * c d          text   a x b y z c c d
//!                    ^ ^                              ^
//!            retry: after the last star, and the byte where its rest was last tried
//! ```
//!
//! # What surprises
//!
//! Each of these is Redis's behaviour on x86-64, and `testdata/glob.txt` holds them fast:
//!
//! - An empty text matches only the empty pattern, not `*`. (KEYS and SCAN answer a lone `*`
//!   before they ask here.)
//! - A class without `]` ends with the pattern.
//! - In `[a-]` the `]` is the end of a range, and ranges order bytes as *signed*.
//! - An escaped byte in a class is compared in its own case even where case is ignored.
//! - A pattern with more than 1000 stars, a last one not counted, matches nothing.

/// Redis gives up at this depth of recursion; its test suite expects us to as well.
const MAX_STARS: usize = 1000;

/// Whether all of `text` matches `pattern`; with `nocase` ASCII letters match in either case.
pub fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut rest = pattern;
    let mut at = 0;
    // What follows the last star, and where in the text it was last tried.
    let mut retry: Option<(&[u8], usize)> = None;
    let mut stars = 0;
    while at < text.len() {
        if rest.first() == Some(&b'*') {
            rest = skip_stars(rest);
            if rest.is_empty() {
                return true;
            }
            stars += 1;
            if stars > MAX_STARS {
                return false;
            }
            retry = Some((rest, at));
        } else if let Some(tail) = match_one(rest, text[at], nocase) {
            rest = tail;
            at += 1;
        } else if let Some((after_star, tried)) = retry {
            rest = after_star;
            at = tried + 1;
            retry = Some((after_star, at));
        } else {
            return false;
        }
    }
    // A later retry would have even fewer bytes for the same elements.
    skip_stars(rest).is_empty()
}

fn skip_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    &pattern[stars..]
}

/// Matches the first element, which is not a star, against `byte`: the pattern after it, or
/// `None` if it does not match or there is none.
#[inline]
fn match_one(pattern: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let (matches, tail) = match pattern {
        [] => return None,
        [b'?', tail @ ..] => (true, tail),
        [b'[', b'^', class @ ..] => {
            let (matches, tail) = match_class(class, byte, nocase);
            (!matches, tail)
        }
        [b'[', class @ ..] => match_class(class, byte, nocase),
        [b'\\', literal, tail @ ..] | [literal, tail @ ..] => (same(*literal, byte, nocase), tail),
    };
    matches.then_some(tail)
}

/// Reads a class up to its `]`: whether it has `byte`, and the pattern after it.
fn match_class(mut class: &[u8], byte: u8, nocase: bool) -> (bool, &[u8]) {
    let mut matches = false;
    loop {
        class = match class {
            [] => return (matches, class),
            [b'\\', literal, tail @ ..] => {
                matches |= *literal == byte;
                tail
            }
            [b']', tail @ ..] => return (matches, tail),
            [from, b'-', to, tail @ ..] => {
                matches |= in_range(*from as i8, *to as i8, byte as i8, nocase);
                tail
            }
            [literal, tail @ ..] => {
                matches |= same(*literal, byte, nocase);
                tail
            }
        };
    }
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || (nocase && a.eq_ignore_ascii_case(&b))
}

fn in_range(from: i8, to: i8, byte: i8, nocase: bool) -> bool {
    let (low, high) = (from.min(to), from.max(to));
    let fold = |c: i8| if nocase { (c as u8).to_ascii_lowercase() as i8 } else { c };
    (fold(low)..=fold(high)).contains(&fold(byte))
}

/// Fuzz entry: the first byte of `data` says how long the pattern is; the rest is the text.
pub fn fuzz_glob(data: &[u8]) {
    let Some((&length, rest)) = data.split_first() else { return };
    let (pattern, text) = rest.split_at(usize::from(length).min(rest.len()));
    let matches = glob_match(pattern, text, false);
    glob_match(pattern, text, true);

    let escaped: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
    assert!(glob_match(&escaped, text, false), "a text matches itself, escaped");
    if matches && !text.is_empty() {
        let longer = [b"x", text].concat();
        assert!(glob_match(&[b"?", pattern].concat(), &longer, false));
        let stars = pattern.iter().filter(|&&byte| byte == b'*').count();
        if stars < MAX_STARS {
            assert!(glob_match(&[b"*", pattern].concat(), &longer, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::split_args::split_args;

    #[test]
    fn patterns_match_what_keys_of_redis_matches() {
        for line in include_str!("../testdata/glob.txt").lines().filter(|l| !l.starts_with('#')) {
            let words = split_args(line.as_bytes()).expect("the test data is quoted well");
            let [pattern, text, expected] = &words[..] else { panic!("three words: {line}") };
            assert_eq!(glob_match(pattern, text, false), expected == b"1", "{line}");
        }
    }

    #[test]
    fn case_is_ignored_on_request_but_not_for_an_escape_in_a_class() {
        assert!(!glob_match(b"MAX*", b"maxmemory", false));
        assert!(glob_match(b"MAX*", b"maxmemory", true));
        assert!(glob_match(b"[A-M]axmemory", b"maxmemory", true));
        assert!(glob_match(b"\\Maxmemory", b"maxmemory", true));
        assert!(glob_match(b"[M]axmemory", b"maxmemory", true));
        assert!(!glob_match(b"[\\M]axmemory", b"maxmemory", true));
    }

    #[test]
    fn a_hostile_pattern_costs_pattern_times_text() {
        // Backtracking into every star would take longer than the universe has.
        let text = vec![b'a'; 10_000];
        let pattern = [b"a*".repeat(500), b"b".to_vec()].concat();
        assert!(!glob_match(&pattern, &text, false));
        assert!(!glob_match(&b"*[^b]?".repeat(900).repeat(2), &text, false));
    }

    #[test]
    fn fuzz_smoke() {
        let mut random = Random::from_seed(11);
        for _ in 0..20_000 {
            let length = random.below(24) as usize;
            let mut data: Vec<u8> =
                (0..length).map(|_| b"ab*?[]^-\\\xff"[random.below(10) as usize]).collect();
            if let Some(first) = data.first_mut() {
                *first = random.below(12) as u8;
            }
            fuzz_glob(&data);
        }
    }
}
