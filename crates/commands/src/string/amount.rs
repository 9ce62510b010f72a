//! The numbers INCREX counts in: 64-bit integers, and C's long double.

use base::decimal::LongDouble;
use engine::CmdError;
use resp::Reply;
use store::{NewValue, StrRef};

use super::counters::{float_value, long_double};

/// Numbers INCREX can count in.
pub(super) trait Amount: Copy {
    const ZERO: Self;
    const LEAST: Self;
    const GREATEST: Self;
    const LBOUND_ERROR: CmdError;
    const UBOUND_ERROR: CmdError;
    /// The keyspace event of a change.
    const EVENT: &'static str;

    fn parse(text: &[u8]) -> Option<Self>;
    /// What a key holds.
    fn held(value: StrRef<'_>) -> Result<Self, CmdError>;
    fn is_less_than(self, other: Self) -> bool;
    /// None beyond the limits of the type.
    fn plus(self, other: Self) -> Option<Self>;
    fn minus(self, other: Self) -> Result<Self, CmdError>;
    fn text(self) -> String;
    fn value(self) -> NewValue<'static>;
    fn reply(self, reply: &mut Reply<'_>);
}

impl Amount for i64 {
    const ZERO: i64 = 0;
    const LEAST: i64 = i64::MIN;
    const GREATEST: i64 = i64::MAX;
    const LBOUND_ERROR: CmdError = CmdError::LBOUND_NOT_INTEGER;
    const UBOUND_ERROR: CmdError = CmdError::UBOUND_NOT_INTEGER;
    const EVENT: &'static str = "incrby";

    fn parse(text: &[u8]) -> Option<i64> {
        base::number::parse_i64(text)
    }

    fn held(value: StrRef<'_>) -> Result<i64, CmdError> {
        value.as_i64().ok_or(CmdError::NOT_INTEGER)
    }

    fn is_less_than(self, other: i64) -> bool {
        self < other
    }

    fn plus(self, other: i64) -> Option<i64> {
        self.checked_add(other)
    }

    fn minus(self, other: i64) -> Result<i64, CmdError> {
        self.checked_sub(other).ok_or(CmdError::APPLIED_OVERFLOW)
    }

    fn text(self) -> String {
        self.to_string()
    }

    fn value(self) -> NewValue<'static> {
        NewValue::Int(self)
    }

    fn reply(self, reply: &mut Reply<'_>) {
        reply.integer(self);
    }
}

impl Amount for LongDouble {
    const ZERO: LongDouble = LongDouble::ZERO;
    const LEAST: LongDouble = LongDouble::MAX.negated();
    const GREATEST: LongDouble = LongDouble::MAX;
    const LBOUND_ERROR: CmdError = CmdError::LBOUND_NOT_FLOAT;
    const UBOUND_ERROR: CmdError = CmdError::UBOUND_NOT_FLOAT;
    const EVENT: &'static str = "incrbyfloat";

    fn parse(text: &[u8]) -> Option<LongDouble> {
        LongDouble::parse(text)
    }

    fn held(value: StrRef<'_>) -> Result<LongDouble, CmdError> {
        let held = long_double(value).ok_or(CmdError::NOT_FLOAT)?;
        if held.is_infinite() { Err(CmdError::VALUE_INFINITE) } else { Ok(held) }
    }

    fn is_less_than(self, other: LongDouble) -> bool {
        LongDouble::is_less_than(self, other)
    }

    fn plus(self, other: LongDouble) -> Option<LongDouble> {
        Some(self.add(other)).filter(|sum| !sum.is_infinite())
    }

    fn minus(self, other: LongDouble) -> Result<LongDouble, CmdError> {
        self.plus(other.negated()).ok_or(CmdError::APPLIED_INFINITE)
    }

    fn text(self) -> String {
        self.to_text()
    }

    fn value(self) -> NewValue<'static> {
        float_value(self.to_text())
    }

    fn reply(self, reply: &mut Reply<'_>) {
        reply.double_text(self.to_text().as_bytes());
    }
}
