//! `cmsgpack`: MessagePack as Redis has it.

use mlua::{Lua, MultiValue, Table, Value};

use crate::raise::{Raise, Raised, function, number_of, string_of, type_name};

/// Tables within tables: deeper ones are packed as nil, so circles end.
const PACK_DEPTH_MAX: usize = 16;
/// The recursion of unpacking is on our stack.
const UNPACK_DEPTH_MAX: usize = 1000;
/// Values that one call returns at most.
const RESULTS_MAX: usize = 7000;

pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set(
        "pack",
        function(lua, |lua, args| {
            if args.is_empty() {
                return Err(Raise::argument(0, "pack", "MessagePack pack needs input."));
            }
            let mut out = Vec::new();
            for value in &args {
                pack(&mut out, value, 0)?;
            }
            Ok(MultiValue::from_iter([Value::String(lua.create_string(out)?)]))
        })?,
    )?;
    table
        .raw_set("unpack", function(lua, |lua, args| unpack(lua, &args, "unpack", 0, 0, true))?)?;
    table.raw_set(
        "unpack_one",
        function(lua, |lua, args| {
            let offset = optional(&args, 1, "unpack_one", 0)?;
            unpack(lua, &args, "unpack_one", 1, offset, false)
        })?,
    )?;
    table.raw_set(
        "unpack_limit",
        function(lua, |lua, args| {
            let limit = number_of(args.get(1)).ok_or_else(|| {
                let got = type_name(args.get(1));
                Raise::argument(2, "unpack_limit", &format!("number expected, got {got}"))
            })? as i64;
            let offset = optional(&args, 2, "unpack_limit", 0)?;
            unpack(lua, &args, "unpack_limit", limit, offset, limit == 0 && offset == 0)
        })?,
    )?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Redis Ltd.")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}

fn optional(args: &MultiValue, index: usize, name: &str, default: i64) -> Raised<i64> {
    match args.get(index) {
        None | Some(Value::Nil) => Ok(default),
        value => number_of(value).map(|n| n as i64).ok_or_else(|| {
            let got = type_name(value);
            Raise::argument(index + 1, name, &format!("number expected, got {got}"))
        }),
    }
}

fn pack(out: &mut Vec<u8>, value: &Value, depth: usize) -> Raised<()> {
    match value {
        Value::String(text) => {
            let text = text.as_bytes();
            pack_len(out, text.len(), (0xa0, 32), &[(0xd9, 1), (0xda, 2), (0xdb, 4)]);
            out.extend_from_slice(&text);
        }
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(n) => pack_integer(out, *n),
        Value::Number(n) if n.is_finite() && *n as i64 as f64 == *n => {
            pack_integer(out, *n as i64);
        }
        Value::Number(n) => {
            // As it came: in four bytes if they hold it.
            if f64::from(*n as f32) == *n {
                out.push(0xca);
                out.extend_from_slice(&(*n as f32).to_be_bytes());
            } else {
                out.push(0xcb);
                out.extend_from_slice(&n.to_be_bytes());
            }
        }
        Value::Table(table) if depth < PACK_DEPTH_MAX => pack_table(out, table, depth)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

fn pack_len(out: &mut Vec<u8>, len: usize, fix: (u8, usize), sizes: &[(u8, usize)]) {
    if len < fix.1 {
        out.push(fix.0 | len as u8);
        return;
    }
    for &(code, bytes) in sizes {
        if bytes == 4 || len < 1 << (8 * bytes) {
            out.push(code);
            out.extend_from_slice(&(len as u32).to_be_bytes()[4 - bytes..]);
            return;
        }
    }
}

fn pack_integer(out: &mut Vec<u8>, n: i64) {
    let (code, bytes) = match n {
        -32..=127 => return out.push(n as u8),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80.. => (0xd0, 1),
        -0x8000.. => (0xd1, 2),
        -0x8000_0000.. => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(code);
    out.extend_from_slice(&n.to_be_bytes()[8 - bytes..]);
}

fn pack_table(out: &mut Vec<u8>, table: &Table, depth: usize) -> Raised<()> {
    let (mut count, mut max, mut is_array) = (0usize, 0usize, true);
    for pair in table.pairs::<Value, Value>() {
        match pair?.0 {
            Value::Integer(n) if n > 0 => max = max.max(n as usize),
            _ => is_array = false,
        }
        count += 1;
    }
    if is_array && max == count {
        pack_len(out, count, (0x90, 16), &[(0xdc, 2), (0xdd, 4)]);
        for index in 1..=count {
            pack(out, &table.raw_get::<Value>(index)?, depth + 1)?;
        }
        return Ok(());
    }
    pack_len(out, count, (0x80, 16), &[(0xde, 2), (0xdf, 4)]);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        pack(out, &key, depth + 1)?;
        pack(out, &value, depth + 1)?;
    }
    Ok(())
}

fn unpack(
    lua: &Lua,
    args: &MultiValue,
    name: &str,
    limit: i64,
    offset: i64,
    all: bool,
) -> Raised<MultiValue> {
    let input = string_of(args.front()).ok_or_else(|| {
        let got = type_name(args.front());
        Raise::argument(1, name, &format!("string expected, got {got}"))
    })?;
    if offset < 0 || limit < 0 {
        return Err(Raise::text(format!(
            "Invalid request to unpack with offset of {offset} and limit of {}.",
            input.len()
        )));
    }
    if offset as usize > input.len() {
        return Err(Raise::text(format!(
            "Start offset {offset} greater than input length {}.",
            input.len()
        )));
    }
    let limit = if all { i32::MAX as i64 } else { limit };
    let mut cursor = Cursor { input: &input[offset as usize..] };
    let mut values = MultiValue::new();
    while !cursor.input.is_empty() && (values.len() as i64) < limit {
        if values.len() == RESULTS_MAX {
            return Err(Raise::text(
                "stack overflow (too many return values at once; use unpack_one or unpack_limit \
                 instead.)",
            ));
        }
        values.push_back(cursor.value(lua, 0)?);
    }
    if !all {
        let next = match cursor.input.len() {
            0 => -1,
            left => (input.len() - left) as i64,
        };
        values.push_front(Value::Integer(next));
    }
    Ok(values)
}

struct Cursor<'a> {
    input: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Raised<&'a [u8]> {
        if len > self.input.len() {
            return Err(Raise::text("Missing bytes in input."));
        }
        let (taken, rest) = self.input.split_at(len);
        self.input = rest;
        Ok(taken)
    }

    /// A big-endian number of so many bytes.
    fn number(&mut self, bytes: usize) -> Raised<u64> {
        Ok(self.take(bytes)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    fn value(&mut self, lua: &Lua, depth: usize) -> Raised<Value> {
        let number = |n: f64| Ok(Value::Number(n));
        let code = self.take(1)?[0];
        let text_of = |cursor: &mut Cursor<'a>, len: usize| {
            Ok(Value::String(lua.create_string(cursor.take(len)?)?))
        };
        match code {
            0x00..=0x7f => number(f64::from(code)),
            0xe0..=0xff => number(f64::from(code as i8)),
            0xa0..=0xbf => text_of(self, usize::from(code & 0x1f)),
            0x90..=0x9f => self.array(lua, usize::from(code & 0xf), depth),
            0x80..=0x8f => self.map(lua, usize::from(code & 0xf), depth),
            0xc0 => Ok(Value::Nil),
            0xc2 | 0xc3 => Ok(Value::Boolean(code == 0xc3)),
            0xca => number(f64::from(f32::from_bits(self.number(4)? as u32))),
            0xcb => number(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => number(self.number(1 << (code - 0xcc))? as f64),
            0xd0 => number(f64::from(self.number(1)? as i8)),
            0xd1 => number(f64::from(self.number(2)? as i16)),
            0xd2 => number(f64::from(self.number(4)? as i32)),
            0xd3 => number(self.number(8)? as i64 as f64),
            0xd9..=0xdb => {
                let len = self.number(1 << (code - 0xd9))? as usize;
                text_of(self, len)
            }
            0xdc | 0xdd => {
                let len = self.number(2 << (code - 0xdc))? as usize;
                self.array(lua, len, depth)
            }
            0xde | 0xdf => {
                let len = self.number(2 << (code - 0xde))? as usize;
                self.map(lua, len, depth)
            }
            _ => Err(Raise::text("Bad data format in input.")),
        }
    }

    fn array(&mut self, lua: &Lua, len: usize, depth: usize) -> Raised<Value> {
        let table = self.table(lua, depth)?;
        for index in 1..=len {
            table.raw_set(index, self.value(lua, depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, lua: &Lua, len: usize, depth: usize) -> Raised<Value> {
        let table = self.table(lua, depth)?;
        for _ in 0..len {
            let key = self.value(lua, depth + 1)?;
            let value = self.value(lua, depth + 1)?;
            match key {
                Value::Nil => return Err(Raise::text("table index is nil")),
                Value::Number(n) if n.is_nan() => return Err(Raise::text("table index is NaN")),
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }

    fn table(&self, lua: &Lua, depth: usize) -> Raised<Table> {
        if depth >= UNPACK_DEPTH_MAX {
            return Err(Raise::text("Bad data format in input."));
        }
        Ok(lua.create_table()?)
    }
}
