//! One user: how it logs in, and what it may do.
//!
//! Users are made by applying rules to a copy of another; a finished one never changes.

use base::split_args::quote;
use command::declare::{Flag, KeyFlag};
use command::keys::KeyLayout;
use command::table::{CommandId, CommandTable, Entry};

use crate::bits::CommandSet;
use crate::channels::Channels;
use crate::databases::{Databases, needs_some};
use crate::keys::{Access, Keys};
use crate::password::Password;
use crate::{Context, RuleError, Selector};

#[derive(Clone, Debug)]
pub struct User {
    name: Box<[u8]>,
    is_on: bool,
    /// Any password will do.
    needs_no_password: bool,
    passwords: Vec<Password>,
    /// RESTORE is asked to trust its payloads. It is told and not heeded: all are validated.
    skips_sanitizing: bool,
    /// The root selector, and those in parentheses.
    selectors: Vec<Selector>,
    /// Commands that some selector allows whatever their arguments are.
    free: CommandSet,
    /// By command: which one key is all that the root selector asks for, if it is so.
    one_key: Vec<Option<OneKey>>,
    is_unrestricted: bool,
}

/// The key of commands that have one, at the same place in every call, and what they do with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneKey {
    /// In argv.
    pub(crate) index: u16,
    pub(crate) needed: Access,
}

impl User {
    /// A user as SETUSER makes it before any rule: off, without a password, allowed nothing.
    pub(crate) fn new<H>(name: &[u8], cx: Context<'_, H>) -> User {
        User {
            name: name.into(),
            is_on: false,
            needs_no_password: false,
            passwords: Vec::new(),
            skips_sanitizing: false,
            selectors: vec![Selector::new(cx)],
            free: CommandSet::EMPTY,
            one_key: Vec::new(),
            is_unrestricted: false,
        }
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    pub fn is_on(&self) -> bool {
        self.is_on
    }

    pub fn needs_no_password(&self) -> bool {
        self.needs_no_password
    }

    /// Whether one may log in with this password.
    pub fn admits(&self, password: &Password) -> bool {
        self.is_on && (self.needs_no_password || password.is_among(&self.passwords))
    }

    pub fn passwords(&self) -> &[Password] {
        &self.passwords
    }

    pub fn root(&self) -> &Selector {
        &self.selectors[0]
    }

    /// All of them, the root first.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// Whether no call is refused.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.is_unrestricted
    }

    /// The commands that run whatever their arguments are. For others see [`User::check`].
    #[inline]
    pub fn free(&self) -> &CommandSet {
        &self.free
    }

    /// Words such as `on` and `nopass`, in Redis's order.
    pub fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec![if self.is_on { "on" } else { "off" }];
        if self.needs_no_password {
            flags.push("nopass");
        }
        flags.push(match self.skips_sanitizing {
            true => "skip-sanitize-payload",
            false => "sanitize-payload",
        });
        flags
    }

    /// Applies a rule. To be finished by [`User::finish`].
    pub(crate) fn apply<H>(&mut self, rule: &[u8], cx: Context<'_, H>) -> Result<(), RuleError> {
        match &*rule.to_ascii_lowercase() {
            b"" => {}
            b"on" => self.is_on = true,
            b"off" => self.is_on = false,
            b"skip-sanitize-payload" => self.skips_sanitizing = true,
            b"sanitize-payload" => self.skips_sanitizing = false,
            b"nopass" => {
                self.needs_no_password = true;
                self.passwords.clear();
            }
            b"resetpass" => {
                self.needs_no_password = false;
                self.passwords.clear();
            }
            [b'>', ..] => self.add_password(Password::of(&rule[1..])),
            [b'#', ..] => self.add_password(Password::from_hex(&rule[1..])?),
            [b'<', ..] => self.remove_password(Password::of(&rule[1..]))?,
            [b'!', ..] => self.remove_password(Password::from_hex(&rule[1..])?)?,
            [b'(', .., b')'] => {
                self.selectors.push(Selector::parse(&rule[1..rule.len() - 1], cx)?);
            }
            b"clearselectors" => self.selectors.truncate(1),
            b"reset" => *self = User::new(&self.name, cx),
            _ => self.selectors[0].apply(rule, cx)?,
        }
        Ok(())
    }

    fn add_password(&mut self, password: Password) {
        self.needs_no_password = false;
        if !self.passwords.contains(&password) {
            self.passwords.push(password);
        }
    }

    fn remove_password(&mut self, password: Password) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|known| *known == password);
        self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// Computes what is asked on every call.
    pub(crate) fn finish<H>(&mut self, table: &CommandTable<H>) {
        self.is_unrestricted = self.selectors.iter().any(Selector::allows_everything);
        self.free = CommandSet::EMPTY;
        self.one_key = vec![None; table.entry_count()];
        for entry in table.entries() {
            let allows_any_call = |selector: &Selector| allows_any_call(selector, entry);
            self.free.set(entry.id, self.selectors.iter().any(allows_any_call));
            self.one_key[entry.id.index()] = one_key(self.root(), entry);
        }
    }

    #[inline]
    pub(crate) fn one_key(&self, id: CommandId) -> Option<OneKey> {
        self.one_key.get(id.index()).copied().flatten()
    }

    /// The rules that make it, without its name.
    pub fn describe(&self) -> Vec<u8> {
        let mut out = self.flags().join(" ").into_bytes();
        for password in &self.passwords {
            out.extend_from_slice(b" #");
            out.extend_from_slice(password.hex().as_bytes());
        }
        out.push(b' ');
        out.extend(self.root().describe());
        for selector in &self.selectors[1..] {
            out.extend_from_slice(b" (");
            out.extend(in_parentheses(&selector.describe()));
            out.push(b')');
        }
        out
    }
}

/// Rules as they stand between parentheses, where quotes mean something and a parenthesis at the
/// end of a word closes.
fn in_parentheses(rules: &[u8]) -> Vec<u8> {
    let written = |rule: &[u8]| {
        let is_plain = !rule.iter().any(|byte| b"\"'".contains(byte)) && !rule.ends_with(b")");
        if is_plain { rule.to_vec() } else { quote(rule) }
    };
    rules.split(|byte| *byte == b' ').map(written).collect::<Vec<_>>().join(&b' ')
}

/// Whether a command may always run, without the arguments of a call.
pub(crate) fn is_always_allowed<H>(entry: &Entry<H>) -> bool {
    entry.has(Flag::NoAuth)
}

fn allows_any_call<H>(selector: &Selector, entry: &Entry<H>) -> bool {
    let has_keys = entry.specs.iter().any(|spec| !spec.flags.contains(&KeyFlag::NotKey));
    (is_always_allowed(entry) || selector.commands.allows(entry.id))
        && (selector.keys == Keys::All || !has_keys)
        && (selector.channels == Channels::All || entry.decl.channels.is_none())
        && (selector.databases == Databases::All || !needs_some(entry))
}

/// The key on which alone the selector's answer depends.
fn one_key<H>(selector: &Selector, entry: &Entry<H>) -> Option<OneKey> {
    let KeyLayout::One(index) = entry.layout else { return None };
    let depends_on_more = !selector.commands.allows(entry.id)
        || selector.databases != Databases::All
        || entry.decl.channels.is_some()
        || entry.first_key_flags.contains(&KeyFlag::VariableFlags);
    let needed = Access::needed(entry.first_key_flags);
    (!depends_on_more).then_some(OneKey { index, needed })
}
