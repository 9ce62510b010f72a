//! SCRIPT: what EVALSHA finds.

use std::sync::atomic::Ordering::Relaxed;

use command::declare::Flag::{AllowBusy, Loading, NoScript, Stale};
use command::declare::{Category, Group, Lock, flag, many, one_of, opt, text};
use engine::{CmdError, CmdResult, Command, Cx};

use crate::container::{container, help};

pub(super) const SCRIPT: Command = Command {
    name: "SCRIPT",
    group: Group::Scripting,
    since: "2.6.0",
    summary: "What is known of scripts.",
    complexity: "That of the subcommand",
    arity: Some(-2),
    subcommands: &[DEBUG, EXISTS, FLUSH, HELP, KILL, LOAD, SHOW],
    ..Command::base(container)
};

const BASE: Command = Command {
    group: Group::Scripting,
    since: "2.6.0",
    categories: &[Category::Scripting],
    lock: Some(Lock::Local),
    ..Command::base(container)
};

const DEBUG: Command = Command {
    name: "DEBUG",
    since: "3.2.0",
    summary: "Takes scripts into the debugger, which this server has not.",
    complexity: "O(1)",
    flags: &[NoScript],
    args: &[one_of("mode", &[flag("YES"), flag("SYNC"), flag("NO")])],
    examples: &[
        ("SCRIPT DEBUG NO", "OK"),
        ("SCRIPT DEBUG YES", "(error) ERR This server has no script debugger"),
        ("SCRIPT DEBUG maybe", "(error) ERR Use SCRIPT DEBUG YES/SYNC/NO"),
    ],
    handler: |cx| {
        if cx.is_word(2, "NO") {
            cx.reply.ok();
            return Ok(());
        }
        let is_known = cx.is_word(2, "YES") || cx.is_word(2, "SYNC");
        Err(if is_known { CmdError::NO_DEBUGGER } else { CmdError::SCRIPT_DEBUG_MODE })
    },
    ..BASE
};

const EXISTS: Command = Command {
    name: "EXISTS",
    summary: "Tells which of these scripts are known.",
    complexity: "O(N) with N scripts",
    flags: &[NoScript],
    args: &[many(text("sha1"))],
    tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
    examples: &[
        ("SCRIPT EXISTS nothing", "1) (integer) 0"),
        ("SCRIPT EXISTS", "(error) ERR wrong number of arguments for 'script|exists' command"),
    ],
    handler: |cx| {
        cx.reply.array(cx.argc() - 2);
        for index in 2..cx.argc() {
            let exists = cx.engine.scripts.exists(cx.arg(index));
            cx.reply.integer(exists.into());
        }
        Ok(())
    },
    ..BASE
};

const FLUSH: Command = Command {
    name: "FLUSH",
    summary: "Forgets all scripts.",
    complexity: "O(N) with N scripts",
    flags: &[NoScript],
    args: &[opt(one_of(
        "flush-type",
        &[flag("ASYNC").since("6.2.0"), flag("SYNC").since("6.2.0")],
    ))],
    history: &[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")],
    lock: Some(Lock::World),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("SCRIPT FLUSH", "OK"),
        ("SCRIPT FLUSH maybe", "(error) ERR SCRIPT FLUSH only support SYNC|ASYNC option"),
    ],
    handler: flush,
    ..BASE
};

fn flush(cx: &mut Cx<'_>) -> CmdResult {
    let lazily = flush_mode(cx, CmdError::SCRIPT_FLUSH_MODE)?;
    let (count, flushed) = cx.engine.scripts.flush();
    cx.engine.lazyfree.free_other(Box::new(flushed), count as u64, lazily);
    cx.reply.ok();
    Ok(())
}

/// The word behind FLUSH: whether to free in the background.
pub(super) fn flush_mode(cx: &Cx<'_>, error: CmdError) -> Result<bool, CmdError> {
    match cx.argc() {
        2 => Ok(cx.engine.settings.lazy_user_flush.load(Relaxed)),
        3 if cx.is_word(2, "SYNC") => Ok(false),
        3 if cx.is_word(2, "ASYNC") => Ok(true),
        _ => Err(error),
    }
}

const HELP: Command = Command {
    name: "HELP",
    since: "5.0.0",
    summary: "Shows what SCRIPT can do.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    handler: help,
    ..BASE
};

pub(super) const KILL: Command = Command {
    name: "KILL",
    summary: "Ends the script that runs, if it has written nothing.",
    complexity: "O(1)",
    flags: &[NoScript, AllowBusy],
    tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
    examples: &[
        ("SCRIPT KILL", "(error) NOTBUSY No scripts in execution right now."),
        ("SCRIPT KILL now", "(error) ERR wrong number of arguments for 'script|kill' command"),
    ],
    handler: |cx| {
        cx.engine.late.kill(false)?;
        cx.reply.ok();
        Ok(())
    },
    ..BASE
};

const LOAD: Command = Command {
    name: "LOAD",
    summary: "Remembers a script for EVALSHA; returns its SHA1.",
    complexity: "O(N) with N bytes of script",
    flags: &[NoScript, Stale],
    args: &[text("script")],
    lock: Some(Lock::World),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("SCRIPT LOAD \"return 1\"", "\"e0e1f9fabfc9d4800c877a703b823ac0578ff8db\""),
        ("SCRIPT LOAD", "(error) ERR wrong number of arguments for 'script|load' command"),
    ],
    handler: |cx| {
        let sha = cx.engine.load_script(cx.arg(2), false, cx.worker)?;
        cx.reply.bulk(&sha);
        Ok(())
    },
    ..BASE
};

const SHOW: Command = Command {
    name: "SHOW",
    since: "valkey 8.0.0",
    summary: "Returns the source of a script.",
    complexity: "O(1)",
    flags: &[NoScript],
    args: &[text("sha1")],
    examples: &[
        ("SCRIPT LOAD \"return 1\"", "\"e0e1f9fabfc9d4800c877a703b823ac0578ff8db\""),
        ("SCRIPT SHOW e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "\"return 1\""),
        ("SCRIPT SHOW nothing", "(error) NOSCRIPT No matching script. Please use EVAL."),
    ],
    handler: |cx| {
        let source = cx.engine.scripts.source(cx.arg(2)).ok_or(CmdError::NO_SCRIPT)?;
        cx.reply.bulk(&source);
        Ok(())
    },
    ..BASE
};
