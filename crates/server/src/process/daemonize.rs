//! `daemonize yes`: leaves the terminal and its parent.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;

/// Becomes a background process; the process that was started ends with code 0.
///
/// To be called while there is only one thread: a child of fork has no other.
pub(crate) fn detach() -> Result<(), String> {
    let failed = |what| {
        let error = std::io::Error::last_os_error();
        format!("Can't daemonize: {what}: {}", super::reason(&error))
    };
    // SAFETY: there is one thread (the caller's promise), so the child finds no lock held by a
    // thread that it does not have.
    match unsafe { libc::fork() } {
        -1 => return Err(failed("fork")),
        0 => {}
        // SAFETY: it ends the parent at once, leaving buffers and exit handlers to the child.
        _ => unsafe { libc::_exit(0) },
    }
    // SAFETY: it has no arguments; a child of fork leads no process group, so it is allowed.
    if unsafe { libc::setsid() } == -1 {
        return Err(failed("setsid"));
    }
    // A jail without /dev/null keeps the standard streams, as in Redis.
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        for fd in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            // SAFETY: both are descriptors; nobody holds the standard ones as owned.
            unsafe { libc::dup2(null.as_raw_fd(), fd) };
        }
    }
    Ok(())
}
