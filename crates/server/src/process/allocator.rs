//! Requests to the allocator: MEMORY MALLOC-STATS and PURGE, DEBUG MALLCTL.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::null_mut;

use tikv_jemalloc_sys::{mallctl, malloc_stats_print};

/// jemalloc's number for "all arenas".
const PURGE_ALL: &CStr = c"arena.4096.purge";

/// Answers `malloc-stats`, `purge`, `mallctl NAME [VALUE]` and `mallctl-str NAME [VALUE]`.
pub(crate) fn ask(request: &str) -> Result<String, String> {
    let mut words = request.split(' ');
    let (verb, name, value) = (words.next().unwrap_or_default(), words.next(), words.next());
    match (verb, name) {
        ("malloc-stats", _) => Ok(stats()),
        ("purge", _) => purge(),
        ("mallctl", Some(name)) => number(name, value),
        ("mallctl-str", Some(name)) => text(name, value),
        _ => Err(format!("the allocator does not know '{verb}'")),
    }
}

fn stats() -> String {
    extern "C" fn take(out: *mut c_void, text: *const c_char) {
        // SAFETY: jemalloc passes on `out` as it was given below, and a C string.
        let (out, text) = unsafe { (&mut *out.cast::<Vec<u8>>(), CStr::from_ptr(text)) };
        out.extend_from_slice(text.to_bytes());
    }
    let mut out: Vec<u8> = Vec::new();
    // SAFETY: `take` gets a pointer to `out`, which outlives the call, in this thread.
    unsafe { malloc_stats_print(Some(take), (&raw mut out).cast(), std::ptr::null()) };
    String::from_utf8_lossy(&out).into_owned()
}

fn purge() -> Result<String, String> {
    // SAFETY: a C string; this control neither reads nor writes.
    check(unsafe { mallctl(PURGE_ALL.as_ptr(), null_mut(), null_mut(), null_mut(), 0) })?;
    Ok(String::new())
}

/// A control that holds a number, of whatever width it says it has.
fn number(name: &str, value: Option<&str>) -> Result<String, String> {
    let name = CString::new(name).map_err(|_| "a name has no zero byte")?;
    let mut old = [0u8; 8];
    let width = [8, 4, 1].into_iter().find(|width| {
        let mut len: usize = *width;
        // SAFETY: `old` has room for `len` bytes; jemalloc refuses a width that is not the
        // control's.
        unsafe { mallctl(name.as_ptr(), old.as_mut_ptr().cast(), &mut len, null_mut(), 0) == 0 }
    });
    let width = width.ok_or("no such number")?;
    if let Some(value) = value {
        let new: i64 = value.parse().map_err(|_| "value is not an integer")?;
        let mut new = new.to_le_bytes();
        // SAFETY: the control takes `width` bytes, which `new` has.
        check(unsafe {
            mallctl(name.as_ptr(), null_mut(), null_mut(), new.as_mut_ptr().cast(), width)
        })?;
    }
    let mut le = [0; 8];
    le[..width].copy_from_slice(&old[..width]);
    Ok(u64::from_le_bytes(le).to_string())
}

/// A control that holds a text. Those that can be set are few; setting is not offered.
fn text(name: &str, value: Option<&str>) -> Result<String, String> {
    if value.is_some() {
        return Err("texts of the allocator can only be read".into());
    }
    // Any other control's value would be taken for a pointer.
    const TEXTS: [&str; 3] = ["version", "config.malloc_conf", "opt.dss"];
    if !TEXTS.contains(&name) {
        return Err(format!("known texts are {}", TEXTS.join(", ")));
    }
    let name = CString::new(name).expect("the names above have no zero byte");
    let mut pointer: *const c_char = std::ptr::null();
    let mut len = size_of::<*const c_char>();
    // SAFETY: each of these controls gives one pointer to a C string that is never freed.
    unsafe {
        check(mallctl(name.as_ptr(), (&raw mut pointer).cast(), &mut len, null_mut(), 0))?;
        Ok(CStr::from_ptr(pointer).to_string_lossy().into_owned())
    }
}

fn check(code: i32) -> Result<(), String> {
    match code {
        0 => Ok(()),
        code => Err(super::reason(&std::io::Error::from_raw_os_error(code))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocator_answers_by_name() {
        assert!(ask("malloc-stats").is_ok_and(|text| text.contains("jemalloc")));
        assert_eq!(ask("purge"), Ok(String::new()));
        assert!(ask("mallctl arenas.page").is_ok_and(|page| page == "4096"));
        assert!(ask("mallctl-str version").is_ok_and(|version| version.starts_with("5.")));
        for unknown in ["mallctl nope", "mallctl-str opt.narenas", "nope", ""] {
            assert!(ask(unknown).is_err(), "{unknown}");
        }
    }
}
