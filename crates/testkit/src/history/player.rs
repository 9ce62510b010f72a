//! One worker's thread: the calls it makes, the clients it has waiting, and what all of them saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use base::random::Random;
use engine::batch::{Runner, Stop};
use engine::{Client, Engine};
use resp::Value;
use store::Seat;

/// Clients of each player that wait for lists.
const WAITERS: usize = 4;
const STRINGS: u64 = 5;
const LISTS: u64 = 3;

/// What transactions are made of. `$s` is a string's key, `$q` a list's, `$u` a word that no other
/// call has.
const PARTS: &[&str] = &[
    "GET $s",
    "SET $s $u",
    "APPEND $s x",
    "MGET $s $s $s",
    "MSET $s $u $s $u",
    "RENAME $s $s",
    "RENAMENX $s $s",
    "COPY $s $s REPLACE",
    "DEL $s",
    "RPUSH $q $u",
    "LPUSH $q $u",
    "RPUSH $q $u $u",
    "LPOP $q",
    "RPOP $q",
    "LMOVE $q $q LEFT RIGHT",
    "RPOPLPUSH $q $q",
    "BLPOP $q $q 0",
    "BLMOVE $q $q RIGHT LEFT 0",
    "RENAME $q $q",
    "DEL $q",
    "LRANGE $q 0 -1",
    "LLEN $q",
];

/// What makes a transaction own the world.
const WIDE_PARTS: &[&str] = &["DBSIZE"];

const WAITS: &[&str] =
    &["BLPOP $q 0", "BLPOP $q $q 0", "BRPOP $q $q 0", "BLMOVE $q $q LEFT RIGHT 0"];

/// Calls and what came of them.
pub(super) struct Call {
    pub(super) player: usize,
    pub(super) steps: Vec<Step>,
    pub(super) began: u64,
    pub(super) ended: u64,
}

/// Requests sent together, and their replies.
pub(super) struct Step {
    pub(super) lines: Vec<String>,
    pub(super) replies: Vec<Value>,
}

/// An element that a client got without leaving a mark.
pub(super) struct Got {
    pub(super) player: usize,
    pub(super) line: String,
    pub(super) list: String,
    pub(super) element: String,
    /// Where BLMOVE put it.
    pub(super) target: Option<String>,
    pub(super) began: u64,
    /// From then on it was known to wait, if it had to.
    pub(super) waits_since: Option<u64>,
    pub(super) ended: u64,
}

struct Waiter {
    client: Box<Client>,
    /// While it waits: what it said, when, and since when it was known to wait.
    wait: Option<(String, u64, u64)>,
}

pub(super) struct Player<'a> {
    engine: Arc<Engine>,
    clock: &'a AtomicU64,
    seat: Seat,
    runner: Runner,
    client: Box<Client>,
    waiters: Vec<Waiter>,
    subscriber: Box<Client>,
    random: Random,
    pub(super) index: usize,
    /// The number of the last call, and of the last word.
    calls: u64,
    words: u64,
    /// Marked calls of the round, by their numbers.
    pub(super) made: Vec<(u64, Call)>,
    pub(super) got: Vec<Got>,
    /// What the subscriber heard, and how many messages this player sent in all.
    pub(super) heard: Vec<u8>,
    pub(super) sent: u64,
    pub(super) given_up: u64,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        engine: &Arc<Engine>,
        clock: &'a AtomicU64,
        seat: Seat,
        seed: u64,
    ) -> Player<'a> {
        let index = seat.index();
        let connect = || Box::new(engine.new_client(base::clock::unix_ms()));
        Player {
            engine: engine.clone(),
            clock,
            seat,
            runner: Runner::new(engine, index),
            client: connect(),
            waiters: (0..WAITERS).map(|_| Waiter { client: connect(), wait: None }).collect(),
            subscriber: connect(),
            random: Random::from_seed(seed.wrapping_mul(37).wrapping_add(index as u64)),
            index,
            calls: 0,
            words: 0,
            made: Vec::new(),
            got: Vec::new(),
            heard: Vec::new(),
            sent: 0,
            given_up: 0,
        }
    }

    pub(super) fn subscribe(&mut self) {
        let Player { engine, seat, runner, subscriber, .. } = self;
        send(engine, seat, runner, subscriber, &["SUBSCRIBE news".to_owned()]);
    }

    pub(super) fn play(&mut self, steps: u64) {
        for _ in 0..steps {
            match self.random.below(20) {
                0..=4 => self.wait(),
                5 | 6 => self.pop(),
                7..=9 => self.push(),
                10 => self.mset(),
                11 => self.publish(),
                12..=14 => self.watch(),
                _ => self.transaction(),
            }
            self.collect();
        }
    }

    /// Waits that are over and were not yet seen as such.
    pub(super) fn waits(&self) -> impl Iterator<Item = (&str, u64)> {
        let waits = self.waiters.iter().filter_map(|waiter| waiter.wait.as_ref());
        waits.map(|(line, _, since)| (line.as_str(), *since))
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }

    fn filled(&mut self, call: &str) -> String {
        let mut parts = call.split('$');
        let mut line = parts.next().expect("split gives at least one part").to_owned();
        for part in parts {
            let (kind, rest) = part.split_at(1);
            line += &match kind {
                "s" => format!("s:{}", self.random.below(STRINGS)),
                "q" => format!("q:{}", self.random.below(LISTS)),
                "u" => self.word(),
                other => panic!("${other} in {call}"),
            };
            line += rest;
        }
        line
    }

    fn word(&mut self) -> String {
        self.words += 1;
        format!("w:{}:{}", self.index, self.words)
    }

    fn draw(&mut self, of: &[&str]) -> String {
        let nth = self.random.below(of.len() as u64) as usize;
        self.filled(of[nth])
    }

    fn ask(&mut self, lines: Vec<String>) -> Step {
        let Player { engine, seat, runner, client, .. } = self;
        let replies = send(engine, seat, runner, client, &lines);
        Step { lines, replies }
    }

    /// A call that leaves `mark` in the journal if it does anything.
    fn note(&mut self, number: u64, began: u64, steps: Vec<Step>) {
        let call = Call { player: self.index, steps, began, ended: self.now() };
        self.made.push((number, call));
    }

    fn next_call(&mut self) -> (u64, String) {
        self.calls += 1;
        (self.calls, format!("{}:{}", self.index, self.calls))
    }

    /// The lines of a transaction that leaves a mark at its beginning and its end.
    fn body(&mut self, mark: &str) -> Vec<String> {
        let mut lines = vec!["MULTI".to_owned(), format!("SET mark:{} {mark}", self.index)];
        for _ in 0..=self.random.below(5) {
            let wide = self.random.below(60) == 0;
            lines.push(self.draw(if wide { WIDE_PARTS } else { PARTS }));
        }
        lines.push(format!("SET done:{} {mark}", self.index));
        lines.push("EXEC".to_owned());
        lines
    }

    fn transaction(&mut self) {
        let (number, mark) = self.next_call();
        let lines = self.body(&mark);
        let began = self.now();
        let step = self.ask(lines);
        assert!(matches!(step.replies.last(), Some(Value::Array(_))), "{:?}", step.replies);
        self.note(number, began, vec![step]);
    }

    /// Looks at keys, and changes them if nobody else has meanwhile.
    fn watch(&mut self) {
        let (number, mark) = self.next_call();
        let key = self.draw(&["$s", "$q"]);
        let look =
            if key.starts_with('s') { format!("GET {key}") } else { format!("LRANGE {key} 0 -1") };
        let began = self.now();
        let first = self.ask(vec![self.draw_watch(&key), look]);
        if self.random.below(3) == 0 {
            std::thread::yield_now();
        }
        let lines = self.body(&mark);
        let second = self.ask(lines);
        if matches!(second.replies.last(), Some(Value::Array(_))) {
            self.note(number, began, vec![first, second]);
        } else {
            self.given_up += 1;
        }
    }

    fn draw_watch(&self, key: &str) -> String {
        format!("WATCH {key}")
    }

    fn mset(&mut self) {
        let (number, mark) = self.next_call();
        let line = self.filled(&format!("MSET mark:{} {mark} $s $u $s $u $s $u", self.index));
        let began = self.now();
        let step = self.ask(vec![line]);
        self.note(number, began, vec![step]);
    }

    /// Outside a transaction: its element is its mark.
    fn push(&mut self) {
        let (number, mark) = self.next_call();
        let line = self.filled(&format!("RPUSH $q m:{mark}"));
        let began = self.now();
        let step = self.ask(vec![line]);
        self.note(number, began, vec![step]);
    }

    fn pop(&mut self) {
        let line = self.draw(&["LPOP $q", "RPOP $q"]);
        let began = self.now();
        let mut step = self.ask(vec![line]);
        let ended = self.now();
        if let (Some(Value::Bulk(element)), Some(line)) = (step.replies.pop(), step.lines.pop()) {
            let list = line.split(' ').nth(1).expect("it names a list").to_owned();
            let element = text(&element);
            let (player, target, waits_since) = (self.index, None, None);
            self.got.push(Got { player, line, list, element, target, began, waits_since, ended });
        }
    }

    fn publish(&mut self) {
        self.sent += 1;
        let line = format!("PUBLISH news {}:{}", self.index, self.sent);
        let step = self.ask(vec![line]);
        let subscribers = Value::Integer(self.engine.workers() as i64);
        assert_eq!(step.replies[0], subscribers, "PUBLISH counts all subscribers");
    }

    /// Has an idle client wait for a list, if there is one.
    fn wait(&mut self) {
        let Some(at) = self.waiters.iter().position(|waiter| waiter.wait.is_none()) else { return };
        let line = self.draw(WAITS);
        let began = self.now();
        let Player { engine, seat, runner, waiters, .. } = self;
        let client = &mut waiters[at].client;
        let mut replies = send(engine, seat, runner, client, std::slice::from_ref(&line));
        let now = self.now();
        match replies.pop() {
            Some(reply) => self.receive(line, &reply, began, None),
            None => {
                assert!(
                    self.waiters[at].client.blocked.is_some(),
                    "{line} neither replies nor waits"
                );
                self.waiters[at].wait = Some((line, began, now));
            }
        }
    }

    fn receive(&mut self, line: String, reply: &Value, began: u64, waits_since: Option<u64>) {
        let words: Vec<&str> = line.split(' ').collect();
        let (list, element, target) = match reply {
            Value::Array(pair) => match &pair[..] {
                [Value::Bulk(list), Value::Bulk(element)] => (text(list), text(element), None),
                other => panic!("{line} gives {other:?}"),
            },
            Value::Bulk(element) => (words[1].to_owned(), text(element), Some(words[2].to_owned())),
            other => panic!("{line} gives {other:?}"),
        };
        let (player, ended) = (self.index, self.now());
        self.got.push(Got { player, line, list, element, target, began, waits_since, ended });
    }

    /// Takes what came for clients that wait and for the subscriber.
    pub(super) fn collect(&mut self) {
        for served in self.engine.waits.take_served(self.index) {
            let is_it = |waiter: &&mut Waiter| {
                waiter.client.blocked.as_ref().is_some_and(|blocked| blocked.id == served.wait)
            };
            let waiter = self.waiters.iter_mut().find(is_it).expect("a wait is served once");
            let blocked = waiter.client.blocked.take().expect("it was just looked at");
            let (line, began, since) = waiter.wait.take().expect("who is blocked waits");
            self.engine.forget_wait(&blocked);
            let (reply, _) = resp::decode(&served.reply).expect("RESP").expect("it is whole");
            self.receive(line, &reply, began, Some(since));
        }
        for mail in self.engine.mail.take(self.index) {
            for (_, id) in &mail.to {
                self.engine.receive(*id, Some(&mut self.subscriber), &mail.news);
            }
        }
        while !self.subscriber.output.is_empty() {
            let bytes = self.subscriber.output.next();
            self.heard.extend_from_slice(bytes);
            let len = bytes.len();
            self.subscriber.output.advance(len);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Sends the requests and returns the replies there are.
fn send(
    engine: &Engine,
    seat: &mut Seat,
    runner: &mut Runner,
    client: &mut Client,
    lines: &[String],
) -> Vec<Value> {
    let input = encoded(lines);
    let (mut out, mut at) = (Vec::new(), 0);
    while at < input.len() {
        let mut inside = engine.gate.enter(seat);
        let turn = runner.run(engine, &mut inside, client, &input[at..], &mut out);
        at += turn.consumed;
        drop(inside);
        engine.journal.wake_readers();
        if turn.stop == Stop::Parked {
            std::thread::yield_now();
        }
    }
    decoded(&out)
}

pub(super) fn encoded(lines: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        resp::encode::write_request(&mut bytes, words.iter());
    }
    bytes
}

pub(super) fn decoded(bytes: &[u8]) -> Vec<Value> {
    let (mut at, mut values) = (0, Vec::new());
    while at < bytes.len() {
        let (value, used) = resp::decode(&bytes[at..]).expect("RESP").expect("it is whole");
        values.push(value);
        at += used;
    }
    values
}
