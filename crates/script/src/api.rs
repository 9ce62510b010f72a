//! The functions behind `redis`, as `prelude.lua` builds them.

use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};
use resp::{ArgBuf, Protocol};
use sha1::{Digest, Sha1};

use crate::library::Function;
use crate::raise::{Raise, Raised, function, number_of, string_of, type_name};
use crate::shebang::Flags;
use crate::state::{Slot, StateOptions, compile, nothing};
use crate::value::write_argument;

pub(crate) fn add(
    lua: &Lua,
    raw: &Table,
    slot: &Rc<Slot>,
    options: &StateOptions<'_>,
) -> mlua::Result<()> {
    let (call, pcall) = crate::call::functions(lua, slot)?;
    raw.raw_set("call", call)?;
    raw.raw_set("pcall", pcall)?;
    let of = slot.clone();
    raw.raw_set("acl_check_cmd", function(lua, move |_, args| may_run(&of, &args))?)?;
    let of = slot.clone();
    raw.raw_set("log", function(lua, move |_, args| log(&of, &args))?)?;
    let of = slot.clone();
    raw.raw_set("setresp", function(lua, move |_, args| set_resp(&of, &args))?)?;
    let of = slot.clone();
    raw.raw_set("set_repl", function(lua, move |_, args| set_repl(&of, &args))?)?;
    let of = slot.clone();
    raw.raw_set("register_function", function(lua, move |_, args| register(&of, &args))?)?;
    let of = slot.clone();
    raw.raw_set("random", function(lua, move |_, _| Ok(one(Value::Number(draw(&of)))))?)?;
    let of = slot.clone();
    raw.raw_set(
        "randomseed",
        function(lua, move |_, args| {
            let seed = number_of(args.front()).ok_or_else(|| {
                let got = type_name(args.front());
                Raise::argument(1, "randomseed", &format!("number expected, got {got}"))
            })?;
            of.random.set((seed as i64 as u32 as u64) << 16 | 0x330e);
            Ok(nothing())
        })?,
    )?;
    raw.raw_set(
        "sha1hex",
        function(lua, |lua, args| {
            if args.len() != 1 {
                return Err(Raise::Error("wrong number of arguments".to_owned()));
            }
            let digest = Sha1::digest(string_of(args.front()).unwrap_or_default());
            Ok(one(Value::String(lua.create_string(format!("{digest:x}"))?)))
        })?,
    )?;
    raw.raw_set(
        "error_reply",
        function(lua, |lua, args| {
            let table = match (args.len(), args.front()) {
                (1, Some(Value::String(text))) => {
                    let mut coded = text.as_bytes().to_vec();
                    if coded.first() != Some(&b'-') {
                        coded.insert(0, b'-');
                    }
                    crate::raise::error_table(lua, &coded)?
                }
                _ => crate::raise::error_table(lua, b"wrong number or type of arguments")?,
            };
            Ok(one(Value::Table(table)))
        })?,
    )?;
    raw.raw_set(
        "status_reply",
        function(lua, |lua, args| {
            let table = match (args.len(), args.front()) {
                (1, Some(text @ Value::String(_))) => {
                    let table = lua.create_table()?;
                    table.raw_set("ok", text)?;
                    table
                }
                _ => crate::raise::error_table(lua, b"wrong number or type of arguments")?,
            };
            Ok(one(Value::Table(table)))
        })?,
    )?;
    raw.raw_set(
        "compile",
        lua.create_function(|lua, (source, name): (Value, Value)| {
            let source = string_of(Some(&source)).unwrap_or_default();
            let name = string_of(Some(&name)).unwrap_or_default();
            Ok(match compile(lua, &source, &String::from_utf8_lossy(&name)) {
                Ok(function) => (Value::Function(function), Value::Nil),
                Err(why) => (Value::Nil, Value::String(lua.create_string(why)?)),
            })
        })?,
    )?;
    raw.raw_set("REDIS_VERSION", options.redis_version)?;
    raw.raw_set("REDIS_VERSION_NUM", version_number(options.redis_version))?;
    raw.raw_set("SERVER_NAME", options.server.0)?;
    raw.raw_set("SERVER_VERSION", options.server.1)?;
    raw.raw_set("SERVER_VERSION_NUM", version_number(options.server.1))?;
    Ok(())
}

/// `0x00MMmmpp`.
fn version_number(version: &str) -> i64 {
    version.split('.').take(3).fold(0, |n, part| n << 8 | part.parse::<i64>().unwrap_or(0))
}

fn one(value: Value) -> MultiValue {
    MultiValue::from_iter([value])
}

fn no_script() -> Raise {
    Raise::Error("This function is only there while a script runs.".to_owned())
}

fn read_args(args: &MultiValue, to: &mut ArgBuf) -> Raised<()> {
    to.clear();
    for value in args {
        match value {
            Value::String(text) => to.push(&text.as_bytes()),
            Value::Integer(n) => to.push_with(|out| base::number::write_i64(out, *n)),
            Value::Number(n) => to.push_with(|out| write_argument(out, *n)),
            _ => {
                return Err(Raise::Error(
                    "Lua redis lib command arguments must be strings or integers".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

fn may_run(slot: &Slot, args: &MultiValue) -> Raised<MultiValue> {
    if args.is_empty() {
        return Err(Raise::Error(
            "Please specify at least one argument for this redis.acl_check_cmd() call".to_owned(),
        ));
    }
    let mut words = ArgBuf::new();
    read_args(args, &mut words)?;
    match slot.with_caller(|caller| caller.may_run(&words)).ok_or_else(no_script)? {
        Some(may) => Ok(one(Value::Boolean(may))),
        None => Err(Raise::Error("Invalid command passed to redis.acl_check_cmd()".to_owned())),
    }
}

fn log(slot: &Slot, args: &MultiValue) -> Raised<MultiValue> {
    if args.len() < 2 {
        return Err(Raise::Error("redis.log() requires two arguments or more.".to_owned()));
    }
    let level = number_of(args.front())
        .ok_or_else(|| Raise::Error("First argument must be a number (log level).".to_owned()))?;
    if !(0.0..4.0).contains(&level) {
        return Err(Raise::Error("Invalid log level.".to_owned()));
    }
    let words: Vec<Vec<u8>> = args.iter().skip(1).filter_map(|arg| string_of(Some(arg))).collect();
    let text = words.join(&b' ');
    slot.with_caller(|caller| caller.log(level as u8, &text));
    Ok(nothing())
}

fn set_resp(slot: &Slot, args: &MultiValue) -> Raised<MultiValue> {
    if args.len() != 1 {
        return Err(Raise::Error("redis.setresp() requires one argument.".to_owned()));
    }
    let protocol = match number_of(args.front()).unwrap_or(0.0) as i64 {
        2 => Protocol::Resp2,
        3 => Protocol::Resp3,
        _ => return Err(Raise::Error("RESP version must be 2 or 3.".to_owned())),
    };
    slot.protocol.set(protocol);
    Ok(nothing())
}

fn set_repl(slot: &Slot, args: &MultiValue) -> Raised<MultiValue> {
    if args.len() != 1 {
        return Err(Raise::Error("redis.set_repl() requires one argument.".to_owned()));
    }
    let targets = number_of(args.front()).unwrap_or(0.0) as i64;
    if targets & !3 != 0 {
        return Err(Raise::Error(
            "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."
                .to_owned(),
        ));
    }
    slot.with_caller(|caller| caller.set_repl(targets as u8)).ok_or_else(no_script)?;
    Ok(nothing())
}

/// The generator that Redis has instead of the C library's: the same numbers everywhere.
fn draw(slot: &Slot) -> f64 {
    const MASK: u64 = (1 << 48) - 1;
    let next = slot.random.get().wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & MASK;
    slot.random.set(next);
    let drawn = next >> 17;
    (drawn % 0x7fff_ffff) as f64 / f64::from(i32::MAX)
}

// ---- redis.register_function -------------------------------------------------------------------

fn register(slot: &Slot, args: &MultiValue) -> Raised<MultiValue> {
    let mut loading = slot.loading.borrow_mut();
    let Some(registering) = &mut *loading else {
        return Err(Raise::Error(
            "redis.register_function can only be called on FUNCTION LOAD command".to_owned(),
        ));
    };
    let (function, callback) = match args.len() {
        1 => named(args.front())?,
        2 => positional(args)?,
        _ => {
            return Err(Raise::Error(
                "wrong number of arguments to redis.register_function".to_owned(),
            ));
        }
    };
    registering.add(function, callback).map_err(Raise::Error)?;
    Ok(nothing())
}

fn text(value: Option<&Value>) -> Option<String> {
    string_of(value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn positional(args: &MultiValue) -> Raised<(Function, mlua::Function)> {
    let name = text(args.front()).ok_or_else(|| {
        Raise::Error("first argument to redis.register_function must be a string".to_owned())
    })?;
    let Some(Value::Function(callback)) = args.get(1) else {
        return Err(Raise::Error(
            "second argument to redis.register_function must be a function".to_owned(),
        ));
    };
    let function = Function { name, description: None, flags: Flags::default() };
    Ok((function, callback.clone()))
}

fn named(argument: Option<&Value>) -> Raised<(Function, mlua::Function)> {
    let fail = |what: &str| Raise::Error(what.to_owned());
    let Some(Value::Table(table)) = argument else {
        return Err(fail(
            "calling redis.register_function with a single argument is only applicable to Lua \
             table (representing named arguments).",
        ));
    };
    let (mut name, mut description, mut callback, mut flags) = (None, None, None, Flags::default());
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let key = text(Some(&key)).ok_or_else(|| {
            fail("named argument key given to redis.register_function is not a string")
        })?;
        match key.to_ascii_lowercase().as_str() {
            "function_name" => {
                name = Some(text(Some(&value)).ok_or_else(|| {
                    fail("function_name argument given to redis.register_function must be a string")
                })?);
            }
            "description" => {
                description = Some(string_of(Some(&value)).ok_or_else(|| {
                    fail("description argument given to redis.register_function must be a string")
                })?);
            }
            "callback" => match value {
                Value::Function(function) => callback = Some(function),
                _ => {
                    return Err(fail(
                        "callback argument given to redis.register_function must be a function",
                    ));
                }
            },
            "flags" => {
                let Value::Table(list) = value else {
                    return Err(fail(
                        "flags argument to redis.register_function must be a table representing \
                         function flags",
                    ));
                };
                for index in 1.. {
                    let value: Value = list.raw_get(index)?;
                    if value.is_nil() {
                        break;
                    }
                    let flag = text(Some(&value))
                        .and_then(|name| Flags::named(&name.to_ascii_lowercase()))
                        .ok_or_else(|| fail("unknown flag given"))?;
                    flags = flags.with(flag);
                }
            }
            _ => return Err(fail("unknown argument given to redis.register_function")),
        }
    }
    let name =
        name.ok_or_else(|| fail("redis.register_function must get a function name argument"))?;
    let callback =
        callback.ok_or_else(|| fail("redis.register_function must get a callback argument"))?;
    Ok((Function { name, description, flags }, callback))
}
