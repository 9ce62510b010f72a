//! What happens at loops and calls of a running script: whoever runs it looks whether it shall end.
//!
//! The language calls [`interrupt`] there, if it is set. Two things set it:
//!
//! - The bell ([`crate::bell`]) rings: the caller is asked, and the language looks away again.
//! - The run is counted: then it is called at each loop and call. So it is in a state without a bell
//!   and once the caller is pressing, where the caller is asked after so many steps, and while it is
//!   not known whether a script is worth compiling to the processor's own code ([`crate::native`]).
//!
//! Once a script is to end it is told so at every loop and call, so it cannot catch the error and go
//! on.

use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

use mlua::ffi::{self, lua_Callbacks};

use crate::state::Slot;

/// Without a bell, or when pressed: loops and calls between two looks at the world.
const STEPS: u32 = 2000;

thread_local! {
    /// The slot of the state that runs on this thread.
    static RUNNING: Cell<*const Slot> = const { Cell::new(ptr::null()) };
}

/// While this lives, the slot's state runs on this thread.
pub(crate) struct Running<'s> {
    slot: &'s Slot,
    outer: *const Slot,
}

impl<'s> Running<'s> {
    /// `counted`: loops and calls to be counted, of a state with a bell.
    pub(crate) fn begin(slot: &'s Slot, counted: u32) -> Running<'s> {
        let callbacks = slot.callbacks.get();
        let steps = if slot.bell.is_some() { counted } else { STEPS };
        slot.steps.set(steps);
        slot.steps_given.set(u64::from(steps));
        // SAFETY: the callbacks live as long as the state, to which the slot belongs.
        unsafe { if steps > 0 { set(callbacks) } else { silence(callbacks) } };
        if let Some(bell) = &slot.bell {
            slot.place.begin(callbacks, bell);
        }
        Running { slot, outer: RUNNING.replace(slot) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        RUNNING.set(self.outer);
        if self.slot.bell.is_some() {
            self.slot.place.end();
        }
    }
}

/// Has the language call [`interrupt`].
///
/// # Safety
/// The state that they belong to lives.
pub(crate) unsafe fn set(callbacks: *mut lua_Callbacks) {
    // SAFETY: the caller's promise; it may be written by any thread, and whole.
    unsafe { pointer(callbacks).store((interrupt as Callback as *const ()).cast_mut(), Relaxed) };
}

/// Has the language no longer call it.
///
/// # Safety
/// The state that they belong to lives.
unsafe fn silence(callbacks: *mut lua_Callbacks) {
    // SAFETY: the caller's promise.
    unsafe { pointer(callbacks).store(ptr::null_mut(), Relaxed) };
}

type Callback = unsafe extern "C-unwind" fn(*mut ffi::lua_State, c_int);

/// # Safety
/// The state that they belong to lives.
unsafe fn pointer<'c>(callbacks: *mut lua_Callbacks) -> &'c AtomicPtr<()> {
    // SAFETY: an optional pointer to a function has the form of a pointer. We always write it in this
    // way; the language only reads it.
    unsafe { AtomicPtr::from_ptr((&raw mut (*callbacks).interrupt).cast()) }
}

unsafe extern "C-unwind" fn interrupt(state: *mut ffi::lua_State, gc: c_int) {
    let slot = RUNNING.get();
    if gc >= 0 || slot.is_null() {
        return;
    }
    // SAFETY: `Running` was made from a reference that outlives it, and it is there.
    let slot = unsafe { &*slot };
    let is_rung = slot.place.take_ring();
    let steps = slot.steps.get();
    if steps > 0 {
        slot.steps.set(steps - 1);
        if !is_rung {
            return;
        }
    }
    let asks = is_rung || slot.counts_on() || slot.is_ending();
    let Some(why) = asks.then(|| slot.must_end()).flatten() else {
        if slot.counts_on() {
            slot.steps.set(STEPS);
            slot.steps_given.set(slot.steps_given.get() + u64::from(STEPS));
        } else if slot.steps.get() == 0 {
            // SAFETY: the state lives: it has called.
            unsafe { silence(slot.callbacks.get()) };
        }
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
