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
    let pattern = cx.arg(1);
    let clock = cx.db.expiry_clock();
    let header = cx.reply.deferred_array();
    let mut found = 0;
    if is_literal(pattern) {
        let key = cx.db.key(pattern);
        if cx.db.peek(key).is_some_and(|record| !clock.has_expired(record.expire_ms())) {
            cx.reply.bulk(pattern);
            found = 1;
        }
    } else {
        let matches = matcher(pattern);
        for shard in 0..cx.db.shard_count() {
            cx.db.shard(shard).for_each(|record| {
                if matches(record.key()) && !clock.has_expired(record.expire_ms()) {
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
pub(crate) fn matcher(pattern: &[u8]) -> impl Fn(&[u8]) -> bool {
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

/// Expired keys that RANDOMKEY passes over in a pause.
const RANDOM_TURNS: usize = 100;

fn randomkey(cx: &mut Cx<'_>) -> CmdResult {
    // Each turn ends the search or deletes a key whose time has come; in a pause, which keeps such
    // keys, one of them is as good as any other after a while.
    let mut turns_left = RANDOM_TURNS;
    while !cx.db.is_empty() {
        turns_left -= usize::from(cx.db.keeps_expired());
        // None: the last keys went away between counting and choosing.
        let Some((name, expire_ms)) = cx.db.random_key() else { continue };
        if turns_left == 0 || !cx.db.expiry_clock().has_expired(expire_ms) {
            cx.reply.bulk(&name);
            return Ok(());
        }
        let key = cx.db.key(&name);
        cx.db.delete_if_due(key);
    }
    cx.reply.null();
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::transcript::{check, check_on};
    use testkit::{Session, TestServer};

    use crate::generic::tests::{make_due, texts};

    fn keys(server: &mut TestServer, session: &mut Session, pattern: &str) -> Vec<String> {
        let mut keys = texts(&server.call(session, &[b"KEYS", pattern.as_bytes()]));
        keys.sort();
        keys
    }

    #[test]
    fn keys_are_found_in_all_shards_and_in_this_database_only() {
        for workers in [1, 4] {
            let mut server = TestServer::new(workers);
            let (mut session, mut other) = (server.connect(), server.connect());
            other.client.db = 1;
            server.reply(&mut other, "SET elsewhere 1");
            for key in ["key_x", "key_y", "key_z", "foo_a", "foo_b", "foo_c", "\"\""] {
                server.reply(&mut session, &format!("SET {key} hello"));
            }
            let mut found = |pattern| keys(&mut server, &mut session, pattern);
            assert_eq!(found("foo*"), ["foo_a", "foo_b", "foo_c"]);
            assert_eq!(found("[fk]*_[a-x]").len(), 4);
            assert_eq!(found("*").len(), 7, "the empty name too");
            assert_eq!(found("foo_a"), ["foo_a"]);
            assert_eq!(found("foo"), [""; 0]);
            assert_eq!(found(r"foo\_a"), ["foo_a"]);
            assert_eq!(found(""), [""]);
        }
    }

    #[test]
    fn a_hostile_pattern_is_answered_at_once() {
        let mut server = TestServer::new(1);
        let mut session = server.connect();
        let name = "a".repeat(30_000);
        server.call(&mut session, &[b"SET", name.as_bytes(), b"1"]);
        let pattern = format!("{}b", "a*".repeat(500));
        assert!(keys(&mut server, &mut session, &pattern).is_empty());
    }

    #[test]
    fn an_expired_key_is_neither_listed_nor_drawn() {
        let mut server = TestServer::new(4);
        let mut session = server.connect();
        for i in 0..20 {
            let name = format!("due:{i}");
            server.reply(&mut session, &format!("SET {name} 1"));
            make_due(&mut server, &mut session, &name);
        }
        assert!(keys(&mut server, &mut session, "*").is_empty());
        assert!(keys(&mut server, &mut session, "due:1").is_empty());
        check_on(&mut server, &mut session, "> SET live 1\nOK\n> RANDOMKEY\n\"live\"\n");
        check_on(&mut server, &mut session, "> DEL live\n(integer) 1\n> RANDOMKEY\n(nil)\n");
        assert_eq!(server.engine.total(|s| s.expired_keys.get()), 20);
    }

    #[test]
    fn every_key_is_drawn_sooner_or_later() {
        for workers in [1, 4] {
            let mut server = TestServer::new(workers);
            let mut session = server.connect();
            for name in ["foo", "bar", "baz"] {
                server.reply(&mut session, &format!("SET {name} 1"));
            }
            let mut drawn: Vec<Value> =
                (0..200).map(|_| server.reply(&mut session, "RANDOMKEY")).collect();
            drawn.sort_by_key(|name| name.text().map(|text| text.into_owned()));
            drawn.dedup();
            assert_eq!(drawn.len(), 3);
        }
    }

    #[test]
    fn an_empty_database_has_no_random_key() {
        check("> RANDOMKEY\n(nil)");
    }
}
