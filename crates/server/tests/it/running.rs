//! A server to test: its process, its folder, its log, its sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_ochre-server");
/// Far more than anything takes, for machines that are busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ochre-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        Folder(path.canonicalize().expect("it was just made"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file in a folder of ours");
        self.path(name).display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind it is only in nobody's way.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Polls until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::yield_now();
    }
}

/// Runs the binary to its end.
pub(crate) fn run(folder: &Folder, args: &[&str]) -> (ExitStatus, String) {
    let output = Command::new(BINARY)
        .args(args)
        .current_dir(folder.path(""))
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built");
    let text = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&text).into_owned())
}

pub(crate) struct Server {
    pub(crate) folder: Folder,
    child: Child,
    lines: Receiver<String>,
}

impl Server {
    /// Starts on a unix socket only and waits until it is ready.
    pub(crate) fn start(args: &[&str]) -> Server {
        Server::start_in(Folder::new(), args, |_| {})
    }

    /// As [`Server::start`], in a folder that holds files already.
    pub(crate) fn start_in(
        folder: Folder,
        args: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Server {
        let mut command = Command::new(BINARY);
        // A configuration file must be the first argument.
        let is_file = args.first().is_some_and(|arg| !arg.starts_with('-'));
        let (file, rest) = args.split_at(usize::from(is_file));
        command.args(file).args(["--port", "0", "--unixsocket", "s"]).args(rest);
        command.current_dir(folder.path("")).stdin(Stdio::null()).stdout(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().expect("the binary was built");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The test may have seen enough.
                let _ = sender.send(line);
            }
        });
        let server = Server { folder, child, lines };
        server.wait_for_line("Ready to accept connections unix");
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line not seen yet that contains `text`.
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("no line with '{text}' ({error}) but:\n{}", seen.join("\n")),
            }
        }
    }

    /// All lines from here to the end of the process.
    pub(crate) fn last_lines(&self) -> String {
        self.lines.iter().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn connect(&self) -> Session {
        Session::connect(&self.folder.path("s"))
    }

    /// A field of INFO, as a number.
    pub(crate) fn info(&self, field: &str) -> u64 {
        let info = self.ask("INFO");
        let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no number {field} in {info}"))
    }

    /// The reply to one command, on a connection of its own.
    pub(crate) fn ask(&self, line: &str) -> String {
        self.connect().ask(line)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process runs");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child of ours")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended as the test wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that speaks inline commands.
pub(crate) struct Session {
    stream: UnixStream,
    input: Vec<u8>,
}

impl Session {
    pub(crate) fn connect(path: &Path) -> Session {
        let stream = UnixStream::connect(path).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        Session { stream, input: Vec::new() }
    }

    /// The reply as words: strings, errors and numbers as they are, arrays joined by blanks.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        // A server that refuses the connection closes it, and the reply is there already.
        let _ = self.stream.write_all(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Sends a command and does not wait for its reply.
    pub(crate) fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).expect("the server listens");
    }

    /// Sends bytes that need not be a request.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server listens");
    }

    /// Sends bytes to a server that may close the connection before it has read them all.
    pub(crate) fn send_bytes_until_closed(&mut self, bytes: &[u8]) {
        // What the server does is seen by reading.
        let _ = self.stream.write_all(bytes);
    }

    /// Tells the server that no more will come, and goes on reading.
    pub(crate) fn end(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Write).expect("the socket is open");
    }

    /// All that comes until the server closes the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.input);
        // Closing with unread input resets the connection; what came before is in `rest`.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    pub(crate) fn is_closed(&mut self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn reply(&mut self) -> String {
        text(&self.value())
    }

    pub(crate) fn value(&mut self) -> resp::Value {
        self.value_or_end().expect("the server closed the connection")
    }

    /// What SYNC begins with: a length and as many bytes, without a line end.
    pub(crate) fn file(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            if let Some(end) = self.input.windows(2).position(|two| two == b"\r\n") {
                let header = String::from_utf8_lossy(&self.input[..end]).into_owned();
                let length = header.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
                let length = length.unwrap_or_else(|| panic!("{header} is no length"));
                if self.input.len() >= end + 2 + length {
                    let file = self.input[end + 2..end + 2 + length].to_vec();
                    self.input.drain(..end + 2 + length);
                    return file;
                }
            }
            let n = self.stream.read(&mut buffer).expect("the server sends on");
            assert!(n > 0, "the server closed the connection");
            self.input.extend_from_slice(&buffer[..n]);
        }
    }

    /// The next reply; none when the connection is closed instead.
    pub(crate) fn value_or_end(&mut self) -> Option<resp::Value> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            if let Some((value, used)) = resp::decode(&self.input).expect("a reply") {
                self.input.drain(..used);
                return Some(value);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.input.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

fn text(value: &resp::Value) -> String {
    let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match value {
        resp::Value::Simple(bytes) | resp::Value::Bulk(bytes) | resp::Value::Error(bytes) => {
            string(bytes)
        }
        resp::Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        resp::Value::Integer(n) => n.to_string(),
        other => format!("{other:?}"),
    }
}
