//! `redis.call` and `redis.pcall`: words from the state's stack, a reply back onto it.
//!
//! These are what a script does most, so they speak with the language directly, without a handle
//! for each value.
//!
//! # Invariants
//!
//! (1) Called by the language only, within a protected call. What an error unwinds is borrowed from
//!     the slot and given back then.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use mlua::{Function, LightUserData, Lua};
use resp::ArgBuf;

use crate::enter::bytes_at;
use crate::raise::error_text;
use crate::state::Slot;
use crate::value::{Bytes, write_argument};

/// Buffers larger than this are not kept for the next call.
const KEEP_BYTES: usize = 64 * 1024;

/// Both functions. The slot must live as long as the state.
pub(crate) fn functions(lua: &Lua, slot: &Slot) -> mlua::Result<(Function, Function)> {
    // SAFETY: it is called by the state itself, with the slot.
    let make = unsafe { lua.create_c_function(make) }?;
    make.call(LightUserData((&raw const *slot).cast_mut().cast()))
}

unsafe extern "C-unwind" fn make(state: *mut lua_State) -> c_int {
    // SAFETY: `functions` calls this with the slot, which becomes what the functions hold.
    unsafe {
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushcclosure(state, call::<true>, 1);
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushcclosure(state, call::<false>, 1);
    }
    2
}

unsafe extern "C-unwind" fn call<const RAISES: bool>(state: *mut lua_State) -> c_int {
    // SAFETY: `make` gave it the slot, which lives as long as the state. All indexes are of this
    // call's own stack.
    unsafe {
        let slot = ffi::lua_tolightuserdata(state, ffi::lua_upvalueindex(1)).cast::<Slot>();
        let is_error = run(state, &*slot);
        if RAISES && is_error {
            ffi::lua_error(state);
        }
    }
    1
}

/// Runs the command and pushes its reply. Whether that is an error.
///
/// # Safety
/// As of [`call`].
unsafe fn run(state: *mut lua_State, slot: &Slot) -> bool {
    // SAFETY: (1).
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            let why = "Please specify at least one argument for this redis.call() call";
            push_error(state, why.as_bytes(), false);
            return true;
        }
        let mut words = slot.args.borrow_mut();
        if !read_words(state, count, &mut words) {
            let why = "Lua redis lib command arguments must be strings or integers";
            push_error(state, why.as_bytes(), false);
            return true;
        }
        let mut out = slot.reply.borrow_mut();
        out.clear();
        let protocol = slot.protocol.get();
        let is_error = match slot.with_caller(|caller| caller.call(&words, protocol, &mut out)) {
            Some(Ok(())) => {
                push_reply(state, &mut Bytes(&out));
                out.first() == Some(&b'-')
            }
            Some(Err(why)) => {
                push_error(state, why.as_bytes(), true);
                true
            }
            // Nobody gets here: a library that loads has no such function.
            None => {
                push_error(state, b"This function is only there while a script runs.", false);
                true
            }
        };
        if words.allocated_bytes() > KEEP_BYTES {
            *words = ArgBuf::new();
        }
        if out.capacity() > KEEP_BYTES {
            *out = Vec::new();
        }
        is_error
    }
}

/// False if one is neither a string nor a number.
///
/// # Safety
/// There are so many values.
unsafe fn read_words(state: *mut lua_State, count: c_int, words: &mut ArgBuf) -> bool {
    words.clear();
    for index in 1..=count {
        // SAFETY: the caller's promise.
        unsafe {
            match ffi::lua_type(state, index) {
                ffi::LUA_TSTRING => words.push(bytes_at(state, index)),
                ffi::LUA_TNUMBER => {
                    let n = ffi::lua_tonumber(state, index);
                    words.push_with(|out| write_argument(out, n));
                }
                _ => return false,
            }
        }
    }
    true
}

/// `{err = text}`; if a command has counted it, it says so.
///
/// # Safety
/// As of [`call`].
unsafe fn push_error(state: *mut lua_State, text: &[u8], is_counted: bool) {
    let text = error_text(text);
    // SAFETY: (1).
    unsafe {
        ffi::lua_rawcheckstack(state, 4);
        ffi::lua_createtable(state, 0, 2);
        push_bytes(state, &text);
        ffi::lua_rawsetfield(state, -2, c"err".as_ptr());
        if is_counted {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_rawsetfield(state, -2, c"ignore_error_stats_update".as_ptr());
        }
    }
}

/// # Safety
/// As of [`call`], and there is room for it.
unsafe fn push_bytes(state: *mut lua_State, bytes: &[u8]) {
    // SAFETY: the bytes are there, and are copied.
    unsafe { ffi::lua_pushlstring_(state, bytes.as_ptr().cast(), bytes.len()) };
}

/// Puts the value on the top into a table of its own, under a name.
///
/// # Safety
/// As of [`call`]; there is a value, and room for one more.
unsafe fn wrap(state: *mut lua_State, name: &std::ffi::CStr) {
    // SAFETY: the caller's promise.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_insert(state, -2);
        ffi::lua_rawsetfield(state, -2, name.as_ptr());
    }
}

/// Pushes the next value of a reply, which a command of ours has written.
///
/// # Safety
/// As of [`call`].
pub(crate) unsafe fn push_reply(state: *mut lua_State, bytes: &mut Bytes<'_>) {
    // SAFETY: (1), and there is room for what is pushed here.
    unsafe {
        ffi::lua_rawcheckstack(state, 4);
        let Some((&kind, rest)) = bytes.line().split_first() else {
            return ffi::lua_pushnil(state);
        };
        match kind {
            b':' => {
                ffi::lua_pushnumber(state, base::number::parse_i64(rest).unwrap_or(0) as f64);
            }
            b'$' => match Bytes::count(rest) {
                len if len < 0 => ffi::lua_pushboolean(state, 0),
                len => push_bytes(state, bytes.take(len as usize)),
            },
            b'+' => {
                push_bytes(state, rest);
                wrap(state, c"ok");
            }
            b'-' => {
                let mut text = vec![b'-'];
                text.extend_from_slice(rest);
                push_error(state, &text, true);
            }
            b'*' | b'>' => match Bytes::count(rest) {
                len if len < 0 => ffi::lua_pushboolean(state, 0),
                len => {
                    ffi::lua_createtable(state, len as c_int, 0);
                    for index in 1..=len as c_int {
                        push_reply(state, bytes);
                        ffi::lua_rawseti_(state, -2, index);
                    }
                }
            },
            b'%' => {
                ffi::lua_createtable(state, 0, 0);
                for _ in 0..Bytes::count(rest) {
                    push_reply(state, bytes);
                    push_reply(state, bytes);
                    ffi::lua_rawset(state, -3);
                }
                wrap(state, c"map");
            }
            b'~' => {
                ffi::lua_createtable(state, 0, 0);
                for _ in 0..Bytes::count(rest) {
                    push_reply(state, bytes);
                    ffi::lua_pushboolean(state, 1);
                    ffi::lua_rawset(state, -3);
                }
                wrap(state, c"set");
            }
            b'|' => {
                for _ in 0..Bytes::count(rest) * 2 {
                    push_reply(state, bytes);
                    ffi::lua_settop(state, -2);
                }
                push_reply(state, bytes);
            }
            b'#' => ffi::lua_pushboolean(state, c_int::from(rest == b"t")),
            b',' => {
                let n = base::number::parse_f64(rest).unwrap_or(f64::NAN);
                ffi::lua_pushnumber(state, n);
                wrap(state, c"double");
            }
            b'(' => {
                push_bytes(state, rest);
                wrap(state, c"big_number");
            }
            b'=' => {
                let body = bytes.take(Bytes::count(rest).max(0) as usize);
                ffi::lua_createtable(state, 0, 2);
                push_bytes(state, body.get(4..).unwrap_or(&[]));
                ffi::lua_rawsetfield(state, -2, c"string".as_ptr());
                push_bytes(state, body.get(..3).unwrap_or(&[]));
                ffi::lua_rawsetfield(state, -2, c"format".as_ptr());
                wrap(state, c"verbatim_string");
            }
            _ => ffi::lua_pushnil(state),
        }
    }
}
