//! Who is to be told that a key has changed: what WATCH leaves beside the key's shard.
//!
//! ```text
//!   DbShard.watched   key ─► [ Weak<Watcher>, Weak<Watcher>, … ]
//!                                  │
//!   client            Arc<Watcher> ┘   EXEC looks at `has_changed`
//! ```
//!
//! A client's watcher is one flag, however many keys it watches. Whoever changes a key raises the
//! flags of all who watch it, under the lock that the change holds anyway. Letting go is dropping
//! the client's end: what is left of it here goes when its key changes, or with the next sweep.
//!
//! # Invariants
//!
//! (1) A raised flag stays raised: a transaction that failed once is begun anew with a new watcher.
//! (2) There are at most twice as many entries as there were live ones at the last sweep, and some.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};

/// Entries that are never swept.
const ENTRIES_MIN: usize = 64;

/// A client's flag. It is raised and read with the locks of the keys held, or the gate closed.
#[derive(Debug, Default)]
pub struct Watcher {
    has_changed: AtomicBool,
}

impl Watcher {
    pub fn has_changed(&self) -> bool {
        self.has_changed.load(Relaxed)
    }

    /// As if one of its keys had changed.
    pub fn raise(&self) {
        self.has_changed.store(true, Relaxed);
    }
}

/// What there is under a key after a change of its whole database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Gone,
    /// It is there, but its time has come.
    Expired,
    There,
}

struct Entry {
    watcher: Weak<Watcher>,
    /// The key was there but had expired: that it goes is no change.
    was_expired: bool,
}

/// The watched keys of one database in one shard.
#[derive(Default)]
pub struct Watched {
    by_key: HashMap<Box<[u8]>, Vec<Entry>>,
    entries: usize,
    sweep_at: usize,
}

impl Watched {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Keys that somebody watches.
    pub fn live_keys(&self) -> usize {
        let is_live =
            |entries: &&Vec<Entry>| entries.iter().any(|entry| entry.watcher.strong_count() > 0);
        self.by_key.values().filter(is_live).count()
    }

    pub fn watch(&mut self, key: &[u8], watcher: &Arc<Watcher>, was_expired: bool) {
        if self.entries >= self.sweep_at.max(ENTRIES_MIN) {
            self.sweep();
        }
        let entry = Entry { watcher: Arc::downgrade(watcher), was_expired };
        self.by_key.entry(key.into()).or_default().push(entry);
        self.entries += 1;
    }

    /// The key has changed; `is_there` says whether it still exists.
    pub fn touch(&mut self, key: &[u8], is_there: bool) {
        let Some(entries) = self.by_key.get_mut(key) else { return };
        let before = entries.len();
        entries.retain_mut(|entry| {
            let Some(watcher) = entry.watcher.upgrade() else { return false };
            if entry.was_expired && !is_there {
                // Only what comes after it is gone is a change.
                entry.was_expired = false;
                return true;
            }
            watcher.raise();
            false
        });
        self.entries -= before - entries.len();
        if entries.is_empty() {
            self.by_key.remove(key);
        }
    }

    /// The database is emptied, or its contents are exchanged for others: `was_there` and `then` say
    /// what becomes of this key by that.
    pub fn replace(&mut self, key: &[u8], was_there: bool, then: Then) {
        let Some(entries) = self.by_key.get_mut(key) else { return };
        let before = entries.len();
        entries.retain_mut(|entry| {
            let Some(watcher) = entry.watcher.upgrade() else { return false };
            // What has expired and what is not there are the same to a client.
            let was_nothing = entry.was_expired || !was_there;
            match then {
                Then::Gone | Then::Expired if was_nothing => {
                    entry.was_expired = then == Then::Expired;
                    true
                }
                _ => {
                    watcher.raise();
                    false
                }
            }
        });
        self.entries -= before - entries.len();
        if entries.is_empty() {
            self.by_key.remove(key);
        }
    }

    /// Whether the key had expired when this client began to watch it, or came to be so since.
    pub fn was_expired(&self, key: &[u8], watcher: &Arc<Watcher>) -> bool {
        let is_mine = |entry: &&Entry| Weak::as_ptr(&entry.watcher) == Arc::as_ptr(watcher);
        let entries = self.by_key.get(key);
        entries.and_then(|all| all.iter().find(is_mine)).is_some_and(|entry| entry.was_expired)
    }

    /// The keys that somebody may watch.
    pub fn keys(&self) -> Vec<Box<[u8]>> {
        self.by_key.keys().cloned().collect()
    }

    /// Forgets those who let go.
    fn sweep(&mut self) {
        self.by_key.retain(|_, entries| {
            entries.retain(|entry| entry.watcher.strong_count() > 0);
            !entries.is_empty()
        });
        self.entries = self.by_key.values().map(Vec::len).sum();
        self.sweep_at = 2 * self.entries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_raises_the_flags_of_those_who_watch_the_key() {
        let (ann, bob) = (Arc::<Watcher>::default(), Arc::<Watcher>::default());
        let mut watched = Watched::default();
        watched.watch(b"a", &ann, false);
        watched.watch(b"b", &bob, false);
        watched.touch(b"a", true);
        assert_eq!((ann.has_changed(), bob.has_changed()), (true, false));
        assert_eq!(watched.keys(), [b"b"[..].into()]);
        assert_eq!(watched.live_keys(), 1);
        drop(bob);
        assert_eq!(watched.live_keys(), 0);
    }

    #[test]
    fn an_expired_key_that_goes_has_not_changed_but_what_comes_then_has() {
        let ann = Arc::<Watcher>::default();
        let mut watched = Watched::default();
        watched.watch(b"a", &ann, true);
        watched.touch(b"a", false);
        assert!(!ann.has_changed());
        watched.touch(b"a", true);
        assert!(ann.has_changed());
    }

    #[test]
    fn nothing_changes_where_there_was_and_is_nothing() {
        use Then::*;
        for (was_expired, was_there, then, changes) in [
            (true, true, Gone, false),
            (true, true, Expired, false),
            (true, true, There, true),
            (false, true, Gone, true),
            (false, true, There, true),
            (false, false, Expired, false),
            (false, false, There, true),
        ] {
            let ann = Arc::<Watcher>::default();
            let mut watched = Watched::default();
            watched.watch(b"a", &ann, was_expired);
            watched.replace(b"a", was_there, then);
            assert_eq!(ann.has_changed(), changes, "{was_expired} {was_there} {then:?}");
            assert_eq!(watched.was_expired(b"a", &ann), !changes && then == Expired);
        }
    }

    #[test]
    fn those_who_let_go_are_forgotten() {
        let mut watched = Watched::default();
        for i in 0..10_000_u32 {
            watched.watch(&i.to_le_bytes(), &Arc::default(), false);
            assert!(watched.entries <= ENTRIES_MIN);
        }
    }
}
