//! Values: text to value, value to text as CONFIG GET prints it.
//!
//! The refusals are Redis's word for word: clients and its test suite match on them.
//!
//! Invariant: for every option and every value `v` of its kind, parsing what `print` gives for `v`
//! gives `v` again. CONFIG SET of what CONFIG GET answered therefore changes nothing.

use std::borrow::Cow;

use base::number;

use crate::limits::{self, BufferLimits};
use crate::option::Kind;

/// Why a value was refused, in Redis's words.
pub type Refusal = Cow<'static, str>;

/// "Save if at least `changes` writes happened and `seconds` passed."
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavePoint {
    pub seconds: i64,
    pub changes: i64,
}

/// What an option is set to. Which variant it is follows from its kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    YesNo(bool),
    /// `Int`, `Hint`, `Octal`, `Memory`, and `MemoryOrPercent` with percentages negative.
    Int(i64),
    Real(f64),
    Choice(&'static str),
    /// Bit `i` stands for word `i + 1`.
    Flags(u32),
    /// `None` is "not set"; only `TextOrNone` has it.
    Text(Option<Box<[u8]>>),
    Words(Vec<Box<[u8]>>),
    HostPort(Option<(Box<[u8]>, u16)>),
    Save(Vec<SavePoint>),
    OutputBufferLimits(BufferLimits),
    OomScores([i64; 3]),
    Percentiles(Vec<f64>),
    /// Bit `i` stands for letter `i` of `g$lshzxetdnKEmoc`.
    KeyspaceEvents(u32),
}

/// Letters of `notify-keyspace-events`, in the order CONFIG GET prints them.
pub const EVENTS: &[u8] = b"g$lshzxetdnKEmoc";
/// What `A` stands for: `g$lshzxetd`.
const EVENTS_ALL: u32 = 0x3ff;

impl Kind {
    /// The value of `args`; `current` is what the option is now, for directives that say only a part.
    pub(crate) fn parse(&self, args: &[&[u8]], current: Option<&Value>) -> Result<Value, Refusal> {
        if !self.is_multi() && args.len() != 1 {
            return Err("wrong number of arguments".into());
        }
        let args = if *args == [b""] && self.reads_empty_as_none() { &[] } else { args };
        match *self {
            Kind::YesNo => match args[0].to_ascii_lowercase().as_slice() {
                b"yes" => Ok(Value::YesNo(true)),
                b"no" => Ok(Value::YesNo(false)),
                _ => Err("argument must be 'yes' or 'no'".into()),
            },
            Kind::Int { min, max } => {
                let value = number::parse_i64(args[0])
                    .ok_or("argument couldn't be parsed into an integer")?;
                within(value, min, max)
            }
            Kind::Hint { max, low, high } => {
                let value = Kind::Int { min: 0, max }.parse(args, None)?;
                let Value::Int(value) = value else { unreachable!("an Int parses to an Int") };
                Ok(Value::Int(value.clamp(low, high)))
            }
            Kind::Octal { max } => {
                let value = std::str::from_utf8(args[0])
                    .ok()
                    .and_then(|text| i64::from_str_radix(text, 8).ok())
                    .ok_or("argument couldn't be parsed as an octal number")?;
                match (0..=max).contains(&value) {
                    true => Ok(Value::Int(value)),
                    false => {
                        Err(format!("argument must be between 0 and {max:o} inclusive").into())
                    }
                }
            }
            Kind::Memory { min, max } => {
                let bytes = parse_bytes(args[0]).ok_or("argument must be a memory value")?;
                within(bytes, min, max)
            }
            Kind::MemoryOrPercent => parse_memory_or_percent(args[0]),
            Kind::Real { min, max } => {
                let value = number::parse_f64(args[0])
                    .ok_or("argument couldn't be parsed into a number")?;
                match (min..=max).contains(&value) {
                    true => Ok(Value::Real(value)),
                    false => {
                        Err(format!("argument must be between {min} and {max} inclusive").into())
                    }
                }
            }
            Kind::Choice(words) => {
                word_index(words, args[0]).map(|index| Value::Choice(words[index]))
            }
            Kind::Flags(words) => parse_flags(words, args),
            Kind::Text | Kind::Dir => Ok(Value::Text(Some(args[0].into()))),
            Kind::TextOrNone => Ok(Value::Text(match args[0] {
                b"" => None,
                text => Some(text.into()),
            })),
            Kind::Words { max } if args.len() > max => {
                Err("Too many bind addresses specified.".into())
            }
            Kind::Words { .. } => {
                Ok(Value::Words(args.iter().map(|word| (*word).into()).collect()))
            }
            Kind::HostPort => parse_host_port(args),
            Kind::Save => parse_save(args),
            Kind::OutputBufferLimits => {
                let limits = match current {
                    Some(Value::OutputBufferLimits(limits)) => *limits,
                    _ => BufferLimits::default(),
                };
                limits::parse(args, limits).map(Value::OutputBufferLimits)
            }
            Kind::OomScores => parse_oom_scores(args),
            Kind::Percentiles => parse_percentiles(args),
            Kind::KeyspaceEvents => parse_events(args[0]),
        }
    }

    /// Kinds whose single empty argument means "no words at all".
    fn reads_empty_as_none(&self) -> bool {
        matches!(self, Kind::Words { .. } | Kind::Save | Kind::Percentiles)
    }

    /// The text CONFIG GET answers for `value`.
    pub(crate) fn print(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::YesNo(yes) => if *yes { "yes" } else { "no" }.into(),
            Value::Int(value) => match self {
                Kind::Octal { .. } => format!("{value:o}").into(),
                Kind::MemoryOrPercent if *value < 0 => format!("{}%", -value).into(),
                _ => value.to_string().into(),
            },
            Value::Real(value) => value.to_string().into(),
            Value::Choice(word) => (*word).into(),
            Value::Flags(bits) => self.print_flags(*bits).into(),
            Value::Text(text) => text.as_deref().unwrap_or_default().to_vec(),
            Value::Words(words) => words.join(&b' '),
            Value::HostPort(Some((host, port))) => [host, format!(" {port}").as_bytes()].concat(),
            Value::HostPort(None) => Vec::new(),
            Value::Save(points) => {
                join(points.iter().map(|point| format!("{} {}", point.seconds, point.changes)))
            }
            Value::OutputBufferLimits(limits) => limits::print(limits).into(),
            Value::OomScores(scores) => join(scores.iter().map(i64::to_string)),
            Value::Percentiles(values) => join(values.iter().map(|value| print_percentile(*value))),
            Value::KeyspaceEvents(bits) => print_events(*bits).into(),
        }
    }

    fn print_flags(&self, bits: u32) -> String {
        let Kind::Flags(words) = self else { unreachable!("only a Flags kind has flags") };
        if bits == 0 {
            return words[0].to_owned();
        }
        let set = |(i, word): (usize, &&'static str)| (bits & (1 << i) != 0).then_some(*word);
        words[1..].iter().enumerate().filter_map(set).collect::<Vec<_>>().join(" ")
    }
}

/// Bytes with an optional unit. As in Redis nothing at all is 0.
pub(crate) fn parse_bytes(text: &[u8]) -> Option<i64> {
    number::parse_memory(text)
}

/// An integer as `strtoll` reads it: a sign and leading zeros are welcome.
pub(crate) fn parse_decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn within(value: i64, min: i64, max: i64) -> Result<Value, Refusal> {
    if (min..=max).contains(&value) {
        return Ok(Value::Int(value));
    }
    Err(format!("argument must be between {min} and {max} inclusive").into())
}

fn parse_memory_or_percent(text: &[u8]) -> Result<Value, Refusal> {
    if let Some(bytes) = parse_bytes(text) {
        return Ok(Value::Int(bytes));
    }
    match text.strip_suffix(b"%").and_then(number::parse_i64) {
        Some(percent) if percent > 100 => {
            Err("percentage argument must be less or equal to 100".into())
        }
        Some(percent) if percent >= 0 => Ok(Value::Int(-percent)),
        _ => Err("argument must be a memory or percent value".into()),
    }
}

fn word_index(words: &[&'static str], arg: &[u8]) -> Result<usize, Refusal> {
    words.iter().position(|word| word.as_bytes().eq_ignore_ascii_case(arg)).ok_or_else(|| {
        format!("argument(s) must be one of the following: {}", words.join(", ")).into()
    })
}

fn parse_flags(words: &[&'static str], args: &[&[u8]]) -> Result<Value, Refusal> {
    let args = if args.is_empty() { &[b"".as_slice()][..] } else { args };
    let mut bits = 0;
    for arg in args {
        if let Some(bit) = word_index(words, arg)?.checked_sub(1) {
            bits |= 1 << bit;
        }
    }
    Ok(Value::Flags(bits))
}

fn parse_host_port(args: &[&[u8]]) -> Result<Value, Refusal> {
    let [host, port] = args else { return Err("wrong number of arguments".into()) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::HostPort(None));
    }
    let port = parse_decimal(port).and_then(|port| u16::try_from(port).ok());
    Ok(Value::HostPort(Some(((*host).into(), port.ok_or("Invalid master port")?))))
}

fn parse_save(args: &[&[u8]]) -> Result<Value, Refusal> {
    const REFUSAL: &str = "Invalid save parameters";
    if !args.len().is_multiple_of(2) {
        return Err(REFUSAL.into());
    }
    let point = |pair: &[&[u8]]| {
        let seconds = parse_decimal(pair[0]).filter(|seconds| *seconds >= 1)?;
        let changes = parse_decimal(pair[1]).filter(|changes| *changes >= 0)?;
        Some(SavePoint { seconds, changes })
    };
    let points = args.chunks_exact(2).map(point).collect::<Option<_>>();
    Ok(Value::Save(points.ok_or(REFUSAL)?))
}

fn parse_oom_scores(args: &[&[u8]]) -> Result<Value, Refusal> {
    if args.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    let mut scores = [0; 3];
    for (score, arg) in scores.iter_mut().zip(args) {
        *score = parse_decimal(arg)
            .filter(|score| (-2000..=2000).contains(score))
            .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
    }
    Ok(Value::OomScores(scores))
}

fn parse_percentiles(args: &[&[u8]]) -> Result<Value, Refusal> {
    let mut values = Vec::with_capacity(args.len());
    for arg in args {
        let value =
            number::parse_f64(arg).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&value) {
            let refusal =
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
            return Err(refusal.into());
        }
        values.push(value);
    }
    Ok(Value::Percentiles(values))
}

fn print_percentile(value: f64) -> String {
    format!("{value:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn parse_events(text: &[u8]) -> Result<Value, Refusal> {
    let mut bits = 0;
    for letter in text {
        bits |= match EVENTS.iter().position(|event| event == letter) {
            Some(bit) => 1 << bit,
            None if *letter == b'A' => EVENTS_ALL,
            None => {
                let refusal = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
                return Err(refusal.into());
            }
        };
    }
    Ok(Value::KeyspaceEvents(bits))
}

/// Redis prints no `n` beside `A`, and loses it in CONFIG REWRITE; we keep it, by our invariant.
fn print_events(bits: u32) -> String {
    let has_all = bits & EVENTS_ALL == EVENTS_ALL;
    let mut text = if has_all { String::from("A") } else { String::new() };
    let rest = if has_all { bits & !EVENTS_ALL } else { bits };
    let letters = EVENTS.iter().enumerate().filter(|(bit, _)| rest & (1 << bit) != 0);
    text.extend(letters.map(|(_, letter)| char::from(*letter)));
    text
}

fn join(parts: impl Iterator<Item = String>) -> Vec<u8> {
    parts.collect::<Vec<_>>().join(" ").into()
}
