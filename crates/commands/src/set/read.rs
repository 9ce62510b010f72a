//! SCARD, SISMEMBER and SMEMBERS.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, key, text};
use engine::{CmdResult, Command, Cx};

use store::View;
use store::value::Set;

pub(super) const SCARD: Command = Command {
    name: "SCARD",
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns the number of members of a set.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO])],
    examples: &[
        ("SCARD fruits", "(integer) 0"),
        ("SADD fruits apple pear", "(integer) 2"),
        ("SCARD fruits", "(integer) 2"),
        ("SCARD", "(error) ERR wrong number of arguments for 'scard' command"),
    ],
    ..Command::base(scard)
};

fn scard(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let len = cx.db.collection::<Set>(key)?.map_or(0, |set| View::len(&set));
    cx.reply.integer(len as i64);
    Ok(())
}

pub(super) const SISMEMBER: Command = Command {
    name: "SISMEMBER",
    group: Group::Set,
    since: "1.0.0",
    summary: "Tells whether a set has a member.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO]), text("member")],
    examples: &[
        ("SADD fruits apple", "(integer) 1"),
        ("SISMEMBER fruits apple", "(integer) 1"),
        ("SISMEMBER fruits pear", "(integer) 0"),
        ("SISMEMBER fruits", "(error) ERR wrong number of arguments for 'sismember' command"),
    ],
    ..Command::base(sismember)
};

fn sismember(cx: &mut Cx<'_>) -> CmdResult {
    let (key, member) = (cx.key(1), cx.arg(2));
    let is_member = cx.db.collection::<Set>(key)?.is_some_and(|set| set.contains(member));
    cx.reply.integer(i64::from(is_member));
    Ok(())
}

pub(super) const SMEMBERS: Command = Command {
    name: "SMEMBERS",
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns all members of a set.",
    complexity: "O(N) in the members",
    flags: &[ReadOnly],
    args: &[key("key", &[RO, Access])],
    tips: &["nondeterministic_output_order"],
    examples: &[
        ("SMEMBERS fruits", "(empty array)"),
        ("SADD fruits apple", "(integer) 1"),
        ("SMEMBERS fruits", "1) \"apple\""),
        ("SMEMBERS", "(error) ERR wrong number of arguments for 'smembers' command"),
    ],
    ..Command::base(smembers)
};

fn smembers(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let Some(set) = cx.db.collection::<Set>(key)? else {
        cx.reply.set(0);
        return Ok(());
    };
    cx.reply.set(View::len(&set));
    set.iter().for_each(|member| cx.reply.bulk(member));
    Ok(())
}
