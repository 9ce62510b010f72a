//! What must be true of a tree, and random operations to try it.

use super::node::{FANOUT, Node, leaf_len_max};
use super::{CountedTree, Item};

/// Counts of a subtree, measured.
struct Measured {
    len: usize,
    weight: usize,
    leaves: usize,
}

impl<T: Item> CountedTree<T> {
    /// Panics unless all invariants hold and each item is `in_order` with its next.
    pub fn check(&self, in_order: impl Fn(&T, &T) -> bool) {
        let measured = check_node(&self.root, self.height);
        assert_eq!((measured.len, measured.weight), (self.len, self.weight), "(4)");
        assert!(self.height == 0 || self.root.len() > 1, "(2): the root has two children");
        let mut previous = None;
        for item in self.iter() {
            assert!(previous.is_none_or(|p| in_order(p, item)), "items are in order");
            previous = Some(item);
        }
    }

    /// Mean share of a leaf's greatest length that is used.
    pub fn fill(&self) -> f64 {
        let leaves = check_node(&self.root, self.height).leaves;
        self.len as f64 / (leaves * leaf_len_max::<T>()).max(1) as f64
    }
}

fn check_node<T: Item>(node: &Node<T>, height: usize) -> Measured {
    let inner = match node {
        Node::Leaf(items) => {
            assert_eq!(height, 0, "(1): leaves lie equally deep");
            assert!(items.len() <= leaf_len_max::<T>());
            let weight = items.iter().map(T::weight).sum();
            assert!(!T::UNIT || weight == items.len(), "units weigh 1");
            return Measured { len: items.len(), weight, leaves: 1 };
        }
        Node::Inner(inner) => inner,
    };
    let mut all = Measured { len: 0, weight: 0, leaves: 0 };
    assert!(height > 0 && inner.len() > 0, "(1), (2)");
    for child in 0..inner.len() {
        let node = inner.node(child);
        assert!(node.len() > 0, "(1): no node is empty");
        let below = check_node(node, height - 1);
        assert!(inner.keys()[child] == node.first_key(), "(3): the key of the first item");
        assert_eq!(inner.sums()[child], below.weight, "(3): the sum of weights");
        all.len += below.len;
        all.weight += below.weight;
        all.leaves += below.leaves;
    }
    for child in inner.len()..FANOUT {
        assert!(matches!(inner.node(child), Node::Leaf(l) if l.capacity() == 0), "(2)");
    }
    all
}

/// An item for tests, large enough for leaves of a dozen.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Model {
    pub(super) key: u32,
    pub(super) weight: usize,
    pub(super) ballast: [u64; 6],
}

impl Model {
    pub(super) fn new(key: u32, weight: usize) -> Model {
        Model { key, weight, ballast: [u64::from(key); 6] }
    }
}

impl Item for Model {
    type Key = u32;

    fn key(&self) -> u32 {
        self.key
    }

    fn weight(&self) -> usize {
        self.weight
    }
}

/// Runs bytes as operations on a tree and on a sorted `Vec`, and compares. Three bytes each: what
/// to do, and where.
pub fn fuzz_btree(data: &[u8]) {
    let mut tree: CountedTree<Model> = CountedTree::new();
    let mut model: Vec<Model> = Vec::new();
    for operation in data.chunks_exact(3) {
        let (what, number) = (operation[0], u16::from_le_bytes([operation[1], operation[2]]));
        let key = u32::from(number);
        let weight = usize::from(what >> 4);
        let place = model.partition_point(|item| item.key < key);
        let found = tree.search(|k| k.cmp(&key));
        assert_eq!(found.is_ok(), model.get(place).is_some_and(|item| item.key == key));
        let count: usize = model[..place].iter().map(|item| item.weight).sum();
        match (what % 16, found) {
            (0..=8, Err(position)) => {
                assert_eq!(tree.rank(position), count);
                tree.insert(position, Model::new(key, weight));
                model.insert(place, Model::new(key, weight));
            }
            (0..=3, Ok(position)) => {
                assert_eq!(tree.rank(position), count);
                assert_eq!(tree.remove(position), model.remove(place));
            }
            (4..=6, Ok(position)) => {
                tree.update(position, |item| item.weight = weight);
                model[place].weight = weight;
            }
            (7..=9, _) if !model.is_empty() => {
                let index = usize::from(number) % model.len();
                let rank: usize = model[..index].iter().map(|item| item.weight).sum();
                if model[index].weight > 0 {
                    let (position, offset) = tree.seek(rank).expect("something weighs there");
                    assert_eq!((tree.at(position), offset), (Some(&model[index]), 0));
                    let located = tree.locate(|k| k.cmp(&model[index].key), |i| *i == model[index]);
                    assert_eq!(located, Some(position));
                }
            }
            (13, Ok(position)) => {
                // Not so far: the same leaf, or one near by.
                let to = (key + u32::from(what)).saturating_sub(120);
                if !model.iter().any(|item| item.key == to) {
                    tree.reorder(position, |item| *item = Model::new(to, item.weight), |k| k < to);
                    model[place] = Model::new(to, model[place].weight);
                    model.sort_by_key(|item| item.key);
                }
            }
            (10, _) => {
                let until_key = key + u32::from(what) * 8;
                let until = model.partition_point(|item| item.key < until_key);
                let from = tree.partition_point(|k| k < key);
                let gap = tree.partition_point(|k| k < until_key);
                assert!(tree.range(from, gap).eq(&model[place..until]));
                assert!(tree.range(from, gap).rev().eq(model[place..until].iter().rev()));
                let mut gone = Vec::new();
                tree.remove_range(from, gap, |item| gone.push(item));
                assert!(model.drain(place..until).eq(gone));
            }
            (11, _) => {
                tree = model.iter().cloned().collect();
            }
            (12, _) => {
                let last = tree.last_before(|k| k < key);
                let wanted = place.checked_sub(1).map(|index| &model[index]);
                assert_eq!(last.map(|position| tree.at(position)), wanted.map(Some));
                if let Some(position) = last {
                    let next = tree.next(position).expect("an item is there");
                    assert_eq!(tree.at(next), model.get(place));
                    assert_eq!(tree.previous(next), Some(position));
                }
            }
            _ => tree.check(|a, b| a.key < b.key),
        }
        assert_eq!(tree.len(), model.len());
    }
    tree.check(|a, b| a.key < b.key);
    assert!(tree.iter().eq(&model));
    assert!(tree.iter().rev().eq(model.iter().rev()));
    let mut drained = Vec::new();
    while !tree.drain_some(5, |item| drained.push(item)) {}
    drained.sort_by_key(|item| item.key);
    assert_eq!(drained, model);
}
