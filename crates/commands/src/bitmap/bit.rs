//! GETBIT and SETBIT: one bit.

use base::bits;
use command::declare::Flag::{DenyOom, Fast, ReadOnly, Write};
use command::declare::KeyFlag::{Access, RO, RW, Update};
use command::declare::{Group, integer, key};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};

pub(super) const GETBIT: Command = Command {
    name: "GETBIT",
    group: Group::Bitmap,
    since: "2.2.0",
    summary: "Returns the bit at an offset of a string.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), integer("offset")],
    examples: &[
        ("SETBIT seen 7 1", "(integer) 0"),
        ("GETBIT seen 7", "(integer) 1"),
        ("GETBIT seen 100", "(integer) 0"),
        ("GETBIT seen -1", "(error) ERR bit offset is not an integer or out of range"),
    ],
    ..Command::base(getbit)
};

fn getbit(cx: &mut Cx<'_>) -> CmdResult {
    let offset = parse_offset(cx, cx.arg(2))?;
    let bit = match cx.db.string(cx.key(1))? {
        Some(string) => bits::get(string.as_bytes(&mut Vec::new()), offset),
        None => false,
    };
    cx.reply.integer(i64::from(bit));
    Ok(())
}

pub(super) const SETBIT: Command = Command {
    name: "SETBIT",
    group: Group::Bitmap,
    since: "2.2.0",
    summary: "Sets or clears the bit at an offset of a string, which grows or is created if \
              it is too short.",
    complexity: "O(1)",
    flags: &[Write, DenyOom],
    args: &[key("key", &[RW, Access, Update]), integer("offset"), integer("value")],
    examples: &[
        ("SETBIT seen 7 1", "(integer) 0"),
        ("SETBIT seen 7 0", "(integer) 1"),
        ("GET seen", "\"\\x00\""),
        ("SETBIT seen 7 2", "(error) ERR bit is not an integer or out of range"),
    ],
    ..Command::base(setbit)
};

fn setbit(cx: &mut Cx<'_>) -> CmdResult {
    let offset = parse_offset(cx, cx.arg(2))?;
    let on = match cx.arg(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(CmdError::BIT_VALUE),
    };
    let key = cx.key(1);
    let (len, before) = match cx.db.look_string(key)? {
        Some(string) => (string.len(), bits::get(string.as_bytes(&mut Vec::new()), offset)),
        None => (0, false),
    };
    let needed = bytes_for(offset, 1);
    // Even if the bit stays as it was the string counts as modified: `raw` from now on.
    let string = cx.db.resize_string(key, len.max(needed));
    if len < needed || before != on {
        bits::set(string, offset, on);
        cx.db.changed(key, Class::String, "setbit", 1);
    }
    cx.reply.integer(i64::from(before));
    Ok(())
}

/// A bit's offset, within the longest string the server takes.
pub(super) fn parse_offset(cx: &Cx<'_>, text: &[u8]) -> Result<u64, CmdError> {
    scaled_offset(cx, text, 1)
}

/// An offset counted in units of `unit` bits; the result is in bits.
pub(super) fn scaled_offset(cx: &Cx<'_>, text: &[u8], unit: u32) -> Result<u64, CmdError> {
    let bytes_max = cx.engine.settings.bulk_bytes_max() as u64;
    base::number::parse_i64(text)
        .and_then(|offset| u64::try_from(offset).ok())
        .and_then(|offset| offset.checked_mul(u64::from(unit)))
        .filter(|offset| offset >> 3 < bytes_max)
        .ok_or(CmdError::BIT_OFFSET)
}

/// Bytes of the shortest string that has `width` bits at `offset`.
pub(super) fn bytes_for(offset: u64, width: u32) -> usize {
    ((offset + u64::from(width) - 1) >> 3) as usize + 1
}
