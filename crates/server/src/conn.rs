//! One socket of one client: reading into the engine's hands, writing what it replied.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use engine::Client;
use engine::clients::ClientIndex;
use rustix::net::{SendFlags, send};

pub(crate) struct Conn {
    pub(crate) fd: OwnedFd,
    pub(crate) client: ClientIndex,
    /// The driver was asked to report when the socket takes bytes again.
    pub(crate) wants_write: bool,
    /// In the worker's list of connections with more to run.
    pub(crate) is_queued: bool,
}

/// What became of an attempt to move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many bytes.
    Bytes(usize),
    /// The socket has nothing, or takes nothing, now.
    Nothing,
    /// The other side has gone, or the socket has failed.
    Closed,
}

fn moved(result: rustix::io::Result<usize>) -> Moved {
    match result {
        Ok(n) => Moved::Bytes(n),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Moved::Nothing,
        Err(_) => Moved::Closed,
    }
}

impl Conn {
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Moved {
        match moved(rustix::io::read(&self.fd, buffer)) {
            Moved::Bytes(0) => Moved::Closed,
            other => other,
        }
    }

    /// Reads into the room that `buffer` has left.
    pub(crate) fn read_more(&self, buffer: &mut Vec<u8>) -> Moved {
        let spare = rustix::buffer::spare_capacity(buffer);
        match moved(rustix::io::read(&self.fd, spare)) {
            Moved::Bytes(0) => Moved::Closed,
            other => other,
        }
    }

    /// Writes as much as the socket takes.
    pub(crate) fn write(&self, bytes: &[u8]) -> Moved {
        let mut written = 0;
        while written < bytes.len() {
            match moved(send(&self.fd, &bytes[written..], SendFlags::NOSIGNAL)) {
                Moved::Bytes(n) => written += n,
                Moved::Nothing => break,
                Moved::Closed => return Moved::Closed,
            }
        }
        Moved::Bytes(written)
    }

    /// Sends fresh replies behind those that wait. Afterwards `client.output` holds what the
    /// socket did not take.
    pub(crate) fn flush(&self, client: &mut Client, fresh: &[u8]) -> Moved {
        if client.output.is_empty() {
            let Moved::Bytes(n) = self.write(fresh) else { return Moved::Closed };
            client.output.extend_from_slice(&fresh[n..]);
            return Moved::Bytes(n);
        }
        client.output.extend_from_slice(fresh);
        let Moved::Bytes(n) = self.write(&client.output) else { return Moved::Closed };
        if n == client.output.len() {
            // A buffer that once was large is not kept.
            client.output = Vec::new();
        } else {
            client.output.drain(..n);
        }
        Moved::Bytes(n)
    }

    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_tcp_nodelay(self.fd.as_fd(), true)?)
    }
}
