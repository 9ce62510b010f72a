//! Clients that wait: ended by time, by others, and by what happens to their keys.

use crate::running::{Server, until};

fn with_workers(workers: &str) -> Server {
    Server::start(&["--io-threads", workers])
}

#[test]
fn who_waits_for_a_group_hears_that_its_stream_has_expired() {
    for workers in ["1", "3"] {
        let server = with_workers(workers);
        let mut waiters: Vec<_> = (0..4).map(|_| server.connect()).collect();
        assert_eq!(server.ask("XGROUP CREATE s g $ MKSTREAM"), "OK");
        waiters.iter_mut().for_each(|w| w.send("XREADGROUP GROUP g c BLOCK 0 STREAMS s >"));
        until("all wait", || server.info("blocked_clients") == 4);
        assert_eq!(server.ask("PEXPIRE s 20"), "1");
        for waiter in &mut waiters {
            let reply = waiter.reply();
            assert!(reply.contains("NOGROUP No such key 's'"), "{reply}");
        }
        assert_eq!(server.info("blocked_clients"), 0);
    }
}

#[test]
fn who_is_killed_takes_nothing_with_it() {
    for workers in ["1", "3"] {
        let server = with_workers(workers);
        let mut killer = server.connect();
        for round in 0..30 {
            let mut waiter = server.connect();
            let id = waiter.ask("CLIENT ID");
            waiter.send("BLPOP q 0");
            until("it waits", || server.info("blocked_clients") == 1);
            // At one go: nobody else comes between.
            let requests = format!("CLIENT KILL ID {id}\r\nRPUSH q {round}\r\nLPOP q\r\n");
            killer.send_bytes(requests.as_bytes());
            assert_eq!(killer.reply(), "1");
            assert_eq!(killer.reply(), "1");
            assert_eq!(killer.reply(), round.to_string(), "what came after belongs to others");
            until("it is gone", || server.info("connected_clients") == 2);
        }
    }
}

#[test]
fn who_waits_for_replicas_is_told_that_there_are_none() {
    let server = with_workers("2");
    let mut waiter = server.connect();
    assert_eq!(waiter.ask("WAIT 0 0"), "0");
    assert_eq!(waiter.ask("WAIT 1 20"), "0");
    let id = waiter.ask("CLIENT ID");
    for (how, reply) in [("TIMEOUT", "0"), ("ERROR", "UNBLOCKED")] {
        waiter.send("WAIT 1 0");
        until("it waits", || server.info("blocked_clients") == 1);
        assert_eq!(server.ask(&format!("CLIENT UNBLOCK {id} {how}")), "1");
        let told = waiter.reply();
        assert!(told.contains(reply), "{told}");
    }
    assert_eq!(waiter.ask("PING"), "PONG");
}
