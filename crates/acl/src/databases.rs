//! Which databases: `db=0,3`, `alldbs`, `resetdbs`, as in Valkey 9.1. A user has all of them unless
//! a rule says otherwise.
//!
//! A call needs the databases that it names (SELECT, MOVE, COPY … DB, SWAPDB); all of them, if it
//! empties them (FLUSHALL); and the one that is selected, if it has keys or is about keys.

use std::collections::BTreeSet;

use command::declare::{Category, KeyFlag};
use command::table::Entry;

use crate::{Call, RuleError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Databases {
    All,
    Only(BTreeSet<u32>),
}

impl Databases {
    pub fn none() -> Databases {
        Databases::Only(BTreeSet::new())
    }

    /// What stands behind `db=`: numbers with commas between them.
    pub fn parse(list: &[u8]) -> Result<Databases, RuleError> {
        list.split(|byte| *byte == b',').map(parse_one).collect::<Result<_, _>>().map(Self::Only)
    }

    fn allows(&self, db: usize) -> bool {
        match self {
            Databases::All => true,
            Databases::Only(some) => u32::try_from(db).is_ok_and(|db| some.contains(&db)),
        }
    }

    /// The rule that makes it.
    pub fn describe(&self) -> String {
        match self {
            Databases::All => "alldbs".to_owned(),
            Databases::Only(some) if some.is_empty() => "resetdbs".to_owned(),
            Databases::Only(some) => {
                let numbers: Vec<_> = some.iter().map(u32::to_string).collect();
                format!("db={}", numbers.join(","))
            }
        }
    }

    /// Whether the call needs no database but these; else the index in argv of the word that does
    /// not fit, 0 for the command's own.
    pub(crate) fn check<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
    ) -> Result<(), usize> {
        let Databases::Only(_) = self else { return Ok(()) };
        match Needs::of(entry) {
            Needs::Nothing => Ok(()),
            Needs::Everything => Err(0),
            Needs::Named(named) => {
                named_in(named, call).try_for_each(|at| self.check_word(call, at))
            }
            Needs::Selected(named) => {
                named_in(named, call).try_for_each(|at| self.check_word(call, at))?;
                if self.allows(call.db) { Ok(()) } else { Err(0) }
            }
        }
    }

    /// A word that is no number is for the handler to refuse.
    fn check_word<'a>(
        &self,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
        at: usize,
    ) -> Result<(), usize> {
        let named = base::number::parse_i64((call.arg)(at)).and_then(|n| usize::try_from(n).ok());
        if named.is_none_or(|db| self.allows(db)) { Ok(()) } else { Err(at) }
    }
}

/// A number as C reads it, blanks and a sign before it included.
fn parse_one(text: &[u8]) -> Result<u32, RuleError> {
    let text = text.trim_ascii_start();
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(RuleError::Syntax);
    }
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<i32>().ok());
    match number {
        Some(0) => Ok(0),
        Some(number) if !is_negative => Ok(number as u32),
        _ => Err(RuleError::DatabaseOutOfRange),
    }
}

/// The databases that a command's calls need.
enum Needs {
    Nothing,
    /// Those named in the call.
    Named(Named),
    /// Those, and the selected one.
    Selected(Named),
    Everything,
}

/// Where a call names databases.
#[derive(Clone, Copy)]
enum Named {
    Nowhere,
    At(&'static [usize]),
    /// Behind the word DB, which may stand from this index on.
    BehindDb(usize),
}

impl Needs {
    fn of<H>(entry: &Entry<H>) -> Needs {
        match &*entry.full_name {
            "flushall" => Needs::Everything,
            "select" => Needs::Named(Named::At(&[1])),
            "swapdb" => Needs::Named(Named::At(&[1, 2])),
            "move" => Needs::Selected(Named::At(&[2])),
            "copy" => Needs::Selected(Named::BehindDb(3)),
            _ if is_about_keys(entry) => Needs::Selected(Named::Nowhere),
            _ => Needs::Nothing,
        }
    }
}

/// Whether it matters to calls of the command which databases are allowed.
pub(crate) fn needs_some<H>(entry: &Entry<H>) -> bool {
    !matches!(Needs::of(entry), Needs::Nothing)
}

fn is_about_keys<H>(entry: &Entry<H>) -> bool {
    const ABOUT_KEYS: u64 = Category::Keyspace.bit() | Category::Read.bit() | Category::Write.bit();
    entry.categories & ABOUT_KEYS != 0
        || entry.specs.iter().any(|spec| !spec.flags.contains(&KeyFlag::NotKey))
}

/// Indexes in argv of the words that name databases, as far as there are so many words.
fn named_in<'a>(
    named: Named,
    call: &Call<impl Fn(usize) -> &'a [u8]>,
) -> impl Iterator<Item = usize> {
    let (fixed, word) = match named {
        Named::Nowhere => (&[][..], None),
        Named::At(indexes) => (indexes, None),
        Named::BehindDb(from) => {
            let is_db = |at: &usize| (call.arg)(*at).eq_ignore_ascii_case(b"DB");
            (&[][..], (from..call.argc).find(is_db).map(|at| at + 1))
        }
    };
    let argc = call.argc;
    fixed.iter().copied().chain(word).filter(move |at| *at < argc)
}
