//! CLIENT PAUSE and UNPAUSE: what is held, and how, is the engine's ([`engine::pause`]).

use command::declare::*;
use engine::pause::Held;
use engine::{CmdError, CmdResult, Command, Cx};

use Flag::{Admin, Loading, NoScript, Stale};

pub(super) const PAUSE: Command = Command {
    name: "PAUSE",
    group: Group::Connection,
    since: "3.0.0",
    summary: "Holds the commands of all clients for some milliseconds: all, or those that write.",
    complexity: "O(1)",
    flags: &[Admin, NoScript, Loading, Stale],
    args: &[integer("timeout"), opt(one_of("mode", &[flag("WRITE"), flag("ALL")])).since("6.2.0")],
    history: &[("6.2.0", "`WRITE` holds commands that write, and lets others run.")],
    examples: &[
        ("CLIENT PAUSE 1000 WRITE", "OK"),
        ("CLIENT UNPAUSE", "OK"),
        ("CLIENT PAUSE 1000 READ", "(error) ERR CLIENT PAUSE mode must be WRITE or ALL"),
        ("CLIENT PAUSE -1", "(error) ERR timeout is negative"),
    ],
    ..Command::base(pause)
};

fn pause(cx: &mut Cx<'_>) -> CmdResult {
    let held = match cx.argc() {
        3 => Held::All,
        _ if cx.is_word(3, "WRITE") => Held::Writes,
        _ if cx.is_word(3, "ALL") => Held::All,
        _ => return Err(CmdError::PAUSE_MODE),
    };
    let now_ms = cx.now_ms();
    let until_ms = cx.deadline_ms(2)?.unwrap_or(now_ms);
    cx.engine.pause(until_ms, held, now_ms);
    cx.reply.ok();
    Ok(())
}

pub(super) const UNPAUSE: Command = Command {
    name: "UNPAUSE",
    group: Group::Connection,
    since: "6.2.0",
    summary: "Ends a pause: what was held runs now.",
    complexity: "O(N), N being the number of clients that are held",
    flags: &[Admin, NoScript, Loading, Stale],
    examples: &[
        ("CLIENT UNPAUSE", "OK"),
        (
            "CLIENT UNPAUSE now",
            "(error) ERR wrong number of arguments for 'client|unpause' command",
        ),
    ],
    ..Command::base(unpause)
};

fn unpause(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.unpause();
    cx.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use resp::Value;
    use testkit::{Session, TestServer};

    fn ok() -> Value {
        Value::Simple(b"OK".to_vec())
    }

    /// Whether a pause holds this request: it leaves no reply and stays in the input.
    fn is_held(server: &mut TestServer, session: &mut Session, line: &str) -> bool {
        server.feed(session, format!("{line}\r\n").as_bytes()).is_empty()
    }

    #[test]
    fn writes_are_held_and_reads_run() {
        for workers in [1, 2] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = (server.connect(), server.connect_to(workers - 1));
            server.reply(&mut ann, "SET a 1");
            assert_eq!(server.reply(&mut ann, "CLIENT PAUSE 100000 WRITE"), ok());
            assert!(!is_held(&mut server, &mut bob, "GET a"));
            for line in ["SET a 2", "PFCOUNT a", "PUBLISH news x", "BLPOP q 0", "FLUSHALL"] {
                assert!(is_held(&mut server, &mut bob, line), "{line}");
            }
            assert!(!is_held(&mut server, &mut bob, "SET a"), "a wrong call is refused at once");
            assert_eq!(server.feed(&mut bob, b"GET a\r\nSET a 2\r\nGET a\r\n"), b"$1\r\n1\r\n");
            assert_eq!(server.reply(&mut ann, "CLIENT UNPAUSE"), ok());
            assert_eq!(server.reply(&mut bob, "SET a 2"), ok());
        }
    }

    #[test]
    fn a_transaction_is_held_if_something_in_it_writes() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob) = (server.connect(), server.connect());
        server.feed(&mut bob, b"MULTI\r\nSET a 1\r\n");
        server.reply(&mut ann, "CLIENT PAUSE 100000 WRITE");
        assert!(is_held(&mut server, &mut bob, "EXEC"));
        server.feed(&mut ann, b"MULTI\r\nGET a\r\n");
        assert!(!is_held(&mut server, &mut ann, "EXEC"));
        server.reply(&mut ann, "CLIENT UNPAUSE");
        assert!(!is_held(&mut server, &mut bob, "EXEC"));
    }

    #[test]
    fn a_pause_of_all_holds_whatever_comes_and_is_only_made_longer() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.feed(
            &mut ann,
            b"MULTI\r\nCLIENT PAUSE 100000 ALL\r\nCLIENT PAUSE 1 WRITE\r\nEXEC\r\n",
        );
        assert!(is_held(&mut server, &mut ann, "PING"));
        let (_, until_ms) = server.engine.pause.at(base::clock::unix_ms()).expect("it lasts");
        server.engine.end_pause_in_time(until_ms - 1);
        assert!(is_held(&mut server, &mut ann, "PING"));
        server.engine.end_pause_in_time(until_ms);
        assert!(!is_held(&mut server, &mut ann, "PING"));
    }

    #[test]
    fn nothing_expires_while_a_pause_lasts() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "SET a 1 PXAT 1");
        server.feed(&mut ann, b"MULTI\r\nSET a 1\r\nPEXPIREAT a 9999999999999\r\nCLIENT PAUSE 100000 WRITE\r\nEXEC\r\n");
        {
            let key = server.engine.keyspace.key(b"a");
            let mut shard = server.engine.keyspace.lock(0);
            let slot = shard.dbs[0].find(key).expect("it was just set");
            shard.dbs[0].set_expire(slot, Some(1));
        }
        assert_eq!(server.reply(&mut ann, "GET a"), Value::Null);
        assert_eq!(server.reply(&mut ann, "DBSIZE"), Value::Integer(1));
        assert_eq!(server.reply(&mut ann, "RANDOMKEY"), Value::Bulk(b"a".to_vec()));
        assert_eq!(server.engine.total(|w| w.expired_keys.get()), 0);
        server.reply(&mut ann, "CLIENT UNPAUSE");
        assert_eq!(server.reply(&mut ann, "RANDOMKEY"), Value::Null);
        assert_eq!(server.engine.total(|w| w.expired_keys.get()), 1);
    }

    #[test]
    fn info_tells_of_a_pause() {
        let mut server = TestServer::new(1);
        let mut ann = server.connect();
        server.reply(&mut ann, "CLIENT PAUSE 100000 WRITE");
        let Value::Bulk(text) = server.reply(&mut ann, "INFO clients") else { panic!("no text") };
        let text = String::from_utf8(text).expect("it is text");
        assert!(text.contains("paused_reason:client_pause\r\npaused_actions:write\r\n"), "{text}");
    }
}
