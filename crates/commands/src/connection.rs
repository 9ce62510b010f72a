//! To be written.

use engine::Command;

pub const COMMANDS: &[Command] = &[];
