//! What a command *is*: one value that declares it, and everything that follows from that value.
//!
//! A declaration says name, group, flags, arguments and handler; from it follow arity, key
//! positions, ACL categories, COMMAND INFO / DOCS / GETKEYS, container HELP and the reference
//! pages. Nothing here knows the engine: `Command<H>` is generic in its handler and never calls
//! it.
#![forbid(unsafe_code)]

pub mod declare;

pub use declare::Command;
