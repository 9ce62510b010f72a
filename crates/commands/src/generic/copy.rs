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

#[cfg(test)]
mod tests {
    use testkit::TestServer;
    use testkit::transcript::{check, check_on, repeated, repeated_on};

    #[test]
    fn copy_takes_value_and_expiry_along() {
        check(
            "> SET a 1 PXAT 33177117420123
             OK
             > COPY a b
             (integer) 1
             > PEXPIRETIME b
             (integer) 33177117420123
             > SET a 2
             OK
             > GET b
             \"1\"
             @list l
             > COPY l b
             (integer) 0
             > COPY l b replace
             (integer) 1
             > TYPE b
             list
             > TYPE l
             list
             > PEXPIRETIME b
             (integer) -1",
        );
    }

    #[test]
    fn copy_reaches_another_database() {
        let mut server = TestServer::new(1);
        let (mut here, mut there) = (server.connect(), server.connect());
        there.client.db = 9;
        check_on(
            &mut server,
            &mut here,
            "> SET a 1
             OK
             > COPY a a DB 9
             (integer) 1
             > COPY a a DB 9
             (integer) 0
             > SET a 2
             OK
             > COPY a a REPLACE DB 9
             (integer) 1",
        );
        check_on(&mut server, &mut there, "> GET a\n\"2\"");
    }

    #[test]
    fn copy_reads_all_its_words_before_it_looks() {
        check(
            "> COPY nokey b DB
             (error) ERR syntax error
             > COPY nokey b AB
             (error) ERR syntax error
             > COPY nokey b DB x
             (error) ERR value is not an integer or out of range
             > COPY nokey b DB 3000000000
             (error) ERR value is out of range, value must between -2147483648 and 2147483647
             > COPY nokey nokey DB 0
             (error) ERR source and destination objects are the same",
        );
    }

    #[test]
    fn a_copy_is_repeated_as_it_came() {
        assert_eq!(
            repeated(&["SET a 1", "COPY a b DB 3", "COPY a b DB 3", "MOVE a 3", "COPY a b"]),
            ["SELECT 0", "SET a 1", "COPY a b DB 3", "MOVE a 3"]
        );
    }

    #[test]
    fn move_takes_value_and_expiry_along() {
        let mut server = TestServer::new(1);
        let (mut here, mut there) = (server.connect(), server.connect());
        there.client.db = 9;
        check_on(
            &mut server,
            &mut here,
            "> SET a 1 PXAT 33177117420123
             OK
             > MOVE a 9
             (integer) 1
             > EXISTS a
             (integer) 0
             > SET a 2
             OK
             > MOVE a 9
             (integer) 0
             > GET a
             \"2\"",
        );
        check_on(
            &mut server,
            &mut there,
            "> GET a\n\"1\"\n> PEXPIRETIME a\n(integer) 33177117420123",
        );
    }

    #[test]
    fn a_key_that_expired_in_the_other_database_is_deleted_there() {
        let mut server = TestServer::new(1);
        let (mut here, mut there) = (server.connect(), server.connect());
        there.client.db = 9;
        server.reply(&mut there, "SET a old");
        super::super::tests::make_due(&mut server, &mut there, "a");
        server.reply(&mut here, "SET a new");
        let repeated = repeated_on(&mut server, &mut here, &["MOVE a 9", "SET b 1"]);
        assert_eq!(
            repeated,
            ["SELECT 9", "MULTI", "DEL a", "SELECT 0", "MOVE a 9", "EXEC", "SET b 1"]
                .map(str::to_owned)
        );
        assert_eq!(server.engine.total(|s| s.expired_keys.get()), 1);
    }
}
