//! Replies as text: one pure function from a value and a style to bytes.
//!
//! Scripts parse what redis-cli prints, so each style reproduces it byte for byte. People read
//! `Standard`; programs read the others.
//!
//! ```text
//!   reply                 Standard              Raw       Csv            Json
//!   :1                    (integer) 1           1         1              1
//!   $2 hi                 "hi"                  hi        "hi"           "hi"
//!   _ or $-1              (nil)                 (empty)   NULL           null
//!   *2 of :1 and *1 :2    1) (integer) 1        1         1,2            [1,[2]]
//!                         2) 1) (integer) 2     2
//!   %1 a => :1            1# "a" => (integer) 1 a 1       "a",1          {"a":1}
//!   -ERR x                (error) ERR x         ERR x     ERROR,"ERR x"  error:"ERR x"
//! ```
//!
//! # Invariants
//!
//! (1) `Standard`, `Csv`, `Json` and `QuotedJson` end in exactly one newline; `Raw` ends in the
//!     delimiter it was given, and an error in it has a newline of its own before that.
//! (2) A line of a nested aggregate is indented by the sum of its parents' number widths, so the
//!     numbers of one level stand below each other.
//! (3) Depth is bounded by the decoder's limit on nesting, so recursion is safe.
//!
//! # Where we differ from redis-cli on purpose
//!
//! * `--quoted-json` escapes the backslash *and* the quote of `\"`. redis-cli leaves the quote
//!   bare, which ends the JSON string early.
//! * Big numbers and attributes print; redis-cli exits with "Unknown reply type".

use base::split_args::quote;
use resp::value::Value;

/// How a reply becomes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style<'a> {
    /// For people: types are named, strings quoted, elements numbered.
    Standard,
    /// The bytes alone: `-d` between the elements of an aggregate, `-D` after each reply.
    Raw { between_elements: &'a [u8], after_reply: &'a [u8] },
    /// One line of values separated by commas; nesting is lost.
    Csv,
    /// One line of JSON; bytes that are not UTF-8 pass through unchanged.
    Json,
    /// One line of JSON in ASCII: each string is first quoted as `Standard` quotes it.
    QuotedJson,
}

impl Style<'_> {
    /// What redis-cli uses when standard output is no terminal.
    pub const RAW_LINES: Style<'static> =
        Style::Raw { between_elements: b"\n", after_reply: b"\n" };
    /// For replies that are a page of text already: INFO, CLIENT LIST, LOLWUT.
    pub const VERBATIM: Style<'static> = Style::Raw { between_elements: b"\n", after_reply: b"" };
}

/// The text of one reply.
pub fn print(reply: &Value, style: Style) -> Vec<u8> {
    let mut out = Vec::new();
    match style {
        Style::Standard => return standard(reply),
        Style::Raw { between_elements, after_reply } => {
            raw(&mut out, reply, between_elements);
            out.extend_from_slice(after_reply);
            return out;
        }
        Style::Csv => csv(&mut out, reply),
        Style::Json => json(&mut out, reply, json_string),
        Style::QuotedJson => json(&mut out, reply, quoted_json_string),
    }
    out.push(b'\n');
    out
}

/// RESP3's "these keys of yours have changed", which people get as one readable line.
///
/// None if the reply is something else.
pub fn print_invalidation(reply: &Value) -> Option<Vec<u8>> {
    let Value::Push(elements) = reply else { return None };
    let [Value::Bulk(kind), Value::Array(keys)] = elements.as_slice() else { return None };
    if kind.as_slice() != b"invalidate" {
        return None;
    }
    let mut out = b"-> invalidate: ".to_vec();
    for (i, key) in keys.iter().enumerate() {
        let Value::Bulk(key) = key else { return None };
        out.extend_from_slice(if i > 0 { b", '" } else { b"'" });
        out.extend_from_slice(key);
        out.push(b'\'');
    }
    out.push(b'\n');
    Some(out)
}

fn standard(reply: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    standard_value(&mut out, reply, 0);
    out.push(b'\n');
    out
}

/// One value without its final newline; its first line begins where `out` ends, the others at
/// column `indent`.
fn standard_value(out: &mut Vec<u8>, value: &Value, indent: usize) {
    match value {
        Value::Array(elements) => standard_list(out, elements, ')', "(empty array)", indent),
        Value::Push(elements) => standard_list(out, elements, ')', "(empty push)", indent),
        Value::Set(elements) => standard_list(out, elements, '~', "(empty set)", indent),
        Value::Map(pairs) if pairs.is_empty() => out.extend_from_slice(b"(empty hash)"),
        Value::Map(pairs) => {
            let column = indent + number_width(pairs.len()) + 2;
            for (i, (key, value)) in pairs.iter().enumerate() {
                standard_number(out, i, pairs.len(), '#', indent);
                standard_value(out, key, column);
                out.extend_from_slice(b" => ");
                if takes_lines(value) {
                    new_line(out, column);
                }
                standard_value(out, value, column);
            }
        }
        Value::Attribute { value, .. } => standard_value(out, value, indent),
        Value::Bulk(text) => out.extend_from_slice(&quote(text)),
        Value::Null => out.extend_from_slice(b"(nil)"),
        Value::Boolean(true) => out.extend_from_slice(b"(true)"),
        Value::Boolean(false) => out.extend_from_slice(b"(false)"),
        Value::Simple(text) | Value::Verbatim { text, .. } => out.extend_from_slice(text),
        Value::Error(text) => named(out, "error", text),
        Value::Integer(n) => named(out, "integer", n.to_string().as_bytes()),
        Value::Double { text, .. } => named(out, "double", text),
        Value::BigNumber(text) => named(out, "big number", text),
    }
}

fn named(out: &mut Vec<u8>, kind: &str, text: &[u8]) {
    out.extend_from_slice(format!("({kind}) ").as_bytes());
    out.extend_from_slice(text);
}

fn standard_list(
    out: &mut Vec<u8>,
    elements: &[Value],
    after_number: char,
    when_empty: &str,
    indent: usize,
) {
    if elements.is_empty() {
        out.extend_from_slice(when_empty.as_bytes());
        return;
    }
    let column = indent + number_width(elements.len()) + 2;
    for (i, element) in elements.iter().enumerate() {
        standard_number(out, i, elements.len(), after_number, indent);
        standard_value(out, element, column);
    }
}

/// The number before element `i` of `count`, on a line of its own except before the first: that
/// one stands right after the number of the parent.
fn standard_number(out: &mut Vec<u8>, i: usize, count: usize, after_number: char, indent: usize) {
    if i > 0 {
        new_line(out, indent);
    }
    let number = format!("{:>width$}{after_number} ", i + 1, width = number_width(count));
    out.extend_from_slice(number.as_bytes());
}

fn number_width(count: usize) -> usize {
    count.to_string().len()
}

fn new_line(out: &mut Vec<u8>, indent: usize) {
    out.push(b'\n');
    out.resize(out.len() + indent, b' ');
}

/// Would the value take more than a line? Then it begins on a fresh one, to keep its numbers in
/// a column.
fn takes_lines(value: &Value) -> bool {
    match value {
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => {
            elements.len() > 1 || elements.first().is_some_and(takes_lines)
        }
        Value::Map(pairs) => pairs.len() > 1 || pairs.first().is_some_and(|(_, v)| takes_lines(v)),
        Value::Attribute { value, .. } => takes_lines(value),
        Value::Simple(_)
        | Value::Error(_)
        | Value::Integer(_)
        | Value::Bulk(_)
        | Value::Null
        | Value::Double { .. }
        | Value::Boolean(_)
        | Value::BigNumber(_)
        | Value::Verbatim { .. } => false,
    }
}

fn raw(out: &mut Vec<u8>, value: &Value, between_elements: &[u8]) {
    match value {
        Value::Null => {}
        Value::Error(text) => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        Value::Boolean(true) => out.extend_from_slice(b"(true)"),
        Value::Boolean(false) => out.extend_from_slice(b"(false)"),
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => {
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.extend_from_slice(between_elements);
                }
                raw(out, element, between_elements);
            }
        }
        Value::Map(pairs) => {
            for (i, (key, value)) in pairs.iter().enumerate() {
                if i > 0 {
                    out.extend_from_slice(between_elements);
                }
                raw(out, key, between_elements);
                out.push(b' ');
                raw(out, value, between_elements);
            }
        }
        Value::Attribute { value, .. } => raw(out, value, between_elements),
        Value::Integer(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Simple(text)
        | Value::Bulk(text)
        | Value::Double { text, .. }
        | Value::BigNumber(text)
        | Value::Verbatim { text, .. } => out.extend_from_slice(text),
    }
}

fn csv(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Error(text) => {
            out.extend_from_slice(b"ERROR,");
            out.extend_from_slice(&quote(text));
        }
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => {
            out.extend_from_slice(&quote(text));
        }
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Boolean(yes) => out.extend_from_slice(yes.to_string().as_bytes()),
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => {
            comma_separated(out, elements, csv);
        }
        Value::Map(pairs) => comma_separated(out, pairs, |out, (key, value)| {
            csv(out, key);
            out.push(b',');
            csv(out, value);
        }),
        Value::Attribute { value, .. } => csv(out, value),
        Value::Integer(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Double { text, .. } | Value::BigNumber(text) => out.extend_from_slice(text),
    }
}

/// Appends a string to JSON, quotes included.
type JsonString = fn(&mut Vec<u8>, &[u8]);

fn json(out: &mut Vec<u8>, value: &Value, string: JsonString) {
    match value {
        Value::Error(text) => {
            out.extend_from_slice(b"error:");
            string(out, text);
        }
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => {
            string(out, text);
        }
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(yes) => out.extend_from_slice(yes.to_string().as_bytes()),
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => {
            out.push(b'[');
            comma_separated(out, elements, |out, element| json(out, element, string));
            out.push(b']');
        }
        Value::Map(pairs) => {
            out.push(b'{');
            comma_separated(out, pairs, |out, (key, value)| {
                json_key(out, key, string);
                out.push(b':');
                json(out, value, string);
            });
            out.push(b'}');
        }
        Value::Attribute { value, .. } => json(out, value, string),
        Value::Integer(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Double { text, .. } | Value::BigNumber(text) => out.extend_from_slice(text),
    }
}

/// JSON wants a string as key, RESP3 allows anything: other types become the string of their
/// JSON.
fn json_key(out: &mut Vec<u8>, key: &Value, string: JsonString) {
    match key {
        Value::Error(_) | Value::Simple(_) | Value::Bulk(_) | Value::Verbatim { .. } => {
            json(out, key, string);
        }
        Value::Integer(_)
        | Value::Null
        | Value::Array(_)
        | Value::Map(_)
        | Value::Set(_)
        | Value::Push(_)
        | Value::Attribute { .. }
        | Value::Double { .. }
        | Value::Boolean(_)
        | Value::BigNumber(_) => {
            let mut text = Vec::new();
            json(&mut text, key, string);
            json_string(out, &text);
        }
    }
}

fn json_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn quoted_json_string(out: &mut Vec<u8>, text: &[u8]) {
    let quoted = quote(text);
    json_string(out, &quoted[1..quoted.len() - 1]);
}

fn comma_separated<T>(out: &mut Vec<u8>, items: &[T], mut one: impl FnMut(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        one(out, item);
    }
}

#[cfg(test)]
mod tests;
