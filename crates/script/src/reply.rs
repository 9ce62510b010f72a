//! What a script returned, as a reply.
//!
//! # Safety
//!
//! All of this runs within a protected call of the language, as `enter.rs` has it, with indexes of
//! values that are there; indexes count from the bottom. What is pushed is popped again.

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};
use resp::{Protocol, Reply};

use crate::enter::bytes_at;

/// Deeper than this a reply is an error: the recursion is on our stack.
const DEPTH_MAX: usize = 400;

/// Writes a value that a script returned. `script_protocol` is what the script chose with
/// `redis.setresp`. The error that the reply is, if it is one, and whether to count it.
///
/// # Safety
/// As of the module.
pub(crate) unsafe fn write(
    reply: &mut Reply<'_>,
    state: *mut lua_State,
    index: c_int,
    script_protocol: Protocol,
) -> Option<(Vec<u8>, bool)> {
    // SAFETY: the caller's promise.
    unsafe {
        if ffi::lua_type(state, index) == ffi::LUA_TTABLE
            && let Some(error) = error_of(state, index)
        {
            reply.error(&error.0);
            return Some(error);
        }
        write_value(reply, state, index, script_protocol, 0);
    }
    None
}

/// The error that a table stands for, and whether it is yet to be counted.
///
/// # Safety
/// As of the module; there is a table.
pub(crate) unsafe fn error_of(state: *mut lua_State, index: c_int) -> Option<(Vec<u8>, bool)> {
    // SAFETY: the caller's promise.
    unsafe {
        let mut error = None;
        if push_field(state, index, c"err") == ffi::LUA_TSTRING {
            let text = bytes_at(state, -1).to_vec();
            let kind = push_field(state, index, c"ignore_error_stats_update");
            let is_counted = kind == ffi::LUA_TBOOLEAN && ffi::lua_toboolean(state, -1) != 0;
            pop(state);
            error = Some((text, !is_counted));
        }
        pop(state);
        error
    }
}

/// Pushes a field of a table; its type.
///
/// # Safety
/// As of the module; there is a table.
unsafe fn push_field(state: *mut lua_State, index: c_int, name: &CStr) -> c_int {
    // SAFETY: the caller's promise; the room is made.
    unsafe {
        ffi::lua_rawcheckstack(state, 2);
        ffi::lua_rawgetfield(state, index, name.as_ptr())
    }
}

/// # Safety
/// There is a value to pop.
unsafe fn pop(state: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { ffi::lua_settop(state, -2) };
}

/// # Safety
/// As of the module.
unsafe fn write_value(
    reply: &mut Reply<'_>,
    state: *mut lua_State,
    index: c_int,
    script_protocol: Protocol,
    depth: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match ffi::lua_type(state, index) {
            ffi::LUA_TSTRING => reply.bulk(bytes_at(state, index)),
            ffi::LUA_TNUMBER => reply.integer(truncated(ffi::lua_tonumber(state, index))),
            ffi::LUA_TBOOLEAN => {
                let is_true = ffi::lua_toboolean(state, index) != 0;
                match (script_protocol, is_true) {
                    (Protocol::Resp3, _) => reply.boolean(is_true),
                    (Protocol::Resp2, true) => reply.integer(1),
                    (Protocol::Resp2, false) => reply.null(),
                }
            }
            ffi::LUA_TTABLE if depth >= DEPTH_MAX => reply.error("ERR reached lua stack limit"),
            ffi::LUA_TTABLE => {
                let top = ffi::lua_gettop(state);
                ffi::lua_rawcheckstack(state, 6);
                write_table(reply, state, index, script_protocol, depth + 1);
                ffi::lua_settop(state, top);
            }
            _ => reply.null(),
        }
    }
}

/// As a processor of the x86 family casts it.
fn truncated(n: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) {
        n as i64
    } else {
        i64::MIN
    }
}

/// Leaves behind what it has pushed.
///
/// # Safety
/// As of the module; there is a table, and room for six values.
unsafe fn write_table(
    reply: &mut Reply<'_>,
    state: *mut lua_State,
    index: c_int,
    protocol: Protocol,
    depth: usize,
) {
    // SAFETY: the caller's promise; `top` is where the field is that was pushed last.
    unsafe {
        let top = ffi::lua_gettop(state) + 1;
        let field = |name: &CStr| {
            ffi::lua_settop(state, top - 1);
            ffi::lua_rawgetfield(state, index, name.as_ptr())
        };
        if field(c"err") == ffi::LUA_TSTRING {
            return reply.error(bytes_at(state, top));
        }
        if field(c"ok") == ffi::LUA_TSTRING {
            return reply.simple(bytes_at(state, top));
        }
        if field(c"double") == ffi::LUA_TNUMBER {
            return reply.double(ffi::lua_tonumber(state, top));
        }
        if field(c"big_number") == ffi::LUA_TSTRING {
            let without_ends = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
            let digits: Vec<u8> = bytes_at(state, top).iter().map(without_ends).collect();
            return reply.big_number(&digits);
        }
        if field(c"verbatim_string") == ffi::LUA_TTABLE
            && ffi::lua_rawgetfield(state, top, c"format".as_ptr()) == ffi::LUA_TSTRING
            && ffi::lua_rawgetfield(state, top, c"string".as_ptr()) == ffi::LUA_TSTRING
        {
            let mut kind = *b"   ";
            for (to, from) in kind.iter_mut().zip(bytes_at(state, top + 1)) {
                *to = *from;
            }
            return reply.verbatim(&kind, bytes_at(state, top + 2));
        }
        if field(c"map") == ffi::LUA_TTABLE {
            let (header, mut count) = (reply.deferred_map(), 0);
            each_pair(state, top, |key, value| {
                write_value(reply, state, key, protocol, depth);
                write_value(reply, state, value, protocol, depth);
                count += 1;
            });
            return reply.set_deferred(header, count);
        }
        if field(c"set") == ffi::LUA_TTABLE {
            let (header, mut count) = (reply.deferred_set(), 0);
            each_pair(state, top, |key, _| {
                write_value(reply, state, key, protocol, depth);
                count += 1;
            });
            return reply.set_deferred(header, count);
        }
        let (header, mut count) = (reply.deferred_array(), 0);
        for at in 1.. {
            ffi::lua_settop(state, top - 1);
            if ffi::lua_rawgeti_(state, index, at) == ffi::LUA_TNIL {
                break;
            }
            write_value(reply, state, top, protocol, depth);
            count += 1;
        }
        reply.set_deferred(header, count);
    }
}

/// Calls `visit` with the indexes of each key and value of the table at `index`, which is the top.
///
/// # Safety
/// As of the module; there is a table, and room for two values.
unsafe fn each_pair(state: *mut lua_State, index: c_int, mut visit: impl FnMut(c_int, c_int)) {
    let mut at = 0;
    loop {
        // SAFETY: the caller's promise.
        unsafe {
            ffi::lua_settop(state, index);
            at = ffi::lua_rawiter(state, index, at);
        }
        if at < 0 {
            return;
        }
        visit(index + 1, index + 2);
    }
}
