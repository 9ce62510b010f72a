//! A snapshot's hold of a part: [`crate::snapshot`] tells what for.

use std::sync::Arc;

use structures::table::{COLOUR_A, Slot};

use super::{DbShard, Keys};
use crate::keyspace::Key;
use crate::record::Record;
use crate::snapshot::{self, By, Capture, Snapshot};
use crate::value::Collection;

impl DbShard {
    /// Gives the record at `slot` to the snapshot, unless it has it.
    #[cold]
    pub(super) fn hand_over(&mut self, slot: &mut Slot) {
        let Some(capture) = &mut self.capture else { return };
        // The slot may be from before an earlier change of the same command.
        let mut flags = self.table.flags(slot);
        if flags & COLOUR_A != self.colour {
            // SAFETY: (1).
            capture.take(unsafe { Record::from_raw(slot.entry()) }, By::Writer);
            flags = flags & !COLOUR_A | self.colour;
        }
        if slot.flags() != flags {
            self.table.set_flags(slot, flags, &Keys(&self.hash_key));
        }
    }

    /// The cut: what is here now is to be handed over, as of database `db`; this is part of the
    /// shard of this number.
    pub(crate) fn begin_capture(&mut self, db: usize, shard: usize, snapshot: &Arc<Snapshot>) {
        assert!(self.capture.is_none(), "one snapshot ends before the next begins");
        self.colour ^= COLOUR_A;
        if !self.is_empty() {
            self.capture = Some(Box::new(Capture::new(Arc::clone(snapshot), db, shard)));
        }
    }

    /// Hands over what the sweep meets until `budget` is used up; true once it has been everywhere.
    pub(crate) fn capture_some(&mut self, budget: &mut usize) -> bool {
        while *budget > 0 {
            if !self.capture_frozen(budget) {
                return false;
            }
            let Some(capture) = &mut self.capture else { return true };
            let Some(cursor) = capture.cursor else {
                self.capture = None;
                return true;
            };
            let (mut cost, colour) = (0, self.colour);
            let next = self.table.scan_colours(cursor, &Keys(&self.hash_key), |entry, flags| {
                if flags & COLOUR_A != colour {
                    // SAFETY: (1).
                    cost += capture.take(unsafe { Record::from_raw(entry) }, By::Sweeper);
                }
                flags & !COLOUR_A | colour
            });
            capture.cursor = (next != 0).then_some(next);
            snapshot::pay(budget, cost);
        }
        self.capture.is_none()
    }

    /// Hands over frozen values until `budget` is used up; true once none is left.
    pub(crate) fn capture_frozen(&mut self, budget: &mut usize) -> bool {
        let Some(mut capture) = self.capture.take() else { return true };
        let is_done = capture.hand_over_frozen(self, budget);
        self.capture = Some(capture);
        is_done
    }

    /// Whether some pieces of a value have been sent, and not all.
    pub(crate) fn has_value_under_way(&self) -> bool {
        self.capture.as_ref().is_some_and(|capture| capture.has_value_under_way())
    }

    /// The value of a key that is there, and large.
    pub(crate) fn boxed_at(&mut self, key: &[u8]) -> &mut Collection {
        let key = Key { bytes: key, hash: self.hash_key.hash(key) };
        let slot = self.find(key).expect("a frozen value stays where it was, or is detached");
        // SAFETY: we are borrowed exclusively, and so is the value then.
        unsafe { self.record(slot).boxed_mut() }.expect("a frozen value is boxed")
    }
}
