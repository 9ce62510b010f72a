//! The RDB format: values as bytes, for DUMP and RESTORE, snapshots and full syncs.
//!
//! | module | holds |
//! |---|---|
//! | [`version`] | the versions of the format and the forms of values each has |
//! | [`payload`] | DUMP and RESTORE: a value with its footer |
//! | [`feed`], [`save`] | a whole data set, written while writers go on |
//! | [`load`], [`check`] | a whole data set, read |
//! | [`file`] | a whole data set made in memory |
//! | [`read`], [`write`] | lengths, strings, doubles |
//! | [`decode`], [`encode`] | values from bytes, and back |
//! | `pack` | listpacks from outside |
//! | [`fuzz`] | attacks on all of it |
//! | `ziplist`, `zipmap` | forms that are only read |
//!
//! # Invariants
//!
//! (1) Any bytes are either a value that passes its own `check` or an error: never a panic, and
//!     never more memory than a small multiple of the bytes.
//! (2) What is written is read back as the same value, and by every server of its version.
#![forbid(unsafe_code)]

pub mod check;
pub mod decode;
pub mod encode;
pub mod error;
pub mod feed;
pub mod file;
pub mod fuzz;
pub mod load;
mod opcode;
mod pack;
pub mod payload;
pub mod read;
pub mod save;
pub mod version;
pub mod write;
mod ziplist;
mod zipmap;

pub use encode::Style;
pub use error::{Bad, Result};
pub use payload::{Refused, Trust, dump, restore};
pub use read::Reader;
pub use version::{Kind, Version};
pub use write::Writer;
