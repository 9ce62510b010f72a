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
//! Whoever posts faster than others hand out waits, between two turns and not for long, until no
//! mailbox is overfull: else memory would be full of messages on their way. Who has mail of its own
//! hands that out instead, so no two wait for each other.
//!
//! # Invariants
//!
//! (1) Mail to one client from one worker arrives in order: mailboxes are queues, and a client has
//!     one worker.
//! (2) Mail may name a client that has gone, or that wants no such news any more: ids are never
//!     used again, and [`Engine::receive`] looks.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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

/// A mailbox with more bytes of mail is overfull.
const BYTES_MAX: usize = 256 * 1024;

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

impl Mail {
    /// What it takes, about.
    pub fn bytes(&self) -> usize {
        let news = match &self.news {
            News::Message(frame) | News::Command(frame) => frame.len(),
            News::Invalidated(news) => news.bytes(),
            News::RedirectBroken => 0,
        };
        size_of::<Mail>() + size_of_val(&*self.to) + news
    }
}

#[derive(Default)]
struct Mailbox {
    mails: Mutex<Vec<Mail>>,
    is_full: AtomicBool,
    /// Of the mail that was posted and not handed out.
    bytes: AtomicUsize,
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
        self.boxes[worker].bytes.fetch_add(mail.bytes(), Ordering::Relaxed);
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

    /// Mail of so many bytes, by [`Mail::bytes`], was handed out to clients of this worker.
    pub fn note_delivered(&self, worker: usize, bytes: usize) {
        self.boxes[worker].bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether a mailbox of another worker than this one is overfull.
    pub fn is_overfull(&self, worker: usize) -> bool {
        let is_overfull = |mailbox: &Mailbox| mailbox.bytes.load(Ordering::Relaxed) > BYTES_MAX;
        (0..).zip(&*self.boxes).any(|(other, mailbox)| other != worker && is_overfull(mailbox))
    }
}

impl Engine {
    /// Wakes the workers that have mail; whether there are any. To be called when no lock is held.
    #[inline]
    pub fn wake_mailboxes(&self) -> bool {
        let has_mail = self.mail.unwoken.load(Ordering::Relaxed) != 0;
        if has_mail {
            let mut waiting = self.mail.unwoken.swap(0, Ordering::Relaxed);
            while waiting != 0 {
                let bit = waiting.trailing_zeros() as usize;
                (bit..self.workers()).step_by(64).for_each(|worker| self.host.wake(worker));
                waiting &= waiting - 1;
            }
        }
        has_mail
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_overfull_until_its_mail_is_handed_out() {
        let mailboxes = Mailboxes::new(3);
        let frame: Arc<[u8]> = vec![7; 100_000].into();
        let post = || {
            mailboxes.post(1, Mail { to: vec![(Some(0), 1)], news: News::Message(frame.clone()) });
        };
        post();
        post();
        assert!(!mailboxes.is_overfull(0));
        post();
        assert!(mailboxes.is_overfull(0) && mailboxes.is_overfull(2));
        assert!(!mailboxes.is_overfull(1), "who hands it out does not wait for itself");
        let mut bytes = mailboxes.take(1).into_iter().map(|mail| mail.bytes());
        assert!(mailboxes.is_overfull(0), "it is still there");
        mailboxes.note_delivered(1, bytes.next().unwrap());
        assert!(!mailboxes.is_overfull(0));
        bytes.for_each(|bytes| mailboxes.note_delivered(1, bytes));
        assert_eq!(mailboxes.boxes[1].bytes.load(Ordering::Relaxed), 0);
    }
}
