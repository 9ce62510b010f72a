//! COPY and MOVE: a value goes to another key or to another database.
//!
//! A key's shard follows from its name, not from its database: whoever holds the shards of a
//! command's keys holds them in all databases.

use command::declare::{Flag::*, Group, KeyFlag::*, flag, integer, key, opt, token};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};

use super::database;

pub const COPY: Command = Command {
    name: "COPY",
    group: Group::Generic,
    since: "6.2.0",
    summary: "Copies a value to another key.",
    complexity: "O(N) with N elements in a collection, O(1) for strings",
    flags: &[Write, DenyOom],
    args: &[
        key("source", &[RO, Access]),
        key("destination", &[OW, Update]),
        opt(token("DB", integer("destination-db"))),
        opt(flag("REPLACE")),
    ],
    examples: &[
        ("SET a 1", "OK"),
        ("COPY a b", "(integer) 1"),
        ("COPY a b", "(integer) 0"),
        ("COPY a b REPLACE", "(integer) 1"),
        ("COPY nokey b", "(integer) 0"),
        ("COPY a a", "(error) ERR source and destination objects are the same"),
        ("COPY a b DB 1000000", "(error) ERR DB index is out of range"),
    ],
    ..Command::base(copy)
};

fn copy(cx: &mut Cx<'_>) -> CmdResult {
    let (from, to) = (cx.key(1), cx.key(2));
    let here = cx.db.index;
    let (mut there, mut replace) = (here, false);
    let mut i = 3;
    while i < cx.argc() {
        if cx.is_word(i, "REPLACE") {
            replace = true;
        } else if cx.is_word(i, "DB") && i + 1 < cx.argc() {
            i += 1;
            there = database(cx, i)?;
        } else {
            return Err(CmdError::SYNTAX);
        }
        i += 1;
    }
    if there == here && from.bytes == to.bytes {
        return Err(CmdError::SAME_OBJECT);
    }

    let copied = 'copied: {
        if cx.db.read(from).is_none() {
            break 'copied false;
        }
        let taken = cx.db.within(there, |db| db.look(to).is_some());
        if taken && !replace {
            break 'copied false;
        }
        let mut value = cx.db.clone_value(from).expect("it was found above");
        // The copy is a new key: what the original was used for is not its history.
        value.usage = cx.db.usage.fresh();
        cx.db.within(there, |db| {
            db.put(to, value);
            db.changed(to, Class::Generic, "copy_to", 1);
        });
        true
    };
    cx.reply.integer(copied.into());
    Ok(())
}

pub const MOVE: Command = Command {
    name: "MOVE",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Moves a key to another database, if the name is free there.",
    complexity: "O(1)",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Access, Update]), integer("db")],
    examples: &[
        ("SET a 1", "OK"),
        ("MOVE a 1", "(integer) 1"),
        ("EXISTS a", "(integer) 0"),
        ("MOVE a 1", "(integer) 0"),
        ("MOVE a 0", "(error) ERR source and destination objects are the same"),
        ("MOVE a -1", "(error) ERR DB index is out of range"),
    ],
    ..Command::base(move_key)
};

fn move_key(cx: &mut Cx<'_>) -> CmdResult {
    let key = cx.key(1);
    let there = database(cx, 2)?;
    if there == cx.db.index {
        return Err(CmdError::SAME_OBJECT);
    }
    let moves = cx.db.look(key).is_some() && cx.db.within(there, |db| db.look(key).is_none());
    if moves {
        let value = cx.db.take(key).expect("it was found above");
        cx.db.changed(key, Class::Generic, "move_from", 1);
        cx.db.within(there, |db| {
            db.put(key, value);
            db.notify(Class::Generic, "move_to", key);
        });
    }
    cx.reply.integer(moves.into());
    Ok(())
}
