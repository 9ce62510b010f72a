//! Reading a whole string, and reading it while removing it or moving its expiry.

use command::declare::*;
use engine::{CmdResult, Command, Cx};
use resp::Reply;
use store::StrRef;

use Flag::{Fast, ReadOnly};
use KeyFlag::{Access, RO};

/// Replies with a string's text.
#[inline]
pub(crate) fn bulk(reply: &mut Reply<'_>, value: StrRef<'_>) {
    match value {
        StrRef::Int(n) => reply.bulk_integer(n),
        StrRef::Bytes(bytes) => reply.bulk(bytes),
    }
}

pub(super) const GET: Command = Command {
    name: "GET",
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string a key holds.",
    complexity: "O(1)",
    flags: &[ReadOnly, Fast],
    args: &[key("key", &[RO, Access])],
    examples: &[
        ("GET nokey", "(nil)"),
        ("SET greeting hello", "OK"),
        ("GET greeting", "\"hello\""),
        ("GET greeting name", "(error) ERR wrong number of arguments for 'get' command"),
    ],
    ..Command::base(get)
};

fn get(cx: &mut Cx<'_>) -> CmdResult {
    match cx.db.string(cx.key(1))? {
        Some(value) => bulk(&mut cx.reply, value),
        None => cx.reply.null(),
    }
    Ok(())
}
