//! Scripts and functions: EVAL and its siblings, SCRIPT, FUNCTION, FCALL. How they run is the engine's
//! ([`engine::scripting`]).

mod eval;
mod function;
mod script;
#[cfg(test)]
mod test_declared;
#[cfg(test)]
mod test_late;
#[cfg(test)]
mod tests;

use engine::Command;

pub const COMMANDS: &[Command] = &[
    eval::EVAL,
    eval::EVAL_RO,
    eval::EVALSHA,
    eval::EVALSHA_RO,
    eval::FCALL,
    eval::FCALL_RO,
    function::FUNCTION,
    script::SCRIPT,
];
