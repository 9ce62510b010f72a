//! The outside as the engine asks for it: waking workers, the log, the allocator, the process.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use config::{Config, OptId};
use engine::Engine;
use engine::engine::{Host, Shutdown};

use crate::alloc;
use crate::inbox::Inbox;
use crate::process::log;

pub(crate) struct ServerHost {
    pub(crate) inboxes: Arc<[Inbox]>,
    /// Set once the engine exists: the host is made first.
    pub(crate) engine: OnceLock<std::sync::Weak<Engine>>,
    pub(crate) shutdown: Mutex<Option<Shutdown>>,
    pub(crate) is_shutting_down: AtomicBool,
    /// The configuration file, if there is one.
    pub(crate) config_file: Option<String>,
}

impl ServerHost {
    pub(crate) fn new(inboxes: Arc<[Inbox]>, config_file: Option<String>) -> ServerHost {
        ServerHost {
            inboxes,
            engine: OnceLock::new(),
            shutdown: Mutex::new(None),
            is_shutting_down: AtomicBool::new(false),
            config_file,
        }
    }
}

impl Host for ServerHost {
    fn wake(&self, worker: usize) {
        self.inboxes[worker].ring();
    }

    fn log(&self, level: char, text: &str) {
        log::line(level, text);
    }

    fn used_memory(&self) -> usize {
        alloc::used_bytes()
    }

    fn apply(&self, _changed: &[OptId], _config: &Config) -> Result<(), String> {
        Ok(())
    }

    fn rewrite_config(&self, _config: &Config) -> Result<(), String> {
        Err("The server is running without a config file".into())
    }

    fn facts(&self) -> Vec<(&'static str, &'static str, String)> {
        Vec::new()
    }

    fn allocator(&self, _request: &str) -> Result<String, String> {
        Ok(String::new())
    }

    fn shut_down(&self, how: Shutdown) {
        *self.shutdown.lock().expect("nobody panics holding the wish") = Some(how);
        self.is_shutting_down.store(true, Relaxed);
        if let Some(engine) = self.engine.get().and_then(std::sync::Weak::upgrade) {
            engine.shutting_down.store(true, Relaxed);
        }
        for inbox in self.inboxes.iter() {
            inbox.ring();
        }
    }

    fn crash(&self, how: &str) {
        log::line('#', &format!("DEBUG {how}"));
        std::process::abort();
    }
}
