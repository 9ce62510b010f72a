//! A history checker: what many workers did at once must be what one could have done, in the order
//! of the journal.
//!
//! Players on their own threads run transactions, WATCH with a second look, moves between lists,
//! renames, publishing, and clients that wait for lists. Each call is written down with the moments
//! at which it began and ended, and its replies. When all stand still, the judge walks the journal:
//! it finds each unit's call by a mark that the call left, runs the call *as it was sent* on a
//! server of one worker, the oracle, and compares the replies, those of reads included.
//!
//! ```text
//!   players ─► engine of many workers ──► journal:  … [MULTI mark:2 ⟨2:17⟩ … EXEC] [LPOP q:1] …
//!      │ calls, replies, moments                          │                        │
//!      └───────────────────────► judge ◄──────────────────┘                        │
//!                                  │ call 17 of player 2, as it was sent           │ who got this
//!                                  ▼                                               ▼ element?
//!                               oracle: one worker, the same replies?       one client, once
//! ```
//!
//! # Checked
//!
//! (1) Serialisable: in the journal's order the oracle gives each call the replies its client got.
//! (2) In real time: no call stands behind one that began after it had ended.
//! (3) Every element that leaves a list for a client reaches one client, and no client gets one that
//!     did not leave; every successful transaction is in the journal once, and no other is.
//! (4) Order of service: nobody gets an element from a list for which another client was known to
//!     wait before it came.
//! (5) Messages: each subscriber gets each publisher's messages in order, none twice, none lost; and
//!     PUBLISH counts all subscribers.
//! (6) Data: engine, oracle, and a replica that is fed the journal hold the same in the end.
//!
//! # Limits
//!
//! A read outside a transaction leaves no mark; the soak looks at those (`soak.rs`). What is compared
//! is Ochre with itself: that one worker does what Redis does, others check. Threads are not replayed:
//! a seed gives the same calls, not the same interleaving.

mod judge;
mod player;

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::server::TestServer;
use crate::soak::contents;
use crate::soak::replica::Replica;
use judge::Judge;
use player::Player;

/// What a history had.
#[derive(Debug, Default)]
pub struct Report {
    pub rounds: u64,
    /// Calls that were found in the journal and had the replies of one worker.
    pub judged: u64,
    /// Transactions that were given up because of WATCH.
    pub given_up: u64,
    /// Clients that waited and were served.
    pub waited: u64,
    pub messages: u64,
}

/// Steps of each player between two judgements.
const ROUND_STEPS: u64 = 1_000;

/// Has players on `workers` threads make a history for so many rounds, or for `time`, whichever is
/// first, but at least one round.
///
/// # Panics
///
/// When something that must hold does not; the message has the seed.
pub fn run(workers: usize, seed: u64, rounds: u64, time: Duration) -> Report {
    let mut server = TestServer::new(workers);
    let engine = server.engine.clone();
    let mut replica = Replica::of(&engine, seed);
    let clock = AtomicU64::new(1);
    let seats = std::mem::take(&mut server.seats);
    let mut players: Vec<Player<'_>> =
        seats.into_iter().map(|seat| Player::new(&engine, &clock, seat, seed)).collect();
    players.iter_mut().for_each(Player::subscribe);
    let mut judge = Judge::new(workers, seed);
    let end = Instant::now() + time;
    let mut report = Report::default();
    while report.rounds == 0 || report.rounds < rounds && Instant::now() < end {
        std::thread::scope(|scope| {
            for player in &mut players {
                scope.spawn(|| player.play(ROUND_STEPS));
            }
        });
        players.iter_mut().for_each(Player::collect);
        replica.catch_up();
        for player in &mut players {
            judge.hear(player);
        }
        judge.walk(replica.round());
        judge.nothing_is_left(&players);
        replica.compare(&engine);
        let (ours, oracle) = (contents::of(&engine), contents::of(judge.oracle()));
        assert!(ours == oracle, "seed {seed}: the calls on one worker gave another data set");
        report.rounds += 1;
    }
    report.judged = judge.judged;
    report.given_up = players.iter().map(|player| player.given_up).sum();
    report.waited = judge.waited;
    report.messages = judge.messages;
    report
}
