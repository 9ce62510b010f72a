//! How workers reach each other: a queue of letters and an eventfd that ends the other's wait.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

use crate::admin::Question;
use crate::listen::Accepted;

pub(crate) enum Letter {
    /// A connection to serve.
    Connection(Accepted),
    /// There are new listening sockets to watch. For worker 0.
    Rebound,
    /// From the admin port. For worker 0.
    Question(Question),
}

pub(crate) struct Inbox {
    letters: Mutex<Vec<Letter>>,
    fd: OwnedFd,
    /// The eventfd is already readable: no need to write it again.
    rung: AtomicBool,
}

impl Inbox {
    pub(crate) fn new() -> std::io::Result<Inbox> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Inbox { letters: Mutex::new(Vec::new()), fd, rung: AtomicBool::new(false) })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn send(&self, letter: Letter) {
        self.letters.lock().expect("nobody panics holding letters").push(letter);
        self.ring();
    }

    /// Ends the worker's wait, or the next one.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // It can only fail when the counter is at its maximum, and then it is readable.
            let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
        }
    }

    /// The connections among the letters. The others, and the ring, stay for their worker.
    pub(crate) fn connections(&self) -> Vec<Accepted> {
        let mut letters = self.letters.lock().expect("nobody panics holding letters");
        let is_connection = |letter: &mut Letter| matches!(letter, Letter::Connection(_));
        let connections = letters.extract_if(.., is_connection).filter_map(|letter| match letter {
            Letter::Connection(accepted) => Some(accepted),
            _ => None,
        });
        connections.collect()
    }

    /// To be called when the eventfd is readable, before looking at anything it may announce.
    pub(crate) fn answer(&self) -> Vec<Letter> {
        let mut counter = [0; 8];
        // It may be empty when two rings became one.
        let _ = rustix::io::read(&self.fd, &mut counter);
        self.rung.store(false, Ordering::Release);
        std::mem::take(&mut *self.letters.lock().expect("nobody panics holding letters"))
    }
}
