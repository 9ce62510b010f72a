//! Elements and the order they are to be in.
//!
//! Comparing is what SORT spends its time on, so each weight is first made a number of 64 bits that
//! compares as it does: a double with its bits turned, or the first eight bytes of a text. What is
//! sorted are pairs of such a number and an index; texts are looked at only if the numbers are equal.

use std::cmp::Ordering;
use std::ops::Range;

use engine::collate::Collate;
use structures::listpack::{TextBuffer, Value};

/// Texts behind one another in one buffer.
#[derive(Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, value: Value<'_>) {
        assert!(u32::try_from(self.ends.len()).is_ok(), "no more than 2^32 elements are sorted");
        self.bytes.extend_from_slice(value.text(&mut TextBuffer::new()));
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|index| self.get(index))
    }
}

#[derive(Clone, Copy)]
struct Weight {
    number: u64,
    index: u32,
}

/// What texts are compared by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Numbers,
    /// Byte by byte.
    Bytes,
    /// As the locale says.
    Collated(Collate),
}

/// Weights, one for each element, and how they compare.
pub(super) struct Order {
    weights: Vec<Weight>,
    kind: Kind,
    /// Of texts that are not the elements themselves: each, and whether it was found.
    found: Option<(Texts, Vec<bool>)>,
    is_descending: bool,
}

impl Order {
    /// `is_by`: weights are not the elements themselves.
    pub(super) fn new(kind: Kind, is_by: bool, is_descending: bool) -> Order {
        let found = (is_by && !matches!(kind, Kind::Numbers)).then(Default::default);
        Order { weights: Vec::new(), kind, found, is_descending }
    }

    /// The weight of the next element. False if it should be a number and is none.
    pub(super) fn push(&mut self, text: Option<&[u8]>) -> bool {
        let number = match self.kind {
            Kind::Numbers => match text.map_or(Some(0.0), parse_number) {
                Some(number) => comparable(number),
                None => return false,
            },
            Kind::Bytes => first_bytes(text.unwrap_or_default()),
            Kind::Collated(_) => 0,
        };
        self.weights.push(Weight { number, index: self.weights.len() as u32 });
        if let Some((texts, are_found)) = &mut self.found {
            texts.push(Value::Bytes(text.unwrap_or_default()));
            are_found.push(text.is_some());
        }
        true
    }

    /// The elements' indices in order, as far as the range goes: others are in any order.
    pub(super) fn sorted(mut self, elements: &Texts, range: Range<usize>) -> Vec<u32> {
        let mut weights = std::mem::take(&mut self.weights);
        if !range.is_empty() {
            let compare = |a: &Weight, b: &Weight| self.compare(*a, *b, elements);
            if range.end < weights.len() {
                weights.select_nth_unstable_by(range.end, compare);
            }
            if range.start > 0 {
                weights[..range.end].select_nth_unstable_by(range.start, compare);
            }
            weights[range].sort_unstable_by(compare);
        }
        weights.into_iter().map(|weight| weight.index).collect()
    }

    #[inline]
    fn compare(&self, a: Weight, b: Weight, elements: &Texts) -> Ordering {
        let order = a.number.cmp(&b.number).then_with(|| self.compare_texts(a, b, elements));
        let order = if self.is_descending { order.reverse() } else { order };
        order.then(a.index.cmp(&b.index))
    }

    fn compare_texts(&self, a: Weight, b: Weight, elements: &Texts) -> Ordering {
        let compare = |a: &[u8], b: &[u8]| match self.kind {
            Kind::Numbers | Kind::Bytes => a.cmp(b),
            Kind::Collated(collate) => collate(a, b),
        };
        match &self.found {
            None => compare(elements.get(a.index), elements.get(b.index)),
            Some((texts, are_found)) => {
                let is_found = |weight: Weight| are_found[weight.index as usize];
                match (is_found(a), is_found(b)) {
                    (true, true) => compare(texts.get(a.index), texts.get(b.index)),
                    (a, b) => a.cmp(&b),
                }
            }
        }
    }
}

/// A number as Redis reads it: no spaces, nothing hexadecimal; infinite if too large. It ends where
/// a zero byte is. An empty text is zero.
fn parse_number(text: &[u8]) -> Option<f64> {
    /// Integers of fewer digits are doubles exactly.
    const DIGITS: usize = 15;
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    if text.len() <= DIGITS
        && let Some(integer) = base::number::parse_i64(text)
    {
        return Some(integer as f64);
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// A number that compares as the double does, which is not NaN.
fn comparable(number: f64) -> u64 {
    // Both zeros are equal.
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn first_bytes(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let len = text.len().min(8);
    bytes[..len].copy_from_slice(&text[..len]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparable_numbers_compare_as_doubles() {
        let ascending =
            [f64::NEG_INFINITY, -1e300, -1.5, -1.0, -1e-300, 0.0, 1e-300, 1.0, 1.5, f64::INFINITY];
        assert!(ascending.windows(2).all(|pair| comparable(pair[0]) < comparable(pair[1])));
        assert_eq!(comparable(-0.0), comparable(0.0));
    }

    #[test]
    fn texts_are_ordered_by_all_their_bytes() {
        let texts = ["", "\0", "\0\0", "a", "a\0", "abcdefgh", "abcdefgh\0", "abcdefghi", "b"];
        let mut elements = Texts::default();
        let mut order = Order::new(Kind::Bytes, false, false);
        for text in texts.iter().rev() {
            elements.push(Value::Bytes(text.as_bytes()));
            order.push(Some(text.as_bytes()));
        }
        let sorted = order.sorted(&elements, 0..texts.len());
        assert!(sorted.into_iter().eq((0..texts.len() as u32).rev()));
    }

    #[test]
    fn a_collation_decides_where_there_is_one() {
        let reversed: Collate = |a, b| b.cmp(a);
        let mut elements = Texts::default();
        let mut order = Order::new(Kind::Collated(reversed), false, false);
        for text in ["a", "b", "c"] {
            elements.push(Value::Bytes(text.as_bytes()));
            order.push(Some(text.as_bytes()));
        }
        assert_eq!(order.sorted(&elements, 0..3), [2, 1, 0]);
    }
}
