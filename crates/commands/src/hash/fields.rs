//! What many commands about fields are told: which fields, and which moment.
//!
//! ```text
//!   … FIELDS numfields field [field …]          the words must be as many as the number says
//!   EX seconds  PX ms  EXAT …  PXAT …           below 2^46 ms, some 2,200 years
//! ```

use command::declare::{Arg, block, integer, many, text, token};
use engine::{CmdError, Cx};
use resp::Args;

/// Moments of fields lie before this one: it leaves two bits of 48, as Redis does.
const MOMENT_MS_MAX: i64 = (1 << 46) - 1;

/// `FIELDS numfields field [field …]`, last in a grammar.
pub(super) const FIELDS: Arg =
    token("FIELDS", block("fields", &[integer("numfields"), many(text("field"))]));

/// Reads [`FIELDS`] from the argument at `at` on, which is there, and its number too.
///
/// Errors: another word; `bad_number` for no number above 0; another number of fields.
pub(super) fn read_fields<'a>(
    cx: &Cx<'a>,
    at: usize,
    bad_number: CmdError,
) -> Result<Args<'a>, CmdError> {
    if !cx.is_word(at, "FIELDS") {
        return Err(CmdError::FIELDS_MISSING);
    }
    let number = base::number::parse_i64(cx.arg(at + 1)).filter(|&n| n >= 1).ok_or(bad_number)?;
    let fields = cx.args.from_index(at + 2);
    if number != fields.len() as i64 {
        return Err(CmdError::NUMFIELDS_MISMATCH);
    }
    Ok(fields)
}

/// What the number of a moment counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

/// How a moment is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) unit: Unit,
    /// It counts from 1970, not from now.
    pub(super) is_absolute: bool,
}

pub(super) const EX: Said = Said { unit: Unit::Seconds, is_absolute: false };
pub(super) const PX: Said = Said { unit: Unit::Milliseconds, is_absolute: false };
pub(super) const EXAT: Said = Said { unit: Unit::Seconds, is_absolute: true };
pub(super) const PXAT: Said = Said { unit: Unit::Milliseconds, is_absolute: true };

impl Said {
    /// The way that a word of HGETEX or HSETEX says.
    pub(super) fn of_word(cx: &Cx<'_>, at: usize) -> Option<Said> {
        let ways = [("EX", EX), ("PX", PX), ("EXAT", EXAT), ("PXAT", PXAT)];
        ways.into_iter().find(|(word, _)| cx.is_word(at, word)).map(|(_, said)| said)
    }

    /// The moment in unix ms that the argument at `at` means.
    ///
    /// Errors: no integer, a negative one, or one beyond what fields can have.
    pub(super) fn moment_ms(self, cx: &Cx<'_>, at: usize) -> Result<i64, CmdError> {
        let number = cx.int(at)?;
        if number < 0 {
            return Err(CmdError::EXPIRE_NEGATIVE);
        }
        let from_ms = if self.is_absolute { 0 } else { cx.now_ms() };
        let ms = match self.unit {
            Unit::Seconds => number.checked_mul(1000),
            Unit::Milliseconds => Some(number),
        };
        ms.and_then(|ms| ms.checked_add(from_ms))
            .filter(|&ms| ms <= MOMENT_MS_MAX)
            .ok_or_else(|| CmdError::invalid_expire(cx.name()))
    }
}
