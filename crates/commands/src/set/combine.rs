//! Intersection, difference and union of sets, member by member.
//!
//! Members come from one set, some dozens at a time, and are looked up together in the others
//! ([`SetRef::retain`]). All tables of the process share one hash, and a table is gone through in
//! the order of hashes: so the buckets of the other table are met in order too, as in a merge of
//! sorted lists, and only records are met at random.
//!
//! ```text
//!   inter   members of the smallest, if all others have them
//!   diff    members of the first, if no other has them       or: if not among those that are shared
//!   union   all of the largest; of each next, those that      or: all, each into one new table
//!           none before it has
//! ```
//!
//! Where there are two ways, the work of both is estimated from the sizes, in lookups: adding a
//! member to a new table costs about [`ADD_COST`].

use std::cmp::Reverse;

use store::View;
use store::value::SetRef;
use structures::elements::{Elements, Members};
use structures::listpack::{TextBuffer, Value};

/// Members looked up together.
const CHUNK: usize = 64;
/// What adding a member to a table costs, as compared with looking it up.
const ADD_COST: usize = 3;

/// Hands the members that all sets have to `f`, until it says false. At least one set.
pub(super) fn inter<'a>(mut sets: Vec<SetRef<'a>>, f: impl FnMut(Value<'a>) -> bool) {
    sets.sort_by_key(View::len);
    let (first, others) = sets.split_first().expect("there is at least one set");
    filtered(*first, others, true, f);
}

/// Hands the members that the first set has and no other to `f`, until it says false.
pub(super) fn diff<'a>(
    first: SetRef<'a>,
    mut others: Vec<SetRef<'a>>,
    mut f: impl FnMut(Value<'a>) -> bool,
) {
    let lookups = first.len() * others.len();
    let others_len: usize = others.iter().map(View::len).sum();
    if lookups <= first.len() * (ADD_COST + 1) + others_len {
        // What is not a difference is found out the sooner the larger the set.
        others.sort_by_key(|set| Reverse(set.len()));
        return filtered(first, &others, false, f);
    }
    let mut taken = Elements::<Members>::new();
    for other in others {
        filtered(other, &[first], true, |member| {
            taken.add(member.text(&mut TextBuffer::new()));
            taken.len() < first.len()
        });
    }
    filtered(first, &[SetRef::Table(&taken)], false, &mut f);
}

/// Hands the members that any of the sets has to `f`, each once, until it says false.
pub(super) fn union<'a>(mut sets: Vec<SetRef<'a>>, mut f: impl FnMut(Value<'a>) -> bool) {
    sets.sort_by_key(|set| Reverse(set.len()));
    let lookups: usize = sets.iter().enumerate().map(|(before, set)| before * set.len()).sum();
    let all: usize = sets.iter().map(View::len).sum();
    if lookups <= all * ADD_COST {
        for (i, set) in sets.iter().enumerate() {
            let mut goes_on = true;
            filtered(*set, &sets[..i], false, |member| {
                goes_on = f(member);
                goes_on
            });
            if !goes_on {
                return;
            }
        }
        return;
    }
    let mut seen = Elements::<Members>::new();
    for member in sets.iter().flat_map(|set| set.iter()) {
        if seen.add(member.text(&mut TextBuffer::new())) && !f(member) {
            return;
        }
    }
}

/// Hands the members that all others have, or none of them has, to `f`, until it says false.
fn filtered<'a>(
    set: SetRef<'a>,
    others: &[SetRef<'_>],
    is_member: bool,
    mut f: impl FnMut(Value<'a>) -> bool,
) {
    let mut members = set.iter();
    let mut chunk: Vec<Value<'a>> = Vec::with_capacity(CHUNK);
    loop {
        chunk.clear();
        chunk.extend(members.by_ref().take(CHUNK));
        if chunk.is_empty() {
            return;
        }
        for other in others {
            other.retain(&mut chunk, is_member);
        }
        if !chunk.iter().all(|member| f(*member)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base::random::Random;
    use store::CollectionType;
    use store::value::{Limits, Set};

    use super::*;

    fn collected<'a>(
        limit: usize,
        run: impl FnOnce(&mut dyn FnMut(Value<'a>) -> bool),
    ) -> BTreeSet<Vec<u8>> {
        let (mut all, mut count) = (BTreeSet::new(), 0);
        run(&mut |member| {
            assert!(all.insert(member.to_vec()), "each member once");
            count += 1;
            count < limit
        });
        all
    }

    /// All ways of combining agree with the definition, in all forms and for any number of sets.
    #[test]
    fn combinations_are_what_they_are_defined_as() {
        let limits = Limits::default();
        for seed in 0..200 {
            let mut random = Random::from_seed(seed);
            let range = [20, 200, 2000][random.below(3) as usize];
            let prefix = ["", "m"][random.below(2) as usize];
            let sets: Vec<Set> = (0..1 + random.below(7))
                .map(|_| {
                    let mut set = Set::empty(&limits);
                    for _ in 0..1 + random.below(range) {
                        let member = format!("{prefix}{}", random.below(range));
                        set.add(member.as_bytes(), &limits);
                    }
                    set
                })
                .collect();
            let models: Vec<BTreeSet<Vec<u8>>> =
                sets.iter().map(|s| s.view().iter().map(Value::to_vec).collect()).collect();
            let views: Vec<SetRef<'_>> = sets.iter().map(|set| set.view()).collect();
            let (first, others) = models.split_first().expect("there is one");
            let shared = first.iter().filter(|m| others.iter().all(|o| o.contains(*m)));
            let shared: BTreeSet<_> = shared.cloned().collect();
            assert_eq!(collected(usize::MAX, |f| inter(views.clone(), f)), shared);
            let left = first.iter().filter(|m| !others.iter().any(|o| o.contains(*m)));
            let left: BTreeSet<_> = left.cloned().collect();
            let others = views[1..].to_vec();
            assert_eq!(collected(usize::MAX, |f| diff(views[0], others, f)), left, "seed {seed}");
            let any: BTreeSet<_> = models.iter().flatten().cloned().collect();
            assert_eq!(collected(usize::MAX, |f| union(views.clone(), f)), any);
            let some = collected(3, |f| union(views.clone(), f));
            assert!(some.len() == any.len().min(3) && some.is_subset(&any));
        }
    }
}
