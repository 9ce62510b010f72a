//! `cargo x differ --peer PATH`: do we answer as a real server does?
//!
//! The same random commands go to our server and to a Redis or Valkey, and the replies are
//! compared. A run is made of rounds, each for itself:
//!
//! ```text
//!   FLUSHALL, thresholds, protocol ──► random calls ──► every key, every way to read it
//!                                                   ──► DUMP on one side, RESTORE on the other
//! ```
//!
//! Everything in a round follows from its seed, so a difference can be had again, and is made small
//! before it is printed: calls are taken away as long as the difference stays. Each kind of
//! difference is shown once.
//!
//! | file | holds |
//! |---|---|
//! | [`plan`] | which commands, how often; what is left out and why |
//! | [`words`] | keys and values |
//! | [`compare`] | when replies agree; the differences that are meant |
//! | [`pair`] | the two servers |
//! | [`shrink`] | making a difference small |

mod compare;
mod exchange;
pub(crate) mod link;
mod pair;
mod plan;
mod shrink;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use base::random::Random;

use crate::workspace;
use link::{Call, shown};
use pair::{Difference, Pair};
use plan::Plan;
use words::Words;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The real server.
    #[arg(long, value_name = "PATH")]
    peer: PathBuf,
    /// Our side; by default ochre-server, built now.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Where the random calls begin.
    #[arg(long)]
    seed: Option<u64>,
    /// Calls of the whole run.
    #[arg(long, default_value_t = 100_000)]
    commands: usize,
    /// Groups or commands, such as hash,sort; by default all that hold data.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Differences of as many kinds end the run.
    #[arg(long, default_value_t = 20)]
    differences: usize,
    /// Worker threads of our side.
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

/// Which of the two families the peer belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    Redis,
    Valkey,
}

const CALLS_OF_ROUND: usize = 4000;
/// Of a difference that could not be made small, the last.
const SHOWN_CALLS: usize = 30;

pub(crate) fn run(args: &Args) -> Result<()> {
    let ours = match &args.server {
        Some(path) => path.clone(),
        None => workspace::build_release()?.join("ochre-server"),
    };
    let seed = args.seed.unwrap_or_else(|| Random::from_os().next_u64() >> 32);
    let mut pair = Pair::start(&ours, &args.peer, args.workers)?;
    let family = pair.family();
    let plan = Plan::new(pair.peer_link(), family, &args.only)?;
    println!("{} commands beside {}, seed {seed}", plan.commands.len(), args.peer.display());

    let start = Instant::now();
    let (mut calls_made, mut exchanged, mut round) = (0, 0, 0);
    // By kind: the first of each, made small.
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    while calls_made < args.commands && found.len() < args.differences {
        let mut words = Words::new(&plan, seed + round);
        let calls = calls_of_round(&plan, &mut words, round, args.commands - calls_made);
        match pair.play(&calls)? {
            Some(difference) => {
                calls_made += difference.index() + 1;
                report(&mut pair, &calls, difference, seed + round, &mut found)?;
            }
            None => {
                calls_made += calls.len();
                let (count, differences) = exchange::exchange(&mut pair)?;
                exchanged += count;
                for difference in differences {
                    let kind = difference.split(':').next().unwrap_or_default().to_owned();
                    let seen = found.entry(kind).or_default();
                    *seen += 1;
                    if *seen == 1 {
                        println!("\n{difference}\n  (round of seed {})", seed + round);
                    }
                }
            }
        }
        round += 1;
    }
    println!(
        "\n{calls_made} calls and {exchanged} exchanged values in {round} rounds, {:.0} s",
        start.elapsed().as_secs_f64()
    );
    if found.is_empty() {
        return Ok(());
    }
    for (kind, count) in &found {
        println!("{count:6} × {kind}");
    }
    bail!("{} kinds of differences; replay with --seed", found.len());
}

fn calls_of_round(plan: &Plan, words: &mut Words<'_>, round: u64, most: usize) -> Vec<Call> {
    let call =
        |text: &str| -> Call { text.split(' ').map(|word| word.as_bytes().to_vec()).collect() };
    let protocol = if round.is_multiple_of(2) { "HELLO 2" } else { "HELLO 3" };
    let mut calls = vec![call("FLUSHALL"), call(protocol)];
    calls.extend(words.limits());
    calls.extend((0..CALLS_OF_ROUND.min(most.max(1))).map(|_| words.call()));
    calls.extend(pair::readings(plan));
    calls
}

/// Makes a difference small and prints it, if it is the first of its kind.
fn report(
    pair: &mut Pair,
    calls: &[Call],
    difference: Difference,
    seed: u64,
    found: &mut BTreeMap<String, usize>,
) -> Result<()> {
    let kind = difference.kind(calls);
    let seen = found.entry(kind.clone()).or_default();
    *seen += 1;
    if *seen > 1 {
        return Ok(());
    }
    let calls = shrink::shrink(pair, calls, &difference)?;
    println!("\n{kind} (round of seed {seed})");
    let Some(difference) = pair.play(&calls)? else {
        println!("  does not happen again");
        return Ok(());
    };
    let before = &calls[..difference.index()];
    if before.len() > SHOWN_CALLS {
        println!("  … {} calls, of which none could go", before.len() - SHOWN_CALLS);
    }
    for call in &before[before.len().saturating_sub(SHOWN_CALLS)..] {
        println!("  {}", shown(call));
    }
    println!("{}", difference.shown(&calls));
    Ok(())
}
