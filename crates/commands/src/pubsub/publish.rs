//! PUBLISH and SPUBLISH.

use command::declare::Flag::{Fast, Loading, MayReplicate, PubSub, Stale};
use command::declare::KeyFlag::NotKey;
use command::declare::{Channels, Group, Lock, key, text};
use engine::{Command, Cx};

pub(super) const PUBLISH: Command = Command {
    name: "PUBLISH",
    group: Group::PubSub,
    since: "2.0.0",
    summary: "Sends a message to all who listen to a channel; returns how many that are here.",
    complexity: "O(N+M): N clients that listen to the channel, M patterns that anybody listens to",
    flags: &[PubSub, Loading, Stale, Fast, MayReplicate],
    args: &[text("channel"), text("message")],
    channels: Some(Channels::Published),
    lock: Some(Lock::Local),
    examples: &[
        ("PUBLISH news hello", "(integer) 0"),
        ("PUBLISH news", "(error) ERR wrong number of arguments for 'publish' command"),
    ],
    ..Command::base(|cx: &mut Cx<'_>| {
        let receivers = cx.engine.pubsub.publish(cx.arg(1), cx.arg(2));
        cx.repeat_message();
        cx.reply.integer(receivers as i64);
        Ok(())
    })
};

pub(super) const SPUBLISH: Command = Command {
    name: "SPUBLISH",
    since: "7.0.0",
    summary: "Sends a message to all who listen to a shard channel.",
    complexity: "O(N) with N clients that listen to the channel",
    args: &[key("shardchannel", &[NotKey]), text("message")],
    examples: &[
        ("SPUBLISH news hello", "(integer) 0"),
        ("SPUBLISH news", "(error) ERR wrong number of arguments for 'spublish' command"),
    ],
    handler: |cx| {
        let receivers = cx.engine.pubsub.publish_to_shard(cx.arg(1), cx.arg(2));
        cx.repeat_message();
        cx.reply.integer(receivers as i64);
        Ok(())
    },
    ..PUBLISH
};
