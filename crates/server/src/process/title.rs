//! The title that process lists show: `ochre-server *:6379`.
//!
//! Linux shows the memory that the arguments were passed in, and if their last byte is not zero,
//! also the environment that lies behind them. So the title is written over both:
//!
//! ```text
//!   before   ./ochre-server\0--port\06380\0 PATH=/bin\0HOME=/root\0
//!   after    ./ochre-server 127.0.0.1:6380\0\0\0\0\0\0\0\0\0\0\0\0\0
//!            arg_start                     env_end: all that fits
//! ```
//!
//! # Invariants
//!
//! (1) Nobody reads the arguments there any more: [`remember`] has copied them.
//! (2) Nobody reads the environment there any more: `environ` points to a copy.
//! (3) The last byte of the area stays zero.

use std::ffi::{CStr, OsString, c_char};
use std::sync::{Mutex, OnceLock};

use config::{Config, id};

static ARGUMENTS: OnceLock<Vec<OsString>> = OnceLock::new();
static AREA: Mutex<Option<Area>> = Mutex::new(None);

/// The memory that the kernel shows: address and length.
#[derive(Clone, Copy, Debug)]
struct Area {
    start: usize,
    len: usize,
}

/// Keeps the arguments of the process, the program's own name first. To be called first of all.
pub(crate) fn remember() {
    ARGUMENTS.get_or_init(|| std::env::args_os().collect());
}

pub(crate) fn arguments() -> &'static [OsString] {
    ARGUMENTS.get().map_or(&[], Vec::as_slice)
}

/// Makes room for titles. To be called while there is only one thread.
pub(crate) fn prepare() {
    remember();
    let Some(area) = find_area() else { return };
    move_environment();
    *AREA.lock().expect("nobody panics setting the title") = Some(area);
}

/// Shows what `proc-title-template` says, if the title was prepared.
pub(crate) fn set(config: &Config, config_file: Option<&str>) {
    let area = AREA.lock().expect("nobody panics setting the title");
    let Some(area) = *area else { return };
    let template = config.text(id::PROC_TITLE_TEMPLATE);
    let title = expand(&template, |name| variable(config, config_file, name));
    let bytes = title.trim_end().as_bytes();
    let shown = bytes.len().min(area.len - 1);
    let start: *mut u8 = std::ptr::with_exposed_provenance_mut(area.start);
    // SAFETY: the kernel mapped `len` writable bytes there for this process's whole life, the lock
    // lets one thread write, and by (1) and (2) none reads.
    unsafe {
        std::ptr::write_bytes(start, 0, area.len);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), start, shown);
    }
}

/// Replaces `{name}` by what it stands for; `{{` is a brace. The option's check has refused
/// everything malformed.
fn expand(template: &str, variable: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('{') {
            out.push('{');
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once('}') else { break };
        out.push_str(&variable(name));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn variable(config: &Config, config_file: Option<&str>, name: &str) -> String {
    match name {
        "title" => arguments().first().map_or_else(String::new, |name| name.display().to_string()),
        "listen-addr" => listen_address(config),
        // No [cluster] and no [sentinel] yet.
        "server-mode" => String::new(),
        "port" => config.int(id::PORT).to_string(),
        "tls-port" => config.int(id::TLS_PORT).to_string(),
        "unixsocket" => config.text(id::UNIXSOCKET).into_owned(),
        "config-file" => config_file.unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

fn listen_address(config: &Config) -> String {
    let port = match config.int(id::PORT) {
        0 => config.int(id::TLS_PORT),
        port => port,
    };
    if port == 0 {
        return config.text(id::UNIXSOCKET).into_owned();
    }
    let first = config.words(id::BIND).first().map_or(&b"*"[..], |word| word);
    let first = first.strip_prefix(b"-").unwrap_or(first);
    format!("{}:{port}", String::from_utf8_lossy(first))
}

/// From `arg_start` to `env_end`, fields 48 to 51 of /proc/self/stat.
fn find_area() -> Option<Area> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in parentheses, which may itself hold spaces.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ends = fields.split(' ').skip(48 - 3).map_while(|field| field.parse::<usize>().ok());
    let (arg_start, arg_end) = (ends.next()?, ends.next()?);
    let (env_start, env_end) = (ends.next()?, ends.next()?);
    let end = if env_start == arg_end { env_end } else { arg_end };
    let len = end.checked_sub(arg_start)?;
    (arg_start != 0 && len > 1).then_some(Area { start: arg_start, len })
}

unsafe extern "C" {
    static mut environ: *mut *mut c_char;
}

/// Invariant (2). The copies are never freed: others may keep pointers into them.
fn move_environment() {
    let mut copies: Vec<*mut c_char> = Vec::new();
    // SAFETY: `environ` is null or an array of C strings that a null pointer ends; there is only
    // one thread (the caller's promise), so nobody changes it meanwhile.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            copies.push(CStr::from_ptr(*entry).to_owned().into_raw());
            entry = entry.add(1);
        }
        copies.push(std::ptr::null_mut());
        environ = Vec::leak(copies).as_mut_ptr();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_variables_in_braces() {
        let expanded = expand("{{a {x} b{y}", |name| name.to_uppercase());
        assert_eq!(expanded, "{a X bY");
    }

    #[test]
    fn the_area_of_arguments_and_environment_is_found() {
        assert!(find_area().is_some_and(|area| area.len > 1));
    }
}
