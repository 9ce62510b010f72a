//! CLIENT SETNAME, GETNAME, SETINFO, ID, INFO: what the caller is called.

use command::declare::*;
use engine::client_line::Viewer;
use engine::{CmdError, CmdResult, Command, Cx};

use Flag::{Loading, NoScript, Stale};

pub(super) const SETNAME: Command = Command {
    name: "SETNAME",
    group: Group::Connection,
    since: "2.6.9",
    summary: "Names the connection; an empty name takes the name away.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    args: &[text("connection-name")],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("CLIENT SETNAME worker-7", "OK"),
        (
            "CLIENT SETNAME \"worker 7\"",
            "(error) ERR Client names cannot contain spaces, newlines or special characters.",
        ),
    ],
    ..Command::base(setname)
};

fn setname(cx: &mut Cx<'_>) -> CmdResult {
    let name = check_name(cx.arg(2))?;
    cx.client.names_mut().name = name.to_vec();
    cx.reply.ok();
    Ok(())
}

/// The name, if it may be one: a line of CLIENT LIST must stay apart at its spaces.
pub(crate) fn check_name(name: &[u8]) -> Result<&[u8], CmdError> {
    if is_printable(name) { Ok(name) } else { Err(CmdError::CLIENT_NAME) }
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

pub(super) const GETNAME: Command = Command {
    name: "GETNAME",
    group: Group::Connection,
    since: "2.6.9",
    summary: "Returns the connection's name.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[
        ("CLIENT GETNAME", "(nil)"),
        ("CLIENT SETNAME worker-7", "OK"),
        ("CLIENT GETNAME", "\"worker-7\""),
        ("CLIENT GETNAME x", "(error) ERR wrong number of arguments for 'client|getname' command"),
    ],
    ..Command::base(getname)
};

fn getname(cx: &mut Cx<'_>) -> CmdResult {
    match &*cx.client.names().name {
        [] => cx.reply.null(),
        name => cx.reply.bulk(name),
    }
    Ok(())
}

pub(super) const SETINFO: Command = Command {
    name: "SETINFO",
    group: Group::Connection,
    since: "7.2.0",
    summary: "Tells which library, and which version of it, speaks on the connection.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    args: &[one_of(
        "attr",
        &[token("LIB-NAME", text("libname")), token("LIB-VER", text("libver"))],
    )],
    lock: Some(Lock::Local),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    examples: &[
        ("CLIENT SETINFO LIB-NAME redis-py", "OK"),
        ("CLIENT SETINFO LIB-VER 5.0.1", "OK"),
        ("CLIENT SETINFO LIB-COLOUR red", "(error) ERR Unrecognized option 'LIB-COLOUR'"),
    ],
    ..Command::base(setinfo)
};

fn setinfo(cx: &mut Cx<'_>) -> CmdResult {
    let (option, value) = (cx.arg(2), cx.arg(3));
    let is_name = cx.is_word(2, "LIB-NAME");
    if !is_name && !cx.is_word(2, "LIB-VER") {
        return Err(CmdError::unrecognized_option(option));
    }
    if !is_printable(value) {
        return Err(CmdError::client_attribute(option));
    }
    let names = cx.client.names_mut();
    *(if is_name { &mut names.lib_name } else { &mut names.lib_ver }) = value.to_vec();
    cx.reply.ok();
    Ok(())
}

pub(super) const ID: Command = Command {
    name: "ID",
    group: Group::Connection,
    since: "5.0.0",
    summary: "Returns the connection's number, which no other connection ever has.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    examples: &[
        ("CLIENT ID", "(integer) *"),
        ("CLIENT ID x", "(error) ERR wrong number of arguments for 'client|id' command"),
    ],
    ..Command::base(id)
};

fn id(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.integer(cx.client.id as i64);
    Ok(())
}

pub(super) const INFO: Command = Command {
    name: "INFO",
    group: Group::Connection,
    since: "6.2.0",
    summary: "Returns the connection's line of CLIENT LIST.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale],
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output"],
    examples: &[
        ("CLIENT INFO", "\"id=* addr=* laddr=* fd=* name= age=* idle=* flags=N db=0 *"),
        ("CLIENT INFO x", "(error) ERR wrong number of arguments for 'client|info' command"),
    ],
    ..Command::base(info)
};

fn info(cx: &mut Cx<'_>) -> CmdResult {
    let mut text = Vec::new();
    Viewer::of(cx).write_line(&mut text, cx.client);
    cx.reply.verbatim(b"txt", &text);
    Ok(())
}
