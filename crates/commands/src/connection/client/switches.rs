//! CLIENT REPLY, NO-EVICT, NO-TOUCH, CAPA, IMPORT-SOURCE: what the caller wants done differently.

use command::declare::*;
use engine::client::ReplyMode;
use engine::{CmdError, CmdResult, Command, Cx};

use Flag::{Admin, AllowBusy, Loading, NoScript, Stale};

const ON_OFF: &[Arg] = &[one_of("enabled", &[flag("ON"), flag("OFF")])];

/// The second word of a switch.
fn on_off(cx: &Cx<'_>) -> Result<bool, CmdError> {
    if cx.is_word(2, "ON") {
        return Ok(true);
    }
    if cx.is_word(2, "OFF") { Ok(false) } else { Err(CmdError::SYNTAX) }
}

pub(super) const REPLY: Command = Command {
    name: "REPLY",
    group: Group::Connection,
    since: "3.2.0",
    summary: "Sends replies or not: from now on, or to the next command.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    args: &[one_of("action", &[flag("ON"), flag("OFF"), flag("SKIP")])],
    lock: Some(Lock::Local),
    examples: &[("CLIENT REPLY ON", "OK"), ("CLIENT REPLY MAYBE", "(error) ERR syntax error")],
    ..Command::base(reply)
};

fn reply(cx: &mut Cx<'_>) -> CmdResult {
    // Without replies, the caller takes this one back too.
    if cx.is_word(2, "ON") {
        cx.client.reply_mode = ReplyMode::On;
    } else if cx.is_word(2, "OFF") {
        cx.client.reply_mode = ReplyMode::Off;
    } else if !cx.is_word(2, "SKIP") {
        return Err(CmdError::SYNTAX);
    } else if cx.client.reply_mode != ReplyMode::Off {
        cx.client.reply_mode = ReplyMode::SkipNext;
    }
    cx.reply.ok();
    Ok(())
}

pub(super) const NO_EVICT: Command = Command {
    name: "NO-EVICT",
    group: Group::Connection,
    since: "7.0.0",
    summary: "Spares the connection when clients are closed to free memory.",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    args: ON_OFF,
    lock: Some(Lock::Local),
    examples: &[("CLIENT NO-EVICT ON", "OK"), ("CLIENT NO-EVICT YES", "(error) ERR syntax error")],
    ..Command::base(no_evict)
};

fn no_evict(cx: &mut Cx<'_>) -> CmdResult {
    cx.client.no_evict = on_off(cx)?;
    cx.reply.ok();
    Ok(())
}

pub(super) const NO_TOUCH: Command = Command {
    name: "NO-TOUCH",
    group: Group::Connection,
    since: "7.2.0",
    summary: "Lets the connection's commands leave no trace in how recently keys were used.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    args: ON_OFF,
    lock: Some(Lock::Local),
    examples: &[("CLIENT NO-TOUCH ON", "OK"), ("CLIENT NO-TOUCH YES", "(error) ERR syntax error")],
    ..Command::base(no_touch)
};

fn no_touch(cx: &mut Cx<'_>) -> CmdResult {
    cx.client.no_touch = on_off(cx)?;
    cx.reply.ok();
    Ok(())
}

pub(super) const CAPA: Command = Command {
    name: "CAPA",
    group: Group::Connection,
    since: "valkey 8.0.0",
    summary: "Tells what the client is capable of; capabilities nobody knows are passed over.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale, AllowBusy],
    args: &[many(text("capability"))],
    lock: Some(Lock::Local),
    examples: &[
        ("CLIENT CAPA redirect", "OK"),
        ("CLIENT CAPA", "(error) ERR wrong number of arguments for 'client|capa' command"),
    ],
    ..Command::base(capa)
};

fn capa(cx: &mut Cx<'_>) -> CmdResult {
    if (2..cx.argc()).any(|i| cx.is_word(i, "REDIRECT")) {
        cx.client.capa_redirect = true;
    }
    cx.reply.ok();
    Ok(())
}

pub(super) const IMPORT_SOURCE: Command = Command {
    name: "IMPORT-SOURCE",
    group: Group::Connection,
    since: "valkey 8.1.0",
    summary: "Marks the connection as the source of an import, for servers in import mode.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    args: ON_OFF,
    lock: Some(Lock::Local),
    examples: &[
        ("CLIENT IMPORT-SOURCE ON", "(error) ERR Server is not in import mode"),
        (
            "CLIENT IMPORT-SOURCE",
            "(error) ERR wrong number of arguments for 'client|import-source' command",
        ),
    ],
    ..Command::base(import_source)
};

fn import_source(_: &mut Cx<'_>) -> CmdResult {
    // There is no import mode to be in yet.
    Err(CmdError::NOT_IMPORTING)
}
