//! What clients are told of each other, over sockets and between workers.

use crate::running::{Server, Session, until};

const MB: usize = 1 << 20;

fn with_workers(workers: &str) -> Server {
    Server::start(&["--io-threads", workers])
}

#[test]
fn a_monitor_that_does_not_read_is_closed() {
    let server = with_workers("2");
    let (mut deaf, mut loud) = (server.connect(), server.connect());
    assert_eq!(loud.ask("CONFIG SET client-output-buffer-limit \"pubsub 1mb 0 0\""), "OK");
    assert_eq!(deaf.ask("MONITOR"), "OK");
    let request = format!("*2\r\n$4\r\nECHO\r\n${MB}\r\n{}\r\n", "x".repeat(MB));
    for _ in 0..20 {
        loud.send_bytes(request.as_bytes());
        loud.reply();
    }
    server.wait_for_line("a monitor that does not read");
    until("it is gone", || server.info("connected_clients") == 2);
    assert_eq!(loud.ask("PING"), "PONG");
}

#[test]
fn a_held_client_goes_on_when_the_pause_is_over_or_goes_away() {
    let server = with_workers("2");
    let mut sessions: Vec<Session> = (0..4).map(|_| server.connect()).collect();
    assert_eq!(server.ask("CLIENT PAUSE 100000 WRITE"), "OK");
    sessions.iter_mut().for_each(|session| session.send("INCR n"));
    until("all are held", || server.info("blocked_clients") == 4);
    sessions.pop();
    until("one is gone", || server.info("blocked_clients") == 3);
    assert_eq!(server.ask("CLIENT UNPAUSE"), "OK");
    let mut counts: Vec<String> = sessions.iter_mut().map(Session::reply).collect();
    counts.sort();
    assert_eq!(counts, ["1", "2", "3"]);
    assert_eq!(server.info("blocked_clients"), 0);
    assert_eq!(server.ask("CLIENT PAUSE 50"), "OK");
    assert_eq!(sessions[0].ask("PING"), "PONG", "its time is over by itself");
}

#[test]
fn whoever_ends_a_pause_finds_the_held_waiting_for_their_keys() {
    let server = with_workers("4");
    let mut waiters: Vec<Session> = (0..8).map(|_| server.connect()).collect();
    let ids: Vec<String> = waiters.iter_mut().map(|waiter| waiter.ask("CLIENT ID")).collect();
    let mut ender = server.connect();
    for _ in 0..25 {
        assert_eq!(ender.ask("CLIENT PAUSE 100000 WRITE"), "OK");
        waiters.iter_mut().for_each(|waiter| waiter.send("BLPOP nothing 0"));
        until("all are held", || server.info("blocked_clients") == 8);
        let unblock = |id: &String| format!("CLIENT UNBLOCK {id} ERROR");
        assert!(ids.iter().all(|id| ender.ask(&unblock(id)) == "0"), "a pause is not for this");
        assert_eq!(ender.ask("CLIENT UNPAUSE"), "OK");
        assert!(ids.iter().all(|id| ender.ask(&unblock(id)) == "1"), "they had run");
        for waiter in &mut waiters {
            let reply = waiter.reply();
            assert!(reply.contains("UNBLOCKED"), "{reply}");
        }
    }
}

#[test]
fn an_invalidation_is_there_before_the_next_reply_whichever_worker_serves() {
    let server = with_workers("4");
    for _ in 0..8 {
        let (mut listener, mut reader, mut writer) =
            (server.connect(), server.connect(), server.connect());
        let id = listener.ask("CLIENT ID");
        listener.ask("SUBSCRIBE __redis__:invalidate");
        assert_eq!(reader.ask(&format!("CLIENT TRACKING ON REDIRECT {id}")), "OK");
        for _ in 0..20 {
            reader.ask("GET k");
            assert_eq!(writer.ask("SET k 1"), "OK");
            listener.send("PING");
            let first = listener.reply();
            assert!(first.contains("__redis__:invalidate"), "{first}");
            assert!(listener.reply().contains("pong"));
        }
    }
}
