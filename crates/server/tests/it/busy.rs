//! A script that runs for too long, and what everybody else is told over their sockets meanwhile.

use std::time::{Duration, Instant};

use crate::running::{Server, until};

const BUSY: &str = "BUSY Redis is busy running a script.";

fn start(workers: u32) -> Server {
    let workers = workers.to_string();
    Server::start(&["--io-threads", &workers, "--busy-reply-threshold", "10", "--save", ""])
}

#[test]
fn every_worker_answers_and_the_script_is_ended_at_once() {
    for workers in [1, 4] {
        let server = start(workers);
        // At least one on each worker.
        let mut before: Vec<_> = (0..8).map(|_| server.connect()).collect();
        let mut looping = server.connect();
        looping.send("EVAL \"while true do end\" 0");
        // Connections that come later are accepted and answered as well.
        until("busy", || server.ask("PING").contains(BUSY));
        for session in &mut before {
            assert!(session.ask("GET k").contains(BUSY));
            assert_eq!(session.ask("MULTI"), "OK");
            assert!(session.ask("SET k v").contains(BUSY));
            assert!(session.ask("EXEC").contains("EXECABORT Transaction discarded because of"));
        }
        let mut killer = server.connect();
        let began = Instant::now();
        assert_eq!(killer.ask("SCRIPT KILL"), "OK");
        assert!(looping.reply().contains("Script killed by user with SCRIPT KILL"));
        // Ten milliseconds are the aim; a machine that does other things is not held to that.
        assert!(began.elapsed() < Duration::from_secs(2));
        for session in &mut before {
            assert_eq!(session.ask("PING"), "PONG");
        }
        assert_eq!(killer.ask("PING"), "PONG");
        assert_eq!(server.ask("PING"), "PONG");
    }
}

#[test]
fn who_says_quit_or_goes_away_meanwhile_is_gone() {
    for workers in [1, 4] {
        let server = start(workers);
        let (mut quits, leaves) = (server.connect(), server.connect());
        let mut looping = server.connect();
        looping.send("EVAL \"while true do end\" 0");
        until("busy", || server.ask("PING").contains(BUSY));
        assert_eq!(quits.ask("QUIT"), "OK");
        assert!(quits.is_closed(), "it is told so before the script ends");
        drop(leaves);
        assert_eq!(server.ask("SCRIPT KILL"), "OK");
        assert!(looping.reply().contains("killed by user"));
        until("closed", || server.info("connected_clients") == 2);
    }
}

#[test]
fn a_script_that_has_written_ends_with_the_server() {
    for workers in [1, 4] {
        let mut server = start(workers);
        let mut looping = server.connect();
        looping.send("EVAL \"redis.call('SET', 'k', 'v') while true do end\" 0");
        until("busy", || server.ask("PING").contains(BUSY));
        assert!(server.ask("SCRIPT KILL").contains("UNKILLABLE"));
        assert!(server.ask("SHUTDOWN").contains(BUSY));
        server.connect().send("SHUTDOWN NOSAVE");
        assert!(server.wait().success());
    }
}
