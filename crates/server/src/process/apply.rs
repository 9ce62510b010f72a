//! CONFIG SET of options that reach outside the engine.
//!
//! Called with the gate closed. An error is CONFIG SET's reason; the caller then restores the old
//! values and applies them again.

use config::{Config, OptId, id};

use super::{crash, dir, limits, locale, log, oom_score, title};
use crate::host::ServerHost;
use crate::inbox::Letter;
use crate::listen::Port;
use crate::tls;

/// Makes the changed options true.
pub(crate) fn apply(host: &ServerHost, changed: &[OptId], config: &Config) -> Result<(), String> {
    changed.iter().try_for_each(|option| apply_one(host, *option, config))
}

fn apply_one(host: &ServerHost, option: OptId, config: &Config) -> Result<(), String> {
    let set_title = || title::set(config, host.identity.config_file.as_deref());
    match option {
        id::LOGLEVEL | id::LOG_FORMAT | id::LOG_TIMESTAMP_FORMAT => log::set_form(config),
        id::CRASH_LOG_ENABLED | id::USE_EXIT_ON_PANIC => crash::configure(config),
        id::PROC_TITLE_TEMPLATE => set_title(),
        id::TCP_KEEPALIVE => host.listeners.set_keepalive(config),
        id::OOM_SCORE_ADJ | id::OOM_SCORE_ADJ_VALUES => oom_score::apply(config)?,
        id::LOCALE_COLLATE => locale::apply(config)?,
        id::DIR => dir::change(config)?,
        id::MAXCLIENTS => raise_limits(host, config)?,
        id::PORT => {
            rebind(host, option, config, Port::Plain)?;
            set_title();
        }
        id::TLS_PORT => {
            configure_tls(host, config)?;
            rebind(host, option, config, Port::Tls)?;
            set_title();
        }
        id::BIND => {
            rebind(host, option, config, Port::Plain)?;
            rebind(host, option, config, Port::Tls)?;
        }
        _ if tls::is_part(option) => configure_tls(host, config)?,
        // The engine copies what it looks at; the rest is read where it is needed.
        _ => {}
    }
    Ok(())
}

fn raise_limits(host: &ServerHost, config: &Config) -> Result<(), String> {
    let clients = match limits::raise(config.int(id::MAXCLIENTS) as u64, host.inboxes.len()) {
        limits::Fit::All => return Ok(()),
        limits::Fit::Only(clients) => clients,
        limits::Fit::None { .. } => 0,
    };
    Err(format!(
        "The operating system is not able to handle the specified number of clients, try with \
         {clients}"
    ))
}

fn configure_tls(host: &ServerHost, config: &Config) -> Result<(), String> {
    host.listeners.tls.configure(config).map_err(|line| {
        log::line('#', &line);
        "Unable to update TLS configuration. Check server logs.".to_owned()
    })
}

fn rebind(host: &ServerHost, option: OptId, config: &Config, port: Port) -> Result<(), String> {
    let opened = host.listeners.rebind(config, port, |line| log::line('#', &line));
    if opened.is_ok() {
        host.inboxes[0].send(Letter::Rebound);
    }
    opened.map_err(|error| {
        error.lines.iter().for_each(|line| log::line('#', line));
        match option {
            id::BIND => "Failed to bind to specified addresses.",
            _ => "Unable to listen on this port. Check server logs.",
        }
        .to_owned()
    })
}
