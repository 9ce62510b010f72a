//! Several workers: who serves whom, and how they reach each other's clients.

use crate::running::{Server, Session, until};

/// Sessions with their client's id.
fn sessions(server: &Server, count: usize) -> Vec<(Session, String)> {
    (0..count)
        .map(|_| {
            let mut session = server.connect();
            let id = session.ask("CLIENT ID");
            (session, id)
        })
        .collect()
}

#[test]
fn a_thousand_connections_come_and_go() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut sessions = sessions(&server, 1000);
    for (session, _) in &mut sessions {
        session.send("INCR n");
    }
    for (session, _) in &mut sessions {
        session.reply();
    }
    assert_eq!(server.ask("GET n"), "1000");
    until("all are counted", || server.info("connected_clients") == 1001);
    drop(sessions);
    until("only the asking client is there", || server.info("connected_clients") == 1);
}

#[test]
fn connections_are_spread_over_the_workers() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut sessions = sessions(&server, 10);
    let list = sessions[0].0.ask("CLIENT LIST");
    let on = |worker: usize| list.matches(&format!("io-thread={worker} ")).count();
    assert_eq!((on(0), on(1)), (5, 5), "{list}");
}

#[test]
fn every_worker_sees_the_clients_of_all() {
    let server = Server::start(&["--io-threads", "4"]);
    let mut sessions = sessions(&server, 9);
    let ids: Vec<String> = sessions.iter().map(|(_, id)| format!("id={id} ")).collect();
    for (session, _) in &mut sessions {
        let list = session.ask("CLIENT LIST");
        assert!(ids.iter().all(|id| list.contains(id)), "{list}");
    }
}

#[test]
fn a_client_kills_those_of_other_workers() {
    let server = Server::start(&["--io-threads", "4"]);
    let mut sessions = sessions(&server, 9);
    let (mut killer, own) = sessions.remove(4);
    for (_, id) in &sessions {
        assert_eq!(killer.ask(&format!("CLIENT KILL ID {id}")), "1");
    }
    for (session, _) in &mut sessions {
        assert!(session.is_closed());
    }
    assert_eq!(killer.ask("CLIENT ID"), own);
    until("they are gone", || server.info("connected_clients") == 2);
}

#[test]
fn clients_of_all_workers_kill_each_other_and_the_server_stays() {
    let server = Server::start(&["--io-threads", "4"]);
    for _ in 0..20 {
        let mut sessions = sessions(&server, 8);
        for (session, _) in &mut sessions {
            // Some are dead before their request runs.
            session.send_bytes_until_closed(b"CLIENT KILL TYPE normal\r\nINCR n\r\n");
        }
        for (session, _) in &mut sessions {
            session.value_or_end();
        }
    }
    assert_eq!(server.ask("PING"), "PONG");
}

#[test]
fn shutdown_closes_the_clients_of_all_workers() {
    let mut server = Server::start(&["--io-threads", "4"]);
    let mut sessions = sessions(&server, 12);
    sessions[7].0.send("SHUTDOWN NOSAVE");
    for (session, _) in &mut sessions {
        assert!(session.is_closed());
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn shutdown_comes_in_the_midst_of_work() {
    for _ in 0..10 {
        let mut server = Server::start(&["--io-threads", "4"]);
        let mut sessions = sessions(&server, 8);
        for (session, _) in &mut sessions {
            session.send_bytes(&b"INCR n\r\n".repeat(2000));
        }
        sessions[3].0.send_bytes_until_closed(b"SHUTDOWN NOSAVE\r\n");
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn requests_that_were_read_together_run_alone() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut ran = 0;
    for _ in 0..20 {
        let mut sessions = sessions(&server, 20);
        for (i, (session, _)) in sessions.iter_mut().enumerate() {
            // One of them kills the others, some of whose requests were read already.
            let request: &[u8] = match i {
                7 => {
                    b"*6\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$4\r\nTYPE\r\n$6\r\nnormal\r\n\
                       $6\r\nSKIPME\r\n$3\r\nyes\r\n"
                }
                _ => b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n",
            };
            session.send_bytes_until_closed(request);
        }
        for (i, (session, _)) in sessions.iter_mut().enumerate() {
            let is_answered = session.value_or_end().is_some();
            ran += usize::from(is_answered && i != 7);
        }
    }
    assert_eq!(server.ask("GET n"), ran.to_string(), "whoever ran was answered");
}
