//! TLS: what the options say becomes a context, and each connection of the TLS port a session.
//!
//! ```text
//!   tls-* options, files ─► setup.rs ─► context ─┐ (shared, replaced as a whole)
//!                                                ▼
//!   socket ◄── records ──► session.rs ◄── plain bytes ──► conn.rs, as of any other connection
//! ```
//!
//! rustls does the protocol, in memory; sockets stay ours. A session keeps the context it began
//! with, so certificates can be replaced while connections live.
//!
//! # Invariants
//!
//! (1) A context is made whole or not at all: after an error the one before serves on.
//! (2) A session holds at most about [`session::BACKLOG_BYTES_MAX`] that the socket did not take,
//!     and one record not yet whole.
//!
//! # Limits
//!
//! TLS 1.2 and 1.3, with forward secrecy only: no finite-field Diffie-Hellman, so no parameters
//! for it. A session is forgotten when others need its place, not after a time.

pub(crate) mod session;
mod setup;
mod subject;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use config::{Config, id};
use rustls::ServerConfig;

pub(crate) use session::Session;

/// The context for connections to come.
#[derive(Default)]
pub(crate) struct Tls {
    now: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    context: Option<Arc<ServerConfig>>,
    named_in: NamedIn,
    /// Files it came from, and when each was written.
    files: Vec<(PathBuf, Option<SystemTime>)>,
    looked: Option<Instant>,
}

/// `tls-auth-clients-user`: what in a client's certificate names its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NamedIn {
    #[default]
    Nothing,
    CommonName,
    Uri,
}

impl NamedIn {
    fn of(config: &Config) -> NamedIn {
        match config.choice(id::TLS_AUTH_CLIENTS_USER) {
            "CN" => NamedIn::CommonName,
            "URI" => NamedIn::Uri,
            _ => NamedIn::Nothing,
        }
    }

    /// Who may be meant, the first that exists is.
    fn names(self, certificate: &[u8]) -> Vec<String> {
        match self {
            NamedIn::Nothing => Vec::new(),
            NamedIn::CommonName => subject::common_name(certificate).into_iter().collect(),
            NamedIn::Uri => subject::uris(certificate),
        }
    }
}

/// The options a context is made of.
pub(crate) fn is_part(option: config::OptId) -> bool {
    matches!(
        option,
        id::TLS_CERT_FILE
            | id::TLS_KEY_FILE
            | id::TLS_KEY_FILE_PASS
            | id::TLS_CA_CERT_FILE
            | id::TLS_CA_CERT_DIR
            | id::TLS_AUTH_CLIENTS
            | id::TLS_AUTH_CLIENTS_USER
            | id::TLS_PROTOCOLS
            | id::TLS_CIPHERS
            | id::TLS_CIPHERSUITES
            | id::TLS_PREFER_SERVER_CIPHERS
            | id::TLS_SESSION_CACHING
            | id::TLS_SESSION_CACHE_SIZE
    )
}

impl Tls {
    /// Follows the options; the error is a line for the log. Without a TLS port there is nothing
    /// to follow.
    pub(crate) fn configure(&self, config: &Config) -> Result<(), String> {
        if config.int(id::TLS_PORT) == 0 {
            return Ok(());
        }
        // Looked at before they are read: what is written meanwhile is noticed at the next look.
        let files = modified(setup::files(config));
        let context = setup::context(config)?;
        let mut now = self.lock();
        now.context = Some(context);
        now.named_in = NamedIn::of(config);
        now.files = files;
        now.looked = Some(Instant::now());
        Ok(())
    }

    /// `tls-auto-reload-interval`: reads certificates anew if the files are others than before.
    /// What there is to say of it, for the log.
    pub(crate) fn reload_if_due(&self, config: &Config) -> Option<Result<(), String>> {
        let interval_s = config.int(id::TLS_AUTO_RELOAD_INTERVAL) as u64;
        if interval_s == 0 {
            return None;
        }
        {
            let mut now = self.lock();
            let is_due = now.looked.is_none_or(|then| then.elapsed().as_secs() >= interval_s);
            if !is_due || now.context.is_none() {
                return None;
            }
            now.looked = Some(Instant::now());
            let files = now.files.iter().map(|(path, _)| path.clone()).collect();
            if modified(files) == now.files {
                return None;
            }
        }
        Some(self.configure(config))
    }

    /// A session for a connection that was just accepted. None if there is no context: the port
    /// was closed meanwhile.
    pub(crate) fn session(&self) -> Option<Box<Session>> {
        let (context, named_in) = {
            let now = self.lock();
            (now.context.clone()?, now.named_in)
        };
        Session::new(context, named_in).ok().map(Box::new)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.now.lock().expect("nobody panics holding the context")
    }
}

fn modified(files: Vec<PathBuf>) -> Vec<(PathBuf, Option<SystemTime>)> {
    let when = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    files.into_iter().map(|path| (path.clone(), when(&path))).collect()
}
