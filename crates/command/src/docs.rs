//! COMMAND DOCS and COMMAND INFO as plain trees, which the engine turns into RESP.
//!
//! ```text
//! Doc::Map ── RESP3 map,  RESP2 flat array        Doc::Text   ── bulk string
//! Doc::Set ── RESP3 set,  RESP2 array             Doc::Status ── simple string
//! ```
//!
//! Names and order of fields are those of Redis 8.0; tools such as redis-cli read them by name.
//! A field that has nothing to say is left out, as Redis does.

use std::borrow::Cow;

use crate::declare::{Arg, Begin, Category, Find, Flag, KeyFlag, KeySpec, Kind};
use crate::table::{CommandId, CommandTable, Entry};

/// A reply's shape without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doc {
    Null,
    Int(i64),
    Text(Cow<'static, str>),
    Status(&'static str),
    List(Vec<Doc>),
    Set(Vec<Doc>),
    Map(Vec<(Cow<'static, str>, Doc)>),
}

/// Commands that Redis keeps for itself. Nothing else about them tells.
const SYSTEM_COMMANDS: [&str; 5] = ["DEBUG", "PFDEBUG", "PFSELFTEST", "REPLCONF", "RESTORE-ASKING"];

fn text(text: &'static str) -> Doc {
    Doc::Text(Cow::Borrowed(text))
}

fn map<const N: usize>(fields: [(&'static str, Doc); N]) -> Doc {
    Doc::Map(fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
}

/// One command of COMMAND DOCS.
pub fn docs<H>(table: &CommandTable<H>, id: CommandId) -> Doc {
    let entry = table.get(id);
    let decl = entry.decl;
    let mut fields: Vec<(Cow<'static, str>, Doc)> = Vec::new();
    let mut say = |name: &'static str, value: Doc| fields.push((Cow::Borrowed(name), value));

    if !decl.summary.is_empty() {
        say("summary", text(decl.summary));
    }
    if !decl.since.is_empty() {
        say("since", text(decl.since));
    }
    say("group", text(decl.group.word()));
    if !decl.complexity.is_empty() {
        say("complexity", text(decl.complexity));
    }
    let system = entry.parent.is_none() && SYSTEM_COMMANDS.contains(&decl.name);
    let mut doc_flags = Vec::new();
    if decl.deprecated.is_some() {
        doc_flags.push(Doc::Status("deprecated"));
    }
    if system {
        doc_flags.push(Doc::Status("syscmd"));
    }
    if !doc_flags.is_empty() {
        say("doc_flags", Doc::Set(doc_flags));
    }
    if let Some((since, replaced_by)) = decl.deprecated {
        say("deprecated_since", text(since));
        say("replaced_by", text(replaced_by));
    }
    if !decl.history.is_empty() {
        let change = |&(version, what): &(_, _)| Doc::List(vec![text(version), text(what)]);
        say("history", Doc::Set(decl.history.iter().map(change).collect()));
    }
    if !decl.args.is_empty() {
        say("arguments", arguments(decl.args, &mut SpecNumbers::new(&entry.specs)));
    }
    if !entry.subcommands.is_empty() {
        let of = |&id: &CommandId| (table.get(id).full_name.to_string().into(), docs(table, id));
        say("subcommands", Doc::Map(entry.subcommands.iter().map(of).collect()));
    }
    Doc::Map(fields)
}

/// One command of COMMAND INFO.
pub fn info<H>(table: &CommandTable<H>, id: CommandId) -> Doc {
    let entry = table.get(id);
    let (first, last, step) = entry.legacy_range;
    let flags = Flag::ALL.iter().filter(|flag| entry.has(**flag)).filter_map(|flag| flag.word());
    let categories = Category::ALL.iter().filter(|c| entry.categories & c.bit() != 0);
    Doc::List(vec![
        Doc::Text(entry.full_name.to_string().into()),
        Doc::Int(entry.arity.into()),
        Doc::Set(flags.map(Doc::Status).collect()),
        Doc::Int(first.into()),
        Doc::Int(last.into()),
        Doc::Int(step.into()),
        Doc::Set(categories.map(|category| Doc::Status(category.at_word())).collect()),
        Doc::Set(entry.decl.tips.iter().map(|tip| text(tip)).collect()),
        Doc::Set(entry.specs.iter().map(key_spec).collect()),
        subcommands_info(table, entry),
    ])
}

fn subcommands_info<H>(table: &CommandTable<H>, entry: &Entry<H>) -> Doc {
    // Redis answers an empty set where there are none, and an array where there are.
    match entry.subcommands.is_empty() {
        true => Doc::Set(Vec::new()),
        false => Doc::List(entry.subcommands.iter().map(|&id| info(table, id)).collect()),
    }
}

/// The words of key flags, as COMMAND INFO and COMMAND GETKEYSANDFLAGS print them.
pub fn key_flags(flags: &[KeyFlag]) -> Doc {
    let said = KeyFlag::ALL.iter().filter(|flag| flags.contains(flag));
    Doc::Set(said.map(|flag| Doc::Status(flag.word())).collect())
}

fn key_spec(spec: &KeySpec) -> Doc {
    let int = |n: i32| Doc::Int(n.into());
    let typed = |kind: &'static str, spec: Doc| map([("type", text(kind)), ("spec", spec)]);
    let begin = match spec.begin {
        Begin::Index(index) => typed("index", map([("index", int(index))])),
        Begin::Keyword(word, start) => {
            typed("keyword", map([("keyword", text(word)), ("startfrom", int(start))]))
        }
        Begin::Unknown => typed("unknown", map([])),
    };
    let find = match spec.find {
        Find::Range { last, step, limit } => typed(
            "range",
            map([("lastkey", int(last)), ("keystep", int(step)), ("limit", int(limit))]),
        ),
        Find::KeyNum { count, first, step } => typed(
            "keynum",
            map([("keynumidx", int(count)), ("firstkey", int(first)), ("keystep", int(step))]),
        ),
        Find::Unknown => typed("unknown", map([])),
    };
    let mut fields: Vec<(Cow<'static, str>, Doc)> = Vec::new();
    if !spec.notes.is_empty() {
        fields.push(("notes".into(), text(spec.notes)));
    }
    fields.push(("flags".into(), key_flags(spec.flags)));
    fields.push(("begin_search".into(), begin));
    fields.push(("find_keys".into(), find));
    Doc::Map(fields)
}

/// Tells which spec a key argument belongs to: the next one with its flags that no argument has
/// yet, else the last with its flags (LCS: two arguments, one spec).
struct SpecNumbers<'s> {
    specs: &'s [KeySpec],
    taken: Vec<bool>,
}

impl<'s> SpecNumbers<'s> {
    fn new(specs: &'s [KeySpec]) -> Self {
        SpecNumbers { specs, taken: vec![false; specs.len()] }
    }

    fn next(&mut self, flags: &[KeyFlag]) -> Option<usize> {
        let like = |spec: &KeySpec| {
            // What a spec adds about itself is not about the key.
            let about_spec = [KeyFlag::Incomplete, KeyFlag::VariableFlags];
            let of = |flags: &[KeyFlag]| {
                let said = flags.iter().filter(|flag| !about_spec.contains(flag));
                said.fold(0_u32, |bits, flag| bits | 1 << *flag as u8)
            };
            of(spec.flags) == of(flags)
        };
        let number = (0..self.specs.len())
            .find(|&n| !self.taken[n] && like(&self.specs[n]))
            .or_else(|| (0..self.specs.len()).rfind(|&n| like(&self.specs[n])))?;
        self.taken[number] = true;
        Some(number)
    }
}

fn arguments(args: &[Arg], specs: &mut SpecNumbers<'_>) -> Doc {
    Doc::List(args.iter().map(|arg| argument(arg, specs)).collect())
}

fn argument(arg: &Arg, specs: &mut SpecNumbers<'_>) -> Doc {
    let mut fields: Vec<(Cow<'static, str>, Doc)> = Vec::new();
    let mut say = |name: &'static str, value: Doc| fields.push((Cow::Borrowed(name), value));
    let name = documented_name(arg);

    say("name", Doc::Text(name.clone()));
    say("type", text(arg.kind.word()));
    let parts = match arg.kind {
        Kind::OneOf(parts) | Kind::Block(parts) => Some(parts),
        Kind::Key(_)
        | Kind::Text
        | Kind::Integer
        | Kind::Double
        | Kind::Pattern
        | Kind::UnixTime
        | Kind::PureToken => None,
    };
    if parts.is_none() {
        say("display_text", arg.shown_as.map_or(Doc::Text(name), text));
    }
    if let Kind::Key(flags) = arg.kind
        && !flags.contains(&KeyFlag::NotKey)
        && let Some(number) = specs.next(flags)
    {
        say("key_spec_index", Doc::Int(number as i64));
    }
    if let Some(token) = arg.token {
        say("token", text(token));
    }
    if let Some(version) = arg.since {
        say("since", text(version));
    }
    if let Some(version) = arg.deprecated_since {
        say("deprecated_since", text(version));
    }
    let traits = [
        (arg.optional, "optional"),
        (arg.multiple, "multiple"),
        (arg.multiple_token, "multiple_token"),
    ];
    let flags: Vec<Doc> =
        traits.iter().filter(|(said, _)| *said).map(|(_, word)| Doc::Status(word)).collect();
    if !flags.is_empty() {
        say("flags", Doc::Set(flags));
    }
    if let Some(parts) = parts {
        say("arguments", arguments(parts, specs));
    }
    Doc::Map(fields)
}

/// The name an argument has in the docs: that of a pure token is the token in small letters.
pub(crate) fn documented_name(arg: &Arg) -> Cow<'static, str> {
    match arg.kind {
        Kind::PureToken => Cow::Owned(arg.name.to_ascii_lowercase()),
        _ => Cow::Borrowed(arg.name),
    }
}
