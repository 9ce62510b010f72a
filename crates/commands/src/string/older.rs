//! The forms that SET's options replaced: SETNX, SETEX, PSETEX, GETSET. Clients will use them for
//! ever.

use command::declare::*;
use engine::db::Class;
use engine::{CmdResult, Command, Cx};
use store::Expire;

use Flag::{DenyOom, Fast, Write};
use KeyFlag::{Access, Insert, OW, RW, Update};

use super::expire::Unit;
use super::get::reply_with_value;
use super::set::propagate_moment;

pub(super) const SETNX: Command = Command {
    name: "SETNX",
    group: Group::String,
    since: "1.0.0",
    summary: "Stores a string under a key that does not exist yet.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[OW, Insert]), text("value")],
    deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
    examples: &[
        ("SETNX name ann", "(integer) 1"),
        ("SETNX name bob", "(integer) 0"),
        ("GET name", "\"ann\""),
        ("SETNX name", "(error) ERR wrong number of arguments for 'setnx' command"),
    ],
    ..Command::base(setnx)
};

fn setnx(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let absent = cx.db.look(key).is_none();
    if absent {
        cx.db.set(key, cx.value(2), Expire::Clear);
        cx.db.changed(key, Class::String, "set", 1);
    }
    cx.reply.integer(absent.into());
    Ok(())
}

pub(super) const SETEX: Command = Command {
    name: "SETEX",
    group: Group::String,
    since: "2.0.0",
    summary: "Stores a string under a key that expires after so many seconds.",
    complexity: "O(1)",
    flags: &[Write, DenyOom],
    args: &[key("key", &[OW, Update]), integer("seconds"), text("value")],
    deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
    examples: &[
        ("SETEX session 60 ann", "OK"),
        ("GET session", "\"ann\""),
        ("SETEX session 0 ann", "(error) ERR invalid expire time in 'setex' command"),
    ],
    ..Command::base(setex)
};

fn setex(cx: &mut Cx<'_>) -> CmdResult {
    set_for(cx, Unit::Ex)
}

pub(super) const PSETEX: Command = Command {
    name: "PSETEX",
    group: Group::String,
    since: "2.6.0",
    summary: "Stores a string under a key that expires after so many milliseconds.",
    complexity: "O(1)",
    flags: &[Write, DenyOom],
    args: &[key("key", &[OW, Update]), integer("milliseconds"), text("value")],
    deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
    examples: &[
        ("PSETEX session 60000 ann", "OK"),
        ("GET session", "\"ann\""),
        ("PSETEX session 0 ann", "(error) ERR invalid expire time in 'psetex' command"),
    ],
    ..Command::base(psetex)
};

fn psetex(cx: &mut Cx<'_>) -> CmdResult {
    set_for(cx, Unit::Px)
}

/// `key time value`.
fn set_for(cx: &mut Cx<'_>, unit: Unit) -> CmdResult {
    let (key, value) = (cx.key(1), cx.arg(3));
    let moment_ms = unit.moment_ms(cx.arg(2), cx.now_ms(), cx.name())?;
    cx.db.set(key, cx.value(3), Expire::At(moment_ms));
    cx.db.changed(key, Class::String, "set", 1);
    cx.db.notify(Class::Generic, "expire", key);
    propagate_moment(cx, moment_ms, value);
    cx.reply.ok();
    Ok(())
}

pub(super) const GETSET: Command = Command {
    name: "GETSET",
    group: Group::String,
    since: "1.0.0",
    summary: "Stores a string under a key and returns the one that was there.",
    complexity: "O(1)",
    flags: &[Write, DenyOom, Fast],
    args: &[key("key", &[RW, Access, Update]), text("value")],
    deprecated: Some(("6.2.0", "`SET` with the `!GET` argument")),
    examples: &[
        ("GETSET name ann", "(nil)"),
        ("GETSET name bob", "\"ann\""),
        ("GETSET name", "(error) ERR wrong number of arguments for 'getset' command"),
    ],
    ..Command::base(getset)
};

fn getset(cx: &mut Cx<'_>) -> CmdResult {
    let (key, value) = (cx.key(1), cx.arg(2));
    reply_with_value(cx)?;
    cx.db.set(key, cx.value(2), Expire::Clear);
    cx.db.changed(key, Class::String, "set", 1);
    cx.propagate(&[b"SET", key.bytes, value]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_repeated};

    #[test]
    fn the_old_forms_do_what_set_does() {
        check(
            "> SET k v EX 100
            OK
            > SETNX k w
            (integer) 0
            > SETEX k 9223372036854775807 v
            (error) ERR invalid expire time in 'setex' command
            > SETEX k 9223370399119966 v
            (error) ERR invalid expire time in 'setex' command
            > PSETEX k -10 v
            (error) ERR invalid expire time in 'psetex' command
            > SETEX k ten v
            (error) ERR value is not an integer or out of range
            > GETSET k w
            \"v\"",
        );
        check_repeated(
            &["SET k v EX 100", "SETNX k w", "GETSET k w", "SETEX k 10 v", "PSETEX k 10 v"],
            &["SET k v PXAT *", "SET k w", "SET k v PXAT *", "SET k v PXAT *"],
        );
    }
}
