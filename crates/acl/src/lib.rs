//! Users, and what they may do: rules read, told again, and asked "may this user run this?".
//!
//! ```text
//!   on >secret ~cache:* &news +@read -debug (+set %W~queue:*)
//!   └┬───────┘ └───────────┬──────────────┘ └──────┬────────┘
//!   the user         the root selector        a further selector
//!
//!   call ──► free set: may it whatever its arguments are? ─── yes ──► runs   (one bit)
//!                 │ no
//!                 ▼
//!            root, then each selector: command? databases? keys? channels? ── all yes ──► runs
//!                 │ no
//!                 ▼ the reason that is furthest down the list
//! ```
//!
//! A *selector* is a set of permissions that must all hold for a call; a user may do what any one of
//! its selectors allows. They do not add up: to read by one and write by another is not to copy.
//!
//! - [`commands`]: which commands, as a set of bits by command id; and the rules as they were
//!   said, since ACL LIST tells them and categories may grow.
//! - [`keys`]: patterns of keys, each for reading, writing or both. What a command does with a key
//!   is in its declaration (`access`, `insert`, `update`, `delete`).
//! - [`channels`]: patterns of channels. A pattern that is subscribed to must be one of them, word
//!   for word.
//! - [`databases`]: numbers of databases, as in Valkey 9.1; Redis has no such rule.
//!
//! [`user`] puts them together, [`check`] asks them, [`users`] is all users by name, with ACL files
//! and SETUSER, [`log`] is what was refused. Nothing here has a lock, a clock or a file.
//!
//! # Invariants
//!
//! (1) A [`User`] never changes once it is among the [`Users`]: a change makes a new one. Who holds
//!     the old one goes on by the old rules until it is handed the new one.
//! (2) A list of rules is applied in full or not at all.
//! (3) The rules that a user is described by make the same user again.
//! (4) The free set holds a command only if some selector allows it with any argument, in any
//!     database.
//! (5) A password is kept as its SHA-256 only.
//!
//! # Limits
//!
//! Matching a pattern costs at most pattern × text ([`base::glob`]), however it is made up; a call
//! is checked against every pattern of a selector until one matches. There may be
//! [`bits::COMMANDS_MAX`] commands.
#![forbid(unsafe_code)]

pub mod bits;
pub mod channels;
pub mod check;
pub mod commands;
pub mod databases;
pub mod error;
pub mod fuzz;
pub mod keys;
pub mod log;
pub mod password;
pub mod selector;
#[cfg(test)]
mod tests;
pub mod user;
pub mod users;

use command::table::CommandTable;

pub use check::{Call, Denied};
pub use error::RuleError;
pub use selector::Selector;
pub use user::User;
pub use users::Users;

/// What rules are read against.
pub struct Context<'t, H: 'static> {
    pub table: &'t CommandTable<H>,
    /// `acl-pubsub-default`: whether a new selector may use every channel.
    pub all_channels: bool,
}

impl<H> Clone for Context<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Context<'_, H> {}

/// Whether the text could not be told apart from its neighbours in a line of an ACL file.
pub(crate) fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0))
}
