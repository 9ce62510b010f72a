//! The terminal client: what people have of a server that speaks RESP.
//!
//! ```text
//!   arguments --> options --> session --> connection --> server
//!                               ^  |
//!        repl, one_shot, bulk --+  +--> format --> standard output
//!                |
//!          docs, hint (COMMAND DOCS)
//! ```
//!
//! Scripts and fingers know redis-cli, so options, prompt and output are its own, byte for byte
//! where a program could depend on them. `format`, `hint`, `docs` and `uri` are pure; `session`
//! remembers; `connection` and `terminal` are the edge.
//!
//! Absent, compared with redis-cli: `--cluster`, `--latency` and its kin, `--stat`, `--bigkeys`
//! and its kin, `--rdb`, `--replica`, the Lua debugger.
#![forbid(unsafe_code)]

pub mod bulk;
pub mod connection;
pub mod docs;
pub mod format;
pub mod help;
pub mod hint;
pub mod one_shot;
pub mod options;
pub mod repl;
pub mod session;
pub mod special;
pub mod terminal;
pub mod tls;
pub mod uri;
