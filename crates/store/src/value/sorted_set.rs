//! Sorted sets: members with a score each, ordered by score and then by member.
//!
//! ```text
//!   Listpack   | member | score | member | score | ...    in order; Redis's bytes
//!   Skiplist   ScoredSet: by member, by score, by rank    named as OBJECT ENCODING names it
//! ```
//!
//! A set begins as a listpack and becomes a skiplist, for good, when it has more elements, or a
//! longer member, than [`Limits`] say. Only whole results (`ZUNIONSTORE` …) may go the other way
//! ([`SortedSet::of_result`]).
//!
//! Everything between two bounds is asked for in two steps: [`SortedSetRef::score_ranks`] or
//! [`SortedSetRef::member_ranks`] turn bounds into ranks, [`SortedSetRef::range`] walks from rank
//! to rank, and [`SortedSet::remove_range`] removes.
//!
//! # Invariants
//!
//! (1) No score is NaN.
//! (2) A score in a listpack is an integer where its value is one of up to 2^62, else the text that
//!     RESP replies have. Read back it is the same, but that -0 is 0 then.

mod packed;
mod range;
#[cfg(test)]
mod tests;

pub use range::{LexBound, LexRange, Pair, Pairs, ScoreRange};
pub use structures::scored::{Arriving, Gathered, Update};

use std::ops::Range;

use structures::listpack::{self, Listpack, TextBuffer};
use structures::scored::ScoredSet;

use super::{Collection, CollectionType, Form, Limits, View};
use structures::elements::Ahead;

use crate::record::Type;

/// A sorted set. See the module's essay.
#[derive(Clone, Debug)]
pub enum SortedSet {
    Listpack(Vec<u8>),
    Skiplist(Box<ScoredSet>),
}

/// A sorted set to be read.
#[derive(Clone, Copy)]
pub enum SortedSetRef<'a> {
    Listpack(Listpack<'a>),
    Skiplist(&'a ScoredSet),
}

impl SortedSet {
    /// What a command has gathered, in the form that is right for it.
    pub fn of_result(gathered: Gathered, limits: &Limits) -> SortedSet {
        SortedSet::of_set(gathered.finish(), limits)
    }

    /// What came from a file, in the form that is right for it.
    pub fn of_arrived(arriving: Arriving, limits: &Limits) -> SortedSet {
        SortedSet::of_set(arriving.finish(), limits)
    }

    fn of_set(set: ScoredSet, limits: &Limits) -> SortedSet {
        match packed::pack(set.len(), Pairs::of_set(set.iter()), limits) {
            Some(pack) => SortedSet::Listpack(pack),
            None => SortedSet::Skiplist(Box::new(set)),
        }
    }

    /// A copy of elements of another set, `len` in number and in order, in the form that is right
    /// for them.
    pub fn of_pairs(len: usize, pairs: Pairs<'_>, limits: &Limits) -> SortedSet {
        match packed::pack(len, pairs.clone(), limits) {
            Some(pack) => SortedSet::Listpack(pack),
            None => SortedSet::Skiplist(Box::new(unpack(pairs))),
        }
    }

    /// Before a command adds up to `count` elements, the first of them with a member of
    /// `first_len` bytes: converts at once if that is too many or, in an empty set, too long.
    pub fn expect(&mut self, count: usize, first_len: usize, limits: &Limits) {
        let SortedSet::Listpack(pack) = self else { return };
        let is_empty = Listpack::new(pack).is_empty();
        if count > limits.zset_entries_max || is_empty && first_len > limits.zset_value_bytes_max {
            self.convert();
        }
    }

    /// Shows `decide` the member's score, if it is in the set, and gives it the score that comes
    /// back. None leaves all as it is. The score must not be NaN.
    pub fn update(
        &mut self,
        member: &[u8],
        limits: &Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Update {
        let pack = match self {
            SortedSet::Skiplist(set) => return set.update(member, decide),
            SortedSet::Listpack(pack) => pack,
        };
        if let Some((at, before)) = packed::find(Listpack::new(pack), member) {
            let after = decide(Some(before)).unwrap_or(before);
            if after != before {
                listpack::delete_many(pack, at, 2);
                packed::insert(pack, member, after);
            }
            return Update { before: Some(before), after: Some(after) };
        }
        let after = decide(None);
        let Some(score) = after else { return Update { before: None, after } };
        let view = Listpack::new(pack);
        if view.len() / 2 < limits.zset_entries_max
            && member.len() <= limits.zset_value_bytes_max
            && packed::has_room(pack, member)
        {
            packed::insert(pack, member, score);
            return Update { before: None, after };
        }
        self.convert().update(member, |_| after)
    }

    /// Removes a member. False if it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            SortedSet::Skiplist(set) => set.remove(member).is_some(),
            SortedSet::Listpack(pack) => {
                let found = packed::find(Listpack::new(pack), member);
                if let Some((at, _)) = found {
                    listpack::delete_many(pack, at, 2);
                }
                found.is_some()
            }
        }
    }

    /// Removes the elements of these ranks.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        match self {
            SortedSet::Skiplist(set) => set.remove_range(ranks.start, ranks.end),
            SortedSet::Listpack(pack) => {
                let index = i64::try_from(2 * ranks.start).expect("a listpack is small");
                listpack::delete_range(pack, index, 2 * ranks.len());
            }
        }
    }

    fn convert(&mut self) -> &mut ScoredSet {
        if let SortedSet::Listpack(pack) = self {
            let pairs = Pairs::of_pack(Listpack::new(pack).pairs());
            *self = SortedSet::Skiplist(Box::new(unpack(pairs)));
        }
        match self {
            SortedSet::Skiplist(set) => set,
            SortedSet::Listpack(_) => unreachable!("it was just converted"),
        }
    }
}

/// The large form of different elements in order.
fn unpack(pairs: Pairs<'_>) -> ScoredSet {
    let mut set = ScoredSet::new();
    let mut buffer = TextBuffer::new();
    for pair in pairs {
        set.update(pair.member.text(&mut buffer), |_| Some(pair.score()));
    }
    set
}

impl<'a> SortedSetRef<'a> {
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            SortedSetRef::Skiplist(set) => set.score(member),
            SortedSetRef::Listpack(pack) => packed::find(pack, member).map(|(_, score)| score),
        }
    }

    /// How many elements come before the member, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            SortedSetRef::Skiplist(set) => set.rank(member),
            SortedSetRef::Listpack(pack) => {
                let (at, score) = packed::find(pack, member)?;
                Some((pack.count(listpack::HEADER_LEN..at) / 2, score))
            }
        }
    }

    /// The elements of these ranks, in order; goes both ways.
    pub fn range(self, ranks: Range<usize>) -> Pairs<'a> {
        match self {
            SortedSetRef::Skiplist(set) => Pairs::of_set(set.range(ranks.start, ranks.end)),
            SortedSetRef::Listpack(pack) => Pairs::of_pack(packed::range(pack, ranks)),
        }
    }

    /// The elements from the first on whose score is not below, in order; goes both ways.
    pub fn from_score(self, score: f64) -> Pairs<'a> {
        match self {
            SortedSetRef::Skiplist(set) => Pairs::of_set(set.from_score(score)),
            SortedSetRef::Listpack(pack) => {
                let below = packed::pairs(pack).take_while(|pair| pair.score() < score).count();
                Pairs::of_pack(packed::range(pack, below..self.len()))
            }
        }
    }

    /// All elements, in order; goes both ways.
    pub fn iter(self) -> Pairs<'a> {
        match self {
            SortedSetRef::Skiplist(set) => Pairs::of_set(set.iter()),
            SortedSetRef::Listpack(pack) => Pairs::of_pack(pack.pairs()),
        }
    }

    /// The ranks of the elements whose score is in the range.
    pub fn score_ranks(self, range: &ScoreRange) -> Range<usize> {
        let (start, end) = match self {
            SortedSetRef::Skiplist(set) => (
                set.count_scores(|score| range.is_below(score)),
                set.count_scores(|score| !range.is_above(score)),
            ),
            SortedSetRef::Listpack(pack) => {
                let mut pairs = packed::pairs(pack);
                let below = pairs.by_ref().take_while(|pair| range.is_below(pair.score())).count();
                let up_to = |pair: &Pair<'_>| !range.is_above(pair.score());
                (below, below + packed::pairs(pack).skip(below).take_while(up_to).count())
            }
        };
        start..end.max(start)
    }

    /// The ranks of the elements whose member is in the range. Makes sense when all scores are
    /// equal; otherwise it is some range, as it is for Redis.
    pub fn member_ranks(self, range: &LexRange<'_>) -> Range<usize> {
        let (start, end) = match self {
            SortedSetRef::Skiplist(set) => (
                set.count_members(|member| range.is_below(member)),
                set.count_members(|member| !range.is_above(member)),
            ),
            SortedSetRef::Listpack(pack) => {
                let mut buffer = TextBuffer::new();
                let mut below = |pair: &Pair<'_>| range.is_below(pair.member.text(&mut buffer));
                let start = packed::pairs(pack).take_while(&mut below).count();
                let mut up_to = |pair: &Pair<'_>| !range.is_above(pair.member.text(&mut buffer));
                (start, start + packed::pairs(pack).skip(start).take_while(&mut up_to).count())
            }
        };
        start..end.max(start)
    }

    /// One element, each with the same chance. None when empty.
    pub fn random(self, mut next_u64: impl FnMut() -> u64) -> Option<Pair<'a>> {
        match self {
            SortedSetRef::Skiplist(set) => set.elements().random(next_u64).map(Pair::of_element),
            SortedSetRef::Listpack(_) if self.is_empty() => None,
            SortedSetRef::Listpack(_) => {
                let rank = below(&mut next_u64, self.len());
                self.range(rank..rank + 1).next()
            }
        }
    }

    /// `count` different elements, or all if there are fewer; each such choice has the same
    /// chance. In no promised order.
    pub fn sample(
        self,
        count: usize,
        mut next_u64: impl FnMut() -> u64,
        mut f: impl FnMut(Pair<'_>),
    ) {
        match self {
            SortedSetRef::Skiplist(set) => {
                set.elements().sample(count, next_u64, |element| f(Pair::of_element(element)));
            }
            SortedSetRef::Listpack(_) => {
                // Each element is taken with the chance that is left for it.
                let (mut wanted, len) = (count.min(self.len()), self.len());
                for (seen, pair) in self.iter().enumerate() {
                    if below(&mut next_u64, len - seen) < wanted {
                        wanted -= 1;
                        f(pair);
                    }
                }
            }
        }
    }

    /// Hands the elements at the cursor to `f`. Begins at 0; returns the next cursor, 0 when all
    /// were handed over. A listpack is handed over at once.
    pub fn scan(self, cursor: u64, mut f: impl FnMut(Pair<'_>)) -> u64 {
        match self {
            SortedSetRef::Skiplist(set) => {
                set.elements().scan(cursor, |element| f(Pair::of_element(element)))
            }
            SortedSetRef::Listpack(_) => {
                self.iter().for_each(f);
                0
            }
        }
    }
}

/// A uniform number below `n`, which is small.
fn below(next_u64: &mut impl FnMut() -> u64, n: usize) -> usize {
    ((u128::from(next_u64()) * n as u128) >> 64) as usize
}

impl View for SortedSetRef<'_> {
    #[inline]
    fn len(&self) -> usize {
        match self {
            SortedSetRef::Skiplist(set) => set.len(),
            SortedSetRef::Listpack(pack) => pack.len() / 2,
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self {
            SortedSetRef::Skiplist(_) => "skiplist",
            SortedSetRef::Listpack(_) => "listpack",
        }
    }

    fn bytes(&self, _: usize) -> usize {
        match self {
            SortedSetRef::Skiplist(set) => size_of::<ScoredSet>() + set.bytes(),
            SortedSetRef::Listpack(pack) => pack.as_bytes().len(),
        }
    }
}

impl SortedSet {
    /// Panics if an invariant is broken. For tests.
    pub fn check(&self) {
        let pack = match self {
            SortedSet::Skiplist(set) => return set.check(),
            SortedSet::Listpack(pack) => Listpack::new(pack),
        };
        pack.check();
        assert!(pack.len().is_multiple_of(2), "each member has a score");
        let pairs: Vec<_> = self.view().iter().map(|p| (p.score(), p.member.to_vec())).collect();
        assert!(pairs.iter().all(|(score, _)| !score.is_nan()), "(1) no score is NaN");
        assert!(pairs.windows(2).all(|two| two[0] < two[1]), "elements are in order");
        let mut members: Vec<_> = pairs.iter().map(|(_, member)| member).collect();
        members.sort_unstable();
        assert!(members.windows(2).all(|two| two[0] != two[1]), "members differ");
    }
}

impl CollectionType for SortedSet {
    const TYPE: Type = Type::SortedSet;
    type Ref<'a> = SortedSetRef<'a>;

    fn empty(_: &Limits) -> SortedSet {
        SortedSet::Listpack(listpack::new())
    }

    fn of_inline(_: Form, bytes: &[u8]) -> SortedSetRef<'_> {
        SortedSetRef::Listpack(Listpack::new(bytes))
    }

    fn from_inline(_: Form, bytes: Vec<u8>) -> SortedSet {
        SortedSet::Listpack(bytes)
    }

    fn inline(&self) -> Option<(Form, &[u8])> {
        match self {
            SortedSet::Listpack(pack) => Some((Form::Listpack, pack)),
            SortedSet::Skiplist(_) => None,
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        match self {
            SortedSet::Listpack(pack) => pack,
            SortedSet::Skiplist(_) => Vec::new(),
        }
    }

    fn view(&self) -> SortedSetRef<'_> {
        match self {
            SortedSet::Listpack(pack) => SortedSetRef::Listpack(Listpack::new(pack)),
            SortedSet::Skiplist(set) => SortedSetRef::Skiplist(set),
        }
    }

    fn allocations(&self) -> usize {
        match self {
            SortedSet::Listpack(_) => 1,
            SortedSet::Skiplist(set) => set.len(),
        }
    }

    fn drain_some(&mut self, budget: usize) -> bool {
        match self {
            SortedSet::Listpack(_) => true,
            SortedSet::Skiplist(set) => set.drain_some(budget),
        }
    }

    fn table(&self) -> Option<&dyn Ahead> {
        match self {
            SortedSet::Listpack(_) => None,
            SortedSet::Skiplist(set) => Some(set.table()),
        }
    }

    fn wrap(self) -> Collection {
        Collection::SortedSet(self)
    }

    fn unwrap(collection: &Collection) -> Option<&SortedSet> {
        match collection {
            Collection::SortedSet(set) => Some(set),
            _ => None,
        }
    }

    fn unwrap_mut(collection: &mut Collection) -> Option<&mut SortedSet> {
        match collection {
            Collection::SortedSet(set) => Some(set),
            _ => None,
        }
    }
}
