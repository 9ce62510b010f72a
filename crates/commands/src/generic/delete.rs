//! DEL and UNLINK, EXISTS and TOUCH: the same walk over many keys.
//!
//! DEL frees a large value before it replies, UNLINK leaves that to a thread; with
//! `lazyfree-lazy-user-del` DEL does as UNLINK. A key named twice is deleted once, but counted
//! twice by EXISTS and TOUCH.

use command::declare::{Flag::*, Group, KeyFlag::*, key, many};
use engine::db::Class;
use engine::{CmdResult, Command, Cx};

pub const DEL: Command = Command {
    name: "DEL",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Removes keys.",
    complexity: "O(N) with N keys, and O(M) for each value of M elements",
    flags: &[Write],
    args: &[many(key("key", &[RM, Delete]))],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    examples: &[
        ("SET a 1", "OK"),
        ("SET b 2", "OK"),
        ("DEL a b a nokey", "(integer) 2"),
        ("DEL", "(error) ERR wrong number of arguments for 'del' command"),
    ],
    ..Command::base(del)
};

fn del(cx: &mut Cx<'_>) -> CmdResult {
    let lazy = cx.db.deletes_lazily();
    delete(cx, lazy)
}

pub const UNLINK: Command = Command {
    name: "UNLINK",
    group: Group::Generic,
    since: "4.0.0",
    summary: "Removes keys and frees their values in the background.",
    complexity: "O(1) for each key; freeing M elements is O(M) in another thread",
    flags: &[Write, Fast],
    args: &[many(key("key", &[RM, Delete]))],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    examples: &[
        ("SET a 1", "OK"),
        ("UNLINK a nokey", "(integer) 1"),
        ("UNLINK", "(error) ERR wrong number of arguments for 'unlink' command"),
    ],
    ..Command::base(unlink)
};

fn unlink(cx: &mut Cx<'_>) -> CmdResult {
    delete(cx, true)
}

fn delete(cx: &mut Cx<'_>, lazy: bool) -> CmdResult {
    let mut deleted = 0;
    for i in 1..cx.argc() {
        let key = cx.key(i);
        if cx.db.delete(key, lazy) {
            cx.db.changed(key, Class::Generic, "del", 1);
            deleted += 1;
        }
    }
    cx.reply.integer(deleted);
    Ok(())
}

pub const EXISTS: Command = Command {
    name: "EXISTS",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Counts how many of the named keys are there.",
    complexity: "O(N) with N keys",
    flags: &[ReadOnly, Fast],
    args: &[many(key("key", &[RO]))],
    history: &[("3.0.3", "Accepts multiple `key` arguments.")],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    examples: &[
        ("SET a 1", "OK"),
        ("EXISTS a nokey", "(integer) 1"),
        ("EXISTS a a", "(integer) 2"),
        ("EXISTS", "(error) ERR wrong number of arguments for 'exists' command"),
    ],
    ..Command::base(exists)
};

fn exists(cx: &mut Cx<'_>) -> CmdResult {
    let found = (1..cx.argc()).filter(|&i| cx.db.exists(cx.key(i))).count();
    cx.reply.integer(found as i64);
    Ok(())
}

pub const TOUCH: Command = Command {
    name: "TOUCH",
    group: Group::Generic,
    since: "3.2.1",
    summary: "Marks keys as used just now and counts those that are there.",
    complexity: "O(N) with N keys",
    flags: &[ReadOnly, Fast],
    args: &[many(key("key", &[RO]))],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    examples: &[
        ("SET a 1", "OK"),
        ("TOUCH a nokey", "(integer) 1"),
        ("TOUCH", "(error) ERR wrong number of arguments for 'touch' command"),
    ],
    ..Command::base(touch)
};

fn touch(cx: &mut Cx<'_>) -> CmdResult {
    let found = (1..cx.argc()).filter(|&i| cx.db.touch(cx.key(i))).count();
    cx.reply.integer(found as i64);
    Ok(())
}
