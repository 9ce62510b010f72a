//! `cargo x crash --simulated N`: N crashes on the disk that lies ([`testkit::crash`]).

use std::time::Instant;

use anyhow::{Result, bail};
use testkit::crash::{self, Tally};

/// Goes through seeds, from `seed` on, until there were so many crashes.
pub(super) fn run(crashes: u64, mut seed: u64) -> Result<()> {
    let (began, first) = (Instant::now(), seed);
    let (mut tally, mut violations) = (Tally::default(), 0);
    while tally.crashes < crashes {
        match crash::run(seed) {
            Ok(lives) => tally.add(&lives),
            Err(violation) => {
                violations += 1;
                eprintln!("{violation}");
            }
        }
        seed += 1;
    }
    println!(
        "{} simulated crashes (seeds {first} to {}) in {:.0} s, {} writes acknowledged: {violations} \
         violations; {} starts found more than was acknowledged, {} dropped a torn end, {} were \
         refused after a failed sync",
        tally.crashes,
        seed - 1,
        began.elapsed().as_secs_f64(),
        tally.acknowledged,
        tally.more,
        tally.repaired,
        tally.refused,
    );
    if violations > 0 {
        bail!("what was acknowledged must be there");
    }
    Ok(())
}
