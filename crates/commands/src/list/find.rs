//! LPOS.

use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, integer, key, opt, text, token};
use engine::{CmdError, CmdResult, Command, Cx};
use store::View;
use store::value::List;
use structures::listpack::Value;

pub(super) const LPOS: Command = Command {
    name: "LPOS",
    group: Group::List,
    since: "6.0.6",
    summary: "Returns where in a list an element is.",
    complexity: "O(N) in the elements looked at, which MAXLEN limits",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        text("element"),
        opt(token("RANK", integer("rank"))),
        opt(token("COUNT", integer("num-matches"))),
        opt(token("MAXLEN", integer("len"))),
    ],
    examples: &[
        ("RPUSH letters a b c a b", "(integer) 5"),
        ("LPOS letters b", "(integer) 1"),
        ("LPOS letters b RANK -1", "(integer) 4"),
        ("LPOS letters b COUNT 0", "1) (integer) 1\n2) (integer) 4"),
        ("LPOS letters x", "(nil)"),
        ("LPOS letters b COUNT -1", "(error) ERR COUNT can't be negative"),
    ],
    ..Command::base(lpos)
};

/// What is searched for, and how.
struct Search {
    /// Matches that are passed over.
    skip: usize,
    from_tail: bool,
    /// None: the first match as an integer; 0: all as an array.
    count: Option<usize>,
    /// The most elements to look at.
    len_max: usize,
}

impl Search {
    fn read(cx: &Cx<'_>) -> Result<Search, CmdError> {
        let mut search = Search { skip: 0, from_tail: false, count: None, len_max: usize::MAX };
        let not_negative =
            |index, error| cx.int(index).ok().and_then(|n| usize::try_from(n).ok()).ok_or(error);
        let mut index = 3;
        while index < cx.argc() {
            if index + 1 == cx.argc() {
                return Err(CmdError::SYNTAX);
            }
            if cx.is_word(index, "RANK") {
                let rank = cx.int(index + 1)?;
                let size = rank.checked_abs().ok_or(CmdError::LONG_RANGE)? as usize;
                search.skip = size.checked_sub(1).ok_or(CmdError::RANK_ZERO)?;
                search.from_tail = rank < 0;
            } else if cx.is_word(index, "COUNT") {
                search.count = Some(not_negative(index + 1, CmdError::COUNT_NEGATIVE)?);
            } else if cx.is_word(index, "MAXLEN") {
                let len = not_negative(index + 1, CmdError::MAXLEN_NEGATIVE)?;
                search.len_max = if len == 0 { usize::MAX } else { len };
            } else {
                return Err(CmdError::SYNTAX);
            }
            index += 2;
        }
        Ok(search)
    }

    /// Writes the distances of the matches from where the search begins; gives how many.
    fn run<'a>(
        &self,
        elements: impl Iterator<Item = Value<'a>>,
        element: &[u8],
        mut found: impl FnMut(usize),
    ) -> usize {
        let matches = elements
            .take(self.len_max)
            .enumerate()
            .filter(|(_, value)| value.is(element))
            .skip(self.skip)
            .take(match self.count {
                None => 1,
                Some(0) => usize::MAX,
                Some(count) => count,
            });
        matches.map(|(distance, _)| found(distance)).count()
    }
}

fn lpos(cx: &mut Cx<'_>) -> CmdResult {
    let search = Search::read(cx)?;
    let (key, element) = (cx.key(1), cx.arg(2));
    let Some(list) = cx.db.collection::<List>(key)? else {
        match search.count {
            Some(_) => cx.reply.array(0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let array = search.count.map(|_| cx.reply.deferred_array());
    let last = View::len(&list) as i64 - 1;
    let reply = &mut cx.reply;
    let found = if search.from_tail {
        let found = |distance: usize| reply.integer(last - distance as i64);
        search.run(list.iter().rev(), element, found)
    } else {
        search.run(list.iter(), element, |distance| reply.integer(distance as i64))
    };
    match array {
        Some(array) => cx.reply.set_deferred(array, found),
        None if found == 0 => cx.reply.null(),
        None => {}
    }
    Ok(())
}
