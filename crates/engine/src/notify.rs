//! Keyspace notifications: events of keys, published to whoever listens.
//!
//! ```text
//!   SET foo in db 0  ─►  __keyspace@0__:foo   set        if `K` is on
//!                        __keyevent@0__:set   foo        if `E` is on
//! ```
//!
//! `notify-keyspace-events` says which classes are published; off, an event costs one load.

use config::Config;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::engine::Engine;

/// The classes of keyspace notifications, each by its letter in `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    Generic = b'g',
    String = b'$',
    List = b'l',
    Set = b's',
    Hash = b'h',
    SortedSet = b'z',
    Expired = b'x',
    Evicted = b'e',
    Stream = b't',
    New = b'n',
    KeyMiss = b'm',
    Overwritten = b'o',
    TypeChanged = b'c',
}

/// Which classes are published, and in which of the two ways.
#[derive(Default)]
pub struct Wanted(AtomicU32);

impl Wanted {
    pub(crate) fn load(&self, config: &Config) {
        let events = config.keyspace_events();
        let (by_key, by_event) = (bit(b'K'), bit(b'E'));
        // Without a way there is nothing to publish, whatever the classes.
        self.0.store(if events & (by_key | by_event) == 0 { 0 } else { events }, Relaxed);
    }

    /// Whether any event is published.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    #[inline]
    fn has(&self, letter: u8) -> bool {
        self.0.load(Relaxed) & bit(letter) != 0
    }
}

fn bit(letter: u8) -> u32 {
    let at = config::EVENTS.iter().position(|other| *other == letter);
    1 << at.expect("every class has its letter")
}

impl Engine {
    /// Publishes an event of a key in a database, if its class is wanted. It may be called with
    /// locks held.
    #[inline]
    pub fn notify(&self, db: usize, class: Class, event: &str, key: &[u8]) {
        if self.settings.events.has(class as u8) && self.pubsub.has_listeners() {
            self.publish_event(db, event, key);
        }
    }

    #[cold]
    fn publish_event(&self, db: usize, event: &str, key: &[u8]) {
        if self.settings.events.has(b'K') {
            let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
            self.pubsub.publish(&channel, event.as_bytes());
        }
        if self.settings.events.has(b'E') {
            let channel = format!("__keyevent@{db}__:{event}");
            self.pubsub.publish(channel.as_bytes(), key);
        }
    }
}
