//! Elements against a `HashMap` under random operations.

use super::*;
use base::random::Random;
use std::collections::{HashMap, HashSet};

const STEPS: usize = if cfg!(miri) { 400 } else { 60_000 };
const MANY: usize = if cfg!(miri) { 300 } else { 50_000 };

/// Few enough members to be met again, of all kinds of lengths.
fn some_bytes(random: &mut Random) -> Vec<u8> {
    let mut bytes = format!("{}", random.below(3000)).into_bytes();
    let len = match random.below(100) {
        0 => 126 + random.below(3) as usize,
        1 => 253 + random.below(3) as usize,
        2 => 500 + random.below(40) as usize,
        3 => 65_535 + random.below(2) as usize,
        4..8 => 100 + random.below(500) as usize,
        _ => bytes.len() + random.below(20) as usize,
    };
    bytes.resize(len, b'x');
    bytes
}

fn member(n: usize) -> Vec<u8> {
    format!("member:{n}").into_bytes()
}

fn members(count: usize) -> Elements<Members> {
    let mut set = Elements::new();
    (0..count).for_each(|n| assert!(set.add(&member(n))));
    set
}

#[test]
fn fields_agree_with_a_map_under_random_operations() {
    let mut random = Random::from_seed(1);
    let mut fields = Elements::<Fields>::new();
    let mut model: HashMap<Vec<u8>, (Vec<u8>, Option<i64>)> = HashMap::new();
    let mut now_ms = 1 << 40;
    for step in 0..STEPS {
        let field = some_bytes(&mut random);
        let found = fields.find(&field).map(|f| (f.value().to_vec(), f.expire_ms()));
        assert_eq!(found.as_ref(), model.get(&field), "step {step}");
        let expire_ms = (random.below(2) == 0).then(|| now_ms + random.below(100_000) as i64);
        match (random.below(10), fields.locate(&field)) {
            (0..=5, Err(vacant)) => {
                let value = some_bytes(&mut random);
                let at = fields.insert(vacant, &field, &value, expire_ms);
                assert_eq!(fields.at(&at).member(), field);
                model.insert(field, (value, expire_ms));
            }
            (0..=3, Ok(mut at)) => {
                let value = some_bytes(&mut random);
                fields.set_value(&mut at, &value);
                assert_eq!(fields.at(&at).value(), value);
                model.get_mut(&field).expect("it was found").0 = value;
            }
            (4 | 5, Ok(mut at)) => {
                fields.set_expire_ms(&mut at, expire_ms);
                model.get_mut(&field).expect("it was found").1 = expire_ms;
            }
            (6 | 7, Ok(at)) => {
                fields.remove(at);
                model.remove(&field);
            }
            (8, _) => {
                now_ms += random.below(500) as i64;
                let mut budget = 1 + random.below(60) as usize;
                let is_done = fields.expire_due(now_ms, &mut budget, |due| {
                    let (value, expire_ms) = model.remove(due.member()).expect("it was there");
                    assert_eq!(due.value(), value);
                    assert!(expire_ms.is_some_and(|ms| ms < now_ms), "only the due expire");
                });
                assert!(is_done || budget == 0);
            }
            _ => {
                let earliest = model.values().filter_map(|(_, expire_ms)| *expire_ms).min();
                assert!(fields.earliest_expire_ms() <= earliest || earliest.is_none());
            }
        }
        assert_eq!(fields.len(), model.len());
        if step % (STEPS / 40) == 0 {
            fields.check();
            let copy = fields.clone();
            copy.check();
            let all: HashMap<_, _> = copy
                .iter()
                .map(|f| (f.member().to_vec(), (f.value().to_vec(), f.expire_ms())))
                .collect();
            assert_eq!(all, model);
        }
    }
    // The first walk goes on where it stood; the second one begins at the start.
    for _ in 0..2 {
        while !fields.expire_due(i64::MAX, &mut 100, |due| _ = model.remove(due.member())) {}
    }
    assert!(model.values().all(|(_, expire_ms)| expire_ms.is_none()), "all due ones were found");
    assert_eq!((fields.len(), fields.expiring_len()), (model.len(), 0));
    fields.check();
}

#[test]
fn scored_elements_stay_where_they_are() {
    let mut random = Random::from_seed(2);
    let mut scored = Elements::<Scored>::new();
    let mut model: HashMap<Vec<u8>, (f64, Entry)> = HashMap::new();
    for step in 0..STEPS {
        let member = some_bytes(&mut random);
        let score = random.below(1000) as f64 / 8.0;
        match (random.below(4), scored.locate(&member)) {
            (0..=2, Err(vacant)) => {
                let raw = scored.insert(vacant, &member, score).raw();
                model.insert(member, (score, raw));
            }
            (0..=2, Ok(at)) => {
                scored.set_score(&at, score);
                model.get_mut(&member).expect("it was found").0 = score;
            }
            (_, Ok(at)) => {
                scored.remove(at);
                model.remove(&member);
            }
            (_, Err(_)) => assert!(!model.contains_key(&member)),
        }
        if step % (STEPS / 20) == 0 {
            scored.check();
            for (member, &(score, raw)) in &model {
                let found = scored.find(member).expect("it is there");
                assert_eq!((found.score(), found.raw()), (score, raw));
            }
        }
    }
}

#[test]
fn a_scan_hands_over_each_member_once() {
    let mut set = members(MANY);
    let (mut seen, mut cursor, mut step) = (HashSet::new(), 0, 0);
    loop {
        cursor = set.scan(cursor, |e| assert!(seen.insert(e.member().to_vec())));
        // Members that come and go meanwhile change the table's shape.
        (0..40).for_each(|i| _ = set.add(format!("{step}.{i}").as_bytes()));
        if step % 3 == 0 {
            (0..40).for_each(|i| _ = set.remove_member(format!("{step}.{i}").as_bytes()));
        }
        step += 1;
        if cursor == 0 {
            break;
        }
    }
    assert!((0..MANY).all(|n| seen.contains(&member(n))));
}

#[test]
fn a_batch_finds_what_single_lookups_find() {
    for count in [0, 1, 10, 129, MANY] {
        let set = members(count);
        let asked: Vec<Vec<u8>> = (0..count + 33).map(|n| member(n * 7 % (count + 40))).collect();
        let mut next = asked.iter();
        let to_end = set.find_each(asked.iter().map(|m| &m[..]), |member, found| {
            assert_eq!(next.next().map(|m| &m[..]), Some(member));
            assert_eq!(found.map(|e| e.member()), set.find(member).map(|e| e.member()));
            true
        });
        assert!(to_end && next.next().is_none());
        let mut calls = 0;
        let to_end = set.find_each(asked.iter().map(|m| &m[..]), |_, _| {
            calls += 1;
            calls < 20
        });
        assert_eq!((to_end, calls), (false, 20));
    }
}

#[test]
fn iteration_visits_all_and_knows_how_many_are_left() {
    for count in [0, 1, 15, 16, 17, 129, MANY] {
        let set = members(count);
        assert_eq!(set.iter().len(), count);
        let all: HashSet<Vec<u8>> = set.iter().map(|e| e.member().to_vec()).collect();
        assert_eq!(all.len(), count);
        set.check();
    }
}

#[test]
fn each_element_is_drawn_as_often_as_any_other() {
    let (count, draws) = if cfg!(miri) { (20, 400) } else { (500, 500_000) };
    let set = members(count);
    let mut random = Random::from_seed(3);
    let mut drawn: HashMap<Vec<u8>, usize> = HashMap::new();
    for _ in 0..draws {
        let member = set.random(|| random.next_u64()).expect("it is not empty").member();
        *drawn.entry(member.to_vec()).or_default() += 1;
    }
    let mean = draws as f64 / count as f64;
    let chi2: f64 = drawn.values().map(|&n| (n as f64 - mean).powi(2) / mean).sum();
    let bound = count as f64 + 5.0 * (2.0 * count as f64).sqrt();
    assert!(drawn.len() == count && chi2 < bound, "{} drawn, chi2 = {chi2}", drawn.len());
}

#[test]
fn a_sample_is_of_different_elements_and_even() {
    let set = members(90);
    let mut random = Random::from_seed(4);
    let rounds = if cfg!(miri) { 3 } else { 3_000 };
    for count in [0, 1, 29, 30, 31, 89, 90, 1000] {
        let mut drawn: HashMap<Vec<u8>, usize> = HashMap::new();
        for _ in 0..rounds {
            let mut different = HashSet::new();
            set.sample(count, || random.next_u64(), |e| _ = different.insert(e.member().to_vec()));
            assert_eq!(different.len(), count.min(90));
            different.into_iter().for_each(|member| *drawn.entry(member).or_default() += 1);
        }
        let mean = (rounds * count.min(90)) as f64 / 90.0;
        let deviation = (mean * 1.0).sqrt() * 6.0 + 1.0;
        let is_even = |&n: &usize| (n as f64 - mean).abs() < deviation;
        assert!(cfg!(miri) || drawn.values().all(is_even), "{count}: {drawn:?}");
    }
}

#[test]
fn draining_in_slices_frees_everything() {
    for count in [0, 5, 2_000, MANY] {
        let mut set = members(count);
        let large = vec![b'x'; 10_000];
        set.add(&large);
        let mut slices = 0;
        while !set.drain_some(1000) {
            slices += 1;
        }
        assert_eq!((set.len(), set.bytes()), (0, 0));
        assert!(slices >= count / 4000, "{slices} slices");
    }
    // Whatever the slices, and wherever they end.
    for budget in [1, 37, 500, 2_001] {
        let mut set = members(2_000);
        while !set.drain_some(budget) {}
        assert_eq!((set.len(), set.bytes()), (0, 0), "{budget}");
    }
    // And dropped amid it, and never begun.
    let mut set = members(MANY);
    set.drain_some(MANY / 2);
    drop(set);
    drop(members(MANY));
}

#[test]
fn small_tables_take_little_and_large_ones_close_to_their_records() {
    let small = members(129);
    assert!(small.bytes() < 129 * 40, "{} bytes", small.bytes());
    if cfg!(miri) {
        return;
    }
    let mut large = Elements::<Members>::new();
    (0..400_000).for_each(|n| assert!(large.add(format!("member:{n:09}").as_bytes())));
    let overhead = large.bytes() as f64 / 400_000.0 - 16.0;
    assert!(overhead < 18.2, "{overhead} bytes beyond a member");
}

/// Random operations on fields, of which `model` keeps track.
fn change_some(
    fields: &mut Elements<Fields>,
    random: &mut Random,
    model: &mut HashMap<Vec<u8>, (Vec<u8>, Option<i64>)>,
) {
    let field = some_bytes(random);
    let expire_ms = (random.below(2) == 0).then(|| 1 + random.below(100_000) as i64);
    match (random.below(8), fields.locate(&field)) {
        (0..=4, Err(vacant)) => {
            let value = some_bytes(random);
            fields.insert(vacant, &field, &value, expire_ms);
            model.insert(field, (value, expire_ms));
        }
        (0..=2, Ok(mut at)) => {
            let value = some_bytes(random);
            fields.set_value(&mut at, &value);
            model.get_mut(&field).expect("it was found").0 = value;
        }
        (3, Ok(mut at)) => {
            fields.set_expire_ms(&mut at, expire_ms);
            model.get_mut(&field).expect("it was found").1 = expire_ms;
        }
        (7, _) if random.below(50) == 0 => {
            let now_ms = random.below(3000) as i64;
            fields.expire_due(now_ms, &mut 20, |due| _ = model.remove(due.member()));
        }
        (_, Ok(at)) => {
            fields.remove(at);
            model.remove(&field);
        }
        _ => {}
    }
}

#[test]
fn frozen_fields_are_handed_over_as_they_were() {
    for seed in 0..if cfg!(miri) { 2 } else { 30 } {
        let mut random = Random::from_seed(seed);
        let (mut fields, mut model) = (Elements::<Fields>::new(), HashMap::new());
        for _ in 0..random.below(if cfg!(miri) { 200 } else { 8_000 }) {
            change_some(&mut fields, &mut random, &mut model);
        }
        let (expected, mut taken, mut is_done) = (model.clone(), HashMap::new(), false);
        fields.freeze();
        // Some tables grow or shrink a lot meanwhile.
        let changes = [20, 200, 2_000][random.below(3) as usize];
        while !is_done {
            for _ in 0..random.below(changes) {
                change_some(&mut fields, &mut random, &mut model);
            }
            let mut budget = random.below(3_000) as usize;
            is_done = fields.frozen_some(&mut budget, &mut |field| {
                let entry = (field.value().to_vec(), field.expire_ms());
                let twice = taken.insert(field.member().to_vec(), entry);
                assert!(twice.is_none(), "seed {seed}: handed over twice");
                10
            });
            if random.below(10) == 0 {
                fields.check();
            }
        }
        assert!(taken == expected, "seed {seed}");
        fields.check();
        let now: HashMap<_, _> = fields
            .iter()
            .map(|f| (f.member().to_vec(), (f.value().to_vec(), f.expire_ms())))
            .collect();
        assert!(now == model, "seed {seed}");
    }
}

#[test]
fn a_table_that_is_thawed_or_freed_keeps_nothing() {
    for ends_thawed in [true, false] {
        let mut set = members(5_000);
        set.freeze();
        (0..2_000).for_each(|n| assert!(set.remove_member(&member(n))));
        set.frozen_some(&mut 500, &mut |_| 1);
        set.check();
        if ends_thawed {
            set.thaw();
            set.check();
            assert!(!set.is_frozen());
        }
        while !set.drain_some(100) {}
        assert_eq!(set.bytes(), 0);
    }
}
