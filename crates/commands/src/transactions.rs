//! Transactions: MULTI, EXEC, DISCARD, WATCH and UNWATCH. What they do is the engine's ([`engine::multi`]),
//! because queueing happens before any command runs.

use command::declare::Flag::{AllowBusy, Fast, Loading, NoScript, SkipSlowlog, Stale};
use command::declare::KeyFlag::RO;
use command::declare::{Group, Lock, key, many};
use engine::{Command, multi};

pub const COMMANDS: &[Command] = &[DISCARD, EXEC, MULTI, UNWATCH, WATCH];

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
    lock: Some(Lock::Queued),
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

pub(crate) const UNWATCH: Command = Command {
    name: "UNWATCH",
    group: Group::Transactions,
    since: "2.2.0",
    summary: "Forgets the keys that are watched.",
    complexity: "O(1)",
    flags: &[NoScript, Loading, Stale, Fast, AllowBusy],
    lock: Some(Lock::Local),
    examples: &[
        ("WATCH stock", "OK"),
        ("UNWATCH", "OK"),
        ("UNWATCH stock", "(error) ERR wrong number of arguments for 'unwatch' command"),
    ],
    ..Command::base(multi::unwatch)
};

pub(crate) const WATCH: Command = Command {
    name: "WATCH",
    group: Group::Transactions,
    since: "2.2.0",
    summary: "Makes the next EXEC run nothing if one of these keys has changed until then.",
    complexity: "O(1) for each key",
    flags: &[NoScript, Loading, Stale, Fast, AllowBusy],
    args: &[many(key("key", &[RO]))],
    examples: &[
        ("WATCH stock", "OK"),
        ("SADD stock apple", "(integer) 1"),
        ("MULTI", "OK"),
        ("SREM stock apple", "QUEUED"),
        ("EXEC", "(nil)"),
        ("SCARD stock", "(integer) 1"),
        ("WATCH", "(error) ERR wrong number of arguments for 'watch' command"),
    ],
    ..Command::base(multi::watch)
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

    /// Whether EXEC ran after `ann` watched `k` and `change` happened on another connection.
    fn exec_runs_after(change: &str) -> bool {
        let mut server = TestServer::new(2);
        let (mut ann, mut bob) = (server.connect(), server.connect());
        server.reply(&mut bob, "SET k 1");
        server.reply(&mut bob, "SET other 1");
        server.reply(&mut ann, "WATCH k");
        server.reply(&mut bob, change);
        server.reply(&mut ann, "MULTI");
        server.reply(&mut ann, "ECHO ran");
        match server.reply(&mut ann, "EXEC") {
            Value::Array(_) => true,
            Value::Null => false,
            other => panic!("{other:?} is no reply of EXEC"),
        }
    }

    #[test]
    fn any_change_of_a_watched_key_fails_the_transaction() {
        for change in [
            "SET k 1",
            "APPEND k x",
            "DEL k",
            "EXPIRE k 100",
            "RENAME other k",
            "RENAME k x",
            "COPY other k REPLACE",
            "MOVE k 1",
            "FLUSHDB",
            "FLUSHALL",
            "SWAPDB 0 1",
            "SETRANGE k 1 x",
            "MSET other 1 k 2",
            "GETDEL k",
            "INCR k",
            "PEXPIREAT k 1",
        ] {
            assert!(!exec_runs_after(change), "{change}");
        }
    }

    #[test]
    fn what_leaves_a_watched_key_as_it_was_does_not() {
        for change in
            ["GET k", "SET other 2", "TTL k", "SETNX k 2", "PERSIST k", "RENAMENX other k"]
        {
            assert!(exec_runs_after(change), "{change}");
        }
    }

    #[test]
    fn exec_discard_and_unwatch_forget_what_was_watched() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob) = (server.connect(), server.connect());
        for forget in [&["UNWATCH"][..], &["MULTI", "DISCARD"], &["MULTI", "EXEC"]] {
            server.reply(&mut ann, "WATCH k");
            for call in forget {
                server.reply(&mut ann, call);
            }
            server.reply(&mut bob, "INCR k");
            server.reply(&mut ann, "MULTI");
            assert_eq!(server.reply(&mut ann, "EXEC"), Value::Array(vec![]), "{forget:?}");
        }
    }

    #[test]
    fn a_transaction_changes_the_keys_that_it_watched() {
        let mut server = TestServer::new(4);
        let mut ann = server.connect();
        for call in ["WATCH a b c", "MULTI", "INCR a", "INCR b", "RENAME a c"] {
            server.reply(&mut ann, call);
        }
        let Value::Array(replies) = server.reply(&mut ann, "EXEC") else {
            panic!("EXEC replies an array")
        };
        assert_eq!(replies.len(), 3);
    }

    #[test]
    fn watch_inside_multi_is_refused_and_the_transaction_goes_on() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "MULTI");
        errors(&server.reply(&mut ann, "WATCH k"), "ERR WATCH inside MULTI is not allowed");
        assert_eq!(server.reply(&mut ann, "EXEC"), Value::Array(vec![]));
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
