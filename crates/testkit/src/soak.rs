//! Many workers on few keys: what must hold however they interleave.
//!
//! Each worker is a thread that runs random commands on the same engine, as a server's workers do.
//! Three things are checked:
//!
//! 1. Counters: the sum of all increments that were answered is what the counters hold.
//! 2. Pairs: two keys always set together (MSET) are never seen apart by MGET.
//! 3. Replay: feeding the journal to an empty server gives the same data set. This finds most
//!    ordering bugs: a command that is journaled before or after one it conflicts with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::random::Random;
use engine::batch::{Runner, Stop};
use engine::{Client, Engine};
use resp::Value;
use store::Seat;

use crate::server::TestServer;

/// What a soak did.
#[derive(Debug, Default)]
pub struct Report {
    pub commands: u64,
    pub increments: u64,
    /// Bytes of journal that were replayed.
    pub replayed_bytes: usize,
    pub keys: usize,
}

const COUNTERS: u64 = 8;
const PLAIN_KEYS: u64 = 24;
/// Commands sent together, as a pipeline.
const PIPELINE_MAX: u64 = 12;

/// Runs `workers` threads for `time` or until each has sent `commands`, whichever is first.
///
/// # Panics
///
/// When one of the three properties does not hold; the message has the seed.
pub fn run(workers: usize, seed: u64, time: Duration, commands: u64) -> Report {
    let mut server = TestServer::new(workers);
    // Active expiry would need a clock that the replay shares; lazy expiry is journaled as DEL.
    server.engine.active_expire.store(false, std::sync::atomic::Ordering::Relaxed);
    let mut reader = server.engine.journal.reader(None).expect("a fresh journal can be read");
    reader.allow_lag(u64::MAX);
    let engine = server.engine.clone();
    let seats = std::mem::take(&mut server.seats);
    let end = Instant::now() + time;
    let results: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = seats
            .into_iter()
            .map(|seat| {
                let engine = engine.clone();
                scope.spawn(move || Player::new(engine, seat, seed).play(end, commands))
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("a player found a violation")).collect()
    });
    let mut report = Report::default();
    for (commands, increments) in results {
        report.commands += commands;
        report.increments += increments;
    }
    let mut stream = Vec::new();
    while reader.read(|bytes| stream.extend_from_slice(bytes)).expect("the lag is allowed") > 0 {}
    report.replayed_bytes = stream.len();

    let (_, mut seats) = (0, TestServer::new(1));
    let mut replica = seats.connect();
    seats.feed(&mut replica, &stream);
    let expected = contents(&engine);
    let replayed = contents(&seats.engine);
    report.keys = expected.len();
    assert_eq!(expected, replayed, "seed {seed}: replaying the journal gave another data set");
    let sum: i64 = expected
        .iter()
        .filter(|(key, _)| key.starts_with(b"counter:"))
        .map(|(_, value)| base::number::parse_i64(value).expect("a counter is an integer"))
        .sum();
    assert_eq!(sum, report.increments as i64, "seed {seed}: increments were lost or made up");
    report
}

/// All keys of database 0 that have not expired, with their values as text.
fn contents(engine: &Engine) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    let now_ms = base::clock::unix_ms();
    let mut all = std::collections::BTreeMap::new();
    for shard in 0..engine.keyspace.shard_count() {
        let shard = engine.keyspace.lock(shard);
        shard.dbs[0].check();
        shard.dbs[0].for_each(|record| {
            if record.expire_ms().is_none_or(|at| at >= now_ms + 60_000) {
                let value = record.string().map_or_else(Vec::new, |s| s.to_vec());
                all.insert(record.key().to_vec(), value);
            }
        });
    }
    all
}

struct Player {
    engine: Arc<Engine>,
    seat: Seat,
    runner: Runner,
    client: Client,
    random: Random,
    seed: u64,
    increments: u64,
}

/// What a reply must look like.
enum Expect {
    Anything,
    Increment,
    EqualPair,
}

impl Player {
    fn new(engine: Arc<Engine>, seat: Seat, seed: u64) -> Player {
        let worker = seat.index();
        let runner = Runner::new(&engine, worker);
        let client = Client::new(engine.next_client_id(), 0);
        let random = Random::from_seed(seed.wrapping_mul(31).wrapping_add(worker as u64));
        Player { engine, seat, runner, client, random, seed, increments: 0 }
    }

    fn play(mut self, end: Instant, commands: u64) -> (u64, u64) {
        let mut sent = 0;
        while sent < commands && Instant::now() < end {
            let (mut input, mut expected) = (Vec::new(), Vec::new());
            for _ in 0..=self.random.below(PIPELINE_MAX) {
                let (args, expect) = self.command();
                resp::encode::write_request(&mut input, args.iter());
                expected.push(expect);
            }
            sent += expected.len() as u64;
            let out = self.send(&input);
            self.check(&out, &expected);
        }
        (sent, self.increments)
    }

    fn command(&mut self) -> (Vec<String>, Expect) {
        let plain = |r: &mut Random| format!("key:{}", r.below(PLAIN_KEYS));
        let words = |text: String| text.split(' ').map(str::to_owned).collect();
        let r = &mut self.random;
        match r.below(16) {
            0..=3 => (words(format!("INCR counter:{}", r.below(COUNTERS))), Expect::Increment),
            4 | 5 => {
                let n = r.next_u64();
                (words(format!("MSET pair:a {n} pair:b {n}")), Expect::Anything)
            }
            6 | 7 => (words("MGET pair:a pair:b".into()), Expect::EqualPair),
            8 => (words(format!("RENAME {} {}", plain(r), plain(r))), Expect::Anything),
            9 => {
                let (a, b) = (plain(r), plain(r));
                (words(format!("MSETNX {a} 1 {b} {}", r.below(9))), Expect::Anything)
            }
            10 => (words(format!("DEL {} {}", plain(r), plain(r))), Expect::Anything),
            11 => (words(format!("APPEND {} x", plain(r))), Expect::Anything),
            12 => (words(format!("SET {} v PX {}", plain(r), 1 + r.below(3))), Expect::Anything),
            13 => (words(format!("GETDEL {}", plain(r))), Expect::Anything),
            14 => (words(format!("COPY {} {} REPLACE", plain(r), plain(r))), Expect::Anything),
            _ => (words(format!("SET {} {}", plain(r), r.next_u64())), Expect::Anything),
        }
    }

    fn send(&mut self, input: &[u8]) -> Vec<u8> {
        let (mut out, mut at) = (Vec::new(), 0);
        while at < input.len() {
            let mut inside = self.engine.gate.enter(&mut self.seat);
            let turn = self.runner.run(
                &self.engine,
                &mut inside,
                &mut self.client,
                &input[at..],
                &mut out,
            );
            at += turn.consumed;
            drop(inside);
            self.engine.journal.wake_readers();
            if turn.stop == Stop::Parked {
                std::thread::yield_now();
            }
        }
        out
    }

    fn check(&mut self, out: &[u8], expected: &[Expect]) {
        let seed = self.seed;
        let mut at = 0;
        for expect in expected {
            let (value, used) = resp::decode(&out[at..])
                .expect("replies are well formed")
                .expect("there is a reply for each command");
            at += used;
            match expect {
                Expect::Anything => {}
                Expect::Increment => {
                    assert!(matches!(value, Value::Integer(_)), "seed {seed}: INCR: {value:?}");
                    self.increments += 1;
                }
                Expect::EqualPair => {
                    let Value::Array(pair) = &value else { panic!("seed {seed}: {value:?}") };
                    assert_eq!(pair[0], pair[1], "seed {seed}: half of an MSET was seen");
                }
            }
        }
        assert_eq!(at, out.len(), "seed {seed}: more replies than commands");
    }
}
