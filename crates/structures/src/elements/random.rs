//! Elements by chance, each with the same chance exactly.

use super::{Element, Elements, Parts, element};
use std::collections::HashSet;

/// A sample larger than this part of all elements is taken by going through them.
const PART_MAX: usize = 3;

impl<P: Parts> Elements<P> {
    /// One element, each with the same chance. None when empty.
    pub fn random(&self, next_u64: impl FnMut() -> u64) -> Option<Element<'_, P>> {
        self.table.random(next_u64).map(element)
    }

    /// Removes one element, each with the same chance; `f` sees it before it goes. None when empty.
    pub fn pop_random<R>(
        &mut self,
        next_u64: impl FnMut() -> u64,
        f: impl FnOnce(Element<'_, P>) -> R,
    ) -> Option<R> {
        let entry = self.table.random(next_u64)?;
        let element = element::<P>(entry);
        let result = f(element);
        let slot = self.table.find(element.hash(), |other| other == entry);
        self.remove(slot.expect("what was drawn is in the table"));
        Some(result)
    }

    /// `count` different elements, or all if there are fewer; each such choice has the same chance.
    /// In no promised order.
    pub fn sample<'a>(
        &'a self,
        count: usize,
        mut next_u64: impl FnMut() -> u64,
        mut f: impl FnMut(Element<'a, P>),
    ) {
        let len = self.len();
        if count >= len {
            return self.iter().for_each(f);
        }
        if count < len / PART_MAX {
            let mut drawn = HashSet::with_capacity(count);
            while drawn.len() < count {
                let element = self.random(&mut next_u64).expect("it is not empty");
                if drawn.insert(element.raw()) {
                    f(element);
                }
            }
            return;
        }
        // Each element is taken with the chance that is left for it.
        let mut wanted = count as u64;
        for (seen, element) in self.iter().enumerate() {
            let left = (len - seen) as u64;
            if ((u128::from(next_u64()) * u128::from(left)) >> 64) < u128::from(wanted) {
                wanted -= 1;
                f(element);
            }
        }
    }
}
