//! The way into a state: a script's arguments are made, it is run, and its value becomes a reply,
//! all within one protected call of the language and without a handle for each value.
//!
//! ```text
//!   enter ─► lua_pcall(inside) ─► KEYS, ARGV ─► lua_pcall(script, handler) ─┬─ value ─► reply
//!                   │                                                       └─ error ─► Failure
//!                   └─ what fails here is that memory is short
//! ```
//!
//! # Invariants
//!
//! (1) Whatever can raise is called from within the protected call. An error unwinds the frames
//!     between, as that ABI allows, and they own nothing that must not be dropped then.
//! (2) What is on the state's stack before is there afterwards, and nothing else.

use std::ffi::{CStr, c_int, c_void};

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua};
use resp::Reply;

use crate::arguments::Arguments;
use crate::reply;
use crate::state::{Failure, Slot};

/// A value of a state that is kept from its collector.
pub(crate) struct Kept {
    /// Keeps the state.
    _lua: Lua,
    main: *mut lua_State,
    at: c_int,
}

impl Kept {
    /// Keeps the value on the top in its stead, and pops it.
    ///
    /// # Safety
    /// Within a protected call of the state that it was kept for.
    pub(crate) unsafe fn replace(&self, state: *mut lua_State) {
        // SAFETY: the caller's promise; the place is there until this is dropped.
        unsafe { ffi::lua_rawseti_(state, ffi::LUA_REGISTRYINDEX, self.at) };
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: the state lives as long as `_lua`, and giving back a place raises nothing.
        unsafe { ffi::lua_unref(self.main, self.at) };
    }
}

/// How a state is entered.
pub(crate) struct Door {
    lua: Lua,
    main: *mut lua_State,
    /// Of the language: gives a value a place.
    keep: Function,
    /// Of the language: [`inside`].
    inside: Kept,
}

impl Door {
    pub(crate) fn new(lua: &Lua) -> mlua::Result<Door> {
        // SAFETY: both are called by the state itself, with what they expect.
        let (main, keep) =
            unsafe { (lua.create_c_function(main_of)?, lua.create_c_function(keep)?) };
        // SAFETY: it is called by `Run::go` only, with what it expects.
        let inside = unsafe { lua.create_c_function(inside)? };
        let main = main.call::<mlua::LightUserData>(())?.0.cast();
        let inside = Kept { _lua: lua.clone(), main, at: keep.call(inside)? };
        Ok(Door { lua: lua.clone(), main, keep, inside })
    }

    pub(crate) fn keep(&self, value: impl mlua::IntoLua) -> mlua::Result<Kept> {
        let at = self.keep.call(value)?;
        Ok(Kept { _lua: self.lua.clone(), main: self.main, at })
    }

    /// Calls `f` with what was kept on the top of the state's stack. `f` must raise nothing.
    pub(crate) fn with(&self, kept: &Kept, f: impl FnOnce(*mut lua_State)) {
        // SAFETY: the state lives as long as `lua`, and what is kept was kept for it; there is room for a
        // value outside of any call.
        unsafe {
            let top = ffi::lua_gettop(self.main);
            push(self.main, kept);
            f(self.main);
            ffi::lua_settop(self.main, top);
        }
    }

    /// What the state calls of us.
    pub(crate) fn callbacks(&self) -> *mut ffi::lua_Callbacks {
        // SAFETY: the state lives as long as `lua`.
        unsafe { ffi::lua_callbacks(self.main) }
    }

    /// Bytes of all that lives in the state.
    pub(crate) fn memory(&self) -> usize {
        // SAFETY: the state lives as long as `lua`; this only reads a counter.
        unsafe { ffi::lua_totalbytes(self.main, -1) }
    }
}

unsafe extern "C-unwind" fn main_of(state: *mut lua_State) -> c_int {
    // SAFETY: the state is the caller's, with room for a result.
    unsafe { ffi::lua_pushlightuserdata(state, ffi::lua_mainthread(state).cast()) };
    1
}

unsafe extern "C-unwind" fn keep(state: *mut lua_State) -> c_int {
    // SAFETY: called with one value by `Door::keep`.
    unsafe {
        let at = ffi::lua_ref(state, 1);
        ffi::lua_pushnumber(state, f64::from(at));
    }
    1
}

pub(crate) type Items<'i, 'a> = &'i mut dyn ExactSizeIterator<Item = &'a [u8]>;

/// A run: what it is given and what comes of it.
pub(crate) struct Run<'r, 'a> {
    pub(crate) slot: &'r Slot,
    pub(crate) function: &'r Kept,
    pub(crate) handler: &'r Kept,
    /// Where KEYS and ARGV are put; without, the function gets them as its arguments.
    pub(crate) arguments: Option<&'r Arguments>,
    pub(crate) keys: Items<'r, 'a>,
    pub(crate) argv: Items<'r, 'a>,
    pub(crate) name: &'r str,
    pub(crate) reply: Reply<'r>,
    pub(crate) failure: Option<Failure>,
}

impl Run<'_, '_> {
    /// Runs it. The reply is written, or taken back again and the failure returned.
    pub(crate) fn go(mut self, door: &Door) -> Result<(), Failure> {
        let reply_at = self.reply.len();
        let main = door.main;
        // SAFETY: the state lives as long as `door`, and nobody else uses it; there is room for two
        // values outside of any call. `inside` gets the pointer that it expects, and gives it up before
        // this returns.
        let status = unsafe {
            let top = ffi::lua_gettop(main);
            push(main, &door.inside);
            ffi::lua_pushlightuserdata(main, (&raw mut self).cast::<c_void>());
            let status = ffi::lua_pcall(main, 1, 0, 0);
            ffi::lua_settop(main, top);
            if status != ffi::LUA_OK
                && let Some(arguments) = self.arguments
            {
                arguments.close_globals(main);
            }
            status
        };
        if status != ffi::LUA_OK && self.failure.is_none() {
            let text = b"ERR not enough memory".to_vec();
            self.failure = Some(Failure { text, is_new: true });
        }
        match self.failure {
            None => Ok(()),
            Some(failure) => {
                self.reply.truncate(reply_at);
                Err(failure)
            }
        }
    }
}

/// # Safety
/// The value was kept for this state, and there is room for it.
pub(crate) unsafe fn push(state: *mut lua_State, kept: &Kept) {
    // SAFETY: the caller's promise.
    unsafe { ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, kept.at) };
}

/// # Safety
/// There is room for two values.
unsafe fn push_array(state: *mut lua_State, items: Items<'_, '_>) {
    // SAFETY: the caller's promise.
    unsafe {
        ffi::lua_createtable(state, items.len() as c_int, 0);
        push_items(state, items);
    }
}

/// Puts them into the table on the top.
///
/// # Safety
/// There is a table, and room for a value.
pub(crate) unsafe fn push_items(state: *mut lua_State, items: Items<'_, '_>) {
    // SAFETY: the caller's promise; what is pushed is popped into the table.
    unsafe {
        for (index, item) in (1..).zip(items) {
            ffi::lua_pushlstring_(state, item.as_ptr().cast(), item.len());
            ffi::lua_rawseti_(state, -2, index);
        }
    }
}

/// Where what makes an error is on the stack of [`inside`].
const HANDLER: c_int = 1;

unsafe extern "C-unwind" fn inside(state: *mut lua_State) -> c_int {
    // SAFETY: `Run::go` calls this with a pointer to itself, which nobody else uses meanwhile; what
    // is kept was kept for this state.
    unsafe {
        let run = &mut *ffi::lua_tolightuserdata(state, 1).cast::<Run<'_, '_>>();
        ffi::lua_settop(state, 0);
        ffi::lua_rawcheckstack(state, 16);
        push(state, run.handler);
        if let Some(arguments) = run.arguments {
            arguments.fill(state, run.keys, run.argv);
            push(state, run.function);
            run_function(state, run, 0);
            arguments.empty(state, HANDLER + 1);
        } else {
            push(state, run.function);
            push_array(state, run.keys);
            push_array(state, run.argv);
            run_function(state, run, 2);
        }
    }
    0
}

/// Calls the function that lies below so many arguments.
///
/// # Safety
/// Within [`inside`].
unsafe fn run_function(state: *mut lua_State, run: &mut Run<'_, '_>, given: c_int) {
    // SAFETY: the caller's promise. The value takes the place of the function.
    unsafe {
        let status = ffi::lua_pcall(state, given, 1, HANDLER);
        let value = ffi::lua_gettop(state);
        run.failure = if status == ffi::LUA_OK {
            let protocol = run.slot.protocol.get();
            reply::write(&mut run.reply, state, value, protocol)
                .map(|(text, is_new)| Failure { text, is_new })
        } else {
            Some(failure(state, value, run.name))
        };
    }
}

/// What an uncaught error is told as: its text, and where it was raised.
///
/// # Safety
/// There is a value at `index`.
unsafe fn failure(state: *mut lua_State, index: c_int, name: &str) -> Failure {
    // SAFETY: the caller's promise; fields are read of a table only.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TTABLE {
            let text = format!("ERR Error running script {name}, execution failure");
            return Failure { text: text.into_bytes(), is_new: true };
        }
        let error = reply::error_of(state, index);
        let (mut text, is_new) = error.unwrap_or_else(|| (b"ERR unknown error".to_vec(), true));
        let source = field_text(state, index, c"source");
        let line = field_text(state, index, c"line");
        if let (Some(source), Some(line)) = (source, line) {
            text.extend_from_slice(format!(" script: {name}, on ").as_bytes());
            text.extend_from_slice(&source);
            text.push(b':');
            text.extend_from_slice(&line);
            text.push(b'.');
        }
        Failure { text, is_new }
    }
}

/// # Safety
/// There is a table at `index`.
unsafe fn field_text(state: *mut lua_State, index: c_int, name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: the caller's promise.
    unsafe {
        let kind = ffi::lua_rawgetfield(state, index, name.as_ptr());
        let text = match kind {
            ffi::LUA_TSTRING => Some(bytes_at(state, -1).to_vec()),
            ffi::LUA_TNUMBER => Some(crate::value::number_text(ffi::lua_tonumber(state, -1))),
            _ => None,
        };
        ffi::lua_settop(state, -2);
        text
    }
}

/// The bytes of a string.
///
/// # Safety
/// There is a string at `index`, and it stays reachable as long as they are used.
pub(crate) unsafe fn bytes_at<'b>(state: *mut lua_State, index: c_int) -> &'b [u8] {
    let mut len = 0;
    // SAFETY: the caller's promise; a string is not converted, so this raises nothing.
    unsafe {
        let bytes = ffi::lua_tolstring(state, index, &raw mut len);
        std::slice::from_raw_parts(bytes.cast::<u8>(), len)
    }
}
