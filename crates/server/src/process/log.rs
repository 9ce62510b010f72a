//! The log, in Redis's words and form, so that what reads Redis's log reads ours.
//!
//! ```text
//!   31337:M 23 Nov 2026 03:15:48.221 * Ready to accept connections tcp
//!   pid   role   local time          level: . debug  - verbose  * notice  # warning
//! ```
//!
//! `log-format` and `log-timestamp-format` are Valkey's: logfmt, JSON, ISO 8601, milliseconds.
//!
//! # How it works
//!
//! Any thread may log at any time, before the configuration is read too: lines then go to the
//! standard output. A line is one write of a file opened for appending, so lines of several
//! threads never mix. The file is opened for every line, as Redis does: whoever rotates it need
//! not tell us. A line costs some 10 microseconds, which is why nothing logs per command.
//!
//! A signal handler may take no lock and allocate nothing; it writes with [`raw_from_handler`],
//! which only needs the path.
//!
//! # Limits
//!
//! A message is cut at [`TEXT_BYTES_MAX`]. A line that cannot be written is lost: there is nobody
//! to tell.

use std::ffi::{CString, c_char, c_int};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

use config::{Config, id};

use super::local_time;

/// What a message may be at most; the logo is not a message.
const TEXT_BYTES_MAX: usize = 4096;

/// The least level that is written: 0 debug, 1 verbose, 2 notice, 3 warning, 4 nothing.
static LEVEL_MIN: AtomicU8 = AtomicU8::new(2);
static SINK: Mutex<Sink> = Mutex::new(Sink::STDOUT);
/// The path of the log file for signal handlers; null is the standard output. Never freed.
static PATH: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

#[derive(Clone, Debug)]
struct Sink {
    path: Option<PathBuf>,
    has_syslog: bool,
    form: Form,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Legacy,
    Logfmt,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Legacy,
    Iso8601,
    Milliseconds,
}

impl Sink {
    const STDOUT: Sink =
        Sink { path: None, has_syslog: false, form: Form::Legacy, clock: Clock::Legacy };

    fn write(&self, bytes: &[u8]) {
        // Lost if it fails: see the limits above.
        let _ = match &self.path {
            None => std::io::stdout().write_all(bytes),
            Some(path) => open(path).and_then(|mut file| file.write_all(bytes)),
        };
    }
}

fn open(path: &PathBuf) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().append(true).create(true).open(path)
}

fn sink() -> MutexGuard<'static, Sink> {
    // A thread that panicked while logging must not silence the report of it.
    SINK.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Writes a line if `loglevel` lets it pass; `level` is Redis's character for it.
pub(crate) fn line(level: char, text: &str) {
    if rank(level) < LEVEL_MIN.load(Relaxed) {
        return;
    }
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let sink = sink();
    let now_ms = base::clock::unix_ms();
    let line = shape(sink.form, sink.clock, std::process::id(), now_ms, level, text);
    sink.write(line.as_bytes());
    if sink.has_syslog {
        to_syslog(level, text);
    }
}

/// Writes text as it is: the logo, the report of a crash.
pub(crate) fn raw(text: &str) {
    if LEVEL_MIN.load(Relaxed) <= rank('#') {
        sink().write(text.as_bytes());
    }
}

/// As [`raw`], from a signal handler: takes no lock and allocates nothing.
pub(crate) fn raw_from_handler(bytes: &[u8]) {
    let path = PATH.load(Relaxed);
    let mut fd = libc::STDOUT_FILENO;
    if !path.is_null() {
        let flags = libc::O_APPEND | libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC;
        // SAFETY: `path` is a C string that is never freed; open is async-signal-safe.
        fd = unsafe { libc::open(path, flags, 0o644) };
    }
    // SAFETY: the pointer and length are those of `bytes`; a bad descriptor is only an error.
    unsafe {
        libc::write(fd, bytes.as_ptr().cast(), bytes.len());
        if fd != libc::STDOUT_FILENO {
            libc::close(fd);
        }
    }
}

/// Takes over the log's options. The error is one line: why the file cannot be written.
pub(crate) fn configure(config: &Config) -> Result<(), String> {
    let path = config.text(id::LOGFILE);
    let path = match path.as_ref() {
        "" => None,
        // Absolute, since a later CONFIG SET dir is not meant to move the log.
        path => Some(std::path::absolute(path).unwrap_or_else(|_| path.into())),
    };
    if let Some(path) = &path {
        open(path).map_err(|error| {
            format!("Can't open the log file '{}': {}", path.display(), super::reason(&error))
        })?;
    }
    let for_handlers = path
        .as_ref()
        .and_then(|path| CString::new(path.as_os_str().as_bytes()).ok())
        .map_or(std::ptr::null_mut(), CString::into_raw);
    PATH.store(for_handlers, Relaxed);
    let has_syslog = config.flag(id::SYSLOG_ENABLED);
    if has_syslog {
        open_syslog(config);
    }
    let mut sink = sink();
    sink.path = path;
    sink.has_syslog = has_syslog;
    drop(sink);
    set_form(config);
    Ok(())
}

/// Takes over the options that CONFIG SET may change.
pub(crate) fn set_form(config: &Config) {
    let level = match config.choice(id::LOGLEVEL) {
        "debug" => 0,
        "verbose" => 1,
        "notice" => 2,
        "warning" => 3,
        _ => 4,
    };
    LEVEL_MIN.store(level, Relaxed);
    let mut sink = sink();
    sink.form = match config.choice(id::LOG_FORMAT) {
        "logfmt" => Form::Logfmt,
        "json" => Form::Json,
        _ => Form::Legacy,
    };
    sink.clock = match config.choice(id::LOG_TIMESTAMP_FORMAT) {
        "iso8601" => Clock::Iso8601,
        "milliseconds" => Clock::Milliseconds,
        _ => Clock::Legacy,
    };
}

fn rank(level: char) -> u8 {
    match level {
        '.' => 0,
        '-' => 1,
        '*' => 2,
        _ => 3,
    }
}

fn shape(form: Form, clock: Clock, pid: u32, now_ms: i64, level: char, text: &str) -> String {
    let time = match clock {
        Clock::Legacy => local_time::legacy(now_ms),
        Clock::Iso8601 => local_time::iso8601(now_ms),
        Clock::Milliseconds => now_ms.to_string(),
    };
    // This server is always a primary; a replica is 'S', a Sentinel 'X'.
    let word = ["debug", "info", "notice", "warning"][usize::from(rank(level))];
    match form {
        Form::Legacy => format!("{pid}:M {time} {level} {text}\n"),
        Form::Logfmt => format!(
            "pid={pid} role=primary timestamp=\"{time}\" level={word} message=\"{}\"\n",
            escape(text)
        ),
        Form::Json => format!(
            "{{\"pid\":{pid},\"role\":\"primary\",\"timestamp\":\"{time}\",\"level\":\"{word}\",\
             \"message\":\"{}\"}}\n",
            escape(text)
        ),
    }
}

/// As inside a JSON string, which is also fit for logfmt.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes all");
            }
            c => out.push(c),
        }
    }
    out
}

// ---- syslog ------------------------------------------------------------------------------------

fn open_syslog(config: &Config) {
    let facilities = [
        ("user", libc::LOG_USER),
        ("local0", libc::LOG_LOCAL0),
        ("local1", libc::LOG_LOCAL1),
        ("local2", libc::LOG_LOCAL2),
        ("local3", libc::LOG_LOCAL3),
        ("local4", libc::LOG_LOCAL4),
        ("local5", libc::LOG_LOCAL5),
        ("local6", libc::LOG_LOCAL6),
        ("local7", libc::LOG_LOCAL7),
    ];
    let wanted = config.choice(id::SYSLOG_FACILITY);
    let facility = facilities.iter().find(|(name, _)| *name == wanted);
    let facility = facility.map_or(libc::LOG_LOCAL0, |(_, number)| *number);
    let ident = CString::new(config.bytes(id::SYSLOG_IDENT)).unwrap_or_default();
    // SAFETY: openlog keeps the pointer for ever; `into_raw` gives the string away for ever.
    unsafe {
        libc::openlog(
            ident.into_raw(),
            libc::LOG_PID | libc::LOG_NDELAY | libc::LOG_NOWAIT,
            facility,
        );
    }
}

fn to_syslog(level: char, text: &str) {
    let priority: c_int = match level {
        '.' => libc::LOG_DEBUG,
        '-' => libc::LOG_INFO,
        '*' => libc::LOG_NOTICE,
        _ => libc::LOG_WARNING,
    };
    let text = CString::new(text.replace('\0', "")).expect("its zero bytes are gone");
    // SAFETY: both are C strings, and the format takes exactly one.
    unsafe { libc::syslog(priority, c"%s".as_ptr(), text.as_ptr()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_MS: i64 = 1_795_403_748_221;

    fn check(form: Form, text: &str, expected: &str) {
        let line = shape(form, Clock::Milliseconds, 7, TIME_MS, '#', text);
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_says_pid_role_time_and_level() {
        check(Form::Legacy, "a \"b\"", "7:M 1795403748221 # a \"b\"\n");
    }

    #[test]
    fn other_forms_are_valkeys() {
        check(
            Form::Logfmt,
            "a \"b\"",
            "pid=7 role=primary timestamp=\"1795403748221\" level=warning message=\"a \\\"b\\\"\"\n",
        );
        check(
            Form::Json,
            "a\nb\u{1}",
            "{\"pid\":7,\"role\":\"primary\",\"timestamp\":\"1795403748221\",\
             \"level\":\"warning\",\"message\":\"a\\nb\\u0001\"}\n",
        );
    }
}
