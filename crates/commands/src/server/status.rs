//! Small facts: TIME and ROLE.

use command::declare::{Category, Flag::*, Group, Lock};
use engine::{CmdResult, Command, Cx};

pub(super) const TIME: Command = Command {
    name: "TIME",
    group: Group::Server,
    since: "2.6.0",
    summary: "Tells the server's clock: unix seconds, and microseconds of the present second.",
    complexity: "O(1)",
    flags: &[Loading, Stale, Fast],
    lock: Some(Lock::Local),
    tips: &["nondeterministic_output"],
    examples: &[
        ("TIME", "1) \"1*\"\n2) \"*\""),
        ("TIME now", "(error) ERR wrong number of arguments for 'time' command"),
    ],
    ..Command::base(time)
};

fn time(cx: &mut Cx<'_>) -> CmdResult {
    let now_us = cx.now_us();
    cx.reply.array(2);
    cx.reply.bulk_integer(now_us / 1_000_000);
    cx.reply.bulk_integer(now_us % 1_000_000);
    Ok(())
}

pub(super) const ROLE: Command = Command {
    name: "ROLE",
    group: Group::Server,
    since: "2.8.12",
    summary: "Tells whether the server is a primary or a replica, of whom, and how far.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale, Fast],
    categories: &[Category::Admin, Category::Dangerous],
    lock: Some(Lock::Local),
    examples: &[
        ("ROLE", "1) \"master\"\n2) (integer) 0\n3) (empty array)"),
        ("ROLE now", "(error) ERR wrong number of arguments for 'role' command"),
    ],
    ..Command::base(role)
};

fn role(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.array(3);
    cx.reply.bulk(b"master");
    cx.reply.integer(0);
    cx.reply.array(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::TestServer;

    #[test]
    fn time_is_the_clock_in_two_parts() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        let before_s = base::clock::unix_us() / 1_000_000;
        let Value::Array(parts) = server.reply(&mut ann, "TIME") else { panic!("no array") };
        let number = |i: usize| match &parts[i] {
            Value::Bulk(text) => base::number::parse_i64(text).expect("a number"),
            other => panic!("{other:?}"),
        };
        assert!((before_s..before_s + 60).contains(&number(0)));
        assert!((0..1_000_000).contains(&number(1)));
    }
}
