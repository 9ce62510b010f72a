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

/// Those that were not taken yet, for each reader that wants them.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    last_ms: Option<i64>,
    /// By the address of the reader's slot.
    kept: Vec<(usize, VecDeque<Moment>)>,
}

impl Moments {
    /// Keeps them for this reader from now on, or no longer. False if nobody wants them any more.
    pub(crate) fn keep(&mut self, reader: usize, is_wanted: bool) -> bool {
        self.kept.retain(|(other, _)| *other != reader);
        if is_wanted {
            self.kept.push((reader, VecDeque::new()));
            // The next record is noted for it, whatever the millisecond.
            self.last_ms = self.last_ms.map(|ms| ms - 1);
        }
        !self.kept.is_empty()
    }

    /// Nobody knows any more what was.
    pub(crate) fn clear(&mut self) {
        self.last_ms = None;
        self.kept.iter_mut().for_each(|(_, kept)| kept.clear());
    }

    /// A record begins at `offset`. The clock was looked at before the stream was locked, so what
    /// others saw may be later; it was not in the future then, so it is good for this record too.
    #[inline]
    pub(crate) fn note(&mut self, offset: u64, now_ms: i64) {
        if self.last_ms.is_none_or(|last_ms| now_ms > last_ms) {
            self.last_ms = Some(now_ms);
            for (_, kept) in &mut self.kept {
                kept.push_back(Moment { offset, ms: now_ms });
            }
        }
    }

    /// Takes those below `offset`.
    pub(crate) fn take(&mut self, reader: usize, offset: u64, into: &mut Vec<Moment>) {
        let Some((_, kept)) = self.kept.iter_mut().find(|(other, _)| *other == reader) else {
            return;
        };
        while kept.front().is_some_and(|moment| moment.offset < offset) {
            into.extend(kept.pop_front());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_each_millisecond_and_none_goes_back() {
        let mut moments = Moments::default();
        assert!(moments.keep(7, true));
        for (offset, ms) in [(0, 10), (5, 10), (9, 12), (12, 11), (20, 15)] {
            moments.note(offset, ms);
        }
        let mut taken = Vec::new();
        moments.take(7, 20, &mut taken);
        assert_eq!(taken, [Moment { offset: 0, ms: 10 }, Moment { offset: 9, ms: 12 }]);
        moments.take(7, 21, &mut taken);
        assert_eq!(taken[2], Moment { offset: 20, ms: 15 });
        // One that comes later is told of the next record, in the same millisecond too.
        assert!(moments.keep(8, true) && moments.keep(7, false));
        moments.note(30, 15);
        taken.clear();
        moments.take(8, 31, &mut taken);
        assert_eq!(taken, [Moment { offset: 30, ms: 15 }]);
        assert!(!moments.keep(8, false));
    }
}
