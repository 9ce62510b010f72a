//! `cjson`: JSON after lua-cjson 2.1, as Redis has it: its limits, its leniency about numbers and
//! its error texts. Here are its functions and settings.

mod decode;
mod encode;

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};

use self::decode::decode;
use self::encode::encode;
use crate::raise::{Raise, Raised, function, number_of, string_of, type_name};

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
