//! Scored sets: the large form of sorted sets. Elements found by member, by score and by rank.
//!
//! ```text
//!   Elements<Scored>          records of score and member, found by member
//!        ^  ^  ^
//!   CountedTree<Place>        their addresses, ordered by score and then member
//! ```
//!
//! A member is stored once. The tree's inner nodes keep scores, so a search reads records only in
//! the leaf it arrives at, and to look up the rank of an element that is in hand it reads none.
//!
//! # Invariants
//!
//! (1) The tree holds the address of each element, once, and nothing else. Elements never move
//!     ([`crate::elements`], invariant 3).
//! (2) Addresses are ordered by score, and by member where scores are equal. No score is NaN.
//!
//! # Cost
//!
//! Beyond member and score: some 10 bytes in the table, 10 in the tree, a byte of length, and 3 or
//! 4 on average for alignment.

mod arriving;

pub use arriving::Arriving;

use std::cmp::Ordering;

use crate::btree::{self, CountedTree, Item};
use crate::elements::{Ahead, Element, Elements, Passed, Scored, Vacant};
use crate::prefetch::prefetch;
use crate::table::{Entry, Slot};

/// The address of an element of the set whose tree it is in.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Place(Entry);

// SAFETY: an address alone does nothing, and set and tree only go to another thread together.
unsafe impl Send for Place {}

/// What orders elements. The score is a copy of the element's.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Rank {
    score: f64,
    at: Place,
}

impl Place {
    /// For no longer than the set is borrowed.
    #[inline(always)]
    fn element<'a>(self) -> Element<'a, Scored> {
        // SAFETY: (1); who has a `Place` of the tree has borrowed the set.
        unsafe { Element::from_raw(self.0) }
    }
}

impl Item for Place {
    type Key = Rank;
    const UNIT: bool = true;

    #[inline(always)]
    fn key(&self) -> Rank {
        Rank { score: self.element().score(), at: *self }
    }

    #[inline(always)]
    fn prefetch(&self) {
        prefetch(self.0.as_ptr());
    }
}

/// How two elements stand to each other (2).
#[inline(always)]
pub(crate) fn compare(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
    match a.0.partial_cmp(&b.0) {
        Some(Ordering::Equal) => a.1.cmp(b.1),
        Some(order) => order,
        None => unreachable!("(2): no score is NaN"),
    }
}

impl Rank {
    /// How it stands to an element of this score and member, which is read only if it must be.
    #[inline(always)]
    fn compare(self, score: f64, member: &[u8]) -> Ordering {
        if self.score < score {
            Ordering::Less
        } else if self.score > score {
            Ordering::Greater
        } else {
            self.at.element().member().cmp(member)
        }
    }
}

/// The score of an element before and after an update; none where it is not in the set.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Update {
    pub before: Option<f64>,
    pub after: Option<f64>,
}

/// A scored set. See the module's essay.
#[derive(Default)]
pub struct ScoredSet {
    elements: Elements<Scored>,
    order: CountedTree<Place>,
}

impl ScoredSet {
    /// The table in which single members are looked for.
    pub fn table(&self) -> &dyn Ahead {
        &self.elements
    }

    /// Frees a part of what nobody needs any more: about `budget` elements. True when what is left
    /// is freed at once. Once begun, only this and drop make sense.
    pub fn drain_some(&mut self, budget: usize) -> bool {
        self.elements.drain_some(budget)
    }

    /// An empty one, without any allocation.
    pub const fn new() -> ScoredSet {
        ScoredSet { elements: Elements::new(), order: CountedTree::new() }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Bytes of all it holds, without `ScoredSet` itself.
    pub fn bytes(&self) -> usize {
        self.elements.bytes() + self.order.bytes()
    }

    /// The elements by member: to find, to choose by chance, to scan.
    #[inline]
    pub fn elements(&self) -> &Elements<Scored> {
        &self.elements
    }

    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.elements.find(member).map(Element::score)
    }

    /// Shows `decide` the member's score, if it is in the set, and gives it the score that comes
    /// back. None leaves all as it is. A score must not be NaN.
    pub fn update(
        &mut self,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Update {
        match self.elements.locate(member) {
            Ok(slot) => {
                let before = self.elements.at(&slot).score();
                let after = decide(Some(before)).unwrap_or(before);
                if before != after {
                    self.set_score(&slot, after);
                }
                Update { before: Some(before), after: Some(after) }
            }
            Err(vacant) => {
                let after = decide(None);
                if let Some(score) = after {
                    self.insert(vacant, member, score);
                }
                Update { before: None, after }
            }
        }
    }

    fn insert(&mut self, vacant: Vacant, member: &[u8], score: f64) {
        assert!(!score.is_nan(), "(2)");
        let gap = self.order.partition_point(|key| key.compare(score, member) == Ordering::Less);
        let place = Place(self.elements.insert(vacant, member, score).raw());
        self.order.insert(gap, place);
    }

    /// Where an element of the set is in the tree.
    #[inline]
    fn position(&self, element: Element<'_, Scored>) -> btree::Position {
        let (score, at) = (element.score(), Place(element.raw()));
        let order = |key: Rank| {
            if key.at == at { Ordering::Equal } else { key.compare(score, element.member()) }
        };
        self.order.locate(order, |place| *place == at).expect("(1): each element is in the tree")
    }

    fn set_score(&mut self, slot: &Slot, score: f64) {
        assert!(!score.is_nan(), "(2)");
        let element = self.elements.at(slot);
        let position = self.position(element);
        let at = Place(element.raw());
        let elements = &mut self.elements;
        self.order.reorder(
            position,
            |_| elements.set_score(slot, score),
            // The element itself may be met with its old score.
            |key| key.at != at && key.compare(score, at.element().member()) == Ordering::Less,
        );
    }

    /// Removes a member. Its score, if it was there.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let slot = self.elements.locate(member).ok()?;
        let element = self.elements.at(&slot);
        let (score, position) = (element.score(), self.position(element));
        self.order.remove(position);
        self.elements.remove(slot);
        Some(score)
    }

    /// How many elements come before the member, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let element = self.elements.find(member)?;
        Some((self.order.rank(self.position(element)), element.score()))
    }

    /// How many elements have a score that `before` is true for. It must be true for all scores
    /// up to some one and for none above.
    pub fn count_scores(&self, mut before: impl FnMut(f64) -> bool) -> usize {
        self.order.rank(self.order.partition_point(|key| before(key.score)))
    }

    /// How many elements have a member that `before` is true for, when all scores are equal.
    pub fn count_members(&self, mut before: impl FnMut(&[u8]) -> bool) -> usize {
        self.order.rank(self.order.partition_point(|key| before(key.at.element().member())))
    }

    /// The elements of ranks from `from` up to, without, `until`; goes both ways.
    pub fn range(&self, from: usize, until: usize) -> Range<'_> {
        Range { places: self.order.range(self.order.gap(from), self.order.gap(until)) }
    }

    /// The elements from the first on whose score is not below; goes both ways.
    pub fn from_score(&self, score: f64) -> Range<'_> {
        let first = self.order.partition_point(|key| key.score < score);
        Range { places: self.order.iter_from(first) }
    }

    /// All elements, in order.
    pub fn iter(&self) -> Range<'_> {
        Range { places: self.order.iter() }
    }

    /// Removes the elements of ranks from `from` up to, without, `until`.
    pub fn remove_range(&mut self, from: usize, until: usize) {
        let (from, until) = (self.order.gap(from), self.order.gap(until));
        let elements = &mut self.elements;
        self.order.remove_range(from, until, |place| {
            let at = elements.locate(place.element().member());
            elements.remove(at.expect("(1): the tree holds elements of the set"));
        });
    }

    /// From now on the elements as they are are to be handed over by [`ScoredSet::frozen_some`],
    /// whatever becomes of them.
    pub fn freeze(&mut self) {
        self.elements.freeze();
    }

    pub fn is_frozen(&self) -> bool {
        self.elements.is_frozen()
    }

    /// Nobody wants the rest.
    pub fn thaw(&mut self) {
        self.elements.thaw();
    }

    /// As [`Elements::frozen_some`], the greatest first, but for those that changed meanwhile.
    pub fn frozen_some(
        &mut self,
        budget: &mut usize,
        f: &mut dyn FnMut(Element<'_, Scored>) -> usize,
    ) -> bool {
        if !self.elements.hand_over_kept(budget, f) {
            return false;
        }
        let frozen = self.elements.frozen.as_mut().expect("whoever walks has frozen it");
        let end = match &frozen.passed {
            Passed::From(score, member) => {
                self.order.partition_point(|key| key.compare(*score, member) == Ordering::Less)
            }
            _ => self.order.end(),
        };
        let mut last = None;
        for place in self.order.iter_until(end).rev() {
            let element = place.element();
            if *budget == 0 {
                if let Some(last) = last {
                    frozen.passed = Passed::from(last);
                }
                return false;
            }
            *budget = budget.saturating_sub(1);
            if frozen.hands_over(element.raw()) {
                *budget = budget.saturating_sub(f(element));
            }
            last = Some(element);
        }
        self.thaw();
        true
    }

    /// Of elements in order, in O(N).
    pub fn from_sorted<'m>(sorted: impl Iterator<Item = (&'m [u8], f64)>) -> ScoredSet {
        let mut elements = Elements::<Scored>::new();
        let order = sorted
            .map(|(member, score)| {
                let vacant = elements.locate(member).expect_err("members are different");
                Place(elements.insert(vacant, member, score).raw())
            })
            .collect();
        ScoredSet { elements, order }
    }

    /// Of elements and what ranks each, in any order. Sorting sees at once if they are in order, or
    /// in the opposite one.
    fn of_ranks(elements: Elements<Scored>, mut ranks: Vec<Rank>) -> ScoredSet {
        ranks.sort_unstable_by(|a, b| a.compare(b.score, b.at.element().member()));
        let order = ranks.into_iter().map(|rank| rank.at).collect();
        ScoredSet { elements, order }
    }

    /// Panics if an invariant is broken, in O(N).
    pub fn check(&self) {
        self.elements.check();
        assert_eq!(self.elements.len(), self.order.len(), "(1)");
        let parts = |place: &Place| (place.element().score(), place.element().member());
        self.order.check(|a, b| compare(parts(a), parts(b)) == Ordering::Less);
        for element in self.iter() {
            let found = self.elements.find(element.member());
            assert_eq!(found.map(Element::raw), Some(element.raw()), "(1)");
        }
    }
}

impl Clone for ScoredSet {
    fn clone(&self) -> ScoredSet {
        ScoredSet::from_sorted(self.iter().map(|element| (element.member(), element.score())))
    }
}

impl std::fmt::Debug for ScoredSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |element: Element<'_, Scored>| {
            (String::from_utf8_lossy(element.member()).into_owned(), element.score())
        };
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

/// Elements by rank. See [`ScoredSet::range`].
#[derive(Clone)]
pub struct Range<'a> {
    places: btree::Iter<'a, Place>,
}

impl<'a> Iterator for Range<'a> {
    type Item = Element<'a, Scored>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a, Scored>> {
        self.places.next().map(|place| place.element())
    }

    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut f: F) -> B {
        self.places.fold(init, |all, place| f(all, place.element()))
    }
}

impl DoubleEndedIterator for Range<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.places.next_back().map(|place| place.element())
    }
}

/// A scored set in the making, not yet in order: for results that gather scores from many sources.
#[derive(Default)]
pub struct Gathered {
    elements: Elements<Scored>,
}

impl Gathered {
    pub fn new() -> Gathered {
        Gathered::default()
    }

    pub fn len(&self) -> usize {
        self.elements.len()
    }

    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        self.elements.contains(member)
    }

    /// Gives the member the score that `merge` makes of the one it has, if it has one.
    pub fn put(&mut self, member: &[u8], merge: impl FnOnce(Option<f64>) -> f64) {
        match self.elements.locate(member) {
            Ok(slot) => {
                let score = merge(Some(self.elements.at(&slot).score()));
                self.elements.set_score(&slot, score);
            }
            Err(vacant) => {
                self.elements.insert(vacant, member, merge(None));
            }
        }
    }

    /// Puts all in order, in O(N log N). No score may be NaN.
    pub fn finish(self) -> ScoredSet {
        let ranks = self.elements.iter().map(|element| Place(element.raw()).key()).collect();
        ScoredSet::of_ranks(self.elements, ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::random::Random;
    use std::collections::BTreeMap;

    const fn scaled(count: usize) -> usize {
        if cfg!(miri) { count / 100 + 40 } else { count }
    }

    /// Members by number; scores that are often equal.
    fn member(random: &mut Random, below: u64) -> Vec<u8> {
        format!("m{}", random.below(below)).into_bytes()
    }

    fn sorted(model: &BTreeMap<Vec<u8>, f64>) -> Vec<(&[u8], f64)> {
        let mut all: Vec<_> = model.iter().map(|(m, s)| (m.as_slice(), *s)).collect();
        all.sort_by(|a, b| compare((a.1, a.0), (b.1, b.0)));
        all
    }

    fn agree(set: &ScoredSet, model: &BTreeMap<Vec<u8>, f64>) {
        set.check();
        assert!(set.iter().map(|e| (e.member(), e.score())).eq(sorted(model)));
    }

    #[test]
    fn random_operations_agree_with_a_sorted_map() {
        for (seed, scores, members) in
            [(1, 5, 300), (2, 1000, 300), (3, 1 << 40, 3000), (4, 1, 2000)]
        {
            let mut random = Random::from_seed(seed);
            let mut set = ScoredSet::new();
            let mut model = BTreeMap::new();
            for round in 0..scaled(20_000) {
                let member = member(&mut random, members);
                let score = random.below(scores) as f64 - 2.0;
                let known = model.get(&member).copied();
                match random.below(20) {
                    0..=8 => {
                        let update = set.update(&member, |before| {
                            assert_eq!(before, known);
                            Some(score)
                        });
                        assert_eq!(update, Update { before: known, after: Some(score) });
                        model.insert(member, score);
                    }
                    9..=12 => {
                        // A small step, as ZINCRBY makes.
                        if let Some(known) = known {
                            set.update(&member, |before| before.map(|score| score + 0.5));
                            model.insert(member, known + 0.5);
                        }
                    }
                    13..=16 => {
                        assert_eq!(set.remove(&member), known);
                        model.remove(&member);
                    }
                    17..=18 => {
                        let all = sorted(&model);
                        let rank = all.iter().position(|(m, _)| *m == member);
                        assert_eq!(set.rank(&member), rank.map(|rank| (rank, all[rank].1)));
                        let below = all.partition_point(|(_, s)| *s <= score);
                        assert_eq!(set.count_scores(|s| s <= score), below);
                    }
                    _ if round % 50 == 0 && !model.is_empty() => {
                        let from = random.below(model.len() as u64) as usize;
                        let until = (from + random.below(200) as usize).min(model.len());
                        let gone: Vec<Vec<u8>> =
                            sorted(&model)[from..until].iter().map(|(m, _)| m.to_vec()).collect();
                        assert!(set.range(from, until).map(|e| e.member()).eq(&gone));
                        assert!(set.range(from, until).rev().eq_by_member(gone.iter().rev()));
                        set.remove_range(from, until);
                        gone.iter().for_each(|member| assert!(model.remove(member).is_some()));
                    }
                    _ => assert_eq!(set.score(&member), known),
                }
                if round % scaled(1000) == 0 {
                    agree(&set, &model);
                }
            }
            agree(&set, &model);
            agree(&set.clone(), &model);
            let all = sorted(&model);
            agree(&ScoredSet::from_sorted(all.iter().copied()), &model);
        }
    }

    trait EqByMember {
        fn eq_by_member<'m>(self, members: impl Iterator<Item = &'m Vec<u8>>) -> bool;
    }

    impl<'a, I: Iterator<Item = Element<'a, Scored>>> EqByMember for I {
        fn eq_by_member<'m>(self, members: impl Iterator<Item = &'m Vec<u8>>) -> bool {
            self.map(|element| element.member()).eq(members)
        }
    }

    #[test]
    fn a_frozen_set_hands_over_what_it_was() {
        for seed in 0..20 {
            let mut random = Random::from_seed(seed);
            let (scores, members) = ([1, 50, 1 << 40][seed as usize % 3], 3000);
            let mut set = ScoredSet::new();
            for _ in 0..scaled(3000) {
                let score = random.below(scores) as f64;
                set.update(&member(&mut random, members), |_| Some(score));
            }
            let expected: Vec<_> = set.iter().map(|e| (e.member().to_vec(), e.score())).collect();
            set.freeze();
            let (mut taken, mut is_done) = (Vec::new(), false);
            while !is_done {
                let mut budget = random.below(300) as usize;
                is_done = set.frozen_some(&mut budget, &mut |element| {
                    taken.push((element.member().to_vec(), element.score()));
                    3
                });
                for _ in 0..random.below(60) {
                    let (member, score) = (member(&mut random, members), random.below(scores));
                    match random.below(3) {
                        0 => _ = set.remove(&member),
                        1 => _ = set.update(&member, |_| Some(score as f64)),
                        _ => _ = set.update(&member, |before| before.map(|score| score + 1.0)),
                    }
                }
                if random.below(20) == 0 && set.len() > 50 {
                    let from = random.below(set.len() as u64 - 40) as usize;
                    set.remove_range(from, from + random.below(40) as usize);
                }
            }
            assert!(!set.is_frozen());
            set.check();
            taken.sort_by(|a, b| compare((a.1, &a.0), (b.1, &b.0)));
            assert!(taken == expected, "seed {seed}");
        }
    }

    #[test]
    fn a_frozen_set_that_does_not_change_comes_from_the_greatest_down() {
        let mut set = ScoredSet::new();
        for n in 0..scaled(5000) {
            set.update(n.to_string().as_bytes(), |_| Some((n % 7) as f64));
        }
        set.freeze();
        let mut taken = Vec::new();
        while !set.frozen_some(&mut 100, &mut |element| {
            taken.push((element.member().to_vec(), element.score()));
            1
        }) {}
        assert!(set.iter().rev().map(|e| (e.member().to_vec(), e.score())).eq(taken));
    }

    #[test]
    fn what_was_gathered_is_in_order_in_the_end() {
        let mut random = Random::from_seed(9);
        let mut gathered = Gathered::new();
        let mut model = BTreeMap::new();
        for _ in 0..scaled(5000) {
            let (member, score) = (member(&mut random, 2000), random.below(10) as f64);
            gathered.put(&member, |before| before.unwrap_or(0.0) + score);
            *model.entry(member).or_insert(0.0) += score;
        }
        assert_eq!(gathered.len(), model.len());
        agree(&gathered.finish(), &model);
    }

    #[test]
    fn members_of_equal_score_are_counted_in_their_order() {
        let mut set = ScoredSet::new();
        for n in 0..scaled(3000) {
            set.update(format!("{n:05}").as_bytes(), |_| Some(0.0));
        }
        assert_eq!(set.count_members(|member| member < b"00042"), 42);
        assert_eq!(set.count_members(|member| member <= b"00042"), 43);
        assert_eq!(set.count_members(|_| true), set.len());
    }
}
