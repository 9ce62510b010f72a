//! PUBSUB: what is listened to.

use command::declare::Flag::{Loading, PubSub, Stale};
use command::declare::{Group, Lock, many, opt, pattern, text};
use engine::pubsub::Topic;
use engine::{CmdError, CmdResult, Command, Cx};

use crate::container::{container, help};

pub(super) const PUBSUB: Command = Command {
    name: "PUBSUB",
    group: Group::PubSub,
    since: "2.8.0",
    summary: "Commands about what is listened to.",
    complexity: "Depends on subcommand.",
    subcommands: &[CHANNELS, HELP, NUMPAT, NUMSUB, SHARDCHANNELS, SHARDNUMSUB],
    examples: &[
        ("PUBSUB", "(error) ERR wrong number of arguments for 'pubsub' command"),
        ("PUBSUB NOPE", "(error) ERR unknown subcommand 'NOPE'. Try PUBSUB HELP."),
    ],
    ..Command::base(container)
};

const CHANNELS: Command = Command {
    name: "CHANNELS",
    group: Group::PubSub,
    since: "2.8.0",
    summary: "Returns the channels that somebody listens to by name.",
    complexity: "O(N) with N channels",
    flags: &[PubSub, Loading, Stale],
    args: &[opt(pattern("pattern"))],
    lock: Some(Lock::Local),
    examples: &[
        ("PUBSUB CHANNELS", "(empty array)"),
        (
            "PUBSUB CHANNELS a b",
            "(error) ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try \
             PUBSUB HELP.",
        ),
    ],
    ..Command::base(|cx| channels(cx, Topic::Channel))
};

const SHARDCHANNELS: Command = Command {
    name: "SHARDCHANNELS",
    since: "7.0.0",
    summary: "Returns the shard channels that somebody listens to.",
    examples: &[
        ("PUBSUB SHARDCHANNELS", "(empty array)"),
        (
            "PUBSUB SHARDCHANNELS a b",
            "(error) ERR unknown subcommand or wrong number of arguments for 'SHARDCHANNELS'. \
             Try PUBSUB HELP.",
        ),
    ],
    handler: |cx| channels(cx, Topic::Shard),
    ..CHANNELS
};

const NUMSUB: Command = Command {
    name: "NUMSUB",
    group: Group::PubSub,
    since: "2.8.0",
    summary: "Tells how many clients listen to each of these channels by name.",
    complexity: "O(N) with N channels",
    flags: &[PubSub, Loading, Stale],
    args: &[opt(many(text("channel")))],
    lock: Some(Lock::Local),
    examples: &[
        ("PUBSUB NUMSUB", "(empty array)"),
        ("PUBSUB NUMSUB news", "1) \"news\"\n2) (integer) 0"),
    ],
    ..Command::base(|cx| numsub(cx, Topic::Channel))
};

const SHARDNUMSUB: Command = Command {
    name: "SHARDNUMSUB",
    since: "7.0.0",
    summary: "Tells how many clients listen to each of these shard channels.",
    args: &[opt(many(text("shardchannel")))],
    examples: &[
        ("PUBSUB SHARDNUMSUB", "(empty array)"),
        ("PUBSUB SHARDNUMSUB news", "1) \"news\"\n2) (integer) 0"),
    ],
    handler: |cx| numsub(cx, Topic::Shard),
    ..NUMSUB
};

const NUMPAT: Command = Command {
    name: "NUMPAT",
    group: Group::PubSub,
    since: "2.8.0",
    summary: "Tells how many different patterns are listened to.",
    complexity: "O(1)",
    flags: &[PubSub, Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[
        ("PUBSUB NUMPAT", "(integer) 0"),
        ("PUBSUB NUMPAT now", "(error) ERR wrong number of arguments for 'pubsub|numpat' command"),
    ],
    ..Command::base(|cx: &mut Cx<'_>| {
        cx.reply.integer(cx.engine.pubsub.count(Topic::Pattern) as i64);
        Ok(())
    })
};

const HELP: Command = Command {
    name: "HELP",
    group: Group::PubSub,
    since: "6.2.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[(
        "PUBSUB HELP x",
        "(error) ERR wrong number of arguments for 'pubsub|help' command",
    )],
    ..Command::base(help)
};

fn channels(cx: &mut Cx<'_>, topic: Topic) -> CmdResult {
    if cx.argc() > 3 {
        let subcommand = cx.arg(1).escape_ascii();
        return Err(CmdError::text(format!(
            "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try PUBSUB \
             HELP."
        )));
    }
    let names = cx.engine.pubsub.names(topic, (cx.argc() == 3).then(|| cx.arg(2)));
    cx.reply.array(names.len());
    names.iter().for_each(|name| cx.reply.bulk(name));
    Ok(())
}

fn numsub(cx: &mut Cx<'_>, topic: Topic) -> CmdResult {
    let names = cx.args.from_index(2);
    cx.reply.array(2 * names.len());
    for name in names {
        cx.reply.bulk(name);
        cx.reply.integer(cx.engine.pubsub.subscribers(topic, name) as i64);
    }
    Ok(())
}
