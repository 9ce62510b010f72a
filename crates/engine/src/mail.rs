//! What workers have to tell clients of others: published messages, commands for monitors,
//! invalidated keys.
//!
//! ```text
//!   whoever has news ─► mailbox of the client's worker      (its lock held for a push)
//!                            │
//!   worker's loop ◄──────────┘  before it looks at sockets and after it has served them:
//!                               Engine::receive puts each into its client's output
//! ```
//!
//! A worker never touches another's clients. News that arises under the locks of a command costs
//! no more there than a push onto a queue: other workers are woken when the locks are given back.
//! What was posted before a reply left is handed out before any request that the reply may have
//! caused: a client that hears of a change by another way has the news before its next reply.
//!
//! # Invariants
//!
//! (1) Mail to one client from one worker arrives in order: mailboxes are queues, and a client has
//!     one worker.
//! (2) Mail may name a client that has gone, or that wants no such news any more: ids are never
//!     used again, and [`Engine::receive`] looks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crossbeam_utils::CachePadded;

use crate::client::Client;
use crate::clients::ClientIndex;
use crate::engine::Engine;
use crate::tracking::Invalidation;

/// A client as others know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Addressee {
    pub worker: usize,
    /// None for a client in no table, whose mail goes to its worker all the same.
    pub client: Option<ClientIndex>,
    pub id: u64,
}

/// What is told.
#[derive(Debug)]
pub enum News {
    /// A published message, for who has subscribed to something.
    Message(Arc<[u8]>),
    /// A command that ran, for monitors.
    Command(Arc<[u8]>),
    Invalidated(Invalidation),
    /// The client to which invalidations were redirected has gone.
    RedirectBroken,
}

/// News for clients of one worker: their places and ids.
#[derive(Debug)]
pub struct Mail {
    pub to: Vec<(Option<ClientIndex>, u64)>,
    pub news: News,
}

#[derive(Default)]
struct Mailbox {
    mails: Mutex<Vec<Mail>>,
    is_full: AtomicBool,
}

/// The mailboxes of all workers.
pub struct Mailboxes {
    boxes: Box<[CachePadded<Mailbox>]>,
    /// Bits of the workers that have mail and do not know it yet.
    unwoken: AtomicU64,
}

impl Mailboxes {
    pub(crate) fn new(workers: usize) -> Mailboxes {
        Mailboxes {
            boxes: (0..workers).map(|_| CachePadded::default()).collect(),
            unwoken: AtomicU64::new(0),
        }
    }

    fn mails(&self, worker: usize) -> MutexGuard<'_, Vec<Mail>> {
        self.boxes[worker].mails.lock().expect("nobody panics with mail")
    }

    /// Puts news into a worker's mailbox. It may be called with locks held.
    pub fn post(&self, worker: usize, mail: Mail) {
        self.mails(worker).push(mail);
        self.boxes[worker].is_full.store(true, Ordering::Release);
        self.unwoken.fetch_or(1 << (worker % 64), Ordering::Relaxed);
    }

    /// The same for one client.
    pub fn post_to(&self, to: Addressee, news: News) {
        self.post(to.worker, Mail { to: vec![(to.client, to.id)], news });
    }

    /// Whether there is mail for clients of this worker.
    #[inline]
    pub fn has_mail(&self, worker: usize) -> bool {
        self.boxes[worker].is_full.load(Ordering::Acquire)
    }

    /// Mail for clients of this worker, in order.
    pub fn take(&self, worker: usize) -> Vec<Mail> {
        let mut mails = self.mails(worker);
        self.boxes[worker].is_full.store(false, Ordering::Relaxed);
        if self.boxes.len() <= 64 {
            self.unwoken.fetch_and(!(1 << worker), Ordering::Relaxed);
        }
        std::mem::take(&mut *mails)
    }
}

impl Engine {
    /// Wakes the workers that have mail. To be called when no lock is held.
    #[inline]
    pub fn wake_mailboxes(&self) {
        if self.mail.unwoken.load(Ordering::Relaxed) != 0 {
            let mut waiting = self.mail.unwoken.swap(0, Ordering::Relaxed);
            while waiting != 0 {
                let bit = waiting.trailing_zeros() as usize;
                (bit..self.workers()).step_by(64).for_each(|worker| self.host.wake(worker));
                waiting &= waiting - 1;
            }
        }
    }

    /// Puts news into a client's output, if it still wants them; to be called by its worker. `client`
    /// is whoever is in the place the mail names, none if nobody is.
    pub fn receive(&self, id: u64, client: Option<&mut Client>, news: &News) {
        let client = client.filter(|client| client.id == id);
        match (news, client) {
            (News::Message(frame), Some(client)) if client.subscriptions.is_some() => {
                client.output.push_shared(frame);
            }
            (News::Command(frame), Some(client)) if client.is_monitor => {
                client.output.push_shared(frame);
            }
            (News::Invalidated(news), client) => self.receive_invalidation(client, news),
            (News::RedirectBroken, Some(client)) => self.receive_broken(client),
            _ => {}
        }
    }
}
