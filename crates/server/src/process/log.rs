//! Lines in Redis's log format.

use std::io::Write;

/// Writes a line; `level` is Redis's character for it.
pub(crate) fn line(level: char, text: &str) {
    let now_ms = base::clock::unix_ms();
    let line = format!("{}:M {now_ms} {level} {text}\n", std::process::id());
    // There is nobody to tell if standard output is gone.
    let _ = std::io::stdout().write_all(line.as_bytes());
}
