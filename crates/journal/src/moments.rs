//! When the records of the stream were made, to the millisecond.
//!
//! ```text
//!   stream    SET a │ SET b   SET c │ DEL a        one entry for each millisecond in which there
//!   moments   10 ms │ 12 ms         │ 15 ms        was something, where its first record begins
//! ```
//!
//! The log's writer takes them along and notes them in the file, so that the data set of any instant
//! can be had again. A note by the writer's own clock would not do: it may be busy with the disk for
//! long while records come and are answered.

use std::collections::VecDeque;

/// From here on, records are of this millisecond or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub offset: u64,
    /// Unix time.
    pub ms: i64,
}

/// Those that nobody took yet.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    last_ms: Option<i64>,
    kept: VecDeque<Moment>,
}

impl Moments {
    /// A record begins at `offset`. The clock was looked at before the stream was locked, so what
    /// others saw may be later; it was not in the future then, so it is good for this record too.
    #[inline]
    pub(crate) fn note(&mut self, offset: u64, now_ms: i64) {
        if self.last_ms.is_none_or(|last_ms| now_ms > last_ms) {
            self.last_ms = Some(now_ms);
            self.kept.push_back(Moment { offset, ms: now_ms });
        }
    }

    /// Takes those below `offset`.
    pub(crate) fn take(&mut self, offset: u64, into: &mut Vec<Moment>) {
        while self.kept.front().is_some_and(|moment| moment.offset < offset) {
            into.extend(self.kept.pop_front());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_each_millisecond_and_none_goes_back() {
        let mut moments = Moments::default();
        for (offset, ms) in [(0, 10), (5, 10), (9, 12), (12, 11), (20, 15)] {
            moments.note(offset, ms);
        }
        let mut taken = Vec::new();
        moments.take(20, &mut taken);
        assert_eq!(taken, [Moment { offset: 0, ms: 10 }, Moment { offset: 9, ms: 12 }]);
        moments.take(21, &mut taken);
        assert_eq!(taken[2], Moment { offset: 20, ms: 15 });
    }
}
