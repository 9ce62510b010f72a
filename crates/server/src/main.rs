//! The server: reads its configuration, opens its sockets, starts its workers.
//!
//! ```text
//!   arguments ─► configuration ─► listeners ─► engine ─► worker 0 (this thread), 1, 2 …
//! ```
//!
//! Read in this order: `main` (the life of the process), [`worker`] (the event loop), [`conn`],
//! [`driver`], [`inbox`], [`listen`] (its parts), [`floor`] and [`late`] (sockets while a script is
//! late), [`host`] (what the engine asks of us), [`tls`], [`admin`] (the port for tools), [`process`] (log, signals, daemon and their like).

mod admin;
mod alloc;
mod check_aof;
mod check_rdb;
mod conn;
mod data_lock;
mod driver;
mod floor;
mod host;
mod inbox;
mod late;
mod listen;
mod load;
mod process;
mod restore;
mod snapshot;
mod tls;
mod worker;

use std::borrow::Cow;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::sync::Arc;

use config::{CommandLine, Config, Load, id};
use engine::Engine;

use crate::floor::Floor;
use crate::host::ServerHost;
use crate::inbox::Inbox;
use crate::listen::Listeners;
use crate::process::{Process, affinity, crash, log, machine, questions, signals, title, version};
use crate::worker::Worker;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    title::remember();
    let answered =
        check_rdb::answer(title::arguments()).or_else(|| check_aof::answer(title::arguments()));
    let answered = answered.or_else(|| restore::answer(title::arguments()));
    if let Some(code) = answered.or_else(|| questions::answer(title::arguments())) {
        return code;
    }
    let arguments = title::arguments().iter().skip(1).cloned();
    let arguments: Vec<Vec<u8>> = arguments.map(OsStringExt::into_vec).collect();
    let command_line = CommandLine::parse(&arguments);
    let (mut config, warnings) = match configure(&command_line) {
        Ok(configured) => configured,
        Err(text) => {
            eprint!("{text}");
            return ExitCode::FAILURE;
        }
    };
    // From here on errors go where the log goes.
    let served = Process::enter(&mut config, command_line.file.as_deref()).and_then(|process| {
        warnings.iter().for_each(|warning| log::line('#', warning));
        serve(process, config)
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            text.lines().for_each(|line| log::line('#', line));
            ExitCode::FAILURE
        }
    }
}

/// Reads the configuration; an error is what to print before exiting.
fn configure(command_line: &CommandLine) -> Result<(Config, Vec<String>), String> {
    let cores = machine::cores();
    let dir = std::env::current_dir().map_or_else(|_| "./".into(), |d| d.display().to_string());
    let mut config = Config::new(&config::Host { cores, dir });
    let mut stdin = Vec::new();
    if command_line.reads_stdin {
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut stdin)
            .map_err(|error| format!("Fatal error, can't read standard input: {error}\n"))?;
    }
    let warnings = Load::new(&config::Disk, false)
        .run(&mut config, command_line, &stdin)
        .map_err(|error| error.report(&format!("Ochre {}", version::OCHRE)))?;
    let table = engine::engine::command_table(commands::all(), &config)
        .map_err(|(line, error)| refused(line, error.text()))?;
    engine::permission::declared_users(&table, &config)
        .map_err(|(line, why)| refused(line, why))?;
    Ok((config, warnings))
}

/// What to print of a line that was read well and cannot be done.
fn refused(line: config::Collected, reason: impl Into<Cow<'static, str>>) -> String {
    let error = config::LoadError::Line {
        place: "the configuration".to_owned(),
        line: line.line,
        text: String::from_utf8_lossy(&line.text).into_owned(),
        refusal: reason.into(),
        hint: None,
    };
    error.report(&format!("Ochre {}", version::OCHRE))
}

/// Serves until the server is asked to end, and takes back what the process put in the world.
fn serve(mut process: Process, config: Config) -> Result<(), String> {
    let served = run(&process, config);
    match &served {
        Ok(listeners) => process.leave(listeners.unix_path()),
        Err(_) => process.clean_up(None),
    }
    served.map(drop)
}

/// Returns the listeners when all workers have ended.
fn run(process: &Process, config: Config) -> Result<Arc<Listeners>, String> {
    let workers = config.int(id::IO_THREADS).clamp(1, store::lock::WORKERS_MAX as i64) as usize;
    let inboxes: Arc<[Inbox]> = (0..workers)
        .map(|_| Inbox::new())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("Fatal error, can't create an eventfd: {error}"))?;
    let listeners = Listeners::open(&config, |line| log::line('#', &line))
        .map_err(|error| error.lines.join("\n"))?;
    let admin_sockets = listen::open_admin(&config, |line| log::line('#', &line))
        .map_err(|error| error.lines.join("\n"))?;
    let listeners = Arc::new(listeners);
    signals::install(inboxes[0].fd())
        .map_err(|error| format!("Fatal error, can't copy an eventfd: {error}"))?;
    let floor = Floor::new(inboxes.clone(), listeners.clone())
        .map_err(|error| format!("Fatal error, can't create an epoll: {error}"))?;
    // It and the engine live as long as the process; plain references cost the workers nothing.
    let floor: &'static Floor = Box::leak(Box::new(floor));
    let host = Arc::new(ServerHost::new(floor, process.identity.clone()));
    // Threads inherit the cores of the one that starts them: the engine starts the background
    // thread, and this function the workers.
    affinity::pin(&config.text(id::BIO_CPULIST));
    let server_cpulist = config.text(id::SERVER_CPULIST).into_owned();
    let now_ms = base::clock::unix_ms();
    let (engine, seats) = Engine::new(workers, commands::all(), config, host.clone(), now_ms);
    let engine: &'static Engine = Box::leak(Box::new(engine));
    assert!(host.engine.set(engine).is_ok(), "the host is told of the engine once");
    affinity::pin(&server_cpulist);
    engine.start_acl()?;
    process.announce(&engine.config());
    let mut seats = seats.into_iter();
    let mut first_seat = seats.next().expect("there is at least one worker");
    if engine.has_save_points() && !engine.config().flag(id::APPENDONLY) {
        data_lock::take_at_start(&engine.config().text(id::DBFILENAME))?;
    }
    if engine.config().flag(id::APPENDONLY) {
        load::at_start(engine, &mut first_seat)?;
    } else {
        snapshot::begin_load(engine)?;
    }
    admin::start(admin_sockets, engine, inboxes);
    let ready = process.ready(listeners.kinds());
    let threads: Vec<_> = seats
        .map(|seat| {
            std::thread::Builder::new()
                .name(format!("worker-{}", seat.index()))
                .spawn(move || {
                    crash::guard_this_thread();
                    Worker::new(seat.index(), engine, floor)?.run(seat)
                })
                .expect("the process can start its workers")
        })
        .collect();
    let mut outcome =
        Worker::new(0, engine, floor).and_then(|worker| worker.when_loaded(ready).run(first_seat));
    for thread in threads {
        outcome = outcome.and(thread.join().expect("a worker that panics ends the process"));
    }
    if engine.aof.is_on() {
        log::line('*', "Calling fsync() on the AOF file.");
        engine.aof.stop();
    }
    outcome.map_err(|error| match engine.persistence.is_loading() {
        true => error.to_string(),
        false => format!("Fatal error in an event loop: {error}"),
    })?;
    Ok(listeners)
}
