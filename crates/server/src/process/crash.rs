//! The report of a crash: what a bug report needs, written by a process that is dying.
//!
//! ```text
//!   SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT ──► on_signal ─┐
//!   panic ──► on_panic ─────────────────────────────────────┴─► report ──► die by the signal
//! ```
//!
//! The header and footer are Redis's, since tools cut the report out between them.
//!
//! # How it works
//!
//! The handler runs on a stack of its own, so that a stack overflow can be reported too. It writes
//! in order of trust: first what needs nothing (signal, address, raw addresses of the stack), then
//! the names of the functions, which need memory and locks. If the crash happened inside the
//! allocator that may hang, so an alarm ends the process then: the first half is out by that time.
//!
//! # Invariants
//!
//! (1) A process reports once: what crashes while reporting dies at once.
//! (2) Whatever happens, the process ends, by the signal that hit it: its parent sees the truth.
//!
//! # Limits
//!
//! No test of the memory (`crash-memcheck-enabled`) and no INFO: its locks may be held.

use std::ffi::{c_int, c_void};
use std::fmt::{self, Write as _};
use std::panic::PanicHookInfo;
use std::sync::atomic::{
    AtomicBool, AtomicI32, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
};

use config::{Config, id};

use super::{log, signals, version};

const SIGNALS: [c_int; 5] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];
/// Reading debug information needs far more than a signal stack's usual 8 KiB. Untouched pages
/// cost nothing.
const STACK_BYTES: usize = 1 << 20;
const FRAMES_MAX: usize = 100;
/// After this the names of the functions are given up.
const NAMES_TIMEOUT_S: u32 = 10;

/// The thread that reports; 0 is none.
static REPORTER: AtomicI32 = AtomicI32::new(0);
static EXITS_ON_PANIC: AtomicBool = AtomicBool::new(false);

/// Installs or removes the handlers (`crash-log-enabled`), and always the report of a panic.
pub(crate) fn configure(config: &Config) {
    EXITS_ON_PANIC.store(config.flag(id::USE_EXIT_ON_PANIC), Relaxed);
    let is_enabled = config.flag(id::CRASH_LOG_ENABLED);
    type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    let handler = match is_enabled {
        true => on_signal as Handler as libc::sighandler_t,
        false => libc::SIG_DFL,
    };
    let flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_RESETHAND;
    for signal in SIGNALS {
        signals::handle(signal, handler, if is_enabled { flags } else { 0 });
    }
    std::panic::set_hook(Box::new(on_panic));
}

/// Gives this thread a stack for the handler; it lasts as long as the process.
pub(crate) fn guard_this_thread() {
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping touches no memory that is in use.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), STACK_BYTES, rights, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        // The small stack that the standard library made remains: a shorter report.
        return;
    }
    let stack = libc::stack_t { ss_sp: base, ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: the stack is mapped, of that size, used for nothing else, and never unmapped.
    unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
}

/// Writes straight to the log file: no lock, no allocation.
struct Report;

impl fmt::Write for Report {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        log::raw_from_handler(text.as_bytes());
        Ok(())
    }
}

macro_rules! say {
    // `Report` never fails.
    ($($arg:tt)*) => { let _ = writeln!(Report, $($arg)*); };
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if may_report() {
        // SAFETY: the kernel passes a siginfo that lives as long as the handler.
        let info = unsafe { &*info };
        begin();
        say!(
            "{}:signal-handler ({}) Redis {} (Ochre {}) crashed by signal: {signal}, si_code: {}",
            std::process::id(),
            base::clock::unix_ms() / 1000,
            version::REDIS,
            version::OCHRE,
            info.si_code
        );
        if info.si_code == libc::SI_USER {
            // SAFETY: for SI_USER the kernel has set these two fields.
            let (pid, uid) = unsafe { (info.si_pid(), info.si_uid()) };
            say!("Killed by PID: {pid}, UID: {uid}");
        } else if matches!(signal, libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL) {
            // SAFETY: for a fault the kernel has set the address.
            say!("Accessing address: {:p}", unsafe { info.si_addr() });
        }
        if let Some(address) = instruction(context) {
            say!("Crashed running the instruction at: {address:#x}");
        }
        stack_trace();
        say!("\n------ STACK TRACE DONE ------");
        end();
    }
    die(signal);
}

fn on_panic(info: &PanicHookInfo<'_>) {
    if !may_report() {
        die(libc::SIGABRT);
    }
    begin();
    let text = info.payload_as_str().unwrap_or("a panic without words");
    let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
    if text.starts_with("assertion") {
        say!("=== ASSERTION FAILED ===\n==> {file}:{line} '{text}' is not true");
    } else {
        say!("Guru Meditation: {text} #{file}:{line}");
    }
    stack_trace();
    say!("\n------ STACK TRACE DONE ------");
    end();
    if EXITS_ON_PANIC.load(Relaxed) {
        // SAFETY: it ends the process; what atexit would do may need what is broken.
        unsafe { libc::_exit(1) };
    }
    die(libc::SIGABRT);
}

/// Invariant (1): true for one thread, once. Another thread that crashes waits for that one to end
/// the process.
fn may_report() -> bool {
    // SAFETY: it has no arguments and cannot fail.
    let me = unsafe { libc::gettid() };
    match REPORTER.compare_exchange(0, me, AcqRel, Acquire) {
        Ok(_) => true,
        Err(reporter) if reporter == me => false,
        Err(_) => loop {
            // SAFETY: it only waits.
            unsafe { libc::pause() };
        },
    }
}

fn begin() {
    say!("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===");
    let thread = std::thread::current();
    say!("Ochre {}, thread {}", version::OCHRE, thread.name().unwrap_or("without a name"));
}

fn end() {
    say!(
        "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n\
         This is a bug in Ochre. Please report it with the text above.\n"
    );
}

fn stack_trace() {
    say!("\n------ STACK TRACE ------");
    let mut frames = [0usize; FRAMES_MAX];
    let mut count = 0;
    // SAFETY: unsynchronized use is sound while no other thread uses this crate; only a reporter
    // does, and invariant (1) lets just one thread be that.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            frames[count] = frame.ip() as usize;
            count += 1;
            count < FRAMES_MAX
        });
    }
    for frame in &frames[..count] {
        let _ = write!(Report, "{frame:#x} ");
    }
    say!("\n");
    if !has_room_for_names() {
        say!("No names: this thread's signal stack is small.");
        return;
    }
    signals::handle(libc::SIGALRM, libc::SIG_DFL, 0);
    // SAFETY: it only arms a timer.
    unsafe { libc::alarm(NAMES_TIMEOUT_S) };
    for (i, frame) in frames[..count].iter().enumerate() {
        // SAFETY: as above.
        unsafe {
            backtrace::resolve_unsynchronized(*frame as *mut c_void, |symbol| {
                let Some(name) = symbol.name() else { return };
                match (symbol.filename(), symbol.lineno()) {
                    (Some(file), Some(line)) => {
                        say!("{i:3} {name:#} at {}:{line}", file.display());
                    }
                    _ => {
                        say!("{i:3} {name:#}");
                    }
                }
            });
        }
    }
    // SAFETY: it only disarms the timer.
    unsafe { libc::alarm(0) };
}

/// Whether we run on the thread's own stack, as after a panic, or on a large signal stack. Threads
/// that nobody guarded have the small one of the standard library.
fn has_room_for_names() -> bool {
    let mut stack = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: it only writes to `stack`.
    unsafe { libc::sigaltstack(std::ptr::null(), &mut stack) };
    stack.ss_flags & libc::SS_ONSTACK == 0 || stack.ss_size >= STACK_BYTES
}

/// Where the processor was.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn instruction(context: *mut c_void) -> Option<u64> {
    // SAFETY: the kernel passes a `ucontext_t` that lives as long as the handler.
    let context = unsafe { context.cast::<libc::ucontext_t>().as_ref() }?;
    Some(context.uc_mcontext.gregs[libc::REG_RIP as usize] as u64)
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn instruction(context: *mut c_void) -> Option<u64> {
    // SAFETY: the kernel passes a `ucontext_t` that lives as long as the handler.
    let context = unsafe { context.cast::<libc::ucontext_t>().as_ref() }?;
    Some(context.uc_mcontext.pc)
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn instruction(_context: *mut c_void) -> Option<u64> {
    None
}

/// Invariant (2).
fn die(signal: c_int) -> ! {
    signals::handle(signal, libc::SIG_DFL, 0);
    // SAFETY: both only end the process: by the signal, or, were it blocked, without it.
    unsafe {
        libc::raise(signal);
        libc::_exit(1)
    }
}

/// DEBUG SEGFAULT, PANIC, ASSERT, OOM: ends the process on purpose.
pub(crate) fn on_purpose(how: &str) -> ! {
    match how {
        "segfault" => segfault(),
        "assert" => panic!("assertion failed: DEBUG ASSERT called"),
        "oom" => {
            let size = isize::MAX as usize - 4096;
            let layout =
                std::alloc::Layout::from_size_align(size, 1).expect("it is below the limit");
            std::alloc::handle_alloc_error(layout)
        }
        how => panic!("DEBUG {how} called"),
    }
}

/// Writes to a page that may not be written.
fn segfault() -> ! {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping of one page; writing to it raises SIGSEGV, which is the purpose, and
    // the memory belongs to nobody.
    unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, flags, -1, 0);
        page.cast::<u8>().write_volatile(1);
    }
    die(libc::SIGSEGV)
}

/// DEBUG RESTART and CRASH-AND-RECOVER: becomes a new server with the same arguments, after a
/// while. Returns only if that failed. Descriptors close by themselves: all are opened to close on
/// exec.
pub(crate) fn restart(delay: std::time::Duration) {
    // Nothing else shall happen meanwhile: the gate is closed.
    std::thread::sleep(delay);
    use std::os::unix::process::CommandExt;
    let mut arguments = super::title::arguments().iter();
    let program = arguments.next().cloned().unwrap_or_default();
    let path = std::fs::read_link("/proc/self/exe").unwrap_or_else(|_| program.clone().into());
    let mut command = std::process::Command::new(path);
    let error = command.arg0(program).args(arguments).exec();
    log::line('#', &format!("Restarting failed: {}", super::reason(&error)));
}
