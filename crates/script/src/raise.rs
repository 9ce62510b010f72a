//! How a function of ours fails, as Lua sees it.

use mlua::{Function, Lua, MultiValue, Value};

/// Why a function failed.
#[derive(Debug)]
pub(crate) enum Raise {
    /// A text, before which the place of the call is put.
    Text(String),
    /// A table `{err = …}`, as the functions of `redis` raise it.
    Error(String),
    Lua(mlua::Error),
}

impl From<mlua::Error> for Raise {
    fn from(error: mlua::Error) -> Raise {
        Raise::Lua(error)
    }
}

impl Raise {
    pub(crate) fn text(text: impl Into<String>) -> Raise {
        Raise::Text(text.into())
    }

    /// As the standard library complains about an argument.
    pub(crate) fn argument(index: usize, function: &str, what: &str) -> Raise {
        Raise::Text(format!("bad argument #{index} to '{function}' ({what})"))
    }
}

pub(crate) type Raised<T> = Result<T, Raise>;

/// A function that returns true and its results, or false and the error: `prelude.lua` makes of it
/// one that raises.
pub(crate) fn function(
    lua: &Lua,
    f: impl Fn(&Lua, MultiValue) -> Raised<MultiValue> + 'static,
) -> mlua::Result<Function> {
    lua.create_function(move |lua, args: MultiValue| {
        let error = match f(lua, args) {
            Ok(mut values) => {
                values.push_front(Value::Boolean(true));
                return Ok(values);
            }
            Err(error) => error,
        };
        let value = match error {
            Raise::Text(text) => Value::String(lua.create_string(text)?),
            Raise::Error(text) => Value::Table(error_table(lua, text.as_bytes())?),
            Raise::Lua(mlua::Error::RuntimeError(text)) => Value::String(lua.create_string(text)?),
            Raise::Lua(error) => return Err(error),
        };
        Ok(MultiValue::from_vec(vec![Value::Boolean(false), value]))
    })
}

/// `CODE text`; a text that begins with `-` has a code of its own.
pub(crate) fn error_text(text: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(text.len() + 4);
    match text.strip_prefix(b"-") {
        Some(coded) if coded.contains(&b' ') => full.extend_from_slice(coded),
        Some(bare) => {
            full.extend_from_slice(b"ERR ");
            full.extend_from_slice(bare);
        }
        None => {
            full.extend_from_slice(b"ERR ");
            full.extend_from_slice(text);
        }
    }
    while full.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        full.pop();
    }
    full
}

/// `{err = "CODE text"}`.
pub(crate) fn error_table(lua: &Lua, text: &[u8]) -> mlua::Result<mlua::Table> {
    let table = lua.create_table()?;
    table.raw_set("err", lua.create_string(error_text(text))?)?;
    Ok(table)
}

/// The bytes of an argument that is a string, or a number, which stands for its text.
pub(crate) fn string_of(value: Option<&Value>) -> Option<Vec<u8>> {
    match value? {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(n) => Some(n.to_string().into_bytes()),
        Value::Number(n) => Some(crate::value::number_text(*n)),
        _ => None,
    }
}

/// An argument that is a number, or a text that says one.
pub(crate) fn number_of(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Integer(n) => Some(*n as f64),
        Value::Number(n) => Some(*n),
        Value::String(text) => {
            let text = text.as_bytes();
            let text = std::str::from_utf8(&text).ok()?.trim();
            if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                return u64::from_str_radix(hex, 16).ok().map(|n| n as f64);
            }
            // Words such as `inf` are no numbers of a script.
            let is_number = text.bytes().any(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number)
        }
        _ => None,
    }
}

/// How the language calls the type of an argument.
pub(crate) fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "no value",
        Some(Value::Integer(_)) => "number",
        Some(Value::LightUserData(_)) => "userdata",
        Some(value) => value.type_name(),
    }
}
