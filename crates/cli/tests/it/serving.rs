//! Servers that answer from scripts, and the program run against them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

/// Serves one connection for each script: a reply for each request, then closes. Gives the
/// requests of all connections, a line each.
pub(crate) fn serve(scripts: Vec<Vec<&'static str>>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let served = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for script in scripts {
            let (stream, _) = listener.accept().expect("a client");
            answer(stream, &script, &mut requests);
        }
        requests
    });
    (port, served)
}

/// Answers requests of one connection until either side has no more.
pub(crate) fn answer(
    stream: impl Read + Write,
    script: &[impl AsRef<[u8]>],
    requests: &mut Vec<String>,
) {
    let mut stream = BufReader::new(stream);
    for reply in script {
        let Some(request) = read_request(&mut stream) else { break };
        requests.push(request);
        stream.get_mut().write_all(reply.as_ref()).expect("the client reads");
    }
    // A client that did not like us has gone.
    let _ = stream.get_mut().flush();
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

pub(crate) fn run(port: u16, arguments: &[&str], input: &str) -> Output {
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

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}
