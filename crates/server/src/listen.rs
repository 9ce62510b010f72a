//! Listening sockets: TCP on several addresses, IPv6 included, and a unix socket.
//!
//! CONFIG SET may change `port` and `bind` while the server runs. Whichever worker executes it
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
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind,
    getsockname, listen, socket_with, sockopt,
};

use crate::process::reason;

pub(crate) struct Listeners {
    unix: Option<(OwnedFd, Arc<str>)>,
    /// Replaced as a whole when `port` or `bind` change.
    tcp: RwLock<Vec<OwnedFd>>,
    keepalive_s: AtomicU32,
}

/// The index of the unix socket; TCP sockets follow it.
const UNIX: usize = 0;

pub(crate) struct Accepted {
    pub(crate) fd: OwnedFd,
    pub(crate) address: Address,
    pub(crate) local: Address,
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
        let tcp = open_tcp(config, &mut warn)?;
        let mut unix = None;
        let path = config.text(id::UNIXSOCKET).into_owned();
        if !path.is_empty() {
            let fd = open_unix(config, &path).map_err(|error| ListenError {
                lines: vec![format!("Failed opening Unix socket: bind: {}", reason(&error))],
            })?;
            unix = Some((fd, path.into()));
        }
        if tcp.is_empty() && unix.is_none() {
            let line = "Configured to not listen anywhere, exiting.".to_owned();
            return Err(ListenError { lines: vec![line] });
        }
        let keepalive_s = AtomicU32::new(config.int(id::TCP_KEEPALIVE) as u32);
        Ok(Listeners { unix, tcp: RwLock::new(tcp), keepalive_s })
    }

    /// Follows `port` and `bind`. The old sockets are closed first, since a new address may
    /// include an old one. After an error nothing listens on TCP until the next call.
    pub(crate) fn rebind(
        &self,
        config: &Config,
        mut warn: impl FnMut(String),
    ) -> Result<(), ListenError> {
        let mut tcp = self.tcp.write().expect(UNPOISONED);
        tcp.clear();
        *tcp = open_tcp(config, &mut warn)?;
        Ok(())
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
        let tcp = self.tcp.read().expect(UNPOISONED);
        tcp.iter().enumerate().try_for_each(|(i, fd)| watch(UNIX + 1 + i, fd.as_fd()))
    }

    pub(crate) fn has_tcp(&self) -> bool {
        !self.tcp.read().expect(UNPOISONED).is_empty()
    }

    /// One line of INFO for each kind of socket: `listener0:name=tcp,bind=*,port=6379`.
    pub(crate) fn facts(&self) -> Vec<(&'static str, &'static str, String)> {
        let tcp = self.tcp.read().expect(UNPOISONED);
        let addresses: Vec<SocketAddr> =
            tcp.iter().filter_map(|fd| SocketAddr::try_from(getsockname(fd).ok()?).ok()).collect();
        let tcp = addresses.first().map(|first| {
            let binds: String =
                addresses.iter().map(|a| format!(",bind={}", bind_name(a))).collect();
            format!("name=tcp{binds},port={}", first.port())
        });
        let unix = self.unix.as_ref().map(|(_, path)| format!("name=unix,bind={path}"));
        let fields = ["listener0", "listener1"];
        let facts = tcp.into_iter().chain(unix).zip(fields);
        facts.map(|(value, field)| ("server", field, value)).collect()
    }

    /// What was bound, for the log.
    pub(crate) fn unix_path(&self) -> Option<&str> {
        self.unix.as_ref().map(|(_, path)| &**path)
    }

    /// The next waiting connection of one listener.
    pub(crate) fn accept(&self, index: usize) -> io::Result<Option<Accepted>> {
        let tcp = self.tcp.read().expect(UNPOISONED);
        let unix = self.unix.as_ref().filter(|_| index == UNIX);
        let listener = match unix {
            Some((fd, _)) => fd,
            // An event may be about a socket that has been closed since.
            None => match tcp.get(index.wrapping_sub(UNIX + 1)) {
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
            return Ok(Some(Accepted { fd, local: address.clone(), address }));
        }
        let keepalive_s = self.keepalive_s.load(Relaxed);
        if keepalive_s > 0 {
            // A connection without keepalive still works.
            let _ = keep_alive(&fd, keepalive_s);
        }
        let address =
            rustix::net::getpeername(&fd).ok().flatten().map_or(Address::None, tcp_address);
        let local = getsockname(&fd).map_or(Address::None, tcp_address);
        Ok(Some(Accepted { fd, address, local }))
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
fn open_tcp(config: &Config, warn: &mut impl FnMut(String)) -> Result<Vec<OwnedFd>, ListenError> {
    let mut list = Vec::new();
    let port = config.int(id::PORT) as u16;
    if port == 0 {
        return Ok(list);
    }
    let backlog = config.int(id::TCP_BACKLOG) as i32;
    for word in config.words(id::BIND) {
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
                let last = format!("Failed listening on port {port} (tcp), aborting.");
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
