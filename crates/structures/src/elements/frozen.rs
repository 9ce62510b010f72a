//! A frozen table: its elements as they were at one moment, handed over in slices while it changes.
//!
//! ```text
//!   freeze         slice            slice                    slice, the last
//!     |──────────────|────────────────|──────── ··· ───────────|
//!        a change of an element that is still ahead:
//!          its record as it was is *kept*, and handed over by the next slice;
//!          its record as it is now is noted as *touched*, and passed over by the walk
//! ```
//!
//! Freezing costs nothing, a change of a frozen table one more hash and at most one copy of a
//! record. The walk goes by position (sets, hashes) or from the greatest element down (sorted sets,
//! `scored.rs`): what lies before it may change as it likes.
//!
//! # Invariants
//!
//! (1) An element ahead of the walk that is not in `touched` is as it was when the table was frozen.
//! (2) What was there then has been handed over, or is such an element, or is in `kept`.
//! (3) `touched` holds addresses of live elements only.
//!
//! # Limits
//!
//! Who changes all elements of a table before the walk gets there pays for a second copy of it: it
//! is freed as the walk proceeds.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::record::NewRecord;
use super::{Element, Elements, Entry, Parts, Records, Scored, Slot, element};
use crate::prefetch::prefetch;
use crate::scored::compare;

/// See the module's essay.
#[derive(Default)]
pub(crate) struct Frozen {
    pub(crate) passed: Passed,
    /// By address (3).
    touched: HashSet<usize>,
    kept: Vec<Kept>,
}

/// What the walk has been past.
#[derive(Default)]
pub(crate) enum Passed {
    #[default]
    Nothing,
    /// Elements whose hashes are less.
    Below(u64),
    /// The element of this score and member, and all that are greater.
    From(f64, Box<[u8]>),
}

impl Passed {
    pub(crate) fn from(last: Element<'_, Scored>) -> Passed {
        Passed::From(last.score(), last.member().into())
    }
}

/// A record of the table's memory that is in no table any more, with the flags of its slot.
struct Kept(Entry, u8);

// SAFETY: it owns the record, which goes to another thread only with the table and its memory.
unsafe impl Send for Kept {}

fn address(entry: Entry) -> usize {
    entry.as_ptr() as usize
}

impl Frozen {
    fn is_ahead<P: Parts>(&self, at: Element<'_, P>) -> bool {
        match &self.passed {
            Passed::Nothing => true,
            Passed::Below(hash) => at.hash() >= *hash,
            Passed::From(score, member) => {
                compare((at.parts().score, at.member()), (*score, member)) == Ordering::Less
            }
        }
    }

    /// The walk shall pass this one over, should it come there.
    pub(super) fn note_young<P: Parts>(&mut self, entry: Entry) {
        if self.is_ahead(element::<P>(entry)) {
            self.touched.insert(address(entry));
        }
    }

    /// Takes the record, which has left the table, if it is to be handed over. Else it is the
    /// caller's to free.
    pub(super) fn takes<P: Parts>(&mut self, entry: Entry, flags: u8) -> bool {
        let is_old = !self.touched.remove(&address(entry)) && self.is_ahead(element::<P>(entry));
        if is_old {
            self.kept.push(Kept(entry, flags));
        }
        is_old
    }

    /// Whether the walk, which has arrived at this element, hands it over.
    pub(crate) fn hands_over(&mut self, entry: Entry) -> bool {
        self.touched.is_empty() || !self.touched.remove(&address(entry))
    }

    /// Bytes of the records it keeps, each rounded up to 4.
    pub(super) fn kept_bytes<P: Parts>(&self) -> usize {
        let kept = self.kept.iter();
        kept.map(|kept| crate::heap::rounded(element::<P>(kept.0).bytes())).sum()
    }
}

impl<P: Parts> Elements<P> {
    /// From now on the elements as they are are to be handed over by [`Elements::frozen_some`],
    /// whatever becomes of them.
    pub fn freeze(&mut self) {
        assert!(self.frozen.is_none(), "a table is frozen once at a time");
        self.frozen = Some(Box::default());
    }

    #[inline]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Nobody wants the rest.
    pub fn thaw(&mut self) {
        let Some(frozen) = self.frozen.take() else { return };
        for Kept(entry, flags) in frozen.kept {
            // SAFETY: it is a record of this memory, and nobody else's.
            unsafe { self.memory.free(entry, element::<P>(entry).bytes(), flags) };
        }
    }

    /// Hands some of the elements over as they were; `f` says what each cost, and it stops when
    /// `budget` is used up. True once all have been handed over: the table is not frozen any more.
    pub fn frozen_some(
        &mut self,
        budget: &mut usize,
        f: &mut dyn FnMut(Element<'_, P>) -> usize,
    ) -> bool {
        if !self.hand_over_kept(budget, f) {
            return false;
        }
        let frozen = self.frozen.as_mut().expect("whoever walks has frozen it");
        let mut cursor = match frozen.passed {
            Passed::Below(hash) => hash,
            _ => 0,
        };
        while *budget > 0 {
            // The waits for the records of a bucket overlap.
            self.table.scan(cursor, &Records::<P>::ALL, |entry, _| prefetch(entry.as_ptr()));
            cursor = self.table.scan(cursor, &Records::<P>::ALL, |entry, _| {
                if frozen.hands_over(entry) {
                    *budget = budget.saturating_sub(f(element(entry)));
                }
            });
            if cursor == 0 {
                self.thaw();
                return true;
            }
            // A bucket without any costs something too.
            *budget = budget.saturating_sub(1);
            frozen.passed = Passed::Below(cursor);
        }
        false
    }

    /// Hands over what is kept; false if the budget was not enough.
    pub(crate) fn hand_over_kept(
        &mut self,
        budget: &mut usize,
        f: &mut dyn FnMut(Element<'_, P>) -> usize,
    ) -> bool {
        let frozen = self.frozen.as_mut().expect("whoever walks has frozen it");
        while *budget > 0 {
            let Some(Kept(entry, flags)) = frozen.kept.pop() else { return true };
            let kept = element::<P>(entry);
            *budget = budget.saturating_sub(f(kept));
            // SAFETY: it is a record of this memory, and nobody else's.
            unsafe { self.memory.free(entry, kept.bytes(), flags) };
        }
        false
    }

    /// Before an element changes in place: keeps a copy, if it is to be handed over.
    pub(super) fn before_change(&mut self, at: &Slot) {
        if let Some(frozen) = &mut self.frozen {
            let old = element::<P>(at.entry());
            if frozen.is_ahead(old) && frozen.touched.insert(address(at.entry())) {
                let parts: NewRecord<'_> = old.parts();
                let (copy, flags) = self.memory.alloc(parts.bytes::<P>());
                // SAFETY: as many bytes were allocated.
                unsafe { parts.write::<P>(copy) };
                frozen.kept.push(Kept(copy, flags));
            }
        }
    }

    /// Keeps the record, which has left the table, if it is to be handed over, or frees it.
    pub(super) fn release(&mut self, entry: Entry, flags: u8) {
        if let Some(frozen) = &mut self.frozen
            && frozen.takes::<P>(entry, flags)
        {
            return;
        }
        // SAFETY: (1) of the table's invariants; it has let go of the record.
        unsafe { self.memory.free(entry, element::<P>(entry).bytes(), flags) };
    }
}
