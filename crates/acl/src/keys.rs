//! Which keys: `~pattern`, `%R~pattern` to read, `%W~pattern` to write, `~*` for all.

use base::glob::glob_match;
use command::declare::KeyFlag;

use crate::{RuleError, has_spaces};

/// What is done with a key, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    pub const NONE: Access = Access(0);
    pub const READ: Access = Access(1);
    pub const WRITE: Access = Access(2);
    pub const BOTH: Access = Access(3);

    /// What a command that is declared like this needs. One that only asks whether there is a key, or
    /// how long its value is, needs neither: to either who reads or who writes it tells nothing new.
    pub fn needed(flags: &[KeyFlag]) -> Access {
        flags.iter().fold(Access::NONE, |needed, flag| match flag {
            KeyFlag::Access => needed.and(Access::READ),
            KeyFlag::Insert | KeyFlag::Update | KeyFlag::Delete => needed.and(Access::WRITE),
            _ => needed,
        })
    }

    fn and(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    fn covers(self, needed: Access) -> bool {
        self.0 & needed.0 == needed.0
    }

    fn prefix(self) -> &'static [u8] {
        match self {
            Access::READ => b"%R~",
            Access::WRITE => b"%W~",
            _ => b"~",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    All,
    /// Each pattern once, in the order in which they were first said.
    Matching(Vec<Pattern>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    access: Access,
    /// It is a plain text and a star, as most are: then there is no need to read it as a pattern.
    is_prefix: bool,
    text: Box<[u8]>,
}

impl Pattern {
    fn new(access: Access, text: &[u8]) -> Pattern {
        let is_plain = |text: &[u8]| !text.iter().any(|byte| br"*?[\".contains(byte));
        let is_prefix = text.strip_suffix(b"*").is_some_and(is_plain);
        Pattern { access, is_prefix, text: text.into() }
    }

    #[inline]
    fn matches(&self, key: &[u8]) -> bool {
        match &*self.text {
            // The empty key has no part in a star.
            [prefix @ .., _] if self.is_prefix => !key.is_empty() && key.starts_with(prefix),
            pattern => glob_match(pattern, key, false),
        }
    }
}

impl Keys {
    pub fn none() -> Keys {
        Keys::Matching(Vec::new())
    }

    /// Applies `~pattern` or `%RW~pattern`.
    pub fn add(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let Keys::Matching(patterns) = self else { return Err(RuleError::AllKeys) };
        let (access, pattern) = match rule {
            [b'%', rest @ ..] => parse_access(rest)?,
            _ => (Access::BOTH, &rule[1..]),
        };
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        match patterns.iter_mut().find(|known| *known.text == *pattern) {
            Some(known) => known.access = known.access.and(access),
            None => patterns.push(Pattern::new(access, pattern)),
        }
        Ok(())
    }

    #[inline]
    pub fn allow(&self, key: &[u8], needed: Access) -> bool {
        let Keys::Matching(patterns) = self else { return true };
        patterns.iter().any(|pattern| pattern.access.covers(needed) && pattern.matches(key))
    }

    /// Whether any key at all may be touched like this.
    pub fn allow_any(&self, needed: Access) -> bool {
        let Keys::Matching(patterns) = self else { return true };
        patterns.iter().any(|pattern| pattern.access.covers(needed) && *pattern.text == *b"*")
    }

    /// The rules that make it.
    pub fn describe(&self) -> Vec<u8> {
        let Keys::Matching(patterns) = self else { return b"~*".to_vec() };
        let rule = |pattern: &Pattern| [pattern.access.prefix(), &pattern.text].concat();
        patterns.iter().map(rule).collect::<Vec<_>>().join(&b' ')
    }
}

/// What stands behind `%`: letters, each once, a tilde, the pattern. As in Redis the tilde may be
/// missing, for no pattern.
fn parse_access(mut rest: &[u8]) -> Result<(Access, &[u8]), RuleError> {
    let mut access = Access::NONE;
    while let [letter, tail @ ..] = rest {
        rest = tail;
        let said = match letter {
            b'R' | b'r' => Access::READ,
            b'W' | b'w' => Access::WRITE,
            b'~' => break,
            _ => return Err(RuleError::Syntax),
        };
        if access.covers(said) {
            return Err(RuleError::Syntax);
        }
        access = access.and(said);
    }
    if access == Access::NONE { Err(RuleError::Syntax) } else { Ok((access, rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_text_and_a_star_match_as_a_pattern_would() {
        for text in
            ["", "*", "key:*", "key:", "k*y:*", "key:**", "[k]ey*", r"key\*", r"k\ey*", "?*"]
        {
            for key in ["", "k", "key:", "key:1", "key*", "kxy:1", r"key\", "*"] {
                let pattern = Pattern::new(Access::BOTH, text.as_bytes());
                let expected = glob_match(text.as_bytes(), key.as_bytes(), false);
                assert_eq!(pattern.matches(key.as_bytes()), expected, "{text} {key}");
            }
        }
        assert!(Pattern::new(Access::BOTH, b"key:*").is_prefix);
    }
}
