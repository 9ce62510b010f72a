//! Strings: bytes or a number under a key.

mod condition;
mod expire;
pub(crate) mod get;
mod set;
#[cfg(test)]
mod tests;

use engine::Command;

pub const COMMANDS: &[Command] = &[get::GET, set::SET];
