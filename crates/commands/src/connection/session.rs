//! PING, ECHO, SELECT, QUIT, RESET: commands about the caller's own connection.

use command::declare::*;
use engine::client::Closing;
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Protocol;

use Flag::{AllowBusy, Fast, Loading, NoAuth, NoScript, Stale};

pub(super) const PING: Command = Command {
    name: "PING",
    group: Group::Connection,
    since: "1.0.0",
    summary: "Answers PONG, or the message it was given.",
    complexity: "O(1)",
    flags: &[Fast],
    args: &[opt(text("message"))],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    examples: &[
        ("PING", "PONG"),
        ("PING \"hello world\"", "\"hello world\""),
        ("PING a b", "(error) ERR wrong number of arguments for 'ping' command"),
    ],
    ..Command::base(ping)
};

fn ping(cx: &mut Cx<'_>) -> CmdResult {
    match cx.argc() {
        // Who has subscribed cannot tell a reply from a message unless it looks like one.
        1 | 2 if cx.client.protocol == Protocol::Resp2 && cx.client.subscriptions.is_some() => {
            cx.reply.array(2);
            cx.reply.bulk(b"pong");
            cx.reply.bulk(if cx.argc() == 2 { cx.arg(1) } else { b"" });
        }
        1 => cx.reply.simple("PONG"),
        2 => cx.reply.bulk(cx.args.at(1)),
        _ => return Err(CmdError::wrong_arity(cx.name())),
    }
    Ok(())
}

pub(super) const ECHO: Command = Command {
    name: "ECHO",
    group: Group::Connection,
    since: "1.0.0",
    summary: "Answers the message it was given.",
    complexity: "O(1)",
    flags: &[Loading, Stale, Fast],
    args: &[text("message")],
    lock: Some(Lock::Local),
    examples: &[
        ("ECHO \"Hello World!\"", "\"Hello World!\""),
        ("ECHO", "(error) ERR wrong number of arguments for 'echo' command"),
    ],
    ..Command::base(echo)
};

fn echo(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.bulk(cx.args.at(1));
    Ok(())
}

pub(super) const SELECT: Command = Command {
    name: "SELECT",
    group: Group::Connection,
    since: "1.0.0",
    summary: "Changes the database that the connection works on.",
    complexity: "O(1)",
    flags: &[Loading, Stale, Fast],
    args: &[integer("index")],
    lock: Some(Lock::Local),
    examples: &[("SELECT 3", "OK"), ("SELECT 999", "(error) ERR DB index is out of range")],
    ..Command::base(select)
};

fn select(cx: &mut Cx<'_>) -> CmdResult {
    let index = i32::try_from(cx.int(1)?)
        .map_err(|_| CmdError::not_between(i32::MIN.into(), i32::MAX.into()))?;
    let index = usize::try_from(index).map_err(|_| CmdError::DB_OUT_OF_RANGE)?;
    if index >= cx.engine.keyspace.databases() {
        return Err(CmdError::DB_OUT_OF_RANGE);
    }
    cx.client.db = index;
    cx.reply.ok();
    Ok(())
}

pub(super) const QUIT: Command = Command {
    name: "QUIT",
    group: Group::Connection,
    since: "1.0.0",
    summary: "Closes the connection after its replies are sent.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy],
    arity: Some(-1),
    lock: Some(Lock::Local),
    deprecated: Some(("7.2.0", "just closing the connection")),
    examples: &[("QUIT", "OK")],
    ..Command::base(quit)
};

fn quit(cx: &mut Cx<'_>) -> CmdResult {
    cx.client.closing = Closing::AfterReplies;
    cx.reply.ok();
    Ok(())
}

pub(super) const RESET: Command = Command {
    name: "RESET",
    group: Group::Connection,
    since: "6.2.0",
    summary: "Makes the connection as it was when it was opened.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy],
    lock: Some(Lock::Local),
    examples: &[
        ("SELECT 5", "OK"),
        ("RESET", "RESET"),
        ("RESET now", "(error) ERR wrong number of arguments for 'reset' command"),
    ],
    ..Command::base(reset)
};

fn reset(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.unsubscribe_from_everything(cx.client);
    cx.engine.untrack(cx.client);
    cx.engine.unmonitor(cx.client);
    cx.client.reset();
    cx.engine.begin_as_default(cx.client);
    cx.reply.set_protocol(cx.client.protocol);
    cx.reply.simple("RESET");
    Ok(())
}
