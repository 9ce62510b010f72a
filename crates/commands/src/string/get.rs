//! Reading a whole string, and reading it while removing it or moving its expiry.

use command::declare::*;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::StrRef;

use Flag::{Fast, ReadOnly, Write};
use KeyFlag::{Access, Delete, RO, RW, Update};

use super::condition::digest_of;
use super::expire::{EX, EXAT, PX, PXAT, Ttl};

/// Replies with a string's text.
#[inline]
pub(crate) fn bulk(reply: &mut Reply<'_>, value: StrRef<'_>) {
    match value {
        StrRef::Int(n) => reply.bulk_integer(n),
        StrRef::Bytes(bytes) => reply.bulk(bytes),
    }
}

pub(super) const GET: Command = Command {
    name: "GET",
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string a key holds.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access])],
    examples: &[
        ("GET nokey", "(nil)"),
        ("SET greeting hello", "OK"),
        ("GET greeting", "\"hello\""),
        ("GET greeting name", "(error) ERR wrong number of arguments for 'get' command"),
    ],
    ..Command::base(get)
};

fn get(cx: &mut Cx<'_>) -> CmdResult {
    reply_with_value(cx).map(drop)
}

/// Replies as GET does; whether there was a value.
pub(super) fn reply_with_value(cx: &mut Cx<'_>) -> Result<bool, CmdError> {
    let value = cx.db.string(cx.key(1))?;
    match value {
        Some(value) => bulk(&mut cx.reply, value),
        None => cx.reply.null(),
    }
    Ok(value.is_some())
}

pub(super) const GETDEL: Command = Command {
    name: "GETDEL",
    group: Group::String,
    since: "6.2.0",
    summary: "Returns the string a key holds and removes the key.",
    complexity: "O(1)",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Access, Delete])],
    examples: &[
        ("SET ticket 17", "OK"),
        ("GETDEL ticket", "\"17\""),
        ("GETDEL ticket", "(nil)"),
        ("GETDEL", "(error) ERR wrong number of arguments for 'getdel' command"),
    ],
    ..Command::base(getdel)
};

fn getdel(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    if reply_with_value(cx)? {
        cx.db.delete(key, false);
        cx.db.changed(key, Class::Generic, "del", 1);
        cx.propagate(&[b"DEL", key.bytes]);
    }
    Ok(())
}

pub(super) const GETEX: Command = Command {
    name: "GETEX",
    group: Group::String,
    since: "6.2.0",
    summary: "Returns the string a key holds, and moves or removes the key's expiry.",
    complexity: "O(1)",
    flags: &[Write, Fast],
    args: &[
        key("key", &[RW, Access, Update]),
        opt(one_of("expiration", &[EX, PX, EXAT, PXAT, flag("PERSIST")])),
    ],
    examples: &[
        ("SET session ann EX 60", "OK"),
        ("GETEX session EX 600", "\"ann\""),
        ("GETEX session PERSIST", "\"ann\""),
        ("GETEX session EX 0", "(error) ERR invalid expire time in 'getex' command"),
        ("GETEX session EX 1 PERSIST", "(error) ERR syntax error"),
    ],
    ..Command::base(getex)
};

fn getex(cx: &mut Cx<'_>) -> CmdResult {
    let mut ttl = Ttl::Unsaid;
    let mut i = 2;
    while i < cx.argc() {
        i += ttl.read(cx.args, i, "PERSIST").ok_or(CmdError::SYNTAX)?;
    }
    let key = cx.key(1);
    if !reply_with_value(cx)? {
        return Ok(());
    }
    // Redis looks at the number only for a key that is there.
    match (ttl, ttl.moment_ms(cx)?) {
        (Ttl::Moment { unit, .. }, Some(ms))
            if unit.is_absolute() && cx.db.expiry_clock().is_due(ms) =>
        {
            cx.db.delete_as_due(key);
        }
        (_, Some(ms)) => {
            cx.db.set_expire(key, Some(ms));
            cx.db.changed(key, Class::Generic, "expire", 1);
            let ms = ms.to_string();
            cx.propagate(&[b"PEXPIREAT", key.bytes, ms.as_bytes()]);
        }
        (Ttl::ByWord, None) if cx.db.peek(key).is_some_and(|record| record.has_expire()) => {
            cx.db.set_expire(key, None);
            cx.db.changed(key, Class::Generic, "persist", 1);
            cx.propagate(&[b"PERSIST", key.bytes]);
        }
        (_, None) => {}
    }
    Ok(())
}

pub(super) const DIGEST: Command = Command {
    name: "DIGEST",
    group: Group::String,
    since: "8.4.0",
    summary: "Returns the XXH3-64 digest of the string a key holds.",
    complexity: "O(N), N being the length of the string.",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access])],
    examples: &[
        ("SET greeting \"Hello world\"", "OK"),
        ("DIGEST greeting", "\"b6acb9d84a38ff74\""),
        ("SET greeting hi IFDEQ b6acb9d84a38ff74", "OK"),
        ("DIGEST nokey", "(nil)"),
        ("DIGEST", "(error) ERR wrong number of arguments for 'digest' command"),
    ],
    ..Command::base(digest)
};

fn digest(cx: &mut Cx<'_>) -> CmdResult {
    match cx.db.string(cx.key(1))? {
        Some(value) => cx.reply.bulk_fmt(format_args!("{:016x}", digest_of(value))),
        None => cx.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_repeated};

    #[test]
    fn another_type_is_refused() {
        for call in ["GET l", "GETDEL l", "GETEX l", "GETEX l PERSIST", "DIGEST l", "GETSET l v"] {
            check(&format!("@list l\n> {call}\n(error) WRONGTYPE *"));
        }
    }

    #[test]
    fn getex_looks_at_the_number_only_if_the_key_is_there() {
        check(
            "> GETEX k EX 0
            (nil)
            > GETEX k EX abc
            (nil)
            > GETEX k EX
            (error) ERR syntax error
            > GETEX k KEEPTTL
            (error) ERR syntax error
            > SET k v
            OK
            > GETEX k EX abc
            (error) ERR value is not an integer or out of range
            > GETEX k PX 9223372036854775807
            (error) ERR invalid expire time in 'getex' command
            > GETEX k EXAT 1
            \"v\"
            > GET k
            (nil)",
        );
    }

    #[test]
    fn what_getdel_and_getex_did_is_repeated_and_nothing_else() {
        check_repeated(
            &[
                "SET k v",
                "GETEX k",
                "GETEX k PERSIST",
                "GETEX k EX 100",
                "GETEX k PXAT 9999999999999",
                "GETEX k PERSIST",
                "GETEX k EXAT 1",
                "GETDEL k",
                "SET k v",
                "GETDEL k",
            ],
            &[
                "SET k v",
                "PEXPIREAT k *",
                "PEXPIREAT k 9999999999999",
                "PERSIST k",
                "DEL k",
                "SET k v",
                "DEL k",
            ],
        );
    }

    #[test]
    fn an_integer_has_the_digest_of_its_text() {
        check(
            "> SET a 12345
            OK
            > APPEND b 1234
            (integer) 4
            > APPEND b 5
            (integer) 5
            > DIGEST a
            \"f34099ede96b5581\"
            > DIGEST b
            \"f34099ede96b5581\"",
        );
    }
}
