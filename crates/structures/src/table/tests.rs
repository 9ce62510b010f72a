//! The table against std collections, under churn, and looked at while it changes.

use super::check::{Model, Models};
use super::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Miri is some thousand times slower.
const fn scaled(count: u64) -> u64 {
    if cfg!(miri) { count / 500 + 60 } else { count }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn new_table() -> Table {
    Table::new(4, Reclaim::Now)
}

fn insert(table: &mut Table, key: u64, expire_ms: Option<u64>) {
    let flags = if expire_ms.is_some() { HAS_TTL } else { 0 };
    let expire_ms = expire_ms.unwrap_or(0);
    table.insert(mix(key), Model { key, hash: mix(key), expire_ms }.leak(), flags, &Models);
}

fn find(table: &Table, key: u64) -> Option<Slot> {
    table.find(mix(key), |entry| Model::of(entry).key == key)
}

fn remove(table: &mut Table, key: u64) -> bool {
    let slot = find(table, key);
    slot.map(|slot| Model::free(table.remove(slot))).is_some()
}

fn free_all(mut table: Table) {
    table.take_all(|entry, _| {
        Model::free(entry);
    });
    assert_eq!((table.len(), table.ttl_len(), table.bytes()), (0, 0, 0));
}

fn filled(keys: u64) -> Table {
    let mut table = new_table();
    (0..keys).for_each(|key| insert(&mut table, key, None));
    table
}

#[test]
fn an_empty_table_owns_no_memory_and_a_small_one_128_bytes() {
    let mut table = new_table();
    assert_eq!((table.bytes(), table.len()), (0, 0));
    assert!(find(&table, 1).is_none());
    assert_eq!(table.scan(0, &Models, |_, _| unreachable!()), 0);
    (0..12).for_each(|key| insert(&mut table, key, None));
    assert_eq!(table.bytes(), 128);
    table.check(&Models);
    (0..12).for_each(|key| assert!(remove(&mut table, key)));
    assert_eq!(table.bytes(), 0);
}

#[test]
fn entries_that_were_expected_take_as_much_as_others() {
    for keys in [5, 40, 700, 20_000, 150_000] {
        let keys = scaled(keys);
        let bytes = filled(keys).bytes();
        for expected in [0, keys / 5, keys, keys * 3, u64::MAX] {
            let mut table = new_table();
            table.expect(usize::try_from(expected).unwrap_or(usize::MAX));
            for key in 0..keys {
                insert(&mut table, key, key.is_multiple_of(7).then_some(1_000 + key));
                // A lie costs some times what is there, no more.
                assert!(table.bytes() <= 128 + 200 * table.len());
            }
            table.check(&Models);
            assert!((0..keys).all(|key| find(&table, key).is_some()));
            if expected == keys {
                assert!(table.bytes() <= bytes * 5 / 4 + 128, "{keys}: {} {bytes}", table.bytes());
            }
            free_all(table);
        }
    }
}

#[test]
fn it_agrees_with_a_btree_map_while_growing_and_shrinking() {
    let mut random = Random(1);
    let mut table = new_table();
    let mut model: BTreeMap<u64, (u64, u8)> = BTreeMap::new();
    let top = scaled(200_000);
    for (target, inserts_in_ten) in [(top, 8), (top / 3, 1), (top, 8), (0, 1)] {
        let mut steps = 0u64;
        while model.len() as u64 != target {
            let key = random.below(top * 2);
            let slot = find(&table, key);
            assert_eq!(slot.map(|slot| slot.flags()), model.get(&key).map(|m| m.1), "{key}");
            let (flags, expire_ms) = (random.below(4) as u8, 1000 + random.below(1 << 30));
            let entry = || Model { key, hash: mix(key), expire_ms }.leak();
            match (slot, random.below(10) < inserts_in_ten) {
                (None, true) => {
                    table.insert(mix(key), entry(), flags, &Models);
                    model.insert(key, (expire_ms, flags));
                }
                (Some(mut slot), true) => {
                    if random.below(2) == 0 {
                        table.set_flags(&mut slot, flags, &Models);
                        model.get_mut(&key).unwrap().1 = flags;
                    } else {
                        Model::free(table.replace(&mut slot, entry(), flags, &Models));
                        model.insert(key, (expire_ms, flags));
                    }
                    assert_eq!(slot.flags(), flags);
                }
                (Some(slot), false) => {
                    Model::free(table.remove(slot));
                    model.remove(&key);
                }
                (None, false) if target == 0 => {
                    let key = *model.first_key_value().unwrap().0;
                    assert!(remove(&mut table, key));
                    model.remove(&key);
                }
                (None, false) => {}
            }
            assert_eq!(table.len(), model.len());
            steps += 1;
            if steps.is_multiple_of(scaled(100_000)) {
                table.check(&Models);
            }
        }
        table.check(&Models);
        assert_eq!(table.ttl_len(), model.values().filter(|m| m.1 & HAS_TTL != 0).count());
        let seen: BTreeMap<u64, u8> =
            table.iter().map(|(entry, flags)| (Model::of(entry).key, flags)).collect();
        assert!(
            seen.iter().eq(model.iter().map(|(key, m)| (key, &m.1)).collect::<BTreeMap<_, _>>())
        );
    }
    assert_eq!(table.bytes(), 0);
}

#[test]
fn it_stays_full_while_growing_and_not_too_empty_while_shrinking() {
    let mut table = new_table();
    let (mut sum, mut samples) = (0.0, 0);
    let top = scaled(300_000);
    for key in 0..top {
        insert(&mut table, key, None);
        if key > top / 8 && key % (top / 64) == 0 {
            sum += table.len() as f64 / table.stats().slots as f64;
            samples += 1;
        }
    }
    let mean_fill = sum / f64::from(samples);
    assert!(cfg!(miri) || mean_fill > 0.83, "mean fill {mean_fill}");
    for key in 0..top {
        assert!(remove(&mut table, key));
        if key % (top / 64) == 0 && table.len() > 1000 {
            let fill = table.len() as f64 / table.stats().slots as f64;
            assert!(fill > 0.4, "fill {fill} of {}", table.len());
        }
    }
    assert_eq!(table.bytes(), 0);
}

#[test]
fn a_scan_returns_what_stays_exactly_once_while_the_table_grows_and_shrinks() {
    for seed in 0..scaled(24) {
        let mut random = Random(seed);
        let (stay, churn) = (scaled(2_000), scaled(40_000));
        let mut table = filled(stay);
        let mut extra = BTreeSet::new();
        let mut seen: HashMap<u64, u32> = HashMap::new();
        let mut cursor = 0;
        let mut is_growing = seed % 2 == 0;
        if !is_growing {
            for key in stay..stay + churn {
                insert(&mut table, key, None);
                extra.insert(key);
            }
        }
        loop {
            let before = cursor;
            cursor = table.scan(cursor, &Models, |entry, _| {
                *seen.entry(Model::of(entry).key).or_default() += 1;
            });
            if cursor == 0 {
                break;
            }
            assert!(cursor > before);
            for _ in 0..random.below(400) {
                let key = stay + random.below(churn);
                if is_growing && extra.insert(key) {
                    insert(&mut table, key, None);
                } else if !is_growing && let Some(key) = extra.pop_first() {
                    assert!(remove(&mut table, key));
                }
            }
            if random.below(150) == 0 {
                is_growing = !is_growing;
            }
        }
        for key in 0..stay {
            assert_eq!(seen.get(&key), Some(&1), "key {key}, seed {seed}");
        }
        table.check(&Models);
        free_all(table);
    }
}

#[test]
fn a_cursor_between_two_tags_of_a_shallower_segment_is_exact() {
    // Hashes that agree in their top 30 bits: one tag in a shallow table.
    let mut table = Table::new(0, Reclaim::Now);
    for key in 0..30 {
        table.insert(key << 20, Model { key, hash: key << 20, expire_ms: 0 }.leak(), 0, &Models);
    }
    for from in 0..=30 {
        let mut seen = BTreeSet::new();
        table.scan((from << 20) + u64::from(from == 30), &Models, |entry, _| {
            seen.insert(Model::of(entry).key);
        });
        assert_eq!(seen, (from..30).collect(), "from {from}");
    }
    free_all(table);
}

#[test]
fn colours_change_by_scanning_and_survive_every_move() {
    let mut table = filled(scaled(5_000));
    let mut cursor = 0;
    loop {
        cursor = table.scan_colours(cursor, &Models, |_, flags| flags ^ COLOUR_A);
        if cursor == 0 {
            break;
        }
    }
    let top = scaled(20_000) + scaled(5_000);
    (scaled(5_000)..top).for_each(|key| insert(&mut table, key, None));
    for key in 0..top {
        let flags = find(&table, key).unwrap().flags();
        assert_eq!(flags, if key < scaled(5_000) { COLOUR_A } else { 0 });
    }
    table.check(&Models);
    free_all(table);
}

#[test]
fn expire_due_finds_all_that_is_due_and_nothing_else() {
    let mut random = Random(7);
    let mut table = new_table();
    let start_ms = 1_700_000_000_000;
    let mut expires: BTreeMap<u64, Option<u64>> = BTreeMap::new();
    for key in 0..scaled(50_000) {
        let range = 1 << (5 + random.below(30));
        let expire_ms = (key % 3 != 0).then(|| start_ms + random.below(range));
        insert(&mut table, key, expire_ms);
        expires.insert(key, expire_ms);
    }
    let mut now_ms = start_ms;
    for round in 0..40u64 {
        now_ms += 1 << (round.min(34));
        assert!(table.next_expire_ms() <= expires.values().flatten().min().copied());
        let (mut cursor, mut slices) = (0, 0);
        loop {
            slices += 1;
            let mut budget = [usize::MAX, 7, 300][round as usize % 3];
            let done =
                table.expire_due(now_ms, &mut cursor, &mut budget, &Models, |entry, _, _| {
                    let dead = Model::free(entry);
                    assert_eq!(expires.remove(&dead.key), Some(Some(dead.expire_ms)));
                    assert!(dead.expire_ms < now_ms);
                    Due::Gone
                });
            if done {
                break;
            }
            assert!(slices < 100_000, "every slice gets ahead");
        }
        assert!(expires.values().flatten().all(|&expire_ms| expire_ms >= now_ms), "round {round}");
        assert_eq!(table.len(), expires.len());
        // What was found is known exactly: the same moment costs nothing again.
        let mut budget = 10;
        assert!(table.expire_due(
            now_ms.min(table.min_expire_ms),
            &mut 0,
            &mut budget,
            &Models,
            |_, _, _| unreachable!("nothing is due")
        ));
        assert_eq!(budget, 10);
        table.check(&Models);
    }
    assert_eq!(table.ttl_len(), 0);
    free_all(table);
}

#[test]
fn expiry_follows_replace_flags_and_note() {
    let mut table = new_table();
    (0..100).for_each(|key| insert(&mut table, key, None));
    let expire_in = |table: &mut Table, now_ms| {
        let mut dead = vec![];
        assert!(table.expire_due(
            now_ms,
            &mut 0,
            &mut usize::MAX.clone(),
            &Models,
            |entry, _, _| {
                dead.push(Model::free(entry).key);
                Due::Gone
            }
        ));
        dead
    };
    let mut slot = find(&table, 7).unwrap();
    let entry = Model { key: 7, hash: mix(7), expire_ms: 5_000 }.leak();
    Model::free(table.replace(&mut slot, entry, HAS_TTL, &Models));
    let mut slot = find(&table, 8).unwrap();
    table.set_flags(&mut slot, HAS_TTL, &Models);
    assert_eq!(expire_in(&mut table, 1), [8], "its model says 0");
    assert_eq!(expire_in(&mut table, 5_000), [0; 0], "a key lives through its last millisecond");
    table.note_expire(find(&table, 7).unwrap(), 4_000);
    assert_eq!(table.next_expire_ms(), Some(4_000));
    assert_eq!(expire_in(&mut table, 4_500), [0; 0], "a bound too low is a wasted visit");
    assert_eq!(expire_in(&mut table, 5_001), [7]);
    assert_eq!(table.next_expire_ms(), None);
    table.check(&Models);
    free_all(table);
}

/// Entries that expire in parts, like hashes whose fields do: each has a list of moments.
#[test]
fn a_due_entry_may_stay_with_another_moment() {
    let mut random = Random(11);
    let mut table = new_table();
    let start_ms = 1_700_000_000_000;
    let mut parts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for key in 0..scaled(20_000) {
        // The latest first. One in eight loses its expiry after the last part, the others go.
        let mut moments: Vec<u64> =
            (0..random.below(6)).map(|_| start_ms + random.below(1 << 20)).collect();
        moments.sort_unstable_by(|a, b| b.cmp(a));
        insert(&mut table, key, moments.last().copied());
        parts.insert(key, moments);
    }
    let mut now_ms = start_ms;
    while now_ms < start_ms + (1 << 20) {
        now_ms += random.below(1 << 17);
        let budget_first = [usize::MAX, 5, 200][random.below(3) as usize];
        let (mut cursor, mut slices) = (0, 0);
        loop {
            slices += 1;
            assert!(slices < 1_000_000, "every slice gets ahead");
            let mut budget = budget_first;
            let done =
                table.expire_due(now_ms, &mut cursor, &mut budget, &Models, |entry, _, left| {
                    let key = Model::of(entry).key;
                    let moments = parts.get_mut(&key).expect("it is in the table");
                    assert_eq!(moments.last(), Some(&Model::of(entry).expire_ms));
                    assert!(moments.last() < Some(&now_ms));
                    // At least one part goes, however small the budget.
                    moments.pop();
                    while *left > 0 && moments.last().is_some_and(|&at| at < now_ms) {
                        moments.pop();
                        *left -= 1;
                    }
                    Model::free(entry);
                    let next_ms = moments.last().copied();
                    if next_ms.is_none() && !key.is_multiple_of(8) {
                        parts.remove(&key);
                        return Due::Gone;
                    }
                    let expire_ms = next_ms.unwrap_or(0);
                    Due::Stays(Model { key, hash: mix(key), expire_ms }.leak(), next_ms)
                });
            if done {
                break;
            }
        }
        table.check(&Models);
        assert_eq!(table.len(), parts.len());
        let next_ms = parts.values().filter_map(|moments| moments.last()).min();
        assert!(next_ms.is_none_or(|&at| at >= now_ms), "nothing that is due is left");
        assert!(table.next_expire_ms() <= next_ms.copied(), "a bound is never late");
        let expiring = parts.values().filter(|moments| !moments.is_empty()).count();
        assert_eq!(table.ttl_len(), expiring);
    }
    for (&key, moments) in &parts {
        let slot = find(&table, key).expect("it stayed");
        assert_eq!(slot.flags() & HAS_TTL != 0, !moments.is_empty());
    }
    free_all(table);
}

#[test]
fn an_entry_that_stays_due_ends_the_slice_and_is_first_in_the_next() {
    let mut table = new_table();
    (0..3_000).for_each(|key| insert(&mut table, key, None));
    let (large, mut left) = (17, 10_000);
    let mut slot = find(&table, large).unwrap();
    let entry = Model { key: large, hash: mix(large), expire_ms: 5 }.leak();
    Model::free(table.replace(&mut slot, entry, HAS_TTL, &Models));
    let (mut cursor, mut slices) = (0, 0);
    loop {
        let mut budget = 256;
        let done = table.expire_due(9, &mut cursor, &mut budget, &Models, |entry, _, budget| {
            let taken = (*budget).min(left);
            (left, *budget) = (left - taken, *budget - taken);
            Due::Stays(entry, (left > 0).then_some(5))
        });
        table.check(&Models);
        if done {
            break;
        }
        slices += 1;
    }
    assert_eq!(left, 0);
    assert!((39..=60).contains(&slices), "{slices} slices: no walk around the table in between");
    assert_eq!(table.ttl_len(), 0);
    free_all(table);
}

#[test]
fn a_walk_remembers_what_it_has_passed_of_a_segment_that_is_split() {
    const DUE: u64 = 1000;
    const NOW: u64 = 1 << 20;
    const LATE: u64 = 1 << 21;
    let mut table = new_table();
    let position = |key: &u64| mix(*key) << 4;
    let first = (0..500).min_by_key(position).unwrap();
    // Some are due, but not the first of the only segment.
    for key in 0..500u64 {
        let due = key.is_multiple_of(4).then_some(DUE);
        insert(&mut table, key, if key == first { Some(LATE) } else { due });
    }
    let free = |entry, _, _: &mut usize| {
        Model::free(entry);
        Due::Gone
    };
    let mut cursor = 0;
    while cursor < 3 << 62 {
        assert!(!table.expire_due(NOW, &mut cursor, &mut 5, &Models, free), "it stops within");
    }
    assert_eq!(table.segments().count(), 1);
    // So many that the halves stay apart when what is due has gone.
    (1000..2500).for_each(|key| insert(&mut table, key, None));
    assert!(table.segments().count() > 1);
    while !table.expire_due(NOW, &mut cursor, &mut 5, &Models, free) {
        table.check(&Models);
    }
    table.check(&Models);
    assert!(table.next_expire_ms() <= Some(LATE), "a bound is never late");
    assert!(table.expire_due(LATE + 1, &mut cursor, &mut 1000, &Models, free));
    assert_eq!(table.ttl_len(), 0, "the first has expired, too");
    free_all(table);
}

#[test]
fn watermark_codes_are_never_late_and_keep_eleven_bits() {
    let mut random = Random(3);
    for _ in 0..scaled(1_000_000) {
        let base = random.next() >> (20 + random.below(30));
        let expire_ms = base.wrapping_add(random.next() >> (22 + random.below(42)));
        let code = expire::encode(expire_ms, base);
        let decoded = expire::decode(code, base);
        assert!(decoded <= expire_ms);
        assert_eq!(expire::encode(decoded, base), code, "decoding and encoding changes nothing");
        if code != 0 {
            assert!(expire_ms - decoded <= (expire_ms - base) >> 11, "{expire_ms} {base}");
        }
    }
    assert_eq!(expire::decode(expire::encode(u64::MAX, 5), 5), u64::MAX);
    assert!(expire::decode(expire::encode(u64::MAX - 1, 5), 5) < u64::MAX);
}

#[test]
fn random_entries_are_uniform() {
    // Sizes before, amid and after splits, so that segments differ in depth and size.
    for keys in [1, 13, 200, 1_000, 5_000] {
        let table = filled(keys);
        let draws = scaled(200 * keys).max(500);
        let mut random = Random(keys);
        let mut counts = vec![0u32; keys as usize];
        for _ in 0..draws {
            let entry = table.random(|| random.next()).unwrap();
            counts[Model::of(entry).key as usize] += 1;
        }
        let mean = draws as f64 / keys as f64;
        let chi2: f64 = counts.iter().map(|&n| (f64::from(n) - mean).powi(2) / mean).sum();
        let spread = 6.0 * (2.0 * keys as f64).sqrt();
        assert!(cfg!(miri) || (chi2 - keys as f64).abs() <= spread, "{keys} keys: {chi2}");
        free_all(table);
    }
    assert!(new_table().random(|| 0).is_none());
    let table = filled(10);
    assert!(table.random(|| 0).is_some(), "a broken source ends nevertheless");
    free_all(table);
}

#[test]
fn a_sample_is_as_large_as_asked_and_without_repetition() {
    let mut table = new_table();
    for key in 0..scaled(3_000) {
        insert(&mut table, key, (key % 50 == 0).then_some(1));
    }
    let mut random = Random(1);
    for _ in 0..scaled(300) {
        let want = random.below(100) as usize;
        for ttl_only in [false, true] {
            let mut seen = BTreeSet::new();
            table.sample(random.next(), want, ttl_only, |entry, flags| {
                assert!(seen.insert(entry));
                assert!(!ttl_only || flags & HAS_TTL != 0);
            });
            assert_eq!(seen.len(), want.min(if ttl_only { table.ttl_len() } else { table.len() }));
        }
    }
    free_all(table);
}

#[test]
fn equal_hashes_are_kept_though_slowly() {
    let mut table = new_table();
    for key in 0..scaled(1_000) {
        let expire_ms = 0;
        table.insert(42, Model { key, hash: 42, expire_ms }.leak(), 0, &Models);
    }
    table.check(&Models);
    assert!(table.depth() <= 5, "the directory stays in proportion");
    for key in 0..scaled(1_000) {
        let slot = table.find(42, |entry| Model::of(entry).key == key).unwrap();
        Model::free(table.remove(slot));
    }
    assert_eq!(table.bytes(), 0);
}

#[test]
fn draining_hands_over_every_entry_in_slices() {
    for keys in [0, 5, 500, scaled(20_000)] {
        let mut table = filled(keys);
        let (mut seen, mut slices) = (BTreeSet::new(), 0);
        while !table.drain_some(100, true, |entry, _| {
            assert!(seen.insert(Model::free(entry).key));
        }) {
            slices += 1;
            assert!(find(&table, 0).is_none() || !seen.contains(&0));
            assert_eq!(table.len() + seen.len(), keys as usize);
        }
        assert_eq!(seen.len() as u64, keys);
        assert!(slices >= keys / 2_000);
        assert_eq!((table.bytes(), table.len()), (0, 0));
        insert(&mut table, 1, None);
        assert!(remove(&mut table, 1), "it is as good as new");
    }
}

#[test]
#[should_panic(expected = "out of date")]
fn a_slot_that_was_removed_is_refused() {
    let mut table = filled(100);
    let slot = find(&table, 1).unwrap();
    table.remove(slot);
    table.remove(slot);
}

#[test]
fn threads_may_peek_while_the_table_changes() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    let (peek, stop) = (Peek::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (peek, stop) = (&peek, &stop);
            scope.spawn(move || {
                let mut random = Random(seed);
                while !stop.load(Relaxed) {
                    let guard = crossbeam_epoch::pin();
                    for _ in 0..16 {
                        let hash = mix(random.below(scaled(20_000)));
                        peek.prefetch_bucket(hash, 4, &guard);
                        peek.prefetch_entry(hash, 4, &guard);
                    }
                }
            });
        }
        let mut table = Table::new(4, Reclaim::Deferred);
        for _ in 0..4 {
            for key in 0..scaled(20_000) {
                insert(&mut table, key, None);
                // SAFETY: this table and this Peek belong together until the clear below.
                unsafe { peek.publish(&mut table) };
            }
            for key in 0..scaled(20_000) {
                assert!(remove(&mut table, key));
                // SAFETY: as above.
                unsafe { peek.publish(&mut table) };
            }
        }
        stop.store(true, Relaxed);
        peek.clear();
    });
}

#[test]
fn fuzzing_with_fixed_seeds_finds_nothing() {
    for seed in 0..scaled(400) {
        let mut random = Random(seed);
        let data: Vec<u8> = (0..scaled(4_000)).map(|_| random.next() as u8).collect();
        fuzz_table(&data);
    }
}
