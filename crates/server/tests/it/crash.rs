//! What a crash leaves behind.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use crate::running::{Server, until};

/// Expects a whole report, and the end by `signal`.
fn check(mut server: Server, signal: Signal, texts: &[&str]) {
    let status = server.wait();
    let report = server.last_lines();
    assert_eq!(status.signal(), Some(signal.as_raw()), "{report}");
    let frame = ["=== REDIS BUG REPORT START", "STACK TRACE", "=== REDIS BUG REPORT END"];
    for text in frame.iter().chain(texts) {
        assert!(report.contains(text), "no '{text}' in: {report}");
    }
}

#[test]
fn a_signal_from_outside_is_reported_with_its_sender() {
    let server = Server::start(&[]);
    server.signal(Signal::ABORT);
    let sender = format!("Killed by PID: {}", std::process::id());
    check(server, Signal::ABORT, &["crashed by signal: 6", &sender]);
}

#[test]
fn a_signal_that_hits_a_background_thread_is_reported_too() {
    let server = Server::start(&[]);
    let mut found: Option<libc::pid_t> = None;
    // Asleep, it has what a thread is given at its start: its signal stack too.
    until("there is a background thread that waits for work", || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs");
        found = tasks.map(|task| task.expect("an entry").path()).find_map(|task| {
            let name = std::fs::read_to_string(task.join("comm")).ok()?;
            let tid = task.file_name()?.to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(task.join("stat")).ok()?;
            let is_asleep = stat.rsplit(')').next()?.trim_start().starts_with('S');
            (name.trim() == "lazyfree" && is_asleep).then_some(tid)
        });
        found.is_some()
    });
    let tid = found.expect("it was waited for");
    // SAFETY: it only sends a signal to a child of ours.
    unsafe { libc::syscall(libc::SYS_tgkill, server.pid(), tid, libc::SIGABRT) };
    check(server, Signal::ABORT, &["thread lazyfree", "crashed by signal: 6"]);
}

#[test]
fn a_bad_access_is_reported_with_address_and_function() {
    let server = Server::start(&["--enable-debug-command", "yes", "--io-threads", "2"]);
    crash(&server, "DEBUG SEGFAULT");
    check(server, Signal::SEGV, &["crashed by signal: 11", "Accessing address: 0x", "segfault"]);
}

#[test]
fn a_panic_is_reported_with_its_place() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    crash(&server, "DEBUG PANIC");
    check(server, Signal::ABORT, &["Guru Meditation: ", "crash.rs:"]);
}

#[test]
fn a_broken_invariant_is_an_assertion() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    crash(&server, "DEBUG ASSERT");
    check(server, Signal::ABORT, &["=== ASSERTION FAILED ==="]);
}

#[test]
fn a_crash_is_not_reported_if_nobody_wants_it() {
    let mut server = Server::start(&["--crash-log-enabled", "no"]);
    server.signal(Signal::SEGV);
    assert_eq!(server.wait().signal(), Some(Signal::SEGV.as_raw()));
    assert!(!server.last_lines().contains("BUG REPORT"));
}

#[test]
fn debug_restart_makes_a_new_server_of_the_same_process() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let run_id = |text: &str| text.lines().find(|l| l.starts_with("run_id")).map(str::to_owned);
    let before = run_id(&server.ask("INFO server"));
    crash(&server, "DEBUG RESTART");
    server.wait_for_line("Ready to accept connections unix");
    let info = server.ask("INFO server");
    assert!(info.contains(&format!("process_id:{}\r\n", server.pid())), "{info}");
    assert_ne!(run_id(&info), before);
}

/// Sends a command that the server does not survive to answer.
fn crash(server: &Server, line: &str) {
    server.connect().send(line);
}
