//! Hints: the part of a command's syntax that the user has not typed yet.
//!
//! ```text
//!   typed                       hint
//!   SET                         key value [NX|XX] [GET] [EX seconds|...]
//!   SET k v EX                  seconds [NX|XX] [GET]
//!   SET k v EX ten              (none: the words do not fit the grammar)
//! ```
//!
//! # How it works
//!
//! The grammar is a tree of arguments. `Slot` is the same tree with, at each argument, how far
//! the words have filled it. `fill` walks words and slots side by side, left to right; `write`
//! then prints what is not filled. Two rules make the grammar more than a sequence:
//!
//! * Neighbouring optional arguments may come in any order, so each word is tried on all of
//!   them; once a later one begins, the one before it is over.
//! * A repeated argument is filled as often as words fit. What remains is a started repetition,
//!   and the bracketed `[name ...]` that says more may come.
//!
//! # Limits
//!
//! No backtracking: a word that fits two arguments goes to the first. That is also how the
//! server reads its options, and a wrong hint costs nothing.

use crate::docs::{Argument, Docs, Kind};
use base::split_args::split_args;

/// The hint for a line as typed so far. A word counts once a space follows it.
pub fn for_line(docs: &Docs, line: &str) -> Option<String> {
    let mut words = split_args(line.as_bytes())?;
    if !line.ends_with(|c: char| c.is_ascii_whitespace()) {
        words.pop();
    }
    let (command, name_words) = docs.find(&words)?;
    hint(&command.arguments, &words[name_words..])
}

/// The rest of the syntax after these words; None if they do not fit it.
pub fn hint(grammar: &[Argument], words: &[Vec<u8>]) -> Option<String> {
    let mut slots = slots(grammar);
    if fill_all(&mut slots, words) != words.len() {
        return None;
    }
    let mut out = String::new();
    write_all(&mut out, &slots, " ");
    Some(out)
}

/// The whole syntax, as `help` prints it after the command's name.
pub fn syntax(grammar: &[Argument]) -> String {
    hint(grammar, &[]).expect("no words fit every grammar")
}

/// An argument and how far it is filled.
#[derive(Clone)]
struct Slot<'a> {
    argument: &'a Argument,
    inner: Vec<Slot<'a>>,
    /// At least a word went in here.
    begun: bool,
    token_seen: bool,
    value_seen: bool,
    /// Nothing of it is left to type.
    full: bool,
}

fn slots(arguments: &[Argument]) -> Vec<Slot<'_>> {
    arguments.iter().map(Slot::new).collect()
}

impl<'a> Slot<'a> {
    fn new(argument: &'a Argument) -> Slot<'a> {
        let inner = match &argument.kind {
            Kind::OneOf(inner) | Kind::Block(inner) => slots(inner),
            Kind::Word | Kind::Integer | Kind::Double | Kind::PureToken => Vec::new(),
        };
        Slot { argument, inner, begun: false, token_seen: false, value_seen: false, full: false }
    }

    /// Takes as many of the words as fit and returns their number.
    fn fill(&mut self, words: &[Vec<u8>]) -> usize {
        let mut taken = self.fill_once(words, true);
        if !self.argument.multiple {
            return taken;
        }
        let repeats_token = self.argument.multiple_token || self.argument.token.is_none();
        while self.full && taken < words.len() {
            let mut next = Slot::new(self.argument);
            next.token_seen = !repeats_token;
            match next.fill_once(&words[taken..], repeats_token) {
                0 => break,
                more => taken += more,
            }
            *self = next;
        }
        self.full = false;
        taken
    }

    fn fill_once(&mut self, words: &[Vec<u8>], with_token: bool) -> usize {
        let mut taken = 0;
        if let (Some(token), true) = (&self.argument.token, with_token) {
            if !words[0].eq_ignore_ascii_case(token.as_bytes()) {
                return 0;
            }
            self.token_seen = true;
            self.begun = true;
            taken = 1;
            self.full = self.argument.kind == Kind::PureToken;
            if self.full || words.len() == 1 {
                return taken;
            }
        }
        match self.fill_value(&words[taken..]) {
            // A token whose value does not fit is no match at all.
            0 => 0,
            value => taken + value,
        }
    }

    fn fill_value(&mut self, words: &[Vec<u8>]) -> usize {
        let fits = match &self.argument.kind {
            Kind::OneOf(_) => {
                for choice in &mut self.inner {
                    let taken = choice.fill(words);
                    if taken > 0 {
                        self.begun = true;
                        self.full = choice.full;
                        return taken;
                    }
                }
                return 0;
            }
            Kind::Block(_) => {
                let taken = fill_all(&mut self.inner, words);
                self.begun |= taken > 0;
                self.full = self.inner.iter().all(|slot| slot.full);
                return taken;
            }
            Kind::Integer => starts_with_integer(&words[0]),
            Kind::Double => starts_with_number(&words[0]),
            Kind::Word | Kind::PureToken => true,
        };
        self.begun = fits;
        self.value_seen = fits;
        self.full = fits;
        usize::from(fits)
    }
}

/// Fills a sequence; 0 if a required argument does not fit its word.
fn fill_all(slots: &mut [Slot], words: &[Vec<u8>]) -> usize {
    let mut taken = 0;
    let mut at = 0;
    while taken < words.len() && at < slots.len() {
        if slots[at].argument.optional {
            let run = optional_run(&slots[at..]);
            taken += fill_optionals(&mut slots[at..at + run], &words[taken..]);
            at += run;
        } else {
            match slots[at].fill(&words[taken..]) {
                0 => return 0,
                more => taken += more,
            }
            at += 1;
        }
    }
    taken
}

/// How many neighbours from the first on are optional.
fn optional_run(slots: &[Slot]) -> usize {
    slots.iter().take_while(|slot| slot.argument.optional).count()
}

fn fill_optionals(slots: &mut [Slot], words: &[Vec<u8>]) -> usize {
    let mut taken = 0;
    let mut last: Option<usize> = None;
    while taken < words.len() {
        let fit =
            slots.iter_mut().enumerate().filter(|(_, slot)| !slot.begun).find_map(|(i, slot)| {
                match slot.fill(&words[taken..]) {
                    0 => None,
                    more => Some((i, more)),
                }
            });
        let Some((i, more)) = fit else { break };
        if let Some(previous) = last {
            slots[previous].full = true;
        }
        last = Some(i);
        taken += more;
    }
    taken
}

fn write_all(out: &mut String, slots: &[Slot], separator: &str) {
    let mut parts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < slots.len() {
        if !slots[at].argument.optional {
            parts.push(slots[at].text());
            at += 1;
            continue;
        }
        let run = &slots[at..at + optional_run(&slots[at..])];
        at += run.len();
        // What is being typed comes first; the rest only while it may still come.
        let (started, untouched): (Vec<_>, Vec<_>) =
            run.iter().partition(|slot| slot.begun && !slot.full);
        parts.extend(started.iter().map(|slot| slot.text()));
        if slots.get(at).is_none_or(|next| !next.begun) {
            parts.extend(untouched.iter().map(|slot| slot.text()));
        }
    }
    parts.retain(|part| !part.is_empty());
    out.push_str(&parts.join(separator));
}

impl Slot<'_> {
    /// What is left to type of this argument; empty if nothing.
    fn text(&self) -> String {
        if self.full {
            return String::new();
        }
        let mut out = String::new();
        if let (Some(token), false) = (&self.argument.token, self.token_seen) {
            out.push_str(shown(token));
            if self.argument.kind != Kind::PureToken {
                out.push(' ');
            }
        }
        match &self.argument.kind {
            // Once a choice is made the others are no longer possible.
            Kind::OneOf(_) => match self.inner.iter().find(|choice| choice.begun) {
                Some(choice) => out.push_str(&choice.text()),
                None => write_all(&mut out, &self.inner, "|"),
            },
            Kind::Block(_) => write_all(&mut out, &self.inner, " "),
            Kind::PureToken => {}
            Kind::Word | Kind::Integer | Kind::Double => {
                if !self.value_seen {
                    out.push_str(&self.argument.name);
                }
            }
        }
        if self.argument.multiple {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&self.repetition());
        }
        if self.argument.optional && !self.begun { format!("[{out}]") } else { out }
    }

    /// `[name ...]`: it may come again, whatever was typed so far.
    fn repetition(&self) -> String {
        let mut out = String::from("[");
        if let (Some(token), true) = (&self.argument.token, self.argument.multiple_token) {
            out.push_str(shown(token));
            if self.argument.kind != Kind::PureToken {
                out.push(' ');
            }
        }
        match &self.argument.kind {
            Kind::OneOf(inner) => write_all(&mut out, &slots(inner), "|"),
            Kind::Block(inner) => write_all(&mut out, &slots(inner), " "),
            Kind::PureToken => {}
            Kind::Word | Kind::Integer | Kind::Double => out.push_str(&self.argument.name),
        }
        out.push_str(" ...]");
        out
    }
}

/// Some tokens are the empty string (SORT's `""`): shown, or nobody would know.
fn shown(token: &str) -> &str {
    if token.is_empty() { "\"\"" } else { token }
}

/// Lenient on purpose: a hint must not vanish while "10.5" is being typed.
fn starts_with_integer(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"+")).unwrap_or(word);
    digits.first().is_some_and(u8::is_ascii_digit)
}

fn starts_with_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"+")).unwrap_or(word);
    match digits {
        [b'.', digit, ..] => digit.is_ascii_digit(),
        [digit, ..] if digit.is_ascii_digit() => true,
        _ => {
            digits.len() >= 3
                && [b"inf", b"nan"].iter().any(|name| digits[..3].eq_ignore_ascii_case(*name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(name: &str) -> Argument {
        Argument { name: name.to_string(), ..Argument::default() }
    }

    fn token(name: &str) -> Argument {
        Argument { token: Some(name.to_string()), kind: Kind::PureToken, ..Argument::default() }
    }

    /// SET key value [NX|XX] [EX seconds]
    fn set() -> Vec<Argument> {
        let condition = Kind::OneOf(vec![token("NX"), token("XX")]);
        let seconds = Argument {
            token: Some("EX".to_string()),
            kind: Kind::Integer,
            optional: true,
            ..word("seconds")
        };
        vec![
            word("key"),
            word("value"),
            Argument { kind: condition, optional: true, ..Argument::default() },
            seconds,
        ]
    }

    /// CONFIG SET parameter value [parameter value ...]
    fn config_set() -> Vec<Argument> {
        let pair = Kind::Block(vec![word("parameter"), word("value")]);
        vec![Argument { kind: pair, multiple: true, ..Argument::default() }]
    }

    fn check(grammar: &[Argument], typed: &str, expected: Option<&str>) {
        let words = split_args(typed.as_bytes()).expect("balanced");
        assert_eq!(hint(grammar, &words).as_deref(), expected, "after {typed:?}");
    }

    #[test]
    fn what_was_typed_disappears_from_the_hint() {
        check(&set(), "", Some("key value [NX|XX] [EX seconds]"));
        check(&set(), "k", Some("value [NX|XX] [EX seconds]"));
        check(&set(), "k v nx", Some("[EX seconds]"));
        check(&set(), "k v NX EX 10", Some(""));
    }

    #[test]
    fn an_option_being_typed_comes_first() {
        check(&set(), "k v EX", Some("seconds [NX|XX]"));
        check(&set(), "k v EX 10 XX", Some(""));
    }

    #[test]
    fn words_that_do_not_fit_have_no_hint() {
        check(&set(), "k v EX ten", None);
        check(&set(), "k v NX XX", None);
        check(&set(), "k v EX 10 more", None);
    }

    #[test]
    fn a_repetition_may_always_go_on() {
        check(&config_set(), "", Some("parameter value [parameter value ...]"));
        check(&config_set(), "p", Some("value [parameter value ...]"));
        check(&config_set(), "p v", Some("[parameter value ...]"));
        check(&config_set(), "p v q", Some("value [parameter value ...]"));
    }
}
