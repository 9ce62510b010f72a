//! Walking a listpack from both ends.

use super::{Listpack, Value, decode};

/// The values between two positions. See [`Listpack::iter`].
#[derive(Clone)]
pub struct Iter<'a> {
    pub(super) pack: Listpack<'a>,
    pub(super) front: usize,
    pub(super) back: usize,
}

impl<'a> Iter<'a> {
    /// The position of the value [`Iterator::next`] would give, or where the walk ends.
    #[inline]
    pub fn position(&self) -> usize {
        self.front
    }

    /// What it walks over, all of it.
    #[inline]
    pub fn listpack(&self) -> Listpack<'a> {
        self.pack
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.front >= self.back
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.is_empty() {
            return None;
        }
        let (value, next) = decode(self.pack.bytes, self.front);
        self.front = next;
        Some(value)
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Value<'a>> {
        if self.is_empty() {
            return None;
        }
        self.back = self.pack.before(self.back);
        Some(decode(self.pack.bytes, self.back).0)
    }
}

/// Positions and values. See [`Listpack::entries`].
#[derive(Clone)]
pub struct Entries<'a> {
    pub(super) iter: Iter<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (usize, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<(usize, Value<'a>)> {
        let at = self.iter.front;
        Some((at, self.iter.next()?))
    }
}

impl<'a> DoubleEndedIterator for Entries<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<(usize, Value<'a>)> {
        let value = self.iter.next_back()?;
        Some((self.iter.back, value))
    }
}

/// Values two by two. See [`Listpack::pairs`].
#[derive(Clone)]
pub struct Pairs<'a> {
    pub(super) iter: Iter<'a>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Value<'a>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.iter.next()?, self.iter.next()?))
    }
}

impl<'a> DoubleEndedIterator for Pairs<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let second = self.iter.next_back()?;
        Some((self.iter.next_back()?, second))
    }
}
