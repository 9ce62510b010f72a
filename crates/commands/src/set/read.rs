//! SCARD, SISMEMBER, SMISMEMBER, SMEMBERS and SSCAN.

use command::declare::Flag::{Fast, ReadOnly};
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, integer, key, many, opt, pattern, text, token};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::View;
use store::value::Set;
use structures::listpack::TextBuffer;

use super::write_member;
use crate::generic::keys::matcher;
use crate::generic::scan::{Options, Walk, parse_cursor, walk_elements};

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
    let len = cx.db.collection::<Set>(key)?.map_or(0, |set| set.len());
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
    elements: Some((2, 1)),
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

pub(super) const SMISMEMBER: Command = Command {
    name: "SMISMEMBER",
    group: Group::Set,
    since: "6.2.0",
    summary: "Tells of each of several members whether a set has it.",
    complexity: "O(N) in the members asked for",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access]), many(text("member"))],
    examples: &[
        ("SADD fruits apple pear", "(integer) 2"),
        ("SMISMEMBER fruits apple plum", "1) (integer) 1\n2) (integer) 0"),
        ("SMISMEMBER none apple", "1) (integer) 0"),
        ("SMISMEMBER fruits", "(error) ERR wrong number of arguments for 'smismember' command"),
    ],
    ..Command::base(smismember)
};

fn smismember(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let members = cx.args.from_index(2);
    let set = cx.db.collection::<Set>(key)?;
    cx.reply.array(members.len());
    let mut say = |is_member| cx.reply.integer(i64::from(is_member));
    match set {
        Some(set) => set.contains_each(members.iter(), say),
        None => members.iter().for_each(|_| say(false)),
    }
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
    cx.reply.set(set.len());
    set.iter().for_each(|member| write_member(&mut cx.reply, member));
    Ok(())
}

pub(super) const SSCAN: Command = Command {
    name: "SSCAN",
    group: Group::Set,
    since: "2.8.0",
    summary: "Walks over the members of a set, some in each call.",
    complexity: "O(COUNT) for a call, O(N) for a walk over N members",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        integer("cursor"),
        opt(token("MATCH", pattern("pattern"))),
        opt(token("COUNT", integer("count"))),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("SADD fruits apple pear", "(integer) 2"),
        ("SSCAN fruits 0 MATCH a*", "1) \"0\"\n2) 1) \"apple\""),
        ("SSCAN none 0", "1) \"0\"\n2) (empty array)"),
        ("SSCAN fruits here", "(error) ERR invalid cursor"),
        ("SSCAN fruits 0 COUNT 0", "(error) ERR syntax error"),
    ],
    ..Command::base(sscan)
};

fn sscan(cx: &mut Cx<'_>) -> CmdResult {
    let number = parse_cursor(cx.arg(2)).ok_or(CmdError::INVALID_CURSOR)?;
    let key = cx.key(1);
    // Redis looks at the options only once there is something to walk over.
    if cx.db.collection::<Set>(key)?.is_none() {
        cx.reply.array(2);
        cx.reply.bulk(b"0");
        cx.reply.array(0);
        return Ok(());
    }
    let options = Options::parse(cx, 3, Walk::Elements)?;
    let matches = matcher(options.pattern);
    let set = cx.db.held_collection::<Set>(key).expect("it was just looked up");
    let mut members = Vec::new();
    let mut members_reply = Reply::new(&mut members, cx.reply.protocol());
    let mut returned = 0;
    let cursor = walk_elements(number, options.count, |position| {
        set.scan(position, |member| {
            if matches(member.text(&mut TextBuffer::new())) {
                write_member(&mut members_reply, member);
                returned += 1;
            }
        })
    });
    cx.reply.array(2);
    cx.reply.bulk_fmt(format_args!("{cursor}"));
    cx.reply.array(returned);
    cx.reply.raw(&members);
    Ok(())
}
