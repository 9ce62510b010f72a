//! `locale-collate`: the order of texts in SORT ALPHA.

use std::ffi::CString;

use config::{Config, id};

/// What Redis answers to CONFIG SET.
pub(crate) const REFUSAL: &str = "Invalid locale name";

/// Sets the locale that comparing texts follows; the empty name is the environment's.
pub(crate) fn apply(config: &Config) -> Result<(), &'static str> {
    let name = CString::new(config.bytes(id::LOCALE_COLLATE)).map_err(|_| REFUSAL)?;
    // SAFETY: the name is a C string. Other threads may compare texts meanwhile only while the
    // gate is open, and both callers, start and CONFIG SET, have it closed.
    let set = unsafe { libc::setlocale(libc::LC_COLLATE, name.as_ptr()) };
    if set.is_null() { Err(REFUSAL) } else { Ok(()) }
}
