//! What the server says about its commands: the reply to COMMAND DOCS as values.
//!
//! Help, completion and hints show the commands of the server we talk to, whatever its version
//! and name, so nothing is compiled in. The reply is a tree:
//!
//! ```text
//!   set => { summary, since, group, arguments: [ argument ... ] }
//!   config => { summary, ..., subcommands: { config|get => { ... } } }
//!   argument = { name, type, display_text?, token?, flags?, arguments? of a oneof or block }
//! ```
//!
//! A server may be older, or lack a field, or be none of the family: whatever is missing or of
//! the wrong type is left out, never an error. RESP2 sends each map as a flat array.

use resp::value::Value;
use std::borrow::Cow;

/// A command or subcommand, as `help` prints it and completion offers it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandDoc {
    /// In capitals; a subcommand's is two words: `CONFIG GET`.
    pub name: String,
    pub summary: String,
    pub since: Option<String>,
    pub group: String,
    pub arguments: Vec<Argument>,
}

/// One argument of the grammar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Argument {
    /// What stands for the argument's value in a hint.
    pub name: String,
    pub token: Option<String>,
    pub kind: Kind,
    pub optional: bool,
    pub multiple: bool,
    /// Each repetition starts with the token again.
    pub multiple_token: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    #[default]
    Word,
    Integer,
    Double,
    /// The token is all there is.
    PureToken,
    OneOf(Vec<Argument>),
    Block(Vec<Argument>),
}

/// Everything known about the server's commands.
#[derive(Clone, Debug, Default)]
pub struct Docs {
    commands: Vec<CommandDoc>,
}

impl Docs {
    /// Reads the reply to COMMAND DOCS.
    pub fn from_reply(reply: &Value) -> Docs {
        let mut commands = Vec::new();
        for (name, doc) in pairs(reply) {
            if let Some(name) = text(name) {
                add_command(&mut commands, &name.to_uppercase(), doc);
            }
        }
        commands.sort_by(|a, b| a.name.cmp(&b.name));
        Docs { commands }
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// All commands and subcommands, by name.
    pub fn commands(&self) -> &[CommandDoc] {
        &self.commands
    }

    /// The groups that have commands, each with the `@` that `help` wants before it.
    pub fn groups(&self) -> Vec<String> {
        let mut groups: Vec<_> = self.commands.iter().map(|c| format!("@{}", c.group)).collect();
        groups.sort();
        groups.dedup();
        groups
    }

    /// The command that `words` begin with, and how many words its name takes.
    pub fn find(&self, words: &[Vec<u8>]) -> Option<(&CommandDoc, usize)> {
        self.commands
            .iter()
            .filter_map(|command| {
                let name: Vec<_> = command.name.split(' ').collect();
                let same = name.len() <= words.len()
                    && name.iter().zip(words).all(|(a, b)| a.as_bytes().eq_ignore_ascii_case(b));
                same.then_some((command, name.len()))
            })
            .max_by_key(|(_, words)| *words)
    }

    /// The commands whose names begin with these words: `help config` lists its subcommands too.
    pub fn starting_with(&self, words: &[Vec<u8>]) -> impl Iterator<Item = &CommandDoc> {
        self.commands.iter().filter(move |command| {
            let mut name = command.name.split(' ');
            words.iter().all(|word| {
                name.next().is_some_and(|part| part.as_bytes().eq_ignore_ascii_case(word))
            })
        })
    }
}

fn add_command(commands: &mut Vec<CommandDoc>, name: &str, doc: &Value) {
    let mut command = CommandDoc { name: name.to_string(), ..CommandDoc::default() };
    for (field, value) in pairs(doc) {
        match text(field).as_deref() {
            Some("summary") => command.summary = text(value).unwrap_or_default(),
            Some("since") => command.since = text(value),
            Some("group") => command.group = text(value).unwrap_or_default(),
            Some("arguments") => command.arguments = arguments(value),
            Some("subcommands") => {
                for (full, doc) in pairs(value) {
                    let Some(full) = text(full) else { continue };
                    let own = full.rsplit('|').next().unwrap_or(&full).to_uppercase();
                    add_command(commands, &format!("{name} {own}"), doc);
                }
            }
            _ => {}
        }
    }
    commands.push(command);
}

fn arguments(value: &Value) -> Vec<Argument> {
    elements(value).iter().map(argument).collect()
}

fn argument(value: &Value) -> Argument {
    let mut out = Argument::default();
    let mut display_text = None;
    let mut kind = None;
    let mut inner = Vec::new();
    for (field, value) in pairs(value) {
        match text(field).as_deref() {
            Some("name") => out.name = text(value).unwrap_or_default(),
            Some("display_text") => display_text = text(value),
            Some("token") => out.token = text(value),
            Some("type") => kind = text(value),
            Some("arguments") => inner = arguments(value),
            Some("flags") => {
                for flag in elements(value) {
                    match text(flag).as_deref() {
                        Some("optional") => out.optional = true,
                        Some("multiple") => out.multiple = true,
                        Some("multiple_token") => out.multiple_token = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    out.name = display_text.unwrap_or(out.name);
    out.kind = match kind.as_deref() {
        Some("integer" | "unix-time") => Kind::Integer,
        Some("double") => Kind::Double,
        Some("pure-token") => Kind::PureToken,
        Some("oneof") => Kind::OneOf(inner),
        Some("block") => Kind::Block(inner),
        _ => Kind::Word,
    };
    out
}

/// The pairs of a map, or of the flat array that RESP2 sends for one.
fn pairs(value: &Value) -> Vec<(&Value, &Value)> {
    match value {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
        Value::Array(flat) => flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        _ => Vec::new(),
    }
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) | Value::Set(elements) => elements,
        _ => &[],
    }
}

fn text(value: &Value) -> Option<String> {
    value.text().map(Cow::into_owned)
}
