//! Transactions: MULTI, EXEC and DISCARD. What they do is the engine's ([`engine::multi`]),
//! because queueing happens before any command runs.

use command::declare::Flag::{AllowBusy, Fast, Loading, NoScript, SkipSlowlog, Stale};
use command::declare::{Group, Lock};
use engine::{Command, multi};

pub const COMMANDS: &[Command] = &[DISCARD, EXEC, MULTI];

pub(crate) const DISCARD: Command = Command {
    name: "DISCARD",
    group: Group::Transactions,
    since: "2.0.0",
    summary: "Forgets the commands queued since MULTI.",
    complexity: "O(N) in the queued commands",
    flags: &[NoScript, Loading, Stale, Fast, AllowBusy],
    lock: Some(Lock::Local),
    examples: &[
        ("MULTI", "OK"),
        ("SADD fruits apple", "QUEUED"),
        ("DISCARD", "OK"),
        ("SCARD fruits", "(integer) 0"),
        ("DISCARD", "(error) ERR DISCARD without MULTI"),
    ],
    ..Command::base(multi::discard)
};

pub(crate) const EXEC: Command = Command {
    name: "EXEC",
    group: Group::Transactions,
    since: "1.2.0",
    summary: "Runs the commands queued since MULTI, with none of another client's in between.",
    complexity: "That of the queued commands",
    flags: &[NoScript, Loading, Stale, SkipSlowlog],
    examples: &[
        ("MULTI", "OK"),
        ("SADD fruits apple pear", "QUEUED"),
        ("SCARD fruits", "QUEUED"),
        ("EXEC", "1) (integer) 2\n2) (integer) 2"),
        ("EXEC", "(error) ERR EXEC without MULTI"),
    ],
    ..Command::base(multi::exec)
};

pub(crate) const MULTI: Command = Command {
    name: "MULTI",
    group: Group::Transactions,
    since: "1.2.0",
    summary: "Begins a transaction: commands are queued until EXEC.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale, Fast, AllowBusy],
    lock: Some(Lock::Local),
    examples: &[
        ("MULTI", "OK"),
        ("RPUSH log one", "QUEUED"),
        ("MULTI", "(error) ERR MULTI calls can not be nested"),
        ("EXEC", "1) (integer) 1"),
    ],
    ..Command::base(multi::multi)
};

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::TestServer;

    fn errors(value: &Value, text: &str) {
        assert!(
            matches!(value, Value::Error(e) if e == text.as_bytes()),
            "{value:?} is not {text}"
        );
    }

    #[test]
    fn exec_runs_what_was_queued_and_replies_to_each() {
        let mut server = TestServer::new(2);
        let mut ann = server.connect();
        for line in ["MULTI", "RPUSH log a b", "SADD log x", "LLEN log"] {
            server.reply(&mut ann, line);
        }
        let Value::Array(replies) = server.reply(&mut ann, "EXEC") else {
            panic!("EXEC replies an array")
        };
        assert_eq!(replies[0], Value::Integer(2));
        assert!(replies[1].is_error(), "a command that fails does not end the transaction");
        assert_eq!(replies[2], Value::Integer(2));
    }

    #[test]
    fn exec_runs_nothing_after_a_command_that_could_not_be_queued() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "MULTI");
        server.reply(&mut ann, "RPUSH log a");
        errors(
            &server.reply(&mut ann, "RPUSH log"),
            "ERR wrong number of arguments for 'rpush' command",
        );
        errors(
            &server.reply(&mut ann, "EXEC"),
            "EXECABORT Transaction discarded because of previous errors.",
        );
        assert_eq!(server.reply(&mut ann, "LLEN log"), Value::Integer(0));
    }

    #[test]
    fn a_nested_multi_is_refused_and_the_transaction_goes_on() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "MULTI");
        server.reply(&mut ann, "RPUSH log a");
        errors(&server.reply(&mut ann, "MULTI"), "ERR MULTI calls can not be nested");
        assert_eq!(server.reply(&mut ann, "EXEC"), Value::Array(vec![Value::Integer(1)]));
    }

    #[test]
    fn discard_forgets_the_queue() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "MULTI");
        server.reply(&mut ann, "RPUSH log a");
        server.reply(&mut ann, "DISCARD");
        assert_eq!(server.reply(&mut ann, "LLEN log"), Value::Integer(0));
        errors(&server.reply(&mut ann, "EXEC"), "ERR EXEC without MULTI");
    }
}
