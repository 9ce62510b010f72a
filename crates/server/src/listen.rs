//! Listening sockets: TCP on several addresses, IPv6 included, and a unix socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use config::{Config, id};
use engine::client::Address;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind,
    getsockname, listen, socket_with, sockopt,
};

pub(crate) struct Listeners {
    list: Vec<Listener>,
    keepalive_s: u32,
}

struct Listener {
    fd: OwnedFd,
    /// The path, of a unix socket.
    path: Option<Arc<str>>,
}

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
        let mut list = Vec::new();
        let backlog = config.int(id::TCP_BACKLOG) as i32;
        let port = config.int(id::PORT) as u16;
        if port != 0 {
            list.extend(open_tcp(config, port, backlog, &mut warn)?);
        }
        let path = config.text(id::UNIXSOCKET).into_owned();
        if !path.is_empty() {
            let fd = open_unix(config, &path, backlog).map_err(|error| ListenError {
                lines: vec![format!("Failed opening Unix socket: bind: {error}")],
            })?;
            list.push(Listener { fd, path: Some(path.into()) });
        }
        if list.is_empty() {
            let line = "Configured to not listen anywhere, exiting.".to_owned();
            return Err(ListenError { lines: vec![line] });
        }
        Ok(Listeners { list, keepalive_s: config.int(id::TCP_KEEPALIVE) as u32 })
    }

    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.list.iter().map(|listener| listener.fd.as_fd())
    }

    /// What was bound, for the log.
    pub(crate) fn unix_path(&self) -> Option<&str> {
        self.list.iter().find_map(|listener| listener.path.as_deref())
    }

    /// The next waiting connection of one listener.
    pub(crate) fn accept(&self, index: usize) -> io::Result<Option<Accepted>> {
        let listener = &self.list[index];
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = match accept_with(&listener.fd, flags) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(None),
            // The client gave up before we came to it.
            Err(rustix::io::Errno::CONNABORTED) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if let Some(path) = &listener.path {
            let address = Address::Unix(path.clone());
            return Ok(Some(Accepted { fd, local: address.clone(), address }));
        }
        if self.keepalive_s > 0 {
            // A connection without keepalive still works.
            let _ = keep_alive(&fd, self.keepalive_s);
        }
        let address =
            rustix::net::getpeername(&fd).ok().flatten().map_or(Address::None, tcp_address);
        let local = getsockname(&fd).map_or(Address::None, tcp_address);
        Ok(Some(Accepted { fd, address, local }))
    }
}

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
    port: u16,
    backlog: i32,
    warn: &mut impl FnMut(String),
) -> Result<Vec<Listener>, ListenError> {
    let mut list = Vec::new();
    for word in config.words(id::BIND) {
        let word = String::from_utf8_lossy(word);
        let (name, is_optional) = match word.strip_prefix('-') {
            Some(name) => (name, true),
            None => (&*word, false),
        };
        let opened = resolve(name).and_then(|ip| bind_tcp(SocketAddr::new(ip, port), backlog));
        match opened {
            Ok(fd) => list.push(Listener { fd, path: None }),
            Err(error) => {
                let text = error.to_string();
                let reason = text.split(" (os error").next().unwrap_or_default();
                let line = format!(
                    "Warning: Could not create server TCP listening socket {name}:{port}: \
                     bind: {reason}"
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

fn open_unix(config: &Config, path: &str, backlog: i32) -> io::Result<OwnedFd> {
    // A socket that an earlier server left behind would be in the way.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&fd, &SocketAddrUnix::new(path)?)?;
    let mode = config.int(id::UNIXSOCKETPERM) as u32;
    if mode != 0 {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    listen(&fd, backlog)?;
    Ok(fd)
}
