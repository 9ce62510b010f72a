//! Readiness of sockets, behind a small trait: epoll today, io_uring when it pays.
//!
//! Level-triggered: a socket with unread bytes is reported again, so a short read needs no second
//! one to find the end. Interest in writing is only asked for while a socket has refused bytes.
//! Several threads may wait on one driver; while a script is late, another worker does
//! (`late.rs`).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll;

/// What happened to the socket that was added with this token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// What to report of a socket. That it failed is reported whatever was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Interest {
    pub(crate) const READ: Interest = Interest { read: true, write: false };
}

pub(crate) trait Driver {
    fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()>;
    fn change(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()>;
    fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()>;
    /// Waits until something happens or `timeout` has passed; none waits for ever.
    fn wait(&self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()>;
}

pub(crate) struct Epoll {
    fd: OwnedFd,
}

/// Events taken at once. With more, a thousand clients and the server would take turns instead of
/// working side by side: the first reply would leave, but the last wait for a thousand others.
const EVENTS_MAX: usize = 128;

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Epoll { fd })
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, interest.read);
    flags.set(epoll::EventFlags::OUT, interest.write);
    flags
}

impl Driver for Epoll {
    fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.fd, fd, epoll::EventData::new_u64(token), flags(interest))?)
    }

    fn change(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.fd, fd, epoll::EventData::new_u64(token), flags(interest))?)
    }

    fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, fd)?)
    }

    fn wait(&self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        let timeout = timeout.map(|t| rustix::event::Timespec {
            tv_sec: t.as_secs() as i64,
            tv_nsec: t.subsec_nanos().into(),
        });
        let mut room = [MaybeUninit::<epoll::Event>::uninit(); EVENTS_MAX];
        let happened = match epoll::wait(self.fd.as_fd(), &mut room, timeout.as_ref()) {
            Ok((happened, _)) => happened,
            // A signal is handled elsewhere; it only ends the wait.
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let failed = epoll::EventFlags::ERR | epoll::EventFlags::HUP;
        events.extend(happened.iter().map(|event| {
            let happened = event.flags;
            Event {
                token: event.data.u64(),
                // An error is found by reading, and by writing where nobody reads.
                readable: happened.intersects(epoll::EventFlags::IN | failed),
                writable: happened.intersects(epoll::EventFlags::OUT | failed),
            }
        }));
        Ok(())
    }
}
