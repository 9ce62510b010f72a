//! BITFIELD and BITFIELD_RO: integers of 1 to 64 bits at any bit of a string.
//!
//! Arguments are read into a list of operations, the string is grown once to hold the farthest
//! write, then the operations run in order. One with only GETs is a plain read.

use base::bits;
use command::declare::Flag::{DenyOom, Fast, ReadOnly, Write};
use command::declare::KeyFlag::{Access, RO, RW, Update, VariableFlags};
use command::declare::{
    Arg, Begin, Find, Group, KeySpec, block, flag, integer, key, many, one_of, opt, text, token,
};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};

use super::bit::{bytes_for, scaled_offset};

const GET_BLOCK: Arg = token("GET", block("get-block", &[text("encoding"), integer("offset")]));

pub(super) const BITFIELD: Command = Command {
    name: "BITFIELD",
    group: Group::Bitmap,
    since: "3.2.0",
    summary: "Reads, sets and increments integers of any width inside a string.",
    complexity: "O(1) for each operation",
    flags: &[Write, DenyOom],
    args: &[
        key("key", &[RW, Update, Access, VariableFlags]),
        opt(many(one_of("operation", &[GET_BLOCK, block("write", &[OVERFLOW, WRITE_BLOCK])]))),
    ],
    keys: Some(&[KeySpec {
        flags: &[RW, Update, Access, VariableFlags],
        begin: Begin::Index(1),
        find: Find::Range { last: 0, step: 1, limit: 0 },
        notes: "Read only if every operation is a GET.",
    }]),
    examples: &[
        ("BITFIELD stats SET u8 #0 250 INCRBY u8 #0 10", "1) (integer) 0\n2) (integer) 4"),
        ("BITFIELD stats OVERFLOW SAT INCRBY i4 8 100 GET u8 0", "1) (integer) 7\n2) (integer) 4"),
        ("BITFIELD stats OVERFLOW FAIL INCRBY i4 8 1", "1) (nil)"),
        (
            "BITFIELD stats GET u64 0",
            "(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
             supported but i64 is.",
        ),
    ],
    ..Command::base(bitfield)
};

const OVERFLOW: Arg =
    opt(token("OVERFLOW", one_of("overflow-block", &[flag("WRAP"), flag("SAT"), flag("FAIL")])));

const WRITE_BLOCK: Arg = one_of(
    "write-operation",
    &[
        token("SET", block("set-block", &[text("encoding"), integer("offset"), integer("value")])),
        token(
            "INCRBY",
            block("incrby-block", &[text("encoding"), integer("offset"), integer("increment")]),
        ),
    ],
);

fn bitfield(cx: &mut Cx<'_>) -> CmdResult {
    let operations = parse(cx)?;
    match farthest_write(&operations) {
        Some(needed) => run(cx, &operations, needed),
        None => read(cx, &operations),
    }
}

pub(super) const BITFIELD_RO: Command = Command {
    name: "BITFIELD_RO",
    group: Group::Bitmap,
    since: "6.0.0",
    summary: "Reads integers of any width inside a string.",
    complexity: "O(1) for each operation",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), opt(many(GET_BLOCK)).repeat_token()],
    examples: &[
        ("SET word abc", "OK"),
        ("BITFIELD_RO word GET u8 #1 GET i4 0", "1) (integer) 98\n2) (integer) 6"),
        ("BITFIELD_RO word SET u8 0 1", "(error) ERR BITFIELD_RO only supports the GET subcommand"),
    ],
    ..Command::base(bitfield_ro)
};

fn bitfield_ro(cx: &mut Cx<'_>) -> CmdResult {
    let operations = parse(cx)?;
    if farthest_write(&operations).is_some() {
        return Err(CmdError::BITFIELD_RO);
    }
    read(cx, &operations)
}

struct Operation {
    field: Field,
    action: Action,
}

enum Action {
    Get,
    Set(i64, Overflow),
    IncrBy(i64, Overflow),
}

/// What happens to a value that its field cannot hold.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// Where an integer lies, in bits, and how it reads. Width is 1 to 64, 63 if it has no sign.
#[derive(Clone, Copy)]
struct Field {
    signed: bool,
    width: u32,
    offset: u64,
}

impl Field {
    /// `encoding` is such as `u8` or `i16`; an `offset` such as `#3` counts in fields.
    fn parse(cx: &Cx<'_>, encoding: &[u8], offset: &[u8]) -> Result<Field, CmdError> {
        let (signed, width_max, width) = match encoding {
            [b'i', width @ ..] => (true, 64, width),
            [b'u', width @ ..] => (false, 63, width),
            _ => return Err(CmdError::BITFIELD_TYPE),
        };
        let width = base::number::parse_i64(width)
            .filter(|width| (1..=width_max).contains(width))
            .ok_or(CmdError::BITFIELD_TYPE)? as u32;
        let offset = match offset {
            [b'#', nth @ ..] => scaled_offset(cx, nth, width)?,
            bits => scaled_offset(cx, bits, 1)?,
        };
        Ok(Field { signed, width, offset })
    }

    fn read(&self, string: &[u8]) -> i64 {
        if self.signed {
            bits::signed_field(string, self.offset, self.width)
        } else {
            bits::field(string, self.offset, self.width) as i64
        }
    }

    /// The value as this field will hold it; none if it must not be written.
    fn fit(&self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = if self.signed {
            (-1 << (self.width - 1), (1 << (self.width - 1)) - 1)
        } else {
            (0, (1 << self.width) - 1)
        };
        if (min..=max).contains(&value) {
            return Some(value as i64);
        }
        let unused = 64 - self.width;
        match overflow {
            Overflow::Wrap if self.signed => Some(((value as i64) << unused) >> unused),
            Overflow::Wrap => Some((((value as u64) << unused) >> unused) as i64),
            Overflow::Saturate => Some(value.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }
}

/// Reads all operations. OVERFLOW holds for the writes behind it.
fn parse(cx: &Cx<'_>) -> Result<Vec<Operation>, CmdError> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut i = 2;
    while i < cx.argc() {
        let rest = cx.argc() - i - 1;
        if cx.is_word(i, "OVERFLOW") && rest >= 1 {
            overflow = parse_overflow(cx, i + 1)?;
            i += 2;
            continue;
        }
        let is_get = cx.is_word(i, "GET") && rest >= 2;
        let is_set = cx.is_word(i, "SET") && rest >= 3;
        let is_incrby = cx.is_word(i, "INCRBY") && rest >= 3;
        if !is_get && !is_set && !is_incrby {
            return Err(CmdError::SYNTAX);
        }
        let field = Field::parse(cx, cx.arg(i + 1), cx.arg(i + 2))?;
        let action = match (is_get, is_set) {
            (true, _) => Action::Get,
            (_, true) => Action::Set(cx.int(i + 3)?, overflow),
            _ => Action::IncrBy(cx.int(i + 3)?, overflow),
        };
        operations.push(Operation { field, action });
        i += if is_get { 3 } else { 4 };
    }
    Ok(operations)
}

fn parse_overflow(cx: &Cx<'_>, i: usize) -> Result<Overflow, CmdError> {
    [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)]
        .into_iter()
        .find_map(|(word, overflow)| cx.is_word(i, word).then_some(overflow))
        .ok_or(CmdError::BITFIELD_OVERFLOW)
}

/// Bytes a string must have for all writes; none if there are none.
fn farthest_write(operations: &[Operation]) -> Option<usize> {
    operations
        .iter()
        .filter(|operation| !matches!(operation.action, Action::Get))
        .map(|Operation { field, .. }| bytes_for(field.offset, field.width))
        .max()
}

/// Operations that are all GETs.
fn read(cx: &mut Cx<'_>, operations: &[Operation]) -> CmdResult {
    let string = cx.db.string(cx.key(1))?;
    let mut scratch = Vec::new();
    let string = string.as_ref().map_or(&[][..], |string| string.as_bytes(&mut scratch));
    cx.reply.array(operations.len());
    for operation in operations {
        cx.reply.integer(operation.field.read(string));
    }
    Ok(())
}

/// Operations of which some write, up to byte `needed`.
fn run(cx: &mut Cx<'_>, operations: &[Operation], needed: usize) -> CmdResult {
    let key = cx.key(1);
    let len = cx.db.look_string(key)?.map_or(0, |string| string.len());
    let grows = len < needed;
    let string = cx.db.resize_string(key, len.max(needed));
    cx.reply.array(operations.len());
    let mut changes = 0;
    for Operation { field, action } in operations {
        let old = field.read(string);
        let (new, is_set) = match *action {
            Action::Get => {
                cx.reply.integer(old);
                continue;
            }
            Action::Set(value, overflow) => {
                // A negative value is a huge one to a field without a sign.
                let value = if field.signed { i128::from(value) } else { i128::from(value as u64) };
                (field.fit(value, overflow), true)
            }
            Action::IncrBy(by, overflow) => {
                (field.fit(i128::from(old) + i128::from(by), overflow), false)
            }
        };
        let Some(new) = new else {
            cx.reply.null();
            continue;
        };
        cx.reply.integer(if is_set { old } else { new });
        bits::set_field(string, field.offset, field.width, new as u64);
        changes += u64::from(grows || old != new);
    }
    if grows && changes == 0 {
        // Every write failed, but the string is longer: see the essay of this folder.
        changes = 1;
    }
    if changes > 0 {
        cx.db.changed(key, Class::String, "setbit", changes);
    }
    Ok(())
}
