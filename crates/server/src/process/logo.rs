//! What a server says of itself when it starts: an ochre hand on the wall of a cave.
//!
//! Redis's test suite, and some scripts, wait for ` PID: ` and the process id on the standard
//! output, so the logo has it, in Redis's words.

use std::io::IsTerminal;

use config::{Config, id};

use super::{log, version};

/// Logs the logo, or one line where a logo would only fill a file.
pub(crate) fn show(config: &Config) {
    let port = match config.int(id::PORT) {
        0 => config.int(id::TLS_PORT),
        port => port,
    };
    let is_seen = !config.flag(id::SYSLOG_ENABLED)
        && config.bytes(id::LOGFILE).is_empty()
        && std::io::stdout().is_terminal();
    if is_seen || config.flag(id::ALWAYS_SHOW_LOGO) {
        log::raw(&logo("standalone", port, std::process::id()));
    } else {
        log::line('*', &format!("Running mode=standalone, port={port}."));
    }
}

fn logo(mode: &str, port: i64, pid: u32) -> String {
    let (name, level) = (version::OCHRE, version::REDIS);
    format!(
        r"
            _  _
          _( )( )_
         ( )|  | |    Ochre {name} (as Redis {level}) {bits} bit
         | ||  | | _
         | |'  '-'( )
         |         /  Running in {mode} mode
          \       /   Port: {port}
           \     /    PID: {pid}
            |   |
            |   |     COMPAT.md says what is different

",
        bits = usize::BITS,
    )
}
