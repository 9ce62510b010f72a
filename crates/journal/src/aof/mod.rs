//! The append only file: the journal on the disk, in Redis's multi-part form.
//!
//! ```text
//!   appenddirname/
//!     appendonly.aof.manifest      which files, in which order
//!     appendonly.aof.2.base.rdb    the data set at some offset of the journal …
//!     appendonly.aof.5.incr.aof    … the stream from there …
//!     appendonly.aof.6.incr.aof    … to here: where the writer appends
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`manifest`] | the list of files, to and from text |
//! | [`files`] | the directory: reading and replacing the manifest, removing what is no longer needed |
//! | [`scan`] | walking over a file, item by item |
//! | [`check`] | how far a file can be trusted |
//! | [`marks`] | checksums that the writer leaves in the file |
//! | [`times`] | notes of when what follows them was done |
//! | [`restore`] | the log as it was at an instant |
//! | [`log`] | the log as others see it, and orders for the writer |
//! | [`writer`] | the thread that appends and forces to the disk |
//!
//! Nothing here understands a command: a file is framed requests, and lines that begin with `#`.

pub mod check;
pub mod files;
pub mod log;
pub mod manifest;
pub mod marks;
pub mod restore;
pub mod scan;
pub mod times;
pub mod writer;

pub use files::Files;
pub use log::{Aof, Fsync, Outside};
pub use manifest::Manifest;
pub use scan::Scan;
pub use writer::Appender;
