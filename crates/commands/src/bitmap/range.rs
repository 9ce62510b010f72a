//! BITCOUNT and BITPOS: counting and finding bits in a range.

use base::bits;
use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Arg, Group, block, flag, integer, key, one_of, opt};
use engine::{CmdError, CmdResult, Command, Cx};

const UNIT: Arg = opt(one_of("unit", &[flag("BYTE"), flag("BIT")])).since("7.0.0");

pub(super) const BITCOUNT: Command = Command {
    name: "BITCOUNT",
    group: Group::Bitmap,
    since: "2.6.0",
    summary: "Counts the bits that are set in a string or in a range of it.",
    complexity: "O(N) in the bytes of the range",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        opt(block("range", &[integer("start"), integer("end"), UNIT])),
    ],
    history: &[("7.0.0", "`BYTE` or `BIT` says in which unit the range is given.")],
    examples: &[
        ("SET word foobar", "OK"),
        ("BITCOUNT word", "(integer) 26"),
        ("BITCOUNT word 1 1", "(integer) 6"),
        ("BITCOUNT word 5 30 BIT", "(integer) 17"),
        ("BITCOUNT word -2", "(error) ERR syntax error"),
        ("BITCOUNT word 0 1 NIBBLE", "(error) ERR syntax error"),
    ],
    ..Command::base(bitcount)
};

fn bitcount(cx: &mut Cx<'_>) -> CmdResult {
    // A start without an end is no range: Valkey 8 takes it as one, Redis's suite forbids it.
    if cx.argc() == 3 {
        return Err(CmdError::SYNTAX);
    }
    let span = Span::parse(cx, 2)?;
    let count = match cx.db.string(cx.key(1))? {
        Some(string) if !span.is_backwards() => {
            let mut scratch = Vec::new();
            let bytes = string.as_bytes(&mut scratch);
            bits::count_range(bytes, span.bits(bytes.len()))
        }
        _ => 0,
    };
    cx.reply.integer(count as i64);
    Ok(())
}

pub(super) const BITPOS: Command = Command {
    name: "BITPOS",
    group: Group::Bitmap,
    since: "2.8.7",
    summary: "Finds the first bit that is set, or clear, in a string or in a range of it.",
    complexity: "O(N) in the bytes of the range",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        integer("bit"),
        opt(block(
            "range",
            &[integer("start"), opt(block("end-unit-block", &[integer("end"), UNIT]))],
        )),
    ],
    history: &[("7.0.0", "`BYTE` or `BIT` says in which unit the range is given.")],
    examples: &[
        ("SET mask \"\\xff\\xf0\\x00\"", "OK"),
        ("BITPOS mask 0", "(integer) 12"),
        ("BITPOS mask 1 2", "(integer) -1"),
        ("BITPOS mask 0 0 7 BIT", "(integer) -1"),
        ("BITPOS mask 0 1 end NIBBLE", "(error) ERR syntax error"),
        ("BITPOS mask 2", "(error) ERR The bit argument must be 1 or 0."),
    ],
    ..Command::base(bitpos)
};

fn bitpos(cx: &mut Cx<'_>) -> CmdResult {
    let bit = match cx.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(CmdError::BIT_ARGUMENT),
    };
    if cx.argc() == 6 {
        // Unlike BITCOUNT it complains of the unit before the end.
        cx.int(3)?;
        is_in_bits(cx, 5)?;
    }
    let span = Span::parse(cx, 3)?;
    let position = match cx.db.string(cx.key(1))? {
        Some(string) => {
            let mut scratch = Vec::new();
            let bytes = string.as_bytes(&mut scratch);
            let range = span.bits(bytes.len());
            // Zeros follow the string's end, unless the range says where it ends.
            let beyond = (!bit && span.end.is_none() && !range.is_empty()).then_some(range.end);
            bits::find(bytes, bit, range).or(beyond)
        }
        None => (!bit).then_some(0),
    };
    cx.reply.integer(position.map_or(-1, |at| at as i64));
    Ok(())
}

/// The unit of a range.
fn is_in_bits(cx: &Cx<'_>, index: usize) -> Result<bool, CmdError> {
    match (cx.is_word(index, "BIT"), cx.is_word(index, "BYTE")) {
        (false, false) => Err(CmdError::SYNTAX),
        (in_bits, _) => Ok(in_bits),
    }
}

/// The range `[start [end [BYTE|BIT]]]`, as given: negative positions count from the end.
struct Span {
    start: i64,
    end: Option<i64>,
    in_bits: bool,
}

impl Span {
    /// The arguments from index `from` on.
    fn parse(cx: &Cx<'_>, from: usize) -> Result<Span, CmdError> {
        let argc = cx.argc();
        if argc > from + 3 {
            return Err(CmdError::SYNTAX);
        }
        let start = if argc > from { cx.int(from)? } else { 0 };
        let end = if argc > from + 1 { Some(cx.int(from + 1)?) } else { None };
        let in_bits = argc > from + 2 && is_in_bits(cx, from + 2)?;
        Ok(Span { start, end, in_bits })
    }

    /// Both ends before the string and in the wrong order. BITCOUNT takes this as empty, BITPOS
    /// moves both to the first position, and so do we.
    fn is_backwards(&self) -> bool {
        self.start < 0 && self.end.is_some_and(|end| end < 0 && self.start > end)
    }

    /// The range in bits, within a string of `len` bytes.
    fn bits(&self, len: usize) -> std::ops::Range<u64> {
        let unit: i64 = if self.in_bits { 1 } else { 8 };
        let total = len as i64 * (8 / unit);
        let from_start = |at: i64| if at < 0 { (total + at).max(0) } else { at };
        let start = from_start(self.start);
        let end = from_start(self.end.unwrap_or(-1)).min(total - 1);
        if start > end {
            return 0..0;
        }
        (start * unit) as u64..((end + 1) * unit) as u64
    }
}
