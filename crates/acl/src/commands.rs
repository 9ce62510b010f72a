//! Which commands: `+get -debug +@read +config|get +select|0`.
//!
//! Two things are kept. The *set* answers the question, by one bit. The *rules* are what was said,
//! in order, each command or category once: ACL LIST tells them, so that a user is as it was meant
//! when a later version puts more commands into a category. `+@all` and `-@all` begin anew.
//!
//! ```text
//!   +@all -@hash -@slow +hget     said           then -@hash:   +@all -@slow +hget -@hash
//!   -@all +config|get +config     said, but ---------------->   -@all +config
//! ```
//!
//! A command that only other servers have (`-replicaof`) changes nothing in the set; the rule is kept.
//!
//! A command without subcommands may be allowed for certain first arguments only, `+select|0`. They
//! count only while the command as a whole is not allowed.

use std::collections::{BTreeMap, BTreeSet};

use command::declare::Category;
use command::elsewhere;
use command::table::{CommandId, CommandTable, Entry};

use crate::bits::{COMMANDS_MAX, CommandSet};
use crate::{RuleError, has_spaces};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    set: CommandSet,
    /// By the commands that are allowed with these only.
    first_args: BTreeMap<u16, BTreeSet<Box<[u8]>>>,
    /// Whether the rules begin with `+@all`: commands of later versions are allowed too.
    begins_with_all: bool,
    /// What was said since, each with whether it allows; in small letters.
    said: Vec<(bool, Box<[u8]>)>,
}

impl Commands {
    pub fn none() -> Commands {
        Commands {
            set: CommandSet::EMPTY,
            first_args: BTreeMap::new(),
            begins_with_all: false,
            said: Vec::new(),
        }
    }

    pub fn all() -> Commands {
        Commands { set: CommandSet::FULL, begins_with_all: true, ..Commands::none() }
    }

    /// Whether the command may run, whatever its arguments are.
    #[inline]
    pub fn allows(&self, id: CommandId) -> bool {
        self.set.contains(id)
    }

    /// Whether every command may run, unknown ones too.
    pub fn allows_all(&self) -> bool {
        self.set == CommandSet::FULL
    }

    /// Whether the command may run with this first argument though it may not run with any.
    pub fn allows_first_arg(&self, id: CommandId, arg: Option<&[u8]>) -> bool {
        let (Some(allowed), Some(arg)) = (self.first_args.get(&id.0), arg) else { return false };
        allowed.iter().any(|other| other.eq_ignore_ascii_case(arg))
    }

    /// Applies a rule that begins with `+` or `-`; it is in small letters.
    pub fn apply<H>(&mut self, rule: &[u8], table: &CommandTable<H>) -> Result<(), RuleError> {
        assert!(table.entry_count() <= COMMANDS_MAX, "there are more commands than bits");
        let (allow, name) = (rule[0] == b'+', &rule[1..]);
        match (name.strip_prefix(b"@"), name.iter().rposition(|byte| *byte == b'|')) {
            (Some(category), _) => self.change_category(allow, category, table)?,
            // Nothing to allow or forbid, but said, for the server that has it.
            (None, _) if is_elsewhere(name, table) => {}
            (None, Some(bar)) if allow => {
                self.allow_part(&name[..bar], &name[bar + 1..], table)?;
            }
            (None, _) => {
                let id = table.lookup_full_original(name).ok_or(RuleError::UnknownCommand)?;
                self.change(table.get(id), allow);
            }
        }
        self.said.retain(|(_, said)| !is_covered(said, name));
        self.said.push((allow, name.into()));
        Ok(())
    }

    fn change_category<H>(
        &mut self,
        allow: bool,
        category: &[u8],
        table: &CommandTable<H>,
    ) -> Result<(), RuleError> {
        let is_it = |known: &&Category| known.word().as_bytes() == category;
        let bit = Category::ALL.iter().find(is_it).ok_or(RuleError::UnknownCommand)?.bit();
        for entry in table.entries().filter(|entry| entry.categories & bit != 0) {
            self.change(entry, allow);
        }
        Ok(())
    }

    /// `+config|get` or `+select|0`.
    fn allow_part<H>(
        &mut self,
        name: &[u8],
        part: &[u8],
        table: &CommandTable<H>,
    ) -> Result<(), RuleError> {
        let id = table.lookup_full_original(name).ok_or(RuleError::UnknownCommand)?;
        let entry = table.get(id);
        if entry.parent.is_some() {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        // With a blank in it, as Redis allows, it would be two rules in an ACL file.
        if part.is_empty() || has_spaces(part) {
            return Err(RuleError::Syntax);
        }
        if !entry.subcommands.is_empty() {
            let sub = table.lookup_sub(id, part).ok_or(RuleError::UnknownCommand)?;
            self.change(table.get(sub), true);
            return Ok(());
        }
        self.first_args.entry(id.0).or_default().insert(part.into());
        Ok(())
    }

    /// A command and its subcommands.
    fn change<H>(&mut self, entry: &Entry<H>, allow: bool) {
        self.set.set(entry.id, allow);
        self.first_args.remove(&entry.id.0);
        entry.subcommands.iter().for_each(|sub| self.set.set(*sub, allow));
    }

    /// The rules that make it, beginning with `+@all` or `-@all`.
    pub fn describe(&self) -> Vec<u8> {
        let mut out = if self.begins_with_all { b"+@all".to_vec() } else { b"-@all".to_vec() };
        for (allow, name) in &self.said {
            out.extend([b' ', if *allow { b'+' } else { b'-' }]);
            out.extend_from_slice(name);
        }
        out
    }
}

/// A command or subcommand that this server lacks and others have.
fn is_elsewhere<H>(name: &[u8], table: &CommandTable<H>) -> bool {
    let command = name.split(|byte| *byte == b'|').next().unwrap_or_default();
    table.lookup_original(command).is_none() && elsewhere::knows(name)
}

/// Whether what was `said` makes no difference once `name` is said: it is the same, or a part of it.
fn is_covered(said: &[u8], name: &[u8]) -> bool {
    said.strip_prefix(name).is_some_and(|rest| matches!(rest, [] | [b'|', ..]))
}
