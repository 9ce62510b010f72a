//! The server: reads its configuration, opens its sockets, starts its workers.
//!
//! ```text
//!   arguments ─► configuration ─► listeners ─► engine ─► worker 0 (this thread), 1, 2 …
//! ```
//!
//! Read in this order: `main` (the life of the process), [`worker`] (the event loop), [`conn`],
//! [`driver`], [`inbox`], [`listen`] (its parts), [`host`] (what the engine asks of us),
//! [`process`] (log, signals, daemon and their like).

mod alloc;
mod conn;
mod driver;
mod host;
mod inbox;
mod listen;
mod process;
mod worker;

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::sync::Arc;

use config::{CommandLine, Config, Load, id};
use engine::Engine;

use crate::host::ServerHost;
use crate::inbox::Inbox;
use crate::listen::Listeners;
use crate::process::log;
use crate::worker::Worker;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the configuration; an error is what to print before exiting.
fn configure(command_line: &CommandLine) -> Result<(Config, Vec<String>), String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let dir = std::env::current_dir().map_or_else(|_| "./".into(), |d| d.display().to_string());
    let mut config = Config::new(&config::Host { cores, dir });
    let mut stdin = Vec::new();
    if command_line.reads_stdin {
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut stdin)
            .map_err(|error| format!("Fatal error, can't read standard input: {error}"))?;
    }
    let warnings = Load::new(&config::Disk, false)
        .run(&mut config, command_line, &stdin)
        .map_err(|error| error.report("Ochre"))?;
    Ok((config, warnings))
}

fn serve() -> Result<(), String> {
    let arguments: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    let command_line = CommandLine::parse(&arguments);
    let (config, warnings) = configure(&command_line)?;
    for warning in warnings {
        log::line('#', &warning);
    }
    let workers = config.int(id::IO_THREADS).clamp(1, store::lock::WORKERS_MAX as i64) as usize;
    let inboxes: Arc<[Inbox]> = (0..workers)
        .map(|_| Inbox::new())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("Fatal error, can't create an eventfd: {error}"))?;
    let listeners = Listeners::open(&config, |line| log::line('#', &line)).map_err(|error| {
        let (last, first) = error.lines.split_last().expect("an error has a line");
        for line in first {
            log::line('#', line);
        }
        log::line('#', last);
        last.clone()
    })?;
    let port = config.int(id::PORT);
    let host = Arc::new(ServerHost::new(inboxes.clone(), command_line.file.clone()));
    let now_ms = base::clock::unix_ms();
    let (engine, seats) = Engine::new(workers, commands::all(), config, host.clone(), now_ms);
    let engine = Arc::new(engine);
    host.engine.set(Arc::downgrade(&engine)).expect("the engine is told once");
    log::line('*', &format!("Running mode=standalone, port={port}. PID: {}", std::process::id()));

    log::line('*', "Ready to accept connections");
    let mut seats = seats.into_iter();
    let first_seat = seats.next().expect("there is at least one worker");
    let threads: Vec<_> = seats
        .map(|seat| {
            let (engine, inboxes) = (engine.clone(), inboxes.clone());
            std::thread::Builder::new()
                .name(format!("worker-{}", seat.index()))
                .spawn(move || Worker::new(seat.index(), engine, inboxes, None)?.run(seat))
                .expect("the process can start its workers")
        })
        .collect();
    let mut outcome = Worker::new(0, engine.clone(), inboxes, Some(listeners))
        .and_then(|mut worker| worker.run(first_seat));
    for thread in threads {
        outcome = outcome.and(thread.join().expect("a worker that panics ends the process"));
    }
    outcome.map_err(|error| format!("Fatal error in an event loop: {error}"))?;
    log::line('#', "Redis is now ready to exit, bye bye...");
    Ok(())
}
