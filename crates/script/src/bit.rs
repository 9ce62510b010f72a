//! `bit`: operations on 32 bits, after LuaBitOp. A number counts by its low 32 bits, and results
//! are signed.

use mlua::{Lua, MultiValue, Table, Value};

use crate::raise::{Raise, Raised, function, number_of, type_name};

/// Two to the 52nd and the 51st: adding it leaves a number's low bits, rounded, in its fraction.
const MAGIC: f64 = 6_755_399_441_055_744.0;

fn bits(args: &MultiValue, index: usize, name: &str) -> Raised<u32> {
    let value = args.get(index);
    let n = number_of(value).ok_or_else(|| {
        Raise::argument(index + 1, name, &format!("number expected, got {}", type_name(value)))
    })?;
    Ok((n + MAGIC).to_bits() as u32)
}

fn result(bits: u32) -> MultiValue {
    MultiValue::from_iter([Value::Number(f64::from(bits as i32))])
}

type Fold = fn(u32, u32) -> u32;
type Single = fn(u32) -> u32;

pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let folds: [(&'static str, Fold); 3] =
        [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, fold) in folds {
        let f = function(lua, move |_, args| {
            let mut all = bits(&args, 0, name)?;
            for index in 1..args.len() {
                all = fold(all, bits(&args, index, name)?);
            }
            Ok(result(all))
        })?;
        table.raw_set(name, f)?;
    }
    let shifts: [(&'static str, Fold); 5] = [
        ("lshift", |a, n| a << n),
        ("rshift", |a, n| a >> n),
        ("arshift", |a, n| ((a as i32) >> n) as u32),
        ("rol", u32::rotate_left),
        ("ror", u32::rotate_right),
    ];
    for (name, shift) in shifts {
        let f = function(lua, move |_, args| {
            Ok(result(shift(bits(&args, 0, name)?, bits(&args, 1, name)? & 31)))
        })?;
        table.raw_set(name, f)?;
    }
    let single: [(&'static str, Single); 3] =
        [("tobit", |a| a), ("bnot", |a| !a), ("bswap", u32::swap_bytes)];
    for (name, op) in single {
        let f = function(lua, move |_, args| Ok(result(op(bits(&args, 0, name)?))))?;
        table.raw_set(name, f)?;
    }
    let tohex = function(lua, |lua, args| {
        let n = bits(&args, 0, "tohex")?;
        let digits = if args.len() > 1 { bits(&args, 1, "tohex")? as i32 } else { 8 };
        let width = digits.unsigned_abs().min(8) as usize;
        let text = if digits < 0 { format!("{n:08X}") } else { format!("{n:08x}") };
        let text = lua.create_string(&text.as_bytes()[8 - width..])?;
        Ok(MultiValue::from_iter([Value::String(text)]))
    })?;
    table.raw_set("tohex", tohex)?;
    Ok(table)
}
