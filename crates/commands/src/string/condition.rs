//! The conditions on what a key holds: NX, XX, and comparisons with a value or its digest.
//!
//! ```text
//!              absent     string s                  another type
//!   NX         met        –                         –
//!   XX         –          met                       met
//!   IFEQ v     –          s = v                     WRONGTYPE
//!   IFNE v     met        s ≠ v                     WRONGTYPE
//!   IFDEQ d    –          digest(s) = d             WRONGTYPE
//!   IFDNE d    met        digest(s) ≠ d             WRONGTYPE
//! ```
//!
//! A digest is XXH3-64 in 16 hexadecimal digits, in either case where it is an argument.

use command::declare::{Arg, text, token};
use engine::CmdError;
use engine::db::Db;
use resp::Args;
use store::{Key, StrRef};
use xxhash_rust::xxh3::xxh3_64;

pub(super) const IFEQ: Arg = token("IFEQ", text("ifeq-value"));
pub(super) const IFNE: Arg = token("IFNE", text("ifne-value"));
pub(super) const IFDEQ: Arg = token("IFDEQ", text("ifdeq-digest"));
pub(super) const IFDNE: Arg = token("IFDNE", text("ifdne-digest"));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    NotExists,
    Exists,
    Equal(&'a [u8]),
    NotEqual(&'a [u8]),
    DigestEqual(u64),
    DigestNotEqual(u64),
}

impl<'a> Condition<'a> {
    /// Reads the condition at `index` into `condition` and says how many words it has. None: it is
    /// no condition, lacks its value, or there is another one already.
    ///
    /// Errors: a digest that is not 16 hexadecimal digits.
    pub(super) fn read_any(
        condition: &mut Option<Condition<'a>>,
        args: Args<'a>,
        index: usize,
    ) -> Result<Option<usize>, CmdError> {
        match Condition::read_existence(condition, args, index) {
            Some(words) => Ok(Some(words)),
            None => Condition::read_comparison(condition, args, index),
        }
    }

    /// As `read_any`, for commands that compare nothing. NX and XX may be repeated.
    pub(super) fn read_existence(
        condition: &mut Option<Condition<'a>>,
        args: Args<'a>,
        index: usize,
    ) -> Option<usize> {
        let word = args.at(index);
        let said = match () {
            () if word.eq_ignore_ascii_case(b"NX") => Condition::NotExists,
            () if word.eq_ignore_ascii_case(b"XX") => Condition::Exists,
            () => return None,
        };
        let agrees = condition.is_none_or(|before| before == said);
        agrees.then(|| *condition = Some(said)).map(|()| 1)
    }

    /// As `read_any`, for commands that only compare.
    pub(super) fn read_comparison(
        condition: &mut Option<Condition<'a>>,
        args: Args<'a>,
        index: usize,
    ) -> Result<Option<usize>, CmdError> {
        let word = args.at(index);
        let said = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let Some(operand) = args.get(index + 1).filter(|_| condition.is_none()) else {
            return Ok(None);
        };
        *condition = Some(match () {
            () if said("IFEQ") => Condition::Equal(operand),
            () if said("IFNE") => Condition::NotEqual(operand),
            () if said("IFDEQ") => Condition::DigestEqual(parse_digest(operand)?),
            () if said("IFDNE") => Condition::DigestNotEqual(parse_digest(operand)?),
            () => return Ok(None),
        });
        Ok(Some(2))
    }

    /// NX and XX, which hold on a replica as they held here; comparisons need not be repeated.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Condition::NotExists => Some("NX"),
            Condition::Exists => Some("XX"),
            _ => None,
        }
    }

    /// Looks the key up for writing and compares.
    ///
    /// Errors: a comparison with what is not a string.
    pub(super) fn is_met(self, db: &mut Db<'_>, key: Key<'_>) -> Result<bool, CmdError> {
        match self {
            Condition::NotExists => Ok(db.look(key).is_none()),
            Condition::Exists => Ok(db.look(key).is_some()),
            _ => Ok(self.is_met_by(db.look_string(key)?)),
        }
    }

    /// Whether it holds for this string, or for an absent key.
    pub(super) fn is_met_by(self, value: Option<StrRef<'_>>) -> bool {
        let equals = |operand: &[u8]| value.is_some_and(|value| is_text(value, operand));
        let digest_is = |digest: u64| value.is_some_and(|value| digest_of(value) == digest);
        match self {
            Condition::NotExists => value.is_none(),
            Condition::Exists => value.is_some(),
            Condition::Equal(operand) => equals(operand),
            Condition::NotEqual(operand) => !equals(operand),
            Condition::DigestEqual(digest) => digest_is(digest),
            Condition::DigestNotEqual(digest) => !digest_is(digest),
        }
    }
}

fn is_text(value: StrRef<'_>, text: &[u8]) -> bool {
    match value {
        StrRef::Int(n) => base::number::parse_i64(text) == Some(n),
        StrRef::Bytes(bytes) => bytes == text,
    }
}

/// XXH3-64 of the text.
pub(super) fn digest_of(value: StrRef<'_>) -> u64 {
    match value {
        StrRef::Int(n) => xxh3_64(n.to_string().as_bytes()),
        StrRef::Bytes(bytes) => xxh3_64(bytes),
    }
}

fn parse_digest(text: &[u8]) -> Result<u64, CmdError> {
    let error = CmdError::INVALID_DIGEST;
    if text.len() != 16 || !text.iter().all(u8::is_ascii_hexdigit) {
        return Err(error);
    }
    let text = std::str::from_utf8(text).expect("hexadecimal digits are ASCII");
    u64::from_str_radix(text, 16).map_err(|_| error)
}
