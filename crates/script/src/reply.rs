//! What a script returned, as a reply.

use mlua::{Table, Value};
use resp::{Protocol, Reply};

/// Deeper than this a reply is an error: the recursion is on our stack.
const DEPTH_MAX: usize = 400;

/// Writes a value that a script returned. `script_protocol` is what the script chose with
/// `redis.setresp`. The error that the reply is, if it is one, and whether to count it.
pub(crate) fn write(
    reply: &mut Reply<'_>,
    value: &Value,
    script_protocol: Protocol,
) -> mlua::Result<Option<(Vec<u8>, bool)>> {
    if let Value::Table(table) = value
        && let Some(error) = error_of(table)?
    {
        reply.error(&error.0);
        return Ok(Some(error));
    }
    write_value(reply, value, script_protocol, 0)?;
    Ok(None)
}

/// The error that a table stands for, and whether it is yet to be counted.
pub(crate) fn error_of(table: &Table) -> mlua::Result<Option<(Vec<u8>, bool)>> {
    let Value::String(text) = table.raw_get::<Value>("err")? else { return Ok(None) };
    let is_counted =
        matches!(table.raw_get::<Value>("ignore_error_stats_update")?, Value::Boolean(true));
    Ok(Some((text.as_bytes().to_vec(), !is_counted)))
}

fn write_value(
    reply: &mut Reply<'_>,
    value: &Value,
    script_protocol: Protocol,
    depth: usize,
) -> mlua::Result<()> {
    match value {
        Value::String(text) => reply.bulk(&text.as_bytes()),
        Value::Integer(n) => reply.integer(*n),
        Value::Number(n) => reply.integer(truncated(*n)),
        Value::Boolean(is_true) => match (script_protocol, is_true) {
            (Protocol::Resp3, _) => reply.boolean(*is_true),
            (Protocol::Resp2, true) => reply.integer(1),
            (Protocol::Resp2, false) => reply.null(),
        },
        Value::Table(_) if depth >= DEPTH_MAX => reply.error("ERR reached lua stack limit"),
        Value::Table(table) => write_table(reply, table, script_protocol, depth + 1)?,
        _ => reply.null(),
    }
    Ok(())
}

/// As a processor of the x86 family casts it.
fn truncated(n: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) {
        n as i64
    } else {
        i64::MIN
    }
}

fn write_table(
    reply: &mut Reply<'_>,
    table: &Table,
    protocol: Protocol,
    depth: usize,
) -> mlua::Result<()> {
    if let Some((error, _)) = error_of(table)? {
        reply.error(&error);
        return Ok(());
    }
    if let Value::String(text) = table.raw_get::<Value>("ok")? {
        reply.simple(&*text.as_bytes());
        return Ok(());
    }
    match table.raw_get::<Value>("double")? {
        Value::Number(n) => {
            reply.double(n);
            return Ok(());
        }
        Value::Integer(n) => {
            reply.double(n as f64);
            return Ok(());
        }
        _ => {}
    }
    if let Value::String(digits) = table.raw_get::<Value>("big_number")? {
        let digits: Vec<u8> = digits
            .as_bytes()
            .iter()
            .map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b })
            .collect();
        reply.big_number(&digits);
        return Ok(());
    }
    if let Value::Table(verbatim) = table.raw_get::<Value>("verbatim_string")?
        && let Value::String(format) = verbatim.raw_get::<Value>("format")?
        && let Value::String(text) = verbatim.raw_get::<Value>("string")?
    {
        let mut kind = *b"   ";
        for (to, from) in kind.iter_mut().zip(format.as_bytes().iter()) {
            *to = *from;
        }
        reply.verbatim(&kind, &text.as_bytes());
        return Ok(());
    }
    if let Value::Table(map) = table.raw_get::<Value>("map")? {
        let (header, mut count) = (reply.deferred_map(), 0);
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            write_value(reply, &key, protocol, depth)?;
            write_value(reply, &value, protocol, depth)?;
            count += 1;
        }
        reply.set_deferred(header, count);
        return Ok(());
    }
    if let Value::Table(set) = table.raw_get::<Value>("set")? {
        let (header, mut count) = (reply.deferred_set(), 0);
        for pair in set.pairs::<Value, Value>() {
            write_value(reply, &pair?.0, protocol, depth)?;
            count += 1;
        }
        reply.set_deferred(header, count);
        return Ok(());
    }
    let (header, mut count) = (reply.deferred_array(), 0);
    loop {
        let value: Value = table.raw_get(count + 1)?;
        if value.is_nil() {
            break;
        }
        write_value(reply, &value, protocol, depth)?;
        count += 1;
    }
    reply.set_deferred(header, count);
    Ok(())
}
