//! EXPIRE and its three siblings, and PERSIST.
//!
//! All four say the same thing, a time in unix milliseconds, in two units and from two origins.
//! What is repeated to replicas and the AOF is always PEXPIREAT with that time: a relative one
//! would mean something else when it gets there. A time that has already come deletes the key
//! now, and what is repeated is the deletion.
//!
//! A key without expiry counts as one that lives for ever: GT never takes its place, LT always
//! does.

use command::declare::{
    Arg, Flag::*, Group, KeyFlag::*, flag, integer, key, one_of, opt, unix_time,
};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};

const CONDITION: Arg =
    opt(one_of("condition", &[flag("NX"), flag("XX"), flag("GT"), flag("LT")])).since("7.0.0");
const HISTORY: &[(&str, &str)] = &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")];

pub const EXPIRE: Command = Command {
    name: "EXPIRE",
    since: "1.0.0",
    summary: "Lets a key expire after so many seconds.",
    args: &[key("key", &[RW, Update]), integer("seconds"), CONDITION],
    examples: &[
        ("SET k v", "OK"),
        ("EXPIRE k 100", "(integer) 1"),
        ("TTL k", "(integer) 100"),
        ("EXPIRE k 50 GT", "(integer) 0"),
        ("EXPIRE nokey 100", "(integer) 0"),
        ("EXPIRE k -1", "(integer) 1"),
        ("EXISTS k", "(integer) 0"),
        ("EXPIRE k 9223372036854775807", "(error) ERR invalid expire time in 'expire' command"),
        ("EXPIRE k 100 AB", "(error) ERR Unsupported option AB"),
    ],
    ..base(expire)
};

pub const PEXPIRE: Command = Command {
    name: "PEXPIRE",
    since: "2.6.0",
    summary: "Lets a key expire after so many milliseconds.",
    args: &[key("key", &[RW, Update]), integer("milliseconds"), CONDITION],
    examples: &[
        ("SET k v", "OK"),
        ("PEXPIRE k 100000 XX", "(integer) 0"),
        ("PEXPIRE k 100000 NX", "(integer) 1"),
        ("TTL k", "(integer) 100"),
        ("PEXPIRE k 1.5", "(error) ERR value is not an integer or out of range"),
    ],
    ..base(pexpire)
};

pub const EXPIREAT: Command = Command {
    name: "EXPIREAT",
    since: "1.2.0",
    summary: "Lets a key expire at a Unix time in seconds.",
    args: &[key("key", &[RW, Update]), unix_time("unix-time-seconds"), CONDITION],
    examples: &[
        ("SET k v", "OK"),
        ("EXPIREAT k 33177117420", "(integer) 1"),
        ("EXPIRETIME k", "(integer) 33177117420"),
        (
            "EXPIREAT k 33177117420 GT LT",
            "(error) ERR GT and LT options at the same time are not compatible",
        ),
    ],
    ..base(expireat)
};

pub const PEXPIREAT: Command = Command {
    name: "PEXPIREAT",
    since: "2.6.0",
    summary: "Lets a key expire at a Unix time in milliseconds.",
    args: &[key("key", &[RW, Update]), unix_time("unix-time-milliseconds"), CONDITION],
    examples: &[
        ("SET k v", "OK"),
        ("PEXPIREAT k 33177117420123", "(integer) 1"),
        ("PEXPIRETIME k", "(integer) 33177117420123"),
        (
            "PEXPIREAT k 33177117420123 NX XX",
            "(error) ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
    ],
    ..base(pexpireat)
};

const fn base(handler: engine::Handler) -> Command {
    Command {
        group: Group::Generic,
        complexity: "O(1)",
        flags: &[Write, Fast],
        history: HISTORY,
        ..Command::base(handler)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

fn expire(cx: &mut Cx<'_>) -> CmdResult {
    expire_at(cx, cx.now_ms(), Unit::Seconds)
}

fn pexpire(cx: &mut Cx<'_>) -> CmdResult {
    expire_at(cx, cx.now_ms(), Unit::Milliseconds)
}

fn expireat(cx: &mut Cx<'_>) -> CmdResult {
    expire_at(cx, 0, Unit::Seconds)
}

fn pexpireat(cx: &mut Cx<'_>) -> CmdResult {
    expire_at(cx, 0, Unit::Milliseconds)
}

fn expire_at(cx: &mut Cx<'_>, origin_ms: i64, unit: Unit) -> CmdResult {
    let key = cx.key(1);
    let condition = Condition::parse(cx, 3)?;
    let at_ms = match unit {
        Unit::Milliseconds => Some(cx.int(2)?),
        Unit::Seconds => cx.int(2)?.checked_mul(1000),
    };
    let at_ms = at_ms
        .and_then(|ms| ms.checked_add(origin_ms))
        .ok_or_else(|| CmdError::invalid_expire(cx.name()))?;

    let Some(record) = cx.db.look(key) else {
        cx.reply.integer(0);
        return Ok(());
    };
    if !condition.allows(record.expire_ms(), at_ms) {
        cx.reply.integer(0);
        return Ok(());
    }
    if cx.db.expiry_clock().is_due(at_ms) {
        let lazy = cx.db.expires_lazily();
        cx.db.delete(key, lazy);
        cx.db.changed(key, Class::Generic, "del", 1);
        cx.propagate(&[if lazy { b"UNLINK" } else { b"DEL" }, key.bytes]);
    } else {
        cx.db.set_expire(key, Some(at_ms));
        cx.db.changed(key, Class::Generic, "expire", 1);
        cx.propagate(&[b"PEXPIREAT", key.bytes, at_ms.to_string().as_bytes()]);
    }
    cx.reply.integer(1);
    Ok(())
}

/// Which expiry a key must have for the new one to take its place.
#[derive(Clone, Copy, Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    /// Reads all words from `first` on.
    fn parse(cx: &Cx<'_>, first: usize) -> Result<Condition, CmdError> {
        let mut condition = Condition::default();
        for i in first..cx.argc() {
            let word = match () {
                () if cx.is_word(i, "NX") => &mut condition.nx,
                () if cx.is_word(i, "XX") => &mut condition.xx,
                () if cx.is_word(i, "GT") => &mut condition.gt,
                () if cx.is_word(i, "LT") => &mut condition.lt,
                () => return Err(CmdError::unsupported_option(cx.arg(i))),
            };
            *word = true;
        }
        let Condition { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            return Err(CmdError::EXPIRE_NX_EXCLUDES);
        }
        if gt && lt {
            return Err(CmdError::EXPIRE_GT_OR_LT);
        }
        Ok(condition)
    }

    fn allows(self, current_ms: Option<i64>, at_ms: i64) -> bool {
        match current_ms {
            None => !self.xx && !self.gt,
            Some(current) => {
                !self.nx && (!self.gt || at_ms > current) && (!self.lt || at_ms < current)
            }
        }
    }
}

pub const PERSIST: Command = Command {
    name: "PERSIST",
    group: Group::Generic,
    since: "2.2.0",
    summary: "Takes a key's expiry away.",
    complexity: "O(1)",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Update])],
    examples: &[
        ("SET k v EX 100", "OK"),
        ("PERSIST k", "(integer) 1"),
        ("TTL k", "(integer) -1"),
        ("PERSIST k", "(integer) 0"),
        ("PERSIST", "(error) ERR wrong number of arguments for 'persist' command"),
    ],
    ..Command::base(persist)
};

fn persist(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let expires = cx.db.look(key).is_some_and(|record| record.has_expire());
    if expires {
        cx.db.set_expire(key, None);
        cx.db.changed(key, Class::Generic, "persist", 1);
    }
    cx.reply.integer(expires.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::transcript::{check, check_repeated};

    #[test]
    fn conditions_compare_with_the_expiry_there_is() {
        check(
            "> SET k v
             OK
             > PEXPIREAT k 33177117420000 XX
             (integer) 0
             > PEXPIREAT k 33177117420000 GT
             (integer) 0
             > PEXPIREAT k 33177117420000 LT
             (integer) 1
             > PEXPIREAT k 33177117420000 LT
             (integer) 0
             > PEXPIREAT k 33177117420000 GT
             (integer) 0
             > PEXPIREAT k 33177117420001 NX
             (integer) 0
             > PEXPIREAT k 33177117420001 XX GT
             (integer) 1
             > PEXPIREAT k 33177117420000 xx lt
             (integer) 1
             > PEXPIREAT k 33177117420000 NX NX
             (integer) 0
             > PEXPIRETIME k
             (integer) 33177117420000",
        );
    }

    #[test]
    fn words_are_read_before_the_time_and_the_time_before_the_key() {
        check(
            "> EXPIRE nokey x AB
             (error) ERR Unsupported option AB
             > EXPIRE nokey x
             (error) ERR value is not an integer or out of range
             > EXPIRE nokey 10 NX GT
             (error) ERR NX and XX, GT or LT options at the same time are not compatible
             > EXPIRE nokey 10
             (integer) 0",
        );
    }

    #[test]
    fn a_time_beyond_64_bits_is_refused() {
        check(
            "> SET k v
             OK
             > EXPIRE k 9223372036854776
             (error) ERR invalid expire time in 'expire' command
             > EXPIRE k -9223372036854776
             (error) ERR invalid expire time in 'expire' command
             > EXPIREAT k 9223372036854776
             (error) ERR invalid expire time in 'expireat' command
             > PEXPIRE k 9223372036854775807
             (error) ERR invalid expire time in 'pexpire' command
             > TTL k
             (integer) -1
             > PEXPIREAT k 9223372036854775807
             (integer) 1
             > PEXPIRETIME k
             (integer) 9223372036854775807
             > PEXPIRE k -9223372036854775808
             (integer) 1
             > EXISTS k
             (integer) 0",
        );
    }

    #[test]
    fn an_expiry_is_repeated_in_absolute_time() {
        check_repeated(
            &["SET k v", "EXPIRE k 100", "PEXPIRE k 200000 GT", "EXPIREAT k 33177117420 NX"],
            &["SELECT 0", "SET k v", "PEXPIREAT k ??*", "PEXPIREAT k ??*"],
        );
        check_repeated(
            &["SET k v", "EXPIREAT k 33177117420", "PERSIST k", "PERSIST k"],
            &["SELECT 0", "SET k v", "PEXPIREAT k 33177117420000", "PERSIST k"],
        );
    }

    #[test]
    fn a_time_that_has_come_deletes_the_key_and_is_repeated_as_that() {
        check_repeated(
            &["SET k v", "EXPIRE k 0", "SET k v", "PEXPIREAT k 1 LT", "EXPIRE k -1"],
            &["SELECT 0", "SET k v", "DEL k", "SET k v", "DEL k"],
        );
    }

    #[test]
    fn any_type_can_expire() {
        check(
            "@list l
             > EXPIRE l 100
             (integer) 1
             > TTL l
             (integer) 100
             > PERSIST l
             (integer) 1
             > TYPE l
             list",
        );
    }
}
