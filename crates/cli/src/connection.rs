//! A blocking connection to a server: requests out, replies in.
//!
//! Waiting is the only subtle part. The terminal's Ctrl-C must end the wait for a message that
//! may never come without ending the program, so while a person is at the prompt the signal
//! becomes a byte on a socket pair (`Interrupts`), and every wait polls that beside the server.

use crate::tls::{Encrypted, Tls};
use resp::encode::write_request;
use resp::scan::Scan;
use resp::value::{DecodeError, Value, decode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Tcp { host: String, port: u16 },
    Unix { path: String },
}

/// As in the prompt: `127.0.0.1:6379`, `[::1]:6379`, `/run/redis.sock`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Endpoint::Tcp { host, port } => write!(f, "{host}:{port}"),
            Endpoint::Unix { path } => f.write_str(path),
        }
    }
}

/// Which addresses of a name to try first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    #[default]
    AsResolved,
    Ipv4,
    Ipv6,
}

/// Why a connection cannot be used any more.
#[derive(Debug)]
pub enum Lost {
    Closed,
    Io(io::Error),
    Protocol(DecodeError),
    /// Ctrl-C while waiting.
    Interrupted,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Lost::Closed => f.write_str("Server closed the connection"),
            Lost::Io(error) => f.write_str(&system_text(error)),
            Lost::Protocol(what) => write!(f, "Protocol error, {what}"),
            Lost::Interrupted => f.write_str("Interrupted"),
        }
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Lost {
        Lost::Io(error)
    }
}

/// "Connection refused", without the number that Rust appends.
pub fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// Ctrl-C as bytes to be read, from the moment it is made.
pub struct Interrupts {
    receiver: UnixStream,
}

impl Interrupts {
    /// From now on SIGINT no longer ends the process.
    pub fn catch() -> io::Result<Interrupts> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, sender)?;
        Ok(Interrupts { receiver })
    }

    /// Forgets what was pressed before now.
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.receiver).read(&mut bytes), Ok(n) if n > 0) {}
    }
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    Server,
    /// The other descriptor given to `wait`.
    Other,
    Interrupt,
    Timeout,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        }
    }

    /// What a read or write may take; none is for ever.
    fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => {
                socket.set_read_timeout(timeout)?;
                socket.set_write_timeout(timeout)
            }
            Socket::Unix(socket) => {
                socket.set_read_timeout(timeout)?;
                socket.set_write_timeout(timeout)
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.read(bytes),
            Socket::Unix(socket) => socket.read(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Stream {
    Plain(Socket),
    Tls(Box<Encrypted<Socket>>),
}

impl Stream {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Plain(socket) => socket.fd(),
            Stream::Tls(encrypted) => encrypted.socket.fd(),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(bytes),
            Stream::Tls(encrypted) => encrypted.read(bytes),
        }
    }

    /// Appends what is here and of which `fd` will not tell.
    fn read_rest(&mut self, bytes: &mut Vec<u8>) {
        if let Stream::Tls(encrypted) = self {
            encrypted.read_rest(bytes);
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(encrypted) => encrypted.write_all(bytes),
        }
    }
}

pub struct Connection {
    stream: Stream,
    /// Received and not yet decoded, from `at` on.
    input: Vec<u8>,
    at: usize,
    /// How far the reply at `at` was looked through.
    scan: Scan,
    patience: Option<Duration>,
}

impl Connection {
    /// Connects, with TLS if it is given; `timeout` zero leaves it to the system.
    pub fn open(
        to: &Endpoint,
        tls: Option<&Tls>,
        timeout: Duration,
        prefer: Prefer,
    ) -> io::Result<Connection> {
        let (socket, host) = match to {
            Endpoint::Tcp { host, port } => {
                let stream = open_tcp(host, *port, timeout, prefer)?;
                stream.set_nodelay(true)?;
                // A long command must not look like a dead connection to a firewall.
                rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
                rustix::net::sockopt::set_tcp_keepidle(&stream, Duration::from_secs(15))?;
                (Socket::Tcp(stream), host.as_str())
            }
            // Whoever listens at a path is at home here.
            Endpoint::Unix { path } => (Socket::Unix(UnixStream::connect(path)?), "localhost"),
        };
        let stream = match tls {
            None => Stream::Plain(socket),
            Some(tls) => {
                socket.set_timeout(Some(timeout).filter(|timeout| !timeout.is_zero()))?;
                let encrypted = Encrypted::new(tls, host, socket)?;
                encrypted.socket.set_timeout(None)?;
                Stream::Tls(Box::new(encrypted))
            }
        };
        Ok(Connection { stream, input: Vec::new(), at: 0, scan: Scan::default(), patience: None })
    }

    /// From now on a reply of which nothing comes for so long is an error.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }

    /// Sends one command.
    pub fn send(&mut self, arguments: &[Vec<u8>]) -> Result<(), Lost> {
        let mut bytes = Vec::new();
        write_request(&mut bytes, arguments.iter().map(Vec::as_slice));
        self.send_bytes(&bytes)
    }

    /// Sends bytes that are requests already.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.stream.write_all(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Lost::Closed,
            _ => Lost::Io(error),
        })
    }

    /// The next reply, waiting for it.
    pub fn receive(&mut self, interrupts: Option<&Interrupts>) -> Result<Value, Lost> {
        loop {
            if let Some(value) = self.received()? {
                return Ok(value);
            }
            let asked = Instant::now();
            match self.wait(None, interrupts, self.patience)? {
                Ready::Server => self.read_ready()?,
                Ready::Interrupt => return Err(Lost::Interrupted),
                Ready::Timeout if self.patience.is_some_and(|p| asked.elapsed() >= p) => {
                    return Err(Lost::Io(io::ErrorKind::TimedOut.into()));
                }
                // A signal woke us: look again at what it was.
                Ready::Timeout | Ready::Other => {}
            }
        }
    }

    /// The next reply if all its bytes are here already.
    pub fn received(&mut self) -> Result<Option<Value>, Lost> {
        let input = &self.input[self.at..];
        let Some(length) = self.scan.find_end(input).map_err(Lost::Protocol)? else {
            return Ok(None);
        };
        let (value, _) = decode(&input[..length])
            .map_err(Lost::Protocol)?
            .expect("the scan found the end of a whole reply");
        self.at += length;
        Ok(Some(value))
    }

    /// Waits for bytes from the server, for `other`, or for Ctrl-C.
    pub fn wait(
        &self,
        other: Option<BorrowedFd>,
        interrupts: Option<&Interrupts>,
        timeout: Option<Duration>,
    ) -> Result<Ready, Lost> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.stream.fd(), PollFlags::IN)];
        let mut ready = vec![Ready::Server];
        if let Some(other) = other {
            fds.push(PollFd::from_borrowed_fd(other, PollFlags::IN));
            ready.push(Ready::Other);
        }
        if let Some(interrupts) = interrupts {
            fds.push(PollFd::new(&interrupts.receiver, PollFlags::IN));
            ready.push(Ready::Interrupt);
        }
        let timeout = timeout.map(|t| Timespec::try_from(t).expect("a timeout of seconds"));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            // Ctrl-C interrupts the call itself; the next one sees its byte.
            Err(rustix::io::Errno::INTR) => return Ok(Ready::Timeout),
            Err(error) => return Err(Lost::Io(error.into())),
        }
        // Ctrl-C first: a server that never stops sending must not hide it.
        for (fd, ready) in fds.iter().zip(ready).rev() {
            if !fd.revents().is_empty() {
                return Ok(ready);
            }
        }
        Ok(Ready::Timeout)
    }

    /// Reads until nothing more is ready, at least once.
    pub fn read_ready(&mut self) -> Result<(), Lost> {
        self.input.drain(..self.at);
        self.at = 0;
        self.read_once()?;
        while self.wait(None, None, Some(Duration::ZERO))? == Ready::Server {
            // What came before the end must be seen before the end: the next call meets it again.
            if self.read_once().is_err() {
                break;
            }
        }
        Ok(())
    }

    fn read_once(&mut self) -> Result<(), Lost> {
        let filled = self.input.len();
        // Room in proportion to what came, so that a large reply takes few calls.
        self.input.resize(filled + filled.clamp(16 * 1024, 1024 * 1024), 0);
        let read = loop {
            match self.stream.read(&mut self.input[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.input.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(Lost::Closed),
            Ok(_) => {
                self.stream.read_rest(&mut self.input);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(()),
                io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => Err(Lost::Closed),
                _ => Err(Lost::Io(error)),
            },
        }
    }

    /// Sends a command and waits for its reply; pushes that come between are dropped.
    pub fn ask(&mut self, arguments: &[&str]) -> Result<Value, Lost> {
        let arguments: Vec<_> = arguments.iter().map(|a| a.as_bytes().to_vec()).collect();
        self.send(&arguments)?;
        loop {
            let reply = self.receive(None)?;
            if !matches!(reply, Value::Push(_)) {
                return Ok(reply);
            }
        }
    }
}

fn open_tcp(host: &str, port: u16, timeout: Duration, prefer: Prefer) -> io::Result<TcpStream> {
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    match prefer {
        Prefer::AsResolved => {}
        Prefer::Ipv4 => addresses.sort_by_key(|a| !a.is_ipv4()),
        Prefer::Ipv6 => addresses.sort_by_key(|a| !a.is_ipv6()),
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "Name or service not known");
    for address in addresses {
        let tried = if timeout.is_zero() {
            TcpStream::connect(address)
        } else {
            TcpStream::connect_timeout(&address, timeout)
        };
        match tried {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
