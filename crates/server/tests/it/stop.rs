//! How a server ends.

use rustix::process::Signal;

use crate::running::Server;

#[test]
fn sigterm_and_sigint_end_the_server_in_order() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let mut server = Server::start(&["--pidfile", "pid", "--io-threads", "2"]);
        assert_eq!(server.folder.read("pid"), format!("{}\n", server.pid()));
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        let lines = server.last_lines();
        for text in [
            &format!("Received {name} scheduling shutdown..."),
            "User requested shutdown...",
            "Removing the pid file.",
            "Removing the unix socket file.",
            "is now ready to exit, bye bye...",
        ] {
            assert!(lines.contains(text), "no '{text}' in: {lines}");
        }
        assert!(!server.folder.path("pid").exists());
        assert!(!server.folder.path("s").exists());
    }
}

#[test]
fn a_lost_terminal_is_not_the_end() {
    let server = Server::start(&[]);
    server.signal(Signal::HUP);
    server.signal(Signal::PIPE);
    assert_eq!(server.ask("DBSIZE"), "0");
}

#[test]
fn a_second_sigint_ends_a_server_that_does_not_come_to_it() {
    let mut server = Server::start(&["--enable-debug-command", "yes", "--io-threads", "1"]);
    let mut session = server.connect();
    // Far longer than the test takes: once it has logged, the server is busy until it is killed.
    session.send("DEBUG LOG asleep\r\nDEBUG SLEEP 600");
    server.wait_for_line("asleep");
    server.signal(Signal::INT);
    server.wait_for_line("Received SIGINT scheduling shutdown...");
    server.signal(Signal::INT);
    server.wait_for_line("You insist... exiting now.");
    assert_eq!(server.wait().code(), Some(1));
}
