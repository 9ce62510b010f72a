//! When a key shall expire, as SET, GETEX, MSETEX and INCREX are told.
//!
//! ```text
//!   EX seconds   PX milliseconds     from now on
//!   EXAT …       PXAT …              a moment of unix time
//!   KEEPTTL, or PERSIST              the one word without a number that the command takes
//! ```
//!
//! 1. At most one kind is said; the same kind may be repeated, and its last number counts.
//! 2. The number is read after all options: a syntax error comes before a bad number.
//! 3. A number must be positive, and the moment it means must fit 63 bits of milliseconds.

use command::declare::{Arg, integer, token, unix_time};
use engine::{CmdError, Cx};
use resp::Args;

pub(super) const EX: Arg = token("EX", integer("seconds"));
pub(super) const PX: Arg = token("PX", integer("milliseconds"));
pub(super) const EXAT: Arg = token("EXAT", unix_time("unix-time-seconds"));
pub(super) const PXAT: Arg = token("PXAT", unix_time("unix-time-milliseconds"));

/// What the number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Ex,
    Px,
    ExAt,
    PxAt,
}

impl Unit {
    fn of(word: &[u8]) -> Option<Unit> {
        let words =
            [("EX", Unit::Ex), ("PX", Unit::Px), ("EXAT", Unit::ExAt), ("PXAT", Unit::PxAt)];
        words.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, u)| *u)
    }

    /// Whether it counts from the epoch and not from now.
    pub(super) fn is_absolute(self) -> bool {
        matches!(self, Unit::ExAt | Unit::PxAt)
    }

    /// The moment in unix milliseconds; `command` is for the error's text.
    ///
    /// Errors: not an integer; not positive, or beyond what 63 bits hold (3).
    pub(super) fn moment_ms(
        self,
        number: &[u8],
        now_ms: i64,
        command: &str,
    ) -> Result<i64, CmdError> {
        let number = base::number::parse_i64(number).ok_or(CmdError::NOT_INTEGER)?;
        let ms = match self {
            Unit::Ex | Unit::ExAt => number.checked_mul(1000),
            Unit::Px | Unit::PxAt => Some(number),
        };
        let at = match self {
            Unit::Ex | Unit::Px => ms.and_then(|ms| ms.checked_add(now_ms)),
            Unit::ExAt | Unit::PxAt => ms,
        };
        at.filter(|_| number > 0).ok_or_else(|| CmdError::invalid_expire(command))
    }
}

/// What the options say about expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ttl<'a> {
    Unsaid,
    /// KEEPTTL or PERSIST, whichever the command takes.
    ByWord,
    Moment {
        unit: Unit,
        number: &'a [u8],
    },
}

impl<'a> Ttl<'a> {
    /// Reads the option at `index` and says how many words it has. None: it is about something
    /// else, lacks its number, or contradicts an earlier one (1).
    pub(super) fn read(&mut self, args: Args<'a>, index: usize, word: &str) -> Option<usize> {
        let said = args.at(index);
        if said.eq_ignore_ascii_case(word.as_bytes()) {
            let agrees = matches!(self, Ttl::Unsaid | Ttl::ByWord);
            *self = Ttl::ByWord;
            return agrees.then_some(1);
        }
        let unit = Unit::of(said)?;
        let agrees = match self {
            Ttl::Unsaid => true,
            Ttl::ByWord => false,
            Ttl::Moment { unit: before, .. } => *before == unit,
        };
        let number = args.get(index + 1)?;
        *self = Ttl::Moment { unit, number };
        agrees.then_some(2)
    }

    /// The moment, if one was said.
    pub(super) fn moment_ms(&self, cx: &Cx<'_>) -> Result<Option<i64>, CmdError> {
        match *self {
            Ttl::Moment { unit, number } => {
                unit.moment_ms(number, cx.now_ms(), cx.name()).map(Some)
            }
            Ttl::Unsaid | Ttl::ByWord => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resp::ArgBuf;

    fn read(words: &str) -> Option<(Unit, String)> {
        let words = ArgBuf::from_iter(words.split(' '));
        let (mut ttl, mut i) = (Ttl::Unsaid, 0);
        while i < words.len() {
            i += ttl.read(words.as_args(), i, "KEEPTTL")?;
        }
        match ttl {
            Ttl::Moment { unit, number } => {
                Some((unit, String::from_utf8_lossy(number).into_owned()))
            }
            _ => None,
        }
    }

    #[test]
    fn the_last_number_of_a_repeated_option_counts() {
        assert_eq!(read("EX 1 ex 2"), Some((Unit::Ex, "2".into())));
        assert_eq!(read("pxAT 5"), Some((Unit::PxAt, "5".into())));
    }

    #[test]
    fn two_kinds_contradict_each_other() {
        for words in ["EX 1 PX 2", "EXAT 1 EX 1", "KEEPTTL EX 1", "PX 1 KEEPTTL", "PX", "PERSIST"] {
            assert_eq!(read(words), None, "{words}");
        }
    }

    #[test]
    fn a_moment_must_be_positive_and_fit() {
        let ms = |unit: Unit, text: &str| unit.moment_ms(text.as_bytes(), 1000, "set").ok();
        assert_eq!(ms(Unit::Ex, "2"), Some(3000));
        assert_eq!(ms(Unit::Px, "2"), Some(1002));
        assert_eq!(ms(Unit::ExAt, "2"), Some(2000));
        assert_eq!(ms(Unit::PxAt, "2"), Some(2));
        assert_eq!(ms(Unit::PxAt, "9223372036854775807"), Some(i64::MAX));
        for bad in ["0", "-1", "9223372036854775807", "-9223372036854775808", "1.5", " 1", ""] {
            assert_eq!(ms(Unit::Ex, bad), None, "{bad}");
        }
        assert_eq!(ms(Unit::Px, "9223372036854775807"), None);
    }

    #[test]
    fn the_error_names_the_command() {
        let error = Unit::Ex.moment_ms(b"0", 1, "setex").unwrap_err();
        assert_eq!(error.0, "ERR invalid expire time in 'setex' command");
        assert_eq!(Unit::Ex.moment_ms(b"x", 1, "setex"), Err(CmdError::NOT_INTEGER));
    }
}
