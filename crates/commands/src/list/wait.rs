//! BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH and BLMOVEM: what their namesakes do, waiting until there
//! is an element. Replicas and the AOF repeat the command that does not wait.

use command::declare::Flag::{self, Blocking, DenyOom, Write};
use command::declare::KeyFlag::{Access, Delete, RW};
use command::declare::{Group, double, flag, integer, key, many, one_of, opt, token};
use engine::{CmdResult, Command, Cx};
use store::Type;
use store::value::End;

use super::end_named;
use super::pop::{Wish, pop_first, pop_one};
use super::transfer::{DESTINATION, FROM, MANY, Many, SOURCE, TO, move_first, move_many};

const POPS: &[Flag] = &[Write, Blocking];
const MOVES: &[Flag] = &[Write, DenyOom, Blocking];

pub(super) const BLPOP: Command = Command {
    name: "BLPOP",
    group: Group::List,
    since: "2.0.0",
    summary: "Takes the first element of the first list that is there, waiting for one.",
    complexity: "O(N) in the keys looked at",
    flags: POPS,
    args: &[many(key("key", &[RW, Access, Delete])), double("timeout")],
    history: &[("6.0.0", "`timeout` may have a fraction.")],
    examples: &[
        ("RPUSH second a b", "(integer) 2"),
        ("BLPOP first second 0", "1) \"second\"\n2) \"a\""),
        ("BLPOP first second -1", "(error) ERR timeout is negative"),
    ],
    ..Command::base(|cx| blpop(cx, End::Head))
};

pub(super) const BRPOP: Command = Command {
    name: "BRPOP",
    summary: "Takes the last element of the first list that is there, waiting for one.",
    examples: &[
        ("RPUSH second a b", "(integer) 2"),
        ("BRPOP first second 0", "1) \"second\"\n2) \"b\""),
        ("BRPOP first second soon", "(error) ERR timeout is not a float or out of range"),
    ],
    handler: |cx| blpop(cx, End::Tail),
    ..BLPOP
};

fn blpop(cx: &mut Cx<'_>, end: End) -> CmdResult {
    let last = cx.argc() - 1;
    let deadline = cx.deadline(last)?;
    match cx.first_key_of(Type::List, 1..last)? {
        Some(index) => pop_one(cx, index, end)?,
        None if cx.block(1..last, deadline) => {}
        None => cx.reply.null_array(),
    }
    Ok(())
}

pub(super) const BLMPOP: Command = Command {
    name: "BLMPOP",
    group: Group::List,
    since: "7.0.0",
    summary: "Takes elements from an end of the first list that is there, waiting for one.",
    complexity: "O(N+M) in the keys looked at and the elements taken",
    flags: POPS,
    args: &[
        double("timeout"),
        integer("numkeys"),
        many(key("key", &[RW, Access, Delete])),
        one_of("where", &[flag("LEFT"), flag("RIGHT")]),
        opt(token("COUNT", integer("count"))),
    ],
    examples: &[
        ("RPUSH second a b c", "(integer) 3"),
        ("BLMPOP 0 2 first second LEFT COUNT 2", "1) \"second\"\n2) 1) \"a\"\n   2) \"b\""),
        ("BLMPOP 0 0 first LEFT", "(error) ERR numkeys should be greater than 0"),
    ],
    ..Command::base(blmpop)
};

fn blmpop(cx: &mut Cx<'_>) -> CmdResult {
    let deadline = cx.deadline(1)?;
    let wish = Wish::parse(cx, 2)?;
    if !pop_first(cx, &wish)? && !cx.block(wish.keys, deadline) {
        cx.reply.null_array();
    }
    Ok(())
}

pub(super) const BLMOVE: Command = Command {
    name: "BLMOVE",
    group: Group::List,
    since: "6.2.0",
    summary: "Moves an element from an end of a list to an end of another, waiting for one.",
    complexity: "O(1)",
    flags: MOVES,
    args: &[SOURCE, DESTINATION, FROM, TO, double("timeout")],
    examples: &[
        ("RPUSH todo a b", "(integer) 2"),
        ("BLMOVE todo done LEFT RIGHT 0", "\"a\""),
        ("BLMOVE todo done UP DOWN 0", "(error) ERR syntax error"),
    ],
    ..Command::base(blmove)
};

fn blmove(cx: &mut Cx<'_>) -> CmdResult {
    let (from, to) = (end_named(cx, 3)?, end_named(cx, 4)?);
    let deadline = cx.deadline(5)?;
    move_or_wait(cx, from, to, deadline)?;
    let args = cx.args;
    cx.propagate(&[b"LMOVE", args.at(1), args.at(2), args.at(3), args.at(4)]);
    Ok(())
}

pub(super) const BRPOPLPUSH: Command = Command {
    name: "BRPOPLPUSH",
    group: Group::List,
    since: "2.2.0",
    summary: "Moves the last element of a list before the first of another, waiting for one.",
    complexity: "O(1)",
    flags: MOVES,
    args: &[SOURCE, DESTINATION, double("timeout")],
    history: &[("6.0.0", "`timeout` may have a fraction.")],
    deprecated: Some(("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")),
    examples: &[
        ("RPUSH todo a b", "(integer) 2"),
        ("BRPOPLPUSH todo done 0", "\"b\""),
        ("BRPOPLPUSH todo done -1", "(error) ERR timeout is negative"),
    ],
    ..Command::base(brpoplpush)
};

fn brpoplpush(cx: &mut Cx<'_>) -> CmdResult {
    let deadline = cx.deadline(3)?;
    move_or_wait(cx, End::Tail, End::Head, deadline)?;
    let args = cx.args;
    cx.propagate(&[b"RPOPLPUSH", args.at(1), args.at(2)]);
    Ok(())
}

fn move_or_wait(cx: &mut Cx<'_>, from: End, to: End, deadline: Option<i64>) -> CmdResult {
    match cx.first_key_of(Type::List, 1..2)? {
        Some(_) => move_first(cx, from, to)?,
        None if cx.block(1..2, deadline) => {}
        None => cx.reply.null(),
    }
    Ok(())
}

pub(super) const BLMOVEM: Command = Command {
    name: "BLMOVEM",
    group: Group::List,
    since: "8.10.0",
    summary: "Moves elements from an end of a list to an end of another, waiting for as many as \
              are wanted.",
    complexity: "O(N) in the elements moved",
    flags: MOVES,
    args: &[SOURCE, DESTINATION, FROM, TO, double("timeout"), MANY],
    examples: &[
        ("RPUSH todo a b c", "(integer) 3"),
        ("BLMOVEM todo done LEFT LEFT 0 EXACTLY 2 BULK", "1) \"a\"\n2) \"b\""),
        ("BLMOVEM todo done LEFT LEFT 0 COUNT 2", "(error) ERR syntax error"),
    ],
    ..Command::base(blmovem)
};

fn blmovem(cx: &mut Cx<'_>) -> CmdResult {
    let ends = (end_named(cx, 3)?, end_named(cx, 4)?);
    let deadline = cx.deadline(5)?;
    let many = Many::parse(cx, 6)?;
    let source = cx.key(1);
    let is_other = cx.db.look(source).is_some_and(|record| record.value_type() != Type::List);
    let moved = !(is_other && cx.is_served()) && move_many(cx, ends, &many)?;
    if !moved && !cx.block(1..2, deadline) {
        cx.reply.null_array();
    }
    let mut repeat: Vec<&[u8]> = vec![b"LMOVEM"];
    repeat.extend(cx.args.iter().enumerate().filter(|(i, _)| !matches!(i, 0 | 5)).map(|(_, a)| a));
    cx.propagate(&repeat);
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::transcript::{check, repeated_on};
    use testkit::{Session, TestServer};

    fn served(server: &mut TestServer, session: &mut Session) -> String {
        let reply = server.served(session).expect("it is served");
        testkit::transcript::printed(&reply)
    }

    #[test]
    fn clients_are_served_in_the_order_they_came() {
        for workers in [1, 3] {
            let mut server = TestServer::new(workers);
            let mut waiting: Vec<Session> =
                (0..6).map(|i| server.connect_to(i % workers)).collect();
            for session in &mut waiting {
                server.block(session, "BLPOP other k 0");
            }
            let mut ann = server.connect();
            assert_eq!(server.reply(&mut ann, "RPUSH k 0 1 2"), Value::Integer(3));
            assert_eq!(server.reply(&mut ann, "LLEN k"), Value::Integer(0));
            server.reply(&mut ann, "RPUSH other 3 4 5 6");
            for (i, session) in waiting.iter_mut().enumerate() {
                let key = if i < 3 { "k" } else { "other" };
                assert_eq!(served(&mut server, session), format!("1) \"{key}\"\n2) \"{i}\""));
            }
            assert_eq!(server.reply(&mut ann, "LLEN other"), Value::Integer(1));
            assert_eq!(server.engine.waits.len(), 0);
        }
    }

    #[test]
    fn a_chain_of_moves_is_served_to_its_end() {
        for workers in [1, 4] {
            let mut server = TestServer::new(workers);
            let mut waiting: Vec<Session> = (0..4).map(|_| server.connect()).collect();
            for (i, session) in waiting.iter_mut().enumerate().rev() {
                server.block(session, &format!("BLMOVE l{i} l{} LEFT RIGHT 0", i + 1));
            }
            let mut ann = server.connect();
            server.reply(&mut ann, "RPUSH l0 x");
            for session in &mut waiting {
                assert_eq!(served(&mut server, session), "\"x\"");
            }
            assert_eq!(server.reply(&mut ann, "LLEN l4"), Value::Integer(1));
        }
    }

    #[test]
    fn a_key_of_another_type_is_waited_out() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob) = (server.connect(), server.connect());
        server.block(&mut ann, "BLPOP k 0");
        server.reply(&mut bob, "SET k text");
        assert!(server.served(&mut ann).is_none());
        server.reply(&mut bob, "DEL k");
        server.reply(&mut bob, "RPUSH k x");
        assert_eq!(served(&mut server, &mut ann), "1) \"k\"\n2) \"x\"");
    }

    #[test]
    fn a_destination_of_another_type_is_an_error_and_nothing_moves() {
        let mut server = TestServer::new(4);
        let (mut ann, mut bob) = (server.connect(), server.connect());
        server.reply(&mut bob, "SET done text");
        server.block(&mut ann, "BLMOVE todo done LEFT LEFT 0");
        server.reply(&mut bob, "RPUSH todo x");
        assert!(served(&mut server, &mut ann).starts_with("(error) WRONGTYPE"));
        assert_eq!(server.reply(&mut bob, "LLEN todo"), Value::Integer(1));
    }

    #[test]
    fn whoever_is_served_sees_the_whole_transaction() {
        let mut server = TestServer::new(2);
        let (mut ann, mut bob) = (server.connect_to(1), server.connect());
        server.block(&mut ann, "BRPOP k 0");
        for call in ["MULTI", "RPUSH k a", "RPUSH k b", "RPUSH k c", "EXEC"] {
            server.reply(&mut bob, call);
        }
        assert_eq!(served(&mut server, &mut ann), "1) \"k\"\n2) \"c\"");
    }

    #[test]
    fn what_serving_does_is_repeated_behind_the_push() {
        let mut server = TestServer::new(1);
        let mut waiting: Vec<Session> = (0..3).map(|_| server.connect()).collect();
        server.block(&mut waiting[0], "BLPOP k 0");
        server.block(&mut waiting[1], "BLMPOP 0 1 k RIGHT COUNT 2");
        server.block(&mut waiting[2], "BLMOVE k done LEFT RIGHT 0");
        let mut ann = server.connect();
        assert_eq!(
            repeated_on(&mut server, &mut ann, &["RPUSH k a b c d"]),
            ["SELECT 0", "RPUSH k a b c d", "LPOP k", "RPOP k 2", "LMOVE k done LEFT RIGHT"]
        );
    }

    #[test]
    fn inside_a_transaction_nobody_waits() {
        check(
            "> MULTI
             OK
             > BLPOP k 0
             QUEUED
             > BLMOVE k done LEFT LEFT 0
             QUEUED
             > EXEC
             1) (nil)
             2) (nil)",
        );
    }

    #[test]
    fn unblock_ends_a_wait_in_either_way() {
        let mut server = TestServer::new(1);
        let mut bob = server.connect();
        let mut ann = server.connect();
        server.block(&mut ann, "BLPOP k 0");
        let wait = ann.client.blocked.clone().expect("it waits");
        assert!(server.engine.unblock(&wait, None));
        assert!(!server.engine.unblock(&wait, None));
        assert_eq!(served(&mut server, &mut ann), "(nil)");
        server.reply(&mut bob, "RPUSH k x");
        assert_eq!(server.reply(&mut bob, "LLEN k"), Value::Integer(1));
    }
}
