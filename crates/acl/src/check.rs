//! The question: may this user run this call?
//!
//! ```text
//!   selector 1   command ✓  databases ✓  keys ✗ (argv[2])     ┐ the reason furthest to the right
//!   selector 2   command ✗                                    ┘ is told: argv[2] is a key …
//! ```
//!
//! A call that breaks its command's grammar may have fewer keys than it seems to; whatever is not
//! found here its handler refuses before it touches anything.

use std::cell::OnceCell;

use command::declare::{Channels as Named, KeyFlag};
use command::keys::{KeyLayout, access};
use command::table::{Entry, KeyAt};

use crate::channels::Channels;
use crate::keys::{Access, Keys};
use crate::user::{OneKey, is_always_allowed};
use crate::{Selector, User};

/// A command with its arguments.
pub struct Call<F> {
    /// Words, the name included.
    pub argc: usize,
    pub arg: F,
    /// The selected database.
    pub db: usize,
}

/// Why a call is refused; indexes are of argv. Of two reasons the greater one is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// The word that names the database; 0 is the command, which works on the selected one.
    Database(usize),
    Command,
    Key(usize),
    Channel(usize),
}

impl Denied {
    /// ACL LOG's word.
    pub fn word(self) -> &'static str {
        match self {
            Denied::Database(_) => "database",
            Denied::Command => "command",
            Denied::Key(_) => "key",
            Denied::Channel(_) => "channel",
        }
    }
}

impl User {
    /// Whether the call may run: the whole answer, where [`User::free`] is a part of it.
    #[inline]
    pub fn check<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
    ) -> Result<(), Denied> {
        if self.free().contains(entry.id) || self.allows_one_key(entry, call) {
            return Ok(());
        }
        self.check_selectors(entry, call)
    }

    /// Most calls of most users: the root selector is asked for one key. False says nothing.
    #[inline]
    fn allows_one_key<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
    ) -> bool {
        self.one_key(entry.id).is_some_and(|OneKey { index, needed }| {
            let index = usize::from(index);
            index < call.argc && self.root().keys.allow((call.arg)(index), needed)
        })
    }

    fn check_selectors<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
    ) -> Result<(), Denied> {
        let keys = FoundKeys::default();
        let mut reason = None;
        for selector in self.selectors() {
            match selector.check(entry, call, &keys) {
                Ok(()) => return Ok(()),
                Err(denied) => reason = reason.max(Some(denied)),
            }
        }
        Err(reason.expect("a user has a root selector"))
    }

    /// Whether the call may run and may besides read any key: SORT follows patterns to keys that
    /// are not in the call.
    pub fn may_read_any_key<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
    ) -> bool {
        let keys = FoundKeys::default();
        self.selectors().iter().any(|selector| {
            selector.keys.allow_any(Access::READ) && selector.check(entry, call, &keys).is_ok()
        })
    }
}

impl Selector {
    fn check<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
        keys: &FoundKeys,
    ) -> Result<(), Denied> {
        let first_arg = || (call.argc > 1).then(|| (call.arg)(1));
        let is_allowed = self.commands.allows(entry.id)
            || is_always_allowed(entry)
            || self.commands.allows_first_arg(entry.id, first_arg());
        if !is_allowed {
            return Err(Denied::Command);
        }
        self.databases.check(entry, call).map_err(Denied::Database)?;
        if self.keys != Keys::All {
            self.check_keys(entry, call, keys).map_err(Denied::Key)?;
        }
        match entry.decl.channels {
            Some(named) if self.channels != Channels::All => {
                self.check_channels(named, call).map_err(Denied::Channel)
            }
            _ => Ok(()),
        }
    }

    /// The error is the index of the first key that may not be touched like this.
    fn check_keys<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
        found: &FoundKeys,
    ) -> Result<(), usize> {
        let check = |(index, flags): KeyAt| {
            let is_allowed = self.keys.allow((call.arg)(index), Access::needed(flags));
            if is_allowed { Ok(()) } else { Err(index) }
        };
        // The usual layouts cost no allocation.
        if entry.layout == KeyLayout::Other {
            return found.of(entry, call).iter().copied().try_for_each(check);
        }
        let flags = access(entry.decl.name, entry.first_key_flags, call.argc, &call.arg);
        let mut outcome = Ok(());
        entry.for_each_key(call.argc, &call.arg, |index| {
            if outcome.is_ok() {
                outcome = check((index, flags));
            }
        });
        outcome
    }

    fn check_channels<'a>(
        &self,
        named: Named,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
    ) -> Result<(), usize> {
        let (last, is_pattern) = match named {
            Named::Published => (1, false),
            Named::Subscribed => (call.argc - 1, false),
            Named::SubscribedPatterns => (call.argc - 1, true),
        };
        let refused = |at: &usize| !self.channels.allow((call.arg)(*at), is_pattern);
        (1..=last.min(call.argc - 1)).find(refused).map_or(Ok(()), Err)
    }
}

/// The keys of a call whose positions take a search, found when the first selector asks for them.
#[derive(Default)]
struct FoundKeys(OnceCell<Vec<(usize, &'static [KeyFlag])>>);

impl FoundKeys {
    fn of<'a, H>(
        &self,
        entry: &Entry<H>,
        call: &Call<impl Fn(usize) -> &'a [u8]>,
    ) -> &[(usize, &'static [KeyFlag])] {
        self.0.get_or_init(|| entry.find_keys(call.argc, &call.arg).unwrap_or_default())
    }
}
