//! What a command *is*: one value that declares it, and everything that follows from that value.
//!
//! A declaration says name, group, flags, arguments and handler; from it follow arity, key
//! positions, ACL categories, COMMAND INFO / DOCS / GETKEYS, container HELP and the reference
//! pages. Nothing here knows the engine: `Command<H>` is generic in its handler and never calls
//! it.
//!
//! ```text
//! declare ──► arity  keys ─► lock  categories ──► table ──► docs  help  markdown  grammar
//!                     └─ walk                       └─ name_index
//! ```
#![forbid(unsafe_code)]

pub mod arity;
pub mod categories;
pub mod declare;
pub mod docs;
pub mod elsewhere;
pub mod grammar;
pub mod help;
pub mod keys;
pub mod lock;
pub mod markdown;
mod name_index;
pub mod names;
pub mod table;
mod walk;

pub use declare::Command;
pub use keys::{KeyError, KeyLayout};
pub use table::{CommandId, CommandTable, Entry, KeyAt};
