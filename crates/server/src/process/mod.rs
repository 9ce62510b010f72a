//! Everything about being a process.
//!
//! ```text
//!   remember ─► questions ─► configuration ─► Process::enter ─► sockets, engine ─► ready ─► leave
//!   (arguments) (--version)                   │ dir, log, crash report
//!                                             │ daemonize      while there is one thread
//!                                             │ limits, scores, locale, title, pid file
//! ```
//!
//! - the log: [`log`], [`local_time`], [`logo`], [`version`]
//! - how the process stands in the system: [`daemonize`], [`pidfile`], [`supervised`], [`limits`],
//!   [`oom_score`], [`title`], [`locale`], [`affinity`], [`dir`]
//! - how it ends: [`signals`], [`crash`]
//! - what it knows: [`machine`], [`facts`], [`allocator`], [`questions`]
//! - what CONFIG reaches: [`apply`], [`rewrite`]; files that change in one step: [`replace`]

pub(crate) mod affinity;
pub(crate) mod allocator;
pub(crate) mod apply;
pub(crate) mod crash;
mod daemonize;
pub(crate) mod dir;
pub(crate) mod facts;
mod limits;
mod local_time;
mod locale;
pub(crate) mod log;
pub(crate) mod logo;
pub(crate) mod machine;
pub(crate) mod memory_limit;
mod oom_score;
mod pidfile;
pub(crate) mod questions;
pub(crate) mod replace;
pub(crate) mod rewrite;
pub(crate) mod signals;
mod supervised;
pub(crate) mod title;
pub(crate) mod version;

use std::path::Path;

use config::{Config, id};

use facts::Identity;
use pidfile::PidFile;
use supervised::Supervisor;

/// The system's words for an error. Rust adds the number, which Redis does not print:
/// "... (os error 2)".
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// What the process became at its start and must undo at its end.
pub(crate) struct Process {
    pub(crate) identity: Identity,
    supervisor: Supervisor,
    pidfile: Option<PidFile>,
}

impl Process {
    /// Becomes the process that the configuration describes: only the sockets are missing. To be
    /// called once, before any thread is started. An error is a line to exit with.
    ///
    /// Writes back what the system made of `dir` and `maxclients`.
    pub(crate) fn enter(config: &mut Config, file: Option<&str>) -> Result<Process, String> {
        // Before `dir` changes what a relative path means.
        let config_file = file.map(|file| {
            std::path::absolute(file).map_or_else(|_| file.to_owned(), |f| f.display().to_string())
        });
        dir::enter(config)?;
        // Before `daemonize` takes the terminal away, so that an error can be seen.
        log::configure(config)?;
        crash::configure(config);
        crash::guard_this_thread();
        let supervisor = Supervisor::find(config);
        // A supervisor watches the process that it started.
        let is_daemon = config.flag(id::DAEMONIZE) && supervisor == Supervisor::None;
        if is_daemon {
            daemonize::detach()?;
        }
        say_hello(config_file.as_deref());
        fit_to_limits(config)?;
        locale::apply(config)
            .map_err(|_| "Failed to configure LOCALE for invalid locale name.".to_owned())?;
        // It has been logged; a server runs without.
        let _ = oom_score::apply(config);
        if config.flag(id::SET_PROC_TITLE) {
            title::prepare();
            title::set(config, config_file.as_deref());
        }
        let path = match config.text(id::PIDFILE) {
            path if path.is_empty() && is_daemon => pidfile::DEFAULT_PATH.into(),
            path => path,
        };
        let pidfile = match path.as_ref() {
            "" => None,
            path => PidFile::write(Path::new(path)),
        };
        let identity = Identity { config_file, supervisor: supervisor.name() };
        Ok(Process { identity, supervisor, pidfile })
    }

    /// The sockets are open.
    pub(crate) fn announce(&self, config: &Config) {
        logo::show(config);
        machine::warn(config);
        log::line('*', "Server initialized");
    }

    /// To be called when the data set is there.
    pub(crate) fn ready(&self, listens_to: Vec<&'static str>) -> Box<dyn FnOnce() + Send> {
        let supervisor = self.supervisor;
        Box::new(move || {
            for kind in listens_to {
                log::line('*', &format!("Ready to accept connections {kind}"));
            }
            supervisor.ready();
        })
    }

    /// The server ends as it was asked to.
    pub(crate) fn leave(&mut self, unix_path: Option<&str>) {
        self.supervisor.stopping();
        self.clean_up(unix_path);
        log::line('#', "Redis is now ready to exit, bye bye...");
    }

    /// Removes what others would take for a running server.
    pub(crate) fn clean_up(&mut self, unix_path: Option<&str>) {
        if let Some(pidfile) = self.pidfile.take() {
            pidfile.remove();
        }
        if let Some(path) = unix_path {
            log::line('*', "Removing the unix socket file.");
            // It is of no use to anybody; that it is gone already is no news.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn say_hello(config_file: Option<&str>) {
    log::line('*', "oO0OoO0OoO0Oo Ochre is starting oO0OoO0OoO0Oo");
    log::line(
        '*',
        &format!(
            "Ochre version={}, Redis version={}, bits={}, pid={}, just started",
            version::OCHRE,
            version::REDIS,
            usize::BITS,
            std::process::id()
        ),
    );
    match config_file {
        Some(_) => log::line('*', "Configuration loaded"),
        None => log::line(
            '#',
            "Warning: no config file specified, using the default config. In order to specify a \
             config file use ochre-server /path/to/redis.conf",
        ),
    }
}

fn fit_to_limits(config: &mut Config) -> Result<(), String> {
    let clients = config.int(id::MAXCLIENTS) as u64;
    match limits::raise(clients, config.size(id::IO_THREADS)) {
        limits::Fit::All => Ok(()),
        limits::Fit::Only(clients) => config
            .record(id::MAXCLIENTS, &[clients.to_string().as_bytes()])
            .map_err(|refusal| refusal.to_string()),
        limits::Fit::None { files } => Err(format!(
            "Your current 'ulimit -n' of {files} is not enough for the server to start. Please \
             increase your open file limit to at least {}. Exiting.",
            files + clients
        )),
    }
}
