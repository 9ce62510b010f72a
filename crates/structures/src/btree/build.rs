//! Building a tree of items that are already in order.

use super::node::{FANOUT, Inner, Node, leaf_len_max};
use super::{CountedTree, Item};

impl<T: Item> FromIterator<T> for CountedTree<T> {
    /// Full leaves from items in order, in O(N).
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> CountedTree<T> {
        let mut items = items.into_iter();
        let mut tree = CountedTree::new();
        let mut nodes = Vec::new();
        loop {
            let mut leaf = Vec::with_capacity(leaf_len_max::<T>().min(items.size_hint().0));
            leaf.extend(items.by_ref().take(leaf_len_max::<T>()));
            if leaf.is_empty() {
                break;
            }
            leaf.shrink_to_fit();
            tree.len += leaf.len();
            tree.weight += super::node::weight_of(&leaf);
            nodes.push(Node::Leaf(leaf));
        }
        while nodes.len() > 1 {
            let mut children = nodes.into_iter().peekable();
            nodes = Vec::new();
            while children.peek().is_some() {
                nodes.push(Node::Inner(Inner::of_many(children.by_ref().take(FANOUT))));
            }
            tree.height += 1;
        }
        tree.root = nodes.pop().unwrap_or(Node::EMPTY);
        tree
    }
}
