//! Which channels of Pub/Sub: `&pattern`, `&*` for all.

use base::glob::glob_match;

use crate::{RuleError, User, has_spaces};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channels {
    All,
    /// Each pattern once.
    Matching(Vec<Box<[u8]>>),
}

impl Channels {
    pub fn none() -> Channels {
        Channels::Matching(Vec::new())
    }

    /// Applies `&pattern`.
    pub fn add(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let Channels::Matching(patterns) = self else { return Err(RuleError::AllChannels) };
        let pattern = &rule[1..];
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        if !patterns.iter().any(|known| **known == *pattern) {
            patterns.push(pattern.into());
        }
        Ok(())
    }

    /// Whether one may use a channel, or subscribe to a pattern.
    pub fn allow(&self, name: &[u8], is_pattern: bool) -> bool {
        let Channels::Matching(patterns) = self else { return true };
        patterns.iter().any(|pattern| match is_pattern {
            true => **pattern == *name,
            false => glob_match(pattern, name, false),
        })
    }

    /// The patterns as rules, without what resets them.
    pub fn describe(&self) -> Vec<u8> {
        let Channels::Matching(patterns) = self else { return b"&*".to_vec() };
        let rules: Vec<_> = patterns.iter().map(|pattern| [b"&", &**pattern].concat()).collect();
        rules.join(&b' ')
    }
}

/// Whether a user who is changed from `old` to `new` may still subscribe to all that it might have
/// subscribed to. If not, [`may_listen`] decides for each of its subscriptions.
pub fn keeps_channels(old: &User, new: &User) -> bool {
    let (before, after) = (patterns(old), patterns(new));
    let (Some(before), Some(after)) = (before, after.as_ref()) else { return after.is_none() };
    before.iter().all(|pattern| after.contains(pattern))
}

/// All channel patterns of a user; none if it may use every channel.
fn patterns(user: &User) -> Option<Vec<&[u8]>> {
    let mut all = Vec::new();
    for selector in user.selectors() {
        let Channels::Matching(patterns) = &selector.channels else { return None };
        all.extend(patterns.iter().map(|pattern| &**pattern));
    }
    Some(all)
}

/// Whether the user may go on listening to what it has subscribed to.
pub fn may_listen(user: &User, name: &[u8], is_pattern: bool) -> bool {
    user.selectors().iter().any(|selector| selector.channels.allow(name, is_pattern))
}
