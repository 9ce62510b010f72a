//! Parts of a string: APPEND, SETRANGE, GETRANGE, SUBSTR, STRLEN.
//!
//! A string that was changed in part is no longer looked at for being a number: it prints as `raw`
//! until it is set anew. No string may grow beyond `proto-max-bulk-len`.

use command::declare::*;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::{Expire, NewValue, StrRef};

use Flag::{DenyOom, Fast, ReadOnly, Write};
use KeyFlag::{Access, Insert, RO, RW, Update};

pub(super) const APPEND: Command = Command {
    name: "APPEND",
    group: Group::String,
    since: "2.0.0",
    summary: "Adds bytes to the end of the string a key holds, or stores them if there is none.",
    complexity: "O(M), M being the number of bytes added, on average: a string that grows is given room to grow.",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Insert]), text("value")],
    examples: &[
        ("APPEND log one", "(integer) 3"),
        ("APPEND log ,two", "(integer) 7"),
        ("GET log", "\"one,two\""),
        ("APPEND log", "(error) ERR wrong number of arguments for 'append' command"),
    ],
    ..Command::base(append)
};

fn append(cx: &mut Cx<'_>) -> CmdResult {
    let (key, tail) = (cx.key(1), cx.arg(2));
    let len = match cx.db.look_string(key)? {
        Some(value) => {
            let len = value.len();
            let end = end_within_limit(cx, len, tail)?;
            cx.db.resize_string(key, end)[len..].copy_from_slice(tail);
            end
        }
        None => {
            cx.db.set(key, NewValue::Text(tail), Expire::Clear);
            tail.len()
        }
    };
    cx.db.changed(key, Class::String, "append", 1);
    cx.reply.integer(len as i64);
    Ok(())
}

pub(super) const STRLEN: Command = Command {
    name: "STRLEN",
    group: Group::String,
    since: "2.2.0",
    summary: "Returns the length of the string a key holds, in bytes.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO])],
    examples: &[
        ("SET greeting hello", "OK"),
        ("STRLEN greeting", "(integer) 5"),
        ("STRLEN nokey", "(integer) 0"),
        ("STRLEN", "(error) ERR wrong number of arguments for 'strlen' command"),
    ],
    ..Command::base(strlen)
};

fn strlen(cx: &mut Cx<'_>) -> CmdResult {
    let len = cx.db.string(cx.key(1))?.map_or(0, |value| value.len());
    cx.reply.integer(len as i64);
    Ok(())
}

pub(super) const GETRANGE: Command = Command {
    name: "GETRANGE",
    group: Group::String,
    since: "2.4.0",
    summary: "Returns the bytes from one index to another, both included, of the string a key holds.",
    complexity: "O(N), N being the number of bytes returned.",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access]), integer("start"), integer("end")],
    examples: &[
        ("SET greeting hello", "OK"),
        ("GETRANGE greeting 1 3", "\"ell\""),
        ("GETRANGE greeting -2 -1", "\"lo\""),
        ("GETRANGE greeting 9 10", "\"\""),
        ("GETRANGE greeting a b", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(getrange)
};

pub(super) const SUBSTR: Command = Command {
    name: "SUBSTR",
    since: "1.0.0",
    summary: "An older name of GETRANGE.",
    deprecated: Some(("2.0.0", "`GETRANGE`")),
    examples: &[
        ("SET greeting hello", "OK"),
        ("SUBSTR greeting 0 0", "\"h\""),
        ("SUBSTR greeting 0", "(error) ERR wrong number of arguments for 'substr' command"),
    ],
    ..GETRANGE
};

fn getrange(cx: &mut Cx<'_>) -> CmdResult {
    let (start, stop) = (cx.int(2)?, cx.int(3)?);
    let value = cx.db.string(cx.key(1))?.unwrap_or(StrRef::Bytes(b""));
    let mut scratch = Vec::new();
    let bytes = value.as_bytes(&mut scratch);
    cx.reply.bulk(slice(bytes, start, stop));
    Ok(())
}

/// The bytes from `start` to `stop`, both included; negative ones count from the end, -1 the last.
fn slice(bytes: &[u8], start: i64, stop: i64) -> &[u8] {
    // Both before the beginning are not both the beginning: nothing is between -3 and -5.
    if start < 0 && stop < 0 && start > stop {
        return b"";
    }
    let len = bytes.len() as i64;
    let index = |n: i64| if n < 0 { (n + len).max(0) } else { n };
    let (start, stop) = (index(start), index(stop).min(len - 1));
    if start > stop { b"" } else { &bytes[start as usize..=stop as usize] }
}

pub(super) const SETRANGE: Command = Command {
    name: "SETRANGE",
    group: Group::String,
    since: "2.2.0",
    summary: "Overwrites bytes from an offset of the string a key holds; what lies between is zero.",
    complexity: "O(M), M being the number of bytes written, plus the growth.",
    flags: &[Write, DenyOom],
    args: &[key("key", &[RW, Update]), integer("offset"), text("value")],
    examples: &[
        ("SET greeting \"hello world\"", "OK"),
        ("SETRANGE greeting 6 redis", "(integer) 11"),
        ("GET greeting", "\"hello redis\""),
        ("SETRANGE padded 2 x", "(integer) 3"),
        ("GET padded", "\"\\x00\\x00x\""),
        ("SETRANGE greeting -1 x", "(error) ERR offset is out of range"),
    ],
    ..Command::base(setrange)
};

fn setrange(cx: &mut Cx<'_>) -> CmdResult {
    let (key, bytes) = (cx.key(1), cx.arg(3));
    let offset = usize::try_from(cx.int(2)?).map_err(|_| CmdError::OFFSET_OUT_OF_RANGE)?;
    let len = cx.db.look_string(key)?.map_or(0, |value| value.len());
    if bytes.is_empty() {
        cx.reply.integer(len as i64);
        return Ok(());
    }
    let end = end_within_limit(cx, offset, bytes)?;
    let len = len.max(end);
    cx.db.resize_string(key, len)[offset..end].copy_from_slice(bytes);
    cx.db.changed(key, Class::String, "setrange", 1);
    cx.reply.integer(len as i64);
    Ok(())
}

/// Where `bytes` written at `offset` end.
///
/// Errors: the string would be longer than `proto-max-bulk-len` allows.
fn end_within_limit(cx: &Cx<'_>, offset: usize, bytes: &[u8]) -> Result<usize, CmdError> {
    let end = offset.checked_add(bytes.len());
    end.filter(|end| *end <= cx.engine.settings.bulk_bytes_max()).ok_or(CmdError::STRING_TOO_LONG)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::slice;

    #[test]
    fn a_slice_is_what_is_left_of_the_range() {
        // Found with Redis 8.0.6 on "foobar" and on the empty string.
        for (start, stop, expected) in [
            (0, 2, "foo"),
            (0, -1, "foobar"),
            (-3, -1, "bar"),
            (5, 3, ""),
            (0, 99, "foobar"),
            (-99, 1, "fo"),
            (-99, -99, "f"),
            (-5, -99, ""),
            (6, 9, ""),
            (i64::MIN, i64::MAX, "foobar"),
            (i64::MAX, i64::MIN, ""),
            (0, i64::MIN, "f"),
        ] {
            assert_eq!(slice(b"foobar", start, stop), expected.as_bytes(), "{start} {stop}");
            assert_eq!(slice(b"", start, stop), b"", "{start} {stop}");
        }
    }

    #[test]
    fn ranges_of_an_integer_are_those_of_its_text() {
        check(
            "> SET k 1234
            OK
            > GETRANGE k 0 1
            \"12\"
            > STRLEN k
            (integer) 4
            > SETRANGE k 1 x
            (integer) 4
            > GET k
            \"1x34\"
            > SET k -12
            OK
            > APPEND k 3
            (integer) 4
            > GET k
            \"-123\"",
        );
    }

    #[test]
    fn nothing_written_creates_nothing() {
        check(
            "> SETRANGE k 0 \"\"
            (integer) 0
            > GET k
            (nil)
            > SETRANGE k 999999999999 \"\"
            (integer) 0
            > SET k v
            OK
            > SETRANGE k 5 \"\"
            (integer) 1
            > APPEND k \"\"
            (integer) 1
            > APPEND empty \"\"
            (integer) 0
            > GET empty
            \"\"",
        );
    }

    #[test]
    fn no_string_grows_beyond_the_limit() {
        for call in [
            "SETRANGE k 536870912 x",
            "SETRANGE k 536870908 world",
            "SETRANGE k 9223372036854775807 x",
            "SETRANGE n 9223372036854775807 x",
        ] {
            check(&format!(
                "> SET k v\nOK\n> {call}\n\
                 (error) ERR string exceeds maximum allowed size (proto-max-bulk-len)\n\
                 > GET k\n\"v\"\n> GET n\n(nil)"
            ));
        }
        check(
            "> SETRANGE k 9223372036854775808 x\n(error) ERR value is not an integer or out of range",
        );
    }

    #[test]
    fn another_type_has_no_parts() {
        for call in [
            "APPEND l x",
            "STRLEN l",
            "GETRANGE l 0 1",
            "SUBSTR l 0 1",
            "SETRANGE l 0 x",
            "SETRANGE l 0 \"\"",
        ] {
            check(&format!("@list l\n> {call}\n(error) WRONGTYPE *"));
        }
    }

    #[test]
    fn a_long_string_grows_and_keeps_its_bytes() {
        check(
            "> SETRANGE k 2000 a
            (integer) 2001
            > APPEND k b
            (integer) 2002
            > SETRANGE k 40000 c
            (integer) 40001
            > GETRANGE k 1999 2003
            \"\\x00ab\\x00\\x00\"
            > GETRANGE k 39999 -1
            \"\\x00c\"
            > SETRANGE k 0 start
            (integer) 40001
            > GETRANGE k 0 5
            \"start\\x00\"",
        );
    }
}
