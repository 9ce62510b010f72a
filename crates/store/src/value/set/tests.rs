//! Sets against a `BTreeSet` under random operations, in all forms and across their limits.

use std::collections::BTreeSet;

use base::random::Random;

use super::*;

fn limits(intset: usize, listpack: usize, bytes: usize) -> Limits {
    Limits {
        set_intset_entries_max: intset,
        set_listpack_entries_max: listpack,
        set_listpack_value_bytes_max: bytes,
        ..Limits::default()
    }
}

fn text(member: Value<'_>) -> Vec<u8> {
    member.to_vec()
}

fn all(set: &Set) -> BTreeSet<Vec<u8>> {
    let members: Vec<_> = set.view().iter().map(text).collect();
    let different: BTreeSet<_> = members.iter().cloned().collect();
    assert_eq!(members.len(), different.len(), "(1)");
    assert_eq!(members.len(), set.view().len());
    different
}

/// The set after its bytes went into a record and out again.
fn moved(set: Set) -> Set {
    match set.inline().map(|(form, bytes)| (form, bytes.to_vec())) {
        Some((form, bytes)) => {
            let seen: Vec<_> = Set::of_inline(form, &bytes).iter().map(text).collect();
            assert_eq!(seen, set.view().iter().map(text).collect::<Vec<_>>());
            Set::from_inline(form, bytes)
        }
        None => set,
    }
}

fn some_member(random: &mut Random, strings: u64) -> Vec<u8> {
    if random.below(100) < strings {
        let mut member = format!("member:{}", random.below(60)).into_bytes();
        member.resize(member.len() + random.below(3) as usize * 30, b'x');
        return member;
    }
    (random.below(200) as i64 - 100).to_string().into_bytes()
}

#[test]
fn sets_agree_with_a_model_under_random_operations() {
    for seed in 0..60 {
        let mut random = Random::from_seed(seed);
        let limits = limits(
            [0, 10, 64, 512][random.below(4) as usize],
            [0, 12, 128][random.below(3) as usize],
            [10, 64, 1000][random.below(3) as usize],
        );
        let strings = [0, 2, 100][random.below(3) as usize];
        let (mut set, mut model) = (Set::empty(&limits), BTreeSet::new());
        for _ in 0..1500 {
            let member = some_member(&mut random, strings);
            assert_eq!(set.view().contains(&member), model.contains(&member));
            match random.below(8) {
                0..=2 => assert_eq!(set.add(&member, &limits), model.insert(member)),
                3 => {
                    let is_new = set.add_value(Value::Bytes(&member), &limits);
                    assert_eq!(is_new, model.insert(member));
                }
                4 => assert_eq!(set.remove(&member), model.remove(&member)),
                5 => assert_eq!(set.remove_value(Value::of(&member)), model.remove(&member)),
                6 if random.below(10) == 0 && model.len() > 1 => {
                    let count = random.below(model.len() as u64) as usize;
                    let mut popped = 0;
                    let mut chance = random.clone();
                    set.pop(
                        count,
                        &limits,
                        || chance.next_u64(),
                        |member| {
                            assert!(model.remove(&text(member)));
                            popped += 1;
                        },
                    );
                    assert_eq!(popped, count);
                }
                _ => set = moved(set),
            }
            if random.below(50) == 0 {
                assert_eq!(all(&set), model, "seed {seed}");
            }
        }
        assert_eq!(all(&set), model, "seed {seed}");
    }
}

#[test]
fn batches_say_what_single_lookups_say() {
    let mut random = Random::from_seed(7);
    for strings in [0, 100] {
        for count in [5, 100, 2000] {
            let limits = Limits::default();
            let mut set = Set::empty(&limits);
            (0..count).for_each(|_| _ = set.add(&some_member(&mut random, strings), &limits));
            let asked: Vec<Vec<u8>> = (0..77).map(|_| some_member(&mut random, strings)).collect();
            let mut said = Vec::new();
            set.view()
                .contains_each(asked.iter().map(|m| &m[..]), |is_member| said.push(is_member));
            let single: Vec<bool> = asked.iter().map(|m| set.view().contains(m)).collect();
            assert_eq!(said, single);
            for is_member in [true, false] {
                let mut kept: Vec<Value<'_>> = asked.iter().map(|m| Value::of(m)).collect();
                set.view().retain(&mut kept, is_member);
                let expected = asked.iter().filter(|m| set.view().contains(m) == is_member);
                assert!(kept.into_iter().map(text).eq(expected.cloned()));
            }
        }
    }
}

fn encoding_after(members: &[&str], limits: &Limits) -> &'static str {
    let mut set = Set::empty(limits);
    members.iter().for_each(|member| _ = set.add(member.as_bytes(), limits));
    set.view().encoding_name()
}

#[test]
fn forms_change_at_the_limits() {
    let few = limits(3, 4, 6);
    assert_eq!(encoding_after(&["1", "2", "3"], &few), "intset");
    assert_eq!(encoding_after(&["1", "2", "3", "4"], &few), "hashtable");
    assert_eq!(encoding_after(&["1", "2", "3", "a"], &few), "listpack");
    assert_eq!(encoding_after(&["1", "2", "3", "1234567"], &limits(4, 4, 6)), "intset");
    assert_eq!(encoding_after(&["1234567", "a"], &few), "hashtable");
    assert_eq!(encoding_after(&["a", "1234567"], &few), "hashtable");
    assert_eq!(encoding_after(&["a", "b", "c", "d"], &few), "listpack");
    assert_eq!(encoding_after(&["a", "b", "c", "d", "d"], &few), "listpack");
    assert_eq!(encoding_after(&["a", "b", "c", "d", "e"], &few), "hashtable");
}

#[test]
fn a_set_that_will_be_large_begins_as_it_will_be() {
    let few = limits(3, 4, 6);
    let ready = |first: &str, count| {
        let mut set = Set::empty(&few);
        set.make_ready(first.as_bytes(), count, &few);
        set.view().encoding_name()
    };
    assert_eq!([ready("1", 3), ready("1", 4), ready("1", 5)], ["intset", "listpack", "hashtable"]);
    assert_eq!(
        [ready("a", 3), ready("a", 4), ready("a", 5)],
        ["listpack", "listpack", "hashtable"]
    );
    let mut set = Set::empty(&few);
    set.add(b"1", &few);
    set.make_ready(b"a", 3, &few);
    assert_eq!(set.view().encoding_name(), "intset");
    set.make_ready(b"a", 4, &few);
    assert_eq!(set.view().encoding_name(), "hashtable");
}

#[test]
fn what_few_members_stay_of_a_table_is_compact_again() {
    let limits = Limits::default();
    let mut set = Set::empty(&limits);
    (0..1000).for_each(|n| _ = set.add(format!("m{n}").as_bytes(), &limits));
    let mut random = Random::from_seed(1);
    set.pop(100, &limits, || random.next_u64(), |_| ());
    assert_eq!(set.view().encoding_name(), "hashtable");
    set.pop(890, &limits, || random.next_u64(), |_| ());
    assert_eq!((set.view().encoding_name(), set.view().len()), ("listpack", 10));
}

#[test]
fn integers_become_an_intset_again_when_asked() {
    let limits = Limits::default();
    let mut set = Set::new_listpack();
    (0..500).for_each(|n| _ = set.add(format!("{}", n * 7919 % 501).as_bytes(), &limits));
    assert_eq!(set.view().encoding_name(), "hashtable");
    let before = all(&set);
    set.make_intset(&limits);
    assert_eq!(set.view().encoding_name(), "intset");
    assert_eq!(all(&set), before);
    set.add(b"x", &limits);
    set.make_intset(&limits);
    assert_eq!(set.view().encoding_name(), "hashtable");
}

#[test]
fn each_member_is_drawn_as_often_in_any_form() {
    const ROUNDS: usize = 20_000;
    for limits in [limits(512, 128, 64), limits(0, 128, 64), limits(0, 0, 0)] {
        let mut set = Set::empty(&limits);
        set.make_ready(b"0", 1, &limits);
        (0..10).for_each(|n| _ = set.add(format!("{n}").as_bytes(), &limits));
        let mut random = Random::from_seed(2);
        let (mut single, mut sampled, mut popped) = ([0usize; 10], [0usize; 10], [0usize; 10]);
        let index = |member: Value<'_>| member.as_i64().expect("a digit") as usize;
        for _ in 0..ROUNDS {
            single[index(set.view().random(|| random.next_u64()))] += 1;
            set.view().sample(4, || random.next_u64(), |member| sampled[index(member)] += 1);
            let mut copy = set.clone();
            copy.pop(4, &limits, || random.next_u64(), |member| popped[index(member)] += 1);
            assert_eq!(copy.view().len(), 6);
        }
        // Six standard deviations of a binomial with these figures are below 420.
        assert!(single.iter().all(|n| n.abs_diff(ROUNDS / 10) < 420), "{single:?}");
        assert!(sampled.iter().all(|n| n.abs_diff(ROUNDS * 4 / 10) < 420), "{sampled:?}");
        assert!(popped.iter().all(|n| n.abs_diff(ROUNDS * 4 / 10) < 420), "{popped:?}");
    }
}

#[test]
fn a_scan_of_a_table_meets_each_member_once_and_of_others_all_at_once() {
    let limits = Limits::default();
    for count in [3, 100, 5000] {
        let mut set = Set::empty(&limits);
        (0..count).for_each(|n| _ = set.add(format!("m{n}").as_bytes(), &limits));
        let (mut position, mut seen, mut steps) = (0, Vec::new(), 0);
        loop {
            let before = seen.len();
            let (next, met) = set.view().scan(position, |member| seen.push(text(member)));
            assert_eq!(seen.len() - before, met);
            steps += 1;
            position = next;
            if position == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), count);
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all(&set));
        assert!(steps == 1 || count > 128);
    }
}
