//! Scripts that loop a lot, compiled to the processor's own code.
//!
//! The language's code generator makes loops several times as fast as its interpreter, but takes as
//! long as some thousand loops, and its code is never given back before its state is. So a script is
//! counted at first, over its runs, and compiled once it has taken [`NATIVE_AT_STEPS`] loops and calls.
//! One that has not done so in [`COUNTED_RUNS`] is never compiled; what it does lies in commands.
//!
//! Where code must not be made at run time (the processor is not known, or the system refuses pages
//! that were written to be executed) everything stays interpreted, and nobody can tell but by a clock.
//! Compiled code looks at the bell as the interpreter does, and raises the same errors.
//!
//! # Limits
//!
//! A state makes no more than [`STATE_BYTES_MAX`] of it, by our reckoning: the generator does not say
//! how much it made.

use std::cell::Cell;

use mlua::ffi;

use crate::enter::{Door, Kept};

/// Loops and calls, in all runs together, after which a script is compiled.
const NATIVE_AT_STEPS: u32 = 20_000;
/// Runs in which they are counted.
const COUNTED_RUNS: u32 = 1000;
/// Native code that a state may have.
const STATE_BYTES_MAX: usize = 16 << 20;
/// For each byte of the interpreter's code, the generator makes about so many.
const GROWTH: usize = 12;
/// Its code begins on a page.
const PAGE_BYTES: usize = 4096;

/// How far a script is on its way to be compiled.
pub(crate) struct Heat {
    /// None are left once it is decided.
    steps_left: Cell<u32>,
    runs_left: Cell<u32>,
    /// Of the interpreter's code.
    code_bytes: usize,
}

impl Heat {
    pub(crate) fn new(code_bytes: usize) -> Heat {
        let (steps_left, runs_left) = (Cell::new(NATIVE_AT_STEPS), Cell::new(COUNTED_RUNS));
        Heat { steps_left, runs_left, code_bytes }
    }

    /// Loops and calls to be counted in its next run.
    pub(crate) fn counted(&self) -> u32 {
        self.steps_left.get()
    }

    /// A run has taken so many. Whether it is to be compiled now.
    pub(crate) fn add(&self, steps: u64) -> bool {
        let left = self.steps_left.get();
        if left == 0 {
            return false;
        }
        let rest = left.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        let runs = self.runs_left.get() - 1;
        self.runs_left.set(runs);
        self.steps_left.set(if runs == 0 { 0 } else { rest });
        rest == 0
    }
}

/// The native code of a state.
#[derive(Default)]
pub(crate) struct NativeCode {
    is_ready: Cell<bool>,
    bytes: Cell<usize>,
}

impl NativeCode {
    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Compiles a function and all that it holds, if that can be had here.
    pub(crate) fn compile(&self, door: &Door, function: &Kept, heat: &Heat) {
        let bytes = (heat.code_bytes * GROWTH).next_multiple_of(PAGE_BYTES);
        if self.bytes.get() + bytes > STATE_BYTES_MAX {
            return;
        }
        door.with(function, |state| {
            // SAFETY: the function lies on the state's stack. Nothing here raises: where code cannot
            // be had, the function stays as it is.
            unsafe {
                if ffi::luau_codegen_supported() == 0 {
                    return;
                }
                if !self.is_ready.replace(true) {
                    ffi::luau_codegen_create(state);
                    self.bytes.set(self.bytes.get() + PAGE_BYTES);
                }
                ffi::luau_codegen_compile(state, -1);
            }
            self.bytes.set(self.bytes.get() + bytes);
        });
    }
}
