//! KEYS and ARGV, as scripts find them in their globals.
//!
//! They are two tables that every run fills and empties again: nothing of a script but its code
//! outlives its run, so no script can tell. A table that was large, or with which a script has done
//! more than read it, is replaced before the next run.
//!
//! ```text
//!   fill ─► (another table, if it is spoilt) ─► spoilt ─► 1..n ─► the script runs ─┐
//!                       not spoilt, if it is as it was  ◄─ empty ◄──────────────────┘
//! ```
//!
//! # Invariants
//!
//! (1) A table that is not spoilt is empty, can be written, and has no metatable. Whatever ends a run
//!     early leaves it spoilt.

use std::cell::Cell;
use std::ffi::{CStr, c_int};

use mlua::Table;
use mlua::ffi::{self, lua_State};

use crate::enter::{Door, Items, Kept, push, push_items};

/// A table that was larger is not filled again.
const FILLED_MAX: c_int = 16;
/// What a script has added and taken away again may have left room, through which we look.
const FILLED_TIMES_MAX: u32 = 256;

/// Both tables and the globals that they are in.
pub(crate) struct Arguments {
    globals: Kept,
    keys: Argument,
    argv: Argument,
}

struct Argument {
    name: &'static CStr,
    table: Kept,
    is_spoilt: Cell<bool>,
    filled: Cell<c_int>,
    filled_times: Cell<u32>,
}

impl Arguments {
    /// `globals` get both with the first run.
    pub(crate) fn new(door: &Door, globals: &Table) -> mlua::Result<Arguments> {
        let (keys, argv) = (Argument::new(door, c"KEYS")?, Argument::new(door, c"ARGV")?);
        Ok(Arguments { globals: door.keep(globals)?, keys, argv })
    }

    /// The globals have something else under their names.
    pub(crate) fn spoil(&self) {
        self.keys.is_spoilt.set(true);
        self.argv.is_spoilt.set(true);
    }

    /// Leaves both tables on the stack.
    ///
    /// # Safety
    /// Within a protected call of the state, with room for five values.
    pub(crate) unsafe fn fill(
        &self,
        state: *mut lua_State,
        keys: Items<'_, '_>,
        argv: Items<'_, '_>,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            self.keys.fill(state, &self.globals, keys);
            self.argv.fill(state, &self.globals, argv);
        }
    }

    /// # Safety
    /// As of `fill`, which has left the tables at `index` and behind it.
    pub(crate) unsafe fn empty(&self, state: *mut lua_State, index: c_int) {
        // SAFETY: the caller's promise.
        unsafe {
            self.keys.empty(state, index);
            self.argv.empty(state, index + 1);
        }
    }

    /// A run was cut short, maybe while the globals were open.
    ///
    /// # Safety
    /// There is room for a value.
    pub(crate) unsafe fn close_globals(&self, state: *mut lua_State) {
        // SAFETY: the caller's promise.
        unsafe {
            push(state, &self.globals);
            ffi::lua_setreadonly(state, -1, 1);
            ffi::lua_settop(state, -2);
        }
    }
}

impl Argument {
    fn new(door: &Door, name: &'static CStr) -> mlua::Result<Argument> {
        Ok(Argument {
            name,
            table: door.keep(true)?,
            is_spoilt: Cell::new(true),
            filled: Cell::default(),
            filled_times: Cell::default(),
        })
    }

    unsafe fn fill(&self, state: *mut lua_State, globals: &Kept, items: Items<'_, '_>) {
        // SAFETY: as of `Arguments::fill`.
        unsafe {
            if self.is_spoilt.replace(true) {
                self.replace(state, globals, items.len());
            }
            self.filled.set(items.len() as c_int);
            push(state, &self.table);
            push_items(state, items);
        }
    }

    unsafe fn replace(&self, state: *mut lua_State, globals: &Kept, room: usize) {
        // SAFETY: as of `Arguments::fill`.
        unsafe {
            push(state, globals);
            ffi::lua_createtable(state, room as c_int, 0);
            ffi::lua_pushvalue(state, -1);
            self.table.replace(state);
            ffi::lua_setreadonly(state, -2, 0);
            ffi::lua_rawsetfield(state, -2, self.name.as_ptr());
            ffi::lua_setreadonly(state, -1, 1);
            ffi::lua_settop(state, -2);
        }
        self.filled_times.set(0);
    }

    /// Leaves some values on the stack, if the table is not as it was.
    unsafe fn empty(&self, state: *mut lua_State, index: c_int) {
        let (count, times) = (self.filled.take(), self.filled_times.get() + 1);
        self.filled_times.set(times);
        // SAFETY: as of `Arguments::empty`.
        unsafe {
            let was_frozen = ffi::lua_getreadonly(state, index) != 0;
            if was_frozen {
                ffi::lua_setreadonly(state, index, 0);
            }
            for item in 1..=count {
                ffi::lua_pushnil(state);
                ffi::lua_rawseti_(state, index, item);
            }
            let is_as_it_was = !was_frozen
                && count <= FILLED_MAX
                && times < FILLED_TIMES_MAX
                && ffi::lua_getmetatable(state, index) == 0
                && ffi::lua_rawiter(state, index, 0) < 0;
            self.is_spoilt.set(!is_as_it_was);
        }
    }
}

#[cfg(test)]
mod tests {
    use resp::Protocol;

    use crate::tests::{Fake, OPTIONS};
    use crate::{Script, State};

    /// Runs with as many keys and other arguments; the reply or the error.
    fn run(state: &State, script: &Script, keys: usize, argv: usize) -> String {
        let texts = |letter: char, count: usize| (1..=count).map(move |n| format!("{letter}{n}"));
        let (keys, argv): (Vec<_>, Vec<_>) =
            (texts('k', keys).collect(), texts('a', argv).collect());
        let mut out = Vec::new();
        let ran = state.run_script(
            script,
            "sha",
            keys.iter().map(String::as_bytes),
            argv.iter().map(String::as_bytes),
            &mut Fake::default(),
            Protocol::Resp2,
            &mut out,
        );
        let out = if let Err(failure) = ran { failure.text } else { out };
        String::from_utf8_lossy(&out).replace("\r\n", "|")
    }

    /// All that is in both tables, and that they can be written.
    const LOOK: &str = "
        local found = {#KEYS, #ARGV}
        for _, t in ipairs({KEYS, ARGV}) do
            for k, v in pairs(t) do found[#found + 1] = k .. '=' .. v end
            found[#found + 1] = tostring(getmetatable(t)) .. tostring(t[99])
            t.new = 1
            t.new = nil
        end
        return table.concat(found, ' ')";

    #[test]
    fn a_run_finds_nothing_of_the_one_before_whatever_that_did() {
        let state = State::new(&OPTIONS);
        let compile = |source: &str| state.compile(source.as_bytes(), "@user_script").unwrap();
        let look = compile(LOOK);
        let sees = |keys, argv| run(&state, &look, keys, argv);
        for source in [
            "return 1",
            "return KEYS",
            "KEYS.x = 1",
            "KEYS[99] = 1 ARGV[0] = 1",
            "KEYS[1] = nil",
            "for i = 1, 1000 do ARGV[#ARGV + 1] = 'more' end",
            "for i = 1, 1000 do ARGV[#ARGV + 1] = 'more' end for i = 1, 1000 do ARGV[#ARGV] = nil end",
            "setmetatable(KEYS, {__index = function() return 'meta' end})",
            "setmetatable(ARGV, {__newindex = function() end, __metatable = 'locked'})",
            "local t = KEYS coroutine.wrap(function() t[7] = t end)()",
            "KEYS.x = 1 return redis.call('fail')",
            "ARGV[99] = 1 error(KEYS)",
            "KEYS.x = 1 while true do end",
            "return string.rep('x', 64 * 1024 * 1024)",
        ] {
            let script = compile(source);
            for (keys, argv) in [(1, 2), (0, 0), (30, 3), (2, 1000), (2, 1)] {
                assert_eq!(sees(1, 1), "$27|1 1 1=k1 nilnil 1=a1 nilnil|", "before {source}");
                run(&state, &script, keys, argv);
                assert_eq!(sees(0, 2), "$27|0 2 nilnil 1=a1 2=a2 nilnil|", "after {source}");
            }
        }
    }

    #[test]
    fn many_runs_are_as_the_first() {
        let state = State::new(&OPTIONS);
        let look = state.compile(LOOK.as_bytes(), "@user_script").unwrap();
        for round in 0..1000 {
            assert_eq!(run(&state, &look, 1, 0), "$22|1 0 1=k1 nilnil nilnil|", "round {round}");
        }
    }
}
