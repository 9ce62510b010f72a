//! The words a declaration is written in.
//!
//! ```text
//! pub const GET: Command = Command {
//!     name: "GET",
//!     group: Group::String,
//!     since: "1.0.0",
//!     summary: "Returns the string value of a key.",
//!     complexity: "O(1)",
//!     flags: &[ReadOnly, Fast],
//!     args: &[key("key", &[RO, Access])],
//!     examples: &[("GET nokey", "(nil)")],
//!     ..Command::base(get)
//! };
//! ```
//!
//! Only what is special is said. `arity`, `keys` and `lock` are overrides for the dozen commands
//! whose facts do not follow from the grammar.

/// A command, or a subcommand inside a container. `H` is what runs it.
pub struct Command<H: 'static> {
    /// In capitals. A subcommand has its own name only: `GET` inside `CONFIG`.
    pub name: &'static str,
    pub group: Group,
    /// The version of Redis (or `valkey 9.0.0`) that first had it.
    pub since: &'static str,
    /// One sentence of our own.
    pub summary: &'static str,
    pub complexity: &'static str,
    pub flags: &'static [Flag],
    /// ACL categories beyond those that follow from group and flags.
    pub categories: &'static [Category],
    pub args: &'static [Arg],
    /// Redis's arity (argc with the name; negative: at least) where the grammar does not give it.
    pub arity: Option<i32>,
    /// Key positions where the grammar does not give them.
    pub keys: Option<&'static [KeySpec]>,
    /// Which arguments are channels of Pub/Sub that it takes permission to use.
    pub channels: Option<Channels>,
    /// What must be held while it runs, where it does not follow from keys and flags.
    pub lock: Option<Lock>,
    /// Where a call names elements of the value under its key, for the worker to ask memory for
    /// them ahead: the index of the first and from each to the next. Only a hint.
    pub elements: Option<(usize, usize)>,
    /// Version and what changed in it.
    pub history: &'static [(&'static str, &'static str)],
    /// Which words of a request nobody else may see, such as a password; none: there are none.
    pub secret: Option<IsSecret>,
    /// Redis's command tips, such as `nondeterministic_output`.
    pub tips: &'static [&'static str],
    /// Since when it is deprecated and what replaces it.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// What a user types and what `redis-cli` prints; run as tests, in order, on a fresh server.
    pub examples: &'static [(&'static str, &'static str)],
    pub subcommands: &'static [Command<H>],
    pub handler: H,
}

impl<H> Command<H> {
    /// A declaration in which nothing but the handler is said yet.
    pub const fn base(handler: H) -> Self {
        Command {
            name: "",
            group: Group::Generic,
            since: "",
            summary: "",
            complexity: "",
            flags: &[],
            categories: &[],
            args: &[],
            arity: None,
            keys: None,
            channels: None,
            lock: None,
            elements: None,
            history: &[],
            secret: None,
            tips: &[],
            deprecated: None,
            examples: &[],
            subcommands: &[],
            handler,
        }
    }
}

/// Whether the word at an index of a request is a secret; the names are its first words.
pub type IsSecret = fn(words: &[&[u8]], index: usize) -> bool;

/// The group in COMMAND DOCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Generic,
    String,
    Bitmap,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
    Geo,
    HyperLogLog,
    PubSub,
    Transactions,
    Scripting,
    Connection,
    Server,
    Cluster,
    Sentinel,
}

/// Redis's command flags, as COMMAND INFO prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Flag {
    Write,
    ReadOnly,
    DenyOom,
    Admin,
    PubSub,
    NoScript,
    Random,
    Blocking,
    Loading,
    Stale,
    SkipMonitor,
    SkipSlowlog,
    Asking,
    Fast,
    NoAuth,
    MayReplicate,
    Sentinel,
    OnlySentinel,
    NoMandatoryKeys,
    Protected,
    NoAsyncLoading,
    NoMulti,
    AllowBusy,
    MovableKeys,
    TouchesArbitraryKeys,
}

/// ACL categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Category {
    Keyspace,
    Read,
    Write,
    Set,
    SortedSet,
    List,
    Hash,
    String,
    Bitmap,
    HyperLogLog,
    Geo,
    Stream,
    PubSub,
    Admin,
    Fast,
    Slow,
    Blocking,
    Dangerous,
    Connection,
    Transaction,
    Scripting,
}

/// What a command needs to hold while it runs (design §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Touches no key: PING, ECHO, HELLO.
    Local,
    /// The shards of its declared keys.
    Keys,
    /// The shards of its declared keys if none of these words is among its arguments; with one it
    /// may touch any key, and owns everything.
    KeysUnless(&'static [&'static str]),
    /// Visits shards one after the other, locking each for itself: SCAN, RANDOMKEY, DBSIZE.
    EachShard,
    /// What the commands queued since MULTI need together: EXEC.
    Queued,
    /// The shards of its declared keys if the script is known to keep to them, else everything: EVAL.
    Script,
    /// Closes the gate and owns everything: FLUSHALL, CONFIG SET, CLIENT KILL.
    World,
}

impl Lock {
    /// What must be held for a call with these arguments, the name first.
    #[inline]
    pub fn of_call<'a>(self, args: impl IntoIterator<Item = &'a [u8]>) -> Lock {
        let Lock::KeysUnless(words) = self else { return self };
        let strays =
            |arg: &[u8]| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes()));
        if args.into_iter().skip(1).any(strays) { Lock::World } else { Lock::Keys }
    }
}

/// What a command does with a key. The first four are exclusive; the others add to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyFlag {
    /// Reads the value.
    RO,
    /// Reads and changes the value.
    RW,
    /// Overwrites whatever was there.
    OW,
    /// Removes the key.
    RM,
    /// Returns, copies or uses the value, not only metadata.
    Access,
    /// Changes existing content.
    Update,
    /// Adds content.
    Insert,
    /// Removes content.
    Delete,
    /// Looks like a key to cluster routing but is none (shard channels).
    NotKey,
    /// The positions cannot be told in full.
    Incomplete,
    /// The access depends on other arguments.
    VariableFlags,
}

/// Arguments that are channels, and what is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// The first one gets a message.
    Published,
    /// All are subscribed to.
    Subscribed,
    /// All are patterns that are subscribed to.
    SubscribedPatterns,
}

/// Where keys are found, in Redis's two steps: where the search begins, and how to go on.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    pub flags: &'static [KeyFlag],
    pub begin: Begin,
    pub find: Find,
    pub notes: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Index(i32),
    Keyword(&'static str, i32),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// Last key relative to the first (negative: from the end of argv), step, limit.
    Range {
        last: i32,
        step: i32,
        limit: i32,
    },
    /// Index of the count, of the first key (both relative to the beginning), step.
    KeyNum {
        count: i32,
        first: i32,
        step: i32,
    },
    Unknown,
}

/// One argument of the grammar.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    pub kind: Kind,
    /// What stands in a synopsis where that is not the name: two options may both take a `key`.
    pub shown_as: Option<&'static str>,
    /// The word that introduces it, as in `EX seconds`.
    pub token: Option<&'static str>,
    pub optional: bool,
    pub multiple: bool,
    /// The token is repeated with each value: `GET p GET q`.
    pub multiple_token: bool,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Key(&'static [KeyFlag]),
    Text,
    Integer,
    Double,
    Pattern,
    UnixTime,
    /// A word that stands for itself.
    PureToken,
    OneOf(&'static [Arg]),
    Block(&'static [Arg]),
}

const fn arg(name: &'static str, kind: Kind) -> Arg {
    Arg {
        name,
        kind,
        shown_as: None,
        token: None,
        optional: false,
        multiple: false,
        multiple_token: false,
        since: None,
        deprecated_since: None,
    }
}

impl Arg {
    pub const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    pub const fn deprecated_since(mut self, version: &'static str) -> Arg {
        self.deprecated_since = Some(version);
        self
    }

    /// In a synopsis another word stands for it.
    pub const fn shown_as(mut self, word: &'static str) -> Arg {
        self.shown_as = Some(word);
        self
    }

    /// The token stands before each of several values.
    pub const fn repeat_token(mut self) -> Arg {
        self.multiple_token = true;
        self
    }
}

pub const fn key(name: &'static str, flags: &'static [KeyFlag]) -> Arg {
    arg(name, Kind::Key(flags))
}

pub const fn text(name: &'static str) -> Arg {
    arg(name, Kind::Text)
}

pub const fn integer(name: &'static str) -> Arg {
    arg(name, Kind::Integer)
}

pub const fn double(name: &'static str) -> Arg {
    arg(name, Kind::Double)
}

pub const fn pattern(name: &'static str) -> Arg {
    arg(name, Kind::Pattern)
}

pub const fn unix_time(name: &'static str) -> Arg {
    arg(name, Kind::UnixTime)
}

/// A word that stands for itself; its documented name is the word in small letters.
pub const fn flag(word: &'static str) -> Arg {
    let mut a = arg(word, Kind::PureToken);
    a.token = Some(word);
    a
}

/// `word` and then the argument, as in `EX seconds`.
pub const fn token(word: &'static str, mut a: Arg) -> Arg {
    a.token = Some(word);
    a
}

pub const fn opt(mut a: Arg) -> Arg {
    a.optional = true;
    a
}

/// One or more.
pub const fn many(mut a: Arg) -> Arg {
    a.multiple = true;
    a
}

pub const fn one_of(name: &'static str, choices: &'static [Arg]) -> Arg {
    arg(name, Kind::OneOf(choices))
}

pub const fn block(name: &'static str, parts: &'static [Arg]) -> Arg {
    arg(name, Kind::Block(parts))
}
