//! BZPOPMIN, BZPOPMAX and BZMPOP: what their namesakes do, waiting until there is an element. Replicas
//! and the AOF repeat the command that does not wait.

use command::declare::Flag::{self, Blocking, Fast, Write};
use command::declare::KeyFlag::{Access, Delete, RW};
use command::declare::{Group, double, flag, integer, key, many, one_of, opt, token};
use engine::{CmdResult, Command, Cx};

use store::Type;

use super::pop::{End, Wish, pop_first, pop_one};

const FLAGS: &[Flag] = &[Write, Fast, Blocking];

pub(super) const BZPOPMIN: Command = Command {
    name: "BZPOPMIN",
    group: Group::SortedSet,
    since: "5.0.0",
    summary: "Takes the member with the lowest score from the first sorted set that is there, \
              waiting for one.",
    complexity: "O(K + log N) for K keys",
    flags: FLAGS,
    args: &[many(key("key", &[RW, Access, Delete])), double("timeout")],
    history: &[("6.0.0", "`timeout` may have a fraction.")],
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("BZPOPMIN nokey board 0", "1) \"board\"\n2) \"ann\"\n3) \"1\""),
        ("BZPOPMIN nokey board -1", "(error) ERR timeout is negative"),
    ],
    ..Command::base(|cx| bzpop(cx, End::Min))
};

pub(super) const BZPOPMAX: Command = Command {
    name: "BZPOPMAX",
    summary: "Takes the member with the highest score from the first sorted set that is there, \
              waiting for one.",
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("BZPOPMAX nokey board 0", "1) \"board\"\n2) \"bob\"\n3) \"2\""),
        ("BZPOPMAX board soon", "(error) ERR timeout is not a float or out of range"),
    ],
    handler: |cx| bzpop(cx, End::Max),
    ..BZPOPMIN
};

fn bzpop(cx: &mut Cx<'_>, end: End) -> CmdResult {
    let last = cx.argc() - 1;
    let deadline = cx.deadline(last)?;
    match cx.first_key_of(Type::SortedSet, 1..last)? {
        Some(index) => pop_one(cx, index, end)?,
        None if cx.block(1..last, deadline) => {}
        None => cx.reply.null_array(),
    }
    Ok(())
}

pub(super) const BZMPOP: Command = Command {
    name: "BZMPOP",
    group: Group::SortedSet,
    since: "7.0.0",
    summary: "Takes members with the lowest or highest scores from the first of several sorted \
              sets that has any, waiting for one.",
    complexity: "O(K + M*log N) for K keys and M members taken",
    flags: &[Write, Blocking],
    args: &[
        double("timeout"),
        integer("numkeys"),
        many(key("key", &[RW, Access, Delete])),
        one_of("where", &[flag("MIN"), flag("MAX")]),
        opt(token("COUNT", integer("count"))),
    ],
    examples: &[
        ("ZADD board 1 ann 2 bob", "(integer) 2"),
        ("BZMPOP 0 2 nokey board MAX", "1) \"board\"\n2) 1) 1) \"bob\"\n2) \"2\""),
        ("BZMPOP 0 0 board MIN", "(error) ERR numkeys should be greater than 0"),
    ],
    ..Command::base(bzmpop)
};

fn bzmpop(cx: &mut Cx<'_>) -> CmdResult {
    let deadline = cx.deadline(1)?;
    let wish = Wish::parse(cx, 2)?;
    if !pop_first(cx, &wish)? && !cx.block(wish.keys, deadline) {
        cx.reply.null_array();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::transcript::{printed, repeated_on};
    use testkit::{Session, TestServer};

    #[test]
    fn clients_are_served_in_the_order_they_came_whatever_else_they_wait_for() {
        for workers in [1, 3] {
            let mut server = TestServer::new(workers);
            let mut waiting: Vec<Session> =
                (0..4).map(|i| server.connect_to(i % workers)).collect();
            let calls = ["BZPOPMIN k 0", "BLPOP k 0", "BZPOPMAX k 0", "BZMPOP 0 1 k MIN COUNT 9"];
            for (session, call) in waiting.iter_mut().zip(calls) {
                server.block(session, call);
            }
            let mut ann = server.connect();
            assert_eq!(
                repeated_on(&mut server, &mut ann, &["ZADD k 1 a 2 b 3 c 4 d"]),
                ["SELECT 0", "ZADD k 1 a 2 b 3 c 4 d", "ZPOPMIN k", "ZPOPMAX k", "ZPOPMIN k 2"]
            );
            let replies: Vec<_> =
                waiting.iter_mut().map(|session| server.served(session)).collect();
            let replies: Vec<_> = replies.iter().map(|reply| reply.as_ref().map(printed)).collect();
            assert_eq!(replies[0].as_deref(), Some("1) \"k\"\n2) \"a\"\n3) \"1\""));
            assert_eq!(replies[1], None);
            assert_eq!(replies[2].as_deref(), Some("1) \"k\"\n2) \"d\"\n3) \"4\""));
            assert!(replies[3].as_ref().is_some_and(|reply| reply.contains("\"b\"")));
        }
    }
}
