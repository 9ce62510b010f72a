//! What all workers share.
//!
//! ```text
//!   Engine
//!     table      every command, by name and id
//!     keyspace   shards and their locks          gate     who may be inside
//!     journal    the stream of changes           clients  one table for each worker
//!     config     the options as text             settings the options commands look at
//!     stats      counters for each worker        lazyfree the background thread
//!     waits      clients that wait for keys      pubsub   who listens, and messages
//!     mail       news for clients of others      monitors tracking pause   what CLIENT wants
//!     latency    what took long, and when        command_logs  slow and large commands
//!     scripts    what EVALSHA finds, libraries of functions, the states that run them
//!     late       the script that has run for too long, if one has
//!     acl        users, and what they were refused   hot_keys    keys that cost the most
//!     persistence  saving and loading
//! ```

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use base::disk::{DirLock, Disk};
use base::random::Random;
use command::table::{CommandTable, RenameError};
use config::{Collected, Config};
use crossbeam_utils::CachePadded;
use journal::Journal;
use journal::aof::Aof;
use store::keyspace::Wake;
use store::lazyfree::LazyFree;
use store::{Gate, Keyspace, PerWorker, Seat, World};

use crate::aof::{Holding, Rewrites};
use crate::backup::Backup;
use crate::blocked::Waits;
use crate::client::Client;
use crate::client_memory::ClientMemory;
use crate::clients::Clients;
use crate::command_log::CommandLogs;
use crate::cx::Handler;
use crate::eviction::ExceededTime;
use crate::hotkeys::HotKeys;
use crate::late::{Late, LateScript};
use crate::latency::LatencyMonitor;
use crate::mail::Mailboxes;
use crate::monitor::Monitors;
use crate::pause::Pause;
use crate::permission::{Acl, declared_users};
use crate::persistence::{Persistence, SaveJob};
use crate::pubsub::PubSub;
use crate::sampler::{Rate, Sampler};
use crate::scripting::Scripts;
use crate::settings::Settings;
use crate::stats::{ErrorStats, WorkerStats};
use crate::tracking::Tracking;

/// The level of Redis that is implemented: HELLO, INFO and LOLWUT say it.
pub const REDIS_VERSION: &str = "8.0.6";
pub const OCHRE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A file that is open for reading, and its length.
pub type SnapshotFile = (Box<dyn std::io::Read + Send>, u64);

/// What the engine cannot do itself, because it is I/O or belongs to the process.
pub trait Host: Send + Sync {
    /// Where files are.
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(base::disk::Real)
    }
    /// Ends the process, which can no longer keep what it acknowledged.
    fn give_up(&self, text: &str) {
        self.log('#', text);
        panic!("{text}");
    }
    /// Does something with a thread of its own.
    fn in_background(&self, name: &str, work: Box<dyn FnOnce() + Send>);
    /// Makes the worker's event loop turn soon.
    fn wake(&self, worker: usize);
    /// A line for the log: `.` debug, `-` verbose, `*` notice, `#` warning.
    fn log(&self, level: char, text: &str);
    /// Bytes the allocator has handed out.
    fn used_memory(&self) -> usize;
    /// Bytes of memory this process is granted, of which `maxmemory` may be a share; 0 if nobody
    /// knows.
    fn granted_memory(&self) -> u64 {
        0
    }
    /// Applies options that reach outside (log file, ports, limits). `Err` undoes the CONFIG SET.
    fn apply(&self, changed: &[config::OptId], config: &Config) -> Result<(), String>;
    /// The absolute name of the working directory, if there is one.
    fn working_dir(&self) -> Option<Vec<u8>> {
        None
    }
    /// Rewrites the configuration file.
    fn rewrite_config(&self, config: &Config) -> Result<(), String>;
    /// What a file holds. The error is the system's words.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String>;
    /// Puts this in a file's place, in one step, and on the disk. The error is the system's words.
    fn replace_file(&self, path: &str, text: &[u8]) -> Result<(), String>;
    /// Facts about the process that INFO prints: (section, field, value). The fields of
    /// [`crate::info`] that are read as a fact, and what MEMORY STATS and DOCTOR compute with:
    ///
    /// - `server`: `redis_build_id`, `os` (`Linux 6.1.0 x86_64`), `monotonic_clock`,
    ///   `multiplexing_api`, `process_id`, `process_supervised`, `executable`, `config_file`, and
    ///   `listener0` … for each listener (`name=tcp,bind=*,port=6379`);
    /// - `memory`, in bytes: `used_memory_rss`, `allocator_allocated`, `allocator_active`,
    ///   `allocator_resident`, `allocator_muzzy`, `total_system_memory`; `mem_allocator`
    ///   (`jemalloc-5.3.0`);
    /// - `cpu`, in seconds with six decimals: `used_cpu_sys`, `used_cpu_user`, the same two with
    ///   `_children` and with `_main_thread`.
    fn facts(&self) -> Vec<(&'static str, &'static str, String)>;
    /// Asks the allocator: `malloc-stats` (a report), `purge` (returns pages to the system),
    /// `mallctl NAME [VALUE]` (a number), `mallctl-str NAME [VALUE]` (a text).
    fn allocator(&self, request: &str) -> Result<String, String>;
    /// Asked now and then while a script keeps workers from their loops: whether a signal wants a
    /// shutdown.
    fn shall_end(&self) -> bool {
        false
    }
    /// Called about every millisecond while a script is late: serves whoever has sent something,
    /// with [`Late::run`].
    fn serve_late(&self, _late: &mut Late<'_>, _world: &mut World<'_>) {}
    /// Calls off a shutdown that a signal asked for and that has not begun; false if there is none.
    fn abort_shutdown(&self) -> bool {
        false
    }
    /// Begins a shutdown; the event loops end after this batch.
    fn shut_down(&self, how: Shutdown);
    /// Rewrites the configuration file with every option in it.
    fn rewrite_config_in_full(&self, config: &Config) -> Result<(), String> {
        self.rewrite_config(config)
    }
    /// Ends the process at once: `segfault`, `panic`, `assert`, `oom`; or starts it again after so
    /// many milliseconds: `restart MS` (saving the configuration), `crash-and-recover MS`. Returns
    /// only if that failed.
    fn crash(&self, how: &str);
    /// Writes a snapshot with a thread of its own, then tells
    /// [`Engine::end_save`](Engine::end_save).
    fn write_snapshot(&self, job: Arc<SaveJob>);
    /// Opens the snapshot file of this name in the working directory, and says how long it is. None
    /// if there is none.
    fn open_snapshot(&self, name: &str) -> Result<Option<SnapshotFile>, String>;
}

/// SHUTDOWN's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    pub save: Option<bool>,
    pub now: bool,
    pub force: bool,
}

pub struct Engine {
    pub table: CommandTable<Handler>,
    pub keyspace: Keyspace,
    pub gate: Gate,
    pub journal: Journal,
    /// The append only file; off while `appendonly` is.
    pub aof: Aof,
    pub(crate) backup: Backup,
    pub(crate) aof_lock: Mutex<Option<DirLock>>,
    pub(crate) holding: Arc<Holding>,
    pub(crate) rewrites: Rewrites,
    pub lazyfree: LazyFree,
    pub waits: Waits,
    pub pubsub: PubSub,
    pub mail: Arc<Mailboxes>,
    pub monitors: Monitors,
    pub scripts: Scripts,
    /// The script that runs, once it is late.
    pub late: LateScript,
    pub tracking: Tracking,
    pub pause: Pause,
    pub acl: Acl,
    pub persistence: Persistence,
    pub clients: PerWorker<Clients>,
    pub client_memory: ClientMemory,
    pub stats: Box<[CachePadded<WorkerStats>]>,
    pub errors: ErrorStats,
    pub command_logs: CommandLogs,
    pub latency: LatencyMonitor,
    pub hot_keys: HotKeys,
    pub settings: Settings,
    pub host: Arc<dyn Host>,
    config: Mutex<Config>,
    random: Mutex<Random>,
    next_client_id: AtomicU64,
    clients_connected: AtomicU64,
    /// Unix milliseconds.
    pub started_ms: i64,
    run_id: String,
    pub stat_reset_ms: AtomicI64,
    pub peak_memory: AtomicU64,
    /// Memory that holds changes on their way to replicas: `maxmemory` leaves it out.
    pub replica_bytes: AtomicUsize,
    /// Connections that follow the journal.
    pub followers: AtomicUsize,
    pub exceeded_time: ExceededTime,
    /// What the eviction cycles that run now aim at.
    pub(crate) evicting_bytes: AtomicUsize,
    /// Bytes in use when the engine was made.
    pub startup_memory: u64,
    /// Names the history of changes.
    replication_id: Mutex<String>,
    sampler: Mutex<Sampler>,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: AtomicBool,
    /// DEBUG PAUSE-CRON.
    pub cron_paused: AtomicBool,
    /// DEBUG SET-SKIP-CHECKSUM-VALIDATION.
    pub skip_checksums: AtomicBool,
    /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what they otherwise may not.
    pub scripts_call_all: AtomicBool,
    pub shutting_down: AtomicBool,
}

/// The table of commands under the names that `rename-command` gives them.
///
/// # Errors
/// The first such line that cannot be done, and why.
pub fn command_table(
    commands: &[&'static [crate::Command]],
    config: &Config,
) -> Result<CommandTable<Handler>, (Collected, RenameError)> {
    let mut table = CommandTable::build(commands);
    for line in config.collected.iter().filter(|line| line.directive == "rename-command") {
        let [old, new] = &line.args[..] else {
            unreachable!("the configuration takes rename-command with two arguments only")
        };
        table.rename(old, new).map_err(|error| (line.clone(), error))?;
    }
    Ok(table)
}

struct WakeHost(Arc<dyn Host>);

impl Wake for WakeHost {
    fn wake(&self, worker: usize) {
        self.0.wake(worker);
    }
}

/// The journal keeps at least this much for readers.
const BACKLOG_BYTES_MIN: usize = 1 << 20;

impl Engine {
    /// An engine for so many workers, and a seat for each.
    pub fn new(
        workers: usize,
        commands: &[&'static [crate::Command]],
        config: Config,
        host: Arc<dyn Host>,
        now_ms: i64,
    ) -> (Engine, Vec<Seat>) {
        let mut random = Random::from_os();
        let mut seed = [0; 16];
        random.fill(&mut seed);
        let table = command_table(commands, &config)
            .expect("whoever read the configuration has tried its rename-command lines");
        let users = declared_users(&table, &config)
            .expect("whoever read the configuration has tried its user lines");
        let databases = config.int(config::id::DATABASES) as usize;
        let (gate, seats) = Gate::new(workers);
        let settings = Settings::default();
        settings.load(&config, &*host);
        let backlog = (config.int(config::id::REPL_BACKLOG_SIZE) as usize).max(BACKLOG_BYTES_MIN);
        let mail = Arc::new(Mailboxes::new(workers));
        let engine = Engine {
            stats: (0..workers)
                .map(|_| CachePadded::new(WorkerStats::new(table.entry_count())))
                .collect(),
            keyspace: Keyspace::new(workers, databases, seed, Box::new(WakeHost(host.clone()))),
            gate,
            journal: Journal::new(workers, backlog),
            aof: Aof::new(),
            backup: Backup::default(),
            aof_lock: Mutex::new(None),
            holding: Holding::new(workers),
            rewrites: Rewrites::default(),
            lazyfree: LazyFree::start(),
            waits: Waits::new(workers),
            pubsub: PubSub::new(mail.clone()),
            mail,
            monitors: Monitors::default(),
            scripts: Scripts::new(workers),
            late: LateScript::default(),
            tracking: Tracking::default(),
            pause: Pause::default(),
            acl: Acl::new(users),
            persistence: Persistence::default(),
            clients: PerWorker::new(workers, |_| Clients::default()),
            client_memory: ClientMemory::new(workers),
            errors: ErrorStats::default(),
            command_logs: CommandLogs::default(),
            latency: LatencyMonitor::default(),
            hot_keys: HotKeys::default(),
            settings,
            startup_memory: host.used_memory() as u64,
            host,
            config: Mutex::new(config),
            run_id: random.hex(40),
            replication_id: Mutex::new(random.hex(40)),
            random: Mutex::new(random),
            next_client_id: AtomicU64::new(1),
            clients_connected: AtomicU64::new(0),
            started_ms: now_ms,
            stat_reset_ms: AtomicI64::new(now_ms),
            peak_memory: AtomicU64::new(0),
            replica_bytes: AtomicUsize::new(0),
            followers: AtomicUsize::new(0),
            exceeded_time: ExceededTime::default(),
            evicting_bytes: AtomicUsize::new(0),
            sampler: Mutex::default(),
            active_expire: AtomicBool::new(true),
            cron_paused: AtomicBool::new(false),
            skip_checksums: AtomicBool::new(false),
            scripts_call_all: AtomicBool::new(false),
            shutting_down: AtomicBool::new(false),
            table,
        };
        engine.note_default_user(&engine.acl.users());
        engine.configure_aof(&engine.config());
        (engine, seats)
    }

    pub fn workers(&self) -> usize {
        self.gate.workers()
    }

    pub fn config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().expect("nobody panics holding the configuration")
    }

    /// A generator of its own for a worker.
    pub fn new_random(&self) -> Random {
        let mut random = self.random.lock().expect("nobody panics drawing a number");
        Random::from_seed(random.next_u64())
    }

    /// A new connection. It counts as authenticated if no password is set now, and stays so when
    /// one is set later, as in Redis.
    pub fn new_client(&self, now_ms: i64) -> Client {
        let mut client = Client::new(self.next_client_id(), now_ms);
        self.begin_as_default(&mut client);
        client
    }

    pub fn next_client_id(&self) -> u64 {
        self.next_client_id.fetch_add(1, Relaxed)
    }

    /// Counts a new connection; false if that would be more than `maxclients`.
    pub fn admit_client(&self) -> bool {
        let max = self.settings.clients_max.load(Relaxed) as u64;
        if self.clients_connected.fetch_add(1, Relaxed) >= max {
            self.clients_connected.fetch_sub(1, Relaxed);
            return false;
        }
        true
    }

    pub fn forget_client(&self) {
        self.clients_connected.fetch_sub(1, Relaxed);
    }

    pub fn connected_clients(&self) -> u64 {
        self.clients_connected.load(Relaxed)
    }

    /// A counter summed over workers.
    pub fn total(&self, counter: impl Fn(&WorkerStats) -> u64) -> u64 {
        self.stats.iter().map(|s| counter(s)).sum()
    }
    /// A random name of this run of the server.
    pub fn run_id(&self) -> String {
        self.run_id.clone()
    }

    pub fn replication_id(&self) -> String {
        self.replication_id.lock().expect("nobody panics naming a history").clone()
    }

    /// The changes from here on are another history than a replica may know.
    pub fn change_replication_id(&self) {
        let mut random = self.random.lock().expect("nobody panics drawing a number");
        *self.replication_id.lock().expect("nobody panics naming a history") = random.hex(40);
    }

    /// To be called ten times a second, by one worker.
    pub fn tick(&self, now_ms: i64) {
        self.end_pause_in_time(now_ms);
        self.end_hot_keys_in_time(now_ms);
        self.forget_untracked();
        self.peak_memory.fetch_max(self.host.used_memory() as u64, Relaxed);
        let totals = [
            self.total(|s| s.commands.get()),
            self.total(|s| s.net_input_bytes.get()),
            self.total(|s| s.net_output_bytes.get()),
            self.total(|s| s.turns.get()),
            store::ticks::to_us(self.total(|s| s.turn_ticks.get())),
        ];
        self.sampler.lock().expect("nobody panics sampling").sample(now_ms, totals);
    }

    /// What happened in a second, lately.
    pub fn rate(&self, rate: Rate) -> u64 {
        self.sampler.lock().expect("nobody panics sampling").per_second(rate)
    }

    /// CONFIG RESETSTAT. The caller owns the world: the counters have one writer each.
    pub fn reset_stats(&self, now_ms: i64) {
        for stats in &self.stats {
            stats.reset();
        }
        self.errors.reset();
        self.scripts.evicted.store(0, Relaxed);
        self.lazyfree.reset();
        self.exceeded_time.reset();
        self.sampler.lock().expect("nobody panics sampling").reset();
        self.stat_reset_ms.store(now_ms, Relaxed);
    }
}
