//! A part's share in a snapshot, and the values that it hands over in pieces.

use std::sync::Arc;

use super::{BUCKET_COST, Pieces, Snapshot};
use crate::record::Record;
use crate::shard::{DbShard, Remains};
use crate::value::{Collection, Frozen, OwnedValue};

/// A part's share in a snapshot.
pub(crate) struct Capture {
    pub(crate) snapshot: Arc<Snapshot>,
    /// The database's number at the cut.
    db: usize,
    shard: usize,
    /// Where the sweep stands in the table; none once it has been everywhere.
    pub(crate) cursor: Option<u64>,
    /// Values that have been frozen and not begun.
    frozen: Vec<InPieces>,
    /// The value of which some pieces have been sent.
    under_way: Option<InPieces>,
    /// Values without a key that have been handed over, to be freed.
    doomed: Vec<Collection>,
}

/// A frozen value.
struct InPieces {
    pieces: Box<dyn Pieces>,
    rest: Frozen,
    place: Place,
}

/// Where a frozen value is.
enum Place {
    /// Under this key of the part.
    At(Box<[u8]>),
    /// Its key is gone, or has another value.
    Detached(Box<Collection>),
    /// It does not matter any more: what is left is known without it.
    Anywhere,
}

/// Who comes to a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Writer,
    Sweeper,
}

impl Capture {
    pub(crate) fn new(snapshot: Arc<Snapshot>, db: usize, shard: usize) -> Capture {
        Capture {
            snapshot,
            db,
            shard,
            cursor: Some(0),
            frozen: Vec::new(),
            under_way: None,
            doomed: Vec::new(),
        }
    }

    /// Hands a record over, or freezes its value. Answers what it cost. The caller holds the shard,
    /// and no borrow of the record's value.
    pub(crate) fn take(&mut self, record: Record<'_>, by: By) -> usize {
        if !self.freeze(record) {
            return self.snapshot.take(self.db, record);
        }
        if by == By::Writer {
            self.snapshot.hurry_to(self.shard);
        }
        BUCKET_COST
    }

    fn freeze(&mut self, record: Record<'_>) -> bool {
        /// Enough to know a large value by.
        const SAMPLES: usize = 4;
        let sink = &self.snapshot.sink;
        let is_large = |value: &Collection| value.bytes(SAMPLES) >= sink.pieces_from_bytes();
        if self.snapshot.is_cancelled() || !record.boxed().is_some_and(is_large) {
            return false;
        }
        // SAFETY: the caller holds the shard and no borrow of the value, and the one above has ended.
        let value = unsafe { record.boxed_mut() }.expect("it was just looked at");
        let Some(rest) = value.freeze() else { return false };
        let place = match rest {
            Frozen::InPlace => Place::At(record.key().into()),
            _ => Place::Anywhere,
        };
        let pieces = sink.begin(self.db, record);
        self.frozen.push(InPieces { pieces, rest, place });
        true
    }

    /// Keeps the value that leaves this key, if something of it is still to be handed over. Else
    /// it is the caller's again.
    pub(crate) fn keep(&mut self, key: &[u8], value: OwnedValue) -> Remains {
        match value {
            OwnedValue::Collection(value) if value.is_frozen() => {
                self.find(key).place = Place::Detached(value);
                None
            }
            value => Some(value),
        }
    }

    /// Takes all that is left of the value, which is moved to another key.
    pub(crate) fn complete(&mut self, key: &[u8], value: &mut OwnedValue) {
        if let OwnedValue::Collection(value) = value
            && value.is_frozen()
        {
            let InPieces { pieces, rest, place } = self.find(key);
            *place = Place::Anywhere;
            let mut rest = std::mem::replace(rest, Frozen::Nothing);
            let is_done = rest.hand_over(Some(value), &mut usize::MAX.clone(), &mut |part| {
                pieces.add(part);
                0
            });
            assert!(is_done, "nothing costs anything here");
        }
    }

    fn find(&mut self, key: &[u8]) -> &mut InPieces {
        self.frozen
            .iter_mut()
            .chain(&mut self.under_way)
            .find(|value| matches!(&value.place, Place::At(at) if **at == *key))
            .expect("a value that is frozen in place is known by its key")
    }

    pub(crate) fn has_value_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Hands over frozen values of this part until `budget` is used up; true once none is left.
    pub(crate) fn hand_over_frozen(&mut self, part: &mut DbShard, budget: &mut usize) -> bool {
        let is_cancelled = self.snapshot.is_cancelled();
        while let Some(mut value) = self.under_way.take().or_else(|| self.frozen.pop()) {
            if is_cancelled {
                value.give_up(part);
            } else if !value.hand_over(part, budget) {
                self.under_way = Some(value);
                return false;
            }
            if let Place::Detached(value) = value.place {
                self.doomed.push(*value);
            }
        }
        while let Some(value) = self.doomed.last_mut() {
            if *budget == 0 {
                return false;
            }
            const ALLOCATIONS: usize = 64;
            *budget = budget.saturating_sub(ALLOCATIONS * BUCKET_COST / 2);
            if value.drain_some(ALLOCATIONS) {
                self.doomed.pop();
            }
        }
        true
    }
}

impl InPieces {
    fn value<'a>(place: &'a mut Place, part: &'a mut DbShard) -> Option<&'a mut Collection> {
        match place {
            Place::At(key) => Some(part.boxed_at(key)),
            Place::Detached(value) => Some(value),
            Place::Anywhere => None,
        }
    }

    fn hand_over(&mut self, part: &mut DbShard, budget: &mut usize) -> bool {
        let value = InPieces::value(&mut self.place, part);
        let pieces = &mut self.pieces;
        let is_last = self.rest.hand_over(value, budget, &mut |part| pieces.add(part));
        self.pieces.send(is_last);
        is_last
    }

    fn give_up(&mut self, part: &mut DbShard) {
        if let Some(value) = InPieces::value(&mut self.place, part) {
            value.thaw();
        }
    }
}
