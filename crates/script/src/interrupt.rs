//! What happens at loops and calls of a running script: whoever runs it looks whether it shall end.
//!
//! The language calls [`interrupt`] there. Most times it only counts; now and then it asks the
//! caller. Once a script is to end it is told so at every loop and call, so it cannot catch the
//! error and go on.

use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::ptr;

use mlua::ffi;

use crate::state::Slot;

/// Loops and calls between two looks at the world: some tens of microseconds.
const STEPS: u32 = 2000;

thread_local! {
    /// The slot of the state that runs on this thread.
    static RUNNING: Cell<*const Slot> = const { Cell::new(ptr::null()) };
}

/// While this lives, the slot's state runs on this thread.
pub(crate) struct Running {
    outer: *const Slot,
}

impl Running {
    pub(crate) fn begin(slot: &Slot) -> Running {
        slot.steps.set(STEPS);
        Running { outer: RUNNING.replace(slot) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.outer);
    }
}

/// Has the state call [`interrupt`].
///
/// # Safety
/// To be called by Lua only, with the state it gives.
pub(crate) unsafe extern "C-unwind" fn install(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the state is the caller's; its callbacks live as long as it does.
    unsafe { (*ffi::lua_callbacks(state)).interrupt = Some(interrupt) };
    0
}

unsafe extern "C-unwind" fn interrupt(state: *mut ffi::lua_State, gc: c_int) {
    let slot = RUNNING.get();
    if gc >= 0 || slot.is_null() {
        return;
    }
    // SAFETY: `Running` was made from a reference that outlives it, and it is there.
    let slot = unsafe { &*slot };
    let steps = slot.steps.get();
    if steps > 0 {
        slot.steps.set(steps - 1);
        return;
    }
    let Some(why) = slot.must_end() else {
        slot.steps.set(STEPS);
        return;
    };
    if is_in_prelude(state) {
        // What tells of an error must come to its end. It does, and no loop of a script is in there.
        return;
    }
    // SAFETY: this is the state that called, in which errors are caught by whoever began the run;
    // nothing that must be dropped is owned here (3).
    unsafe {
        ffi::lua_checkstack(state, 1);
        ffi::lua_pushlstring(state, why.as_ptr().cast(), why.len());
        ffi::lua_error(state)
    }
}

/// Whether the function that runs is one of ours, or one of the language's that ours has called.
fn is_in_prelude(state: *mut ffi::lua_State) -> bool {
    (0..2).map(|level| is_from(state, level, c"=prelude", c"=[C]")).find_map(|from| from)
        == Some(true)
}

/// Whether the function at this level comes from `source`; none if from `language`.
fn is_from(
    state: *mut ffi::lua_State,
    level: c_int,
    source: &CStr,
    language: &CStr,
) -> Option<bool> {
    // SAFETY: all zero is a valid value: null pointers and numbers.
    let mut about: ffi::lua_Debug = unsafe { std::mem::zeroed() };
    // SAFETY: the state is the one that called, `what` ends with a zero, and what is filled in points
    // to texts of functions on its stack.
    let from = unsafe {
        if ffi::lua_getinfo(state, level, c"s".as_ptr(), &raw mut about) == 0
            || about.source.is_null()
        {
            return Some(false);
        }
        CStr::from_ptr(about.source)
    };
    (from != language).then(|| from == source)
}
