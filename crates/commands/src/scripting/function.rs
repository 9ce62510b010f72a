//! FUNCTION: libraries of functions.
//!
//! A dump of libraries is made of the records that an RDB file has for them:
//!
//! ```text
//!   245, the library's source as a string   … once for each library …   version, CRC64
//! ```

use std::sync::atomic::Ordering::Relaxed;

use command::declare::Flag::{AllowBusy, DenyOom, Loading, NoScript, Stale, Write};
use command::declare::{Category, Group, Lock, flag, one_of, opt, text, token};
use engine::{CmdError, CmdResult, Command, Cx};
use rdb::version::Version;
use rdb::{Reader, Writer};
use script::Policy;

use super::script::flush_mode;
use crate::container::{container, help};

/// The record of a library in an RDB file.
const FUNCTION2: u8 = 245;
/// The first that has it.
const VERSION: Version = Version(10);

pub(super) const FUNCTION: Command = Command {
    name: "FUNCTION",
    group: Group::Scripting,
    since: "7.0.0",
    summary: "What is known of functions.",
    complexity: "That of the subcommand",
    arity: Some(-2),
    subcommands: &[DELETE, DUMP, FLUSH, HELP, KILL, LIST, LOAD, RESTORE, STATS],
    ..Command::base(container)
};

const BASE: Command = Command {
    group: Group::Scripting,
    since: "7.0.0",
    categories: &[Category::Scripting],
    flags: &[NoScript],
    lock: Some(Lock::Local),
    ..Command::base(container)
};

const DELETE: Command = Command {
    name: "DELETE",
    summary: "Removes a library and its functions.",
    complexity: "O(1)",
    flags: &[NoScript, Write],
    args: &[text("library-name")],
    lock: Some(Lock::World),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    examples: &[
        (
            "FUNCTION LOAD \"#!lua name=mine\\nredis.register_function('one', function() return 1 end)\"",
            "\"mine\"",
        ),
        ("FUNCTION DELETE mine", "OK"),
        ("FUNCTION DELETE mine", "(error) ERR Library not found"),
    ],
    handler: |cx| {
        if !cx.engine.scripts.delete_library(cx.arg(2)) {
            return Err(CmdError::NO_LIBRARY);
        }
        cx.db.effects.dirty += 1;
        cx.reply.ok();
        Ok(())
    },
    ..BASE
};

const DUMP: Command = Command {
    name: "DUMP",
    summary: "Returns all libraries as bytes for FUNCTION RESTORE.",
    complexity: "O(N) with N functions",
    examples: &[
        ("FUNCTION DUMP now", "(error) ERR wrong number of arguments for 'function|dump' command"),
        ("FUNCTION DUMP 1 2", "(error) ERR wrong number of arguments for 'function|dump' command"),
    ],
    handler: |cx| {
        let mut writer = Writer::new(false);
        for (_, library) in cx.engine.scripts.libraries().iter() {
            writer.byte(FUNCTION2);
            writer.string(&library.code);
        }
        cx.reply.bulk(&rdb::payload::seal(writer.into_bytes(), VERSION));
        Ok(())
    },
    ..BASE
};

const FLUSH: Command = Command {
    name: "FLUSH",
    summary: "Removes all libraries.",
    complexity: "O(N) with N functions",
    flags: &[NoScript, Write],
    args: &[opt(one_of("flush-type", &[flag("ASYNC"), flag("SYNC")]))],
    lock: Some(Lock::World),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    examples: &[
        ("FUNCTION FLUSH", "OK"),
        ("FUNCTION FLUSH maybe", "(error) ERR FUNCTION FLUSH only supports SYNC|ASYNC option"),
    ],
    handler: flush,
    ..BASE
};

fn flush(cx: &mut Cx<'_>) -> CmdResult {
    if cx.argc() > 3 {
        return Err(CmdError::subcommand_syntax("function", cx.arg(1)));
    }
    let lazily = flush_mode(cx, CmdError::FUNCTION_FLUSH_MODE)?;
    let flushed = cx.engine.scripts.flush_libraries();
    // As Redis counts: the functions, and the language.
    let objects = flushed.function_count() as u64 + 1;
    cx.engine.lazyfree.free_other(Box::new(flushed), objects, lazily);
    cx.db.effects.dirty += 1;
    cx.reply.ok();
    Ok(())
}

const HELP: Command = Command {
    name: "HELP",
    summary: "Shows what FUNCTION can do.",
    complexity: "O(1)",
    flags: &[Loading, Stale],
    handler: help,
    ..BASE
};

const KILL: Command = Command {
    since: BASE.since,
    summary: "Ends the function that runs, if it has written nothing.",
    examples: &[
        ("FUNCTION KILL", "(error) NOTBUSY No scripts in execution right now."),
        ("FUNCTION KILL now", "(error) ERR wrong number of arguments for 'function|kill' command"),
    ],
    handler: |cx| {
        cx.engine.late.kill(true)?;
        cx.reply.ok();
        Ok(())
    },
    ..super::script::KILL
};

const LIST: Command = Command {
    name: "LIST",
    summary: "Lists libraries and their functions.",
    complexity: "O(N) with N functions",
    args: &[opt(token("LIBRARYNAME", text("library-name-pattern"))), opt(flag("WITHCODE"))],
    tips: &["nondeterministic_output_order"],
    examples: &[
        ("FUNCTION LIST", "(empty array)"),
        ("FUNCTION LIST nothing", "(error) ERR Unknown argument nothing"),
    ],
    handler: list,
    ..BASE
};

fn list(cx: &mut Cx<'_>) -> CmdResult {
    let (mut with_code, mut pattern) = (false, None);
    let mut index = 2;
    while index < cx.argc() {
        if !with_code && cx.is_word(index, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && cx.is_word(index, "LIBRARYNAME") {
            index += 1;
            let name = cx.args.get(index).ok_or(CmdError::LIBRARY_NAME_MISSING)?;
            pattern = Some(name);
        } else {
            return Err(CmdError::unknown_list_argument(cx.arg(index)));
        }
        index += 1;
    }
    let libraries = cx.engine.scripts.libraries();
    let is_shown = |name: &str| {
        pattern.is_none_or(|pattern| base::glob::glob_match(pattern, name.as_bytes(), true))
    };
    let shown: Vec<_> = libraries.iter().filter(|(name, _)| is_shown(name)).collect();
    let reply = &mut cx.reply;
    reply.array(shown.len());
    for (name, library) in shown {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(name.as_bytes());
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        for function in &library.functions {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(function.name.as_bytes());
            reply.bulk(b"description");
            match &function.description {
                Some(text) => reply.bulk(text),
                None => reply.null(),
            }
            reply.bulk(b"flags");
            reply.set(function.flags.names().count());
            function.flags.names().for_each(|flag| reply.simple(flag));
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.code);
        }
    }
    Ok(())
}

const LOAD: Command = Command {
    name: "LOAD",
    summary: "Loads a library; returns its name.",
    complexity: "That of its code",
    flags: &[NoScript, Write, DenyOom],
    args: &[opt(flag("REPLACE")), text("function-code")],
    lock: Some(Lock::World),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    examples: &[
        (
            "FUNCTION LOAD \"#!lua name=mine\\nredis.register_function('one', function() return 1 end)\"",
            "\"mine\"",
        ),
        ("FUNCTION LOAD \"return 1\"", "(error) ERR Missing library metadata"),
    ],
    handler: load,
    ..BASE
};

fn load(cx: &mut Cx<'_>) -> CmdResult {
    let code = cx.argc() - 1;
    for index in 2..code {
        if !cx.is_word(index, "REPLACE") {
            return Err(CmdError::unknown_load_option(cx.arg(index)));
        }
    }
    let name = cx.engine.load_library(cx.arg(code), code > 2)?;
    cx.db.effects.dirty += 1;
    cx.reply.bulk(name.as_bytes());
    Ok(())
}

const RESTORE: Command = Command {
    name: "RESTORE",
    summary: "Loads the libraries of FUNCTION DUMP.",
    complexity: "O(N) with N functions",
    flags: &[NoScript, Write, DenyOom],
    args: &[
        text("serialized-value"),
        opt(one_of("policy", &[flag("FLUSH"), flag("APPEND"), flag("REPLACE")])),
    ],
    lock: Some(Lock::World),
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    examples: &[
        ("FUNCTION RESTORE nothing", "(error) ERR DUMP payload version or checksum are wrong"),
        (
            "FUNCTION RESTORE nothing MAYBE",
            "(error) ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
        ),
    ],
    handler: restore,
    ..BASE
};

fn restore(cx: &mut Cx<'_>) -> CmdResult {
    let policy = match cx.argc() {
        3 => Policy::Append,
        4 if cx.is_word(3, "APPEND") => Policy::Append,
        4 if cx.is_word(3, "REPLACE") => Policy::Replace,
        4 if cx.is_word(3, "FLUSH") => Policy::Flush,
        4 => return Err(CmdError::RESTORE_POLICY),
        _ => return Err(CmdError::subcommand_syntax("function", cx.arg(1))),
    };
    let (body, _) = rdb::payload::open(cx.arg(2), true, false).ok_or(CmdError::FUNCTION_PAYLOAD)?;
    let mut reader = Reader::new(body);
    let mut sources: Vec<Vec<u8>> = Vec::new();
    while !reader.rest().is_empty() {
        if reader.byte().ok() != Some(FUNCTION2) {
            return Err(CmdError::NOT_A_FUNCTION);
        }
        sources.push(reader.string_owned().map_err(|_| CmdError::BAD_FUNCTION_PAYLOAD)?);
    }
    let sources: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
    cx.engine.restore_libraries(&sources, policy)?;
    cx.db.effects.dirty += 1;
    cx.reply.ok();
    Ok(())
}

const STATS: Command = Command {
    name: "STATS",
    summary: "Tells which function runs, and what is loaded.",
    complexity: "O(1)",
    flags: &[NoScript, AllowBusy],
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    examples: &[(
        "FUNCTION STATS",
        "1) \"running_script\"\n2) (nil)\n3) \"engines\"\n4) 1) \"LUA\"\n   2) 1) \"libraries_count\"\n      2) (integer) 0\n      3) \"functions_count\"\n      4) (integer) 0",
    )],
    handler: stats,
    ..BASE
};

fn stats(cx: &mut Cx<'_>) -> CmdResult {
    let scripts = &cx.engine.scripts;
    let libraries = scripts.library_count.load(Relaxed);
    let functions = scripts.function_count.load(Relaxed);
    let running = cx.engine.late.function()?;
    let reply = &mut cx.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(running.name.as_bytes());
            reply.bulk(b"command");
            reply.array(running.command.len());
            running.command.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            reply.integer(running.duration_ms() as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(libraries as i64);
    reply.bulk(b"functions_count");
    reply.integer(functions as i64);
    Ok(())
}
