//! One socket of one client: reading into the engine's hands, writing what it replied.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use engine::Client;
use engine::clients::ClientIndex;
use rustix::net::{SendFlags, send};

use crate::driver::Interest;

/// Bytes given to one socket before others get their turn.
const WRITE_TURN_BYTES: usize = 1 << 20;

pub(crate) struct Conn {
    pub(crate) fd: OwnedFd,
    pub(crate) client: ClientIndex,
    /// What the driver was asked to report.
    pub(crate) interest: Interest,
    /// In one of the worker's lists of connections with more to run. Nothing is read meanwhile:
    /// whoever sends faster than we run waits, and no input piles up.
    pub(crate) is_queued: bool,
    /// The other side will send no more.
    pub(crate) has_ended: bool,
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
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Moved {
        moved(rustix::io::read(&self.fd, buffer))
    }

    /// Reads into the room that `buffer` has left.
    pub(crate) fn read_more(&self, buffer: &mut Vec<u8>) -> Moved {
        moved(rustix::io::read(&self.fd, rustix::buffer::spare_capacity(buffer)))
    }

    /// Sends fresh replies behind those that wait, as much as the socket takes or its turn allows,
    /// and leaves `fresh` empty. What was not sent is in `client.output`.
    pub(crate) fn flush(&self, client: &mut Client, fresh: &mut Vec<u8>) -> Moved {
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
    fn send(&self, bytes: &[u8]) -> Option<usize> {
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
