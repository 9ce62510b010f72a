//! How a server ends.

use rustix::process::Signal;

use crate::running::{Server, until};

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

/// Enough keys, written so slowly that the save lasts far longer than the test.
fn saving_slowly() -> Server {
    let args = ["--save", "900 1", "--rdb-key-save-delay", "10000000", "--enable-debug-command"];
    let server = Server::start(&[&args[..], &["yes"]].concat());
    server.ask("DEBUG POPULATE 20");
    server
}

#[test]
fn a_second_sigint_cuts_a_save_short_and_leaves_nothing_of_it() {
    let mut server = saving_slowly();
    let temporary = server.folder.path(&format!("temp-{}.rdb", server.pid()));
    server.signal(Signal::INT);
    until("the save has begun", || temporary.exists());
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(1));
    assert!(!temporary.exists());
    assert!(!server.folder.path("dump.rdb").exists());
}

#[test]
fn a_shutdown_that_a_signal_asked_for_is_called_off() {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    server.ask("DEBUG PAUSE-CRON 1");
    server.signal(Signal::INT);
    server.wait_for_line("Received SIGINT scheduling shutdown...");
    assert_eq!(server.ask("SHUTDOWN ABORT"), "OK");
    server.wait_for_line("Shutdown manually aborted.");
    assert_eq!(server.ask("SHUTDOWN ABORT"), "ERR No shutdown in progress.");
    server.ask("DEBUG PAUSE-CRON 0");
    // This one is a first one again.
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_shutdown_that_failed_is_forgotten() {
    let mut server = Server::start(&["--save", "900 1", "--enable-debug-command", "yes"]);
    server.ask("SET k v");
    std::fs::create_dir(server.folder.path("dump.rdb")).expect("it is not there yet");
    server.signal(Signal::INT);
    server.wait_for_line("Errors trying to shut down the server.");
    std::fs::remove_dir(server.folder.path("dump.rdb")).expect("nothing is in it");
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(0));
}
