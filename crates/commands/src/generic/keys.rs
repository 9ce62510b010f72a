//! KEYS and RANDOMKEY: the whole database at once, and one of it by chance.
//!
//! KEYS goes from shard to shard and holds one at a time, so others go on writing; a key that is
//! renamed meanwhile may be seen under both names or neither, as in a walk with SCAN. A pattern
//! that can match one name only is looked up, not searched for.

use base::glob::glob_match;
use command::declare::{Category, Flag::*, Group, Lock, pattern};
use engine::{CmdResult, Command, Cx};

pub const KEYS: Command = Command {
    name: "KEYS",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Lists all keys whose names match a pattern.",
    complexity: "O(N) with N keys in the database",
    flags: &[ReadOnly],
    categories: &[Category::Dangerous],
    args: &[pattern("pattern")],
    lock: Some(Lock::EachShard),
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    examples: &[
        ("SET hello 1", "OK"),
        ("SET world 2", "OK"),
        ("KEYS h?llo", "1) \"hello\""),
        ("KEYS [xyz]*", "(empty array)"),
        ("KEYS", "(error) ERR wrong number of arguments for 'keys' command"),
    ],
    ..Command::base(keys)
};

fn keys(cx: &mut Cx<'_>) -> CmdResult {
    let (pattern, now_ms) = (cx.arg(1), cx.now_ms());
    let is_live = |expire_ms: Option<i64>| expire_ms.is_none_or(|at| at > now_ms);
    let header = cx.reply.deferred_array();
    let mut found = 0;
    if is_literal(pattern) {
        let key = cx.db.key(pattern);
        if cx.db.peek(key).is_some_and(|record| is_live(record.expire_ms())) {
            cx.reply.bulk(pattern);
            found = 1;
        }
    } else {
        let matches = matcher(pattern);
        for shard in 0..cx.db.shard_count() {
            cx.db.shard(shard).for_each(|record| {
                if matches(record.key()) && is_live(record.expire_ms()) {
                    cx.reply.bulk(record.key());
                    found += 1;
                }
            });
        }
    }
    cx.reply.set_deferred(header, found);
    Ok(())
}

/// Whether a name matches; a lone `*` also the empty name, which the glob itself would not.
pub(super) fn matcher(pattern: &[u8]) -> impl Fn(&[u8]) -> bool {
    let all = pattern == b"*";
    move |name| all || glob_match(pattern, name, false)
}

/// Whether the pattern stands for itself only.
fn is_literal(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| b"*?[\\".contains(byte))
}

pub const RANDOMKEY: Command = Command {
    name: "RANDOMKEY",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Returns the name of a key chosen by chance.",
    complexity: "O(1)",
    flags: &[ReadOnly],
    lock: Some(Lock::EachShard),
    tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
    examples: &[
        ("RANDOMKEY", "(nil)"),
        ("SET only 1", "OK"),
        ("RANDOMKEY", "\"only\""),
        ("RANDOMKEY x", "(error) ERR wrong number of arguments for 'randomkey' command"),
    ],
    ..Command::base(randomkey)
};

fn randomkey(cx: &mut Cx<'_>) -> CmdResult {
    // Each turn ends the search or deletes a key whose time has come.
    while !cx.db.is_empty() {
        // None: the last keys went away between counting and choosing.
        let Some((name, expire_ms)) = cx.db.random_key() else { continue };
        if expire_ms.is_none_or(|at| at > cx.now_ms()) {
            cx.reply.bulk(&name);
            return Ok(());
        }
        let key = cx.db.key(&name);
        cx.db.delete_if_due(key);
    }
    cx.reply.null();
    Ok(())
}
