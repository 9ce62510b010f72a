//! HSCAN: the fields of a hash, some in each call.

use command::declare::Flag::ReadOnly;
use command::declare::KeyFlag::{Access, RO};
use command::declare::{Group, flag, integer, key, opt, pattern, token};
use engine::{CmdError, CmdResult, Command, Cx};
use resp::Reply;
use store::value::Hash;
use store::value::hash::Field;

use super::write_value;
use crate::generic::keys::matcher;
use crate::generic::scan::{Options, Walk, parse_cursor, walk_elements};

pub(super) const HSCAN: Command = Command {
    name: "HSCAN",
    group: Group::Hash,
    since: "2.8.0",
    summary: "Walks over the fields of a hash, some in each call.",
    complexity: "O(COUNT) for a call, O(N) for a walk over N fields",
    flags: &[ReadOnly],
    args: &[
        key("key", &[RO, Access]),
        integer("cursor"),
        opt(token("MATCH", pattern("pattern"))),
        opt(token("COUNT", integer("count"))),
        opt(flag("NOVALUES")),
    ],
    tips: &["nondeterministic_output"],
    examples: &[
        ("HSET ann name Ann age 30", "(integer) 2"),
        ("HSCAN ann 0 MATCH n*", "1) \"0\"\n2) 1) \"name\"\n   2) \"Ann\""),
        ("HSCAN ann 0 NOVALUES", "1) \"0\"\n2) 1) \"name\"\n   2) \"age\""),
        ("HSCAN nokey 0", "1) \"0\"\n2) (empty array)"),
        ("HSCAN ann here", "(error) ERR invalid cursor"),
        ("HSCAN ann 0 TYPE string", "(error) ERR syntax error"),
    ],
    ..Command::base(hscan)
};

/// As Redis does, it looks for the hash before it reads the options.
fn hscan(cx: &mut Cx<'_>) -> CmdResult {
    let number = parse_cursor(cx.arg(2)).ok_or(CmdError::INVALID_CURSOR)?;
    let key = cx.key(1);
    let options = Options::parse(cx, 3, Walk::Fields);
    let due_before_ms = cx.db.expiry_clock().due_before_ms();
    let Some(hash) = cx.db.collection::<Hash>(key)? else {
        cx.reply.array(2);
        cx.reply.bulk(b"0");
        cx.reply.array(0);
        return Ok(());
    };
    let options = options?;
    let matches = matcher(options.pattern);
    let mut fields = Vec::new();
    let mut fields_reply = Reply::new(&mut fields, cx.reply.protocol());
    let mut returned = 0;
    let mut write = |field: Field<'_>| {
        if !matches(field.name.text(&mut Default::default())) || field.is_due(due_before_ms) {
            return;
        }
        write_value(&mut fields_reply, field.name);
        returned += 1;
        if !options.no_values {
            write_value(&mut fields_reply, field.value);
            returned += 1;
        }
    };
    let cursor = match hash.packed() {
        Some(_) => {
            hash.iter().for_each(write);
            0
        }
        None => walk_elements(number, options.count, |position| {
            let mut met = 0;
            let next = hash.scan(position, |field| {
                met += 1;
                write(field);
            });
            (next, met)
        }),
    };
    cx.reply.array(2);
    cx.reply.bulk_fmt(format_args!("{cursor}"));
    cx.reply.array(returned);
    cx.reply.raw(&fields);
    Ok(())
}
