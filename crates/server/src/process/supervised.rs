//! `supervised`: tells upstart or systemd how far the server is.
//!
//! systemd names a datagram socket in `NOTIFY_SOCKET` and reads `READY=1` and the like from it; a
//! leading `@` means Linux's abstract name space. upstart waits for the process to stop itself.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use config::{Config, id};

use super::log;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supervisor {
    None,
    Upstart,
    Systemd,
}

impl Supervisor {
    /// Whom the configuration and the environment name.
    pub(crate) fn find(config: &Config) -> Supervisor {
        let has = |name| std::env::var_os(name).is_some();
        let missing = |who: &str, name: &str| {
            log::line('#', &format!("{who} supervision requested, but {name} not found!"));
            Supervisor::None
        };
        match config.choice(id::SUPERVISED) {
            "auto" if has("UPSTART_JOB") => Supervisor::Upstart,
            "auto" if has("NOTIFY_SOCKET") => Supervisor::Systemd,
            "upstart" if has("UPSTART_JOB") => Supervisor::Upstart,
            "upstart" => missing("upstart", "UPSTART_JOB"),
            "systemd" if has("NOTIFY_SOCKET") => Supervisor::Systemd,
            "systemd" => missing("systemd", "NOTIFY_SOCKET"),
            _ => Supervisor::None,
        }
    }

    /// As INFO's `process_supervised` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Supervisor::None => "no",
            Supervisor::Upstart => "upstart",
            Supervisor::Systemd => "systemd",
        }
    }

    /// The server takes connections.
    pub(crate) fn ready(self) {
        match self {
            Supervisor::None => {}
            Supervisor::Upstart => {
                log::line('*', "supervised by upstart, will stop to signal readiness.");
                // SAFETY: it stops the process until its supervisor lets it go on.
                unsafe { libc::raise(libc::SIGSTOP) };
            }
            Supervisor::Systemd => {
                notify("STATUS=Ready to accept connections\n");
                notify("READY=1\n");
            }
        }
    }

    pub(crate) fn stopping(self) {
        if self == Supervisor::Systemd {
            notify("STOPPING=1\n");
        }
    }
}

fn notify(text: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let sent = address(name.as_encoded_bytes()).and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.send_to_addr(text.as_bytes(), &address)
    });
    if let Err(error) = sent {
        let reason = super::reason(&error);
        log::line('#', &format!("systemd supervision error: {}: {reason}", name.display()));
    }
}

fn address(name: &[u8]) -> std::io::Result<SocketAddr> {
    use std::os::unix::ffi::OsStrExt;
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)),
    }
}
