//! XTRIM, and the options of trimming that XADD shares.
//!
//! `~` trims by whole nodes and stops after a while, so what goes depends on how the entries lie in
//! memory. It is repeated as an exact cut: to the length that is left, or to the first ID that is.
//! With ACKED and DELREF each entry is looked at, and what goes depends on the groups; there the cut
//! that is repeated is the one that was asked for, unless LIMIT ended it earlier.

use command::declare::Flag::Write;
use command::declare::KeyFlag::{Delete, RW};
use command::declare::{Arg, Group, block, flag, integer, key, one_of, opt, text, token};
use engine::db::Class;
use engine::{Absent, CmdError, CmdResult, Command, Cx};
use store::Limits;
use store::value::Stream;
use store::value::stream::{Bound, References, StreamId, Trim};

use super::id;

pub(super) const TRIM_PARTS: &[Arg] = &[
    one_of("strategy", &[flag("MAXLEN"), flag("MINID").since("6.2.0")]),
    opt(one_of("operator", &[flag("="), flag("~")])),
    text("threshold"),
    opt(token("LIMIT", integer("count"))).since("6.2.0"),
];

pub(super) const REFERENCES: Arg =
    opt(one_of("condition", &[flag("KEEPREF"), flag("DELREF"), flag("ACKED")])).since("8.2.0");

pub(super) const XTRIM: Command = Command {
    name: "XTRIM",
    group: Group::Stream,
    since: "5.0.0",
    summary: "Deletes entries from the beginning of a stream.",
    complexity: "O(N) in the entries deleted, by whole nodes where that is possible",
    flags: &[Write],
    args: &[key("key", &[RW, Delete]), block("trim", TRIM_PARTS), REFERENCES],
    history: &[
        ("6.2.0", "Strategy `MINID` and option `LIMIT`."),
        ("8.2.0", "Options `KEEPREF`, `DELREF` and `ACKED`."),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("XADD log 1-1 a 1", "\"1-1\""),
        ("XADD log 2-1 a 2", "\"2-1\""),
        ("XADD log 3-1 a 3", "\"3-1\""),
        ("XTRIM log MAXLEN 2", "(integer) 1"),
        ("XTRIM log MINID 3", "(integer) 1"),
        ("XTRIM log MAXLEN ~ 0 LIMIT 10", "(integer) 1"),
        ("XTRIM log MAXLEN -1", "(error) ERR The MAXLEN argument must be >= 0."),
    ],
    ..Command::base(xtrim)
};

/// What of XADD's and XTRIM's arguments is about trimming.
#[derive(Default)]
pub(super) struct TrimArgs {
    bound: Option<Bound>,
    /// Where the threshold stands.
    at: usize,
    is_approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
}

/// A cut to be made, and how it is repeated.
pub(super) struct Cut {
    pub(super) trim: Trim,
    /// Where the threshold stands, if another is to be repeated.
    pub(super) rewritten_at: Option<usize>,
}

/// What came of a cut.
pub(super) struct Made {
    pub(super) entries: u64,
    /// The threshold that repeats it, if that is another than the one given.
    threshold: Vec<u8>,
}

impl TrimArgs {
    /// Takes the option at `i`, if it is one of these; gives the index behind it.
    pub(super) fn take(&mut self, cx: &Cx<'_>, i: usize) -> Result<Option<usize>, CmdError> {
        let has_value = i + 1 < cx.argc();
        let references = match () {
            () if has_value && (cx.is_word(i, "MAXLEN") || cx.is_word(i, "MINID")) => {
                return self.take_bound(cx, i).map(Some);
            }
            () if has_value && cx.is_word(i, "LIMIT") => {
                let limit = cx.int(i + 1)?;
                self.limit = Some(limit.try_into().map_err(|_| CmdError::TRIM_LIMIT)?);
                return Ok(Some(i + 2));
            }
            () if self.references.is_some() => return Ok(None),
            () => match references(cx, i) {
                Some(references) => references,
                None => return Ok(None),
            },
        };
        self.references = Some(references);
        Ok(Some(i + 1))
    }

    fn take_bound(&mut self, cx: &Cx<'_>, mut i: usize) -> Result<usize, CmdError> {
        if self.bound.is_some() {
            return Err(CmdError::TRIM_MAXLEN_AND_MINID);
        }
        let by_length = cx.is_word(i, "MAXLEN");
        let operator = (i + 2 < cx.argc()).then(|| cx.arg(i + 1));
        self.is_approximate = operator == Some(b"~");
        i += if matches!(operator, Some(b"~" | b"=")) { 2 } else { 1 };
        self.bound = Some(if by_length {
            let len = cx.int(i)?.try_into().map_err(|_| CmdError::TRIM_MAXLEN)?;
            Bound::Len(len)
        } else {
            Bound::Id(id(cx.arg(i))?)
        });
        self.at = i;
        Ok(i + 1)
    }

    /// Whether nothing was said about trimming.
    fn is_empty(&self) -> bool {
        self.bound.is_none() && self.limit.unwrap_or(0) == 0
    }

    /// The cut, once all options are read.
    pub(super) fn finish(self, cx: &Cx<'_>) -> Result<Option<Cut>, CmdError> {
        let Some(bound) = self.bound else {
            return match self.limit {
                Some(0) => Err(CmdError::TRIM_LIMIT_EXACT),
                Some(_) => Err(CmdError::TRIM_LIMIT_ALONE),
                None => Ok(None),
            };
        };
        let replays = cx.db.is_replaying();
        let limit = match self.limit {
            // What was cut once is cut as far again.
            _ if replays => 0,
            Some(_) if !self.is_approximate => return Err(CmdError::TRIM_LIMIT_EXACT),
            Some(limit) => limit,
            None if self.is_approximate => default_limit(&cx.db.limits()),
            None => 0,
        };
        let references = self.references.unwrap_or(References::Keep);
        Ok(Some(Cut {
            trim: Trim { bound, by_nodes: self.is_approximate, limit, references },
            rewritten_at: self.is_approximate.then_some(self.at),
        }))
    }
}

/// The word at `i`, if it says what becomes of references.
pub(super) fn references(cx: &Cx<'_>, i: usize) -> Option<References> {
    match () {
        () if cx.is_word(i, "KEEPREF") => Some(References::Keep),
        () if cx.is_word(i, "DELREF") => Some(References::Delete),
        () if cx.is_word(i, "ACKED") => Some(References::Acknowledged),
        () => None,
    }
}

/// What trimming by nodes deletes at most: a hundred nodes.
fn default_limit(limits: &Limits) -> u64 {
    match 100 * limits.stream_node_entries_max as u64 {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}

impl Cut {
    pub(super) fn run(&self, stream: &mut Stream) -> Made {
        let trimmed = stream.trim(&self.trim);
        let Trim { bound, references, .. } = self.trim;
        let threshold = match bound {
            _ if self.rewritten_at.is_none() => Vec::new(),
            Bound::Len(_) => stream.log.len().to_string().into_bytes(),
            Bound::Id(_) if references == References::Keep => {
                stream.log.nodes().next().map_or(StreamId::MAX, |node| node.first()).to_text()
            }
            Bound::Id(min) => trimmed.stopped_at.unwrap_or(min).to_text(),
        };
        Made { entries: trimmed.entries, threshold }
    }

    /// Puts what repeats the cut into a copy of the arguments.
    pub(super) fn rewrite<'a>(&self, args: &mut [&'a [u8]], made: &'a Made) {
        if let Some(at) = self.rewritten_at {
            args[at - 1] = b"=";
            args[at] = &made.threshold;
        }
    }
}

fn xtrim(cx: &mut Cx<'_>) -> CmdResult {
    let mut options = TrimArgs::default();
    let mut i = 2;
    while i < cx.argc() {
        i = options.take(cx, i)?.ok_or(CmdError::SYNTAX)?;
    }
    if options.is_empty() {
        return Err(CmdError::XTRIM_WITHOUT_STRATEGY);
    }
    let cut = options.finish(cx)?.ok_or(CmdError::XTRIM_WITHOUT_STRATEGY)?;

    let key = cx.key(1);
    let edited = cx.db.edit(key, Absent::Skip, |stream: &mut Stream| cut.run(stream))?;
    let Some(made) = edited.map(|edited| edited.result).filter(|made| made.entries > 0) else {
        cx.reply.integer(0);
        return Ok(());
    };
    cx.db.changed(key, Class::Stream, "xtrim", made.entries);
    if cut.rewritten_at.is_some() && cx.db.effects.are_heard() {
        let mut args: Vec<&[u8]> = cx.args.iter().collect();
        cut.rewrite(&mut args, &made);
        cx.propagate(&args);
    }
    cx.reply.integer(made.entries as i64);
    Ok(())
}
