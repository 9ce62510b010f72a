//! The append only file becomes the data set.
//!
//! A short one is loaded before anybody is served; a long one goes on between worker 0's turns, and
//! clients are answered `LOADING` meanwhile.

use engine::Engine;
use engine::batch::Runner;
use store::Seat;

/// So much of it is loaded before the workers start, in microseconds.
const BEFORE_SERVING_US: u64 = 100_000;

/// Begins to load the append only file, and goes on with it when that is done.
///
/// # Errors
/// What to log before the process ends: nothing on the disk has been overwritten.
pub(crate) fn at_start(engine: &Engine, seat: &mut Seat) -> Result<(), String> {
    engine.begin_log_load()?;
    let mut runner = Runner::new(engine, seat.index());
    let mut inside = engine.gate.enter(seat);
    let went_on = engine.go_on_loading(&mut runner, &mut inside, BEFORE_SERVING_US);
    went_on.unwrap_or(Ok(()))
}
