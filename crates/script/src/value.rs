//! Replies of commands as Lua values, numbers as text.

use mlua::{Lua, Value};

use crate::raise::Raised;

/// A number as Lua 5.1 writes it: `%.14g`.
pub(crate) fn number_text(n: f64) -> Vec<u8> {
    general(n, 14)
}

/// `%.{precision}g` of C.
pub(crate) fn general(n: f64, precision: usize) -> Vec<u8> {
    if n.is_nan() {
        return if n.is_sign_negative() { b"-nan".to_vec() } else { b"nan".to_vec() };
    }
    if n.is_infinite() {
        return if n < 0.0 { b"-inf".to_vec() } else { b"inf".to_vec() };
    }
    if n == 0.0 {
        return if n.is_sign_negative() { b"-0".to_vec() } else { b"0".to_vec() };
    }
    let precision = precision.max(1);
    let scientific = format!("{n:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').expect("this format has an exponent");
    let exponent: i32 = exponent.parse().expect("this format's exponent is an integer");
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(digits), exponent.abs()).into_bytes();
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{n:.decimals$}")).into_bytes()
}

/// A number as an argument of a command: an integer if it is one, else so that it reads back the
/// same.
pub(crate) fn write_argument(out: &mut Vec<u8>, n: f64) {
    if n.trunc() == n && n.abs() < 9.2e18 {
        base::number::write_i64(out, n as i64);
    } else {
        base::number::write_f64_17g(out, n);
    }
}

/// What is left of a reply.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    fn line(&mut self) -> &'a [u8] {
        let end = memchr_crlf(self.0);
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.get(2..).unwrap_or(&[]);
        line
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest.get(2..).unwrap_or(&[]);
        taken
    }
}

fn memchr_crlf(bytes: &[u8]) -> usize {
    bytes.windows(2).position(|pair| pair == b"\r\n").unwrap_or(bytes.len())
}

fn count(line: &[u8]) -> i64 {
    base::number::parse_i64(line).unwrap_or(-1)
}

/// The next value of a reply, which a command of ours has written. An error is a table, and `true`.
pub(crate) fn from_reply(lua: &Lua, bytes: &mut Bytes<'_>) -> Raised<Value> {
    let line = bytes.line();
    let Some((&kind, rest)) = line.split_first() else { return Ok(Value::Nil) };
    let single = |name: &str, value: Value| -> Raised<Value> {
        let table = lua.create_table()?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    };
    Ok(match kind {
        b':' => Value::Number(base::number::parse_i64(rest).unwrap_or(0) as f64),
        b'$' => match count(rest) {
            len if len < 0 => Value::Boolean(false),
            len => Value::String(lua.create_string(bytes.take(len as usize))?),
        },
        b'+' => single("ok", Value::String(lua.create_string(rest)?))?,
        b'-' => {
            let mut text = vec![b'-'];
            text.extend_from_slice(rest);
            let table = crate::raise::error_table(lua, &text)?;
            table.raw_set("ignore_error_stats_update", true)?;
            Value::Table(table)
        }
        b'*' | b'>' => match count(rest) {
            len if len < 0 => Value::Boolean(false),
            len => {
                let table = lua.create_table_with_capacity(len as usize, 0)?;
                for index in 1..=len {
                    table.raw_set(index, from_reply(lua, bytes)?)?;
                }
                Value::Table(table)
            }
        },
        b'%' => {
            let map = lua.create_table()?;
            for _ in 0..count(rest) {
                let key = from_reply(lua, bytes)?;
                let value = from_reply(lua, bytes)?;
                map.raw_set(key, value)?;
            }
            single("map", Value::Table(map))?
        }
        b'~' => {
            let set = lua.create_table()?;
            for _ in 0..count(rest) {
                set.raw_set(from_reply(lua, bytes)?, true)?;
            }
            single("set", Value::Table(set))?
        }
        b'|' => {
            for _ in 0..count(rest) * 2 {
                from_reply(lua, bytes)?;
            }
            from_reply(lua, bytes)?
        }
        b'_' => Value::Nil,
        b'#' => Value::Boolean(rest == b"t"),
        b',' => single("double", Value::Number(base::number::parse_f64(rest).unwrap_or(f64::NAN)))?,
        b'(' => single("big_number", Value::String(lua.create_string(rest)?))?,
        b'=' => {
            let body = bytes.take(count(rest).max(0) as usize);
            let verbatim = lua.create_table()?;
            verbatim.raw_set("string", lua.create_string(body.get(4..).unwrap_or(&[]))?)?;
            verbatim.raw_set("format", lua.create_string(body.get(..3).unwrap_or(&[]))?)?;
            single("verbatim_string", Value::Table(verbatim))?
        }
        _ => Value::Nil,
    })
}
