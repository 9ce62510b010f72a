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
    if let Some(absolute) = absolute() {
        config.record(id::DIR, &[&absolute]).map_err(|r| r.to_string())?;
    }
    Ok(())
}

/// The absolute name of the working directory; none if it was removed.
pub(crate) fn absolute() -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::env::current_dir().ok()?.into_os_string().into_vec())
}
