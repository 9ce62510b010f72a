//! `locale-collate`: the order of texts in SORT ALPHA.

use std::cmp::Ordering;
use std::ffi::{CStr, CString};

use config::{Config, id};

/// What Redis answers to CONFIG SET.
pub(crate) const REFUSAL: &str = "Invalid locale name";

/// Sets the locale that comparing texts follows; the empty name is the environment's.
pub(crate) fn apply(config: &Config) -> Result<(), &'static str> {
    let name = CString::new(config.bytes(id::LOCALE_COLLATE)).map_err(|_| REFUSAL)?;
    // SAFETY: the name is a C string. Other threads may compare texts meanwhile only while the
    // gate is open, and both callers, start and CONFIG SET, have it closed.
    let set = unsafe { libc::setlocale(libc::LC_COLLATE, name.as_ptr()) };
    if set.is_null() {
        return Err(REFUSAL);
    }
    // SAFETY: it names the locale just set, until the next call.
    let name = unsafe { CStr::from_ptr(set) }.to_bytes();
    let is_plain = matches!(name, b"C" | b"POSIX");
    engine::collate::set((!is_plain).then_some(compare as engine::collate::Collate));
    Ok(())
}

/// Compares as the locale says, up to a zero byte, as Redis does.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        CString::new(&bytes[..end]).expect("it ends before the first zero")
    };
    let (a, b) = (text(a), text(b));
    // SAFETY: both are C strings.
    unsafe { libc::strcoll(a.as_ptr(), b.as_ptr()) }.cmp(&0)
}
