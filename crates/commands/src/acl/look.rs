//! ACL GETUSER, LIST, USERS, WHOAMI, CAT, DRYRUN: users and commands as they are.

use acl::databases::Databases;
use acl::{Denied, Selector};
use command::declare::Flag::{Loading, NoScript, Stale};
use command::declare::{Category, Group, Lock, many, opt, text};
use engine::permission::describe;
use engine::{CmdError, CmdResult, Command, Cx};

use super::FLAGS;

pub(super) const GETUSER: Command = Command {
    name: "GETUSER",
    group: Group::Server,
    since: "6.0.0",
    summary: "Tells a user's state, digests of its passwords, and what it may do.",
    complexity: "O(N) with N rules and passwords",
    flags: FLAGS,
    args: &[text("username")],
    lock: Some(Lock::Local),
    history: &[
        ("6.2.0", "Added Pub/Sub channel patterns."),
        (
            "7.0.0",
            "Added selectors and changed the format of key and channel patterns from a list to their \
             rule representation.",
        ),
        ("valkey 9.1.0", "`databases` is told of who may not use all of them."),
    ],
    secret: Some(|_, index| index >= 2),
    examples: &[
        (
            "ACL GETUSER default",
            "1) \"flags\"\n2) 1) \"on\"\n   2) \"nopass\"\n   3) \"sanitize-payload\"\n\
             3) \"passwords\"\n4) (empty array)\n5) \"commands\"\n6) \"+@all\"\n7) \"keys\"\n\
             8) \"~*\"\n9) \"channels\"\n10) \"&*\"\n11) \"selectors\"\n12) (empty array)",
        ),
        ("ACL GETUSER nobody", "(nil)"),
        ("ACL GETUSER", "(error) ERR wrong number of arguments for 'acl|getuser' command"),
    ],
    ..Command::base(getuser)
};

fn getuser(cx: &mut Cx<'_>) -> CmdResult {
    let user = cx.engine.acl.users().get(cx.arg(2)).cloned();
    let Some(user) = user else {
        cx.reply.null();
        return Ok(());
    };
    cx.reply.map(3 + fields_of(user.root()));
    cx.reply.bulk(b"flags");
    let flags = user.flags();
    cx.reply.set(flags.len());
    flags.iter().for_each(|flag| cx.reply.bulk(flag.as_bytes()));
    cx.reply.bulk(b"passwords");
    cx.reply.array(user.passwords().len());
    user.passwords().iter().for_each(|password| cx.reply.bulk(password.hex().as_bytes()));
    write_selector(cx, user.root());
    cx.reply.bulk(b"selectors");
    let further = &user.selectors()[1..];
    cx.reply.array(further.len());
    for selector in further {
        cx.reply.map(fields_of(selector));
        write_selector(cx, selector);
    }
    Ok(())
}

/// Redis knows no rules for databases, so none are told where there are none.
fn fields_of(selector: &Selector) -> usize {
    3 + usize::from(selector.databases != Databases::All)
}

fn write_selector(cx: &mut Cx<'_>, selector: &Selector) {
    cx.reply.bulk(b"commands");
    cx.reply.bulk(&selector.commands.describe());
    cx.reply.bulk(b"keys");
    cx.reply.bulk(&selector.keys.describe());
    cx.reply.bulk(b"channels");
    cx.reply.bulk(&selector.channels.describe());
    if selector.databases != Databases::All {
        cx.reply.bulk(b"databases");
        cx.reply.bulk(selector.databases.describe().as_bytes());
    }
}

pub(super) const LIST: Command = Command {
    name: "LIST",
    group: Group::Server,
    since: "6.0.0",
    summary: "Lists all users, each as the line of an ACL file.",
    complexity: "O(N) with N users",
    flags: FLAGS,
    lock: Some(Lock::Local),
    examples: &[
        ("ACL LIST", "1) \"user default on nopass sanitize-payload ~* &* +@all\""),
        ("ACL LIST x", "(error) ERR wrong number of arguments for 'acl|list' command"),
    ],
    ..Command::base(list)
};

fn list(cx: &mut Cx<'_>) -> CmdResult {
    let lines = cx.engine.acl.users().lines();
    cx.reply.array(lines.len());
    lines.iter().for_each(|line| cx.reply.bulk(line));
    Ok(())
}

pub(super) const USERS: Command = Command {
    name: "USERS",
    group: Group::Server,
    since: "6.0.0",
    summary: "Lists the names of all users.",
    complexity: "O(N) with N users",
    flags: FLAGS,
    lock: Some(Lock::Local),
    examples: &[
        ("ACL USERS", "1) \"default\""),
        ("ACL USERS x", "(error) ERR wrong number of arguments for 'acl|users' command"),
    ],
    ..Command::base(users)
};

fn users(cx: &mut Cx<'_>) -> CmdResult {
    let users = cx.engine.acl.users();
    cx.reply.array(users.iter().len());
    users.iter().for_each(|user| cx.reply.bulk(user.name()));
    Ok(())
}

pub(super) const WHOAMI: Command = Command {
    name: "WHOAMI",
    group: Group::Server,
    since: "6.0.0",
    summary: "Returns the name of the connection's user.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[
        ("ACL WHOAMI", "\"default\""),
        ("ACL WHOAMI x", "(error) ERR wrong number of arguments for 'acl|whoami' command"),
    ],
    ..Command::base(whoami)
};

fn whoami(cx: &mut Cx<'_>) -> CmdResult {
    match cx.client.user() {
        Some(user) => cx.reply.bulk(user.name()),
        None => cx.reply.null(),
    }
    Ok(())
}

pub(super) const CAT: Command = Command {
    name: "CAT",
    summary: "Lists the categories of commands, or the commands of one.",
    complexity: "O(N) with N commands",
    args: &[opt(text("category"))],
    examples: &[
        (
            "ACL CAT transaction",
            "1) \"discard\"\n2) \"exec\"\n3) \"multi\"\n4) \"unwatch\"\n5) \"watch\"",
        ),
        ("ACL CAT nope", "(error) ERR Unknown category 'nope'"),
    ],
    handler: cat,
    ..WHOAMI
};

fn cat(cx: &mut Cx<'_>) -> CmdResult {
    match cx.argc() {
        2 => {
            cx.reply.array(Category::ALL.len());
            Category::ALL.iter().for_each(|known| cx.reply.bulk(known.word().as_bytes()));
        }
        3 => {
            let name = cx.arg(2);
            let is_it = |known: &&Category| known.word().as_bytes().eq_ignore_ascii_case(name);
            let category = Category::ALL.iter().find(is_it);
            let bit = category.ok_or_else(|| CmdError::unknown_category(name))?.bit();
            let entries = cx.engine.table.entries().filter(|entry| entry.categories & bit != 0);
            let names: Vec<&str> = entries.map(|entry| &*entry.full_name).collect();
            cx.reply.array(names.len());
            names.iter().for_each(|name| cx.reply.bulk(name.as_bytes()));
        }
        _ => return Err(CmdError::subcommand_syntax("acl", cx.arg(1))),
    }
    Ok(())
}

pub(super) const DRYRUN: Command = Command {
    name: "DRYRUN",
    group: Group::Server,
    since: "7.0.0",
    summary: "Tells whether a user may run a command, without running it.",
    complexity: "O(1)",
    flags: FLAGS,
    args: &[text("username"), text("command"), opt(many(text("arg")))],
    lock: Some(Lock::Local),
    examples: &[
        ("ACL SETUSER bob +get ~a*", "OK"),
        ("ACL DRYRUN bob get apple", "OK"),
        ("ACL DRYRUN bob get pear", "\"User bob has no permissions to access the 'pear' key\""),
        ("ACL DRYRUN nobody get apple", "(error) ERR User 'nobody' not found"),
        ("ACL DRYRUN bob nope", "(error) ERR Command 'nope' not found"),
    ],
    ..Command::base(dryrun)
};

fn dryrun(cx: &mut Cx<'_>) -> CmdResult {
    let (name, call) = (cx.arg(2), cx.args.from_index(3));
    let user = cx.engine.acl.users().get(name).cloned();
    let user = user.ok_or_else(|| CmdError::not_found("User", name))?;
    let id = cx.engine.table.lookup_call(call.len(), |i| call.at(i));
    let id = id.ok_or_else(|| CmdError::not_found("Command", call.at(0)))?;
    let entry = cx.engine.table.get(id);
    if !entry.arity_allows(call.len()) {
        return Err(CmdError::wrong_arity(&entry.full_name));
    }
    match cx.try_as(&user, entry, call) {
        Ok(()) => cx.reply.ok(),
        Err(denied) => {
            let object = match denied {
                Denied::Command => 0,
                Denied::Key(at) | Denied::Channel(at) | Denied::Database(at) => at,
            };
            let text = describe(&user, entry, denied, Some(call.at(object)));
            cx.reply.bulk(text.as_bytes());
        }
    }
    Ok(())
}
