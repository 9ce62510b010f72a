//! Server CPU per command and throughput, peer and ours in turns.
//!
//! The load generator is asked for far more requests than it will get to send; after a moment of
//! warming up we read the server's CPU time and its count of commands twice, `window` apart, and
//! kill the generator. So connecting and ending are not measured, and the generator's own idea of
//! its speed is not needed.
//!
//! In the pinned mode the server has one core and the generator the other: CPU per command is then
//! a property of the server alone, even where the generator is the slower of the two.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::secure::Certificate;
use super::server::{Cost, Server, cores, spawn_on};
use super::subscribers::Subscribers;
use super::workload::{Keys, LIMITED, LIMITED_GET, SECURE, Workload};
use super::{Budget, Setup, median};

/// Long enough for a thousand connections and for every buffer to have grown.
const WARM_UP: Duration = Duration::from_millis(700);

/// Ours and peer on the first core, the load on the second.
pub(crate) fn pinned(
    setup: &Setup,
    load: &Path,
    workloads: &[&Workload],
    workers: usize,
) -> Result<()> {
    let cores = cores()?;
    ensure!(cores.len() >= 2, "the pinned mode needs two cores");
    let (server_core, load_core) = (Some(cores[0]), Some(cores[1]));
    let peer = Server::start(&setup.peer, 1, server_core)?;
    let ours = Server::start(&setup.ours, workers, server_core)?;
    println!("\nserver CPU per command; server on core {}, load on core {}", cores[0], cores[1]);
    compare(setup, load, load_core, workloads, peer, ours)
}

/// The same over TLS.
pub(crate) fn secure(setup: &Setup, load: &Path) -> Result<()> {
    let cores = cores()?;
    ensure!(cores.len() >= 2, "the pinned mode needs two cores");
    let (server_core, load_core) = (Some(cores[0]), Some(cores[1]));
    let certificate = Certificate::make()?;
    let peer = certificate.start(&setup.peer, server_core)?;
    let ours = certificate.start(&setup.ours, server_core)?;
    println!("\nserver CPU per command over TLS; one thread a server, pinned");
    compare(setup, load, load_core, &SECURE.each_ref(), peer, ours)
}

fn compare(
    setup: &Setup,
    load: &Path,
    load_core: Option<usize>,
    workloads: &[&Workload],
    mut peer: Server,
    mut ours: Server,
) -> Result<()> {
    fill(setup, &mut [&mut peer, &mut ours], workloads)?;
    println!(
        "{:<18} {:>8} {:>8} {:>7} {:>11} {:>11} {:>8} {:>7}",
        "workload", "peer µs", "ours µs", "ratio", "peer cmd/s", "ours cmd/s", "speed", "budget"
    );
    let mut missed = 0;
    for workload in workloads {
        let mut servers = [(&mut peer, load_core), (&mut ours, load_core)];
        let costs = in_turns(setup, workload, load, &mut servers)?;
        let (theirs, own) = (costs[0], costs[1]);
        let ratio = own.cpu_us_per_command / theirs.cpu_us_per_command;
        let (budget, mark) = match workload.budget {
            None => ("–".to_owned(), ""),
            Some(budget) if Budget::AtMost(budget).is_met(ratio) => (format!("{budget:.2}"), "met"),
            Some(budget) => {
                missed += 1;
                (format!("{budget:.2}"), "MISSED")
            }
        };
        println!(
            "{:<18} {:>8.3} {:>8.3} {:>6.2}× {:>11.0} {:>11.0} {:>7.2}× {:>7} {mark}",
            workload.name,
            theirs.cpu_us_per_command,
            own.cpu_us_per_command,
            ratio,
            theirs.commands_per_s,
            own.commands_per_s,
            own.commands_per_s / theirs.commands_per_s,
            budget,
        );
    }
    println!("budgets missed: {missed}");
    Ok(())
}

/// What our CPU per command may be with two workers: beside the peer's, and beside our own with one.
const TWO_TO_PEER: Budget = Budget::AtMost(0.45);
const TWO_TO_ONE: Budget = Budget::AtMost(1.15);

/// Two threads a server and no pinning; ours with one worker beside it.
///
/// One worker has a core to itself and the generator the other; two workers share both with it, so
/// they sleep and wake more often and find fewer commands each time. To tell this from what locks
/// cost, one worker is also measured on one core together with the generator: there, as with two
/// workers on two cores, a worker shares each core.
pub(crate) fn two_cores(setup: &Setup, load: &Path, workloads: &[&Workload]) -> Result<()> {
    let first = cores()?.first().copied();
    let mut peer = Server::start(&setup.peer, 2, None)?;
    let mut ours = Server::start(&setup.ours, 2, None)?;
    let mut ours_alone = Server::start(&setup.ours, 1, None)?;
    let mut ours_shared = Server::start(&setup.ours, 1, first)?;
    fill(setup, &mut [&mut peer, &mut ours, &mut ours_alone, &mut ours_shared], workloads)?;

    println!("\nnothing pinned; peer with --io-threads 2, ours with 2 workers and with 1");
    for workload in workloads {
        let costs = in_turns(
            setup,
            workload,
            load,
            &mut [
                (&mut peer, None),
                (&mut ours, None),
                (&mut ours_alone, None),
                (&mut ours_shared, first),
            ],
        )?;
        let [theirs, two, one, shared] = costs[..] else { unreachable!("one for each server") };
        let cpu = |cost: Cost| cost.cpu_us_per_command;
        let speed = two.commands_per_s / theirs.commands_per_s;
        println!("{}", workload.name);
        let row = |name: &str, cost: Cost| {
            println!("  {name:<28} {:>9.0} cmd/s {:>7.3} µs/cmd", cost.commands_per_s, cpu(cost));
        };
        row("peer, 2 threads", theirs);
        row("ours, 2 workers", two);
        row("ours, 1 worker", one);
        row("ours, 1 worker, 1 core", shared);
        let judge = |budget: Option<f64>| {
            budget.map_or(format!("{speed:.2}"), |least| Budget::AtLeast(least).judge(speed))
        };
        println!("  throughput against the peer:  {}", judge(workload.speed));
        println!("  CPU against the peer:         {}", TWO_TO_PEER.judge(cpu(two) / cpu(theirs)));
        println!("  CPU of two workers to one:    {}", TWO_TO_ONE.judge(cpu(two) / cpu(one)));
        println!("  … to one that shares a core:  {:.2}", cpu(two) / cpu(shared));
    }
    Ok(())
}

/// What a user with rules may cost more than one without.
const LIMITED_TO_ALL: Budget = Budget::AtMost(1.03);

/// GET of a user who may not do everything, beside that of one who may; ours alone.
pub(crate) fn limited(setup: &Setup, load: &Path) -> Result<()> {
    let cores = cores()?;
    ensure!(cores.len() >= 2, "the pinned mode needs two cores");
    let mut ours = Server::start(&setup.ours, 1, Some(cores[0]))?;
    fill(setup, &mut [&mut ours], &LIMITED_GET.each_ref())?;
    let mut costs = [const { Vec::new() }; 2];
    for _ in 0..setup.rounds {
        for (workload, costs) in LIMITED_GET.iter().zip(&mut costs) {
            let cost = measure(setup, load, Some(cores[1]), workload, &mut ours)?;
            costs.push(cost.cpu_us_per_command);
        }
    }
    let [limited, all] = costs.map(median);
    println!("\n{}: {limited:.3} µs of CPU", LIMITED_GET[0].name);
    println!("{}: {all:.3} µs of CPU", LIMITED_GET[1].name);
    println!("with rules to without: {}", LIMITED_TO_ALL.judge(limited / all));
    Ok(())
}

pub(super) fn fill(
    setup: &Setup,
    servers: &mut [&mut Server],
    workloads: &[&Workload],
) -> Result<()> {
    for keys in Keys::ALL {
        if workloads.iter().any(|workload| workload.keys == keys) {
            for server in &mut *servers {
                server.fill(keys, keys.count() / setup.shrink)?;
            }
        }
    }
    Ok(())
}

/// Measures each server once a round, with the load on its core, and gives the medians in the
/// servers' order.
pub(super) fn in_turns(
    setup: &Setup,
    workload: &Workload,
    load: &Path,
    servers: &mut [(&mut Server, Option<usize>)],
) -> Result<Vec<Cost>> {
    let mut costs = vec![Vec::new(); servers.len()];
    for _ in 0..setup.rounds {
        for ((server, load_core), costs) in servers.iter_mut().zip(&mut costs) {
            costs.push(measure(setup, load, *load_core, workload, server)?);
        }
    }
    Ok(costs
        .iter()
        .map(|rounds: &Vec<Cost>| Cost {
            cpu_us_per_command: median(rounds.iter().map(|c| c.cpu_us_per_command).collect()),
            commands_per_s: median(rounds.iter().map(|c| c.commands_per_s).collect()),
        })
        .collect())
}

fn measure(
    setup: &Setup,
    load: &Path,
    load_core: Option<usize>,
    workload: &Workload,
    server: &mut Server,
) -> Result<Cost> {
    let below = workload.below.unwrap_or(workload.keys.count() / setup.shrink);
    let _subscribers = Subscribers::open(server.port(), workload.subscribers, load_core)?;
    let mut generator = Command::new(load);
    if workload.is_limited {
        let (user, password) = LIMITED;
        let rules = ["on", &format!(">{password}"), "~key:*", "&*", "+@read", "+@write"];
        let words = ["ACL", "SETUSER", user].into_iter().chain(rules);
        server.connection().call(&words.map(str::as_bytes).collect::<Vec<_>>())?;
        generator.args(["--user", user, "-a", password]);
    }
    let port = match &server.secure {
        Some(secure) if workload.is_secure => {
            generator.args(["--tls", "--cacert", &secure.authority]);
            secure.port
        }
        _ => server.port(),
    };
    generator
        .args(["-p", &port.to_string(), "-q", "-n", "2000000000"])
        .args(["-c", &workload.clients.to_string(), "-P", &workload.depth.to_string()])
        .args(["-r", &below.to_string()])
        .args(workload.command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut generator = spawn_on(&mut generator, load_core)?;
    std::thread::sleep(WARM_UP);
    let cost = server.read().and_then(|start| {
        std::thread::sleep(setup.window);
        start.until(server.read()?)
    });
    let _ = generator.kill();
    generator.wait().context("wait for the load generator")?;
    cost.with_context(|| format!("measure {}", workload.name))
}
