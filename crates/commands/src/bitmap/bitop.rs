//! BITOP: strings combined bit by bit into another.
//!
//! Sources shorter than the longest count as padded with zeros. The result is made block by
//! block, so that it stays in the cache while one source after the other is worked into it;
//! looking a source up again for each block costs nothing beside the block.
//!
//! ```text
//!              sources X Y1 Y2 …     a bit of the result is set if it is set in
//!   AND OR XOR NOT                   all · any · an odd number of · not X
//!   DIFF                             X and no Y
//!   DIFF1                            any Y, not X
//!   ANDOR                            X and any Y
//!   ONE                              exactly one source
//! ```

use base::bits;
use command::declare::Flag::{DenyOom, Write};
use command::declare::KeyFlag::{Access, OW, RO, Update};
use command::declare::{Group, flag, key, many, one_of};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::{Expire, NewValue, OwnedValue};

/// Half of a small level-1 cache.
const BLOCK_BYTES: usize = 16 * 1024;
/// Index of the first source, X.
const FIRST: usize = 3;

pub(super) const BITOP: Command = Command {
    name: "BITOP",
    group: Group::Bitmap,
    since: "2.6.0",
    summary: "Combines strings bit by bit and stores the result under another key.",
    complexity: "O(N) in the bytes of all sources",
    flags: &[Write, DenyOom],
    args: &[
        one_of(
            "operation",
            &[
                flag("AND"),
                flag("OR"),
                flag("XOR"),
                flag("NOT"),
                flag("DIFF").since("8.2.0"),
                flag("DIFF1").since("8.2.0"),
                flag("ANDOR").since("8.2.0"),
                flag("ONE").since("8.2.0"),
            ],
        ),
        key("destkey", &[OW, Update]),
        many(key("key", &[RO, Access])),
    ],
    history: &[("8.2.0", "Operations `DIFF`, `DIFF1`, `ANDOR` and `ONE`.")],
    examples: &[
        ("SET a abc", "OK"),
        ("SET b \"   \"", "OK"),
        ("BITOP DIFF c a b", "(integer) 3"),
        ("GET c", "\"ABC\""),
        ("BITOP OR c c b", "(integer) 3"),
        ("GET c", "\"abc\""),
        ("BITOP NOT c a b", "(error) ERR BITOP NOT must be called with a single source key."),
    ],
    ..Command::base(bitop)
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    Diff,
    Diff1,
    AndOr,
    One,
}

impl Operation {
    fn parse(cx: &Cx<'_>) -> Result<Operation, CmdError> {
        use Operation::*;
        let words = [
            ("AND", And),
            ("OR", Or),
            ("XOR", Xor),
            ("NOT", Not),
            ("DIFF", Diff),
            ("DIFF1", Diff1),
            ("ANDOR", AndOr),
            ("ONE", One),
        ];
        let found = words.into_iter().find(|(word, _)| cx.is_word(1, word));
        let (word, operation) = found.ok_or(CmdError::SYNTAX)?;
        match (operation, cx.argc() - FIRST) {
            (Not, 2..) => Err(CmdError::BITOP_NOT),
            (Diff | Diff1 | AndOr, 1) => Err(CmdError::bitop_needs_two(word)),
            _ => Ok(operation),
        }
    }
}

fn bitop(cx: &mut Cx<'_>) -> CmdResult {
    let operation = Operation::parse(cx)?;
    let mut len = 0;
    for i in FIRST..cx.argc() {
        let source = cx.db.string(cx.key(i))?;
        len = len.max(source.map_or(0, |string| string.len()));
    }
    let mut result = vec![0; len];
    let mut spare = vec![0; if operation == Operation::One { len.min(BLOCK_BYTES) } else { 0 }];
    for (i, block) in result.chunks_mut(BLOCK_BYTES).enumerate() {
        combine(cx, operation, i * BLOCK_BYTES, block, &mut spare);
    }
    store_result(cx, result);
    cx.reply.integer(len as i64);
    Ok(())
}

/// Stores the result, or removes what was there if it is empty.
fn store_result(cx: &mut Cx<'_>, result: Vec<u8>) {
    let key = cx.key(2);
    if !result.is_empty() {
        let value = NewValue::Owned(OwnedValue::Bytes(result, true));
        cx.db.set(key, value, Expire::Clear);
        cx.db.changed(key, Class::String, "set", 1);
    } else if cx.db.delete(key, cx.db.displaces_lazily()) {
        cx.db.changed(key, Class::Generic, "del", 1);
    }
}

/// Works all sources into one block of the result, which is all zeros and begins at byte `from`.
/// `spare` is as long as the block, if the operation needs it.
fn combine(cx: &mut Cx<'_>, operation: Operation, from: usize, into: &mut [u8], spare: &mut [u8]) {
    use Operation::*;
    // X comes last where it meets what the others have in common.
    let x_last = matches!(operation, Diff1 | AndOr);
    let begin = if x_last { FIRST + 1 } else { FIRST };
    let end = if x_last { Some(FIRST) } else { None };
    let mut scratch = Vec::new();
    spare.fill(0);
    for i in (begin..cx.argc()).chain(end) {
        let source = cx.db.peek(cx.key(i)).and_then(|record| record.string());
        let source = source.as_ref().map_or(&[][..], |string| string.as_bytes(&mut scratch));
        let with = source.get(from..).unwrap_or(&[]);
        let with = &with[..with.len().min(into.len())];
        match operation {
            _ if i == begin => into[..with.len()].copy_from_slice(with),
            And => bits::and(into, with),
            AndOr if i == FIRST => bits::and(into, with),
            Diff1 if i == FIRST => bits::and_not(into, with),
            Diff => bits::and_not(into, with),
            Or | AndOr | Diff1 => bits::or(into, with),
            Xor => bits::xor(into, with),
            One => bits::tally(into, spare, with),
            Not => unreachable!("NOT has one source"),
        }
    }
    match operation {
        Not => bits::not(into),
        One => bits::and_not(into, &spare[..into.len()]),
        And | Or | Xor | Diff | Diff1 | AndOr => {}
    }
}
