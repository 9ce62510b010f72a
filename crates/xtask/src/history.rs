//! `cargo x history`: is what many workers do at once what one could have done? See
//! [`testkit::history`].

use std::time::{Duration, Instant};

use anyhow::Result;
use base::random::Random;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long.
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// Workers.
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// Where the random calls begin. The interleaving of threads does not follow from it.
    #[arg(long)]
    seed: Option<u64>,
}

/// A server makes history for so many rounds; then a fresh one with another seed.
const ROUNDS: u64 = 50;

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut seed = args.seed.unwrap_or_else(|| Random::from_os().next_u64() >> 32);
    let end = Instant::now() + Duration::from_secs(60 * args.minutes);
    println!("{} workers, {} minutes, from seed {seed}", args.workers, args.minutes);
    let (mut servers, mut rounds, mut judged, mut given_up) = (0, 0, 0, 0);
    let (mut waited, mut messages) = (0, 0);
    while servers == 0 || Instant::now() < end {
        let left = end.saturating_duration_since(Instant::now());
        let report = testkit::history::run(args.workers, seed, ROUNDS, left);
        seed += 1;
        servers += 1;
        rounds += report.rounds;
        judged += report.judged;
        given_up += report.given_up;
        waited += report.waited;
        messages += report.messages;
    }
    println!(
        "{servers} servers, {rounds} rounds: {judged} calls judged, {given_up} given up by WATCH, \
         {waited} waits served, {messages} messages heard"
    );
    Ok(())
}
