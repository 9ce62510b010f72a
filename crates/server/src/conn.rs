//! One socket of one client: reading into the engine's hands, writing what it replied.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use engine::Client;
use engine::clients::ClientIndex;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::driver::Interest;
use crate::tls::Session;

/// Bytes given to one socket before others get their turn.
const WRITE_TURN_BYTES: usize = 1 << 20;

pub(crate) struct Conn {
    pub(crate) fd: OwnedFd,
    pub(crate) client: ClientIndex,
    /// Of a connection to the TLS port.
    pub(crate) tls: Option<Box<Session>>,
    /// What the driver was asked to report.
    pub(crate) interest: Interest,
    /// In one of the worker's lists of connections with more to run. Nothing is read meanwhile:
    /// whoever sends faster than we run waits, and no input piles up.
    pub(crate) is_queued: bool,
    /// In the worker's list of those that were told something (`worker/mail.rs`).
    pub(crate) is_told: bool,
    /// The other side will send no more.
    pub(crate) has_ended: bool,
    /// Nothing is sent before the log is on the disk up to here; 0: at once.
    pub(crate) gate: u64,
}

/// What became of an attempt to move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many bytes.
    Bytes(usize),
    /// The socket has nothing, or takes nothing, now.
    Nothing,
    /// The other side will send no more; it may still read.
    End,
    /// The other side has gone, or the socket has failed.
    Closed,
}

fn moved(result: rustix::io::Result<usize>) -> Moved {
    match result {
        Ok(0) => Moved::End,
        Ok(n) => Moved::Bytes(n),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Moved::Nothing,
        Err(_) => Moved::Closed,
    }
}

impl Conn {
    /// Reads into `buffer`, which has room for 16 KiB at least.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Moved {
        match &mut self.tls {
            None => moved(recv(&self.fd, buffer, RecvFlags::empty()).map(|(n, _)| n)),
            Some(session) => session.read(self.fd.as_fd(), buffer),
        }
    }

    /// Reads into the room that `buffer` has left, or a record more.
    pub(crate) fn read_more(&mut self, buffer: &mut Vec<u8>) -> Moved {
        match &mut self.tls {
            None => moved(rustix::io::read(&self.fd, rustix::buffer::spare_capacity(buffer))),
            Some(session) => session.read_more(self.fd.as_fd(), buffer),
        }
    }

    /// Bytes wait for the socket that are in no client's output any more.
    pub(crate) fn has_backlog(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.has_backlog())
    }

    /// The other side has said goodbye, and the socket will not tell of it again.
    pub(crate) fn has_said_goodbye(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.has_ended())
    }

    /// Whom the certificate names that the client has just shown.
    pub(crate) fn take_names(&mut self) -> Option<Vec<String>> {
        self.tls.as_mut()?.take_names()
    }

    /// The last thing said on it.
    pub(crate) fn end(&mut self) {
        if let Some(session) = &mut self.tls {
            session.end(self.fd.as_fd());
        }
    }

    /// Sends fresh replies behind those that wait, as much as the socket takes or its turn allows,
    /// and leaves `fresh` empty. What was not sent is in `client.output`.
    pub(crate) fn flush(&mut self, client: &mut Client, fresh: &mut Vec<u8>) -> Moved {
        if self.gate != 0 {
            // Whoever opens it sends.
            client.output.push(fresh, 0);
            return Moved::Bytes(0);
        }
        if let Some(session) = &mut self.tls
            && session.push(self.fd.as_fd()).is_none()
        {
            return Moved::Closed;
        }
        let mut written = 0;
        if client.output.is_empty() {
            while written < fresh.len().min(WRITE_TURN_BYTES) {
                match self.send(&fresh[written..]) {
                    Some(0) => break,
                    Some(n) => written += n,
                    None => return Moved::Closed,
                }
            }
            client.output.push(fresh, written);
            return Moved::Bytes(written);
        }
        client.output.push(fresh, 0);
        while written < WRITE_TURN_BYTES && !client.output.is_empty() {
            match self.send(client.output.next()) {
                Some(0) => break,
                Some(n) => {
                    client.output.advance(n);
                    written += n;
                }
                None => return Moved::Closed,
            }
        }
        Moved::Bytes(written)
    }

    /// How many of the bytes the socket took; none if it has failed.
    fn send(&mut self, bytes: &[u8]) -> Option<usize> {
        if let Some(session) = &mut self.tls {
            return session.send(self.fd.as_fd(), bytes);
        }
        match moved(send(&self.fd, bytes, SendFlags::NOSIGNAL)) {
            Moved::Bytes(n) => Some(n),
            Moved::Nothing | Moved::End => Some(0),
            Moved::Closed => None,
        }
    }

    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_tcp_nodelay(self.fd.as_fd(), true)?)
    }
}
