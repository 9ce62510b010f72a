//! The program against a server that answers from a script.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

/// Serves one connection for each script: a reply for each request, then closes. Gives the
/// requests of all connections, a line each.
fn serve(scripts: Vec<Vec<&'static str>>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let served = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
            for reply in script {
                let Some(request) = read_request(&mut reader) else { break };
                requests.push(request);
                stream.write_all(reply.as_bytes()).expect("the client reads");
            }
        }
        requests
    });
    (port, served)
}

fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
    let count: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let length: usize = line.trim().strip_prefix('$')?.parse().ok()?;
        let mut word = vec![0; length + 2];
        reader.read_exact(&mut word).ok()?;
        words.push(String::from_utf8_lossy(&word[..length]).into_owned());
    }
    Some(words.join(" "))
}

fn run(port: u16, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ochre-cli"))
        .args(["-p", &port.to_string()])
        .args(arguments)
        .env_remove("REDISCLI_AUTH")
        .env_remove("FAKETTY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It may end without reading its input.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

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
