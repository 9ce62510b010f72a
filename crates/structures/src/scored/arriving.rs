//! A scored set whose elements come from a file: each once, and in order as a rule.

use super::{Place, Rank, ScoredSet};
use crate::elements::{Elements, Scored};

/// A scored set in the making, of elements that are all new. Whoever writes one writes it in
/// order, most from the last to the first: then nothing is sorted.
#[derive(Default)]
pub struct Arriving {
    elements: Elements<Scored>,
    /// In the order they came.
    ranks: Vec<Rank>,
}

impl Arriving {
    /// So many elements are to come; it may be a lie.
    pub fn expecting(len: usize) -> Arriving {
        let mut arriving = Arriving::default();
        arriving.elements.expect(len);
        arriving
    }

    /// Adds elements, of which no score is NaN. False at the first that is there already.
    pub fn add_all(&mut self, elements: &[(&[u8], f64)]) -> bool {
        assert!(elements.iter().all(|(_, score)| !score.is_nan()), "(2)");
        let ranks = &mut self.ranks;
        self.elements.add_all(elements, |element| {
            ranks.push(Rank { score: element.score(), at: Place(element.raw()) });
        })
    }

    /// Puts all in order: in O(N) if they came in order, or from the last to the first.
    pub fn finish(mut self) -> ScoredSet {
        self.elements.expect(0);
        ScoredSet::of_ranks(self.elements, self.ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of which three at a time are equal, so that members decide too.
    fn elements() -> Vec<(Vec<u8>, f64)> {
        let count = if cfg!(miri) { 200 } else { 10_000 };
        (0..count).map(|n| (format!("{n:05}").into_bytes(), f64::from(n / 3))).collect()
    }

    fn set_of<'m>(elements: impl Iterator<Item = &'m (Vec<u8>, f64)>) -> ScoredSet {
        let elements: Vec<(&[u8], f64)> = elements.map(|(m, score)| (&m[..], *score)).collect();
        let mut arriving = Arriving::default();
        assert!(elements.chunks(23).all(|some| arriving.add_all(some)));
        let set = arriving.finish();
        set.check();
        set
    }

    #[test]
    fn whatever_the_order_they_come_in_they_end_in_theirs() {
        let ascending = elements();
        let mut shuffled = ascending.clone();
        let mut random = base::random::Random::from_seed(5);
        for n in (1..shuffled.len()).rev() {
            shuffled.swap(n, random.below(n as u64 + 1) as usize);
        }
        for set in [
            set_of(ascending.iter()),
            set_of(ascending.iter().rev()),
            set_of(shuffled.iter()),
            set_of(ascending[..1].iter()),
            set_of([].iter()),
        ] {
            let expected = ascending.iter().map(|(member, score)| (&member[..], *score));
            assert!(set.iter().map(|e| (e.member(), e.score())).eq(expected.take(set.len())));
        }
    }

    #[test]
    fn none_comes_twice() {
        let mut arriving = Arriving::default();
        assert!(arriving.add_all(&[(b"a", 1.0), (b"b", 2.0)]));
        assert!(!arriving.add_all(&[(b"c", 1.0), (b"a", 2.0)]));
    }
}
