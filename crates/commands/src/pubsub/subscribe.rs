//! SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and what ends them.
//!
//! Each name is confirmed on its own, in the form of a message, with the number of names that the
//! client listens to then.

use command::declare::Flag::{self, Loading, NoScript, PubSub, Stale};
use command::declare::KeyFlag::NotKey;
use command::declare::{Channels, Group, Lock, key, many, opt, pattern, text};
use engine::pubsub::Topic;
use engine::{CmdResult, Command, Cx};

const FLAGS: &[Flag] = &[PubSub, NoScript, Loading, Stale];

pub(super) const SUBSCRIBE: Command = Command {
    name: "SUBSCRIBE",
    group: Group::PubSub,
    since: "2.0.0",
    summary: "Listens to channels.",
    complexity: "O(N) with N channels",
    flags: FLAGS,
    args: &[many(text("channel"))],
    channels: Some(Channels::Subscribed),
    lock: Some(Lock::Local),
    examples: &[
        ("SUBSCRIBE news", "1) \"subscribe\"\n2) \"news\"\n3) (integer) 1"),
        ("SUBSCRIBE", "(error) ERR wrong number of arguments for 'subscribe' command"),
    ],
    ..Command::base(|cx| subscribe(cx, Topic::Channel, b"subscribe"))
};

pub(super) const PSUBSCRIBE: Command = Command {
    name: "PSUBSCRIBE",
    summary: "Listens to the channels whose names match patterns.",
    complexity: "O(N) with N patterns",
    args: &[many(pattern("pattern"))],
    channels: Some(Channels::SubscribedPatterns),
    examples: &[
        ("PSUBSCRIBE n?ws", "1) \"psubscribe\"\n2) \"n?ws\"\n3) (integer) 1"),
        ("PSUBSCRIBE", "(error) ERR wrong number of arguments for 'psubscribe' command"),
    ],
    handler: |cx| subscribe(cx, Topic::Pattern, b"psubscribe"),
    ..SUBSCRIBE
};

pub(super) const SSUBSCRIBE: Command = Command {
    name: "SSUBSCRIBE",
    since: "7.0.0",
    summary: "Listens to channels that belong to a slot of a cluster.",
    args: &[many(key("shardchannel", &[NotKey]))],
    examples: &[
        ("SSUBSCRIBE news", "1) \"ssubscribe\"\n2) \"news\"\n3) (integer) 1"),
        ("SSUBSCRIBE", "(error) ERR wrong number of arguments for 'ssubscribe' command"),
    ],
    handler: |cx| subscribe(cx, Topic::Shard, b"ssubscribe"),
    ..SUBSCRIBE
};

pub(super) const UNSUBSCRIBE: Command = Command {
    name: "UNSUBSCRIBE",
    summary: "Listens no more to channels; without names, to none at all.",
    args: &[opt(many(text("channel")))],
    channels: None,
    examples: &[
        ("UNSUBSCRIBE news", "1) \"unsubscribe\"\n2) \"news\"\n3) (integer) 0"),
        ("UNSUBSCRIBE", "1) \"unsubscribe\"\n2) (nil)\n3) (integer) 0"),
    ],
    handler: |cx| unsubscribe(cx, Topic::Channel, b"unsubscribe"),
    ..SUBSCRIBE
};

pub(super) const PUNSUBSCRIBE: Command = Command {
    name: "PUNSUBSCRIBE",
    summary: "Listens no more to patterns; without any, to none at all.",
    complexity: "O(N) with N patterns",
    args: &[opt(many(pattern("pattern")))],
    channels: None,
    examples: &[
        ("PUNSUBSCRIBE n?ws", "1) \"punsubscribe\"\n2) \"n?ws\"\n3) (integer) 0"),
        ("PUNSUBSCRIBE", "1) \"punsubscribe\"\n2) (nil)\n3) (integer) 0"),
    ],
    handler: |cx| unsubscribe(cx, Topic::Pattern, b"punsubscribe"),
    ..SUBSCRIBE
};

pub(super) const SUNSUBSCRIBE: Command = Command {
    name: "SUNSUBSCRIBE",
    since: "7.0.0",
    summary: "Listens no more to shard channels; without names, to none at all.",
    args: &[opt(many(key("shardchannel", &[NotKey])))],
    channels: None,
    examples: &[
        ("SUNSUBSCRIBE news", "1) \"sunsubscribe\"\n2) \"news\"\n3) (integer) 0"),
        ("SUNSUBSCRIBE", "1) \"sunsubscribe\"\n2) (nil)\n3) (integer) 0"),
    ],
    handler: |cx| unsubscribe(cx, Topic::Shard, b"sunsubscribe"),
    ..SUBSCRIBE
};

fn subscribe(cx: &mut Cx<'_>, topic: Topic, word: &[u8]) -> CmdResult {
    for name in cx.args.from_index(1) {
        let count = cx.engine.subscribe(cx.client, cx.worker, topic, name);
        confirm(cx, word, Some(name), count);
    }
    Ok(())
}

fn unsubscribe(cx: &mut Cx<'_>, topic: Topic, word: &[u8]) -> CmdResult {
    if cx.argc() > 1 {
        for name in cx.args.from_index(1) {
            let count = cx.engine.unsubscribe(cx.client, topic, name);
            confirm(cx, word, Some(name), count);
        }
        return Ok(());
    }
    let all = cx.engine.unsubscribe_all(cx.client, topic);
    if all.is_empty() {
        let count = cx.engine.listened(cx.client, topic);
        confirm(cx, word, None, count);
    }
    for (name, count) in all {
        confirm(cx, word, Some(&name), count);
    }
    Ok(())
}

fn confirm(cx: &mut Cx<'_>, word: &[u8], name: Option<&[u8]>, count: usize) {
    cx.client.confirms = true;
    cx.reply.push(3);
    cx.reply.bulk(word);
    match name {
        Some(name) => cx.reply.bulk(name),
        None => cx.reply.null(),
    }
    cx.reply.integer(count as i64);
}
