//! `cargo x soak`: many workers on few keys, for as long as one likes; see [`testkit::soak`].

use std::time::{Duration, Instant};

use anyhow::Result;
use base::random::Random;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long, with each number of workers.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Numbers of workers.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    workers: Vec<usize>,
    /// Where the random commands begin. The interleaving of threads does not follow from it.
    #[arg(long)]
    seed: Option<u64>,
}

/// A server is soaked this many rounds; then a fresh one with another seed.
const ROUNDS: u64 = 50;

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut seed = args.seed.unwrap_or_else(|| Random::from_os().next_u64() >> 32);
    for &workers in &args.workers {
        let end = Instant::now() + Duration::from_secs(args.seconds);
        let (mut servers, mut commands, mut undone, mut replayed_bytes) = (0, 0, 0, 0);
        println!("{workers} workers, {} s, from seed {seed}", args.seconds);
        while servers == 0 || Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            let report = testkit::soak::run(workers, seed, ROUNDS, left);
            seed += 1;
            servers += 1;
            commands += report.commands;
            undone += report.undone;
            replayed_bytes += report.replayed_bytes;
        }
        println!(
            "  {servers} servers, {commands} commands, {undone} scripts undone, \
             {replayed_bytes} bytes replayed"
        );
    }
    Ok(())
}
