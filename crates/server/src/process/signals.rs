//! Signals that ask the server to end.
//!
//! ```text
//!   SIGTERM, SIGINT ──► handler: a flag, and a ring at worker 0's inbox
//!                                                  └──► obey: shutdown-on-sigterm, -sigint
//!   SIGINT again    ──► exit at once, as Redis does: a save under way leaves no temporary file
//!   SIGHUP, SIGPIPE ──► ignored: a lost terminal or client is not the server's end
//! ```
//!
//! A shutdown that failed, or that SHUTDOWN ABORT called off, is forgotten: the next SIGINT is a
//! first one.
//!
//! # Invariants
//!
//! (1) The handler calls only what POSIX lists as async-signal-safe: it writes to descriptors and
//!     to atomics.

use std::io::Write;
use std::os::fd::{BorrowedFd, IntoRawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use config::{Config, OptId, id};
use engine::Engine;
use engine::engine::Shutdown;
use store::{Access, Inside};

use super::log;
use crate::snapshot;

/// The signal that waits to be obeyed; 0 is none.
static WAITING: AtomicI32 = AtomicI32::new(0);
static WAS_ASKED: AtomicBool = AtomicBool::new(false);
/// A copy of worker 0's eventfd that is never closed; -1 before there is one.
static INBOX_FD: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_signal(signal: libc::c_int) {
    let is_again = WAS_ASKED.swap(true, Ordering::AcqRel);
    if is_again && signal == libc::SIGINT {
        say("You insist... exiting now.");
        remove_temporary_snapshot();
        // SAFETY: _exit is async-signal-safe and does not return.
        unsafe { libc::_exit(1) };
    }
    say(match signal {
        libc::SIGINT => "Received SIGINT scheduling shutdown...",
        _ => "Received SIGTERM scheduling shutdown...",
    });
    WAITING.store(signal, Ordering::Release);
    let one = 1u64.to_ne_bytes();
    // SAFETY: the pointer and length are those of `one`; a descriptor of -1 is only an error.
    unsafe { libc::write(INBOX_FD.load(Ordering::Relaxed), one.as_ptr().cast(), one.len()) };
}

/// The snapshot that is being written will not be finished. Nor will it be renamed any more, unless
/// it is whole.
fn remove_temporary_snapshot() {
    let mut name = [0; 64];
    // Longer than any name; what is left of the buffer ends it with a zero.
    let _ = write!(&mut name[..63], "{}", snapshot::Temporary);
    // SAFETY: unlink is async-signal-safe; the name ends with a zero and lives through the call.
    unsafe { libc::unlink(name.as_ptr().cast()) };
}

/// A line in the form that Redis gives to what its handlers log: no local time, which would need
/// a lock.
pub(super) fn say(text: &str) {
    let mut line = [0; 256];
    let mut rest = &mut line[..];
    // What does not fit is cut. Integers and texts are formatted without allocating.
    let _ = writeln!(
        rest,
        "{}:signal-handler ({}) {text}",
        std::process::id(),
        base::clock::unix_ms() / 1000
    );
    let room = rest.len();
    let length = line.len() - room;
    log::raw_from_handler(&line[..length]);
}

/// Installs the handlers; `inbox` is worker 0's eventfd.
pub(crate) fn install(inbox: BorrowedFd<'_>) -> std::io::Result<()> {
    let copy = rustix::io::fcntl_dupfd_cloexec(inbox, 0)?;
    INBOX_FD.store(copy.into_raw_fd(), Ordering::Relaxed);
    handle(libc::SIGHUP, libc::SIG_IGN, 0);
    handle(libc::SIGPIPE, libc::SIG_IGN, 0);
    let handler = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
    handle(libc::SIGTERM, handler, 0);
    handle(libc::SIGINT, handler, 0);
    Ok(())
}

/// `sigaction` with an empty mask.
pub(super) fn handle(signal: libc::c_int, handler: libc::sighandler_t, flags: libc::c_int) {
    // SAFETY: all zero is a valid `sigaction`: the default handler, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: `action` lives through the call; the caller's handler keeps invariant (1).
    let result = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    assert_eq!(result, 0, "the kernel takes a handler for signal {signal}");
}

/// A signal asked for a shutdown that has not begun: a script may keep workers from their loops.
pub(crate) fn is_waiting() -> bool {
    WAITING.load(Ordering::Acquire) != 0
}

/// Calls off the shutdown that a signal asked for and that has not begun; false if there is none.
pub(crate) fn forget() -> bool {
    WAS_ASKED.store(false, Ordering::Release);
    WAITING.swap(0, Ordering::AcqRel) != 0
}

/// Begins the shutdown that a signal asked for. For worker 0, when its inbox rings, and now and then.
pub(crate) fn obey(engine: &Engine, inside: &mut Inside<'_>) {
    if engine.cron_paused.load(Ordering::Relaxed) {
        return;
    }
    let signal = WAITING.swap(0, Ordering::AcqRel);
    if signal == 0 {
        return;
    }
    let option = match signal {
        libc::SIGINT => id::SHUTDOWN_ON_SIGINT,
        _ => id::SHUTDOWN_ON_SIGTERM,
    };
    let how = how(&engine.config(), option);
    log::line('*', "User requested shutdown...");
    let _world = inside.close();
    let mut access = Access::world(&engine.keyspace);
    if engine.save_finally(&mut access, how, base::clock::unix_ms()) {
        engine.host.shut_down(how);
    } else {
        // Before the log says so: whoever reads it may signal at once.
        WAS_ASKED.store(false, Ordering::Release);
        engine.log_failed_shutdown();
    }
}

fn how(config: &Config, option: OptId) -> Shutdown {
    let has = |word| config.has_word(option, word);
    let save = match (has("save"), has("nosave")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    Shutdown { save, now: has("now"), force: has("force") }
}
