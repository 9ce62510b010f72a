//! A set of commands: a bit for each id.

use command::table::CommandId;

/// Commands there may be, subcommands included.
pub const COMMANDS_MAX: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandSet([u64; COMMANDS_MAX / 64]);

impl CommandSet {
    pub const EMPTY: CommandSet = CommandSet([0; COMMANDS_MAX / 64]);
    pub const FULL: CommandSet = CommandSet([u64::MAX; COMMANDS_MAX / 64]);

    #[inline]
    pub fn contains(&self, id: CommandId) -> bool {
        let index = id.index();
        self.0[index / 64] & 1 << (index % 64) != 0
    }

    pub fn set(&mut self, id: CommandId, is_in: bool) {
        let (word, bit) = (&mut self.0[id.index() / 64], 1 << (id.index() % 64));
        if is_in { *word |= bit } else { *word &= !bit }
    }
}
