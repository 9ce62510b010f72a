//! `cargo x bench`: what a command costs in CPU and a key in memory, beside a peer.
//!
//! Twelve modes, each with its table:
//!
//! | flag | question | file |
//! |---|---|---|
//! | –             | server CPU per command, server on one core and load on the other | [`throughput`] |
//! | `--two-cores` | the same with two threads a server and no pinning | [`throughput`] |
//! | `--memory`    | resident bytes per key beyond the payload | [`memory`] |
//! | `--expire`    | a million keys that expire at once: how long, and who notices | [`expiry`] |
//! | `--removal`   | a set of 50 million members is removed: who notices | [`removal`] |
//! | `--aof`       | writes under `appendfsync always`, `everysec` and without a log | [`aof`] |
//! | `--snapshot`  | overwrites while the data set is saved: memory, stalls, speed | [`snapshot`] |
//! | `--acl`       | GET of a user with rules, beside one without | [`throughput`] |
//! | `--tls`       | GET over TLS | [`throughput`] |
//! | `--churn`     | ten thousand connections a second come and go: who notices | [`churn`] |
//! | `--torture`   | how far above `maxmemory` a full cache gets | [`torture`] |
//! | `--hit-ratio` | a cache under Zipf: how often is the key there | [`hit_ratio`] |
//!
//! Each table says of every figure that has a budget (issue 2, Shows 4 to 7; issue 4, Shows 4 to 6;
//! issue 6, Shows 5 and 6) whether it is met.
//!
//! Machines are noisy and their speed drifts, so nothing is measured alone: peer and ours take
//! turns (A B A B …), and what counts is the ratio of their medians.

mod aof;
mod churn;
mod expiry;
mod hit_ratio;
mod memory;
mod removal;
mod secure;
pub(crate) mod server;
mod snapshot;
mod subscribers;
mod throughput;
mod torture;
mod wire;
mod workload;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server to compare with; by default valkey-server or redis-server from PATH.
    #[arg(long, value_name = "PATH")]
    peer: Option<PathBuf>,
    /// The load generator: a redis-benchmark or valkey-benchmark; by default the peer's.
    #[arg(long, value_name = "PATH")]
    load: Option<PathBuf>,
    /// Our side; by default ochre-server, built now.
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Worker threads of our side in the pinned mode.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// One short round and a tenth of the keys: shows the order of things, proves nothing.
    #[arg(long)]
    quick: bool,
    /// Workloads to run, such as GET@16,SET@64.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds of each workload and server.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds measured in each round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Two threads a server, nothing pinned, the load generator beside them.
    #[arg(long, conflicts_with_all = ["memory", "expire"])]
    two_cores: bool,
    /// Resident memory per key.
    #[arg(long, conflicts_with = "expire")]
    memory: bool,
    /// A million keys with the same moment of expiry.
    #[arg(long)]
    expire: bool,
    /// A set of 50 million members that is removed.
    #[arg(long, conflicts_with_all = ["memory", "expire", "two_cores"])]
    removal: bool,
    /// Writes with and without an append only file.
    #[arg(long, conflicts_with_all = ["memory", "expire", "removal", "two_cores"])]
    aof: bool,
    /// Overwrites while the data set is saved.
    #[arg(long, conflicts_with_all = ["memory", "expire", "removal", "two_cores", "aof"])]
    snapshot: bool,
    /// The size of the data set that is saved, in MiB.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// GET of a user with rules, beside one without: what ACLs cost.
    #[arg(long, conflicts_with_all = ["memory", "expire", "removal", "two_cores"])]
    acl: bool,
    /// GET over TLS.
    #[arg(long, conflicts_with_all = ["memory", "expire", "removal", "two_cores", "acl"])]
    tls: bool,
    /// Connections that come and go beside a steady load.
    #[arg(long, conflicts_with_all = ["memory", "expire", "removal", "two_cores", "acl"])]
    churn: bool,
    /// All that takes memory at once, done to a cache that is full.
    #[arg(long, conflicts_with_all = ["memory", "expire", "removal", "two_cores", "acl"])]
    torture: bool,
    /// A cache at its `maxmemory`, under LRU and LFU.
    #[arg(long, conflicts_with_all = ["memory", "expire", "removal", "two_cores"])]
    hit_ratio: bool,
}

/// What every mode needs: the programs, and how thorough to be.
struct Setup {
    peer: PathBuf,
    ours: PathBuf,
    rounds: usize,
    window: Duration,
    /// Keys are divided by this.
    shrink: usize,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let peer = match &args.peer {
        Some(path) => path.clone(),
        None => workspace::find_program(&["valkey-server", "redis-server"])
            .context("nothing to compare with: pass --peer PATH of a redis- or valkey-server")?,
    };
    let ours = match &args.server {
        Some(path) => path.clone(),
        None => workspace::build_release()?.join("ochre-server"),
    };
    let setup = Setup {
        peer,
        ours,
        rounds: if args.quick { 1 } else { args.rounds.max(1) },
        window: Duration::from_secs_f64(if args.quick { 1.0 } else { args.seconds }),
        shrink: if args.quick { 10 } else { 1 },
    };
    println!("peer: {}", setup.peer.display());
    println!("ours: {}", setup.ours.display());
    if args.memory {
        return memory::run(&setup, &args.only);
    }
    if args.expire {
        return expiry::run(&setup);
    }
    if args.hit_ratio {
        return hit_ratio::run(&setup);
    }
    if args.churn {
        return churn::run(&setup, args.workers);
    }
    if args.torture {
        return torture::run(&setup, args.workers);
    }
    if args.removal {
        return removal::run(&setup);
    }
    if args.snapshot {
        return snapshot::run(&setup, args.size / setup.shrink, args.workers);
    }
    let load = match &args.load {
        Some(path) => path.clone(),
        None => load_generator(&setup.peer)?,
    };
    if args.aof {
        return aof::run(&setup, &load, args.workers);
    }
    if args.tls {
        return throughput::secure(&setup, &load);
    }
    if args.acl {
        return throughput::limited(&setup, &load);
    }
    let workloads = workload::choose(&args.only)?;
    if args.two_cores {
        throughput::two_cores(&setup, &load, &workloads)
    } else {
        throughput::pinned(&setup, &load, &workloads, args.workers)
    }
}

fn load_generator(peer: &Path) -> Result<PathBuf> {
    let names = ["valkey-benchmark", "redis-benchmark"];
    names
        .iter()
        .map(|name| peer.with_file_name(name))
        .find(|path| path.is_file())
        .or_else(|| workspace::find_program(&names))
        .context("no load generator: pass --load PATH of a redis- or valkey-benchmark")
}

/// What a figure shall be.
#[derive(Clone, Copy)]
enum Budget {
    AtMost(f64),
    AtLeast(f64),
}

impl Budget {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Budget::AtMost(most) => figure <= most,
            Budget::AtLeast(least) => figure >= least,
        }
    }

    /// The figure beside its budget, such as `1.23 <= 1.15 MISSED`.
    fn judge(self, figure: f64) -> String {
        let (sign, wanted) = match self {
            Budget::AtMost(most) => ("<=", most),
            Budget::AtLeast(least) => (">=", least),
        };
        let verdict = if self.is_met(figure) { "met" } else { "MISSED" };
        format!("{figure:.2} {sign} {wanted:.2} {verdict}")
    }
}

/// The one that stands at this share of them, which are not none and ascend.
fn at_share<T: Copy>(ascending: &[T], share: f64) -> T {
    ascending[((ascending.len() - 1) as f64 * share) as usize]
}

/// The middle one; of an even number the lower of the two.
fn median(mut numbers: Vec<f64>) -> f64 {
    assert!(!numbers.is_empty(), "a median needs a number");
    numbers.sort_by(f64::total_cmp);
    numbers[(numbers.len() - 1) / 2]
}
