//! Many workers on few keys: what must hold however they interleave.
//!
//! Each worker is a thread that runs random commands on the same engine, as a server's workers do.
//! After each round all stand still and the journal of the round is fed to a replica.
//!
//! ```text
//!   player 0 ─┐                                     after each round:
//!   player 1 ─┼─► engine ──► journal ──► replica    contents(engine) == contents(replica)
//!   player 2 ─┘   many shards            one worker
//! ```
//!
//! # Checked
//!
//! (1) Counters: the sum of all increments that were answered is what the counters hold.
//! (2) Pairs: two keys always set together (MSET, or one transaction) are never seen apart.
//! (3) Permanent keys: a KEYS has all of them, a whole SCAN returns each exactly once and no name
//!     twice, whatever comes and goes meanwhile.
//! (4) Replay: the journal fed to a server gives the same data in every database, types, values
//!     and expiries included, and no command of it fails. This finds most ordering bugs: a command
//!     that is journaled before or after one it conflicts with.
//!     Scripts under the locks of their keys are among them, some of which must be undone and run again.
//! (5) Every structure keeps its own invariants (`check`).
//!
//! # Limits
//!
//! Threads are not replayed: a seed gives each player the same commands, not the same
//! interleaving. A failure prints the last commands of the journal about the keys that differ.

pub(crate) mod contents;
mod player;
pub(crate) mod replica;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use engine::Engine;

use crate::server::TestServer;
use player::Player;
use replica::Replica;

/// What a soak did.
#[derive(Debug, Default)]
pub struct Report {
    pub rounds: u64,
    pub commands: u64,
    pub increments: u64,
    /// Runs of scripts that were undone and run again.
    pub undone: u64,
    /// Whole walks with SCAN.
    pub walks: u64,
    /// Bytes of journal that were replayed.
    pub replayed_bytes: u64,
    /// Keys in the end.
    pub keys: usize,
}

/// Commands of each player between two comparisons.
const ROUND_COMMANDS: u64 = 5_000;

/// Runs a player on each of `workers` threads for so many rounds, or for `time`, whichever is
/// first, but at least one round.
///
/// # Panics
///
/// When something that must hold does not; the message has the seed.
pub fn run(workers: usize, seed: u64, rounds: u64, time: Duration) -> Report {
    let mut server = TestServer::new(workers);
    let engine = server.engine.clone();
    let mut replica = Replica::of(&engine, seed);
    let mut first = server.connect();
    for key in player::permanent_keys() {
        server.call(&mut first, &[b"SET", key.as_bytes(), b"here"]);
    }
    let seats = std::mem::take(&mut server.seats);
    let mut players: Vec<Player> =
        seats.into_iter().map(|seat| Player::new(&engine, seat, seed)).collect();
    let end = Instant::now() + time;
    let mut report = Report::default();
    while report.rounds == 0 || report.rounds < rounds && Instant::now() < end {
        std::thread::scope(|scope| {
            for player in &mut players {
                scope.spawn(|| player.play(ROUND_COMMANDS));
            }
        });
        report.rounds += 1;
        report.replayed_bytes += replica.catch_up();
        report.keys = replica.compare(&engine);
    }
    for player in &players {
        report.commands += player.sent;
        report.increments += player.increments;
        report.walks += player.walks;
    }
    report.undone = engine.scripts.undone.load(Relaxed);
    let counted = sum_of_counters(&engine);
    assert_eq!(counted, report.increments as i64, "seed {seed}: increments were lost or made up");
    report
}

fn sum_of_counters(engine: &Engine) -> i64 {
    let all = contents::of(engine);
    let counters = all.iter().filter(|((db, key), _)| *db == 0 && key.starts_with(b"counter:"));
    counters.map(|(_, value)| value.integer().expect("a counter is an integer")).sum()
}
