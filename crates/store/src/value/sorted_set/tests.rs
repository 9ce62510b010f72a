//! Both forms do the same, and it is what a sorted vector does.

use std::ops::Range;

use base::random::Random;

use super::*;

/// All sets are listpacks.
fn small() -> Limits {
    Limits { zset_entries_max: 1_000_000, zset_value_bytes_max: 64, ..Limits::default() }
}

/// None is.
fn large() -> Limits {
    Limits { zset_entries_max: 0, ..small() }
}

fn all(set: &SortedSet) -> Vec<(Vec<u8>, f64)> {
    set.view().iter().map(|pair| (pair.member.to_vec(), pair.score())).collect()
}

fn put(set: &mut SortedSet, limits: &Limits, member: &str, score: f64) {
    set.update(member.as_bytes(), limits, |_| Some(score));
}

fn both() -> [(SortedSet, Limits); 2] {
    [small(), large()].map(|limits| (SortedSet::empty(&limits), limits))
}

fn sort(model: &mut [(Vec<u8>, f64)]) {
    model.sort_by(|a, b| a.1.partial_cmp(&b.1).expect("no NaN").then(a.0.cmp(&b.0)));
}

#[test]
fn both_forms_agree_with_a_sorted_vector() {
    for (mut set, limits) in both() {
        let mut random = Random::from_seed(5);
        let mut model: Vec<(Vec<u8>, f64)> = Vec::new();
        for _ in 0..3000 {
            // Members that a listpack keeps as integers are among them, and as order text.
            let member = random.below(60).to_string().into_bytes();
            let score = random.below(8) as f64 / 2.0 - 1.0;
            let known = model.iter().position(|(m, _)| *m == member);
            match random.below(4) {
                0..2 => {
                    let before = known.map(|index| model[index].1);
                    let update = set.update(&member, &limits, |_| Some(score));
                    assert_eq!(update, Update { before, after: Some(score) });
                    match known {
                        Some(index) => model[index].1 = score,
                        None => model.push((member, score)),
                    }
                    sort(&mut model);
                }
                2 => {
                    assert_eq!(set.remove(&member), known.is_some());
                    known.map(|index| model.remove(index));
                }
                _ => {
                    let view = set.view();
                    assert_eq!(view.rank(&member), known.map(|index| (index, model[index].1)));
                    assert_eq!(view.score(&member), known.map(|index| model[index].1));
                    let range = ScoreRange { max_is_open: true, ..ScoreRange::closed(-0.5, score) };
                    let ranks = view.score_ranks(&range);
                    let expected: Vec<usize> =
                        (0..model.len()).filter(|&i| range.contains(model[i].1)).collect();
                    assert_eq!(ranks.clone().collect::<Vec<_>>(), expected);
                    let backward = view.range(ranks).rev().map(|pair| pair.member.to_vec());
                    assert!(backward.eq(expected.iter().rev().map(|&i| model[i].0.clone())));
                }
            }
            assert_eq!(all(&set), model);
        }
        let middle = Range { start: 5, end: model.len() - 5 };
        set.remove_range(middle.clone());
        model.drain(middle);
        assert_eq!(all(&set), model);
    }
}

#[test]
fn members_between_bounds_are_found_in_both_forms() {
    for (mut set, limits) in both() {
        for member in ["a", "b", "bb", "c", "7", "10"] {
            put(&mut set, &limits, member, 0.0);
        }
        // In order: 10 7 a b bb c
        let ranks = |min, max| set.view().member_ranks(&LexRange { min, max });
        assert_eq!(ranks(LexBound::Lowest, LexBound::Highest), 0..6);
        assert_eq!(ranks(LexBound::Open(b"b"), LexBound::Closed(b"c")), 4..6);
        assert_eq!(ranks(LexBound::Closed(b"10"), LexBound::Open(b"7")), 0..1);
        assert!(ranks(LexBound::Highest, LexBound::Lowest).is_empty());
        assert!(ranks(LexBound::Closed(b"c"), LexBound::Closed(b"a")).is_empty());
    }
}

#[test]
fn scores_survive_a_listpack_but_for_the_sign_of_zero() {
    let scores = [0.0, 1.5, -3.0, 1e300, -1e-300, f64::INFINITY, f64::NEG_INFINITY, 0.1, 4.7e18];
    for score in scores {
        for (mut set, limits) in both() {
            put(&mut set, &limits, "m", score);
            assert_eq!(set.view().score(b"m"), Some(score));
        }
    }
    let mut set = SortedSet::empty(&small());
    put(&mut set, &small(), "m", -0.0);
    assert!(set.view().score(b"m").is_some_and(f64::is_sign_positive));
}

#[test]
fn it_converts_at_the_thresholds_and_results_may_go_back() {
    let limits = Limits { zset_entries_max: 3, zset_value_bytes_max: 4, ..small() };
    let name = |set: &SortedSet| set.view().encoding_name();
    let mut set = SortedSet::empty(&limits);
    ["a", "b", "c"].iter().for_each(|member| put(&mut set, &limits, member, 1.0));
    put(&mut set, &limits, "c", 2.0);
    assert_eq!(name(&set), "listpack");
    put(&mut set, &limits, "d", 2.0);
    assert_eq!((name(&set), all(&set).len()), ("skiplist", 4));
    set.remove(b"d");
    assert_eq!(name(&set), "skiplist");

    let mut set = SortedSet::empty(&limits);
    put(&mut set, &limits, "long!", 1.0);
    assert_eq!(name(&set), "skiplist");

    let mut set = SortedSet::empty(&limits);
    set.expect(3, 4, &limits);
    assert_eq!(name(&set), "listpack");
    set.expect(3, 5, &limits);
    assert_eq!(name(&set), "skiplist");

    for (members, expected) in [
        (&["a", "b"][..], "listpack"),
        (&["a", "b", "c", "d"], "skiplist"),
        (&["long!"], "skiplist"),
    ] {
        let mut gathered = Gathered::new();
        members.iter().for_each(|member| gathered.put(member.as_bytes(), |_| 1.0));
        assert_eq!(name(&SortedSet::of_result(gathered, &limits)), expected);
    }
}

#[test]
fn every_choice_is_as_likely() {
    for (mut set, limits) in both() {
        for n in 0..10 {
            put(&mut set, &limits, &n.to_string(), 0.0);
        }
        let mut random = Random::from_seed(2);
        let mut times = [0u32; 10];
        let index = |pair: Pair<'_>| usize::from(pair.member.to_vec()[0] - b'0');
        for _ in 0..4000 {
            set.view().sample(4, || random.next_u64(), |pair| times[index(pair)] += 1);
            let one = set.view().random(|| random.next_u64()).expect("there are ten");
            times[index(one)] += 1;
        }
        // Six standard deviations of a binomial with these figures are 220.
        assert!(times.iter().all(|&times| times.abs_diff(2000) < 220), "{times:?}");
    }
}
