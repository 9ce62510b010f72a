//! Open files: a connection is one, so `maxclients` needs the kernel's leave.
//!
//! The limit of the process is raised as far as it must and may be. Where it may not, `maxclients`
//! becomes what fits. What the server itself keeps open is reserved first.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::log;

/// Redis's share for listeners, log, data files; we add two for each worker (epoll, eventfd).
const RESERVED: u64 = 32;

/// What could be had for the `maxclients` that were wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    All,
    /// Only so many clients.
    Only(u64),
    /// Not even one.
    None {
        files: u64,
    },
}

/// Raises the limit of open files for so many clients.
pub(crate) fn raise(clients: u64, workers: usize) -> Fit {
    let reserved = RESERVED + 2 * workers as u64;
    let wanted = clients + reserved;
    let limit = getrlimit(Resource::Nofile);
    let before = limit.current.unwrap_or(u64::MAX);
    if before >= wanted {
        return Fit::All;
    }
    // A hard limit may also be raised, by root.
    let raise_hard =
        Rlimit { current: Some(wanted), maximum: limit.maximum.map(|hard| hard.max(wanted)) };
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let up_to_hard = Rlimit { current: Some(wanted.min(hard)), maximum: limit.maximum };
    let Err(error) = setrlimit(Resource::Nofile, raise_hard) else {
        log::line(
            '*',
            &format!(
                "Increased maximum number of open files to {wanted} (it was originally set to \
                 {before})."
            ),
        );
        return Fit::All;
    };
    // If even this fails the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, up_to_hard);
    let after = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if after >= wanted {
        return Fit::All;
    }
    let fit = fit(after, reserved);
    if let Fit::Only(fitting) = fit {
        log_shortage(clients, wanted, after, fitting, &super::reason(&error.into()));
    }
    fit
}

fn fit(files: u64, reserved: u64) -> Fit {
    match files.checked_sub(reserved) {
        None | Some(0) => Fit::None { files },
        Some(clients) => Fit::Only(clients),
    }
}

fn log_shortage(clients: u64, wanted: u64, files: u64, fitting: u64, reason: &str) {
    for text in [
        format!(
            "You requested maxclients of {clients} requiring at least {wanted} max file \
             descriptors."
        ),
        format!("Server can't set maximum open files to {wanted} because of OS error: {reason}."),
        format!(
            "Current maximum open files is {files}. maxclients has been reduced to {fitting} to \
             compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
        ),
    ] {
        log::line('#', &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_keeps_open_is_not_given_to_clients() {
        assert_eq!(fit(1024, 34), Fit::Only(990));
        assert_eq!(fit(34, 34), Fit::None { files: 34 });
    }

    #[test]
    fn a_limit_that_suffices_is_left_alone() {
        assert_eq!(raise(1, 1), Fit::All);
    }
}
