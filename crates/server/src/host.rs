//! The outside as the engine asks for it: waking workers, the log, the allocator, the process.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use config::{Config, LiveLines, OptId, Scope, id};
use engine::Engine;
use engine::engine::{Host, Shutdown, SnapshotFile};
use engine::late::Late;
use engine::persistence::SaveJob;
use store::World;

use crate::alloc;
use crate::floor::Floor;
use crate::inbox::Inbox;
use crate::late;
use crate::listen::Listeners;
use crate::process::facts::Identity;
use crate::process::{
    allocator, apply, crash, dir, facts, log, memory_limit, reason, replace, rewrite, signals,
};
use crate::snapshot;

pub(crate) struct ServerHost {
    pub(crate) floor: &'static Floor,
    pub(crate) inboxes: Arc<[Inbox]>,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) identity: Identity,
    /// Set once the engine exists: the host is made first.
    pub(crate) engine: OnceLock<&'static Engine>,
    pub(crate) shutdown: Mutex<Option<Shutdown>>,
    pub(crate) is_shutting_down: AtomicBool,
}

impl ServerHost {
    pub(crate) fn new(floor: &'static Floor, identity: Identity) -> ServerHost {
        ServerHost {
            floor,
            inboxes: floor.inboxes.clone(),
            listeners: floor.listeners.clone(),
            identity,
            engine: OnceLock::new(),
            shutdown: Mutex::new(None),
            is_shutting_down: AtomicBool::new(false),
        }
    }

    fn rewrite(&self, config: &Config, scope: Scope) -> Result<(), String> {
        let live: Vec<_> =
            self.engine.get().map(|engine| user_lines(engine, config)).into_iter().collect();
        rewrite::run(config, &live, self.identity.config_file.as_deref(), scope)
    }
}

/// The users as lines of the configuration file; none if they have a file of their own.
fn user_lines(engine: &Engine, config: &Config) -> LiveLines {
    let lines = match config.bytes(id::ACLFILE).is_empty() {
        true => engine.acl.users().lines(),
        false => Vec::new(),
    };
    let written = |line: &Vec<u8>| {
        let words: Vec<_> = line.split(|byte| *byte == b' ').map(config::written).collect();
        words.join(&b' ')
    };
    LiveLines { directive: "user".to_owned(), lines: lines.iter().map(written).collect() }
}

impl Host for ServerHost {
    fn wake(&self, worker: usize) {
        self.inboxes[worker].ring();
    }

    fn shall_end(&self) -> bool {
        signals::is_waiting()
    }

    fn abort_shutdown(&self) -> bool {
        signals::forget()
    }

    fn serve_late(&self, late: &mut Late<'_>, world: &mut World<'_>) {
        late::round(self.floor, late, world);
    }

    fn log(&self, level: char, text: &str) {
        log::line(level, text);
    }

    fn give_up(&self, text: &str) {
        log::line('#', text);
        std::process::exit(1);
    }

    fn in_background(&self, name: &str, work: Box<dyn FnOnce() + Send>) {
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            crash::guard_this_thread();
            work();
        });
        // It ends by itself; whoever waits for it looks at what it leaves.
        drop(started.expect("the process can start a thread"));
    }

    fn used_memory(&self) -> usize {
        // The pool's chunks do not come from the allocator; what lies unused in them, or in a heap
        // between its records, is not used.
        let held = alloc::used_bytes() + structures::pages::bytes_held();
        let unused = structures::pages::bytes_free() + structures::heap::bytes_unused();
        held.saturating_sub(unused)
    }

    fn granted_memory(&self) -> u64 {
        memory_limit::granted_bytes()
    }

    fn working_dir(&self) -> Option<Vec<u8>> {
        dir::absolute()
    }

    fn apply(&self, changed: &[OptId], config: &Config) -> Result<(), String> {
        apply::apply(self, changed, config)
    }

    fn rewrite_config(&self, config: &Config) -> Result<(), String> {
        self.rewrite(config, Scope::Changed)
    }

    fn rewrite_config_in_full(&self, config: &Config) -> Result<(), String> {
        self.rewrite(config, Scope::All)
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| reason(&error))
    }

    fn replace_file(&self, path: &str, text: &[u8]) -> Result<(), String> {
        replace::replace(Path::new(path), text).map_err(|error| reason(&error))
    }

    fn facts(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut facts = facts::all(&self.identity);
        facts.extend(self.listeners.facts());
        facts
    }

    fn allocator(&self, request: &str) -> Result<String, String> {
        allocator::ask(request)
    }

    fn shut_down(&self, how: Shutdown) {
        *self.shutdown.lock().expect("nobody panics holding the wish") = Some(how);
        // Before anybody's connection ends: whoever sees that shall not get a new one.
        self.listeners.refuse();
        self.is_shutting_down.store(true, Relaxed);
        if let Some(engine) = self.engine.get() {
            engine.shutting_down.store(true, Relaxed);
        }
        for inbox in self.inboxes.iter() {
            inbox.ring();
        }
    }

    fn write_snapshot(&self, job: Arc<SaveJob>) {
        let engine = *self.engine.get().expect("snapshots are made after the start");
        snapshot::write(engine, job);
    }

    fn open_snapshot(&self, name: &str) -> Result<Option<SnapshotFile>, String> {
        snapshot::open(name)
    }

    fn crash(&self, how: &str) {
        let Some((verb, delay_ms)) = how.split_once(' ') else { crash::on_purpose(how) };
        let engine = self.engine.get();
        if let (true, Some(engine)) =
            (verb == "restart" && self.identity.config_file.is_some(), engine)
            && let Err(why) = self.rewrite_config(&engine.config())
        {
            log::line('#', &format!("CONFIG REWRITE failed: {why}"));
            return;
        }
        crash::restart(Duration::from_millis(delay_ms.parse().unwrap_or(0)));
    }
}
