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
    Matching(Vec<(Access, Box<[u8]>)>),
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
        match patterns.iter_mut().find(|(_, known)| **known == *pattern) {
            Some((known, _)) => *known = known.and(access),
            None => patterns.push((access, pattern.into())),
        }
        Ok(())
    }

    pub fn allow(&self, key: &[u8], needed: Access) -> bool {
        let Keys::Matching(patterns) = self else { return true };
        let matches = |(access, pattern): &(Access, Box<[u8]>)| {
            access.covers(needed) && glob_match(pattern, key, false)
        };
        patterns.iter().any(matches)
    }

    /// Whether any key at all may be touched like this.
    pub fn allow_any(&self, needed: Access) -> bool {
        let Keys::Matching(patterns) = self else { return true };
        patterns.iter().any(|(access, pattern)| access.covers(needed) && **pattern == *b"*")
    }

    /// The rules that make it.
    pub fn describe(&self) -> Vec<u8> {
        let Keys::Matching(patterns) = self else { return b"~*".to_vec() };
        let rule = |(access, pattern): &(Access, Box<[u8]>)| [access.prefix(), pattern].concat();
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
