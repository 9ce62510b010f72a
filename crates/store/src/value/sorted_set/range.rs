//! Bounds, and the elements between them.

use structures::elements::{Element, Scored};
use structures::listpack::{self, Value};
use structures::scored;

use super::packed::read_score;

/// Scores between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    pub min: f64,
    pub max: f64,
    /// The bound itself is not in the range.
    pub min_is_open: bool,
    pub max_is_open: bool,
}

impl ScoreRange {
    /// From `min` to `max`, both included.
    pub fn closed(min: f64, max: f64) -> ScoreRange {
        ScoreRange { min, max, min_is_open: false, max_is_open: false }
    }

    #[inline]
    pub fn is_below(&self, score: f64) -> bool {
        score < self.min || self.min_is_open && score == self.min
    }

    #[inline]
    pub fn is_above(&self, score: f64) -> bool {
        score > self.max || self.max_is_open && score == self.max
    }

    pub fn contains(&self, score: f64) -> bool {
        !self.is_below(score) && !self.is_above(score)
    }
}

/// An end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before all members.
    Lowest,
    /// `+`: behind all members.
    Highest,
    Open(&'a [u8]),
    Closed(&'a [u8]),
}

/// Members between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    pub min: LexBound<'a>,
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    #[inline]
    pub fn is_below(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Open(min) => member <= min,
            LexBound::Closed(min) => member < min,
        }
    }

    #[inline]
    pub fn is_above(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Open(max) => member >= max,
            LexBound::Closed(max) => member > max,
        }
    }
}

/// A member and its score.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    pub member: Value<'a>,
    score: Score<'a>,
}

/// A score, read when it is asked for.
#[derive(Clone, Copy, Debug)]
enum Score<'a> {
    Packed(Value<'a>),
    Exact(f64),
}

impl<'a> Pair<'a> {
    #[inline]
    pub(super) fn packed(member: Value<'a>, score: Value<'a>) -> Pair<'a> {
        Pair { member, score: Score::Packed(score) }
    }

    #[inline]
    pub(super) fn of_element(element: Element<'a, Scored>) -> Pair<'a> {
        Pair { member: Value::Bytes(element.member()), score: Score::Exact(element.score()) }
    }

    #[inline]
    pub fn score(&self) -> f64 {
        match self.score {
            Score::Packed(value) => read_score(value),
            Score::Exact(score) => score,
        }
    }
}

/// Elements in order. See [`super::SortedSetRef::range`].
#[derive(Clone)]
pub struct Pairs<'a>(Walk<'a>);

#[derive(Clone)]
enum Walk<'a> {
    Pack(listpack::Pairs<'a>),
    Set(scored::Range<'a>),
}

impl<'a> Pairs<'a> {
    pub(super) fn of_pack(pairs: listpack::Pairs<'a>) -> Pairs<'a> {
        Pairs(Walk::Pack(pairs))
    }

    pub(super) fn of_set(range: scored::Range<'a>) -> Pairs<'a> {
        Pairs(Walk::Set(range))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        match &mut self.0 {
            Walk::Pack(pairs) => pairs.next().map(|(member, score)| Pair::packed(member, score)),
            Walk::Set(range) => range.next().map(Pair::of_element),
        }
    }

    /// Which form it is, is asked once.
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut f: F) -> B {
        match self.0 {
            Walk::Pack(pairs) => {
                pairs.fold(init, |all, (member, score)| f(all, Pair::packed(member, score)))
            }
            Walk::Set(range) => range.fold(init, |all, element| f(all, Pair::of_element(element))),
        }
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Pack(pairs) => {
                pairs.next_back().map(|(member, score)| Pair::packed(member, score))
            }
            Walk::Set(range) => range.next_back().map(Pair::of_element),
        }
    }
}
