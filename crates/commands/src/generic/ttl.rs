//! TTL, PTTL, EXPIRETIME and PEXPIRETIME: one question in two units, from now or from 1970.
//!
//! Seconds are rounded to the nearest: a key set to expire in one second answers 1, not 0.

use command::declare::{Flag::*, Group, KeyFlag::*, key};
use engine::{CmdResult, Command, Cx};

const NO_KEY: i64 = -2;
const NO_EXPIRY: i64 = -1;

pub const TTL: Command = Command {
    name: "TTL",
    since: "1.0.0",
    summary: "Tells in how many seconds a key expires.",
    history: &[("2.8.0", "Added the -2 reply.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("SET k v EX 100", "OK"),
        ("TTL k", "(integer) 100"),
        ("TTL nokey", "(integer) -2"),
        ("SET k v", "OK"),
        ("TTL k", "(integer) -1"),
        ("TTL k k", "(error) ERR wrong number of arguments for 'ttl' command"),
    ],
    ..base(ttl)
};

pub const PTTL: Command = Command {
    name: "PTTL",
    since: "2.6.0",
    summary: "Tells in how many milliseconds a key expires.",
    history: &[("2.8.0", "Added the -2 reply.")],
    tips: &["nondeterministic_output"],
    examples: &[
        ("SET k v", "OK"),
        ("PTTL k", "(integer) -1"),
        ("PTTL nokey", "(integer) -2"),
        ("PTTL", "(error) ERR wrong number of arguments for 'pttl' command"),
    ],
    ..base(pttl)
};

pub const EXPIRETIME: Command = Command {
    name: "EXPIRETIME",
    since: "7.0.0",
    summary: "Tells at which Unix time, in seconds, a key expires.",
    examples: &[
        ("SET k v EXAT 33177117420", "OK"),
        ("EXPIRETIME k", "(integer) 33177117420"),
        ("EXPIRETIME nokey", "(integer) -2"),
        ("EXPIRETIME", "(error) ERR wrong number of arguments for 'expiretime' command"),
    ],
    ..base(expiretime)
};

pub const PEXPIRETIME: Command = Command {
    name: "PEXPIRETIME",
    since: "7.0.0",
    summary: "Tells at which Unix time, in milliseconds, a key expires.",
    examples: &[
        ("SET k v PXAT 33177117420123", "OK"),
        ("PEXPIRETIME k", "(integer) 33177117420123"),
        ("PEXPIRETIME nokey", "(integer) -2"),
        ("PEXPIRETIME", "(error) ERR wrong number of arguments for 'pexpiretime' command"),
    ],
    ..base(pexpiretime)
};

const fn base(handler: engine::Handler) -> Command {
    Command {
        group: Group::Generic,
        complexity: "O(1)",
        flags: &[ReadOnly, Fast],
        args: const { &[key("key", &[RO, Access])] },
        ..Command::base(handler)
    }
}

fn ttl(cx: &mut Cx<'_>) -> CmdResult {
    let now_ms = cx.now_ms();
    answer(cx, |at_ms| to_seconds(at_ms.saturating_sub(now_ms).max(0)))
}

fn pttl(cx: &mut Cx<'_>) -> CmdResult {
    let now_ms = cx.now_ms();
    answer(cx, |at_ms| at_ms.saturating_sub(now_ms).max(0))
}

fn expiretime(cx: &mut Cx<'_>) -> CmdResult {
    answer(cx, to_seconds)
}

fn pexpiretime(cx: &mut Cx<'_>) -> CmdResult {
    answer(cx, |at_ms| at_ms)
}

fn answer(cx: &mut Cx<'_>, said: impl Fn(i64) -> i64) -> CmdResult {
    let reply = match cx.db.expire_ms(cx.key(1)) {
        None => NO_KEY,
        Some(None) => NO_EXPIRY,
        Some(Some(at_ms)) => said(at_ms),
    };
    cx.reply.integer(reply);
    Ok(())
}

fn to_seconds(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

#[cfg(test)]
mod tests {
    use testkit::transcript::check;

    #[test]
    fn the_four_agree() {
        check(
            "> SET k v PXAT 33177117420499
             OK
             > EXPIRETIME k
             (integer) 33177117420
             > PEXPIREAT k 33177117420500
             (integer) 1
             > EXPIRETIME k
             (integer) 33177117421
             > PEXPIRETIME k
             (integer) 33177117420500
             > PEXPIRE k 100000
             (integer) 1
             > TTL k
             (integer) 100
             > PTTL k
             (integer) *",
        );
    }

    #[test]
    fn seconds_are_rounded_to_the_nearest() {
        assert_eq!(super::to_seconds(1499), 1);
        assert_eq!(super::to_seconds(1500), 2);
        assert_eq!(super::to_seconds(i64::MAX), i64::MAX / 1000);
    }
}
