//! A server of one worker that is fed the journal of another.

use std::collections::BTreeSet;

use engine::Engine;
use journal::Reader;
use resp::Value;

use super::contents::{self, Place};
use crate::server::{Session, TestServer};

pub(crate) struct Replica {
    server: TestServer,
    session: Session,
    reader: Reader,
    /// The commands of the round, as text.
    round: Vec<String>,
    seed: u64,
}

/// Commands of the journal shown for what differs.
const SHOWN: usize = 40;

impl Replica {
    /// Follows `primary` from here on.
    pub(crate) fn of(primary: &Engine, seed: u64) -> Replica {
        let reader = primary.journal.reader(None).expect("the end of a journal can be read");
        reader.allow_lag(u64::MAX);
        let mut server = TestServer::new(1).replays();
        let session = server.connect();
        Replica { server, session, reader, round: Vec::new(), seed }
    }

    /// Runs what the journal has. Returns its bytes.
    pub(crate) fn catch_up(&mut self) -> u64 {
        let mut stream = Vec::new();
        let mut take = |bytes: &[u8]| stream.extend_from_slice(bytes);
        while self.reader.read(&mut take).expect("the lag is allowed") > 0 {}
        self.round = texts(&stream);
        let replies = self.server.feed(&mut self.session, &stream);
        let mut at = 0;
        for command in &self.round {
            let (reply, used) = resp::decode(&replies[at..])
                .expect("replies are well formed")
                .expect("each command of the journal has a reply");
            if fails(&reply) {
                // The database, the name, and usually a key.
                let key = command.split(' ').nth(2).unwrap_or_default();
                self.show_journal(key);
                let shown = replies[at..at + used].escape_ascii();
                panic!("seed {}: replaying {command} gives {shown}", self.seed);
            }
            at += used;
        }
        stream.len() as u64
    }

    /// The commands that the last [`Replica::catch_up`] ran, each as its database and its words.
    pub(crate) fn round(&self) -> &[String] {
        &self.round
    }

    /// Compares everything. Returns the keys there are.
    pub(crate) fn compare(&self, primary: &Engine) -> usize {
        let (theirs, ours) = (contents::of(primary), contents::of(&self.server.engine));
        let places: BTreeSet<&Place> = theirs.keys().chain(ours.keys()).collect();
        let differing: Vec<&Place> =
            places.into_iter().filter(|place| theirs.get(*place) != ours.get(*place)).collect();
        for (db, key) in &differing {
            let place = (*db, key.clone());
            let key = key.escape_ascii();
            eprintln!("db {db}, {key}: {:?}", theirs.get(&place));
            eprintln!("db {db}, {key} replayed: {:?}", ours.get(&place));
            self.show_journal(&key.to_string());
        }
        assert!(
            differing.is_empty(),
            "seed {}: replaying the journal gave another data set",
            self.seed
        );
        theirs.len()
    }

    /// The last commands of the round about this key or about whole databases.
    fn show_journal(&self, key: &str) {
        let concerns = |command: &&String| {
            let words = || command.split(' ');
            words().any(|word| word == key || word == "SWAPDB" || word.starts_with("FLUSH"))
        };
        let about: Vec<&String> = self.round.iter().filter(concerns).collect();
        for command in about.iter().skip(about.len().saturating_sub(SHOWN)) {
            eprintln!("    {command}");
        }
    }
}

fn fails(reply: &Value) -> bool {
    match reply {
        Value::Error(_) => true,
        Value::Array(all) => all.iter().any(fails),
        _ => false,
    }
}

/// The requests in a stream, each as one line with its database in front.
fn texts(stream: &[u8]) -> Vec<String> {
    let (mut at, mut db, mut commands) = (0, "0".to_owned(), Vec::new());
    while let Some((request, used)) = resp::decode(&stream[at..]).expect("the journal is RESP") {
        at += used;
        let Value::Array(words) = request else { panic!("the journal holds requests") };
        let words: Vec<_> = words
            .iter()
            .map(|word| match word {
                Value::Bulk(text) => text.escape_ascii().to_string(),
                other => panic!("words are text: {other:?}"),
            })
            .collect();
        if words[0] == "SELECT" {
            db.clone_from(&words[1]);
        }
        commands.push(format!("{db}> {}", words.join(" ")));
    }
    commands
}
