//! Many new elements at once, as they come from a file.
//!
//! In a large table each of them waits for memory: for the bucket where it goes. A batch is hashed
//! first and all its buckets are asked for, so that the waits overlap.

use super::record::NewRecord;
use super::{Element, Elements, Fields, Members, Parts, Scored, Vacant, element};
use crate::hash::process_key;

/// Elements whose buckets are asked for together, as in lookups.
const BATCH: usize = 16;

impl<P: Parts> Elements<P> {
    /// So many elements are to be expected in all, as far as is known; 0 when no more are. Takes no
    /// memory by itself: a count that is a lie does no harm.
    pub fn expect(&mut self, len: usize) {
        self.table.expect(len);
    }

    /// Adds elements and shows each to `f`. False at the first that is there already.
    fn add_new<'m>(
        &mut self,
        new: impl Iterator<Item = NewRecord<'m>>,
        mut f: impl FnMut(Element<'_, P>),
    ) -> bool {
        let key = process_key();
        let mut new = new.fuse();
        let mut batch = [(0, NewRecord::of_member(&[])); BATCH];
        loop {
            let mut len = 0;
            for (place, new) in batch.iter_mut().zip(&mut new) {
                *place = (key.hash(new.member), new);
                self.table.prefetch_place(place.0);
                len += 1;
            }
            for &(hash, new) in &batch[..len] {
                if self.slot(hash, new.member).is_some() {
                    return false;
                }
                f(element(self.insert_record(Vacant { hash }, new).entry()));
            }
            if len < BATCH {
                return true;
            }
        }
    }
}

impl Elements<Members> {
    /// Adds members. False at the first that is there already; those before it stay.
    pub fn add_all(&mut self, members: &[&[u8]]) -> bool {
        self.add_new(members.iter().map(|member| NewRecord::of_member(member)), |_| {})
    }
}

impl Elements<Fields> {
    /// Adds fields with their values and the moments they expire. False at the first that is there
    /// already; those before it stay.
    pub fn add_all(&mut self, fields: &[(&[u8], &[u8], Option<i64>)]) -> bool {
        let new = fields.iter().map(|&(field, value, expire_ms)| NewRecord {
            value,
            expire_ms,
            ..NewRecord::of_member(field)
        });
        self.add_new(new, |_| {})
    }
}

impl Elements<Scored> {
    /// Adds members with their scores and shows each to `f`. False at the first that is there
    /// already; those before it stay.
    pub fn add_all(
        &mut self,
        members: &[(&[u8], f64)],
        f: impl FnMut(Element<'_, Scored>),
    ) -> bool {
        let new = members
            .iter()
            .map(|&(member, score)| NewRecord { score, ..NewRecord::of_member(member) });
        self.add_new(new, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = if cfg!(miri) { 300 } else { 30_000 };

    fn members() -> Vec<Vec<u8>> {
        (0..COUNT).map(|n| format!("member:{n}").into_bytes()).collect()
    }

    #[test]
    fn many_at_once_are_as_one_by_one() {
        let members = members();
        let texts: Vec<&[u8]> = members.iter().map(|member| &member[..]).collect();
        let mut set = Elements::<Members>::new();
        // Batches of every length, up to some more than one.
        let (mut rest, mut len) = (&texts[..], 0);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(len.min(rest.len()));
            assert!(set.add_all(now));
            (rest, len) = (later, (len + 1) % 40);
        }
        set.check();
        let mut one_by_one = Elements::<Members>::new();
        assert!(texts.iter().all(|member| one_by_one.add(member)));
        let of =
            |set: &Elements<Members>| set.iter().map(Element::member).collect::<Vec<_>>().len();
        assert_eq!((set.len(), of(&set)), (COUNT, COUNT));
        assert!(one_by_one.iter().all(|element| set.contains(element.member())));
    }

    #[test]
    fn fields_keep_their_values_and_moments() {
        let members = members();
        let moment = |n: usize| n.is_multiple_of(3).then_some(1_000 + n as i64);
        let fields: Vec<(&[u8], &[u8], Option<i64>)> = members
            .iter()
            .enumerate()
            .map(|(n, member)| (&member[..], &member[n % 8..], moment(n)))
            .collect();
        let mut hash = Elements::<Fields>::new();
        assert!(hash.add_all(&fields));
        hash.check();
        assert_eq!(hash.expiring_len(), COUNT.div_ceil(3));
        assert_eq!(hash.earliest_expire_ms(), Some(1_000));
        for (field, value, expire_ms) in fields {
            let element = hash.find(field).expect("it was added");
            assert_eq!((element.value(), element.expire_ms()), (value, expire_ms));
        }
    }

    #[test]
    fn what_comes_twice_is_refused_within_a_batch_and_between_two() {
        let mut set = Elements::<Members>::new();
        assert!(!set.add_all(&[b"a", b"b", b"a", b"c"]));
        assert_eq!((set.len(), set.contains(b"c")), (2, false));
        assert!(!set.add_all(&[b"c", b"b"]));
        let (mut scored, mut shown) = (Elements::<Scored>::new(), Vec::new());
        let new: [(&[u8], f64); 3] = [(b"x", 1.0), (b"y", 2.0), (b"x", 1.0)];
        assert!(!scored.add_all(&new, |element| shown.push(element.score())));
        assert_eq!(shown, [1.0, 2.0]);
        scored.check();
    }
}
