//! Lua values as JSON.

use mlua::{Table, Value};

use super::{DEPTH_MAX, Settings};
use crate::raise::{Raise, Raised, number_of, type_name};
use crate::value::general;

fn cannot(what: &str, why: &str) -> Raise {
    Raise::text(format!("Cannot serialise {what}: {why}"))
}

/// Appends a value.
pub(super) fn encode(
    settings: &Settings,
    out: &mut Vec<u8>,
    value: &Value,
    depth: usize,
) -> Raised<()> {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Integer(n) => encode_number(settings, out, *n as f64)?,
        Value::Number(n) => encode_number(settings, out, *n)?,
        Value::String(text) => encode_string(out, &text.as_bytes()),
        Value::LightUserData(pointer) if pointer.0.is_null() => out.extend_from_slice(b"null"),
        Value::Table(table) => {
            let depth = depth + 1;
            if depth > settings.encode_depth_max.get().min(DEPTH_MAX) {
                return Err(Raise::text(format!("Cannot serialise, excessive nesting ({depth})")));
            }
            match array_len(settings, table)? {
                Some(len) if len > 0 => {
                    out.push(b'[');
                    for index in 1..=len {
                        if index > 1 {
                            out.push(b',');
                        }
                        encode(settings, out, &table.raw_get::<Value>(index)?, depth)?;
                    }
                    out.push(b']');
                }
                _ => encode_object(settings, out, table, depth)?,
            }
        }
        other => return Err(cannot(type_name(Some(other)), "type not supported")),
    }
    Ok(())
}

fn encode_object(
    settings: &Settings,
    out: &mut Vec<u8>,
    table: &Table,
    depth: usize,
) -> Raised<()> {
    out.push(b'{');
    let mut is_first = true;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        match &key {
            Value::String(text) => encode_string(out, &text.as_bytes()),
            Value::Integer(_) | Value::Number(_) => {
                out.push(b'"');
                encode_number(settings, out, number_of(Some(&key)).unwrap_or(0.0))?;
                out.push(b'"');
            }
            other => {
                let why = "table key must be a number or string";
                return Err(cannot(type_name(Some(other)), why));
            }
        }
        out.push(b':');
        encode(settings, out, &value, depth)?;
    }
    out.push(b'}');
    Ok(())
}

/// The length of a table that is an array; none if it has other keys.
fn array_len(settings: &Settings, table: &Table) -> Raised<Option<i64>> {
    let (mut max, mut count) = (0i64, 0i64);
    for pair in table.pairs::<Value, Value>() {
        let key = match pair?.0 {
            Value::Integer(n) if n >= 1 => n,
            Value::Number(n) if n >= 1.0 && n.floor() == n => n as i64,
            _ => return Ok(None),
        };
        max = max.max(key);
        count += 1;
    }
    let ratio = settings.sparse_ratio.get();
    if ratio > 0 && max > count.saturating_mul(ratio) && max > settings.sparse_safe.get() {
        if !settings.sparse_convert.get() {
            return Err(cannot("table", "excessively sparse array"));
        }
        return Ok(None);
    }
    Ok(Some(max))
}

fn encode_number(settings: &Settings, out: &mut Vec<u8>, n: f64) -> Raised<()> {
    if !n.is_finite() {
        match settings.encode_invalid_numbers.get() {
            0 => return Err(cannot("number", "must not be NaN or Inf")),
            1 if n.is_nan() => {
                out.extend_from_slice(b"nan");
                return Ok(());
            }
            1 => {}
            _ => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
        }
    }
    out.extend_from_slice(&general(n, settings.precision.get()));
    Ok(())
}

fn encode_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'/' => out.extend_from_slice(b"\\/"),
            8 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..=31 | 127 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
