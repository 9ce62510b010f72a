//! INFO: what the server says about itself, each field declared once.
//!
//! ```text
//!   Section { name: "stats", fields: &[ number("expired_keys", "Keys …", |s| …), … ], lines }
//!                                              │          │          │
//!   INFO stats    expired_keys:17  ◄───────────┘          │          └── how to read it
//!   docs/info.md  Keys that …      ◄──────────────────────┘
//! ```
//!
//! The names and their order are Redis 8.0's, since monitoring reads them by name; [`sections`]
//! is the table. A value is measured, or it is the neutral one where Redis has a mechanism that
//! this server has not (no fork: no copy on write). [`Seen`] is all that a field may look at: it
//! is gathered once, with the world held, so that the fields of one reply agree with each other.
//!
//! What only the process knows (resident memory, processor time, the allocator) comes from
//! [`Host::facts`](crate::engine::Host::facts) under the very names of the fields; a fact that no
//! field claims is printed at the end of its section (`listener0`).

mod activity;
mod beside;
mod key_sizes;
mod memory;
mod process;
pub mod sections;
mod seen;

use base::memory_text::human_bytes;

pub use sections::SECTIONS;
pub use seen::{ClientsSeen, DbSeen, MemorySeen, Seen};

/// One line of INFO.
pub struct Field {
    pub name: &'static str,
    /// One sentence of our own.
    pub doc: &'static str,
    pub read: Read,
}

/// How a field's value is had.
pub enum Read {
    Number(fn(&Seen<'_>) -> u64),
    /// Bytes, printed for people: `1.50M`.
    Human(fn(&Seen<'_>) -> u64),
    /// Two decimals.
    Ratio(fn(&Seen<'_>) -> f64),
    Text(fn(&Seen<'_>) -> String),
    /// The host knows it; else this.
    Fact(&'static str),
    /// Belongs to a mechanism that this server has not.
    Fixed(&'static str),
}

pub struct Section {
    /// As an argument of INFO.
    pub name: &'static str,
    pub title: &'static str,
    /// Shown by INFO without arguments.
    pub is_default: bool,
    /// Shown to who asks for it by name only.
    pub is_hidden: bool,
    pub fields: &'static [Field],
    /// Lines whose names are not known beforehand: one for each command, database, worker.
    pub lines: Option<fn(&Seen<'_>, &mut String)>,
}

/// What INFO was asked for.
pub struct Wanted {
    all: bool,
    default: bool,
    names: Vec<String>,
}

impl Wanted {
    /// From INFO's arguments; unknown names ask for nothing.
    pub fn parse<'a>(args: impl Iterator<Item = &'a [u8]>) -> Wanted {
        let mut wanted = Wanted { all: false, default: false, names: Vec::new() };
        for arg in args {
            match arg.to_ascii_lowercase().as_slice() {
                b"all" | b"everything" => wanted.all = true,
                b"default" => wanted.default = true,
                name => wanted.names.push(String::from_utf8_lossy(name).into_owned()),
            }
        }
        wanted.default |= !wanted.all && wanted.names.is_empty();
        wanted
    }

    /// Every section but those that take long or are for tests.
    pub fn all() -> Wanted {
        Wanted { all: true, default: false, names: Vec::new() }
    }

    /// Whether a section was asked for by its name.
    pub fn names(&self, section: &str) -> bool {
        self.names.iter().any(|name| name == section)
    }

    fn has(&self, section: &Section) -> bool {
        self.all && !section.is_hidden
            || (self.default && section.is_default)
            || self.names(section.name)
    }
}

/// The text of INFO.
pub fn text(seen: &Seen<'_>, wanted: &Wanted) -> String {
    let mut out = String::new();
    for section in SECTIONS.iter().filter(|section| wanted.has(section)) {
        if !out.is_empty() {
            out.push_str("\r\n");
        }
        write_section(seen, section, &mut out);
    }
    out
}

fn write_section(seen: &Seen<'_>, section: &Section, out: &mut String) {
    out.push_str(&format!("# {}\r\n", section.title));
    for field in section.fields {
        out.push_str(&format!("{}:{}\r\n", field.name, value(seen, field)));
    }
    if let Some(lines) = section.lines {
        lines(seen, out);
    }
    for (of, name, value) in &seen.facts {
        let is_claimed = section.fields.iter().any(|field| field.name == *name);
        if *of == section.name && !is_claimed {
            out.push_str(&format!("{name}:{value}\r\n"));
        }
    }
}

/// A field's text.
pub fn value(seen: &Seen<'_>, field: &Field) -> String {
    match field.read {
        Read::Number(read) => read(seen).to_string(),
        Read::Human(read) => human_bytes(read(seen)),
        Read::Ratio(read) => format!("{:.2}", read(seen)),
        Read::Text(read) => read(seen),
        Read::Fact(neutral) => seen.fact(field.name).unwrap_or(neutral).to_owned(),
        Read::Fixed(text) => text.to_owned(),
    }
}

const fn number(name: &'static str, doc: &'static str, read: fn(&Seen<'_>) -> u64) -> Field {
    Field { name, doc, read: Read::Number(read) }
}

const fn human(name: &'static str, doc: &'static str, read: fn(&Seen<'_>) -> u64) -> Field {
    Field { name, doc, read: Read::Human(read) }
}

const fn ratio(name: &'static str, doc: &'static str, read: fn(&Seen<'_>) -> f64) -> Field {
    Field { name, doc, read: Read::Ratio(read) }
}

const fn text_of(name: &'static str, doc: &'static str, read: fn(&Seen<'_>) -> String) -> Field {
    Field { name, doc, read: Read::Text(read) }
}

const fn fact(name: &'static str, doc: &'static str, neutral: &'static str) -> Field {
    Field { name, doc, read: Read::Fact(neutral) }
}

const fn fixed(name: &'static str, doc: &'static str, text: &'static str) -> Field {
    Field { name, doc, read: Read::Fixed(text) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_field_is_declared_once_and_documented_in_a_sentence() {
        let mut names = HashSet::new();
        for field in SECTIONS.iter().flat_map(|section| section.fields) {
            assert!(names.insert(field.name), "{} stands twice", field.name);
            assert!(field.doc.ends_with('.'), "{}: {}", field.name, field.doc);
        }
    }

    #[test]
    fn names_of_sections_are_small_letters() {
        for section in SECTIONS {
            assert_eq!(section.name, section.title.to_ascii_lowercase());
        }
    }

    #[test]
    fn no_argument_asks_for_the_default_sections_and_an_unknown_one_for_none() {
        let none = Wanted::parse([].into_iter());
        let shown: Vec<_> = SECTIONS.iter().filter(|s| none.has(s)).map(|s| s.name).collect();
        assert!(shown.contains(&"keyspace") && !shown.contains(&"commandstats"));
        let unknown = Wanted::parse([&b"nope"[..]].into_iter());
        assert!(!SECTIONS.iter().any(|s| unknown.has(s)));
        let both = Wanted::parse([&b"CommandStats"[..], b"default"].into_iter());
        assert!(SECTIONS.iter().all(|s| s.is_hidden || s.name == "latencystats" || both.has(s)));
    }
}
