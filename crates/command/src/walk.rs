//! Matches a call against the grammar to find keys that specs cannot tell.
//!
//! ```text
//! SORT k BY STORE GET # STORE to        the first STORE is the pattern of BY
//!      ^                      ^^
//! MIGRATE host 6379 "" 0 10 KEYS a b    the "" says that keys follow KEYS
//!                                ^ ^
//! ```
//!
//! Words are taken from the left. Required arguments stand where the grammar puts them; a run of
//! optional ones may come in any order, each introduced by its token. Where the same option comes
//! twice its last key counts, as in SORT. A call that breaks the grammar gives the keys up to the
//! break.

use crate::declare::{Arg, KeyFlag, Kind};

/// A key found: its position in argv and what is done with it.
pub(crate) type Found = (usize, &'static [KeyFlag]);

/// The keys of a call whose arguments begin at index `start`.
pub(crate) fn keys_by_grammar<'a>(
    args: &'static [Arg],
    start: usize,
    argc: usize,
    arg: &dyn Fn(usize) -> &'a [u8],
) -> Vec<Found> {
    let mut walk = Walk { argc, arg, next: start, found: Vec::new() };
    walk.sequence(args);
    walk.found.into_iter().map(|(found, _)| found).collect()
}

struct Walk<'w, 'a> {
    argc: usize,
    arg: &'w dyn Fn(usize) -> &'a [u8],
    next: usize,
    /// Keys, each with the token of its option.
    found: Vec<(Found, Option<&'static str>)>,
}

impl Walk<'_, '_> {
    /// Takes arguments in their order, but a run of optional ones in any order.
    fn sequence(&mut self, mut args: &'static [Arg]) -> bool {
        while let Some(first) = args.first() {
            if !first.optional {
                if !self.once_or_more(first) {
                    return false;
                }
                args = &args[1..];
                continue;
            }
            let run = args.iter().take_while(|arg| arg.optional).count();
            while let Some(arg) = args[..run].iter().find(|arg| self.begins(arg)) {
                let before = self.next;
                // Of an option that comes twice the last counts.
                if arg.token.is_some() {
                    self.found.retain(|(_, token)| *token != arg.token);
                }
                if !self.once_or_more(arg) || self.next == before {
                    return false;
                }
            }
            args = &args[run..];
        }
        true
    }

    fn once_or_more(&mut self, arg: &'static Arg) -> bool {
        if !self.token(arg) || !self.value(arg) {
            return false;
        }
        while arg.multiple && self.next < self.argc {
            let (before, found) = (self.next, self.found.len());
            let again = !arg.multiple_token || self.token(arg);
            if !again || !self.value(arg) || self.next == before {
                self.next = before;
                self.found.truncate(found);
                break;
            }
        }
        true
    }

    /// Whether the next word can begin this argument.
    fn begins(&self, arg: &Arg) -> bool {
        if self.next >= self.argc {
            return false;
        }
        match (arg.token, &arg.kind) {
            (Some(token), _) => self.is_word(token),
            (None, Kind::OneOf(choices)) => choices.iter().any(|choice| self.begins(choice)),
            (None, Kind::Block(parts)) => parts.first().is_some_and(|part| self.begins(part)),
            (None, _) => true,
        }
    }

    fn is_word(&self, token: &str) -> bool {
        (self.arg)(self.next).eq_ignore_ascii_case(token.as_bytes())
    }

    fn token(&mut self, arg: &Arg) -> bool {
        match arg.token {
            Some(_) if matches!(arg.kind, Kind::PureToken) => true,
            Some(token) if self.next < self.argc && self.is_word(token) => {
                self.next += 1;
                true
            }
            Some(_) => false,
            None => true,
        }
    }

    fn value(&mut self, arg: &'static Arg) -> bool {
        match &arg.kind {
            Kind::Block(parts) => self.sequence(parts),
            Kind::OneOf(choices) => {
                // A word that stands for itself is the better match than any value.
                let exact = choices.iter().find(|c| c.token.is_some() && self.begins(c));
                match exact.or_else(|| choices.iter().find(|c| self.begins(c))) {
                    Some(choice) => self.once_or_more(choice),
                    None => false,
                }
            }
            Kind::PureToken if !self.begins(arg) => false,
            _ if self.next >= self.argc => false,
            kind => {
                if let Kind::Key(flags) = kind {
                    self.found.push(((self.next, flags), arg.token));
                }
                self.next += 1;
                true
            }
        }
    }
}
