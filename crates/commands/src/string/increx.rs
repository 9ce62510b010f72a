//! INCREX: a counter with bounds and an expiry, for windows of rate limits, quotas and stocks.
//!
//! ```text
//!              old + increment
//!      ───────┤ LBOUND      UBOUND ├───────
//!      beyond   │    within     │   beyond       without SATURATE: nothing happens, [old, 0]
//!               │   [sum, inc]  │                with SATURATE: [bound, bound − old]
//! ```
//!
//! The reply is the value and the increment that was applied, so a caller sees in one look whether
//! it was counted. Bounds that are not said are those of the type, so overflow is no error but
//! beyond a bound. A value that was outside already is judged by the sum alone.
//!
//! Only what is applied touches the expiry. ENX gives one only to a key that has none: the first
//! call opens a window and the others fall into it. A moment that has passed removes the key.
//!
//! The same steps serve integers and floats; what differs is in `amount.rs`.
//!
//! It is repeated as the SET that leads to the same value and moment, or as DEL.

use base::decimal::LongDouble;
use command::declare::*;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::Expire;

use Flag::{DenyOom, Fast, Write};
use KeyFlag::{Access, RW, Update};

use super::amount::Amount;
use super::expire::{EX, EXAT, PX, PXAT, Ttl};

pub(super) const INCREX: Command = Command {
    name: "INCREX",
    group: Group::String,
    since: "8.8.0",
    summary: "Adds to the number a key holds, within bounds, and sets the key's expiry.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[
        key("key", &[RW, Access, Update]),
        opt(one_of(
            "increment",
            &[token("BYFLOAT", double("float")), token("BYINT", integer("integer"))],
        )),
        opt(token("LBOUND", text("lowerbound"))),
        opt(token("UBOUND", text("upperbound"))),
        opt(flag("SATURATE")),
        // ENX goes with a moment only; in COMMAND DOCS Redis says it apart from PERSIST.
        opt(one_of(
            "expiration",
            &[
                block("lifetime", &[one_of("moment", &[EX, PX, EXAT, PXAT]), opt(flag("ENX"))]),
                flag("PERSIST"),
            ],
        )),
    ],
    examples: &[
        ("INCREX calls UBOUND 2 EX 60 ENX", "1) (integer) 1\n2) (integer) 1"),
        ("INCREX calls UBOUND 2 EX 60 ENX", "1) (integer) 2\n2) (integer) 1"),
        ("INCREX calls UBOUND 2 EX 60 ENX", "1) (integer) 2\n2) (integer) 0"),
        ("INCREX stock BYINT -5 LBOUND -3 SATURATE", "1) (integer) -3\n2) (integer) -3"),
        ("INCREX price BYFLOAT 0.5", "1) \"0.5\"\n2) \"0.5\""),
        ("INCREX price BYINT 1", "(error) ERR value is not an integer or out of range"),
        ("INCREX calls ENX", "(error) ERR ENX flag requires an expiration"),
    ],
    ..Command::base(increx)
};

fn increx(cx: &mut Cx<'_>) -> CmdResult {
    let options = Options::read(cx)?;
    let moment_ms = options.ttl.moment_ms(cx)?;
    match options.increment {
        Increment::Float(text) => {
            let by = LongDouble::parse(text).ok_or(CmdError::INCREMENT_NOT_FLOAT)?;
            if by.is_infinite() {
                return Err(CmdError::INCREMENT_INFINITE);
            }
            apply(cx, Step::read(by, &options)?, &options, moment_ms)
        }
        Increment::Int(text) => {
            let by = base::number::parse_i64(text).ok_or(CmdError::INCREMENT_NOT_INTEGER)?;
            apply(cx, Step::read(by, &options)?, &options, moment_ms)
        }
        Increment::Unsaid => apply(cx, Step::read(1, &options)?, &options, moment_ms),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Increment<'a> {
    Unsaid,
    Int(&'a [u8]),
    Float(&'a [u8]),
}

struct Options<'a> {
    increment: Increment<'a>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    saturate: bool,
    ttl: Ttl<'a>,
    only_without_expire: bool,
}

impl<'a> Options<'a> {
    fn read(cx: &Cx<'a>) -> Result<Options<'a>, CmdError> {
        let mut options = Options {
            increment: Increment::Unsaid,
            lower: None,
            upper: None,
            saturate: false,
            ttl: Ttl::Unsaid,
            only_without_expire: false,
        };
        let mut i = 2;
        while i < cx.argc() {
            i += options.read_one(cx, i).ok_or(CmdError::SYNTAX)?;
        }
        match (options.only_without_expire, options.ttl) {
            (true, Ttl::Unsaid) => Err(CmdError::ENX_WITHOUT_EXPIRE),
            (true, Ttl::ByWord) => Err(CmdError::SYNTAX),
            _ => Ok(options),
        }
    }

    /// Reads the option at `i` and says how many words it has. None: no option, or said before.
    fn read_one(&mut self, cx: &Cx<'a>, i: usize) -> Option<usize> {
        if cx.is_word(i, "SATURATE") {
            return (!std::mem::replace(&mut self.saturate, true)).then_some(1);
        }
        if cx.is_word(i, "ENX") {
            return (!std::mem::replace(&mut self.only_without_expire, true)).then_some(1);
        }
        let bound = match () {
            () if cx.is_word(i, "LBOUND") => Some(&mut self.lower),
            () if cx.is_word(i, "UBOUND") => Some(&mut self.upper),
            () => None,
        };
        if let Some(bound) = bound {
            return bound.replace(cx.args.get(i + 1)?).is_none().then_some(2);
        }
        let by_int = cx.is_word(i, "BYINT");
        if by_int || cx.is_word(i, "BYFLOAT") {
            let text = cx.args.get(i + 1)?;
            let said = if by_int { Increment::Int(text) } else { Increment::Float(text) };
            let before = std::mem::replace(&mut self.increment, said);
            return (before == Increment::Unsaid).then_some(2);
        }
        (self.ttl == Ttl::Unsaid).then(|| self.ttl.read(cx.args, i, "PERSIST"))?
    }
}

/// What is to be added, and within what.
struct Step<N> {
    by: N,
    lower: N,
    upper: N,
    saturate: bool,
}

impl<N: Amount> Step<N> {
    fn read(by: N, options: &Options<'_>) -> Result<Step<N>, CmdError> {
        let bound = |text: Option<&[u8]>, unsaid: N, error: CmdError| match text {
            Some(text) => N::parse(text).ok_or(error),
            None => Ok(unsaid),
        };
        let lower = bound(options.lower, N::LEAST, N::LBOUND_ERROR)?;
        let upper = bound(options.upper, N::GREATEST, N::UBOUND_ERROR)?;
        if upper.is_less_than(lower) {
            return Err(CmdError::BOUNDS_CROSSED);
        }
        Ok(Step { by, lower, upper, saturate: options.saturate })
    }

    /// The new value and the increment that leads there. None: it would be beyond a bound.
    fn from(&self, old: N) -> Result<Option<(N, N)>, CmdError> {
        let bound = match old.plus(self.by) {
            Some(sum) if self.upper.is_less_than(sum) => self.upper,
            Some(sum) if sum.is_less_than(self.lower) => self.lower,
            Some(sum) => return Ok(Some((sum, self.by))),
            None if self.by.is_less_than(N::ZERO) => self.lower,
            None => self.upper,
        };
        if !self.saturate {
            return Ok(None);
        }
        Ok(Some((bound, bound.minus(old)?)))
    }
}

fn apply<N: Amount>(
    cx: &mut Cx<'_>,
    step: Step<N>,
    options: &Options<'_>,
    moment_ms: Option<i64>,
) -> CmdResult {
    let key = cx.key(1);
    let (old, expires) = match cx.db.look(key) {
        Some(record) => {
            let value = record.string().ok_or(CmdError::WRONG_TYPE)?;
            (N::held(value)?, record.has_expire())
        }
        None => (N::ZERO, false),
    };
    let applied = step.from(old)?;
    let (value, increment) = applied.unwrap_or((old, N::ZERO));
    cx.reply.array(2);
    value.reply(&mut cx.reply);
    increment.reply(&mut cx.reply);
    if applied.is_none() {
        return Ok(());
    }
    let expire = match (options.ttl, moment_ms) {
        (_, Some(_)) if options.only_without_expire && expires => Expire::Keep,
        (_, Some(ms)) if cx.db.expiry_clock().is_due(ms) => {
            cx.db.delete_as_due(key);
            return Ok(());
        }
        (_, Some(ms)) => Expire::At(ms),
        (Ttl::ByWord, None) => Expire::Clear,
        (_, None) => Expire::Keep,
    };
    cx.db.set(key, value.value(), expire);
    cx.db.changed(key, Class::String, N::EVENT, 1);
    let text = value.text();
    let set: [&[u8]; 3] = [b"SET", key.bytes, text.as_bytes()];
    let [name, key_bytes, text] = set;
    match expire {
        Expire::At(ms) => {
            cx.db.notify(Class::Generic, "expire", key);
            cx.propagate(&[name, key_bytes, text, b"PXAT", ms.to_string().as_bytes()]);
        }
        Expire::Keep => cx.propagate(&[name, key_bytes, text, b"KEEPTTL"]),
        Expire::Clear => {
            if expires {
                cx.db.notify(Class::Generic, "persist", key);
            }
            cx.propagate(&set);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_repeated};

    fn replies(lines: &[(&str, &str, &str)]) {
        let mut transcript = String::new();
        for (call, value, increment) in lines {
            transcript.push_str(&format!("> {call}\n"));
            if !value.is_empty() {
                transcript.push_str(&format!("1) {value}\n2) {increment}\n"));
            } else {
                transcript.push_str(&format!("{increment}\n"));
            }
        }
        check(&transcript);
    }

    /// Sets the key, calls, and compares the two integers and what the key holds then.
    fn integers(set: &str, call: &str, value: i64, increment: i64) {
        check(&format!(
            "> SET k {set}\nOK\n> INCREX k {call}\n1) (integer) {value}\n2) (integer) {increment}\n\
             > GET k\n\"{value}\""
        ));
    }

    fn floats(set: &str, call: &str, value: &str, increment: &str) {
        check(&format!(
            "> SET k {set}\nOK\n> INCREX k BYFLOAT {call}\n1) \"{value}\"\n2) \"{increment}\""
        ));
    }

    fn fails(set: &str, call: &str, error: &str) {
        check(&format!(
            "> SET k {set}\nOK\n> INCREX k {call}\n(error) ERR {error}\n> GET k\n\"{set}\""
        ));
    }

    #[test]
    fn an_absent_key_counts_as_zero_and_one_is_added() {
        replies(&[
            ("INCREX k", "(integer) 1", "(integer) 1"),
            ("INCREX k", "(integer) 2", "(integer) 1"),
            ("INCREX k BYINT -10", "(integer) -8", "(integer) -10"),
            ("INCREX k BYINT 0", "(integer) -8", "(integer) 0"),
            ("INCREX k BYFLOAT 0.25", "\"-7.75\"", "\"0.25\""),
        ]);
    }

    #[test]
    fn beyond_a_bound_nothing_happens() {
        integers("10", "BYINT 10 UBOUND 15", 10, 0);
        integers("10", "BYINT -10 LBOUND 5", 10, 0);
        integers("5", "BYINT 5 LBOUND 0 UBOUND 10", 10, 5);
        integers("50", "BYINT 5 UBOUND 30", 50, 0);
        integers("50", "BYINT -25 UBOUND 30", 25, -25);
        integers("9223372036854775800", "BYINT 9223372036854775800", 9223372036854775800, 0);
        floats("50.5", "5.5 UBOUND 30", "50.5", "0");
        floats("10", "5.0 UBOUND 15", "15", "5");
        floats("1e4932", "1e4932", "1*", "0");
        replies(&[
            ("INCREX n BYINT 5 LBOUND 10", "(integer) 0", "(integer) 0"),
            ("GET n", "", "(nil)"),
            ("INCREX n UBOUND 0 SATURATE", "(integer) 0", "(integer) 0"),
            ("GET n", "", "\"0\""),
        ]);
    }

    #[test]
    fn saturate_goes_up_to_the_bound() {
        integers("50", "BYINT 100 UBOUND 80 SATURATE", 80, 30);
        integers("50", "BYINT 5 UBOUND 30 SATURATE", 30, -20);
        integers("9223372036854775800", "BYINT 9223372036854775800 SATURATE", i64::MAX, 7);
        integers("-9223372036854775800", "BYINT -9223372036854775800 SATURATE", i64::MIN, -8);
        integers("10", "BYINT 9223372036854775807 UBOUND 100 SATURATE", 100, 90);
        integers("5", "LBOUND 0 BYINT 100 UBOUND 10 SATURATE", 10, 5);
        floats("10", "100 UBOUND 42.5 SATURATE", "42.5", "32.5");
        floats("0", "-100 LBOUND -5.5 SATURATE", "-5.5", "-5.5");
        floats("10", "-6.0 LBOUND 8.0 SATURATE", "8", "-2");
        floats("10", "1e4932 UBOUND 100 SATURATE", "100", "90");
    }

    #[test]
    fn an_increment_that_cannot_be_said_is_an_error() {
        fails(
            "9223372036854775800",
            "BYINT 1 SATURATE UBOUND -9223372036854775808",
            "applied increment would overflow",
        );
        fails(
            "10",
            "BYFLOAT 1 LBOUND inf UBOUND inf SATURATE",
            "applied increment would be Infinity",
        );
    }

    #[test]
    fn what_is_no_number_is_refused() {
        fails("10", "BYINT 1.5", "Increment is not an integer or out of range");
        fails("10", "BYFLOAT abc", "Increment is not a valid float");
        fails("10", "BYFLOAT -inf", "BYFLOAT increment cannot be Infinity");
        fails("inf", "BYFLOAT 1", "value cannot be Infinity");
        fails("10", "UBOUND 12.5", "UBOUND is not an integer or out of range");
        fails("10", "LBOUND abc", "LBOUND is not an integer or out of range");
        fails("10", "BYFLOAT 1 LBOUND abc", "LBOUND is not a valid float");
        fails("10", "LBOUND 10 UBOUND 5", "LBOUND can't be greater than UBOUND");
        fails("10", "BYFLOAT 1.0 UBOUND -inf", "LBOUND can't be greater than UBOUND");
        fails("hello", "BYFLOAT 1.5", "value is not a valid float");
        fails("1.5", "", "value is not an integer or out of range");
        check("@list l\n> INCREX l\n(error) WRONGTYPE *");
    }

    #[test]
    fn no_option_may_be_said_twice() {
        for options in [
            "FOO",
            "BYINT 1 BYINT 2",
            "BYINT 1 BYFLOAT 1",
            "LBOUND 0 LBOUND 1",
            "UBOUND 9 UBOUND 8",
            "SATURATE SATURATE",
            "ENX ENX EX 10",
            "PERSIST PERSIST",
            "EX 10 EX 20",
            "EX 10 PX 20",
            "EX 10 PERSIST",
            "PERSIST ENX",
            "ENX PERSIST",
            "LBOUND",
            "BYINT",
            "EX",
            "KEEPTTL",
        ] {
            fails("10", options, "syntax error");
        }
        fails("10", "ENX", "ENX flag requires an expiration");
        fails("10", "EX 0", "invalid expire time in 'increx' command");
    }

    #[test]
    fn the_set_that_leads_there_is_repeated() {
        check_repeated(
            &[
                "INCREX k BYINT 7",
                "INCREX k BYFLOAT 0.5",
                "INCREX k BYFLOAT 100 UBOUND 42.5 SATURATE",
                "INCREX k BYFLOAT 1 UBOUND 42.5 EX 100",
                "INCREX k BYFLOAT -1 EX 100 ENX",
                "INCREX k BYFLOAT 1 PX 1 ENX",
                "INCREX k BYFLOAT 1 EXAT 1 ENX",
                "INCREX k BYFLOAT 1 PERSIST",
                "INCREX k BYFLOAT 1 PXAT 9999999999999",
                "INCREX k BYFLOAT 1 PXAT 1",
                "INCREX k PXAT 1",
            ],
            &[
                "SET k 7 KEEPTTL",
                "SET k 7.5 KEEPTTL",
                "SET k 42.5 KEEPTTL",
                "SET k 41.5 PXAT *",
                "SET k 42.5 KEEPTTL",
                "SET k 43.5 KEEPTTL",
                "SET k 44.5",
                "SET k 45.5 PXAT 9999999999999",
                "DEL k",
            ],
        );
    }
}
