//! `Config`: what every option is set to.
//!
//! Values lie in one array in the order of the table, already parsed, so a getter is an index and a
//! match. A getter of the wrong type is a bug of the caller and panics with the option's name.

use std::borrow::Cow;

use crate::directive::Collected;
use crate::limits::{BufferLimit, ClientClass};
use crate::option::{Host, Kind, OptId};
use crate::options::{self, OPTIONS};
use crate::value::{Refusal, SavePoint, Value};

/// All options' values.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) values: Vec<Value>,
    /// What each was before any file was read. Kept for CONFIG REWRITE, which leaves defaults out.
    pub(crate) defaults: Vec<Value>,
    /// Directives that are no options, in file order: `user`, `rename-command`, `loadmodule` and
    /// `sentinel`.
    pub collected: Vec<Collected>,
}

impl Config {
    /// Every option at its default on this host.
    pub fn new(host: &Host) -> Config {
        let values: Vec<Value> = options::all().map(|id| default_of(id, host)).collect();
        Config { defaults: values.clone(), values, collected: Vec::new() }
    }

    pub fn value(&self, id: OptId) -> &Value {
        &self.values[id.index()]
    }

    /// A number; of kind memory, bytes. See [`Kind::MemoryOrPercent`] for negative ones.
    pub fn int(&self, id: OptId) -> i64 {
        match self.value(id) {
            Value::Int(value) => *value,
            _ => wrong_type(id, "number"),
        }
    }

    /// A number whose bounds in the table keep it from being negative.
    pub fn size(&self, id: OptId) -> usize {
        let value = usize::try_from(self.int(id));
        value.unwrap_or_else(|_| wrong_type(id, "number that is never negative"))
    }

    pub fn real(&self, id: OptId) -> f64 {
        match self.value(id) {
            Value::Real(value) => *value,
            _ => wrong_type(id, "decimal number"),
        }
    }

    /// A yes or no.
    pub fn flag(&self, id: OptId) -> bool {
        match self.value(id) {
            Value::YesNo(value) => *value,
            _ => wrong_type(id, "yes or no"),
        }
    }

    /// Is any of its words set, and is this one? (`shutdown-on-sigterm`)
    pub fn has_word(&self, id: OptId, word: &str) -> bool {
        let (Value::Flags(bits), Kind::Flags(words)) = (self.value(id), id.opt().kind) else {
            wrong_type(id, "set of words")
        };
        words[1..].iter().position(|w| *w == word).is_some_and(|bit| bits & (1 << bit) != 0)
    }

    /// The chosen word, as the table spells it.
    pub fn choice(&self, id: OptId) -> &'static str {
        match self.value(id) {
            Value::Choice(word) => word,
            _ => wrong_type(id, "choice"),
        }
    }

    /// A text's bytes; empty if not set.
    pub fn bytes(&self, id: OptId) -> &[u8] {
        match self.value(id) {
            Value::Text(text) => text.as_deref().unwrap_or_default(),
            _ => wrong_type(id, "text"),
        }
    }

    /// A text, for paths and names; empty if not set.
    pub fn text(&self, id: OptId) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(id))
    }

    pub fn words(&self, id: OptId) -> &[Box<[u8]>] {
        match self.value(id) {
            Value::Words(words) => words,
            _ => wrong_type(id, "list of words"),
        }
    }

    /// Host and port, or nothing for `no one`.
    pub fn host_port(&self, id: OptId) -> Option<(&[u8], u16)> {
        match self.value(id) {
            Value::HostPort(to) => to.as_ref().map(|(host, port)| (&**host, *port)),
            _ => wrong_type(id, "host and port"),
        }
    }

    pub fn save_points(&self) -> &[SavePoint] {
        match self.value(crate::id::SAVE) {
            Value::Save(points) => points,
            _ => wrong_type(crate::id::SAVE, "list of save points"),
        }
    }

    pub fn output_buffer_limit(&self, class: ClientClass) -> BufferLimit {
        match self.value(crate::id::CLIENT_OUTPUT_BUFFER_LIMIT) {
            Value::OutputBufferLimits(limits) => limits[class as usize],
            _ => wrong_type(crate::id::CLIENT_OUTPUT_BUFFER_LIMIT, "list of buffer limits"),
        }
    }

    /// Scores of primary, replica and child.
    pub fn oom_scores(&self) -> [i64; 3] {
        match self.value(crate::id::OOM_SCORE_ADJ_VALUES) {
            Value::OomScores(scores) => *scores,
            _ => wrong_type(crate::id::OOM_SCORE_ADJ_VALUES, "list of scores"),
        }
    }

    pub fn percentiles(&self) -> &[f64] {
        match self.value(crate::id::LATENCY_TRACKING_INFO_PERCENTILES) {
            Value::Percentiles(values) => values,
            _ => wrong_type(crate::id::LATENCY_TRACKING_INFO_PERCENTILES, "list of percentiles"),
        }
    }

    /// Bit `i` stands for letter `i` of `g$lshzxetdnKEmoc`.
    pub fn keyspace_events(&self) -> u32 {
        match self.value(crate::id::NOTIFY_KEYSPACE_EVENTS) {
            Value::KeyspaceEvents(bits) => *bits,
            _ => wrong_type(crate::id::NOTIFY_KEYSPACE_EVENTS, "set of events"),
        }
    }

    /// The text CONFIG GET answers.
    pub fn printed(&self, id: OptId) -> Vec<u8> {
        id.opt().kind.print(self.value(id))
    }

    /// What the server learned or did by itself: REPLICAOF as a command, the absolute form of
    /// `dir`, a port chosen by the system. The value is checked, its mutability is not.
    pub fn record(&mut self, id: OptId, args: &[&[u8]]) -> Result<(), Refusal> {
        self.values[id.index()] = self.parse(id, args)?;
        Ok(())
    }

    pub(crate) fn parse(&self, id: OptId, args: &[&[u8]]) -> Result<Value, Refusal> {
        let value = id.opt().kind.parse(args, Some(self.value(id)))?;
        if let Some(check) = id.opt().check {
            check(&value)?;
        }
        Ok(value)
    }
}

fn default_of(id: OptId, host: &Host) -> Value {
    let opt = OPTIONS[id.index()];
    let of_host = opt.default_of_host.map(|default| default(host));
    let text = of_host.as_deref().unwrap_or(opt.default).as_bytes();
    let args: Vec<&[u8]> = match opt.kind.is_multi() {
        true => text.split(|c| *c == b' ').collect(),
        false => vec![text],
    };
    match opt.kind.parse(&args, None) {
        Ok(value) => value,
        Err(refusal) => panic!("the default of option {} is wrong: {refusal}", opt.name),
    }
}

#[cold]
fn wrong_type(id: OptId, asked: &str) -> ! {
    panic!("option {} was asked for as a {asked}", id.opt().name)
}
