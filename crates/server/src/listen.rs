//! Listening sockets: TCP on several addresses, IPv6 included, plain and TLS, and a unix socket.
//!
//! CONFIG SET may change `port`, `tls-port` and `bind` while the server runs. Whichever worker executes it
//! opens the new sockets, so that it can answer whether that worked; worker 0, which accepts, is
//! then told to watch them. The gate is closed meanwhile, so the locks here are never waited for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, RwLock};

use config::{Config, id};
use engine::client::Address;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, getsockname, listen, shutdown, socket_with, sockopt,
};

use crate::process::reason;
use crate::tls::{Session, Tls};

pub(crate) struct Listeners {
    unix: Option<(OwnedFd, Arc<str>)>,
    /// Replaced as a whole when `port` or `bind` change.
    tcp: RwLock<Vec<OwnedFd>>,
    /// Likewise with `tls-port`.
    tls_tcp: RwLock<Vec<OwnedFd>>,
    pub(crate) tls: Tls,
    keepalive_s: AtomicU32,
}

/// The index of the unix socket; TCP sockets follow it.
const UNIX: usize = 0;
/// The index of the first TCP socket that speaks TLS.
const TLS: usize = 1 << 16;

/// Which port, and what the log calls it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Plain,
    Tls,
}

impl Port {
    fn number(self, config: &Config) -> u16 {
        match self {
            Port::Plain => config.int(id::PORT) as u16,
            Port::Tls => config.int(id::TLS_PORT) as u16,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Port::Plain => "tcp",
            Port::Tls => "tls",
        }
    }
}

pub(crate) struct Accepted {
    pub(crate) fd: OwnedFd,
    pub(crate) address: Address,
    pub(crate) local: Address,
    /// Of a connection to the TLS port, which begins with its handshake.
    pub(crate) tls: Option<Box<Session>>,
}

/// Why the server cannot listen; the lines for the log.
#[derive(Debug)]
pub(crate) struct ListenError {
    pub(crate) lines: Vec<String>,
}

impl Listeners {
    /// Opens everything that the configuration asks for. Warnings go to `warn`.
    pub(crate) fn open(
        config: &Config,
        mut warn: impl FnMut(String),
    ) -> Result<Listeners, ListenError> {
        let tls = Tls::default();
        tls.configure(config).map_err(|line| {
            let last = "Failed to configure TLS. Check logs for more info.".to_owned();
            ListenError { lines: vec![line, last] }
        })?;
        let tcp = open_tcp(config, Port::Plain, &mut warn)?;
        let tls_tcp = open_tcp(config, Port::Tls, &mut warn)?;
        let mut unix = None;
        let path = config.text(id::UNIXSOCKET).into_owned();
        if !path.is_empty() {
            let fd = open_unix(config, &path).map_err(|error| ListenError {
                lines: vec![format!("Failed opening Unix socket: bind: {}", reason(&error))],
            })?;
            unix = Some((fd, path.into()));
        }
        if tcp.is_empty() && tls_tcp.is_empty() && unix.is_none() {
            let line = "Configured to not listen anywhere, exiting.".to_owned();
            return Err(ListenError { lines: vec![line] });
        }
        let keepalive_s = AtomicU32::new(config.int(id::TCP_KEEPALIVE) as u32);
        let (tcp, tls_tcp) = (RwLock::new(tcp), RwLock::new(tls_tcp));
        Ok(Listeners { unix, tcp, tls_tcp, tls, keepalive_s })
    }

    /// Follows `bind` and the option of this port. The old sockets are closed first, since a new
    /// address may include an old one. After an error nothing listens there until the next call.
    pub(crate) fn rebind(
        &self,
        config: &Config,
        port: Port,
        mut warn: impl FnMut(String),
    ) -> Result<(), ListenError> {
        let mut sockets = self.sockets(port).write().expect(UNPOISONED);
        sockets.clear();
        *sockets = open_tcp(config, port, &mut warn)?;
        Ok(())
    }

    /// From here on nobody is connected any more.
    pub(crate) fn refuse(&self) {
        let _ = self.each(|_, fd| {
            // An error says that it does not listen any more, which is what is wanted.
            let _ = shutdown(fd, Shutdown::Both);
            Ok(())
        });
    }

    fn sockets(&self, port: Port) -> &RwLock<Vec<OwnedFd>> {
        match port {
            Port::Plain => &self.tcp,
            Port::Tls => &self.tls_tcp,
        }
    }

    /// Follows `tcp-keepalive`, for connections to come.
    pub(crate) fn set_keepalive(&self, config: &Config) {
        self.keepalive_s.store(config.int(id::TCP_KEEPALIVE) as u32, Relaxed);
    }

    /// Calls `watch` with every socket and its index.
    pub(crate) fn each(
        &self,
        mut watch: impl FnMut(usize, BorrowedFd<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some((fd, _)) = &self.unix {
            watch(UNIX, fd.as_fd())?;
        }
        for (first, port) in [(UNIX + 1, Port::Plain), (TLS, Port::Tls)] {
            let sockets = self.sockets(port).read().expect(UNPOISONED);
            sockets.iter().enumerate().try_for_each(|(i, fd)| watch(first + i, fd.as_fd()))?;
        }
        Ok(())
    }

    /// The kinds of sockets that are open, as the log names them.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let is_open = |port: &Port| !self.sockets(*port).read().expect(UNPOISONED).is_empty();
        let tcp = [Port::Plain, Port::Tls].into_iter().filter(is_open).map(Port::name);
        tcp.chain(self.unix.as_ref().map(|_| "unix")).collect()
    }

    /// One line of INFO for each kind of socket: `listener0:name=tcp,bind=*,port=6379`.
    pub(crate) fn facts(&self) -> Vec<(&'static str, &'static str, String)> {
        let tcp = [Port::Plain, Port::Tls].into_iter().filter_map(|port| self.fact(port));
        let unix = self.unix.as_ref().map(|(_, path)| format!("name=unix,bind={path}"));
        let fields = ["listener0", "listener1", "listener2"];
        let facts = tcp.chain(unix).zip(fields);
        facts.map(|(value, field)| ("server", field, value)).collect()
    }

    fn fact(&self, port: Port) -> Option<String> {
        let sockets = self.sockets(port).read().expect(UNPOISONED);
        let addresses =
            sockets.iter().filter_map(|fd| SocketAddr::try_from(getsockname(fd).ok()?).ok());
        let addresses: Vec<SocketAddr> = addresses.collect();
        let binds: String = addresses.iter().map(|a| format!(",bind={}", bind_name(a))).collect();
        Some(format!("name={}{binds},port={}", port.name(), addresses.first()?.port()))
    }

    /// What was bound, for the log.
    pub(crate) fn unix_path(&self) -> Option<&str> {
        self.unix.as_ref().map(|(_, path)| &**path)
    }

    /// The next waiting connection of one listener.
    pub(crate) fn accept(&self, index: usize) -> io::Result<Option<Accepted>> {
        let (port, first) = if index < TLS { (Port::Plain, UNIX + 1) } else { (Port::Tls, TLS) };
        let tcp = self.sockets(port).read().expect(UNPOISONED);
        let unix = self.unix.as_ref().filter(|_| index == UNIX);
        let listener = match unix {
            Some((fd, _)) => fd,
            // An event may be about a socket that has been closed since.
            None => match tcp.get(index.wrapping_sub(first)) {
                Some(fd) => fd,
                None => return Ok(None),
            },
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = match accept_with(listener, flags) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(None),
            // The client gave up before we came to it.
            Err(rustix::io::Errno::CONNABORTED) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if let Some((_, path)) = unix {
            let address = Address::Unix(path.clone());
            return Ok(Some(Accepted { fd, local: address.clone(), address, tls: None }));
        }
        let keepalive_s = self.keepalive_s.load(Relaxed);
        if keepalive_s > 0 {
            // A connection without keepalive still works.
            let _ = keep_alive(&fd, keepalive_s);
        }
        let address =
            rustix::net::getpeername(&fd).ok().flatten().map_or(Address::None, tcp_address);
        let local = getsockname(&fd).map_or(Address::None, tcp_address);
        let tls = match port {
            Port::Plain => None,
            Port::Tls => match self.tls.session() {
                None => return Ok(None),
                session => session,
            },
        };
        Ok(Some(Accepted { fd, address, local, tls }))
    }
}

/// An address as `bind` would write it.
fn bind_name(address: &SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "*".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "::*".to_owned(),
        ip => ip.to_string(),
    }
}

const UNPOISONED: &str = "nobody panics holding the listeners";

fn tcp_address(address: SocketAddrAny) -> Address {
    SocketAddr::try_from(address).map_or(Address::None, Address::Tcp)
}

fn keep_alive(fd: &OwnedFd, seconds: u32) -> rustix::io::Result<()> {
    use std::time::Duration;
    sockopt::set_socket_keepalive(fd, true)?;
    sockopt::set_tcp_keepidle(fd, Duration::from_secs(seconds.into()))?;
    sockopt::set_tcp_keepintvl(fd, Duration::from_secs((seconds / 3).max(1).into()))?;
    sockopt::set_tcp_keepcnt(fd, 3)
}

/// Binds each word of `bind`. An optional one (`-::1`) may be missing on this machine.
fn open_tcp(
    config: &Config,
    kind: Port,
    warn: &mut impl FnMut(String),
) -> Result<Vec<OwnedFd>, ListenError> {
    open_at(config, config.words(id::BIND), kind.number(config), kind.name(), warn)
}

/// Binds each word of `admin-bind`; nothing if there is no admin port.
pub(crate) fn open_admin(
    config: &Config,
    mut warn: impl FnMut(String),
) -> Result<Vec<OwnedFd>, ListenError> {
    let port = config.int(id::ADMIN_PORT) as u16;
    open_at(config, config.words(id::ADMIN_BIND), port, "admin", &mut warn)
}

/// Binds a port at each of these addresses; 0 is no port.
fn open_at(
    config: &Config,
    addresses: &[Box<[u8]>],
    port: u16,
    kind: &str,
    warn: &mut impl FnMut(String),
) -> Result<Vec<OwnedFd>, ListenError> {
    let mut list = Vec::new();
    if port == 0 {
        return Ok(list);
    }
    let backlog = config.int(id::TCP_BACKLOG) as i32;
    for word in addresses {
        let word = String::from_utf8_lossy(word);
        let (name, is_optional) = match word.strip_prefix('-') {
            Some(name) => (name, true),
            None => (&*word, false),
        };
        let opened = resolve(name).and_then(|ip| bind_tcp(SocketAddr::new(ip, port), backlog));
        match opened {
            Ok(fd) => list.push(fd),
            Err(error) => {
                let line = format!(
                    "Warning: Could not create server TCP listening socket {name}:{port}: \
                     bind: {}",
                    reason(&error)
                );
                let is_absent = matches!(
                    error.raw_os_error(),
                    Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT)
                );
                if is_optional && is_absent {
                    continue;
                }
                if is_absent && name == "*" {
                    continue;
                }
                warn(line);
                let last = format!("Failed listening on port {port} ({kind}), aborting.");
                return Err(ListenError { lines: vec![last] });
            }
        }
    }
    Ok(list)
}

fn resolve(name: &str) -> io::Result<IpAddr> {
    use std::net::ToSocketAddrs;
    match name {
        "*" => return Ok(Ipv4Addr::UNSPECIFIED.into()),
        "::*" => return Ok(Ipv6Addr::UNSPECIFIED.into()),
        _ => {}
    }
    if let Ok(ip) = name.parse() {
        return Ok(ip);
    }
    let mut found = (name, 0).to_socket_addrs()?;
    found.next().map(|a| a.ip()).ok_or_else(|| io::Error::other("Name or service not known"))
}

fn bind_tcp(address: SocketAddr, backlog: i32) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, true)?;
    }
    bind(&fd, &address)?;
    listen(&fd, backlog)?;
    Ok(fd)
}

fn open_unix(config: &Config, path: &str) -> io::Result<OwnedFd> {
    // A socket that an earlier server left behind would be in the way.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&fd, &SocketAddrUnix::new(path)?)?;
    let backlog = config.int(id::TCP_BACKLOG) as i32;
    let mode = config.int(id::UNIXSOCKETPERM) as u32;
    if mode != 0 {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    listen(&fd, backlog)?;
    Ok(fd)
}
