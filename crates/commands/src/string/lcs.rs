//! LCS: the longest common subsequence of two strings.
//!
//! ```text
//!          ""  n  e  w        lengths[i][j]: of the first i bytes of a and the first j of b
//!      ""   0  0  0  0
//!      o    0  0  0  0        from the last corner back: equal bytes are one step to both sides
//!      w    0  0  0  1        and belong to the sequence, else the greater neighbour, b's on a tie
//!      n    0  1  1  1
//! ```
//!
//! # Limits
//!
//! Time and memory are O(N·M), four bytes a cell. The table may not be larger than
//! `proto-max-bulk-len`: with the default, two strings of 11,500 bytes.

use command::declare::*;
use engine::{CmdError, CmdResult, Command, Cx};
use store::Key;

use Flag::ReadOnly;
use KeyFlag::{Access, RO};

pub(super) const LCS: Command = Command {
    name: "LCS",
    group: Group::String,
    since: "7.0.0",
    summary: "Returns the longest common subsequence of two strings, its length, or where it lies.",
    complexity: "O(N*M), N and M being the lengths of the strings.",
    flags: &[ReadOnly],
    args: &[
        key("key1", &[RO, Access]),
        key("key2", &[RO, Access]),
        opt(flag("LEN")),
        opt(flag("IDX")),
        opt(token("MINMATCHLEN", integer("min-match-len"))),
        opt(flag("WITHMATCHLEN")),
    ],
    keys: Some(&[KeySpec {
        flags: &[RO, Access],
        begin: Begin::Index(1),
        find: Find::Range { last: 1, step: 1, limit: 0 },
        notes: "",
    }]),
    examples: &[
        ("MSET a ohmytext b mynewtext", "OK"),
        ("LCS a b", "\"mytext\""),
        ("LCS a b LEN", "(integer) 6"),
        (
            "LCS a b LEN IDX",
            "(error) ERR If you want both the length and indexes, please just use IDX.",
        ),
    ],
    ..Command::base(lcs)
};

fn lcs(cx: &mut Cx<'_>) -> CmdResult {
    // Redis looks at the keys before it reads the options.
    let (a, b) = (text_of(cx, cx.key(1))?, text_of(cx, cx.key(2))?);
    let options = Options::read(cx)?;
    let cells = (a.len() as u64 + 1) * (b.len() as u64 + 1);
    if a.len() >= u32::MAX as usize - 1 || b.len() >= u32::MAX as usize - 1 {
        return Err(CmdError::LCS_TOO_LONG);
    }
    if cells.saturating_mul(4) > cx.engine.settings.bulk_bytes_max() as u64 {
        return Err(CmdError::LCS_MEMORY);
    }
    let table = Table::new(&a, &b);
    if options.len {
        cx.reply.integer(table.len().into());
        return Ok(());
    }
    let matches = table.matches();
    if !options.idx {
        // Matches come last one first.
        cx.reply.bulk_with(|out| {
            matches.iter().rev().for_each(|m| out.extend_from_slice(&a[m.a..m.a + m.len]));
        });
        return Ok(());
    }
    cx.reply.map(2);
    cx.reply.bulk(b"matches");
    let shown = matches.iter().filter(|m| m.len as i64 >= options.match_len_min);
    cx.reply.array(shown.clone().count());
    for m in shown {
        cx.reply.array(if options.with_match_len { 3 } else { 2 });
        for start in [m.a, m.b] {
            cx.reply.array(2);
            cx.reply.integer(start as i64);
            cx.reply.integer((start + m.len - 1) as i64);
        }
        if options.with_match_len {
            cx.reply.integer(m.len as i64);
        }
    }
    cx.reply.bulk(b"len");
    cx.reply.integer(table.len().into());
    Ok(())
}

/// A copy, since two keys cannot be borrowed at once; nothing for an absent key.
fn text_of(cx: &mut Cx<'_>, key: Key<'_>) -> Result<Vec<u8>, CmdError> {
    match cx.db.read(key) {
        None => Ok(Vec::new()),
        Some(record) => match record.string() {
            Some(value) => Ok(value.to_vec()),
            None => Err(CmdError::LCS_NOT_STRINGS),
        },
    }
}

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    match_len_min: i64,
}

impl Options {
    fn read(cx: &Cx<'_>) -> Result<Options, CmdError> {
        let mut options = Options::default();
        let mut i = 3;
        while i < cx.argc() {
            match () {
                () if cx.is_word(i, "IDX") => options.idx = true,
                () if cx.is_word(i, "LEN") => options.len = true,
                () if cx.is_word(i, "WITHMATCHLEN") => options.with_match_len = true,
                () if cx.is_word(i, "MINMATCHLEN") && i + 1 < cx.argc() => {
                    options.match_len_min = cx.int(i + 1)?;
                    i += 1;
                }
                () => return Err(CmdError::SYNTAX),
            }
            i += 1;
        }
        if options.len && options.idx {
            return Err(CmdError::LCS_LEN_AND_IDX);
        }
        Ok(options)
    }
}

/// A run of equal bytes: where it begins in either string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    a: usize,
    b: usize,
    len: usize,
}

struct Table<'s> {
    a: &'s [u8],
    b: &'s [u8],
    /// Row by row, a row for each length of `a`.
    lengths: Vec<u32>,
}

impl<'s> Table<'s> {
    fn new(a: &'s [u8], b: &'s [u8]) -> Table<'s> {
        let width = b.len() + 1;
        let mut lengths = vec![0; width * (a.len() + 1)];
        for (i, byte) in a.iter().enumerate() {
            let (above, below) = lengths[i * width..(i + 2) * width].split_at_mut(width);
            for (j, other) in b.iter().enumerate() {
                below[j + 1] =
                    if byte == other { above[j] + 1 } else { above[j + 1].max(below[j]) };
            }
        }
        Table { a, b, lengths }
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * (self.b.len() + 1) + j]
    }

    /// Length of the longest common subsequence.
    fn len(&self) -> u32 {
        self.at(self.a.len(), self.b.len())
    }

    /// The runs that make it up, the last first.
    fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (self.a.len(), self.b.len());
        while i > 0 && j > 0 {
            if self.a[i - 1] == self.b[j - 1] {
                match matches.last_mut() {
                    Some(run) if (run.a, run.b) == (i, j) => {
                        *run = Match { a: i - 1, b: j - 1, len: run.len + 1 };
                    }
                    _ => matches.push(Match { a: i - 1, b: j - 1, len: 1 }),
                }
                (i, j) = (i - 1, j - 1);
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::{Match, Table};

    #[test]
    fn the_runs_spell_the_longest_common_subsequence() {
        let table = Table::new(b"ohmytext", b"mynewtext");
        assert_eq!(table.len(), 6);
        assert_eq!(table.matches(), [Match { a: 4, b: 5, len: 4 }, Match { a: 2, b: 0, len: 2 }]);
        assert_eq!(Table::new(b"", b"abc").matches(), []);
        assert_eq!(Table::new(b"abc", b"xyz").len(), 0);
    }

    #[test]
    fn idx_says_where_the_runs_are() {
        check(
            "> MSET a ohmytext b mynewtext
            OK
            > LCS a b IDX
            1) \"matches\"
            2) 1) 1) 1) (integer) 4
            2) (integer) 7
            2) 1) (integer) 5
            2) (integer) 8
            2) 1) 1) (integer) 2
            2) (integer) 3
            2) 1) (integer) 0
            2) (integer) 1
            3) \"len\"
            4) (integer) 6
            > LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
            1) \"matches\"
            2) 1) 1) 1) (integer) 4
            2) (integer) 7
            2) 1) (integer) 5
            2) (integer) 8
            3) (integer) 4
            3) \"len\"
            4) (integer) 6
            > LCS a b IDX MINMATCHLEN 9
            1) \"matches\"
            2) (empty array)
            3) \"len\"
            4) (integer) 6",
        );
    }

    #[test]
    fn absent_keys_are_empty_strings_and_other_types_an_error() {
        check(
            "> LCS a b
            \"\"
            > LCS a b LEN
            (integer) 0
            > LCS a b LENGTH
            (error) ERR syntax error
            > LCS a b MINMATCHLEN
            (error) ERR syntax error
            > LCS a b MINMATCHLEN x
            (error) ERR value is not an integer or out of range
            @list l
            > LCS a l LENGTH
            (error) ERR The specified keys must contain string values",
        );
    }

    #[test]
    fn a_table_beyond_the_limit_is_refused() {
        check(
            "> SETRANGE a 20000 x
            (integer) 20001
            > SETRANGE b 20000 x
            (integer) 20001
            > LCS a b LEN
            (error) ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        );
    }
}
