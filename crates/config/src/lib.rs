//! What an option *is*: one table behind redis.conf, command line arguments, CONFIG GET, SET and
//! REWRITE, and the sample file.
//!
//! An option is said once, as one entry of [`options`]: name, kind, default, when it may change,
//! what it means. Everything else follows from the entry:
//!
//! ```text
//!   redis.conf ──┐                                ┌── CONFIG GET      Config::get
//!   --name value ┼─► Load ──► Config (values) ────┼── CONFIG SET      Config::plan_set, commit
//!   stdin ───────┘     ▲          ▲               ├── CONFIG REWRITE  Config::rewrite
//!                      └─ OPTIONS ┘               └── typed getters   cfg.int(id::MAXCLIENTS)
//!                             └──────────────────────► sample()
//! ```
//!
//! The crate decides and never acts: it changes no directory, opens no socket and reads files only
//! through [`Files`]. Whoever commits a [`Plan`] gets the list of changed options, makes them true,
//! and rolls back if that fails.
//!
//! Read in this order: `option` (the shape of an entry), `options` (the table), `value` (text to
//! value and back), `values` (the store), then one file per face.
#![forbid(unsafe_code)]

mod arguments;
mod check;
mod directive;
mod files;
mod get;
pub mod id;
mod limits;
mod load;
mod option;
pub mod options;
mod rewrite;
mod sample;
mod set;
mod value;
mod values;

pub use arguments::CommandLine;
pub use directive::{Collected, DIRECTIVES, Directive};
pub use files::{Disk, Files};
pub use limits::{BufferLimit, ClientClass};
pub use load::{Load, LoadError};
pub use option::{Change, Check, Effect, Host, Kind, Opt, OptId};
pub use options::{OPTIONS, lookup};
pub use rewrite::{LiveLines, Scope, written};
pub use sample::sample;
pub use set::{Changed, Plan, SetBy, SetError};
pub use value::{EVENTS, Refusal, SavePoint, Value};
pub use values::Config;
