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

#[cfg(test)]
mod tests {
    use testkit::TestServer;
    use testkit::transcript::{check, check_on, repeated};

    use crate::generic::tests::make_due;

    #[test]
    fn a_key_named_twice_is_deleted_once() {
        check(
            "> SET a 1
             OK
             @list l
             > EXISTS a a l nokey
             (integer) 3
             > TOUCH a a l nokey
             (integer) 3
             > UNLINK a a l nokey
             (integer) 2
             > EXISTS a l
             (integer) 0",
        );
    }

    #[test]
    fn a_deletion_of_nothing_is_not_repeated() {
        assert_eq!(
            repeated(&["DEL a", "SET a 1", "DEL a b", "UNLINK a"]),
            ["SELECT 0", "SET a 1", "DEL a b"]
        );
    }

    #[test]
    fn an_expired_key_is_not_there_to_be_deleted() {
        let mut server = TestServer::new(1);
        let mut session = server.connect();
        server.reply(&mut session, "SET a 1");
        make_due(&mut server, &mut session, "a");
        check_on(&mut server, &mut session, "> DEL a\n(integer) 0");
        assert_eq!(server.engine.total(|s| s.expired_keys.get()), 1);
    }

    #[test]
    fn keys_of_many_shards_are_deleted_together() {
        let mut server = TestServer::new(4);
        let mut session = server.connect();
        let names: Vec<String> = (0..50).map(|i| format!("key:{i}")).collect();
        for name in &names {
            server.reply(&mut session, &format!("SET {name} 1"));
        }
        let call = format!("DEL {}", names.join(" "));
        assert_eq!(server.reply(&mut session, &call), resp::Value::Integer(50));
    }
}
