//! Declared mode: a script that keeps to its keys runs under their shards' locks, beside others.
//!
//! ```text
//!   exclusive, watched ── 64 runs, all kept ──► declared ── a run that does not keep ──► exclusive
//!                                                  │                                     for good
//!                                                  └─ undone, run again exclusively
//! ```
//!
//! What a script may do is not known before it has done it. So a run under the locks is a try: when
//! it asks for more than it holds, writes what is too large to be kept aside, or takes long, it is
//! undone and run again as any other script, and nobody can tell. That is possible because nobody
//! sees what happens under the locks before they are released: what its commands wrote is put back,
//! what they left for the journal and for those who wait is dropped.
//!
//! # Invariants
//!
//! (1) Before the first write to a key what it holds is kept aside; so everything can be put back.
//! (2) What cannot be put back does not happen in declared mode: lines in the log, messages, events
//!     for listeners, effects that `redis.set_repl` chooses. Which of these are possible is looked at
//!     before ([`Runner::runs_declared`]).
//! (3) A script that once did not keep to its keys is never tried again.
//!
//! # Limits
//!
//! EVALSHA and EVALSHA_RO with several workers; a value of more than [`KEPT_BYTES_MAX`] bytes is not
//! written. Commands within a run that is undone count twice, once in a script's life; clients that
//! watch or track a key it wrote are told, needlessly.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use command::declare::{Flag, Lock};
use command::table::Entry;
use resp::Args;
use smallvec::SmallVec;
use store::Key;

use super::Sha;
use crate::attention::Reason;
use crate::batch::Runner;
use crate::client::Client;
use crate::cx::{Cx, Handler};
use crate::db::Detached;
use crate::engine::Engine;

/// Exclusive runs in which a script must keep to its keys.
const WATCHED_RUNS: u32 = 64;
/// A run that takes longer is no run for this mode: others wait for its shards.
const BRIEF_US: u64 = 10_000;
/// Larger values are not kept aside.
const KEPT_BYTES_MAX: usize = 16 * 1024;
/// Commands without keys that touch nothing else.
const HARMLESS: &[&str] = &["echo", "ping", "time"];

/// What is known of a script.
#[derive(Debug, Default)]
pub(crate) struct Verdict(AtomicU32);

impl Verdict {
    const NEVER: u32 = u32::MAX;

    pub(super) fn is_declared(&self) -> bool {
        let runs = self.0.load(Relaxed);
        runs >= WATCHED_RUNS && runs != Self::NEVER
    }

    /// Whether its runs are to be watched.
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Relaxed) < WATCHED_RUNS
    }

    /// A run has kept to its keys.
    fn note_kept(&self) {
        if self.is_open() {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// (3).
    fn note_broken(&self) {
        self.0.store(Self::NEVER, Relaxed);
    }

    /// A run under the locks has taken long: it must show anew that it is brief.
    fn note_long(&self) {
        if self.0.load(Relaxed) != Self::NEVER {
            self.0.store(0, Relaxed);
        }
    }
}

/// A run that must keep to its keys, or is watched whether it does.
pub(crate) struct Keeping<'v> {
    verdict: &'v Verdict,
    /// Of an exclusive run: the shards of its keys. Else it holds them, and may be undone.
    watched: Option<SmallVec<[usize; 8]>>,
    began_ticks: u64,
    is_broken: bool,
    is_long: bool,
    /// What written keys held before.
    kept: Vec<(Box<[u8]>, Option<Detached>)>,
    /// Which of the commands to repeat tell of writes.
    written: Vec<Range<usize>>,
}

impl<'v> Keeping<'v> {
    /// None if there is nothing to be learnt of the script. `keys` are the declared ones.
    pub(super) fn begin<'k>(
        cx: &Cx<'_>,
        verdict: &'v Verdict,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> Option<Keeping<'v>> {
        let keyspace = &cx.engine.keyspace;
        let watched = if cx.db.access.is_world() {
            if !keyspace.is_shared() || !verdict.is_open() {
                return None;
            }
            Some(keys.map(|key| keyspace.shard_of(keyspace.key(key).hash)).collect())
        } else {
            None
        };
        Some(Keeping {
            verdict,
            watched,
            began_ticks: store::ticks::now(),
            is_broken: false,
            is_long: false,
            kept: Vec::new(),
            written: Vec::new(),
        })
    }

    /// Whether the run holds its keys' shards only.
    pub(crate) fn is_declared(&self) -> bool {
        self.watched.is_none()
    }

    /// It does what this mode does not allow. Whether it must not.
    pub(crate) fn breaks(&mut self) -> bool {
        self.is_broken = true;
        self.is_declared()
    }

    /// To be asked now and then: whether the run shall end, to be run again.
    pub(crate) fn shall_end(&mut self) -> bool {
        self.is_long |= self.has_taken_long();
        (self.is_broken || self.is_long) && self.is_declared()
    }

    fn has_taken_long(&self) -> bool {
        store::ticks::to_us(store::ticks::now().wrapping_sub(self.began_ticks)) > BRIEF_US
    }

    /// A command of the script is about to run. False: it must not.
    pub(crate) fn may_call(
        &mut self,
        cx: &mut Cx<'_>,
        entry: &Entry<Handler>,
        args: Args<'_>,
    ) -> bool {
        if self.is_broken || self.is_long {
            return !self.is_declared();
        }
        let fits = self.fits(cx, entry, args)
            && (!self.is_declared() || !entry.has(Flag::Write) || self.keep(cx, entry, args));
        fits || !self.breaks()
    }

    fn fits(&self, cx: &Cx<'_>, entry: &Entry<Handler>, args: Args<'_>) -> bool {
        let keyspace = &cx.engine.keyspace;
        match entry.lock.of_call(args.iter()) {
            Lock::Keys => {
                let mut fits = true;
                each_key(entry, args, |key| {
                    let hash = keyspace.key(key).hash;
                    fits &= match &self.watched {
                        Some(shards) => shards.contains(&keyspace.shard_of(hash)),
                        None => cx.db.access.holds(keyspace, hash),
                    };
                });
                fits
            }
            Lock::Local => HARMLESS.contains(&&*entry.full_name),
            _ => false,
        }
    }

    /// (1). False if a value is too large for it.
    fn keep(&mut self, cx: &mut Cx<'_>, entry: &Entry<Handler>, args: Args<'_>) -> bool {
        let mut fits = true;
        each_key(entry, args, |bytes| {
            if !fits || self.kept.iter().any(|(known, _)| **known == *bytes) {
                return;
            }
            let key: Key<'_> = cx.db.key(bytes);
            fits = cx.db.peek(key).is_none_or(|record| record.memory(1) <= KEPT_BYTES_MAX);
            if fits {
                let before = cx.db.clone_value(key);
                self.kept.push((bytes.into(), before));
            }
        });
        fits
    }

    /// A command that writes has run; there were so many commands to repeat before.
    pub(crate) fn wrote(&mut self, cx: &Cx<'_>, before: usize) {
        if self.is_declared() {
            self.written.push(before..cx.db.effects.count());
        }
    }

    /// The run has ended. Whether it was undone and is to run again exclusively.
    pub(crate) fn end(mut self, cx: &mut Cx<'_>) -> bool {
        if self.is_broken {
            self.verdict.note_broken();
        } else if self.is_declared() && self.is_long {
            self.verdict.note_long();
        } else if !self.has_taken_long() {
            self.verdict.note_kept();
        }
        if !self.is_declared() || !(self.is_broken || self.is_long) {
            return false;
        }
        for (bytes, before) in self.kept.drain(..) {
            let key = cx.db.key(&bytes);
            match before {
                Some(before) => cx.db.put(key, before),
                None => drop(cx.db.delete(key, false)),
            }
        }
        cx.engine.scripts.undone.fetch_add(1, Relaxed);
        cx.db.effects.undone(&self.written);
        cx.db.effects.wants_world = true;
        true
    }
}

fn each_key<'a>(entry: &Entry<Handler>, args: Args<'a>, mut visit: impl FnMut(&'a [u8])) {
    entry.for_each_key(args.len(), |i| args.at(i), |index| visit(args.at(index)));
}

impl Runner {
    /// Whether a call of a script is tried under the locks of its keys. (2).
    pub(crate) fn runs_declared(&self, engine: &Engine, client: &Client, args: Args<'_>) -> bool {
        if !engine.keyspace.is_shared() || self.replays || client.tracking.is_some() {
            return false;
        }
        let settings = &engine.settings;
        let is_seen = settings.attention.has(Reason::Monitor)
            || settings.attention.has(Reason::HotKeys)
            || (settings.events.any() && engine.pubsub.has_listeners());
        if is_seen || engine.scripts_call_all.load(Relaxed) {
            return false;
        }
        // By source it would have to be hashed here and again when it runs.
        let is_named =
            args.at(0).len() >= "evalsha".len() && args.at(0)[4].eq_ignore_ascii_case(&b's');
        let Some(Ok(mut sha)) = args.get(1).filter(|_| is_named).map(Sha::try_from) else {
            return false;
        };
        sha.make_ascii_lowercase();
        engine.scripts.is_declared(self.worker, &sha)
    }
}
