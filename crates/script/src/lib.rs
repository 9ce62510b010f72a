//! Scripts: a sandboxed Luau state that looks to them like Redis's Lua 5.1, and how they call
//! commands.
//!
//! ```text
//!   source ─► compile (kept) ─► function ─► xpcall(function) ──┬─ value ─► reply
//!                                   │ redis.call(…)            └─ error ─► text, where
//!                                   ▼
//!                      Caller::call(args) ─► reply bytes ─► Lua value
//! ```
//!
//! This crate knows no engine: what a script may ask of the server is the trait [`Caller`], which
//! whoever runs a script gives along. Globals are read-only tables of the language itself, so
//! nothing has to be put back after a run but KEYS and ARGV. Luau differs from 5.1 in places;
//! `prelude.lua` puts back what a script can see of the old language, and COMPAT.md has the rest.
//!
//! # Invariants
//!
//! (1) All handles to a state lie in its [`State`], so it moves between threads as a whole.
//! (2) A [`Caller`] is reachable from the state only while [`State::run`] runs, and by one call at
//!     a time: a call takes it out of its slot and puts it back.
//! (3) No Lua error passes a Rust frame but through `mlua`, or out of [`interrupt`], which owns
//!     nothing then.
//!
//! # Limits
//!
//! A state takes no more memory than it is granted; nesting of replies, JSON and MessagePack is
//! limited; a run is interrupted at its loops and calls, to be ended from outside.

mod api;
mod arguments;
mod bell;
mod bit;
mod call;
mod cjson;
mod cmsgpack;
mod enter;
pub mod fuzz;
mod interrupt;
mod library;
mod native;
mod raise;
mod reply;
mod shebang;
mod state;
mod structs;
#[cfg(test)]
mod test_escapes;
#[cfg(test)]
mod tests;
mod value;

pub use bell::Bell;
pub use library::{Function, Library, Policy, Registered};
pub use shebang::{Flags, Metadata, library_metadata, script_flags};
pub use state::{Failure, Script, State, StateOptions};

use resp::Protocol;

/// What a running script asks of the server.
pub trait Caller {
    /// Runs a command; its reply is appended to `out`. An error is what the script is told, without
    /// the code `ERR` before it if it has none.
    fn call(
        &mut self,
        args: &resp::ArgBuf,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Result<(), String>;
    /// Whether the user may run this; none: there is no such command.
    fn may_run(&mut self, args: &resp::ArgBuf) -> Option<bool>;
    /// `redis.set_repl`: bit 0 the AOF, bit 1 replicas.
    fn set_repl(&mut self, targets: u8);
    /// `redis.log`: 0 debug, 1 verbose, 2 notice, 3 warning.
    fn log(&mut self, level: u8, text: &[u8]);
    /// Called at loops and calls, now and then. Whether the script shall end.
    fn interrupt(&mut self) -> bool;
    /// Whether it wants to be asked every few loops and calls, whatever that costs the script.
    fn is_pressing(&self) -> bool {
        false
    }
}
