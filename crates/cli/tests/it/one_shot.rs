//! The program against a server that answers from a script.

use crate::serving::{run, serve, text};

#[test]
fn a_command_prints_its_reply_raw_when_nobody_watches() {
    let (port, served) = serve(vec![vec!["$2\r\nhi\r\n"]]);
    let output = run(port, &["GET", "k"], "");
    assert_eq!((text(&output.stdout), output.status.code()), ("hi\n", Some(0)));
    assert_eq!(served.join().expect("served"), ["GET k"]);
}

#[test]
fn credentials_database_and_protocol_are_said_first() {
    let (port, served) = serve(vec![vec!["+OK\r\n", "+OK\r\n", "%0\r\n", "+PONG\r\n"]]);
    let options = ["--user", "me", "-a", "pw", "--no-auth-warning", "-n", "2", "-3", "PING"];
    let output = run(port, &options, "");
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("PONG\n", ""));
    assert_eq!(served.join().expect("served"), ["AUTH me pw", "SELECT 2", "HELLO 3", "PING"]);
}

#[test]
fn a_lost_connection_is_told_and_the_next_command_reconnects() {
    let (port, served) = serve(vec![vec!["+OK\r\n"], vec!["+OK\r\n", "$1\r\nv\r\n"]]);
    let output = run(port, &[], "SELECT 3\nGET a\nGET b\n");
    assert_eq!(text(&output.stdout), "OK\nv\n");
    assert_eq!(text(&output.stderr), "Error: Server closed the connection\n");
    assert_eq!(served.join().expect("served"), ["SELECT 3", "SELECT 3", "GET b"]);
}

#[test]
fn an_error_is_code_1_only_when_asked_for() {
    let (port, _served) = serve(vec![vec!["-ERR no\r\n"], vec!["-ERR no\r\n"]]);
    let output = run(port, &["FAIL"], "");
    assert_eq!((text(&output.stdout), output.status.code()), ("ERR no\n\n", Some(0)));
    let output = run(port, &["-e", "FAIL"], "");
    assert_eq!((text(&output.stderr), output.status.code()), ("ERR no\n", Some(1)));
}

#[test]
fn standard_input_becomes_an_argument() {
    let (port, served) = serve(vec![vec!["+OK\r\n"], vec!["+OK\r\n"]]);
    run(port, &["-x", "SET", "k"], "data");
    run(port, &["-X", "tag", "SET", "tag", "v"], "key");
    assert_eq!(served.join().expect("served"), ["SET k data", "SET key v"]);
}

#[test]
fn a_number_repeats_a_command_at_the_prompt() {
    let (port, served) = serve(vec![vec![":1\r\n", ":2\r\n"]]);
    let output = run(port, &["--no-raw"], "2 INCR x\nquit\n");
    assert_eq!(text(&output.stdout), "(integer) 1\n(integer) 2\n");
    assert_eq!(served.join().expect("served"), ["INCR x", "INCR x"]);
}

#[test]
fn a_subscription_prints_messages_until_the_server_leaves() {
    let confirmation =
        "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n";
    let (port, _served) = serve(vec![vec![confirmation]]);
    let output = run(port, &["--csv", "SUBSCRIBE", "c"], "");
    assert_eq!(text(&output.stdout), "\"subscribe\",\"c\",1\n\"message\",\"c\",\"hi\"\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_options_are_refused_by_name() {
    let output = run(1, &["--nonsense"], "");
    assert_eq!(
        text(&output.stderr),
        "Unrecognized option or bad number of args for: '--nonsense'\n"
    );
    assert_eq!(output.status.code(), Some(1));
}
