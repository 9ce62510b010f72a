//! `cjson`: JSON after lua-cjson 2.1, as Redis has it: its limits, its leniency about numbers and
//! its error texts.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};

use crate::raise::{Raise, Raised, function, number_of, string_of, type_name};
use crate::value::general;

struct Settings {
    sparse_convert: Cell<bool>,
    sparse_ratio: Cell<i64>,
    sparse_safe: Cell<i64>,
    encode_depth_max: Cell<usize>,
    decode_depth_max: Cell<usize>,
    /// 0 an error, 1 as they are, 2 as null.
    encode_invalid_numbers: Cell<u8>,
    decode_invalid_numbers: Cell<bool>,
    keep_buffer: Cell<bool>,
    precision: Cell<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_convert: Cell::new(false),
            sparse_ratio: Cell::new(2),
            sparse_safe: Cell::new(10),
            encode_depth_max: Cell::new(DEPTH_MAX),
            decode_depth_max: Cell::new(DEPTH_MAX),
            encode_invalid_numbers: Cell::new(0),
            decode_invalid_numbers: Cell::new(true),
            keep_buffer: Cell::new(true),
            precision: Cell::new(14),
        }
    }
}

/// One of the settings.
type Of<T> = fn(&Settings) -> &Cell<T>;
/// A word of JSON.
type Word = (&'static [u8], fn() -> Token);

/// The recursion is on our stack: no setting allows more.
const DEPTH_MAX: usize = 1000;

pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let settings = Rc::new(Settings::default());
    let table = lua.create_table()?;
    let of = settings.clone();
    table.raw_set(
        "encode",
        function(lua, move |lua, args| {
            one_argument("encode", &args)?;
            let mut out = Vec::new();
            encode(&of, &mut out, args.front().unwrap_or(&Value::Nil), 0)?;
            Ok(MultiValue::from_iter([Value::String(lua.create_string(out)?)]))
        })?,
    )?;
    let of = settings.clone();
    table.raw_set(
        "decode",
        function(lua, move |lua, args| {
            one_argument("decode", &args)?;
            let text = string_of(args.front()).ok_or_else(|| {
                let got = type_name(args.front());
                Raise::argument(1, "decode", &format!("string expected, got {got}"))
            })?;
            Ok(MultiValue::from_iter([decode(lua, &of, &text)?]))
        })?,
    )?;
    add_settings(lua, &table, &settings)?;
    table.raw_set(
        "new",
        function(lua, |lua, _| Ok(MultiValue::from_iter([Value::Table(library(lua)?)])))?,
    )?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn one_argument(name: &str, args: &MultiValue) -> Raised<()> {
    if args.len() == 1 { Ok(()) } else { Err(Raise::argument(1, name, "expected 1 argument")) }
}

fn integer(
    args: &MultiValue,
    index: usize,
    name: &str,
    (low, high): (i64, i64),
) -> Raised<Option<i64>> {
    let value = match args.get(index) {
        None | Some(Value::Nil) => return Ok(None),
        value => value,
    };
    let n = number_of(value).ok_or_else(|| {
        let got = type_name(value);
        Raise::argument(index + 1, name, &format!("number expected, got {got}"))
    })? as i64;
    if n < low || n > high {
        let text = format!("expected integer between {low} and {high}");
        return Err(Raise::argument(index + 1, name, &text));
    }
    Ok(Some(n))
}

fn choice(args: &MultiValue, index: usize, name: &str, words: &[&str]) -> Raised<Option<usize>> {
    match args.get(index) {
        None | Some(Value::Nil) => Ok(None),
        Some(Value::Boolean(value)) => Ok(Some(usize::from(*value))),
        value => {
            let word = string_of(value).unwrap_or_default();
            let at = words.iter().position(|known| known.as_bytes() == word);
            let invalid = || {
                let word = String::from_utf8_lossy(&word).into_owned();
                Raise::argument(index + 1, name, &format!("invalid option '{word}'"))
            };
            at.map(Some).ok_or_else(invalid)
        }
    }
}

fn add_settings(lua: &Lua, table: &Table, settings: &Rc<Settings>) -> mlua::Result<()> {
    const ANY: (i64, i64) = (0, i32::MAX as i64);
    let one = |value: Value| MultiValue::from_iter([value]);
    let of = settings.clone();
    table.raw_set(
        "encode_sparse_array",
        function(lua, move |_, args| {
            const NAME: &str = "encode_sparse_array";
            if let Some(convert) = choice(&args, 0, NAME, &["off", "on"])? {
                of.sparse_convert.set(convert == 1);
            }
            if let Some(ratio) = integer(&args, 1, NAME, ANY)? {
                of.sparse_ratio.set(ratio);
            }
            if let Some(safe) = integer(&args, 2, NAME, ANY)? {
                of.sparse_safe.set(safe);
            }
            Ok(MultiValue::from_iter([
                Value::Boolean(of.sparse_convert.get()),
                Value::Integer(of.sparse_ratio.get()),
                Value::Integer(of.sparse_safe.get()),
            ]))
        })?,
    )?;
    let depths: [(&'static str, Of<usize>); 2] = [
        ("encode_max_depth", |s| &s.encode_depth_max),
        ("decode_max_depth", |s| &s.decode_depth_max),
    ];
    for (name, cell) in depths {
        let of = settings.clone();
        table.raw_set(
            name,
            function(lua, move |_, args| {
                if let Some(depth) = integer(&args, 0, name, (1, i64::from(i32::MAX)))? {
                    cell(&of).set(depth as usize);
                }
                Ok(one(Value::Integer(cell(&of).get() as i64)))
            })?,
        )?;
    }
    let of = settings.clone();
    table.raw_set(
        "encode_number_precision",
        function(lua, move |_, args| {
            if let Some(digits) = integer(&args, 0, "encode_number_precision", (1, 16))? {
                of.precision.set(digits as usize);
            }
            Ok(one(Value::Integer(of.precision.get() as i64)))
        })?,
    )?;
    let switches: [(&'static str, Of<bool>); 2] = [
        ("encode_keep_buffer", |s| &s.keep_buffer),
        ("decode_invalid_numbers", |s| &s.decode_invalid_numbers),
    ];
    for (name, cell) in switches {
        let of = settings.clone();
        table.raw_set(
            name,
            function(lua, move |_, args| {
                if let Some(is_on) = choice(&args, 0, name, &["off", "on"])? {
                    cell(&of).set(is_on == 1);
                }
                Ok(one(Value::Boolean(cell(&of).get())))
            })?,
        )?;
    }
    let of = settings.clone();
    table.raw_set(
        "encode_invalid_numbers",
        function(lua, move |lua, args| {
            let words = ["off", "on", "null"];
            if let Some(how) = choice(&args, 0, "encode_invalid_numbers", &words)? {
                of.encode_invalid_numbers.set(how as u8);
            }
            Ok(one(match of.encode_invalid_numbers.get() {
                2 => Value::String(lua.create_string("null")?),
                how => Value::Boolean(how == 1),
            }))
        })?,
    )?;
    Ok(())
}

// ---- encoding ----------------------------------------------------------------------------------

fn cannot(what: &str, why: &str) -> Raise {
    Raise::text(format!("Cannot serialise {what}: {why}"))
}

fn encode(settings: &Settings, out: &mut Vec<u8>, value: &Value, depth: usize) -> Raised<()> {
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

// ---- decoding ----------------------------------------------------------------------------------

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Colon,
    Comma,
    End,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Error(&'static str),
}

impl Token {
    /// As errors call it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(why) => why,
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the last token begins.
    token_at: usize,
    depth: usize,
    settings: &'a Settings,
}

fn decode(lua: &Lua, settings: &Settings, text: &[u8]) -> Raised<Value> {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Raise::text("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut parser = Parser { text, at: 0, token_at: 0, depth: 0, settings };
    let token = parser.next();
    let value = parser.value(lua, token)?;
    match parser.next() {
        Token::End => Ok(value),
        other => Err(parser.expected("the end", &other)),
    }
}

impl Parser<'_> {
    fn expected(&self, what: &str, found: &Token) -> Raise {
        let (found, at) = (found.name(), self.token_at + 1);
        Raise::text(format!("Expected {what} but found {found} at character {at}"))
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Token {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') && self.at < self.text.len() {
            self.at += 1;
        }
        self.token_at = self.at;
        let Some(&byte) = self.text.get(self.at) else { return Token::End };
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return Token::End,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                if !self.settings.decode_invalid_numbers.get() && self.is_invalid_number() {
                    return Token::Error("invalid number");
                }
                return self.number();
            }
            b't' | b'f' | b'n' | b'N' | b'i' | b'I' | b'+' => return self.word(),
            _ => return Token::Error("invalid token"),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let words: [Word; 3] = [
            (b"true", || Token::Boolean(true)),
            (b"false", || Token::Boolean(false)),
            (b"null", || Token::Null),
        ];
        for (word, token) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return token();
            }
        }
        if self.settings.decode_invalid_numbers.get() && self.is_invalid_number() {
            return self.number();
        }
        Token::Error("invalid token")
    }

    /// Whether what looks like a number is none of JSON's.
    fn is_invalid_number(&self) -> bool {
        if self.peek(0) == b'+' {
            return true;
        }
        let skip = usize::from(self.peek(0) == b'-');
        let (first, second) = (self.peek(skip), self.peek(skip + 1));
        if first == b'0' {
            return second | 0x20 == b'x' || second.is_ascii_digit();
        }
        if first <= b'9' {
            return false;
        }
        let word = self.text.get(self.at + skip..self.at + skip + 3).unwrap_or(&[]);
        word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
    }

    /// As `strtod` reads it.
    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let sign = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
        let body = &rest[sign..];
        let is_negative = rest.first() == Some(&b'-');
        let signed = |n: f64| if is_negative { -n } else { n };
        for (word, n) in [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
            if body.get(..word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes())) {
                self.at += sign + word.len();
                return Token::Number(signed(n));
            }
        }
        if body.len() > 2 && body[0] == b'0' && body[1] | 0x20 == b'x' {
            let digits = body[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
            if digits > 0 {
                let hex = &body[2..2 + digits];
                let n = hex.iter().fold(0.0, |n, digit| {
                    n * 16.0 + f64::from((*digit as char).to_digit(16).unwrap_or(0))
                });
                self.at += sign + 2 + digits;
                return Token::Number(signed(n));
            }
        }
        let mut len = body.iter().take_while(|b| b.is_ascii_digit()).count();
        let mut digits = len;
        if body.get(len) == Some(&b'.') {
            let decimals = body[len + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            digits += decimals;
            len += 1 + decimals;
        }
        if digits == 0 {
            return Token::Error("invalid number");
        }
        if matches!(body.get(len), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(body.get(len + 1), Some(b'-' | b'+')));
            let from = len + 1 + signed;
            let exponent =
                body.get(from..).unwrap_or(&[]).iter().take_while(|b| b.is_ascii_digit()).count();
            if exponent > 0 {
                len = from + exponent;
            }
        }
        let text = std::str::from_utf8(&body[..len]).unwrap_or("0");
        let n = text.trim_end_matches('.').parse().unwrap_or(0.0);
        self.at += sign + len;
        Token::Number(signed(n))
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.text.get(self.at).filter(|byte| **byte != 0) else {
                self.token_at = self.at;
                return Token::Error("unexpected end of string");
            };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Token::Text(out);
                }
                b'\\' => {
                    let plain = match self.peek(1) {
                        b'"' => b'"',
                        b'\\' => b'\\',
                        b'/' => b'/',
                        b'b' => 8,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 12,
                        b'r' => b'\r',
                        b'u' => {
                            if !self.unicode(&mut out) {
                                self.token_at = self.at;
                                return Token::Error("invalid unicode escape code");
                            }
                            continue;
                        }
                        _ => {
                            self.token_at = self.at;
                            return Token::Error("invalid escape code");
                        }
                    };
                    out.push(plain);
                    self.at += 2;
                }
                _ => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits.iter().try_fold(0, |n, digit| Some(n * 16 + (*digit as char).to_digit(16)?))
    }

    /// `\uXXXX`, or two that are a surrogate pair.
    fn unicode(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(mut code) = self.hex4(self.at + 2) else { return false };
        let mut len = 6;
        if code & 0xF800 == 0xD800 {
            if code & 0x400 != 0 || self.peek(6) != b'\\' || self.peek(7) != b'u' {
                return false;
            }
            let Some(low) = self.hex4(self.at + 8) else { return false };
            if low & 0xFC00 != 0xDC00 {
                return false;
            }
            code = ((code & 0x3FF) << 10 | (low & 0x3FF)) + 0x10000;
            len = 12;
        }
        let Some(character) = char::from_u32(code) else { return false };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += len;
        true
    }

    fn descend(&mut self) -> Raised<()> {
        self.depth += 1;
        if self.depth > self.settings.decode_depth_max.get().min(DEPTH_MAX) {
            return Err(Raise::text(format!(
                "Found too many nested data structures ({}) at character {}",
                self.depth, self.at
            )));
        }
        Ok(())
    }

    fn value(&mut self, lua: &Lua, token: Token) -> Raised<Value> {
        Ok(match token {
            Token::Text(text) => Value::String(lua.create_string(text)?),
            Token::Number(n) => Value::Number(n),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::NULL,
            Token::ArrayBegin => Value::Table(self.array(lua)?),
            Token::ObjectBegin => Value::Table(self.object(lua)?),
            other => return Err(self.expected("value", &other)),
        })
    }

    fn array(&mut self, lua: &Lua) -> Raised<Table> {
        self.descend()?;
        let table = lua.create_table()?;
        let mut token = self.next();
        if !matches!(token, Token::ArrayEnd) {
            for index in 1.. {
                table.raw_set(index, self.value(lua, token)?)?;
                match self.next() {
                    Token::ArrayEnd => break,
                    Token::Comma => token = self.next(),
                    other => return Err(self.expected("comma or array end", &other)),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    fn object(&mut self, lua: &Lua) -> Raised<Table> {
        self.descend()?;
        let table = lua.create_table()?;
        let mut token = self.next();
        if !matches!(token, Token::ObjectEnd) {
            loop {
                let Token::Text(key) = token else {
                    return Err(self.expected("object key string", &token));
                };
                match self.next() {
                    Token::Colon => {}
                    other => return Err(self.expected("colon", &other)),
                }
                let token_of_value = self.next();
                let value = self.value(lua, token_of_value)?;
                table.raw_set(lua.create_string(key)?, value)?;
                match self.next() {
                    Token::ObjectEnd => break,
                    Token::Comma => token = self.next(),
                    other => return Err(self.expected("comma or object end", &other)),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }
}
