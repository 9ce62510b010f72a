//! COMMAND: the server about its own commands.
//!
//! What is told follows from the declarations (`command::docs`); here it becomes a reply.

use base::glob::glob_match;
use command::declare::*;
use command::docs::{Doc, docs, info, key_flags};
use command::table::Entry;
use engine::cx::Handler;
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;

use Flag::{Loading, Stale};

use crate::container::help;

#[cfg(test)]
mod tests;

pub const COMMANDS: &[Command] = &[COMMAND];

const COMMAND: Command = Command {
    name: "COMMAND",
    summary: "Returns what is known of all commands.",
    since: "2.8.13",
    complexity: "O(N) where N is the total number of commands",
    arity: Some(-1),
    tips: &["nondeterministic_output_order"],
    subcommands: &[COUNT, DOCS, GETKEYS, GETKEYSANDFLAGS, HELP, INFO, LIST],
    examples: &[
        ("COMMAND COUNT", "(integer) *"),
        ("COMMAND NOPE", "(error) ERR unknown subcommand 'NOPE'. Try COMMAND HELP."),
    ],
    categories: &[Category::Connection],
    ..base(all_infos)
};

/// What COMMAND and its subcommands have in common.
const fn base(handler: Handler) -> Command {
    Command {
        group: Group::Server,
        flags: &[Loading, Stale],
        categories: &[Category::Connection],
        lock: Some(Lock::Local),
        ..Command::base(handler)
    }
}

fn all_infos(cx: &mut Cx<'_>) -> CmdResult {
    let table = &cx.engine.table;
    cx.reply.array(table.commands().count());
    table.commands().for_each(|entry| write_doc(&mut cx.reply, &info(table, entry.id)));
    Ok(())
}

fn write_doc(reply: &mut Reply<'_>, doc: &Doc) {
    match doc {
        Doc::Null => reply.null(),
        Doc::Int(n) => reply.integer(*n),
        Doc::Text(text) => reply.bulk(text.as_bytes()),
        Doc::Status(text) => reply.simple(text),
        Doc::List(all) => {
            reply.array(all.len());
            all.iter().for_each(|doc| write_doc(reply, doc));
        }
        Doc::Set(all) => {
            reply.set(all.len());
            all.iter().for_each(|doc| write_doc(reply, doc));
        }
        Doc::Map(fields) => {
            reply.map(fields.len());
            for (name, doc) in fields {
                reply.bulk(name.as_bytes());
                write_doc(reply, doc);
            }
        }
    }
}

const COUNT: Command = Command {
    name: "COUNT",
    since: "2.8.13",
    summary: "Returns how many commands there are, subcommands not counted.",
    complexity: "O(1)",
    examples: &[
        ("COMMAND COUNT", "(integer) *"),
        ("COMMAND COUNT x", "(error) ERR wrong number of arguments for 'command|count' command"),
    ],
    ..base(count)
};

fn count(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.integer(cx.engine.table.commands().count() as i64);
    Ok(())
}

const INFO: Command = Command {
    name: "INFO",
    since: "2.8.13",
    summary: "Returns arity, flags, keys and categories of some commands or of all.",
    complexity: "O(N) where N is the number of commands to look up",
    args: &[opt(many(text("command-name")))],
    history: &[("7.0.0", "Without a name it tells about all commands.")],
    tips: &["nondeterministic_output_order"],
    examples: &[("COMMAND INFO nope", "1) (nil)"), ("COMMAND INFO get|x", "1) (nil)")],
    ..base(infos)
};

fn infos(cx: &mut Cx<'_>) -> CmdResult {
    if cx.argc() == 2 {
        return all_infos(cx);
    }
    let table = &cx.engine.table;
    cx.reply.array(cx.argc() - 2);
    for name in cx.args.iter().skip(2) {
        match table.lookup_full(name) {
            Some(id) => write_doc(&mut cx.reply, &info(table, id)),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

const DOCS: Command = Command {
    name: "DOCS",
    since: "7.0.0",
    summary: "Returns the documentation of some commands or of all.",
    complexity: "O(N) where N is the number of commands to look up",
    args: &[opt(many(text("command-name")))],
    tips: &["nondeterministic_output_order"],
    examples: &[("COMMAND DOCS nope", "(empty array)"), ("COMMAND DOCS get|x", "(empty array)")],
    ..base(all_docs)
};

fn all_docs(cx: &mut Cx<'_>) -> CmdResult {
    let table = &cx.engine.table;
    let ids: Vec<_> = match cx.argc() {
        2 => table.commands().map(|entry| entry.id).collect(),
        _ => cx.args.iter().skip(2).filter_map(|name| table.lookup_full(name)).collect(),
    };
    cx.reply.map(ids.len());
    for id in ids {
        cx.reply.bulk(table.get(id).full_name.as_bytes());
        write_doc(&mut cx.reply, &docs(table, id));
    }
    Ok(())
}

const GETKEYS: Command = Command {
    name: "GETKEYS",
    since: "2.8.13",
    summary: "Tells which words of a call are keys.",
    complexity: "O(N) where N is the number of arguments to the command",
    args: &[text("command"), opt(many(text("arg")))],
    examples: &[
        ("COMMAND GETKEYS COMMAND COUNT", "(error) ERR The command has no key arguments"),
        ("COMMAND GETKEYS NOPE k", "(error) ERR Invalid command specified"),
    ],
    ..base(getkeys)
};

fn getkeys(cx: &mut Cx<'_>) -> CmdResult {
    reply_keys(cx, |reply, key, _| reply.bulk(key))
}

const GETKEYSANDFLAGS: Command = Command {
    name: "GETKEYSANDFLAGS",
    since: "7.0.0",
    summary: "Tells which words of a call are keys and what is done with each.",
    complexity: "O(N) where N is the number of arguments to the command",
    args: &[text("command"), opt(many(text("arg")))],
    examples: &[
        ("COMMAND GETKEYSANDFLAGS COMMAND COUNT", "(error) ERR The command has no key arguments"),
        ("COMMAND GETKEYSANDFLAGS NOPE k", "(error) ERR Invalid command specified"),
    ],
    ..base(getkeysandflags)
};

fn getkeysandflags(cx: &mut Cx<'_>) -> CmdResult {
    reply_keys(cx, |reply, key, flags| {
        reply.array(2);
        reply.bulk(key);
        write_doc(reply, &key_flags(flags));
    })
}

/// Replies what `write` makes of each key of the call that begins at argv[2].
fn reply_keys(
    cx: &mut Cx<'_>,
    write: impl Fn(&mut Reply<'_>, &[u8], &'static [KeyFlag]),
) -> CmdResult {
    let call = cx.args.from_index(2);
    let keys = cx.engine.table.getkeys(call.len(), |i| call.at(i));
    let keys = keys.map_err(|error| CmdError::text(format!("ERR {}", error.text())))?;
    cx.reply.array(keys.len());
    keys.iter().for_each(|(at, flags)| write(&mut cx.reply, call.at(*at), flags));
    Ok(())
}

const LIST: Command = Command {
    name: "LIST",
    since: "7.0.0",
    summary: "Returns the names of commands and subcommands.",
    complexity: "O(N) where N is the total number of commands",
    args: &[opt(token(
        "FILTERBY",
        one_of(
            "filterby",
            &[
                token("MODULE", text("module-name")),
                token("ACLCAT", text("category")),
                token("PATTERN", pattern("pattern")),
            ],
        ),
    ))],
    tips: &["nondeterministic_output_order"],
    examples: &[
        ("COMMAND LIST FILTERBY PATTERN c*|getkeys", "1) \"command|getkeys\""),
        ("COMMAND LIST FILTERBY MODULE json", "(empty array)"),
        ("COMMAND LIST FILTERBY COLOUR red", "(error) ERR syntax error"),
    ],
    ..base(list)
};

fn list(cx: &mut Cx<'_>) -> CmdResult {
    let table = &cx.engine.table;
    let is_listed = parse_filter(cx)?;
    let of_command = |command: &'_ Entry<Handler>| {
        let all = std::iter::once(command.id).chain(command.subcommands.iter().copied());
        all.collect::<Vec<_>>()
    };
    let all = table.commands().flat_map(of_command).map(|id| table.get(id));
    let names: Vec<&str> = all.filter(|e| is_listed(e)).map(|e| &*e.full_name).collect();
    cx.reply.array(names.len());
    names.iter().for_each(|name| cx.reply.bulk(name.as_bytes()));
    Ok(())
}

type Listed<'a> = Box<dyn Fn(&Entry<Handler>) -> bool + 'a>;

/// Which commands FILTERBY lets through.
fn parse_filter<'a>(cx: &Cx<'a>) -> Result<Listed<'a>, CmdError> {
    if cx.argc() == 2 {
        return Ok(Box::new(|_| true));
    }
    if cx.argc() != 5 || !cx.is_word(2, "FILTERBY") {
        return Err(CmdError::SYNTAX);
    }
    let value = cx.arg(4);
    if cx.is_word(3, "MODULE") {
        // There are no modules: whatever the name, none of the commands is from it.
        return Ok(Box::new(|_| false));
    }
    if cx.is_word(3, "ACLCAT") {
        let is_it = |category: &&Category| value.eq_ignore_ascii_case(category.word().as_bytes());
        let bit = Category::ALL.iter().find(is_it).map_or(0, |category| category.bit());
        return Ok(Box::new(move |entry| entry.categories & bit != 0));
    }
    if cx.is_word(3, "PATTERN") {
        return Ok(Box::new(|entry| glob_match(value, entry.full_name.as_bytes(), true)));
    }
    Err(CmdError::SYNTAX)
}

const HELP: Command = Command {
    name: "HELP",
    since: "5.0.0",
    summary: "Prints the subcommands and what they are for.",
    complexity: "O(1)",
    examples: &[(
        "COMMAND HELP x",
        "(error) ERR wrong number of arguments for 'command|help' command",
    )],
    ..base(help)
};
