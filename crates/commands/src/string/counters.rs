//! Adding to a number: INCR, DECR, INCRBY, DECRBY in 64-bit integers, INCRBYFLOAT in C's long
//! double.
//!
//! An integer is changed in place. A float is text, and text is what is repeated: replicas shall
//! not depend on how their processor adds ([`base::decimal`]).

use base::decimal::LongDouble;
use command::declare::*;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::{Expire, NewValue, OwnedValue, StrRef};

use Flag::{DenyOom, Fast, Write};
use KeyFlag::{Access, RW, Update};

pub(super) const INCR: Command = Command {
    name: "INCR",
    group: Group::String,
    since: "1.0.0",
    summary: "Adds one to the integer a key holds; an absent key counts as 0.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Access, Update])],
    examples: &[
        ("INCR visits", "(integer) 1"),
        ("INCR visits", "(integer) 2"),
        ("SET name ann", "OK"),
        ("INCR name", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(incr)
};

fn incr(cx: &mut Cx<'_>) -> CmdResult {
    add(cx, 1)
}

pub(super) const DECR: Command = Command {
    name: "DECR",
    group: Group::String,
    since: "1.0.0",
    summary: "Takes one from the integer a key holds; an absent key counts as 0.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Access, Update])],
    examples: &[
        ("DECR stock", "(integer) -1"),
        ("SET stock 10", "OK"),
        ("DECR stock", "(integer) 9"),
        ("DECR stock 2", "(error) ERR wrong number of arguments for 'decr' command"),
    ],
    ..Command::base(decr)
};

fn decr(cx: &mut Cx<'_>) -> CmdResult {
    add(cx, -1)
}

pub(super) const INCRBY: Command = Command {
    name: "INCRBY",
    group: Group::String,
    since: "1.0.0",
    summary: "Adds an integer to the one a key holds; an absent key counts as 0.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Access, Update]), integer("increment")],
    examples: &[
        ("INCRBY visits 5", "(integer) 5"),
        ("INCRBY visits -2", "(integer) 3"),
        ("INCRBY visits 9223372036854775807", "(error) ERR increment or decrement would overflow"),
    ],
    ..Command::base(incrby)
};

fn incrby(cx: &mut Cx<'_>) -> CmdResult {
    let increment = cx.int(2)?;
    add(cx, increment)
}

pub(super) const DECRBY: Command = Command {
    name: "DECRBY",
    group: Group::String,
    since: "1.0.0",
    summary: "Takes an integer from the one a key holds; an absent key counts as 0.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Access, Update]), integer("decrement")],
    examples: &[
        ("SET stock 10", "OK"),
        ("DECRBY stock 3", "(integer) 7"),
        ("DECRBY stock many", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(decrby)
};

fn decrby(cx: &mut Cx<'_>) -> CmdResult {
    let decrement = cx.int(2)?;
    add(cx, decrement.checked_neg().ok_or(CmdError::DECREMENT_OVERFLOW)?)
}

fn add(cx: &mut Cx<'_>, increment: i64) -> CmdResult {
    let key = cx.key(1);
    let old = match cx.db.look_string(key)? {
        Some(value) => value.as_i64().ok_or(CmdError::NOT_INTEGER)?,
        None => 0,
    };
    let new = old.checked_add(increment).ok_or(CmdError::OVERFLOW)?;
    cx.db.set_int(key, new);
    cx.db.changed(key, Class::String, "incrby", 1);
    cx.reply.integer(new);
    Ok(())
}

pub(super) const INCRBYFLOAT: Command = Command {
    name: "INCRBYFLOAT",
    group: Group::String,
    since: "2.6.0",
    summary: "Adds a floating point number to the one a key holds; an absent key counts as 0.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Access, Update]), double("increment")],
    examples: &[
        ("SET price 10.50", "OK"),
        ("INCRBYFLOAT price 0.1", "\"10.6\""),
        ("INCRBYFLOAT price -5", "\"5.6\""),
        ("SET price 5.0e3", "OK"),
        ("INCRBYFLOAT price 2.0e2", "\"5200\""),
        ("INCRBYFLOAT price cheap", "(error) ERR value is not a valid float"),
    ],
    ..Command::base(incrbyfloat)
};

fn incrbyfloat(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let old = match cx.db.look_string(key)? {
        Some(value) => long_double(value).ok_or(CmdError::NOT_FLOAT)?,
        None => LongDouble::from_i64(0),
    };
    let increment = LongDouble::parse(cx.arg(2)).ok_or(CmdError::NOT_FLOAT)?;
    let new = old.add(increment);
    if new.is_nan() || new.is_infinite() {
        return Err(CmdError::NAN_OR_INFINITY);
    }
    let text = new.to_text();
    cx.reply.bulk(text.as_bytes());
    cx.propagate(&[b"SET", key.bytes, text.as_bytes(), b"KEEPTTL"]);
    cx.db.set(key, float_value(text), Expire::Keep);
    cx.db.changed(key, Class::String, "incrbyfloat", 1);
    Ok(())
}

/// The number a string holds, as INCRBYFLOAT reads it.
pub(super) fn long_double(value: StrRef<'_>) -> Option<LongDouble> {
    match value {
        StrRef::Int(n) => Some(LongDouble::from_i64(n)),
        StrRef::Bytes(text) => LongDouble::parse(text),
    }
}

/// The sum of floats is text even where it is whole: Redis prints `embstr`, not `int`.
pub(super) fn float_value(text: String) -> NewValue<'static> {
    NewValue::Owned(OwnedValue::Bytes(text.into_bytes(), false))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_repeated};

    #[test]
    fn only_the_canonical_text_of_an_integer_can_be_counted() {
        for value in
            ["\"    11\"", "\"11    \"", "\" 11 \"", "1.0", "\"\"", "+1", "-0", "01", "0x1"]
        {
            check(&format!(
                "> SET k {value}\nOK\n> INCR k\n(error) ERR value is not an integer or out of range"
            ));
        }
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused() {
        check(
            "> SET k 9223372036854775807
            OK
            > INCR k
            (error) ERR increment or decrement would overflow
            > DECRBY k -1
            (error) ERR increment or decrement would overflow
            > DECRBY k -9223372036854775808
            (error) ERR decrement would overflow
            > INCRBY k -9223372036854775808
            (integer) -1
            > SET k -9223372036854775808
            OK
            > DECR k
            (error) ERR increment or decrement would overflow
            > GET k
            \"-9223372036854775808\"",
        );
    }

    #[test]
    fn a_string_made_by_append_can_be_counted() {
        check(
            "> APPEND k 1
            (integer) 1
            > APPEND k 2
            (integer) 2
            > INCR k
            (integer) 13
            > DECRBY k 3
            (integer) 10
            > INCRBYFLOAT k 0.5
            \"10.5\"
            > INCRBYFLOAT k 0.5
            \"11\"
            > INCR k
            (integer) 12",
        );
    }

    #[test]
    fn another_type_cannot_be_counted() {
        for call in ["INCR l", "DECRBY l 1", "INCRBYFLOAT l 1", "INCRBYFLOAT l x"] {
            check(&format!("@list l\n> {call}\n(error) WRONGTYPE *"));
        }
        check("@list l\n> INCRBY l x\n(error) ERR value is not an integer or out of range");
    }

    #[test]
    fn floats_are_added_as_redis_adds_them() {
        check(
            "> INCRBYFLOAT k 1
            \"1\"
            > INCRBYFLOAT k 0.25
            \"1.25\"
            > SET k 17179869184
            OK
            > INCRBYFLOAT k 1.5
            \"17179869185.5\"
            > SET k 1
            OK
            > INCRBYFLOAT k -1.1
            \"-0.1\"
            > SET k 3
            OK
            > INCRBYFLOAT k 1e400
            \"1*\"
            > INCRBYFLOAT k +inf
            (error) ERR increment would produce NaN or Infinity
            > INCRBYFLOAT k nan
            (error) ERR value is not a valid float
            > SET k inf
            OK
            > INCRBYFLOAT k -inf
            (error) ERR increment would produce NaN or Infinity
            > SET k \"1\\x002\"
            OK
            > INCRBYFLOAT k 1
            (error) ERR value is not a valid float",
        );
    }

    #[test]
    fn there_is_no_negative_zero() {
        check(
            "> INCRBYFLOAT k 0.0243902439024390243902
            \"0.0243902439024390*\"
            > INCRBYFLOAT k -0.0243902439024390243902
            \"*\"
            > SET k 0
            OK
            > INCRBYFLOAT k -0.0
            \"0\"",
        );
    }

    #[test]
    fn integers_are_repeated_as_sums_and_floats_as_results() {
        check_repeated(
            &["SET k 1 PX 100000", "INCR k", "DECRBY k 3", "INCRBYFLOAT k 0.5", "INCR k"],
            &["SET k 1 PXAT *", "INCR k", "DECRBY k 3", "SET k -0.5 KEEPTTL"],
        );
    }
}
