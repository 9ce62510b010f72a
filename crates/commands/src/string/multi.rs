//! Several strings at once: MGET, MSET, MSETNX, MSETEX.
//!
//! All keys are locked before the command runs, so everybody sees all of the new values or none.

use command::declare::*;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::Expire;

use Flag::{DenyOom, Fast, ReadOnly, Write};
use KeyFlag::{Access, Insert, OW, RO, Update};

use super::condition::Condition;
use super::expire::{EX, EXAT, PX, PXAT, Ttl, Unit};
use super::get::bulk;

pub(super) const MGET: Command = Command {
    name: "MGET",
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the strings several keys hold, nil for what is no string.",
    complexity: "O(N), N being the number of keys.",
    flags: &[ReadOnly, Fast],
    args: &[many(key("key", &[RO, Access]))],
    tips: &["request_policy:multi_shard"],
    examples: &[
        ("MSET a 1 b two", "OK"),
        ("MGET a b nokey", "1) \"1\"\n2) \"two\"\n3) (nil)"),
        ("MGET", "(error) ERR wrong number of arguments for 'mget' command"),
    ],
    ..Command::base(mget)
};

fn mget(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.array(cx.argc() - 1);
    for i in 1..cx.argc() {
        match cx.db.read(cx.key(i)).and_then(|record| record.string()) {
            Some(value) => bulk(&mut cx.reply, value),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

pub(super) const MSET: Command = Command {
    name: "MSET",
    group: Group::String,
    since: "1.0.1",
    summary: "Stores several strings under their keys, all at once.",
    complexity: "O(N), N being the number of keys.",
    flags: &[Write, DenyOom],
    args: &[many(block("data", &[key("key", &[OW, Update]), text("value")]))],
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    examples: &[
        ("MSET a 1 b 2", "OK"),
        ("GET b", "\"2\""),
        ("MSET a 1 b", "(error) ERR wrong number of arguments for 'mset' command"),
    ],
    ..Command::base(mset)
};

fn mset(cx: &mut Cx<'_>) -> CmdResult {
    require_pairs(cx)?;
    set_pairs(cx, 1, cx.argc(), Expire::Clear);
    cx.reply.ok();
    Ok(())
}

pub(super) const MSETNX: Command = Command {
    name: "MSETNX",
    group: Group::String,
    since: "1.0.1",
    summary: "Stores several strings under their keys if none of the keys exists.",
    complexity: "O(N), N being the number of keys.",
    flags: &[Write, DenyOom],
    args: &[many(block("data", &[key("key", &[OW, Insert]), text("value")]))],
    examples: &[
        ("MSETNX a 1 b 2", "(integer) 1"),
        ("MSETNX b 3 c 4", "(integer) 0"),
        ("MGET b c", "1) \"2\"\n2) (nil)"),
        ("MSETNX a", "(error) ERR wrong number of arguments for 'msetnx' command"),
    ],
    ..Command::base(msetnx)
};

fn msetnx(cx: &mut Cx<'_>) -> CmdResult {
    require_pairs(cx)?;
    let argc = cx.argc();
    let is_met = all_meet(cx, Condition::NotExists, 1, argc)?;
    if is_met {
        set_pairs(cx, 1, argc, Expire::Clear);
    }
    cx.reply.integer(is_met.into());
    Ok(())
}

pub(super) const MSETEX: Command = Command {
    name: "MSETEX",
    group: Group::String,
    since: "8.4.0",
    summary: "Stores several strings under their keys, with one condition and one expiry for all.",
    complexity: "O(N), N being the number of keys.",
    flags: &[Write, DenyOom],
    args: &[
        integer("numkeys"),
        many(block("data", &[key("key", &[OW, Update]), text("value")])),
        opt(one_of("condition", &[flag("NX"), flag("XX")])),
        opt(one_of("expiration", &[EX, PX, EXAT, PXAT, flag("KEEPTTL")])),
    ],
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    examples: &[
        ("MSETEX 2 a 1 b 2 EX 60", "(integer) 1"),
        ("MSETEX 2 b 3 c 4 NX", "(integer) 0"),
        ("MSETEX 2 a 1 b 3 XX KEEPTTL", "(integer) 1"),
        ("MSETEX 3 a 1", "(error) ERR wrong number of key-value pairs"),
        ("MSETEX 1 a 1 NX XX", "(error) ERR syntax error"),
    ],
    ..Command::base(msetex)
};

fn msetex(cx: &mut Cx<'_>) -> CmdResult {
    let numkeys = cx.int(1).ok().and_then(|n| i32::try_from(n).ok()).filter(|n| *n > 0);
    let numkeys = numkeys.ok_or(CmdError::NUMKEYS)? as usize;
    let end = 2 + 2 * numkeys;
    if end > cx.argc() {
        return Err(CmdError::KEY_VALUE_PAIRS);
    }
    let (mut condition, mut ttl, mut i) = (None, Ttl::Unsaid, end);
    while i < cx.argc() {
        let words = Condition::read_existence(&mut condition, cx.args, i)
            .or_else(|| ttl.read(cx.args, i, "KEEPTTL"));
        i += words.ok_or(CmdError::SYNTAX)?;
    }
    let expire = match ttl.moment_ms(cx)? {
        Some(ms) => Expire::At(ms),
        None if ttl == Ttl::ByWord => Expire::Keep,
        None => Expire::Clear,
    };
    let is_met = match condition {
        Some(condition) => all_meet(cx, condition, 2, end)?,
        None => true,
    };
    if is_met {
        set_pairs(cx, 2, end, expire);
        if let Ttl::Moment { unit, .. } = ttl
            && unit != Unit::PxAt
            && let Expire::At(ms) = expire
        {
            let ms = ms.to_string();
            let mut words: Vec<&[u8]> = cx.args.iter().take(end).collect();
            words.extend([&b"PXAT"[..], ms.as_bytes()]);
            cx.propagate(&words);
        }
    }
    cx.reply.integer(is_met.into());
    Ok(())
}

/// Each key has its value. The arity alone does not tell.
fn require_pairs(cx: &Cx<'_>) -> CmdResult {
    if cx.argc().is_multiple_of(2) { Err(CmdError::wrong_arity(cx.name())) } else { Ok(()) }
}

/// Whether each key of the pairs from `start` to `end` meets the condition.
fn all_meet(
    cx: &mut Cx<'_>,
    condition: Condition<'_>,
    start: usize,
    end: usize,
) -> Result<bool, CmdError> {
    for i in (start..end).step_by(2) {
        let key = cx.key(i);
        if !condition.is_met(&mut cx.db, key)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Stores the pairs in the arguments from `start` to `end`.
fn set_pairs(cx: &mut Cx<'_>, start: usize, end: usize, expire: Expire) {
    for i in (start..end).step_by(2) {
        let key = cx.key(i);
        if expire == Expire::Keep {
            // Meets, and so deletes, an expired key whose moment shall not be kept.
            cx.db.look(key);
        }
        cx.db.set(key, cx.value(i + 1), expire);
        cx.db.changed(key, Class::String, "set", 1);
        if matches!(expire, Expire::At(_)) {
            cx.db.notify(Class::Generic, "expire", key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_repeated};

    #[test]
    fn mget_passes_over_what_is_no_string() {
        check(
            "> SET a v
            OK
            @list l
            > MGET a l nokey a
            1) \"v\"
            2) (nil)
            3) (nil)
            4) \"v\"",
        );
    }

    #[test]
    fn a_key_said_twice_ends_with_its_last_value() {
        check(
            "> MSET k 1 k 2
            OK
            > GET k
            \"2\"
            > MSETNX n 1 n 2
            (integer) 1
            > GET n
            \"2\"
            > MSETNX n 1 m 1
            (integer) 0
            > GET m
            (nil)
            > MSETEX 2 e 1 e 2 NX
            (integer) 1",
        );
    }

    #[test]
    fn msetex_refuses_what_does_not_add_up() {
        for (call, error) in [
            ("MSETEX 0 a 1", "invalid numkeys value or out of range"),
            ("MSETEX -1 a 1", "invalid numkeys value or out of range"),
            ("MSETEX x a 1", "invalid numkeys value or out of range"),
            ("MSETEX 9999999999 a 1", "invalid numkeys value or out of range"),
            ("MSETEX 2147483647 a 1", "wrong number of key-value pairs"),
            ("MSETEX 2 a 1 b", "wrong number of key-value pairs"),
            ("MSETEX 1 a 1 b 2", "syntax error"),
            ("MSETEX 1 a 1 IFEQ 2", "syntax error"),
            ("MSETEX 1 a 1 KEEPTTL EX 1", "syntax error"),
            ("MSETEX 1 a 1 EX 0", "invalid expire time in 'msetex' command"),
            ("MSETEX 1 a 1 EX x", "value is not an integer or out of range"),
            ("MSETEX 1 a", "wrong number of arguments for 'msetex' command"),
        ] {
            check(&format!("> {call}\n(error) ERR {error}\n> GET a\n(nil)"));
        }
    }

    #[test]
    fn msetex_sets_all_or_nothing() {
        check(
            "> MSETEX 2 a 1 b 2 XX
            (integer) 0
            > SET a 0
            OK
            > MSETEX 2 a 1 b 2 XX
            (integer) 0
            > MSETEX 2 a 1 b 2 NX
            (integer) 0
            > MSETEX 2 a 1 b 2
            (integer) 1
            > MSETEX 2 a 3 b 4 XX EXAT 1
            (integer) 1
            > MGET a b
            1) (nil)
            2) (nil)",
        );
    }

    #[test]
    fn all_changes_are_one_request_in_the_journal() {
        check_repeated(
            &[
                "MSET a 1 b 2",
                "MSETNX a 1 c 2",
                "MSETNX c 1",
                "MSETEX 2 a 1 b 2 EX 100 XX",
                "MSETEX 1 a 1 PXAT 9999999999999",
                "MSETEX 1 a 1 NX",
                "MSETEX 1 a 2 KEEPTTL",
            ],
            &[
                "MSET a 1 b 2",
                "MSETNX c 1",
                "MSETEX 2 a 1 b 2 PXAT *",
                "MSETEX 1 a 1 PXAT 9999999999999",
                "MSETEX 1 a 2 KEEPTTL",
            ],
        );
    }
}
