//! One connection of the load: what it has sent, and what it still waits for.
//!
//! Nothing here waits: bytes go out and come in as far as the socket lets them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use cli::connection::Endpoint;
use cli::tls::Encrypted;
use resp::encode::write_request;
use resp::scan::Scan;

use crate::options::Options;

/// Why the load cannot go on. The text is for the user.
#[derive(Debug)]
pub enum Failure {
    Connect(Endpoint, io::Error),
    Lost(io::Error),
    /// The server's own words.
    Refused(String),
    NotResp,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Connect(endpoint, error) => {
                let why = cli::connection::system_text(error);
                write!(f, "Could not connect to Redis at {endpoint}: {why}")
            }
            Failure::Lost(error) => {
                write!(f, "Error: {}", cli::connection::system_text(error))
            }
            Failure::Refused(text) => write!(f, "Error from server: {text}"),
            Failure::NotResp => f.write_str("Error: what the server sends is no reply"),
        }
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Encrypted<TcpStream>>),
}

impl Socket {
    fn open(options: &Options) -> Result<Socket, Failure> {
        let endpoint = options.server.endpoint();
        let failed = |error| Failure::Connect(endpoint.clone(), error);
        let tcp = |host: &str, port: u16| {
            let stream = TcpStream::connect((host, port)).map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            Ok(stream)
        };
        match (&endpoint, &options.server.tls) {
            (Endpoint::Unix { path }, _) => {
                let stream = UnixStream::connect(path).map_err(failed)?;
                stream.set_nonblocking(true).map_err(failed)?;
                Ok(Socket::Unix(stream))
            }
            (Endpoint::Tcp { host, port }, None) => {
                let stream = tcp(host, *port)?;
                stream.set_nonblocking(true).map_err(failed)?;
                Ok(Socket::Tcp(stream))
            }
            (Endpoint::Tcp { host, port }, Some(tls)) => {
                let encrypted = Encrypted::new(tls, host, tcp(host, *port)?).map_err(failed)?;
                encrypted.socket.set_nonblocking(true).map_err(failed)?;
                Ok(Socket::Tls(Box::new(encrypted)))
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
            Socket::Tls(encrypted) => encrypted.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
            Socket::Tls(encrypted) => encrypted.write(bytes),
        }
    }

    /// Bytes that TLS has taken wait for the socket.
    fn has_backlog(&self) -> bool {
        matches!(self, Socket::Tls(encrypted) if encrypted.has_backlog())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
            Socket::Tls(encrypted) => encrypted.socket.as_fd(),
        }
    }
}

/// What a look at the socket came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Replies to requests.
    pub replies: usize,
    /// From the moment the pipeline was begun to its first reply, if that came just now.
    pub latency_us: u64,
    /// Every request has its reply.
    pub is_done: bool,
}

pub struct Client {
    socket: Socket,
    /// To be sent, from `sent` on.
    out: Vec<u8>,
    sent: usize,
    /// Received and not yet understood.
    received: Vec<u8>,
    scan: Scan,
    /// Replies to AUTH and its like, which come before all others.
    owed_to_greeting: usize,
    owed: usize,
    began: Instant,
    latency_us: Option<u64>,
}

impl Client {
    /// Connects; logging in and the like goes out with the first requests.
    pub fn open(options: &Options) -> Result<Client, Failure> {
        let mut out = Vec::new();
        let greeting = greeting(options);
        greeting.iter().for_each(|words| write_request(&mut out, words.iter()));
        Ok(Client {
            socket: Socket::open(options)?,
            out,
            sent: 0,
            received: Vec::new(),
            scan: Scan::default(),
            owed_to_greeting: greeting.len(),
            owed: 0,
            began: Instant::now(),
            latency_us: None,
        })
    }

    /// Adds requests, to be sent by the next [`Client::push`]. All earlier ones have been answered.
    pub fn begin(&mut self, count: usize, write: impl FnOnce(&mut Vec<u8>)) {
        assert_eq!(self.owed, 0, "a pipeline begins when the one before it is done");
        write(&mut self.out);
        self.owed = count;
        self.latency_us = None;
        self.began = Instant::now();
    }

    /// Sends as much as the socket takes; whether all went out.
    pub fn push(&mut self) -> Result<bool, Failure> {
        while self.sent < self.out.len() || self.socket.has_backlog() {
            match self.socket.write(&self.out[self.sent..]) {
                Ok(0) if self.sent < self.out.len() && !self.socket.has_backlog() => {
                    return Err(Failure::Lost(ErrorKind::WriteZero.into()));
                }
                Ok(0) => return Ok(false),
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Lost(error)),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(true)
    }

    /// Takes what has come.
    pub fn pull(&mut self, buffer: &mut [u8]) -> Result<Progress, Failure> {
        let mut progress = Progress::default();
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Err(Failure::Lost(ErrorKind::UnexpectedEof.into())),
                Ok(n) => {
                    self.received.extend_from_slice(&buffer[..n]);
                    progress.replies += self.understand()?;
                    // More would be told of again, but for what TLS has already decrypted.
                    if n < buffer.len() && !matches!(self.socket, Socket::Tls(_)) {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Lost(error)),
            }
        }
        progress.latency_us = self.latency_us.unwrap_or_default();
        progress.is_done = progress.replies > 0 && self.owed == 0;
        Ok(progress)
    }

    /// Counts the whole replies that have come, and forgets them.
    fn understand(&mut self) -> Result<usize, Failure> {
        let (mut at, mut replies) = (0, 0);
        while at < self.received.len() {
            let rest = &self.received[at..];
            let end = self.scan.find_end(rest).map_err(|_| Failure::NotResp)?;
            let Some(end) = end else { break };
            match rest[0] {
                b'-' => return Err(Failure::Refused(line(&rest[1..end]))),
                // `!LENGTH`, a line, and the text.
                b'!' => {
                    let text = rest[..end].splitn(2, |byte| *byte == b'\n').nth(1);
                    return Err(Failure::Refused(line(text.unwrap_or_default())));
                }
                // Tells that a key changed; answers nothing.
                b'>' => {}
                _ if self.owed_to_greeting > 0 => self.owed_to_greeting -= 1,
                _ if self.owed == 0 => return Err(Failure::NotResp),
                _ => {
                    self.latency_us.get_or_insert_with(|| self.began.elapsed().as_micros() as u64);
                    self.owed -= 1;
                    replies += 1;
                }
            }
            at += end;
        }
        self.received.drain(..at);
        Ok(replies)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// The requests with which a connection begins.
pub fn greeting(options: &Options) -> Vec<Vec<String>> {
    let server = &options.server;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut requests = Vec::new();
    if let Some(password) = &server.password {
        requests.push(match &server.user {
            Some(user) => words(&["AUTH", user, password]),
            None => words(&["AUTH", password]),
        });
    }
    if options.resp3 {
        requests.push(words(&["HELLO", "3"]));
    }
    if options.tracks {
        requests.push(words(&["CLIENT", "TRACKING", "on"]));
    }
    if server.db != 0 {
        requests.push(words(&["SELECT", &server.db.to_string()]));
    }
    requests
}
