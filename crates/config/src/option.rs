//! The shape of one entry of the table.
//!
//! An entry is built by a `const fn` named for its kind and refined by adjectives, so that a topic
//! file reads as a list of sentences:
//!
//! ```text
//!   memory("maxmemory", 0, MAX, "0", "Upper bound of the data set …").now()
//!   text("masterauth", "", "Password sent to the primary.").alias(&["primaryauth"]).sensitive()
//! ```
//!
//! Where nothing is said an option is visible, may change at any time, and is one that Ochre
//! accepts without acting on it yet.

use crate::value::{Refusal, Value};

/// Position of an option in [`crate::OPTIONS`]. Made at compile time by [`crate::options::id`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OptId(pub(crate) u16);

impl OptId {
    pub fn opt(self) -> &'static Opt {
        crate::OPTIONS[self.0 as usize]
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the machine says before any file is read: it decides a few defaults.
#[derive(Clone, Debug)]
pub struct Host {
    /// Cores this process may use, cgroup limits included; default of `io-threads`.
    pub cores: usize,
    /// The working directory; default of `dir`.
    pub dir: String,
}

/// The set of values an option may take, and how they are written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    YesNo,
    Int {
        min: i64,
        max: i64,
    },
    /// An integer that is moved into `low..=high` rather than refused (`hz`).
    Hint {
        max: i64,
        low: i64,
        high: i64,
    },
    /// An integer written in base 8 (`unixsocketperm`).
    Octal {
        max: i64,
    },
    /// Bytes, with units: `64kb`, `1g`.
    Memory {
        min: i64,
        max: i64,
    },
    /// Bytes, or a percentage up to 100 of `maxmemory`. Kept as a negative number then.
    MemoryOrPercent,
    /// A decimal number.
    Real {
        min: f64,
        max: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any of these words, as bits from the second on; the first word means none.
    Flags(&'static [&'static str]),
    Text,
    /// As `Text`, but the empty text means "not set" and CONFIG REWRITE leaves it out.
    TextOrNone,
    /// Several words; an empty text means none (`bind`).
    Words {
        max: usize,
    },
    /// A host and a port, or `no one` (`replicaof`).
    HostPort,
    Save,
    OutputBufferLimits,
    OomScores,
    Percentiles,
    KeyspaceEvents,
    /// The working directory: text that CONFIG REWRITE always writes.
    Dir,
}

impl Kind {
    /// May it be given as several arguments in a file?
    pub const fn is_multi(&self) -> bool {
        matches!(
            self,
            Kind::Flags(_)
                | Kind::Words { .. }
                | Kind::HostPort
                | Kind::Save
                | Kind::OutputBufferLimits
                | Kind::OomScores
                | Kind::Percentiles
        )
    }
}

/// When an option may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Anytime,
    /// By file or argument only; CONFIG SET refuses ("immutable").
    AtStart,
    /// By CONFIG SET only if `enable-protected-configs` allows it.
    Protected,
}

/// Whether Ochre acts on the option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    Now,
    /// It is parsed, kept, shown and rewritten; this is what is missing.
    Later(&'static str),
    /// It is kept so that files of other servers load; Ochre has nothing it could change.
    Never(&'static str),
}

/// A check of one option that its kind cannot express.
pub type Check = fn(&Value) -> Result<(), Refusal>;

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    pub name: &'static str,
    /// Other names: Redis's old ones and Valkey's. Each works wherever the name does.
    pub aliases: &'static [&'static str],
    pub kind: Kind,
    /// As it would stand in redis.conf, quotes left out.
    pub default: &'static str,
    /// Where the machine decides; `default` is then only what the sample file shows.
    pub default_of_host: Option<fn(&Host) -> String>,
    pub change: Change,
    /// Its value must not appear in logs, MONITOR or the slow log.
    pub is_sensitive: bool,
    /// CONFIG GET shows it only when asked by exact name.
    pub is_hidden: bool,
    /// Setting it to the value it has still takes effect: what it names may have changed.
    pub is_volatile: bool,
    /// CONFIG SET is refused while a data set is being loaded.
    pub denies_loading: bool,
    /// A last check that its kind cannot express.
    pub check: Option<Check>,
    pub doc: &'static str,
    pub effect: Effect,
}

impl Opt {
    const fn new(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Opt {
        Opt {
            name,
            aliases: &[],
            kind,
            default,
            default_of_host: None,
            change: Change::Anytime,
            is_sensitive: false,
            is_hidden: false,
            is_volatile: false,
            denies_loading: false,
            check: None,
            doc,
            effect: Effect::Later("nothing reads it yet"),
        }
    }

    pub(crate) const fn alias(mut self, aliases: &'static [&'static str]) -> Opt {
        self.aliases = aliases;
        self
    }

    pub(crate) const fn of_host(mut self, default: fn(&Host) -> String) -> Opt {
        self.default_of_host = Some(default);
        self
    }

    pub(crate) const fn at_start(mut self) -> Opt {
        self.change = Change::AtStart;
        self
    }

    pub(crate) const fn protected(mut self) -> Opt {
        self.change = Change::Protected;
        self
    }

    pub(crate) const fn sensitive(mut self) -> Opt {
        self.is_sensitive = true;
        self
    }

    pub(crate) const fn hidden(mut self) -> Opt {
        self.is_hidden = true;
        self
    }

    pub(crate) const fn volatile(mut self) -> Opt {
        self.is_volatile = true;
        self
    }

    pub(crate) const fn not_while_loading(mut self) -> Opt {
        self.denies_loading = true;
        self
    }

    pub(crate) const fn checked(mut self, check: Check) -> Opt {
        self.check = Some(check);
        self
    }

    pub(crate) const fn now(mut self) -> Opt {
        self.effect = Effect::Now;
        self
    }

    pub(crate) const fn later(mut self, missing: &'static str) -> Opt {
        self.effect = Effect::Later(missing);
        self
    }

    pub(crate) const fn never(mut self, why: &'static str) -> Opt {
        self.effect = Effect::Never(why);
        self
    }

    /// Name and aliases, the name first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// The words of a topic file.
pub(crate) mod declare {
    use super::{Kind, Opt};

    pub(crate) const MAX: i64 = i64::MAX;
    pub(crate) const INT_MIN: i64 = i32::MIN as i64;
    pub(crate) const INT_MAX: i64 = i32::MAX as i64;
    pub(crate) const UINT_MAX: i64 = u32::MAX as i64;
    pub(crate) const PORT_MAX: i64 = 65535;

    type Str = &'static str;
    type Strs = &'static [&'static str];

    pub(crate) const fn yes_no(name: Str, default: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::YesNo, default, doc)
    }

    pub(crate) const fn int(name: Str, min: i64, max: i64, default: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::Int { min, max }, default, doc)
    }

    pub(crate) const fn memory(name: Str, min: i64, max: i64, default: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::Memory { min, max }, default, doc)
    }

    pub(crate) const fn real(name: Str, min: f64, max: f64, default: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::Real { min, max }, default, doc)
    }

    pub(crate) const fn choice(name: Str, words: Strs, default: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::Choice(words), default, doc)
    }

    pub(crate) const fn flags(name: Str, words: Strs, default: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::Flags(words), default, doc)
    }

    pub(crate) const fn text(name: Str, default: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::Text, default, doc)
    }

    pub(crate) const fn text_or_none(name: Str, doc: Str) -> Opt {
        Opt::new(name, Kind::TextOrNone, "", doc)
    }

    pub(crate) const fn of_kind(name: Str, kind: Kind, default: Str, doc: Str) -> Opt {
        Opt::new(name, kind, default, doc)
    }
}
