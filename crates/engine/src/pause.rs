//! CLIENT PAUSE: for a while commands of clients wait, all of them or those that may write.
//!
//! ```text
//!   CLIENT PAUSE 1000 WRITE ─► until, what ─► run_one: does it hold this? ── no ──► runs
//!                                                 yes │
//!   the request and all behind it stay in the input ◄─┘ the worker tries again when it is over
//! ```
//!
//! Nothing that a held command would do has happened, so a client that goes away meanwhile leaves
//! no trace. While a pause lasts nothing expires and nothing is evicted: keys whose time has come
//! are gone for whoever asks, but nobody removes them. So the data set stands still, which is what
//! a pause is for.
//!
//! When it is over, each worker lets its own clients go on, so for a moment some that are free to run
//! have not run yet. CLIENT UNBLOCK, which asks whether they wait for a key, is tried again until
//! they have: whoever ended the pause must not see it half ended.
//!
//! With no pause nothing is looked at: a pause is one of the reasons to look at each command
//! ([`crate::attention`]).

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use command::declare::Flag;
use command::table::Entry;
use resp::Args;

use crate::attention::Reason;
use crate::client::Client;
use crate::cx::Handler;
use crate::engine::Engine;
use crate::scripting;

/// What a pause holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// Commands that write, or whose effects others repeat.
    Writes,
    All,
}

#[derive(Clone, Copy, Debug)]
struct Now {
    until_ms: i64,
    held: Held,
}

/// The pause, if there is one.
#[derive(Default)]
pub struct Pause {
    now: Mutex<Option<Now>>,
    clients: AtomicUsize,
    /// Clients that go on but have not run yet.
    resuming: AtomicUsize,
}

impl Pause {
    /// Clients whose next command is held.
    pub fn clients(&self) -> usize {
        self.clients.load(Relaxed)
    }

    fn is_half_ended(&self) -> bool {
        self.resuming.load(Relaxed) + self.clients() > 0
    }

    /// What is held at this moment, and until when.
    pub fn at(&self, now_ms: i64) -> Option<(Held, i64)> {
        let now = *self.now.lock().expect("nobody panics holding two words");
        now.filter(|now| now.until_ms > now_ms).map(|now| (now.held, now.until_ms))
    }
}

impl Engine {
    /// The handler of CLIENT PAUSE. A pause under way is only made longer, or stricter.
    pub fn pause(&self, until_ms: i64, held: Held, now_ms: i64) {
        let mut now = self.pause.now.lock().expect("nobody panics holding two words");
        let before = now.filter(|before| before.until_ms > now_ms);
        *now = Some(Now {
            until_ms: before.map_or(until_ms, |before| before.until_ms.max(until_ms)),
            held: before.map_or(held, |before| before.held.max(held)),
        });
        self.settings.attention.set(Reason::Pause, true);
    }

    /// The handler of CLIENT UNPAUSE; also when its time is over.
    pub fn unpause(&self) {
        *self.pause.now.lock().expect("nobody panics holding two words") = None;
        self.settings.attention.set(Reason::Pause, false);
        (0..self.workers()).for_each(|worker| self.host.wake(worker));
    }

    /// Ends a pause whose time is over. To be called now and then.
    pub fn end_pause_in_time(&self, now_ms: i64) {
        if self.settings.attention.has(Reason::Pause) && self.pause.at(now_ms).is_none() {
            self.unpause();
        }
    }

    /// Whether nothing may expire or be evicted now.
    #[inline]
    pub fn stands_still(&self, now_ms: i64) -> bool {
        self.settings.attention.has(Reason::Pause) && self.pause.at(now_ms).is_some()
    }

    /// Whether a pause holds this command. Who follows the journal is not a client in this.
    pub(crate) fn holds(
        &self,
        now_ms: i64,
        client: &Client,
        entry: &Entry<Handler>,
        args: Args<'_>,
    ) -> bool {
        if !self.settings.attention.has(Reason::Pause) || client.follows.is_some() {
            return false;
        }
        match self.pause.at(now_ms) {
            None => false,
            Some((Held::All, _)) => true,
            Some((Held::Writes, _)) => {
                self.may_write(entry, args)
                    || (&*entry.full_name == "exec"
                        && client.multi.as_ref().is_some_and(|multi| {
                            multi.calls().any(|(id, args)| self.may_write(self.table.get(id), args))
                        }))
            }
        }
    }

    /// A script that says it writes nothing is believed: it is held to that.
    fn may_write(&self, entry: &Entry<Handler>, args: Args<'_>) -> bool {
        may_write(entry) && scripting::may_write(self, entry.id, args) != Some(false)
    }

    /// The client's next command is held.
    pub fn begin_hold(&self, client: &mut Client) {
        if !std::mem::replace(&mut client.is_held, true) {
            self.pause.clients.fetch_add(1, Relaxed);
        }
    }

    /// It will be tried again: to be told by [`Engine::end_hold`].
    pub fn resume(&self, client: &mut Client) {
        if std::mem::take(&mut client.is_held) {
            client.is_resuming = true;
            self.pause.resuming.fetch_add(1, Relaxed);
            self.pause.clients.fetch_sub(1, Relaxed);
        }
    }

    /// It was tried again, or the client closes.
    #[inline]
    pub fn end_hold(&self, client: &mut Client) {
        if std::mem::take(&mut client.is_resuming) {
            self.pause.resuming.fetch_sub(1, Relaxed);
        }
        if std::mem::take(&mut client.is_held) {
            self.pause.clients.fetch_sub(1, Relaxed);
        }
    }

    /// Whether this command has to wait for clients that a pause does not hold any more, but that
    /// have not run yet.
    #[inline]
    pub(crate) fn comes_too_early(&self, entry: &Entry<Handler>) -> bool {
        self.pause.is_half_ended()
            && !self.settings.attention.has(Reason::Pause)
            && &*entry.full_name == "client|unblock"
    }
}

fn may_write(entry: &Entry<Handler>) -> bool {
    entry.has(Flag::Write) || entry.has(Flag::MayReplicate)
}
