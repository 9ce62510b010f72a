//! The order of texts in SORT ALPHA: that of the process's locale, which only the server can ask.

use std::cmp::Ordering;
use std::sync::{PoisonError, RwLock};

/// Compares two texts as the locale says.
pub type Collate = fn(&[u8], &[u8]) -> Ordering;

/// One for the process, as the locale is.
static COLLATE: RwLock<Option<Collate>> = RwLock::new(None);

/// None: byte by byte.
pub fn get() -> Option<Collate> {
    *COLLATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// For whoever sets the locale.
pub fn set(collate: Option<Collate>) {
    *COLLATE.write().unwrap_or_else(PoisonError::into_inner) = collate;
}
