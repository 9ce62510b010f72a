//! ZSCAN: all elements, a few at a time, in the order of their members' hashes.

use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, flag, integer, key, opt, pattern, token};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::value::sorted_set::Pair;
use store::value::{SortedSet, SortedSetRef};
use structures::listpack::TextBuffer;

use super::reply_member;
use crate::generic::keys::matcher;
use crate::generic::scan::{Options, Walk, parse_cursor, walk_elements};

pub(super) const ZSCAN: Command = Command {
    name: "ZSCAN",
    group: Group::SortedSet,
    since: "2.8.0",
    summary: "Walks over the members of a sorted set and their scores, some in each call.",
    complexity: "O(COUNT) for a call, O(N) for a walk over N members",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        integer("cursor"),
        opt(token("MATCH", pattern("pattern"))),
        opt(token("COUNT", integer("count"))),
        opt(flag("NOSCORES")).since("valkey 8.0.0"),
    ],
    history: &[("valkey 8.0.0", "Added the `NOSCORES` option.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("ZADD board 1 ann 2.5 bob", "(integer) 2"),
        ("ZSCAN board 0 MATCH b*", "1) \"0\"\n2) 1) \"bob\"\n2) \"2.5\""),
        ("ZSCAN board 0 NOSCORES", "1) \"0\"\n2) 1) \"ann\"\n2) \"bob\""),
        ("ZSCAN nokey 0", "1) \"0\"\n2) (empty array)"),
        ("ZSCAN board here", "(error) ERR invalid cursor"),
    ],
    ..Command::base(zscan)
};

fn zscan(cx: &mut Cx<'_>) -> CmdResult {
    let number = parse_cursor(cx.arg(2)).ok_or(CmdError::INVALID_CURSOR)?;
    let key = cx.key(1);
    // Redis looks at the options only once there is something to walk over.
    if cx.db.collection::<SortedSet>(key)?.is_none() {
        cx.reply.array(2);
        cx.reply.bulk(b"0");
        cx.reply.array(0);
        return Ok(());
    }
    let options = Options::parse(cx, 3, Walk::Scores)?;
    let matches = matcher(options.pattern);
    let set = cx.db.held_collection::<SortedSet>(key).expect("it was just looked up");
    let mut elements = Vec::new();
    let mut elements_reply = Reply::new(&mut elements, cx.reply.protocol());
    let (mut buffer, mut returned) = (TextBuffer::new(), 0);
    let cursor = walk_elements(number, options.count, |position| {
        let mut met = 0;
        let next = set.scan(position, |pair| {
            met += 1;
            if !matches(pair.member.text(&mut buffer)) {
                return;
            }
            reply_member(&mut elements_reply, pair.member);
            returned += 1;
            if !options.no_values {
                reply_score(&mut elements_reply, set, &pair);
                returned += 1;
            }
        });
        (next, met)
    });
    cx.reply.array(2);
    cx.reply.bulk_fmt(format_args!("{cursor}"));
    cx.reply.array(returned);
    cx.reply.raw(&elements);
    Ok(())
}

/// A score as each form shows it: a listpack as it is written there, a skiplist with all digits.
fn reply_score(reply: &mut Reply<'_>, set: SortedSetRef<'_>, pair: &Pair<'_>) {
    match set {
        SortedSetRef::Listpack(_) => {
            reply.bulk_with(|out| base::number::write_f64_resp(out, pair.score()));
        }
        SortedSetRef::Skiplist(_) => {
            reply.bulk_with(|out| base::number::write_f64_17g(out, pair.score()));
        }
    }
}
