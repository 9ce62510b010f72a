//! The RDB format: values as bytes, for DUMP and RESTORE, snapshots and full syncs.
//!
//! | module | holds |
//! |---|---|
//! | [`version`] | the versions of the format and the forms of values each has |
//! | [`payload`] | the footer of DUMP |
//! | [`read`], [`write`] | lengths, strings, doubles |
//! | [`ziplist`], [`zipmap`] | forms that are only read |
//!
//! # Invariants
//!
//! (1) Any bytes are either a value that passes its own `check` or an error: never a panic, and
//!     never more memory than a small multiple of the bytes.
//! (2) What is written is read back as the same value, and by every server of its version.
#![forbid(unsafe_code)]

pub mod error;
pub mod payload;
pub mod read;
pub mod version;
pub mod write;
pub mod ziplist;
pub mod zipmap;

pub use error::{Bad, Result};
pub use read::Reader;
pub use version::{Kind, Version};
pub use write::Writer;
