//! RENAME and RENAMENX: a value moves to another name, with its expiry and its usage clock.
//!
//! Where both names are the same nothing moves, but the key must be there.

use command::declare::{Flag::*, Group, KeyFlag::*, key};
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};
use store::{Key, Type};

pub const RENAME: Command = Command {
    name: "RENAME",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Renames a key; one that has the new name is overwritten.",
    complexity: "O(1); freeing what is overwritten is O(M) with M elements",
    flags: &[Write],
    args: &[key("key", &[RW, Access, Delete]), key("newkey", &[OW, Update])],
    examples: &[
        ("SET a 1", "OK"),
        ("RENAME a b", "OK"),
        ("GET b", "\"1\""),
        ("EXISTS a", "(integer) 0"),
        ("RENAME a b", "(error) ERR no such key"),
    ],
    ..Command::base(rename)
};

fn rename(cx: &mut Cx<'_>) -> CmdResult {
    let (from, to) = (cx.key(1), cx.key(2));
    let value_type = cx.db.look(from).ok_or(CmdError::NO_SUCH_KEY)?.value_type();
    if from.bytes != to.bytes {
        let overwritten = cx.db.look(to).map(|record| record.value_type());
        move_value(cx, from, to);
        notify_overwritten(cx, to, overwritten, value_type);
    }
    cx.reply.ok();
    Ok(())
}

pub const RENAMENX: Command = Command {
    name: "RENAMENX",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Renames a key unless the new name is taken.",
    complexity: "O(1)",
    flags: &[Write, Fast],
    args: &[key("key", &[RW, Access, Delete]), key("newkey", &[OW, Insert])],
    history: &[(
        "3.2.0",
        "The command no longer returns an error when source and destination names are the same.",
    )],
    examples: &[
        ("SET a 1", "OK"),
        ("SET b 2", "OK"),
        ("RENAMENX a b", "(integer) 0"),
        ("RENAMENX a c", "(integer) 1"),
        ("RENAMENX nokey c", "(error) ERR no such key"),
    ],
    ..Command::base(renamenx)
};

fn renamenx(cx: &mut Cx<'_>) -> CmdResult {
    let (from, to) = (cx.key(1), cx.key(2));
    if cx.db.look(from).is_none() {
        return Err(CmdError::NO_SUCH_KEY);
    }
    let free = cx.db.look(to).is_none();
    if free {
        move_value(cx, from, to);
    }
    cx.reply.integer(free.into());
    Ok(())
}

fn move_value(cx: &mut Cx<'_>, from: Key<'_>, to: Key<'_>) {
    let value = cx.db.take(from).expect("callers looked the key up");
    cx.db.put(to, value);
    cx.db.changed(from, Class::Generic, "rename_from", 1);
    cx.db.notify(Class::Generic, "rename_to", to);
}

/// Tells that a key got another value, and perhaps another type (Redis 8.2).
pub(super) fn notify_overwritten(cx: &mut Cx<'_>, key: Key<'_>, was: Option<Type>, is: Type) {
    let Some(was) = was else { return };
    cx.db.notify(Class::Overwritten, "overwritten", key);
    if was != is {
        cx.db.notify(Class::TypeChanged, "type_changed", key);
    }
}

#[cfg(test)]
mod tests {
    use testkit::TestServer;
    use testkit::transcript::{check, check_on, repeated};

    #[test]
    fn the_value_takes_its_expiry_along_and_replaces_that_of_the_other() {
        check(
            "> SET a 1 PXAT 33177117420123
             OK
             > SET b 2
             OK
             > RENAME a b
             OK
             > PEXPIRETIME b
             (integer) 33177117420123
             > SET c 3
             OK
             > RENAME c b
             OK
             > TTL b
             (integer) -1
             @list l
             > RENAME l b
             OK
             > TYPE b
             list",
        );
    }

    #[test]
    fn a_key_renamed_to_itself_stays_as_it_is() {
        check(
            "> SET a 1 PXAT 33177117420123
             OK
             > RENAME a a
             OK
             > RENAMENX a a
             (integer) 0
             > PEXPIRETIME a
             (integer) 33177117420123
             > RENAME nokey nokey
             (error) ERR no such key
             > RENAMENX nokey nokey
             (error) ERR no such key",
        );
    }

    #[test]
    fn what_moved_is_repeated() {
        assert_eq!(
            repeated(&["SET a 1", "RENAME a a", "RENAME a b", "RENAMENX b b", "RENAMENX b c"]),
            ["SELECT 0", "SET a 1", "RENAME a b", "RENAMENX b c"]
        );
    }

    #[test]
    fn a_key_moves_between_shards() {
        let mut server = TestServer::new(4);
        let mut session = server.connect();
        for i in 0..50 {
            let transcript = format!(
                "> SET from:{i} {i}\nOK\n> RENAME from:{i} to:{i}\nOK\n> GET to:{i}\n\"{i}\"
                 > EXISTS from:{i}\n(integer) 0"
            );
            check_on(&mut server, &mut session, &transcript);
        }
    }
}
