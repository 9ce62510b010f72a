//! The program beside a server that only counts.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use resp::value::{Value, decode};

/// What was asked, and how often.
type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

/// A server that gives `reply` to every request; its port, and what it was asked.
fn serve(reply: &'static str) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || answer(stream, reply, &seen));
        }
    });
    (port, asked)
}

fn answer(mut stream: TcpStream, reply: &str, seen: &Asked) {
    let (mut input, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        input.extend_from_slice(&buffer[..n]);
        while let Ok(Some((Value::Array(words), len))) = decode(&input) {
            let text = words[0].text().expect("a name").to_ascii_uppercase();
            *seen.lock().expect("nobody panics").entry(text).or_default() += 1;
            input.drain(..len);
            if stream.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn run(port: u16, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ochre-benchmark"))
        .args(["-p", &port.to_string()])
        .args(line.split_whitespace())
        .output()
        .expect("the program runs")
}

fn count(asked: &Asked, name: &str) -> usize {
    asked.lock().expect("nobody panics").get(name).copied().unwrap_or_default()
}

#[test]
fn exactly_as_many_requests_are_sent_as_asked_for() {
    for options in
        ["-c 3 -P 4", "-c 50", "-c 5 --threads 10 -P 3", "-c 2 -k 0 -P 3", "-c 3 -3 -r 9"]
    {
        let (port, asked) = serve("+OK\r\n");
        let output = run(port, &format!("-n 100 -t set,get -q {options}"));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{options}: {output:?}");
        assert!(text.contains("SET: ") && text.contains("GET: "), "{options}: {text}");
        assert_eq!((count(&asked, "SET"), count(&asked, "GET")), (100, 100), "{options}");
    }
}

#[test]
fn an_error_of_the_server_ends_the_program() {
    let (port, _) = serve("-ERR no room\r\n");
    let output = run(port, "-n 100 -c 3 --threads 2 set a b");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("Error from server: ERR no room"), "{text}");
    let output = run(port, "-I -a pw");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("Error from server: ERR no room"), "{text}");
}

#[test]
fn without_a_server_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let output = run(port, "-n 10");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{output:?}");
    assert!(text.starts_with("Could not connect to Redis at 127.0.0.1:"), "{text}");
}
