//! How many words a call has, from the grammar.
//!
//! ```text
//! GET key                          2     exactly
//! SET key value [EX seconds]      -3     at least, the name included
//! OBJECT FREQ key                  3     the container's name counts
//! OBJECT                          -2     a container wants a subcommand
//! ```
//!
//! An argument that is optional or repeated makes the count open. An `arity` in the declaration
//! wins, but it may not exclude every call that the grammar allows: [`contradiction`] tells.

use crate::declare::{Arg, Command, Kind};

/// How many words a piece of grammar takes: `min`, and whether never more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) min: i32,
    pub(crate) exact: bool,
}

impl Words {
    pub(crate) const NONE: Words = Words { min: 0, exact: true };

    pub(crate) fn then(self, other: Words) -> Words {
        Words { min: self.min + other.min, exact: self.exact && other.exact }
    }
}

/// Words of arguments that follow one another.
pub(crate) fn words_of_all(args: &[Arg]) -> Words {
    args.iter().fold(Words::NONE, |sum, arg| sum.then(words_of(arg)))
}

/// Words of one argument, its token included.
pub(crate) fn words_of(arg: &Arg) -> Words {
    let once = words_of_one_value(arg);
    let min = if arg.optional { 0 } else { once.min };
    Words { min, exact: once.exact && !arg.optional && !arg.multiple }
}

/// Words when the argument is there, and only once.
pub(crate) fn words_of_one_value(arg: &Arg) -> Words {
    let value = words_of_kind(&arg.kind);
    let introduced = arg.token.is_some() && !matches!(arg.kind, Kind::PureToken);
    Words { min: value.min + i32::from(introduced), exact: value.exact }
}

/// Words of the value alone, without its token.
pub(crate) fn words_of_kind(kind: &Kind) -> Words {
    match kind {
        Kind::Block(parts) => words_of_all(parts),
        Kind::OneOf(choices) => {
            let all: Vec<Words> = choices.iter().map(words_of).collect();
            let min = all.iter().map(|words| words.min).min().unwrap_or(0);
            Words { min, exact: all.iter().all(|words| words.exact && words.min == min) }
        }
        Kind::Key(_)
        | Kind::Text
        | Kind::Integer
        | Kind::Double
        | Kind::Pattern
        | Kind::UnixTime
        | Kind::PureToken => Words { min: 1, exact: true },
    }
}

/// Redis's arity: words of a call with the name (and the container's); negative: at least.
pub fn arity<H>(command: &Command<H>, is_subcommand: bool) -> i32 {
    if let Some(declared) = command.arity {
        return declared;
    }
    if !command.subcommands.is_empty() {
        return -2;
    }
    let words = with_name(command, is_subcommand);
    if words.exact { words.min } else { -words.min }
}

/// Whether this many words, the name included, may be a call.
#[inline]
pub fn arity_allows(arity: i32, argc: usize) -> bool {
    if arity >= 0 { argc == arity as usize } else { argc >= arity.unsigned_abs() as usize }
}

/// Why a declared arity and the grammar cannot both be right.
pub fn contradiction<H>(command: &Command<H>, is_subcommand: bool) -> Option<String> {
    let declared = command.arity?;
    // A command that documents no arguments (DEBUG) has no grammar to contradict.
    if !command.subcommands.is_empty() || command.args.is_empty() {
        return None;
    }
    let words = with_name(command, is_subcommand);
    let (min, exact) = (declared.abs(), declared > 0);
    let disjoint = (exact && min < words.min) || (words.exact && words.min < min);
    disjoint.then(|| format!("arity {declared} is declared, the grammar takes {words:?}"))
}

fn with_name<H>(command: &Command<H>, is_subcommand: bool) -> Words {
    let name = Words { min: 1 + i32::from(is_subcommand), exact: true };
    name.then(words_of_all(command.args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::*;

    const BASE: Command<()> = Command::base(());

    #[test]
    fn a_fixed_grammar_gives_an_exact_arity() {
        const GET: Command<()> = Command { args: &[key("key", &[])], ..BASE };
        assert_eq!(arity(&GET, false), 2);
        assert_eq!(arity(&GET, true), 3);
    }

    #[test]
    fn optional_and_repeated_arguments_make_it_open() {
        const SET: Command<()> = Command {
            args: &[key("key", &[]), text("value"), opt(token("EX", integer("seconds")))],
            ..BASE
        };
        const DEL: Command<()> = Command { args: &[many(key("key", &[]))], ..BASE };
        assert_eq!(arity(&SET, false), -3);
        assert_eq!(arity(&DEL, false), -2);
    }

    #[test]
    fn choices_of_one_length_stay_exact() {
        const ONOFF: Command<()> =
            Command { args: &[one_of("switch", &[flag("ON"), flag("OFF")])], ..BASE };
        const MIXED: Command<()> =
            Command { args: &[one_of("id", &[flag("*"), token("AT", text("id"))])], ..BASE };
        assert_eq!(arity(&ONOFF, false), 2);
        assert_eq!(arity(&MIXED, false), -2);
    }

    #[test]
    fn a_declared_arity_wins_unless_it_excludes_the_grammar() {
        const QUIT: Command<()> = Command { arity: Some(-1), ..BASE };
        const WRONG: Command<()> = Command { arity: Some(-3), args: &[text("a")], ..BASE };
        assert_eq!(arity(&QUIT, false), -1);
        assert!(contradiction(&QUIT, false).is_none());
        assert!(contradiction(&WRONG, false).is_some());
    }

    #[test]
    fn negative_arity_is_a_lower_bound() {
        assert!(arity_allows(-2, 2) && arity_allows(-2, 9) && !arity_allows(-2, 1));
        assert!(arity_allows(2, 2) && !arity_allows(2, 3));
    }
}
