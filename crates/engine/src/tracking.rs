//! Client side caching: which clients want to hear of which keys, and telling them.
//!
//! ```text
//!   GET a by 7  ─► shard's `tracked`: a ─► 7                   default, OPTIN, OPTOUT
//!   SET a 2     ─► 7 is taken from there ─► its mailbox: invalidate a
//!
//!   SET x:1 2   ─► effects.broadcast ─► end of the turn: who has a prefix of x:1    BCAST
//! ```
//!
//! A client that tracks is a member of the registry, which knows where it is, where its news go
//! (REDIRECT), and what it wants. Keys that were read stand beside their shard
//! (`store/src/tracked.rs`), so that reading and changing them needs no lock beyond the shard's;
//! the registry is asked only when a key goes that somebody has read. Whoever gets the news may be
//! served by another worker: it goes through the mailboxes (`mail.rs`), and is put into the words
//! of the receiver's protocol there. Where a redirect has gone, the receiver's worker sends word
//! back.
//!
//! With nobody tracking, a change costs one load and a branch.
//!
//! # Invariants
//!
//! (1) `clients` is the number of members; while it is 0, no shard has tracked keys that matter.
//! (2) `keys` is the number of tracked keys in all shards, and above `tracking-table-max-keys` only
//!     for the moment it takes to evict one: who had read it is told as if it had changed.
//! (3) A member's registration changes on its own worker, or with the world held.
//!
//! # Limits
//!
//! SWAPDB tells every member to forget everything, which Redis does not: keys are tracked by name,
//! and under a name there may be another value then.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use resp::{Protocol, Reply};
use store::tracked::Tracked;

use crate::client::Client;
use crate::engine::Engine;
use crate::error::CmdError;
use crate::in_transit::{InTransit, Weight};
use crate::mail::{Addressee, Mail, News};

/// Where redirected news are published, to who speaks RESP2.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which keys are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All that are read.
    #[default]
    Default,
    /// Those read by the command after CLIENT CACHING YES.
    OptIn,
    /// All but those read by the command after CLIENT CACHING NO.
    OptOut,
    /// None: whatever begins with a prefix is told of.
    Broadcast,
}

/// A client's own side of it.
#[derive(Debug, Default)]
pub struct ClientTracking {
    pub mode: Mode,
    /// It does not want to hear of its own changes.
    pub no_loop: bool,
    pub redirect: Option<Addressee>,
    /// CLIENT CACHING was said for the next command.
    pub caching: bool,
    pub is_redirect_broken: bool,
    pub prefixes: BTreeSet<Box<[u8]>>,
}

impl ClientTracking {
    /// Whether the keys of a command that reads are remembered now.
    pub(crate) fn remembers(&self) -> bool {
        match self.mode {
            Mode::Default => true,
            Mode::OptIn => self.caching,
            Mode::OptOut => !self.caching,
            Mode::Broadcast => false,
        }
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        let prefixes = self.prefixes.iter().map(|prefix| size_of::<Box<[u8]>>() + prefix.len());
        size_of::<ClientTracking>() + prefixes.sum::<usize>()
    }
}

/// What a member shall forget, and who it is.
#[derive(Debug)]
pub struct Invalidation {
    tracker: Addressee,
    is_redirected: bool,
    /// None: everything.
    keys: Option<Arc<Keys>>,
    _weight: Weight,
}

impl Invalidation {
    pub(crate) fn bytes(&self) -> usize {
        self.keys.as_ref().map_or(0, |keys| keys.encoded.len())
    }
}

/// Keys that were invalidated, the same for all who are told.
#[derive(Debug)]
struct Keys {
    /// An array.
    encoded: Vec<u8>,
    _weight: Weight,
}

/// What an invalidation takes in a mailbox, whose list grows by doubling, beside its keys.
const MAIL_BYTES: usize = 2 * size_of::<Mail>() + 32;

struct Member {
    whom: Addressee,
    redirect: Option<Addressee>,
    no_loop: bool,
    is_broadcast: bool,
}

#[derive(Default)]
struct Registry {
    members: HashMap<u64, Member>,
    prefixes: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
}

/// All that the engine knows of clients that track.
#[derive(Default)]
pub struct Tracking {
    clients: AtomicUsize,
    prefixes: AtomicUsize,
    keys: AtomicUsize,
    registry: Mutex<Registry>,
    /// Invalidations that nobody has handed out yet.
    pub(crate) in_transit: InTransit,
}

/// A changed key that broadcasts tell of, and the client that changed it; 0: nobody did.
pub(crate) type Broadcast = (Arc<[u8]>, u64);

impl Tracking {
    /// Whether anybody tracks.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.clients.load(Relaxed) != 0
    }

    /// Clients that track.
    pub fn clients(&self) -> usize {
        self.clients.load(Relaxed)
    }

    /// Prefixes that somebody wants to hear of.
    pub fn prefixes(&self) -> usize {
        self.prefixes.load(Relaxed)
    }

    /// Tracked keys, of all shards.
    pub fn keys(&self) -> usize {
        self.keys.load(Relaxed)
    }

    /// A shard got a key more, or has so many less.
    pub(crate) fn count_key(&self) -> usize {
        self.keys.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn uncount_keys(&self, keys: usize) {
        self.keys.fetch_sub(keys, Relaxed);
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().expect("nobody panics holding the registry")
    }
}

impl Registry {
    fn leave_prefixes(&mut self, tracking: &ClientTracking, id: u64) {
        for prefix in &tracking.prefixes {
            if let Some(ids) = self.prefixes.get_mut(prefix) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.prefixes.remove(prefix);
                }
            }
        }
    }
}

impl Engine {
    fn encode_keys<'k>(&self, keys: impl ExactSizeIterator<Item = &'k [u8]>) -> Arc<Keys> {
        let mut encoded = Vec::new();
        // An array is the same in both protocols.
        let mut reply = Reply::new(&mut encoded, Protocol::Resp2);
        reply.array(keys.len());
        keys.for_each(|key| reply.bulk(key));
        encoded.shrink_to_fit();
        let weight = self.tracking.in_transit.carry(size_of::<Keys>() + encoded.len());
        Arc::new(Keys { encoded, _weight: weight })
    }

    /// The handler of CLIENT TRACKING ON, when its words are found to make sense together. What
    /// the client had said before is replaced, but prefixes are added to those it has.
    pub fn track(
        &self,
        client: &mut Client,
        worker: usize,
        mode: Mode,
        no_loop: bool,
        redirect: Option<Addressee>,
        prefixes: &[&[u8]],
    ) {
        let tracking = client.tracking.get_or_insert_default();
        tracking.mode = mode;
        tracking.no_loop = no_loop;
        tracking.redirect = redirect;
        tracking.is_redirect_broken = false;
        let mut registry = self.tracking.registry();
        let is_broadcast = mode == Mode::Broadcast;
        if is_broadcast {
            let all: &[&[u8]] = if prefixes.is_empty() { &[b""] } else { prefixes };
            for prefix in all {
                tracking.prefixes.insert((*prefix).into());
                registry.prefixes.entry((*prefix).into()).or_default().insert(client.id);
            }
        }
        let whom = Addressee { worker, client: client.index, id: client.id };
        registry.members.insert(client.id, Member { whom, redirect, no_loop, is_broadcast });
        self.count_members(&registry);
    }

    /// CLIENT TRACKING OFF, RESET, or the client closes.
    pub fn untrack(&self, client: &mut Client) {
        let Some(tracking) = client.tracking.take() else { return };
        let mut registry = self.tracking.registry();
        registry.members.remove(&client.id);
        registry.leave_prefixes(&tracking, client.id);
        self.count_members(&registry);
    }

    fn count_members(&self, registry: &Registry) {
        self.tracking.clients.store(registry.members.len(), Relaxed);
        self.tracking.prefixes.store(registry.prefixes.len(), Relaxed);
    }

    fn post_invalidation(&self, member: &Member, keys: Option<Arc<Keys>>) {
        let news = Invalidation {
            tracker: member.whom,
            is_redirected: member.redirect.is_some(),
            keys,
            _weight: self.tracking.in_transit.carry(MAIL_BYTES),
        };
        self.mail.post_to(member.redirect.unwrap_or(member.whom), News::Invalidated(news));
    }

    /// A key has changed that these clients had read. `by` is the client that runs a command.
    pub(crate) fn invalidate(&self, key: &[u8], readers: &[u64], by: u64) {
        if readers.is_empty() {
            return;
        }
        let registry = self.tracking.registry();
        let wants = |member: &&Member| {
            let is_own = member.whom.id == by;
            !(member.is_broadcast || member.no_loop && is_own)
        };
        let mut keys = None;
        for member in readers.iter().filter_map(|id| registry.members.get(id)).filter(wants) {
            let keys = keys.get_or_insert_with(|| self.encode_keys([key].into_iter()));
            self.post_invalidation(member, Some(keys.clone()));
        }
    }

    /// A key or a part of it has gone with nobody asking for it: it expired, or was evicted.
    #[cold]
    pub(crate) fn invalidate_gone(
        &self,
        key: &[u8],
        tracked: &mut Tracked,
        broadcast: &mut Vec<Broadcast>,
    ) {
        let readers = tracked.take(key);
        if !readers.is_empty() {
            self.tracking.uncount_keys(1);
            self.invalidate(key, &readers, 0);
        }
        if self.tracking.prefixes() > 0 {
            broadcast.push((key.into(), 0));
        }
    }

    /// Frees what is left when nobody tracks any more. To be called now and then, with no lock
    /// held.
    pub(crate) fn forget_untracked(&self) {
        if self.tracking.is_on() || self.tracking.keys() == 0 {
            return;
        }
        for shard in 0..self.keyspace.shard_count() {
            let mut shard = self.keyspace.lock(shard);
            // Whoever begins to track now adds no key here before we let go.
            if !self.tracking.is_on() {
                self.tracking.uncount_keys(shard.tracked.clear());
            }
        }
    }

    /// Everything has changed, and is not tracked any more.
    pub(crate) fn invalidate_everything(&self) {
        for member in self.tracking.registry().members.values() {
            self.post_invalidation(member, None);
        }
    }

    /// Tells of the keys that changed in a turn to who wants to hear of their prefixes: one message
    /// for each prefix.
    pub(crate) fn broadcast(&self, changed: &mut Vec<Broadcast>) {
        // Who changed a key last counts.
        let last: BTreeMap<Arc<[u8]>, u64> = changed.drain(..).collect();
        let registry = self.tracking.registry();
        for (prefix, ids) in &registry.prefixes {
            let told: Vec<(&[u8], u64)> = last
                .range::<[u8], _>((
                    std::ops::Bound::Included(&**prefix),
                    std::ops::Bound::Unbounded,
                ))
                .take_while(|(key, _)| key.starts_with(prefix))
                .map(|(key, by)| (&**key, *by))
                .collect();
            if told.is_empty() {
                continue;
            }
            let all = self.encode_keys(told.iter().map(|(key, _)| *key));
            for member in ids.iter().filter_map(|id| registry.members.get(id)) {
                let is_own = |by: u64| member.no_loop && by == member.whom.id;
                if !told.iter().any(|(_, by)| is_own(*by)) {
                    self.post_invalidation(member, Some(all.clone()));
                    continue;
                }
                let others: Vec<&[u8]> =
                    told.iter().filter(|(_, by)| !is_own(*by)).map(|(key, _)| *key).collect();
                if !others.is_empty() {
                    self.post_invalidation(member, Some(self.encode_keys(others.into_iter())));
                }
            }
        }
    }

    /// Puts an invalidation into the words of its receiver, if that is still there.
    pub(crate) fn receive_invalidation(&self, client: Option<&mut Client>, news: &Invalidation) {
        let Some(client) = client else {
            if news.is_redirected {
                self.mail.post_to(news.tracker, News::RedirectBroken);
            }
            return;
        };
        let protocol = client.protocol;
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, protocol);
        match protocol {
            Protocol::Resp3 => {
                reply.push(2);
                reply.bulk(b"invalidate");
            }
            Protocol::Resp2 if news.is_redirected && client.subscriptions.is_some() => {
                reply.array(3);
                reply.bulk(b"message");
                reply.bulk(CHANNEL);
            }
            // There is no way to tell it.
            Protocol::Resp2 => return,
        }
        match &news.keys {
            Some(keys) => reply.raw(&keys.encoded),
            None => reply.null(),
        }
        client.output.push(&mut out, 0);
    }

    /// The client to which this one had its news sent has gone.
    pub(crate) fn receive_broken(&self, client: &mut Client) {
        let Some(tracking) = &mut client.tracking else { return };
        let Some(redirect) = tracking.redirect else { return };
        tracking.is_redirect_broken = true;
        if client.protocol == Protocol::Resp3 {
            let mut out = Vec::new();
            let mut reply = Reply::new(&mut out, Protocol::Resp3);
            reply.push(2);
            reply.bulk(b"tracking-redir-broken");
            reply.integer(redirect.id as i64);
            client.output.push(&mut out, 0);
        }
    }
}

/// Refuses prefixes that overlap each other or those the client has.
pub fn check_prefixes(
    tracking: Option<&ClientTracking>,
    prefixes: &[&[u8]],
) -> Result<(), CmdError> {
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    for (i, prefix) in prefixes.iter().enumerate() {
        let known = tracking.into_iter().flat_map(|tracking| &tracking.prefixes);
        if let Some(other) = known.into_iter().find(|other| overlap(other, prefix)) {
            return Err(CmdError::prefixes_overlap(prefix, "an existing", other));
        }
        if let Some(other) = prefixes[i + 1..].iter().find(|other| overlap(other, prefix)) {
            return Err(CmdError::prefixes_overlap(prefix, "another provided", other));
        }
    }
    Ok(())
}
