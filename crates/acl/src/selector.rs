//! A selector: permissions that must all hold for a call.

use base::split_args::split_args;

use crate::channels::Channels;
use crate::commands::Commands;
use crate::databases::Databases;
use crate::keys::Keys;
use crate::{Context, RuleError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    pub commands: Commands,
    pub keys: Keys,
    pub channels: Channels,
    pub databases: Databases,
}

impl Selector {
    /// A selector as it is before any rule: it allows nothing, in all databases.
    pub(crate) fn new<H>(cx: Context<'_, H>) -> Selector {
        Selector {
            commands: Commands::none(),
            keys: Keys::none(),
            channels: if cx.all_channels { Channels::All } else { Channels::none() },
            databases: Databases::All,
        }
    }

    /// The rules in the parentheses of `(+get ~cache:*)`.
    pub(crate) fn parse<H>(rules: &[u8], cx: Context<'_, H>) -> Result<Selector, RuleError> {
        let mut selector = Selector::new(cx);
        // Redis takes unbalanced quotes for no rules at all; nobody can want that.
        for rule in split_args(rules).ok_or(RuleError::Syntax)? {
            selector.apply(&rule, cx)?;
        }
        Ok(selector)
    }

    pub(crate) fn apply<H>(&mut self, rule: &[u8], cx: Context<'_, H>) -> Result<(), RuleError> {
        let lower = rule.to_ascii_lowercase();
        match &*lower {
            b"allkeys" | b"~*" => self.keys = Keys::All,
            b"resetkeys" => self.keys = Keys::none(),
            b"allchannels" | b"&*" => self.channels = Channels::All,
            b"resetchannels" => self.channels = Channels::none(),
            b"allcommands" | b"+@all" => self.commands = Commands::all(),
            b"nocommands" | b"-@all" => self.commands = Commands::none(),
            b"alldbs" => self.databases = Databases::All,
            b"resetdbs" => self.databases = Databases::none(),
            [b'~' | b'%', ..] => self.keys.add(rule)?,
            [b'&', ..] => self.channels.add(rule)?,
            [b'+' | b'-', ..] => self.commands.apply(&lower, cx.table)?,
            [b'd', b'b', b'=', list @ ..] => self.databases = Databases::parse(list)?,
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    /// Whether there is no call that it would refuse.
    pub(crate) fn allows_everything(&self) -> bool {
        self.commands.allows_all()
            && self.keys == Keys::All
            && self.channels == Channels::All
            && self.databases == Databases::All
    }

    /// The rules that make it.
    pub fn describe(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        parts.push(self.keys.describe());
        if self.channels != Channels::All {
            parts.push(b"resetchannels".to_vec());
        }
        parts.push(self.channels.describe());
        if self.databases != Databases::All {
            parts.push(self.databases.describe().into_bytes());
        }
        parts.push(self.commands.describe());
        parts.retain(|part| !part.is_empty());
        parts.join(&b' ')
    }
}
