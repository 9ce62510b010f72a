//! Hashes against a map, in all forms and from one to the next.

use std::collections::BTreeMap;

use base::random::Random;

use super::*;

const LIMITS: Limits = Limits {
    hash_entries_max: 24,
    hash_value_bytes_max: 20,
    set_intset_entries_max: 0,
    set_listpack_entries_max: 0,
    set_listpack_value_bytes_max: 0,
    zset_entries_max: 0,
    zset_value_bytes_max: 0,
    list_node_size: 0,
    list_plain_bytes_min: 0,
    stream_node_bytes_max: 0,
    stream_node_entries_max: 0,
};

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

fn contents(hash: &Hash) -> Model {
    let fields = hash.view().iter();
    fields.map(|f| (f.name.to_vec(), (f.value.to_vec(), f.expire_ms))).collect()
}

fn text(random: &mut Random, kinds: u64) -> Vec<u8> {
    match random.below(kinds) {
        0 => random.below(200).to_string().into_bytes(),
        1 => (random.next_u64() as i64).to_string().into_bytes(),
        2 => Vec::new(),
        3 => format!("name {}", random.below(40)).into_bytes(),
        _ => vec![b'x'; 15 + random.below(12) as usize],
    }
}

/// Puts it into its record and takes it out again, as every edit does.
fn through_a_record(hash: Hash) -> Hash {
    match hash.inline() {
        Some((form, bytes)) => Hash::from_inline(form, bytes.to_vec()),
        None => hash,
    }
}

#[test]
fn it_agrees_with_a_map_in_all_forms() {
    let mut met = BTreeMap::new();
    for seed in 0..300 {
        let mut random = Random::from_seed(seed);
        // Few kinds of texts: none is too long for a listpack.
        let kinds = if seed % 3 == 0 { 5 } else { 4 };
        let expiring = seed % 2 == 0;
        let (mut hash, mut model) = (Hash::empty(&LIMITS), Model::new());
        let mut now_ms = 1_000_000;
        for _ in 0..random.below(200) {
            let field = text(&mut random, kinds);
            match random.below(if expiring { 8 } else { 5 }) {
                0..=2 => {
                    let value = text(&mut random, kinds);
                    let keeps = random.below(2) == 0;
                    let expire = if keeps { FieldExpire::Keep } else { FieldExpire::Clear };
                    let old = model.get(&field).and_then(|(_, at)| *at);
                    let is_new = hash.set(&LIMITS, &field, &value, expire);
                    let before = model.insert(field, (value, old.filter(|_| keeps)));
                    assert_eq!(is_new, before.is_none());
                }
                3 => assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                4 => {
                    let held = hash.view().get(&field);
                    let held = held.map(|h| (h.value.to_vec(), h.expire_ms));
                    assert_eq!(held, model.get(&field).cloned());
                }
                5 | 6 => {
                    let at = (random.below(4) > 0).then(|| now_ms + random.below(5000) as i64);
                    let found = hash.set_expire_ms(&field, at);
                    let entry = model.get_mut(&field);
                    assert_eq!(found, entry.is_some());
                    if let Some((_, expire_ms)) = entry {
                        *expire_ms = at;
                    }
                }
                _ => {
                    now_ms += random.below(1500) as i64;
                    let mut budget = random.below(5) as usize;
                    let done = hash.expire_due(now_ms, &mut budget, |name| {
                        let (_, at) = model.remove(name).expect("it was there");
                        assert!(at < Some(now_ms));
                    });
                    let none_due = model.values().all(|(_, at)| at.is_none_or(|at| at >= now_ms));
                    let is_known = hash.view().may_have_due(now_ms);
                    assert!(none_due || (!done || hash.inline().is_none()) && is_known);
                }
            }
            hash = through_a_record(hash);
            *met.entry(hash.view().encoding_name()).or_insert(0) += 1;
            hash.check();
            assert_eq!(hash.view().len(), model.len());
            let earliest = model.values().filter_map(|(_, at)| *at).min();
            assert!(hash.earliest_expire_ms() <= earliest || earliest.is_none());
            assert_eq!(hash.earliest_expire_ms().is_some(), earliest.is_some());
            let live = model.values().filter(|(_, at)| at.is_none_or(|at| at >= now_ms)).count();
            assert_eq!(hash.view().live_len(now_ms), live);
        }
        assert_eq!(contents(&hash), model);
    }
    assert!(met.len() == 3 && met.values().all(|&times| times > 500), "{met:?}");
}

#[test]
fn forms_change_when_redis_changes_them() {
    let mut hash = Hash::empty(&LIMITS);
    let name = |hash: &Hash| hash.view().encoding_name();
    assert_eq!(name(&hash), "listpack");
    for n in 0..24 {
        hash.set(&LIMITS, format!("f{n}").as_bytes(), b"v", FieldExpire::Clear);
    }
    assert_eq!(name(&hash), "listpack");
    hash.make_expirable();
    assert_eq!(name(&hash), "listpackex");
    hash.set(&LIMITS, b"one more", b"v", FieldExpire::Clear);
    assert_eq!(name(&hash), "hashtable");
    hash.remove(b"one more");
    assert_eq!(name(&hash), "hashtable", "a table stays one");

    let mut hash = Hash::empty(&LIMITS);
    hash.set(&LIMITS, b"f", &[b'v'; 20], FieldExpire::Clear);
    assert_eq!(name(&hash), "listpack");
    hash.set(&LIMITS, b"f", &[b'v'; 21], FieldExpire::Clear);
    assert_eq!(name(&hash), "hashtable");
    let mut hash = Hash::empty(&LIMITS);
    hash.reserve(&LIMITS, 24);
    assert_eq!(name(&hash), "listpack");
    hash.reserve(&LIMITS, 25);
    assert_eq!(name(&hash), "hashtable");
}

/// The order of HGETALL and of the bytes of a DUMP.
#[test]
fn triples_stand_in_the_order_of_their_moments() {
    let mut hash = Hash::empty(&LIMITS);
    let order = |hash: &Hash| -> Vec<u8> {
        hash.view().iter().flat_map(|field| field.name.to_vec()).collect()
    };
    for name in [b"a", b"b", b"c", b"d"] {
        hash.set(&LIMITS, name, b"1", FieldExpire::Clear);
    }
    hash.set_expire_ms(b"c", Some(500));
    assert_eq!(order(&hash), b"cabd");
    hash.set_expire_ms(b"a", Some(400));
    assert_eq!(order(&hash), b"acbd");
    hash.set_expire_ms(b"d", Some(500));
    assert_eq!(order(&hash), b"adcb", "before those of the same moment");
    hash.set(&LIMITS, b"d", b"2", FieldExpire::Keep);
    assert_eq!(order(&hash), b"adcb");
    hash.set(&LIMITS, b"a", b"2", FieldExpire::Clear);
    assert_eq!(order(&hash), b"dcba");
    hash.set_expire_ms(b"d", None);
    assert_eq!(order(&hash), b"cbad");
    assert_eq!(hash.earliest_expire_ms(), Some(500));
}

#[test]
fn random_fields_are_fields_and_a_sample_has_none_twice() {
    for fields in [1, 5, 24, 25, 300] {
        let mut hash = Hash::empty(&LIMITS);
        for n in 0..fields {
            hash.set(&LIMITS, format!("f{n}").as_bytes(), b"v", FieldExpire::Clear);
        }
        let mut random = Random::from_seed(fields);
        for count in [1, 3, 24, 200, 500] {
            let mut seen = Vec::new();
            hash.view().sample(count, || random.next_u64(), |field| seen.push(field.name.to_vec()));
            let len = seen.len();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!((len, seen.len()), (count.min(fields as usize), len));
            let mut times = 0;
            hash.view().random_many(
                count,
                || random.next_u64(),
                |field| {
                    assert!(hash.view().get(&field.name.to_vec()).is_some());
                    times += 1;
                },
            );
            assert_eq!(times, count);
        }
        assert!(hash.view().random(|| random.next_u64()).is_some());
    }
}
