//! `dir`: the working directory.

use config::{Config, id};

/// Changes the working directory. The error is the system's reason, as CONFIG SET answers it.
pub(crate) fn change(config: &Config) -> Result<(), String> {
    std::env::set_current_dir(&*config.text(id::DIR)).map_err(|error| super::reason(&error))
}

/// At the start: changes it, and remembers its absolute name for CONFIG GET and REWRITE.
pub(crate) fn enter(config: &mut Config) -> Result<(), String> {
    change(config)
        .map_err(|reason| format!("Can't chdir to '{}': {reason}", config.text(id::DIR)))?;
    if let Ok(absolute) = std::env::current_dir() {
        use std::os::unix::ffi::OsStrExt;
        config.record(id::DIR, &[absolute.as_os_str().as_bytes()]).map_err(|r| r.to_string())?;
    }
    Ok(())
}
