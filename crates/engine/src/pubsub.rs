//! Pub/Sub: who listens to what, and messages on their way.
//!
//! ```text
//!   publish ─► topics (one mutex) ─► for each worker with subscribers: one Mail (`mail.rs`)
//!                                        recipients: (client, id) …      frame: shared bytes
//! ```
//!
//! A message is encoded once, whoever many listen, and put into the mailbox of every worker that
//! has subscribers.
//!
//! # Invariants
//!
//! (1) A client's own list and the topics agree: both change together, on the client's worker.
//! (2) What was published before UNSUBSCRIBE may still arrive behind its confirmation.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use base::glob::glob_match;
use resp::{Protocol, Reply};

use crate::client::Client;
use crate::clients::ClientIndex;
use crate::engine::Engine;
use crate::mail::{Mail, Mailboxes, News};

/// What one subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Channel,
    Pattern,
    /// A channel that belongs to a cluster's slot.
    Shard,
}

/// A client as the topics know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Subscriber {
    id: u64,
    worker: usize,
    /// None for a client in no table, whose mail goes to its worker all the same.
    client: Option<ClientIndex>,
    protocol: Protocol,
}

/// What a client has subscribed to.
#[derive(Debug, Default)]
pub struct Subscriptions(BTreeSet<(Topic, Box<[u8]>)>);

impl Subscriptions {
    /// How many of a kind.
    pub fn count(&self, topic: Topic) -> usize {
        self.0.iter().filter(|(kind, _)| *kind == topic).count()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Topic, &[u8])> {
        self.0.iter().map(|(topic, name)| (*topic, &**name))
    }

    fn of(&self, topic: Topic) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(kind, _)| *kind == topic).map(|(_, name)| &**name)
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(_, name)| name.len() + size_of::<(Topic, Box<[u8]>)>()).sum()
    }
}

type Names = HashMap<Box<[u8]>, HashSet<Subscriber>>;

#[derive(Default)]
struct Topics {
    channels: Names,
    patterns: Names,
    shard_channels: Names,
}

impl Topics {
    fn of(&mut self, topic: Topic) -> &mut Names {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::Shard => &mut self.shard_channels,
        }
    }
}

/// All topics.
pub struct PubSub {
    topics: Mutex<Topics>,
    /// Names in all topics: nobody listens while it is 0.
    names: AtomicUsize,
    mail: Arc<Mailboxes>,
}

/// A message in both protocols, each encoded when the first needs it.
struct Frames<'m> {
    words: &'m [&'m [u8]],
    encoded: [Option<Arc<[u8]>>; 2],
}

impl<'m> Frames<'m> {
    fn new(words: &'m [&'m [u8]]) -> Frames<'m> {
        Frames { words, encoded: [None, None] }
    }

    fn of(&mut self, protocol: Protocol) -> Arc<[u8]> {
        let words = self.words;
        let frame =
            self.encoded[usize::from(protocol == Protocol::Resp3)].get_or_insert_with(|| {
                let mut out = Vec::new();
                let mut reply = Reply::new(&mut out, protocol);
                reply.push(words.len());
                words.iter().for_each(|word| reply.bulk(word));
                out.into()
            });
        frame.clone()
    }
}

impl PubSub {
    pub(crate) fn new(mail: Arc<Mailboxes>) -> PubSub {
        PubSub { topics: Mutex::default(), names: AtomicUsize::new(0), mail }
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().expect("nobody panics holding the topics")
    }

    /// Whether anybody listens to anything.
    #[inline]
    pub fn has_listeners(&self) -> bool {
        self.names.load(Relaxed) > 0
    }

    /// The names of a kind that somebody has subscribed to and that match the pattern.
    pub fn names(&self, topic: Topic, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let matches = |name: &[u8]| pattern.is_none_or(|p| glob_match(p, name, false));
        self.topics().of(topic).keys().filter(|name| matches(name)).cloned().collect()
    }

    /// Subscribers of one name.
    pub fn subscribers(&self, topic: Topic, name: &[u8]) -> usize {
        self.topics().of(topic).get(name).map_or(0, HashSet::len)
    }

    /// Names of a kind that have subscribers.
    pub fn count(&self, topic: Topic) -> usize {
        self.topics().of(topic).len()
    }

    fn add(&self, topic: Topic, name: &[u8], subscriber: Subscriber) {
        let mut topics = self.topics();
        let names = topics.of(topic);
        if !names.contains_key(name) {
            self.names.fetch_add(1, Relaxed);
        }
        names.entry(name.into()).or_default().insert(subscriber);
    }

    fn remove(&self, topic: Topic, name: &[u8], id: u64) {
        let mut topics = self.topics();
        let names = topics.of(topic);
        let Some(subscribers) = names.get_mut(name) else { return };
        subscribers.retain(|subscriber| subscriber.id != id);
        if subscribers.is_empty() {
            names.remove(name);
            self.names.fetch_sub(1, Relaxed);
        }
    }

    /// Puts a message into the mailboxes of those who get it; how many.
    fn post(&self, subscribers: &HashSet<Subscriber>, words: &[&[u8]]) -> usize {
        let mut frames = Frames::new(words);
        let mut mails: HashMap<(usize, Protocol), Mail> = HashMap::new();
        for subscriber in subscribers {
            let mail = mails.entry((subscriber.worker, subscriber.protocol)).or_insert_with(|| {
                Mail { to: Vec::new(), news: News::Message(frames.of(subscriber.protocol)) }
            });
            mail.to.push((subscriber.client, subscriber.id));
        }
        for ((worker, _), mail) in mails {
            self.mail.post(worker, mail);
        }
        subscribers.len()
    }

    /// Hands a message to everyone who listens to the channel, by name or by a pattern. How many
    /// get it; one that listens in two ways gets it twice.
    pub fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        if !self.has_listeners() {
            return 0;
        }
        let topics = self.topics();
        let mut receivers = 0;
        if let Some(subscribers) = topics.channels.get(channel) {
            receivers += self.post(subscribers, &[b"message", channel, message]);
        }
        for (pattern, subscribers) in &topics.patterns {
            if glob_match(pattern, channel, false) {
                receivers += self.post(subscribers, &[b"pmessage", pattern, channel, message]);
            }
        }
        receivers
    }

    /// The same for a shard channel.
    pub fn publish_to_shard(&self, channel: &[u8], message: &[u8]) -> usize {
        let topics = self.topics();
        let subscribers = topics.shard_channels.get(channel);
        subscribers.map_or(0, |all| self.post(all, &[b"smessage", channel, message]))
    }
}

impl Engine {
    /// Subscribes the client; how many names it listens to, shard channels counted apart.
    pub fn subscribe(
        &self,
        client: &mut Client,
        worker: usize,
        topic: Topic,
        name: &[u8],
    ) -> usize {
        let subscriber =
            Subscriber { id: client.id, worker, client: client.index, protocol: client.protocol };
        let mine = client.subscriptions.get_or_insert_default();
        if mine.0.insert((topic, name.into())) {
            self.pubsub.add(topic, name, subscriber);
        }
        self.listened(client, topic)
    }

    /// Ends a subscription; how many names it listens to then.
    pub fn unsubscribe(&self, client: &mut Client, topic: Topic, name: &[u8]) -> usize {
        if let Some(mine) = &mut client.subscriptions {
            if mine.0.remove(&(topic, name.into())) {
                self.pubsub.remove(topic, name, client.id);
            }
            if mine.is_empty() {
                client.subscriptions = None;
            }
        }
        self.listened(client, topic)
    }

    /// Ends all subscriptions of a kind, in order; the names, and how many are left after each.
    pub fn unsubscribe_all(&self, client: &mut Client, topic: Topic) -> Vec<(Box<[u8]>, usize)> {
        let names: Vec<Box<[u8]>> = client
            .subscriptions
            .iter()
            .flat_map(|mine| mine.of(topic).map(Box::from).collect::<Vec<_>>())
            .collect();
        names
            .into_iter()
            .map(|name| {
                let left = self.unsubscribe(client, topic, &name);
                (name, left)
            })
            .collect()
    }

    /// Forgets everything a client listens to: it closes, or RESET.
    pub fn unsubscribe_from_everything(&self, client: &mut Client) {
        for (topic, name) in client.subscriptions.take().into_iter().flat_map(|mine| mine.0) {
            self.pubsub.remove(topic, &name, client.id);
        }
    }

    /// What a confirmation counts: channels and patterns together, shard channels alone.
    pub fn listened(&self, client: &Client, topic: Topic) -> usize {
        let count = |topic| client.subscriptions.as_ref().map_or(0, |mine| mine.count(topic));
        match topic {
            Topic::Shard => count(Topic::Shard),
            Topic::Channel | Topic::Pattern => count(Topic::Channel) + count(Topic::Pattern),
        }
    }

    /// HELLO: what the client listens to shall come in the other protocol from now on.
    pub fn resubscribe(&self, client: &Client, worker: usize) {
        let Some(mine) = &client.subscriptions else { return };
        let subscriber =
            Subscriber { id: client.id, worker, client: client.index, protocol: client.protocol };
        for (topic, name) in &mine.0 {
            self.pubsub.remove(*topic, name, client.id);
            self.pubsub.add(*topic, name, subscriber);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(id: u64, worker: usize) -> Subscriber {
        Subscriber { id, worker, client: None, protocol: Protocol::Resp2 }
    }

    fn frame(mail: &Mail) -> &[u8] {
        let News::Message(frame) = &mail.news else { panic!("{mail:?}") };
        frame
    }

    #[test]
    fn subscribers_of_one_worker_share_one_frame() {
        let pubsub = PubSub::new(Arc::new(Mailboxes::new(2)));
        for id in 0..100 {
            pubsub.add(Topic::Channel, b"news", subscriber(id, 1));
        }
        assert_eq!(pubsub.publish(b"news", b"hello"), 100);
        let mail = pubsub.mail.take(1);
        assert_eq!((mail.len(), mail[0].to.len()), (1, 100));
        assert_eq!(frame(&mail[0]), b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
        assert!(pubsub.mail.take(0).is_empty());
    }

    #[test]
    fn a_pattern_gets_what_it_matches_and_names_itself() {
        let pubsub = PubSub::new(Arc::new(Mailboxes::new(1)));
        pubsub.add(Topic::Pattern, b"n?ws", subscriber(1, 0));
        assert_eq!(pubsub.publish(b"news", b"x"), 1);
        assert_eq!(pubsub.publish(b"other", b"x"), 0);
        let mail = pubsub.mail.take(0);
        assert!(frame(&mail[0]).starts_with(b"*4\r\n$8\r\npmessage\r\n$4\r\nn?ws\r\n"));
    }

    #[test]
    fn nobody_listens_when_the_last_one_has_left() {
        let pubsub = PubSub::new(Arc::new(Mailboxes::new(1)));
        pubsub.add(Topic::Channel, b"news", subscriber(1, 0));
        pubsub.add(Topic::Channel, b"news", subscriber(2, 0));
        pubsub.remove(Topic::Channel, b"news", 1);
        assert!(pubsub.has_listeners());
        pubsub.remove(Topic::Channel, b"news", 2);
        assert!(!pubsub.has_listeners());
        assert_eq!(pubsub.publish(b"news", b"x"), 0);
    }
}
