//! All commands, and everything that follows from them, computed once when the server starts.
//!
//! ```text
//! lists of declarations ──build──► entries  [GET] [SET] [CONFIG] [config|get] [config|set] …
//!                                  index    name (and parent) ──► id, in a few nanoseconds
//! ```
//!
//! Ids are dense, subcommands included, so that others may keep arrays by id (statistics, ACL
//! bits). `rename-command` changes names, never ids; what comes from a primary or from the AOF
//! uses the original names, [`CommandTable::lookup_original`].
//!
//! # Invariants
//!
//! (1) Names are in capitals and unique under their parent. (2) A declared arity does not
//! contradict the grammar. (3) Every key's place can be told, or is declared. (4) Where there are
//! examples, one of them calls the command. [`CommandTable::build`] asserts all four, so a wrong
//! declaration cannot even start.

use crate::arity::{arity, arity_allows, contradiction};
use crate::categories::categories;
use crate::declare::{Begin, Command, Find, Flag, KeyFlag, KeySpec, Lock};
use crate::elsewhere;
use crate::keys::{KeyError, KeyLayout, access, follow_specs, legacy_range, specs};
use crate::lock::lock;
use crate::name_index::{NAME_BYTES_MAX, NameIndex, TOP};
use crate::names::flag_bits;
use crate::walk::keys_by_grammar;

/// The number of a command or subcommand in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u16);

impl CommandId {
    /// For arrays by id.
    #[inline]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// A declaration and what follows from it.
pub struct Entry<H: 'static> {
    pub decl: &'static Command<H>,
    pub id: CommandId,
    /// In small letters: `get`, `config|get`.
    pub full_name: Box<str>,
    pub parent: Option<CommandId>,
    pub subcommands: Box<[CommandId]>,
    /// Redis's arity: words of a call; negative: at least.
    pub arity: i32,
    pub layout: KeyLayout,
    pub specs: Box<[KeySpec]>,
    /// What is done with the keys of the first spec that has any; all keys, unless the layout is
    /// [`KeyLayout::Other`].
    pub first_key_flags: &'static [KeyFlag],
    /// First key, last key, step of COMMAND INFO.
    pub legacy_range: (i32, i32, i32),
    /// Bits of [`Flag::bit`]; `MovableKeys` is computed.
    pub flags: u64,
    /// Bits of [`crate::declare::Category::bit`].
    pub categories: u64,
    pub lock: Lock,
    /// It needs nothing but the shards of its keys, and never waits.
    pub is_straight: bool,
    /// By what it declares it is done in a few microseconds, unless it has many arguments.
    pub is_brief: bool,
}

/// A key of a call: its index in argv, and what the command does with it.
pub type KeyAt = (usize, &'static [KeyFlag]);

impl<H> Entry<H> {
    #[inline]
    pub fn has(&self, flag: Flag) -> bool {
        self.flags & flag.bit() != 0
    }

    /// Whether a call may have this many words, all names included.
    #[inline]
    pub fn arity_allows(&self, argc: usize) -> bool {
        arity_allows(self.arity, argc)
    }

    /// Calls `f` with the index of every key that specs can tell, without allocating.
    ///
    /// A call that breaks the grammar has fewer keys or none; its handler refuses it before it
    /// touches one. Keys that specs cannot tell (SORT … STORE) only [`Entry::find_keys`] finds;
    /// such a command holds [`Lock::World`].
    #[inline]
    pub fn for_each_key<'a>(
        &self,
        argc: usize,
        arg: impl Fn(usize) -> &'a [u8],
        mut f: impl FnMut(usize),
    ) {
        self.for_each_key_and_flags(argc, arg, |index, _| f(index));
    }

    /// [`Entry::for_each_key`], which also tells what the declaration says is done with the key.
    #[inline]
    pub fn for_each_key_and_flags<'a>(
        &self,
        argc: usize,
        arg: impl Fn(usize) -> &'a [u8],
        mut f: impl FnMut(usize, &'static [KeyFlag]),
    ) {
        match self.layout {
            KeyLayout::None => (),
            KeyLayout::One(index) => {
                if usize::from(index) < argc {
                    f(index.into(), self.first_key_flags);
                }
            }
            KeyLayout::Range { first, last, step } => {
                let stop = match usize::try_from(last) {
                    Ok(last) => (last + 1).min(argc),
                    Err(_) => (argc + 1).saturating_sub(last.unsigned_abs().into()),
                };
                (first.into()..stop)
                    .step_by(step.into())
                    .for_each(|index| f(index, self.first_key_flags));
            }
            KeyLayout::Other => {
                // An error is a call that the handler will refuse.
                let _ = follow_specs(&self.specs, false, argc, arg, f);
            }
        }
    }

    /// Every key of a call, in the order of the specs.
    ///
    /// Errors: `NoKeys` if the command never has any; `Invalid` if this call has none although
    /// it must, or says nonsense about their number.
    pub fn find_keys<'a>(
        &self,
        argc: usize,
        arg: impl Fn(usize) -> &'a [u8],
    ) -> Result<Vec<KeyAt>, KeyError> {
        let is_key = |spec: &KeySpec| !spec.flags.contains(&KeyFlag::NotKey);
        if !self.specs.iter().any(is_key) {
            return Err(KeyError::NoKeys);
        }
        let mut keys: Vec<KeyAt> = Vec::new();
        let outcome = follow_specs(&self.specs, false, argc, &arg, |index, flags| {
            keys.push((index, access(self.decl.name, flags, argc, &arg)));
        });
        if outcome.is_err() {
            let names = 1 + usize::from(self.parent.is_some());
            let told = self.specs.iter().all(|spec| {
                spec.begin != Begin::Unknown
                    && spec.find != Find::Unknown
                    && !spec.flags.contains(&KeyFlag::Incomplete)
            });
            keys = match told {
                // The specs say all there is to say, so the call is wrong.
                true => Vec::new(),
                false => keys_by_grammar(self.decl.args, names, argc, &arg),
            };
        }
        match keys.is_empty() && !self.has(Flag::NoMandatoryKeys) {
            true => Err(KeyError::Invalid),
            false => Ok(keys),
        }
    }

    /// Channels that hash to a slot like keys (SSUBSCRIBE): their indexes.
    pub fn for_each_slot_word<'a>(
        &self,
        argc: usize,
        arg: impl Fn(usize) -> &'a [u8],
        mut f: impl FnMut(usize),
    ) {
        // An error is a call that the handler will refuse.
        let _ = follow_specs(&self.specs, true, argc, arg, |index, _| f(index));
    }
}

/// Why `rename-command` cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameError {
    NoSuchCommand,
    TargetExists,
    /// Over 65,535 bytes.
    TargetTooLong,
}

impl RenameError {
    /// Redis's text.
    pub fn text(self) -> &'static str {
        match self {
            RenameError::NoSuchCommand => "No such command in rename-command",
            RenameError::TargetExists => "Target command name already exists",
            RenameError::TargetTooLong => "Target command name is too long",
        }
    }
}

type NameInForce = (Box<[u8]>, CommandId);

/// Every command a server knows.
pub struct CommandTable<H: 'static> {
    entries: Box<[Entry<H>]>,
    original: NameIndex,
    /// The names in force and their ids; `None` until something is renamed.
    renamed: Option<(Vec<NameInForce>, NameIndex)>,
}

impl<H> CommandTable<H> {
    /// Computes everything. Panics at a declaration that contradicts itself or another.
    pub fn build(lists: &[&'static [Command<H>]]) -> CommandTable<H> {
        let mut entries = Vec::new();
        for decl in lists.iter().copied().flatten() {
            add(decl, None, &mut entries);
        }
        let names = entries.iter().map(|entry: &Entry<H>| {
            let parent = entry.parent.map_or(TOP, |parent| parent.0);
            (parent, entry.decl.name.as_bytes(), entry.id.0)
        });
        let original = NameIndex::build(names).unwrap_or_else(|twice| {
            panic!("{} is declared twice", String::from_utf8_lossy(twice));
        });
        CommandTable { entries: entries.into(), original, renamed: None }
    }

    /// How many entries there are, subcommands included: one more than the greatest id.
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub fn get(&self, id: CommandId) -> &Entry<H> {
        &self.entries[id.index()]
    }

    /// Every entry, each container followed by its subcommands.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<H>> {
        self.entries.iter()
    }

    /// The commands in force, without subcommands and without what was renamed away: what COMMAND
    /// and COMMAND COUNT speak of.
    pub fn commands(&self) -> impl Iterator<Item = &Entry<H>> {
        let in_force = |entry: &&Entry<H>| match &self.renamed {
            None => entry.parent.is_none(),
            Some((names, _)) => names.iter().any(|(_, id)| *id == entry.id),
        };
        self.entries.iter().filter(in_force)
    }

    /// The command of this name in any case, renaming considered.
    #[inline]
    pub fn lookup(&self, name: &[u8]) -> Option<CommandId> {
        match &self.renamed {
            None => self.lookup_original(name),
            Some((_, index)) => index.find(TOP, name).map(CommandId),
        }
    }

    /// The command that has this name in its declaration, whatever `rename-command` did.
    #[inline]
    pub fn lookup_original(&self, name: &[u8]) -> Option<CommandId> {
        self.original.find(TOP, name).map(CommandId)
    }

    /// The subcommand of a container.
    #[inline]
    pub fn lookup_sub(&self, parent: CommandId, name: &[u8]) -> Option<CommandId> {
        self.original.find(parent.0, name).map(CommandId)
    }

    /// A command by its full name: `get`, `config|get`. For COMMAND INFO.
    pub fn lookup_full(&self, name: &[u8]) -> Option<CommandId> {
        match name.iter().position(|&byte| byte == b'|') {
            None => self.lookup(name),
            Some(at) => self.lookup_sub(self.lookup(&name[..at])?, &name[at + 1..]),
        }
    }

    /// [`CommandTable::lookup_full`], whatever `rename-command` did. For ACL rules.
    pub fn lookup_full_original(&self, name: &[u8]) -> Option<CommandId> {
        match name.iter().position(|&byte| byte == b'|') {
            None => self.lookup_original(name),
            Some(at) => self.lookup_sub(self.lookup_original(&name[..at])?, &name[at + 1..]),
        }
    }

    /// What `argv` calls: a command, or the subcommand that its second word names. A container
    /// whose subcommand is missing or unknown is `None`, unless it can stand alone (COMMAND).
    #[inline]
    pub fn lookup_call<'a>(
        &self,
        argc: usize,
        arg: impl Fn(usize) -> &'a [u8],
    ) -> Option<CommandId> {
        let id = self.lookup(arg(0))?;
        if self.get(id).subcommands.is_empty() || argc < 2 {
            return Some(id);
        }
        self.lookup_sub(id, arg(1))
    }

    /// COMMAND GETKEYS for the call `argv`, which begins with its name.
    pub fn getkeys<'a>(
        &self,
        argc: usize,
        arg: impl Fn(usize) -> &'a [u8],
    ) -> Result<Vec<KeyAt>, KeyError> {
        if argc == 0 {
            return Err(KeyError::UnknownCommand);
        }
        let id = self.lookup_call(argc, &arg).ok_or(KeyError::UnknownCommand)?;
        let entry = self.get(id);
        if !entry.specs.iter().any(|spec| !spec.flags.contains(&KeyFlag::NotKey)) {
            return Err(KeyError::NoKeys);
        }
        if !entry.arity_allows(argc) {
            return Err(KeyError::Arity);
        }
        entry.find_keys(argc, arg)
    }

    /// `rename-command old new`; an empty `new` takes the command away. One that only other servers
    /// have is away already.
    pub fn rename(&mut self, old: &[u8], new: &[u8]) -> Result<(), RenameError> {
        let Some(id) = self.lookup(old) else {
            let is_absent = self.lookup_original(old).is_none() && elsewhere::knows(old);
            return if is_absent { Ok(()) } else { Err(RenameError::NoSuchCommand) };
        };
        if new.len() > NAME_BYTES_MAX {
            return Err(RenameError::TargetTooLong);
        }
        let mut names = match self.renamed.take() {
            Some((names, _)) => names,
            None => {
                let top = self.entries.iter().filter(|entry| entry.parent.is_none());
                top.map(|entry| (entry.decl.name.as_bytes().into(), entry.id)).collect()
            }
        };
        let taken = |name: &[u8]| names.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let outcome = if taken(new) && !new.eq_ignore_ascii_case(old) {
            Err(RenameError::TargetExists)
        } else {
            names.retain(|(name, _)| !name.eq_ignore_ascii_case(old));
            if !new.is_empty() {
                names.push((new.into(), id));
            }
            Ok(())
        };
        let entries = names.iter().map(|(name, id)| (TOP, &name[..], id.0));
        let index = NameIndex::build(entries).expect("names were unique and still are");
        self.renamed = Some((names, index));
        outcome
    }
}

/// Appends the entry of a declaration and those of its subcommands.
fn add<H>(
    decl: &'static Command<H>,
    parent: Option<(CommandId, &'static str)>,
    entries: &mut Vec<Entry<H>>,
) {
    let full_name = match parent {
        Some((_, container)) => format!("{container}|{}", decl.name).to_ascii_lowercase(),
        None => decl.name.to_ascii_lowercase(),
    };
    let is_subcommand = parent.is_some();
    assert!(!decl.name.is_empty(), "a command without a name, after {:?}", entries.len());
    assert!(!decl.name.bytes().any(|b| b.is_ascii_lowercase()), "{full_name}: not in capitals");
    assert!(parent.is_none() || decl.subcommands.is_empty(), "{full_name}: a container inside one");
    if let Some(why) = contradiction(decl, is_subcommand) {
        panic!("{full_name}: {why}");
    }
    assert_examples(decl, parent.map(|(_, name)| name), &full_name);

    let specs = specs(decl, is_subcommand).unwrap_or_else(|why| panic!("{full_name}: {why}"));
    let (legacy_range, movable) = legacy_range(&specs);
    let id = CommandId(u16::try_from(entries.len()).expect("far fewer than 65,536 commands"));
    entries.push(Entry {
        decl,
        id,
        full_name: full_name.into(),
        parent: parent.map(|(id, _)| id),
        subcommands: Box::default(),
        arity: arity(decl, is_subcommand),
        layout: KeyLayout::of(&specs),
        first_key_flags: specs
            .iter()
            .find(|spec| !spec.flags.contains(&KeyFlag::NotKey))
            .map_or(&[], |spec| spec.flags),
        legacy_range,
        flags: flag_bits(decl.flags) | if movable { Flag::MovableKeys.bit() } else { 0 },
        categories: categories(decl),
        is_straight: lock(decl, &specs) == Lock::Keys && !decl.flags.contains(&Flag::Blocking),
        is_brief: decl.flags.contains(&Flag::Fast) || decl.complexity == "O(1)",
        lock: lock(decl, &specs),
        specs: specs.into(),
    });
    let mut subcommands = Vec::new();
    for subcommand in decl.subcommands {
        subcommands.push(CommandId(entries.len() as u16));
        add(subcommand, Some((id, decl.name)), entries);
    }
    entries[id.index()].subcommands = subcommands.into();
}

fn assert_examples<H>(decl: &Command<H>, parent: Option<&str>, full_name: &str) {
    let calls_it = |(call, _): &(&str, &str)| {
        let mut words = call.split_ascii_whitespace();
        let mut next_is = |name: &str| words.next().is_some_and(|w| w.eq_ignore_ascii_case(name));
        parent.is_none_or(&mut next_is) && next_is(decl.name)
    };
    let fine = decl.examples.is_empty() || decl.examples.iter().any(calls_it);
    assert!(fine || !decl.subcommands.is_empty(), "{full_name}: no example calls it");
}
