//! Which commands a differential run calls, how often each, and what the peer understands of them.
//!
//! Only what both servers have is called. The peer tells by COMMAND DOCS which commands it has, and
//! which words of each: an option with a word that the peer's documentation lacks is left out.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use command::declare::{Arg, Group, Kind};
use command::table::{CommandTable, Entry};
use engine::Handler;
use resp::value::Value;

use super::Family;
use super::link::Link;

/// What is not called, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("dump", "its bytes say the version; values are exchanged by it at the end of a round"),
    ("migrate", "needs a third server"),
    ("object|freq", "counts by chance"),
    ("object|idletime", "depends on when it is asked"),
    ("object|refcount", "says which small integers a Redis shares"),
    ("pfdebug", "looks at what a server may do its own way"),
    ("pfselftest", "says only that it passed"),
    ("randomkey", "answers by chance"),
    ("wait", "needs replicas"),
    ("waitaof", "needs replicas"),
];

/// Options that are not used, and why.
const OPTIONS_LEFT_OUT: &[(&str, &str, &str)] = &[
    ("*", "BLOCK", "would wait"),
    ("geosearchstore", "BYPOLYGON", "of the distance from its middle the last digits differ"),
    ("sort", "BY", "see below: taken with a pattern that orders"),
    ("xadd", "*", "the ID is the moment"),
    ("xgroup|create", "ENTRIESREAD", "bounded by what was added since Redis 8.8"),
    ("xgroup|setid", "ENTRIESREAD", "bounded by what was added since Redis 8.8"),
];

/// How often a command is called, where that is not [`ORDINARY`]: often what builds, so that there
/// is something to look at, rarely what takes everything away.
const WEIGHTS: &[(&str, usize)] = &[
    ("append", 8),
    ("del", 1),
    ("geoadd", 24),
    ("hset", 40),
    ("linsert", 8),
    ("lpush", 20),
    ("ltrim", 2),
    ("move", 1),
    ("pfadd", 24),
    ("rpush", 30),
    ("sadd", 40),
    ("set", 24),
    ("setbit", 16),
    ("setrange", 8),
    ("spop", 1),
    ("unlink", 1),
    ("xadd", 80),
    ("xgroup|create", 12),
    ("xgroup|destroy", 1),
    ("xreadgroup", 20),
    ("xtrim", 2),
    ("zadd", 40),
];
const ORDINARY: usize = 4;

/// One command of a run.
pub(crate) struct Planned {
    pub(crate) entry: &'static Entry<Handler>,
    pub(crate) parent: Option<&'static str>,
    /// The words the peer knows, in capitals.
    pub(crate) peer_tokens: HashSet<String>,
    pub(crate) group: Group,
}

impl Planned {
    pub(crate) fn name(&self) -> &'static str {
        &self.entry.full_name
    }

    /// Whether an optional argument or a choice may be used.
    pub(crate) fn allows(&self, arg: &Arg) -> bool {
        let Some(token) = arg.token else {
            // A block of words is known by those it cannot be without.
            let Kind::Block(parts) = arg.kind else { return true };
            return parts.iter().all(|part| part.optional || self.allows(part));
        };
        let is_left_out = OPTIONS_LEFT_OUT
            .iter()
            .any(|(name, word, _)| (*name == "*" || *name == self.name()) && *word == token);
        !is_left_out && self.peer_tokens.contains(&token.to_ascii_uppercase())
    }
}

/// The commands of a run, each as often as its weight.
pub(crate) struct Plan {
    pub(crate) commands: Vec<Planned>,
    /// Indices into `commands`.
    pub(crate) lottery: Vec<usize>,
    pub(crate) family: Family,
    /// Of values of all types, made by the peer.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Commands both servers have, called or not, in small letters.
    common: HashSet<&'static str>,
}

impl Plan {
    /// `only`: names of groups or commands in small letters; empty for all.
    pub(crate) fn new(peer: &mut Link, family: Family, only: &[String]) -> Result<Plan> {
        let payloads = payloads(peer)?;
        let known = documented(peer)?;
        // One table for the whole run.
        let table: &'static CommandTable<Handler> =
            Box::leak(Box::new(CommandTable::build(commands::all())));
        let mut plan = Plan {
            commands: Vec::new(),
            lottery: Vec::new(),
            family,
            payloads,
            common: table
                .entries()
                .map(|entry| &*entry.full_name)
                .filter(|n| known.contains_key(*n))
                .collect(),
        };
        for entry in table.entries().filter(|entry| is_called(entry)) {
            let name = &*entry.full_name;
            let parent = entry.parent.map(|id| table.get(id));
            let group = parent.map_or(entry.decl.group, |parent| parent.decl.group);
            let is_chosen = only.is_empty()
                || only.iter().any(|word| {
                    word == name
                        || *word == format!("{group:?}").to_ascii_lowercase()
                        || parent.is_some_and(|parent| *word == *parent.full_name)
                });
            let Some(tokens) = known.get(name).filter(|_| is_chosen) else { continue };
            if !DATA_GROUPS.contains(&group) {
                continue;
            }
            let weight = WEIGHTS.iter().find(|(special, _)| *special == name);
            let weight = weight.map_or(ORDINARY, |(_, weight)| *weight);
            plan.lottery.extend(std::iter::repeat_n(plan.commands.len(), weight));
            plan.commands.push(Planned {
                entry,
                parent: parent.map(|parent| parent.decl.name),
                peer_tokens: tokens.clone(),
                group,
            });
        }
        ensure!(!plan.commands.is_empty(), "no command of {only:?} is known to both servers");
        Ok(plan)
    }

    /// Whether both servers have the command of a call, which is typed as text.
    pub(crate) fn has(&self, call: &str) -> bool {
        let call = call.to_ascii_lowercase();
        let mut words = call.split(' ');
        let name = words.next().unwrap_or_default();
        let container = words.next().map(|word| format!("{name}|{word}")).unwrap_or_default();
        // A container's own name is known even if a subcommand is not.
        match self.common.contains(&*container) {
            true => true,
            false => self.common.contains(name) && !matches!(name, "object" | "xinfo"),
        }
    }
}

const DATA_GROUPS: &[Group] = &[
    Group::Generic,
    Group::String,
    Group::Bitmap,
    Group::List,
    Group::Set,
    Group::SortedSet,
    Group::Hash,
    Group::Stream,
    Group::Geo,
    Group::HyperLogLog,
];

fn is_called(entry: &Entry<Handler>) -> bool {
    let name = &*entry.full_name;
    entry.subcommands.is_empty()
        && !name.ends_with("|help")
        && !LEFT_OUT.iter().any(|(left_out, _)| *left_out == name)
}

/// Payloads of small and large values of every type.
fn payloads(peer: &mut Link) -> Result<Vec<Vec<u8>>> {
    const MAKE: &[&str] = &[
        "SET made text",
        "SET made 12345",
        "RPUSH made a 1 2",
        "SADD made 1 2 3",
        "SADD made a b 3",
        "HSET made f 1 g 2",
        "ZADD made 1 a 2.5 b",
        "XADD made 1-1 f v",
        "PFADD made a b c",
    ];
    const MANY: &[(&str, &str)] =
        &[("RPUSH", "N"), ("SADD", "mN"), ("HSET", "fN N"), ("ZADD", "N mN"), ("SADD", "N")];
    let many = MANY.iter().map(|(name, element)| {
        let element = |n: u32| format!(" {}", element.replace('N', &n.to_string()));
        format!("{name} made{}", (0..600).map(element).collect::<String>())
    });
    let mut payloads = Vec::new();
    for call in MAKE.iter().map(|call| (*call).to_owned()).chain(many) {
        peer.ask(&["DEL", "made"])?;
        peer.ask(&call.split(' ').collect::<Vec<_>>())?;
        let Value::Bulk(payload) = peer.ask(&["DUMP", "made"])? else {
            bail!("the peer dumps nothing after {call}")
        };
        payloads.push(payload);
    }
    Ok(payloads)
}

/// The peer's commands, each with the words of its arguments.
fn documented(peer: &mut Link) -> Result<HashMap<String, HashSet<String>>> {
    let docs = peer.ask(&["COMMAND", "DOCS"])?;
    let mut known = HashMap::new();
    for (name, doc) in pairs(&docs).context("COMMAND DOCS is no list of pairs")? {
        note(&mut known, name, doc);
    }
    Ok(known)
}

fn note(known: &mut HashMap<String, HashSet<String>>, name: &Value, doc: &Value) {
    let mut tokens = HashSet::new();
    for (field, value) in pairs(doc).unwrap_or_default() {
        match field.text().as_deref() {
            Some("arguments") => collect_tokens(value, &mut tokens),
            Some("subcommands") => {
                for (name, doc) in pairs(value).unwrap_or_default() {
                    note(known, name, doc);
                }
            }
            _ => {}
        }
    }
    if let Some(name) = name.text() {
        known.insert(name.to_ascii_lowercase(), tokens);
    }
}

fn collect_tokens(arguments: &Value, tokens: &mut HashSet<String>) {
    let Value::Array(arguments) = arguments else { return };
    for argument in arguments {
        for (field, value) in pairs(argument).unwrap_or_default() {
            match (field.text().as_deref(), value.text()) {
                (Some("token"), Some(token)) => {
                    tokens.insert(token.to_ascii_uppercase());
                }
                (Some("arguments"), _) => collect_tokens(value, tokens),
                _ => {}
            }
        }
    }
}

/// A map, or the flat array that stands for one in RESP2.
fn pairs(value: &Value) -> Option<Vec<(&Value, &Value)>> {
    match value {
        Value::Map(pairs) => Some(pairs.iter().map(|(key, value)| (key, value)).collect()),
        Value::Array(flat) => Some(flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect()),
        _ => None,
    }
}
