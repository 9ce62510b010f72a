//! What durability costs: SET from 50 clients, one at a time each, with the append only file in its
//! modes.
//!
//! Nothing is pinned: the log has a thread of its own, and may use what the workers leave. All servers
//! write to the same disk, one at a time; how many syncs it does in a second is said above the table.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::server::Server;
use super::throughput::{fill, in_turns};
use super::{Budget, Setup, workload};

const WORKLOAD: &str = "SET@1";

/// Of the peer's throughput under `always`.
const ALWAYS: Budget = Budget::AtLeast(5.0);
/// Of our own without a log.
const EVERYSEC: Budget = Budget::AtLeast(0.9);

pub(crate) fn run(setup: &Setup, load: &Path, workers: usize) -> Result<()> {
    let workloads = workload::choose(&[WORKLOAD.to_owned()])?;
    let start = |program: &Path, threads, policy: &str| match policy {
        "none" => Server::start(program, threads, None),
        policy => {
            let options = ["--appendonly", "yes", "--appendfsync", policy];
            let options = [&options[..], &["--auto-aof-rewrite-percentage", "0"]].concat();
            Server::start_with(program, threads, None, &options)
        }
    };
    const POLICIES: [&str; 3] = ["none", "everysec", "always"];
    let mut peers = Vec::new();
    let mut ours = Vec::new();
    for policy in POLICIES {
        peers.push(start(&setup.peer, 1, policy)?);
        ours.push(start(&setup.ours, workers, policy)?);
    }
    for server in peers.iter_mut().chain(&mut ours) {
        fill(setup, &mut [server], &workloads)?;
    }
    println!("\n{WORKLOAD} from 50 clients; {:.0} syncs a second of one sector", syncs_a_second()?);
    println!(
        "{:<10} {:>11} {:>8} {:>11} {:>8} {:>7}",
        "log", "peer cmd/s", "µs/cmd", "ours cmd/s", "µs/cmd", "speed"
    );
    let mut servers: Vec<_> =
        peers.iter_mut().zip(&mut ours).flat_map(|(a, b)| [(a, None), (b, None)]).collect();
    let costs = in_turns(setup, workloads[0], load, &mut servers)?;
    for (policy, costs) in POLICIES.iter().zip(costs.chunks_exact(2)) {
        println!(
            "{policy:<10} {:>11.0} {:>8.2} {:>11.0} {:>8.2} {:>6.2}×",
            costs[0].commands_per_s,
            costs[0].cpu_us_per_command,
            costs[1].commands_per_s,
            costs[1].cpu_us_per_command,
            costs[1].commands_per_s / costs[0].commands_per_s
        );
    }
    let speed = |i: usize| costs[i].commands_per_s;
    println!("always against the peer:   {}", ALWAYS.judge(speed(5) / speed(4)));
    println!("everysec against no log:   {}", EVERYSEC.judge(speed(3) / speed(1)));
    println!("the peer's:                {:.2}", speed(2) / speed(0));
    Ok(())
}

/// How often in a second the disk takes a sector and says that it has it.
fn syncs_a_second() -> Result<f64> {
    const WINDOW: Duration = Duration::from_secs(1);
    let path = std::env::temp_dir().join(format!("ochre-bench-{}-sync", std::process::id()));
    let mut file = fs::File::create(&path)?;
    let began = Instant::now();
    let mut syncs = 0;
    while began.elapsed() < WINDOW {
        file.write_all(&[b'x'; 512])?;
        file.sync_data()?;
        syncs += 1;
    }
    let rate = f64::from(syncs) / began.elapsed().as_secs_f64();
    drop(file);
    fs::remove_file(&path)?;
    Ok(rate)
}
