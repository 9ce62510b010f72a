//! The tree against a `Vec`, and what it promises of memory.

use super::check::{Model, fuzz_btree};
use super::*;
use base::random::Random;

/// Miri is some thousand times slower.
const fn scaled(count: usize) -> usize {
    if cfg!(miri) { count / 500 + 60 } else { count }
}

/// The smallest item there is: a number that weighs 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Unit(u64);

impl Item for Unit {
    type Key = u64;
    const UNIT: bool = true;

    fn key(&self) -> u64 {
        self.0
    }
}

fn insert(tree: &mut CountedTree<Unit>, key: u64) {
    if let Err(position) = tree.search(|k| k.cmp(&key)) {
        tree.insert(position, Unit(key));
    }
}

fn in_random_order(count: usize) -> CountedTree<Unit> {
    let mut random = Random::from_seed(7);
    let mut tree = CountedTree::new();
    (0..count).for_each(|_| insert(&mut tree, random.next_u64()));
    tree
}

fn bytes_each(tree: &CountedTree<Unit>) -> f64 {
    tree.check(|a, b| a < b);
    tree.bytes() as f64 / tree.len() as f64
}

#[test]
fn random_operations_agree_with_a_vec() {
    for seed in 0..scaled(60) as u64 {
        let mut random = Random::from_seed(seed);
        // Few keys: much is found; many: the tree grows deep.
        let mask = [0x01, 0x0f, 0xff][seed as usize % 3];
        let mut data = vec![0; scaled(6_000)];
        random.fill(&mut data);
        data.chunks_exact_mut(3).for_each(|operation| operation[2] &= mask);
        if seed % 2 == 0 {
            // Fewer removals of ranges, so that there is more to do them on.
            let mostly = |what: u8| if what % 16 == 10 && what < 0xe0 { what & 0xf0 } else { what };
            data.chunks_exact_mut(3).for_each(|operation| operation[0] = mostly(operation[0]));
        }
        println!("seed {seed}");
        fuzz_btree(&data);
    }
}

#[test]
fn an_empty_tree_owns_no_memory_and_a_small_one_little() {
    let mut tree = CountedTree::new();
    assert_eq!((tree.bytes(), tree.first(), tree.last()), (0, None, None));
    assert_eq!((tree.seek(0), tree.at(tree.start())), (None, None));
    assert_eq!((tree.pop_first(), tree.pop_last()), (None, None));
    for key in 0..20 {
        insert(&mut tree, key);
    }
    assert!(tree.bytes() <= 24 * 8, "{}", tree.bytes());
    while tree.pop_first().is_some() {}
    tree.check(|a, b| a < b);
}

#[test]
fn random_order_takes_less_than_11_bytes_for_an_item_of_8() {
    let tree = in_random_order(scaled(200_000));
    println!("{:.2} bytes, fill {:.3}", bytes_each(&tree), tree.fill());
    assert!(cfg!(miri) || bytes_each(&tree) < 10.5);
    assert!(tree.fill() > 0.8);
}

#[test]
fn items_in_order_fill_the_leaves_from_either_end() {
    let count = scaled(100_000) as u64;
    let (mut up, mut down) = (CountedTree::new(), CountedTree::new());
    (0..count).for_each(|key| insert(&mut up, key));
    (0..count).rev().for_each(|key| insert(&mut down, key));
    let built: CountedTree<Unit> = (0..count).map(Unit).collect();
    for tree in [&up, &down, &built] {
        assert!(tree.iter().map(|unit| unit.0).eq(0..count));
        assert!(cfg!(miri) || bytes_each(tree) < 9.0, "{}", bytes_each(tree));
        assert!(tree.fill() > 0.97, "{}", tree.fill());
    }
    let (mut front, mut back) = (CountedTree::new(), CountedTree::new());
    (0..count).for_each(|key| front.push_front(Unit(count - key)));
    (0..count).for_each(|key| back.push_back(Unit(key)));
    assert!(front.fill() > 0.97 && back.fill() > 0.97);
}

#[test]
fn ranks_and_ranges_of_units_are_those_of_their_order() {
    let count = scaled(20_000);
    let tree = in_random_order(count);
    let sorted: Vec<Unit> = tree.iter().copied().collect();
    for rank in (0..count).step_by(97) {
        let position = tree.gap(rank);
        assert_eq!(tree.at(position), Some(&sorted[rank]));
        assert_eq!(tree.rank(position), rank);
        let until = tree.gap(rank + 300);
        assert!(tree.range(position, until).eq(&sorted[rank..count.min(rank + 300)]));
        let mut both = tree.range(position, until);
        let (mut low, mut high) = (rank, count.min(rank + 300));
        while low < high {
            assert_eq!(both.next_back(), Some(&sorted[high - 1]));
            assert_eq!(both.next(), (low + 1 < high).then(|| &sorted[low]));
            (low, high) = (low + 1, high - 1);
        }
    }
    assert_eq!(tree.gap(count), tree.end());
}

#[test]
fn what_shrinks_gives_its_memory_back() {
    let mut random = Random::from_seed(3);
    let mut tree = in_random_order(scaled(50_000));
    let before = tree.bytes();
    while tree.len() > scaled(50_000) / 20 {
        let position = tree.gap(random.below(tree.len() as u64) as usize);
        tree.remove(position);
    }
    tree.check(|a, b| a < b);
    assert!(tree.bytes() < before / 10, "{} of {before}", tree.bytes());
    tree.clear();
    assert_eq!(tree.bytes(), 0);
}

#[test]
fn a_weight_changed_in_place_moves_what_is_behind_it() {
    let mut tree: CountedTree<Model> = (0..500).map(|key| Model::new(key, 3)).collect();
    let (position, offset) = tree.seek(301).expect("it weighs 1500");
    assert_eq!((tree.at(position).map(|item| item.key), offset), (Some(100), 1));
    tree.update(position, |item| item.weight = 10);
    assert_eq!(tree.weight(), 1507);
    assert_eq!(tree.seek(310).map(|(p, offset)| (tree.at(p).unwrap().key, offset)), Some((101, 0)));
    tree.replace(position, Model::new(100, 0));
    assert_eq!(tree.seek(300).map(|(p, offset)| (tree.at(p).unwrap().key, offset)), Some((101, 0)));
    tree.check(|a, b| a.key < b.key);
}

#[test]
fn a_clone_is_equal_and_independent() {
    let mut tree = in_random_order(scaled(5_000));
    let copy = tree.clone();
    tree.pop_first();
    tree.pop_last();
    copy.check(|a, b| a < b);
    assert_eq!(copy.len(), tree.len() + 2);
    assert!(copy.iter().skip(1).take(tree.len()).eq(tree.iter()));
}
