//! Collections that are written element by element: read as far as their bytes are there.
//!
//! A large one is longer than the buffer of who loads a file, and takes longer than clients should
//! wait. So what was begun is kept, and goes on when there are more bytes: nothing is read twice.
//!
//! # Invariants
//!
//! (1) After an error the reader stands before the first element that was not taken.
//! (2) A count alone makes nobody allocate: elements do, as they come.

use store::{Limits, OwnedValue};

use crate::error::{Bad, Result};
use crate::read::Reader;

/// Elements that are read, and then added, together: their waits for memory overlap.
pub(super) const BATCH: usize = 16;

/// A collection that is being read.
pub(crate) struct Parts {
    left: u64,
    grows: Box<dyn Grow>,
}

/// What is being read as one type of collection.
pub(super) trait Grow: Send {
    /// Reads one element, or a few, of those that are `left`, and says how many.
    fn grow(&mut self, reader: &mut Reader<'_>, left: u64, limits: &Limits) -> Result<u64>;

    fn finish(self: Box<Self>, limits: &Limits) -> Result<OwnedValue>;
}

/// How many elements follow; not none.
pub(super) fn count(reader: &mut Reader<'_>) -> Result<u64> {
    match reader.length()? {
        0 => Err(Bad::Empty),
        count => Ok(count),
    }
}

/// A count as a bound that is compared to limits, not allocated for.
pub(super) fn as_bound(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Parts {
    pub(super) fn new(count: u64, grows: impl Grow + 'static) -> Parts {
        Parts { left: count, grows: Box::new(grows) }
    }

    /// Reads on to the end. [`Bad::Truncated`] if it is not there: then it may be called again
    /// with more bytes.
    pub(crate) fn go_on(&mut self, reader: &mut Reader<'_>, limits: &Limits) -> Result<()> {
        while self.left > 0 {
            let before = reader.clone();
            match self.grows.grow(reader, self.left, limits) {
                Ok(count) => self.left -= count,
                Err(bad) => {
                    *reader = before;
                    return Err(bad);
                }
            }
        }
        Ok(())
    }

    /// The value, of which all has been read.
    pub(crate) fn finish(self, limits: &Limits) -> Result<OwnedValue> {
        assert!(self.left == 0, "only what was read whole is finished");
        self.grows.finish(limits)
    }
}

/// Reads up to [`BATCH`] elements, each with scratch memory of its own. One that is wrong, or not
/// whole, is left for the next time, unless it is the first.
pub(super) fn batch<'a, 's, T: Copy + Default, S>(
    reader: &mut Reader<'a>,
    left: u64,
    scratch: &'s mut [S; BATCH],
    element: impl Fn(&mut Reader<'a>, &'s mut S) -> Result<T>,
) -> Result<([T; BATCH], usize)> {
    let mut batch = [T::default(); BATCH];
    let mut len = 0;
    for (place, scratch) in batch.iter_mut().zip(scratch).take(as_bound(left)) {
        let before = reader.clone();
        match element(reader, scratch) {
            Ok(element) => *place = element,
            Err(bad) if len == 0 => return Err(bad),
            Err(_) => {
                *reader = before;
                break;
            }
        }
        len += 1;
    }
    Ok((batch, len))
}
