//! Where the keys of a call are.
//!
//! Redis describes key positions in two steps, a *spec*: where the search begins, and how it goes
//! on. Specs follow from the grammar:
//!
//! ```text
//! key value                      Index 1            Range last 0
//! key [key …] timeout            Index 1            Range last -2 (counted from the end)
//! key value [key value …]        Index 1            Range last -1, step 2
//! script numkeys [key …]         Index 2            KeyNum count at 0, first key at 1
//! … STREAMS key [key …] id […]   Keyword STREAMS    Range last -1, limit 2 (half of the rest)
//! … [STORE key]                  Keyword STORE      Range last 0
//! ```
//!
//! A keyword is searched from the smallest index at which the grammar lets it stand.
//!
//! Two things do not follow from specs. Where a spec is unknown or incomplete (SORT, MIGRATE) the
//! grammar itself is matched against the call ([`crate::walk`]). And three commands use their key
//! differently according to other arguments, `VariableFlags`: see [`access`].
//!
//! # Invariants
//!
//! (1) A position that is handed out is at least 1 and less than argc, whatever the call says.
//! (2) Nothing is allocated beyond argc entries, whatever number a call claims.

use crate::arity::{Words, words_of, words_of_all, words_of_kind};
use crate::declare::{Arg, Begin, Command, Find, KeyFlag, KeySpec, Kind};

use KeyFlag::{Access, Delete, Incomplete, NotKey, OW, RM, RO, RW, Update, VariableFlags};

/// Why keys cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Of COMMAND GETKEYS: no such command.
    UnknownCommand,
    /// The command never has keys.
    NoKeys,
    /// Of COMMAND GETKEYS: the number of words is impossible.
    Arity,
    /// This call has none, or says nonsense about how many it has.
    Invalid,
}

impl KeyError {
    /// Redis's text, without `ERR `.
    pub fn text(self) -> &'static str {
        match self {
            KeyError::UnknownCommand => "Invalid command specified",
            KeyError::NoKeys => "The command has no key arguments",
            KeyError::Arity => "Invalid number of arguments specified for command",
            KeyError::Invalid => "Invalid arguments specified for command",
        }
    }
}

/// The key specs of a command: declared, or from the grammar.
///
/// The error is a sentence for whoever wrote the declaration.
pub fn specs<H>(command: &Command<H>, is_subcommand: bool) -> Result<Vec<KeySpec>, String> {
    if let Some(declared) = command.keys {
        return Ok(declared.to_vec());
    }
    let place = Place { min: 1 + i32::from(is_subcommand), fixed: true, keyword: None };
    let mut specs = Vec::new();
    derive(command.args, place, Words::NONE, &mut specs)?;
    Ok(specs)
}

/// Where in a call the derivation stands.
#[derive(Clone, Copy)]
struct Place {
    /// The smallest index at which the next word may stand.
    min: i32,
    /// Whether it can stand nowhere else.
    fixed: bool,
    /// The token just before, where the next word is its first value, and that token's `min`.
    keyword: Option<(&'static str, i32)>,
}

impl Place {
    fn after(self, words: Words) -> Place {
        let keyword = self.keyword.filter(|_| words == Words::NONE);
        Place { min: self.min + words.min, fixed: self.fixed && words.exact, keyword }
    }

    fn begin(self, name: &str) -> Result<Begin, String> {
        match self.keyword {
            Some((token, start)) => Ok(Begin::Keyword(token, start)),
            None if self.fixed => Ok(Begin::Index(self.min)),
            None => Err(format!("key {name:?} has no fixed place: declare `keys`")),
        }
    }
}

fn derive(
    args: &[Arg],
    mut place: Place,
    tail: Words,
    specs: &mut Vec<KeySpec>,
) -> Result<(), String> {
    // The place of an integer that counts what follows it.
    let mut count_place: Option<Place> = None;
    for (n, arg) in args.iter().enumerate() {
        let rest = &args[n + 1..];
        let tail = words_of_all(rest).then(tail);
        let inside = match arg.token {
            Some(token) if !matches!(arg.kind, Kind::PureToken) => {
                Place { min: place.min + 1, fixed: false, keyword: Some((token, place.min)) }
            }
            _ => place,
        };
        match arg.kind {
            Kind::Key(flags) if arg.multiple => {
                let halves = tail_repeats_once(rest, tail);
                specs.push(repeated(flags, arg.name, inside, count_place, 1, tail, halves)?);
            }
            Kind::Key(flags) => {
                let find = Find::Range { last: 0, step: 1, limit: 0 };
                specs.push(KeySpec { flags, begin: inside.begin(arg.name)?, find, notes: "" });
            }
            Kind::Block(parts) if arg.multiple => {
                let step = words_of_kind(&arg.kind);
                let mut at = inside;
                for part in parts {
                    if let Kind::Key(flags) = part.kind {
                        let offset = Words { min: at.min - inside.min, exact: true };
                        let count = count_place.map(|place| place.after(offset));
                        let name = part.name;
                        specs.push(repeated(flags, name, at, count, step.min, tail, false)?);
                    }
                    at = at.after(words_of(part));
                }
            }
            Kind::Block(parts) => derive(parts, inside, tail, specs)?,
            Kind::OneOf(choices) => {
                for choice in choices {
                    derive(std::slice::from_ref(choice), inside, tail, specs)?;
                }
            }
            Kind::Text
            | Kind::Integer
            | Kind::Double
            | Kind::Pattern
            | Kind::UnixTime
            | Kind::PureToken => (),
        }
        count_place = is_count(arg).then_some(inside);
        place = place.after(words_of(arg));
    }
    Ok(())
}

/// An integer called `numkeys`, `numfields` and the like counts the arguments that follow it.
pub(crate) fn is_count(arg: &Arg) -> bool {
    matches!(arg.kind, Kind::Integer) && arg.name.starts_with("num") && !arg.optional
}

/// Whether what follows is one more repeated word, so that both share the rest of the call.
fn tail_repeats_once(rest: &[Arg], tail: Words) -> bool {
    rest.len() == 1 && rest[0].multiple && tail.min == 1
}

fn repeated(
    flags: &'static [KeyFlag],
    name: &str,
    place: Place,
    count: Option<Place>,
    step: i32,
    tail: Words,
    halves: bool,
) -> Result<KeySpec, String> {
    let (begin, find) = match count {
        Some(count) => (count.begin(name)?, Find::KeyNum { count: 0, first: 1, step }),
        None if halves => (place.begin(name)?, Find::Range { last: -1, step, limit: 2 }),
        None if tail.exact => {
            (place.begin(name)?, Find::Range { last: -1 - tail.min, step, limit: 0 })
        }
        None => return Err(format!("keys {name:?} have no told end: declare `keys`")),
    };
    Ok(KeySpec { flags, begin, find, notes: "" })
}

/// First key, last key, step: what COMMAND INFO printed before there were specs; and whether
/// they miss a key (`movablekeys`). Like Redis, they cover runs of plain specs side by side.
pub fn legacy_range(specs: &[KeySpec]) -> ((i32, i32, i32), bool) {
    if let [KeySpec { flags, begin: Begin::Index(first), find, .. }] = specs
        && let Find::Range { last, step, limit: _ } = *find
    {
        let last = if last >= 0 { first + last } else { last };
        return ((*first, last, step), flags.contains(&Incomplete));
    }
    let (mut range, mut movable) = (None, false);
    for spec in specs {
        let (Begin::Index(first), Find::Range { last, step, .. }) = (spec.begin, spec.find) else {
            movable = true;
            continue;
        };
        let beside = range.is_none_or(|(_, previous_last)| previous_last == first - 1);
        if step != 1 || !beside {
            movable = true;
            continue;
        }
        movable |= spec.flags.contains(&Incomplete);
        let last = if last >= 0 { first + last } else { last };
        range = Some((range.map_or(first, |(start, _): (i32, i32)| start.min(first)), last));
    }
    match range {
        Some((first, last)) => ((first, last, 1), movable),
        None => ((0, 0, 0), !specs.is_empty()),
    }
}

/// Key positions in the form that costs nothing to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLayout {
    None,
    /// One key, at this index.
    One(u16),
    /// From `first` to `last` (negative: counted from argc) in steps.
    Range {
        first: u16,
        last: i16,
        step: u16,
    },
    /// The specs have to be followed.
    Other,
}

impl KeyLayout {
    /// Precompiles specs. Those marked `NotKey` are no keys here.
    pub fn of(specs: &[KeySpec]) -> KeyLayout {
        let mut keys = specs.iter().filter(|spec| !spec.flags.contains(&NotKey));
        let (one, more) = (keys.next(), keys.next());
        match one {
            None => KeyLayout::None,
            Some(KeySpec {
                begin: Begin::Index(first),
                find: Find::Range { last, step, limit: 0 },
                flags,
                ..
            }) if more.is_none() && !flags.contains(&Incomplete) => match (*last, *step) {
                (0, _) => KeyLayout::One(*first as u16),
                (last, step) => {
                    let last = if last > 0 { first + last } else { last };
                    KeyLayout::Range { first: *first as u16, last: last as i16, step: step as u16 }
                }
            },
            Some(_) => KeyLayout::Other,
        }
    }
}

/// Calls `f` with the position of each key and the flags of its spec, as far as specs tell.
///
/// `Err(Invalid)` where a spec is unknown, incomplete, or contradicted by the call; the positions
/// from other specs have been handed out nevertheless.
pub fn follow_specs<'a>(
    specs: &[KeySpec],
    not_keys_too: bool,
    argc: usize,
    arg: impl Fn(usize) -> &'a [u8],
    mut f: impl FnMut(usize, &'static [KeyFlag]),
) -> Result<(), KeyError> {
    let mut outcome = Ok(());
    for spec in specs {
        if spec.flags.contains(&NotKey) && !not_keys_too {
            continue;
        }
        let first = match spec.begin {
            Begin::Index(index) => index as i64,
            Begin::Keyword(word, start) => match find_word(word, start, argc, &arg) {
                Some(index) => index as i64 + 1,
                None => continue,
            },
            Begin::Unknown => {
                outcome = Err(KeyError::Invalid);
                continue;
            }
        };
        let argc = argc as i64;
        let (first, last, step) = match spec.find {
            Find::Range { last, step, .. } if last >= 0 => (first, first + last as i64, step),
            Find::Range { last, step, limit: 0 } => (first, argc + last as i64, step),
            Find::Range { last, step, limit } => {
                (first, first + (argc - first) / limit as i64 + last as i64, step)
            }
            Find::KeyNum { count, first: offset, step } => {
                let at = first + count as i64;
                let claimed = if at < argc { count_in(arg(at as usize)) } else { None };
                let Some(count) = claimed else {
                    outcome = Err(KeyError::Invalid);
                    continue;
                };
                let first = first + offset as i64;
                (first, first + (count - 1) * step as i64, step)
            }
            Find::Unknown => {
                outcome = Err(KeyError::Invalid);
                continue;
            }
        };
        if last >= argc || last < first || first >= argc {
            outcome = Err(KeyError::Invalid);
            continue;
        }
        for position in (first..=last).step_by(step.max(1) as usize) {
            f(position as usize, spec.flags);
        }
        if spec.flags.contains(&Incomplete) {
            outcome = Err(KeyError::Invalid);
        }
    }
    outcome
}

/// Where the word stands, searching forward from `start`, or backward if that is negative.
fn find_word<'a>(
    word: &str,
    start: i32,
    argc: usize,
    arg: &impl Fn(usize) -> &'a [u8],
) -> Option<usize> {
    let is_it = |&index: &usize| arg(index).eq_ignore_ascii_case(word.as_bytes());
    match usize::try_from(start) {
        // The last word introduces nothing, so it is not looked at; nor is the name, backward.
        Ok(start) => (start..argc.saturating_sub(1)).find(is_it),
        Err(_) => {
            let start = argc.checked_sub(start.unsigned_abs() as usize)?;
            (2..=start).rev().find(is_it)
        }
    }
}

/// A count as the server reads it: digits, no sign, no leading zero; too long is no count.
fn count_in(word: &[u8]) -> Option<i64> {
    let plain =
        word.iter().all(u8::is_ascii_digit) && (word.len() == 1 || word.first() != Some(&b'0'));
    if word.is_empty() || word.len() > 9 || !plain {
        return None;
    }
    Some(word.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0')))
}

/// What a command with `VariableFlags` really does with its key in this call.
///
/// SET reads the old value only if a word asks for it; BITFIELD writes only if a subcommand does.
/// Permissions such as `%R~key` depend on the difference.
pub fn access<'a>(
    command: &str,
    declared: &'static [KeyFlag],
    argc: usize,
    arg: impl Fn(usize) -> &'a [u8],
) -> &'static [KeyFlag] {
    if !declared.contains(&VariableFlags) {
        return declared;
    }
    let is = |index: usize, words: &[&str]| {
        words.iter().any(|word| arg(index).eq_ignore_ascii_case(word.as_bytes()))
    };
    match command {
        "SET" => {
            let reads = |i| is(i, &["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"]);
            if (3..argc).any(reads) { &[RW, Access, Update] } else { &[OW, Update] }
        }
        // Without a condition it is DEL.
        "DELEX" => {
            if argc > 2 {
                &[RW, Delete]
            } else {
                &[RM, Delete]
            }
        }
        "BITFIELD" => {
            let mut index = 2;
            while index < argc {
                index += match () {
                    () if is(index, &["GET"]) => 3,
                    () if is(index, &["OVERFLOW"]) => 2,
                    () => return &[RW, Access, Update],
                };
            }
            &[RO, Access]
        }
        _ => declared,
    }
}
