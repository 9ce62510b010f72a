//! Removing a key if it still holds what the caller believes: Redis's DELEX, Valkey's DELIFEQ.
//!
//! Both are repeated as DEL: what was compared may differ on a replica that lags, what was decided
//! may not.

use command::declare::*;
use engine::db::Class;
use engine::{CmdError, CmdResult, Command, Cx};

use Flag::{Fast, Write};
use KeyFlag::{Delete, RM, RW, VariableFlags};

use super::condition::{Condition, IFDEQ, IFDNE, IFEQ, IFNE};

pub(super) const DELEX: Command = Command {
    name: "DELEX",
    group: Group::String,
    since: "8.4.0",
    summary: "Removes a key, on condition of the string it holds or of that string's digest.",
    complexity: "O(1) for IFEQ and IFNE, else O(N), N being the length of the string.",
    flags: &[Write, Fast],
    args: &[
        key("key", &[RW, Delete, VariableFlags]),
        opt(one_of("condition", &[IFEQ, IFNE, IFDEQ, IFDNE])),
    ],
    examples: &[
        ("SET lock ann", "OK"),
        ("DELEX lock IFEQ bob", "(integer) 0"),
        ("DELEX lock IFEQ ann", "(integer) 1"),
        ("DELEX lock", "(integer) 0"),
        ("DELEX lock IFEQ", "(error) ERR wrong number of arguments for 'delex' command"),
    ],
    ..Command::base(delex)
};

fn delex(cx: &mut Cx<'_>) -> CmdResult {
    let mut condition = None;
    match cx.argc() {
        2 => {}
        4 => {
            let words = Condition::read_comparison(&mut condition, cx.args, 2)?;
            words.ok_or(CmdError::DELEX_CONDITION)?;
        }
        _ => return Err(CmdError::wrong_arity(cx.name())),
    }
    let key = cx.key(1);
    let is_met = match cx.db.look(key) {
        None => false,
        Some(record) => match condition {
            None => true,
            Some(condition) => {
                let value = record.string().ok_or(CmdError::DELEX_NOT_STRING)?;
                condition.is_met_by(Some(value))
            }
        },
    };
    delete_if(cx, is_met);
    Ok(())
}

pub(super) const DELIFEQ: Command = Command {
    name: "DELIFEQ",
    group: Group::String,
    since: "valkey 9.0.0",
    summary: "Removes a key if it holds this string.",
    complexity: "O(1)",
    flags: &[Write, Fast],
    args: &[key("key", &[RM, Delete]), text("value")],
    examples: &[
        ("SET lock ann", "OK"),
        ("DELIFEQ lock bob", "(integer) 0"),
        ("DELIFEQ lock ann", "(integer) 1"),
        ("DELIFEQ lock", "(error) ERR wrong number of arguments for 'delifeq' command"),
    ],
    ..Command::base(delifeq)
};

fn delifeq(cx: &mut Cx<'_>) -> CmdResult {
    let (key, value) = (cx.key(1), cx.arg(2));
    let is_met = Condition::Equal(value).is_met(&mut cx.db, key)?;
    delete_if(cx, is_met);
    Ok(())
}

fn delete_if(cx: &mut Cx<'_>, is_met: bool) {
    let key = cx.key(1);
    if is_met {
        let lazy = cx.db.deletes_lazily();
        cx.db.delete(key, lazy);
        cx.db.changed(key, Class::Generic, "del", 1);
        cx.propagate(&[b"DEL", key.bytes]);
    }
    cx.reply.integer(is_met.into());
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_repeated};

    #[test]
    fn a_condition_is_about_strings_and_without_one_any_type_goes() {
        check(
            "@list l
            > DELEX l IFEQ v
            (error) ERR Key should be of string type if conditions are specified
            > DELIFEQ l v
            (error) WRONGTYPE Operation against a key holding the wrong kind of value
            > DELEX l
            (integer) 1",
        );
    }

    #[test]
    fn an_absent_key_meets_no_condition() {
        check(
            "> DELEX k IFEQ v
            (integer) 0
            > DELEX k IFNE v
            (integer) 0
            > DELEX k IFDNE 0123456789abcdef
            (integer) 0
            > DELIFEQ k v
            (integer) 0",
        );
    }

    #[test]
    fn digests_are_compared_in_either_case() {
        check(
            "> SET k \"Hello world\"
            OK
            > DELEX k IFDNE B6ACB9D84A38FF74
            (integer) 0
            > DELEX k IFDEQ b6acb9d84a38ff7
            (error) ERR must be exactly 16 hexadecimal characters
            > DELEX k NX v
            (error) ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE
            > DELEX k IFEQ v IFEQ v
            (error) ERR wrong number of arguments for 'delex' command
            > DELEX k ifdeq B6ACB9D84A38FF74
            (integer) 1
            > SET n 11
            OK
            > DELEX n IFNE 11
            (integer) 0
            > DELEX n IFNE 011
            (integer) 1",
        );
    }

    #[test]
    fn the_deletion_is_repeated_and_not_the_comparison() {
        check_repeated(
            &["SET k v", "DELEX k IFEQ w", "DELEX k IFEQ v", "SET k v", "DELIFEQ k v", "DELEX k"],
            &["SET k v", "DEL k", "SET k v", "DEL k"],
        );
    }
}
