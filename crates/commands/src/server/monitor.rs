//! MONITOR: the caller is told of every command that runs ([`engine::monitor`]).

use command::declare::{Flag::*, Group};
use engine::{CmdError, CmdResult, Command, Cx};

pub(super) const MONITOR: Command = Command {
    name: "MONITOR",
    group: Group::Server,
    since: "1.0.0",
    summary: "Sends the connection a line for every command that any client runs.",
    complexity: "O(1), and for every command that runs O(N) in its arguments and in monitors",
    flags: &[Admin, NoScript, Loading, Stale],
    examples: &[
        ("MONITOR", "OK"),
        ("RESET", "RESET"),
        ("MONITOR x", "(error) ERR wrong number of arguments for 'monitor' command"),
    ],
    ..Command::base(monitor)
};

fn monitor(cx: &mut Cx<'_>) -> CmdResult {
    if !cx.may_wait() {
        return Err(CmdError::MONITOR_IN_MULTI);
    }
    cx.engine.monitor(cx.client, cx.worker);
    cx.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::{Session, TestServer};

    /// The lines a monitor was sent since, without their times.
    fn seen(server: &mut TestServer, session: &mut Session) -> Vec<String> {
        let text = String::from_utf8(server.news(session)).expect("lines are text");
        let untimed = |line: &str| {
            let (time, rest) = line.split_once(' ').expect("a line begins with the time");
            let (seconds, us) = time[1..].split_once('.').expect("with a fraction");
            assert!(time.starts_with('+') && us.len() == 6 && seconds.parse::<u64>().is_ok());
            rest.to_owned()
        };
        text.split_terminator("\r\n").map(untimed).collect()
    }

    #[test]
    fn every_command_is_told_of_in_the_order_they_ran() {
        for workers in [1, 2] {
            let mut server = TestServer::new(workers);
            let (mut ann, mut bob) = (server.connect(), server.connect_to(workers - 1));
            server.reply(&mut bob, "SET before 1");
            server.reply(&mut ann, "MONITOR");
            server.reply(&mut bob, "SELECT 9");
            server.feed(&mut bob, b"SET a \"x\\n\\x01\\\"\"\r\nGET a\r\n");
            server.feed(&mut bob, b"MULTI\r\nDEL a\r\nGET a\r\nEXEC\r\n");
            server.feed(&mut bob, b"CONFIG GET hz\r\nAUTH x secret\r\nNOPE\r\nGET\r\n");
            assert_eq!(
                seen(&mut server, &mut ann),
                [
                    "[0 ?:0] \"SELECT\" \"9\"",
                    "[9 ?:0] \"SET\" \"a\" \"x\\n\\x01\\\"\"",
                    "[9 ?:0] \"GET\" \"a\"",
                    "[9 ?:0] \"MULTI\"",
                    "[9 ?:0] \"DEL\" \"a\"",
                    "[9 ?:0] \"GET\" \"a\"",
                    "[9 ?:0] \"EXEC\"",
                    "[9 ?:0] \"AUTH\" \"(redacted)\" \"(redacted)\"",
                ]
            );
        }
    }

    #[test]
    fn reset_ends_it_and_then_nothing_is_looked_at() {
        let mut server = TestServer::new(1);
        let (mut ann, mut bob) = (server.connect(), server.connect());
        server.reply(&mut ann, "MONITOR");
        assert!(server.engine.settings.attention.is_close());
        server.reply(&mut ann, "RESET");
        seen(&mut server, &mut ann);
        assert!(!server.engine.settings.attention.is_close());
        server.reply(&mut bob, "GET a");
        assert!(seen(&mut server, &mut ann).is_empty());
    }
}
