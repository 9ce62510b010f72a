//! `struct`: numbers and strings as bytes, after Roberto Ierusalimschy's library.

use mlua::{Lua, MultiValue, Table, Value};

use crate::raise::{Raise, Raised, function, number_of, string_of, type_name};

/// Bytes of the largest integer.
const INTEGER_BYTES_MAX: usize = 32;
const ALIGN_MAX: usize = 8;
const RESULTS_MAX: usize = 7000;

pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("pack", function(lua, pack)?)?;
    table.raw_set("unpack", function(lua, unpack)?)?;
    table.raw_set("size", function(lua, |_, args| size(&args))?)?;
    Ok(table)
}

struct Format<'f> {
    rest: &'f [u8],
    big_endian: bool,
    align: usize,
    function: &'static str,
}

/// An option of the format, and the bytes it stands for.
struct Opt {
    letter: u8,
    size: usize,
}

impl<'f> Format<'f> {
    fn new(text: &'f [u8], function: &'static str) -> Format<'f> {
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Format { rest: &text[..end], big_endian: false, align: 1, function }
    }

    fn number(&mut self, default: usize) -> Raised<usize> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(default);
        }
        let text = std::str::from_utf8(&self.rest[..digits]).unwrap_or("");
        self.rest = &self.rest[digits..];
        match text.parse::<i32>() {
            Ok(n) => Ok(n as usize),
            Err(_) => Err(Raise::text("integral size overflow")),
        }
    }

    fn next(&mut self) -> Raised<Option<Opt>> {
        let Some((&letter, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match letter {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_BYTES_MAX {
                    return Err(Raise::text(format!(
                        "integral size {size} is larger than limit of {INTEGER_BYTES_MAX}"
                    )));
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Opt { letter, size }))
    }

    /// Bytes to skip at `at` before this option.
    fn padding(&self, at: usize, opt: &Opt) -> usize {
        if opt.size == 0 || opt.letter == b'c' {
            return 0;
        }
        let size = opt.size.min(self.align);
        size.wrapping_sub(at & (size - 1)) & (size - 1)
    }

    fn control(&mut self, letter: u8) -> Raised<()> {
        match letter {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let align = self.number(ALIGN_MAX)?;
                if !align.is_power_of_two() {
                    return Err(Raise::text(format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            _ => {
                let text = format!("invalid format option '{}'", char::from(letter));
                return Err(Raise::argument(1, self.function, &text));
            }
        }
        Ok(())
    }

    /// In the order asked for, from the order of this machine.
    fn ordered<const N: usize>(&self, mut little: [u8; N]) -> [u8; N] {
        if self.big_endian {
            little.reverse();
        }
        little
    }
}

fn text_arg(args: &MultiValue, index: usize, function: &str) -> Raised<Vec<u8>> {
    string_of(args.get(index)).ok_or_else(|| {
        let got = type_name(args.get(index));
        Raise::argument(index + 1, function, &format!("string expected, got {got}"))
    })
}

fn number_arg(args: &MultiValue, index: usize, function: &str) -> Raised<f64> {
    number_of(args.get(index)).ok_or_else(|| {
        let got = type_name(args.get(index));
        Raise::argument(index + 1, function, &format!("number expected, got {got}"))
    })
}

fn pack(lua: &Lua, args: MultiValue) -> Raised<MultiValue> {
    let text = text_arg(&args, 0, "pack")?;
    let mut format = Format::new(&text, "pack");
    let (mut out, mut arg) = (Vec::new(), 1);
    while let Some(mut opt) = format.next()? {
        let padding = format.padding(out.len(), &opt);
        out.resize(out.len() + padding, 0);
        match opt.letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let n = number_arg(&args, arg, "pack")?;
                arg += 1;
                let bits = if n < 0.0 { n as i64 as u64 } else { n as u64 };
                let at = out.len();
                let bytes = bits.to_le_bytes();
                out.extend((0..opt.size).map(|i| bytes.get(i).copied().unwrap_or(0)));
                if format.big_endian {
                    out[at..].reverse();
                }
            }
            b'x' => out.push(0),
            b'f' => {
                let n = number_arg(&args, arg, "pack")? as f32;
                arg += 1;
                out.extend_from_slice(&format.ordered(n.to_le_bytes()));
            }
            b'd' => {
                let n = number_arg(&args, arg, "pack")?;
                arg += 1;
                out.extend_from_slice(&format.ordered(n.to_le_bytes()));
            }
            b'c' | b's' => {
                let text = text_arg(&args, arg, "pack")?;
                arg += 1;
                if opt.size == 0 {
                    opt.size = text.len();
                }
                if text.len() < opt.size {
                    return Err(Raise::argument(arg + 1, "pack", "string too short"));
                }
                out.extend_from_slice(&text[..opt.size]);
                if opt.letter == b's' {
                    out.push(0);
                }
            }
            letter => format.control(letter)?,
        }
    }
    Ok(MultiValue::from_iter([Value::String(lua.create_string(out)?)]))
}

fn unpack(lua: &Lua, args: MultiValue) -> Raised<MultiValue> {
    const SHORT: &str = "data string too short";
    let text = text_arg(&args, 0, "unpack")?;
    let data = text_arg(&args, 1, "unpack")?;
    let from = match args.get(2) {
        None | Some(Value::Nil) => 1,
        _ => number_arg(&args, 2, "unpack")? as i64,
    };
    if from < 1 {
        return Err(Raise::argument(3, "unpack", "offset must be 1 or greater"));
    }
    let mut at = (from - 1) as usize;
    let mut format = Format::new(&text, "unpack");
    let mut values = MultiValue::new();
    let too_short = || Raise::argument(2, "unpack", SHORT);
    while let Some(mut opt) = format.next()? {
        at = at.saturating_add(format.padding(at, &opt));
        let mut bytes = data.get(at..at.saturating_add(opt.size)).ok_or_else(too_short)?;
        if values.len() >= RESULTS_MAX {
            return Err(Raise::text("stack overflow (too many results)"));
        }
        match opt.letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                values.push_back(Value::Number(integer(bytes, &format, opt.letter)));
            }
            b'x' => {}
            b'f' => {
                let bytes = format.ordered(bytes.try_into().expect("an f has four bytes"));
                values.push_back(Value::Number(f64::from(f32::from_le_bytes(bytes))));
            }
            b'd' => {
                let bytes = format.ordered(bytes.try_into().expect("a d has eight bytes"));
                values.push_back(Value::Number(f64::from_le_bytes(bytes)));
            }
            b'c' => {
                if opt.size == 0 {
                    let size = number_of(values.back())
                        .ok_or_else(|| Raise::text("format 'c0' needs a previous size"))?;
                    values.pop_back();
                    if !(0.0..=data.len() as f64).contains(&size) {
                        return Err(too_short());
                    }
                    opt.size = size as usize;
                    bytes = data.get(at..at.saturating_add(opt.size)).ok_or_else(too_short)?;
                }
                values.push_back(Value::String(lua.create_string(bytes)?));
            }
            b's' => {
                let rest = &data[at..];
                let len = rest.iter().position(|byte| *byte == 0);
                let len = len.ok_or_else(|| Raise::text("unfinished string in data"))?;
                values.push_back(Value::String(lua.create_string(&rest[..len])?));
                opt.size = len + 1;
            }
            letter => format.control(letter)?,
        }
        at += opt.size;
    }
    values.push_back(Value::Integer(at as i64 + 1));
    Ok(values)
}

fn integer(bytes: &[u8], format: &Format<'_>, letter: u8) -> f64 {
    let add = |n: u64, byte: &u8| n << 8 | u64::from(*byte);
    let n =
        if format.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
    if !letter.is_ascii_lowercase() {
        return n as f64;
    }
    let unused = 64usize.saturating_sub(bytes.len() * 8).min(63) as u32;
    ((n << unused) as i64 >> unused) as f64
}

fn size(args: &MultiValue) -> Raised<MultiValue> {
    let text = text_arg(args, 0, "size")?;
    let mut format = Format::new(&text, "size");
    let mut at = 0usize;
    while let Some(opt) = format.next()? {
        at = at.saturating_add(format.padding(at, &opt));
        match opt.letter {
            b's' => return Err(Raise::argument(1, "size", "option 's' has no fixed size")),
            b'c' if opt.size == 0 => {
                return Err(Raise::argument(1, "size", "option 'c0' has no fixed size"));
            }
            letter if !letter.is_ascii_alphanumeric() => format.control(letter)?,
            _ => {}
        }
        at = at.saturating_add(opt.size);
    }
    Ok(MultiValue::from_iter([Value::Integer(at as i64)]))
}
