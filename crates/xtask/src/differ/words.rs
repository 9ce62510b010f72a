//! The words of a random call: few keys, so that commands meet data; values on both sides of every
//! threshold; now and then a word that should be refused.
//!
//! A word follows from the kind of its argument and from its name in the declaration. The names of
//! keys begin with a letter for the type that usually lies there, so that most calls find what they
//! expect and some do not.
//!
//! # What is avoided
//!
//! What would make two honest servers differ: a moment that comes while the run lasts, a choice by
//! chance that changes anything, a string of half a gigabyte, points at the same distance of which
//! some are stored, and what only one of them takes: a hexadecimal score, and an index of LSET of
//! which Redis looks at 32 bits. Of expiries of fields Valkey refuses other calls than Redis.

use base::random::Random;
use command::declare::{Arg, Flag, Group, Kind};
use command::grammar::{self, Choices};

use super::Family;
use super::compare::FIELD_EXPIRY;
use super::link::Call;
use super::plan::{Plan, Planned};

const KEYS_OF_TYPE: u64 = 4;
/// Sorted sets whose members share a score: only of those is a range of names defined.
const EQUAL_SCORES: &str = "e";
/// Sorted sets that SORT sorts, which makes them large at the peer. They have plain scores, of
/// which nobody sees in which form they are.
const SORTED: &str = "q";
/// The letters other keys begin with.
const TYPES: &[&str] = &["s", "n", "l", "t", "z", "h", "x", "g", "p"];

/// Words that are wrong, or right only somewhere.
const EDGES: &[&str] = &[
    "",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "-1",
    "0",
    "-0",
    "+1",
    "01",
    " 1",
    "1 ",
    "1.0",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "0x10",
    "a",
    "-",
    "+",
    "NX",
];

/// Whether a sorted set of this name is none that SORT has looked at.
fn is_usual(key: &[u8]) -> bool {
    key.starts_with(b"z") || key.starts_with(b"g")
}

/// Every name a key can have.
pub(crate) fn all_keys() -> impl Iterator<Item = String> {
    TYPES
        .iter()
        .chain(&[EQUAL_SCORES, SORTED])
        .flat_map(|letter| (0..KEYS_OF_TYPE).map(move |n| format!("{letter}{n}")))
}

/// Makes the calls of one round.
pub(crate) struct Words<'p> {
    plan: &'p Plan,
    planned: &'p Planned,
    random: Random,
    /// Elements of each kind there are in this round.
    pool: u64,
    /// The first half of the next stream id.
    next_id: u64,
    /// How words of a range are written in this call: by index, score or name.
    range: Range,
    /// Scores of this call are small integers or, in sorted sets of equal ones, 0.
    has_plain_scores: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Range {
    Index,
    Score,
    Lex,
}

impl<'p> Words<'p> {
    pub(crate) fn new(plan: &'p Plan, seed: u64) -> Words<'p> {
        let mut random = Random::from_seed(seed);
        let pool = [6, 20, 60, 700][random.below(4) as usize];
        Words {
            plan,
            planned: &plan.commands[0],
            random,
            pool,
            next_id: 1,
            range: Range::Index,
            has_plain_scores: false,
        }
    }

    /// Options that both servers get before the round begins.
    pub(crate) fn limits(&mut self) -> Vec<Call> {
        const LIMITS: &[(&str, [&str; 3])] = &[
            ("hash-max-listpack-entries", ["128", "8", "20"]),
            ("hash-max-listpack-value", ["64", "16", "64"]),
            ("list-max-listpack-size", ["-2", "8", "-1"]),
            ("set-max-intset-entries", ["512", "8", "30"]),
            ("set-max-listpack-entries", ["128", "8", "20"]),
            ("set-max-listpack-value", ["64", "16", "64"]),
            ("zset-max-listpack-entries", ["128", "8", "20"]),
            ("zset-max-listpack-value", ["64", "16", "64"]),
            ("stream-node-max-entries", ["100", "5", "20"]),
            ("hll-sparse-max-bytes", ["3000", "100", "3000"]),
        ];
        LIMITS
            .iter()
            .map(|(option, values)| {
                let value = values[self.random.below(3) as usize];
                ["CONFIG", "SET", option, value].map(|word| word.as_bytes().to_vec()).to_vec()
            })
            .collect()
    }

    pub(crate) fn call(&mut self) -> Call {
        let lottery = &self.plan.lottery;
        self.planned =
            &self.plan.commands[lottery[self.random.below(lottery.len() as u64) as usize]];
        self.range = match self.planned.name() {
            name if name.contains("lex") => Range::Lex,
            // Fills those of which names are asked.
            "zadd" if self.below(4) == 0 => Range::Lex,
            name if name.contains("byscore") || name == "zcount" => Range::Score,
            _ => [Range::Index, Range::Index, Range::Score, Range::Lex][self.below(4) as usize],
        };
        self.has_plain_scores = self.planned.name() == "zadd" && self.range == Range::Lex;
        let mut call = grammar::call(self.planned.parent, self.planned.entry.decl, self);
        if self.below(40) == 0 && self.may_err() {
            self.spoil(&mut call);
        }
        if self.planned.name() == "xadd" {
            // A spoilt call too may not ask for the present moment.
            call.retain(|word| word != b"*");
        }
        // What one of them refuses to compare must not be stored by the other.
        let is_stored = || call.iter().any(|word| word.eq_ignore_ascii_case(b"STORE"));
        if self.planned.name() == "sort" && self.plan.family == Family::Valkey && is_stored() {
            call.push(b"ALPHA".to_vec());
        }
        // SORT may have made the source large at the peer; those with the usual names stay as they were.
        if matches!(self.planned.name(), "copy" | "rename" | "renamenx")
            && let [_, source, target, ..] = &mut call[..]
            && is_usual(target)
            && !is_usual(source)
        {
            target.splice(..1, *b"t");
        }
        // Distances are no points: many would lie at one place, and which of them a COUNT takes is
        // nobody's promise.
        if let Some(at) = call.iter().position(|word| word.eq_ignore_ascii_case(b"STOREDIST")) {
            let target = if self.planned.name() == "geosearchstore" { 1 } else { at + 1 };
            if let Some(target) = call.get_mut(target).filter(|target| target.starts_with(b"g")) {
                target[0] = b'z';
            }
        }
        if self.planned.name() == "lset" && call.len() > 2 {
            let index = base::number::parse_i64(&call[2]);
            if index.is_some_and(|index| i32::try_from(index).is_err()) {
                call[2] = b"2147483647".to_vec();
            }
        }
        call
    }

    /// Whether a word of this call may be any: not where it could change what the peer and we see
    /// differently, or wait for ever.
    fn may_err(&self) -> bool {
        let is_blocking = self.planned.entry.has(Flag::Blocking);
        let is_told_apart =
            self.plan.family == Family::Valkey && FIELD_EXPIRY.contains(&self.planned.name());
        self.planned.name() != "spop" && !self.has_plain_scores && !is_blocking && !is_told_apart
    }

    /// Breaks a call at one place.
    fn spoil(&mut self, call: &mut Call) {
        let names = 1 + usize::from(self.planned.parent.is_some());
        if call.len() == names {
            return;
        }
        let at = names + self.below((call.len() - names) as u64) as usize;
        match self.below(4) {
            0 => {
                call.remove(at);
            }
            1 => call.insert(at, call[at].clone()),
            _ => call[at] = self.edge(),
        }
    }

    fn edge(&mut self) -> Vec<u8> {
        match self.pick(EDGES) {
            // Redis stores a hexadecimal score, and Valkey refuses it.
            "0x10" if self.plan.family == Family::Valkey => b"16.".to_vec(),
            "-0" if self.plan.family == Family::Valkey => b"0".to_vec(),
            word => word.into(),
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn key(&mut self) -> String {
        let name = self.planned.name();
        let writes = self.planned.entry.has(Flag::Write);
        if self.planned.group == Group::SortedSet && self.range == Range::Lex {
            let changes_scores =
                name == "zincrby" || matches!(name, "zunionstore" | "zinterstore" | "zdiffstore");
            let letter = if changes_scores { "z" } else { EQUAL_SCORES };
            return format!("{letter}{}", self.below(KEYS_OF_TYPE));
        }
        if name == "zadd" && self.below(8) == 0 {
            self.has_plain_scores = true;
            return format!("{SORTED}{}", self.below(KEYS_OF_TYPE));
        }
        let letters: &[&str] = match self.planned.group {
            Group::String => &["s", "n"],
            Group::Bitmap => &["s"],
            Group::List => &["l"],
            Group::Set => &["t"],
            Group::SortedSet => &["z", "z", "z", "z", "z", "g", "t"],
            Group::Hash => &["h"],
            Group::Stream => &["x"],
            Group::Geo => &["g"],
            Group::HyperLogLog => &["p"],
            _ if name.starts_with("sort") => &["l", "t", SORTED],
            _ => TYPES,
        };
        let is_stray = self.below(40) == 0;
        let letter = match self.pick(if is_stray { TYPES } else { letters }) {
            // What a spoilt HyperLogLog counts is nobody's promise.
            "p" if matches!(self.planned.group, Group::String | Group::Bitmap) => "s",
            "z" | "g" if name.starts_with("sort") => SORTED,
            // Points elsewhere than where GEOADD puts them are often at the same place.
            "g" if writes && self.planned.group != Group::Geo => "z",
            "z" if writes && self.planned.group == Group::Geo => "s",
            letter => letter,
        };
        format!("{letter}{}", self.below(KEYS_OF_TYPE))
    }

    /// An element of a collection or a value of a field: integers, words, and what is too long.
    fn element(&mut self, letter: char) -> String {
        let n = self.below(self.pool);
        match self.below(20) {
            0..8 => n.to_string(),
            8..18 => format!("{letter}{n}"),
            18 => format!("{letter}{n}{}", "-".repeat(self.pick(&[12, 13, 14, 61, 62, 63, 64]))),
            _ => (self.pick(&[127i64, 128, 4095, 4096, -4097, 32768, 1 << 24, 1 << 31, 1 << 40])
                + n as i64)
                .to_string(),
        }
    }

    /// The value of a string, a field or an element of a list.
    fn value(&mut self) -> String {
        match self.below(12) {
            0..4 => (self.below(200) as i64 - 100).to_string(),
            4 => format!("{}.{}", self.below(50), self.below(100)),
            5 => self.pick(&["3.0e3", "1e17", "-0.1", "9223372036854775800", "0.1"]).to_owned(),
            6 => "v".repeat(self.pick(&[1, 20, 43, 44, 45, 63, 64, 65, 200])),
            7 if self.below(20) == 0 => "long ".repeat(self.pick(&[300, 1000, 2000])),
            _ => self.element('v'),
        }
    }

    fn integer(&mut self, low: i64, high: i64) -> String {
        (low + self.below((high - low + 1) as u64) as i64).to_string()
    }

    fn score(&mut self) -> String {
        if self.has_plain_scores {
            return match self.range {
                Range::Lex => "0".to_owned(),
                _ => self.integer(1, 20),
            };
        }
        match self.below(16) {
            0..10 => self.integer(-3, 20),
            10..13 => format!("{}.{}", self.below(20), self.pick(&[5, 25, 1, 333])),
            13 => self.pick(&["1e17", "1e-7", "123456789.125", "-1.7976931348623157e308"]).into(),
            14 => self.pick(&["inf", "-inf", "+inf"]).into(),
            // Small sorted sets have no -0, and Valkey's are large earlier.
            _ if self.plan.family == Family::Valkey => "0".to_owned(),
            _ => self.pick(&["0.1", "-0", "3.0", "1e3", "9007199254740993"]).into(),
        }
    }

    fn range_end(&mut self, lowest: &str, highest: &str) -> String {
        match (self.range, self.below(8)) {
            (Range::Index, _) => self.integer(-8, 12),
            (Range::Score, 0) => lowest.replace('-', "-inf").replace('+', "+inf"),
            (Range::Score, 1) => highest.replace('-', "-inf").replace('+', "+inf"),
            (Range::Score, 2..4) => format!("({}", self.score()),
            (Range::Score, _) => self.score(),
            (Range::Lex, 0..2) => lowest.to_owned(),
            (Range::Lex, 2..4) => highest.to_owned(),
            (Range::Lex, 4..6) => format!("({}", self.element('m')),
            (Range::Lex, _) => format!("[{}", self.element('m')),
        }
    }

    fn id(&mut self) -> String {
        let first = self.below(self.next_id + 3);
        match self.below(4) {
            0 => first.to_string(),
            _ => format!("{first}-{}", self.below(3)),
        }
    }

    /// The id of a new entry, mostly beyond all others.
    fn new_id(&mut self) -> String {
        self.next_id += u64::from(self.below(3) > 0);
        match self.below(20) {
            0..3 => format!("{}-*", self.next_id),
            3 => self.id(),
            4 => self.next_id.to_string(),
            _ => {
                self.next_id += 1;
                let second = self.below(3);
                format!("{}-{second}", self.next_id)
            }
        }
    }

    fn of_stream(&mut self, name: &str) -> Option<String> {
        let command = self.planned.name();
        Some(match (command, name) {
            (_, "group") => format!("group{}", self.below(2)),
            (_, "consumer" | "consumername") => format!("c{}", self.below(3)),
            ("xadd", "id" | "id-selector") => self.new_id(),
            ("xreadgroup", "id") if self.below(3) > 0 => ">".to_owned(),
            ("xread", "id") => match self.below(4) {
                0 => self.pick(&["$", "0", "+", "0-0"]).to_owned(),
                _ => self.id(),
            },
            ("xgroup|create" | "xgroup|setid", "id" | "id-selector") => match self.below(2) {
                0 => "0".to_owned(),
                _ => self.id(),
            },
            ("xrange" | "xpending", "start") | ("xrevrange", "end") => match self.below(3) {
                0 => "-".to_owned(),
                1 => format!("({}", self.id()),
                _ => self.id(),
            },
            ("xrange" | "xpending", "end") | ("xrevrange", "start") => match self.below(3) {
                0 => "+".to_owned(),
                1 => format!("({}", self.id()),
                _ => self.id(),
            },
            ("xadd" | "xtrim", "threshold") => match self.below(3) {
                0 => self.id(),
                _ => self.integer(0, 30),
            },
            // Anything between would depend on how fast the run is.
            (_, "min-idle-time" | "min-idle") => {
                self.pick(&["0", "0", "0", "1000000000"]).to_owned()
            }
            ("xclaim", "ms") => "5000000000".to_owned(),
            (_, "entriesread" | "entries-read-id" | "entries-added") => self.integer(0, 20),
            (_, "lastid" | "last-id" | "max-deleted-id" | "max-deleted-entry-id") => self.id(),
            (_, "start" | "id" | "ids") => self.id(),
            _ => return None,
        })
    }

    /// What DUMP gave at the peer, now and then spoilt.
    fn payload(&mut self) -> Vec<u8> {
        let mut payload =
            self.plan.payloads[self.below(self.plan.payloads.len() as u64) as usize].clone();
        if self.below(10) == 0 {
            let at = self.below(payload.len() as u64) as usize;
            payload[at] ^= 1 << self.below(8);
        }
        payload
    }

    fn text(&mut self, name: &str) -> String {
        match name {
            "field" => self.element('f'),
            "member" | "member1" | "member2" => self.element('m'),
            "min" => self.range_end("-", "+"),
            "max" => self.range_end("+", "-"),
            "start" | "stop" | "end" => self.range_end("-", "+"),
            "type" => self.pick(&["string", "list", "set", "zset", "hash", "stream"]).to_owned(),
            "cursor" => "0".to_owned(),
            "encoding" => {
                self.pick(&["u8", "i8", "u1", "i5", "u16", "i32", "u63", "i64", "u64"]).to_owned()
            }
            "offset" => match self.below(2) {
                0 => format!("#{}", self.below(20)),
                _ => self.integer(0, 200),
            },
            "increment" => self.value(),
            "serialized-value" => unreachable!("payloads are no text"),
            _ if name.contains("unit") => "km".to_owned(),
            _ => self.value(),
        }
    }

    fn number(&mut self, name: &str) -> String {
        match (self.planned.name(), name) {
            // What is taken by chance is all or nothing.
            ("spop", "count") => "1000000".to_owned(),
            ("scan" | "hscan" | "sscan" | "zscan", "count") => "1000000".to_owned(),
            ("restore", "seconds") => self.integer(0, 100),
            ("restore", "frequency") => self.integer(0, 260),
            // Nothing that ends while the round lasts.
            ("restore", "ttl") => match self.below(6) {
                0 => "-1".to_owned(),
                1..3 => (self.below(1000) + 40_000_000_000_000).to_string(),
                _ => "0".to_owned(),
            },
            (_, "seconds" | "milliseconds") => {
                // Hardly ever twice the same: GT and LT would depend on the millisecond.
                let far = self.below(1_000_000) * 1000 + 2_000_000_000;
                if self.below(8) == 0 { self.integer(-2, 0) } else { far.to_string() }
            }
            (_, "bit") => self.integer(0, 1),
            (_, "cursor") => "0".to_owned(),
            // One before the first is the last in large sorted sets of Redis: see `compare`.
            ("zrangestore", "offset") => self.integer(0, 5),
            (_, "offset") => match (self.planned.group, self.below(30)) {
                (Group::SortedSet | Group::Generic, _) => self.integer(-1, 5),
                (Group::Bitmap, 0) => self.integer(0, 40_000),
                (_, 0) => self.integer(0, 5_000),
                _ => self.integer(0, 150),
            },
            (_, "destination-db" | "db") => self.integer(0, 2),
            (_, "increment" | "decrement") => match self.below(12) {
                0 => self.pick(&["9223372036854775807", "-9223372036854775807"]).to_owned(),
                _ => self.integer(-20, 20),
            },
            (_, "count") => self.integer(-4, 12),
            (_, "rank") => self.integer(-3, 3),
            (_, "numfields" | "numkeys") => self.integer(1, 3),
            _ => self.integer(-6, 12),
        }
    }

    fn double(&mut self, name: &str) -> String {
        match name {
            "longitude" => format!("{}.{}", 13 + self.below(3), self.below(100_000)),
            "latitude" => format!("{}.{}", 37 + self.below(3), self.below(100_000)),
            "radius" | "width" | "height" => {
                format!("{}.{}", self.below(300), self.pick(&[0, 5, 25]))
            }
            // As short as may be: nobody else makes what one waits for.
            "timeout" => "0.001".to_owned(),
            "weight" => self.pick(&["1", "2", "0.5", "-1", "0", "inf", "1e5"]).to_owned(),
            _ => self.score(),
        }
    }
}

impl Choices for Words<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn repeats(&mut self) -> u64 {
        match self.below(60) {
            0 if self.planned.name() != "pfmerge" => 1 + self.below(40),
            1 if self.pool == 700 => 100 + self.below(500),
            _ => 1 + self.below(4),
        }
    }

    fn allows(&self, arg: &Arg) -> bool {
        let suits = match arg.token {
            Some("BYLEX") => self.range == Range::Lex,
            Some("BYSCORE") => self.range == Range::Score,
            _ => true,
        };
        suits && self.planned.allows(arg)
    }

    fn includes(&mut self, arg: &Arg) -> bool {
        let chance = match (self.planned.name(), arg.name) {
            // Without it a random member goes, with it all.
            ("spop", "count") | ("scan" | "hscan" | "sscan" | "zscan", "count") => 100,
            // It tells where the order is up to the server.
            _ if arg.token == Some("WITHDIST") => 70,
            // A call with every option at once is mostly an error.
            _ if arg.token.is_some() => 30,
            _ => 50,
        };
        self.below(100) < chance
    }

    fn word(&mut self, arg: &Arg) -> Vec<u8> {
        if self.below(150) == 0 && self.may_err() {
            return self.edge();
        }
        if arg.name == "serialized-value" {
            return self.payload();
        }
        if matches!(self.planned.group, Group::Stream)
            && !matches!(arg.kind, Kind::Key(_))
            && let Some(word) = self.of_stream(arg.name)
        {
            return word.into_bytes();
        }
        let word = match arg.kind {
            Kind::Key(_) => self.key(),
            Kind::Text => self.text(arg.name),
            Kind::Integer => self.number(arg.name),
            Kind::Double => self.double(arg.name),
            Kind::Pattern => {
                self.pick(&["*", "?0", "[a-h]*", "*1*", "f*", "m?", "h*->f1", "s*", "#"]).to_owned()
            }
            Kind::UnixTime => {
                // In seconds, in milliseconds or long ago.
                let far = 40_000_000_000u64 + self.below(1000);
                let in_ms = arg.name.contains("milliseconds");
                match self.below(10) {
                    0 => self.integer(0, 5),
                    _ => (if in_ms { far * 1000 } else { far }).to_string(),
                }
            }
            Kind::PureToken | Kind::OneOf(_) | Kind::Block(_) => {
                unreachable!("the grammar says all of it")
            }
        };
        word.into_bytes()
    }
}
