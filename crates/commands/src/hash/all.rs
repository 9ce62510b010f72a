//! HGETALL, HKEYS and HVALS: the whole hash. Fields that are due are left out and stay.

use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, key};
use engine::{CmdResult, Command, Cx};
use store::value::Hash;

use super::write_value;

pub(super) const HGETALL: Command = Command {
    name: "HGETALL",
    since: "2.0.0",
    summary: "Returns all fields of a hash with their values.",
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HGETALL ann", "1) \"name\"\n2) \"Ann\"\n3) \"age\"\n4) \"30\""),
        ("HGETALL nokey", "(empty array)"),
        ("HGETALL", "(error) ERR wrong number of arguments for 'hgetall' command"),
    ],
    ..base(hgetall)
};

fn hgetall(cx: &mut Cx<'_>) -> CmdResult {
    reply_all(cx, true, true)
}

pub(super) const HKEYS: Command = Command {
    name: "HKEYS",
    since: "2.0.0",
    summary: "Returns the names of all fields of a hash.",
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HKEYS ann", "1) \"name\"\n2) \"age\""),
        ("HKEYS nokey", "(empty array)"),
        ("HKEYS", "(error) ERR wrong number of arguments for 'hkeys' command"),
    ],
    ..base(hkeys)
};

fn hkeys(cx: &mut Cx<'_>) -> CmdResult {
    reply_all(cx, true, false)
}

pub(super) const HVALS: Command = Command {
    name: "HVALS",
    since: "2.0.0",
    summary: "Returns the values of all fields of a hash.",
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HVALS ann", "1) \"Ann\"\n2) \"30\""),
        ("HVALS nokey", "(empty array)"),
        ("HVALS", "(error) ERR wrong number of arguments for 'hvals' command"),
    ],
    ..base(hvals)
};

fn hvals(cx: &mut Cx<'_>) -> CmdResult {
    reply_all(cx, false, true)
}

const fn base(handler: engine::Handler) -> Command {
    Command {
        group: Group::Hash,
        complexity: "O(N) with N fields",
        flags: &[ReadOnly],
        args: const { &[key("key", &[RO, Access])] },
        tips: &["nondeterministic_output_order"],
        ..Command::base(handler)
    }
}

fn reply_all(cx: &mut Cx<'_>, names: bool, values: bool) -> CmdResult {
    let key = cx.key(1);
    let due_before_ms = cx.db.expiry_clock().due_before_ms();
    let hash = cx.db.collection::<Hash>(key)?;
    let len = hash.map_or(0, |hash| hash.live_len(due_before_ms));
    if names && values {
        cx.reply.map(len);
    } else {
        cx.reply.array(len);
    }
    let Some(hash) = hash else { return Ok(()) };
    let has_due = hash.may_have_due(due_before_ms);
    for field in hash.iter() {
        if has_due && field.is_due(due_before_ms) {
            continue;
        }
        if names {
            write_value(&mut cx.reply, field.name);
        }
        if values {
            write_value(&mut cx.reply, field.value);
        }
    }
    Ok(())
}
