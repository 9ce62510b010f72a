//! Nodes: how they hold items, make room for one more, split, and give to neighbours.

use super::Item;
use super::search::partition;

/// Children of an inner node. With keys of 16 bytes a node fills a size class of 1536 bytes.
pub(super) const FANOUT: usize = 31;
const LEAF_BYTES_MAX: usize = 768;

/// Items of a full leaf.
pub(super) const fn leaf_len_max<T>() -> usize {
    let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    let len = LEAF_BYTES_MAX / size;
    if len < 8 {
        8
    } else if len > 128 {
        128
    } else {
        len
    }
}

/// The items that fit into the smallest size class of the allocator with room for `len`.
pub(super) fn capacity_for<T>(len: usize) -> usize {
    let size = size_of::<T>().max(1);
    let bytes = len * size;
    let step = match bytes {
        0..=256 => 32,
        257..=512 => 64,
        _ => 128,
    };
    (bytes.next_multiple_of(step) / size).min(leaf_len_max::<T>()).max(len)
}

pub(super) fn weight_of<T: Item>(items: &[T]) -> usize {
    if T::UNIT { items.len() } else { items.iter().map(T::weight).sum() }
}

/// Makes room for `more` items.
fn reserve<T>(leaf: &mut Vec<T>, more: usize) {
    let len = leaf.len() + more;
    if len > leaf.capacity() {
        leaf.reserve_exact(capacity_for::<T>(len) - leaf.len());
    }
}

/// Gives back memory that a leaf has not needed for a while.
pub(super) fn shrink<T>(leaf: &mut Vec<T>) {
    let wanted = capacity_for::<T>(leaf.len() + leaf.len() / 4 + 1);
    if leaf.capacity() > wanted {
        leaf.shrink_to(wanted);
    }
}

#[derive(Clone)]
pub(super) enum Node<T: Item> {
    Leaf(Vec<T>),
    Inner(Box<Inner<T>>),
}

#[derive(Clone)]
pub(super) struct Inner<T: Item> {
    len: usize,
    keys: [T::Key; FANOUT],
    sums: [usize; FANOUT],
    nodes: [Node<T>; FANOUT],
}

impl<T: Item> Node<T> {
    pub(super) const EMPTY: Node<T> = Node::Leaf(Vec::new());

    #[inline]
    pub(super) fn inner(&self) -> &Inner<T> {
        match self {
            Node::Inner(inner) => inner,
            Node::Leaf(_) => unreachable!("(1): a leaf lies at the tree's height"),
        }
    }

    #[inline]
    pub(super) fn leaf(&self) -> &[T] {
        match self {
            Node::Leaf(items) => items,
            Node::Inner(_) => unreachable!("(1): a leaf lies at the tree's height"),
        }
    }

    /// The leaf for changing.
    fn leaf_mut(&mut self) -> &mut Vec<T> {
        match self {
            Node::Leaf(items) => items,
            Node::Inner(_) => unreachable!("(1): a leaf lies at the tree's height"),
        }
    }

    /// Items of a leaf, children of an inner node.
    pub(super) fn len(&self) -> usize {
        match self {
            Node::Leaf(items) => items.len(),
            Node::Inner(inner) => inner.len,
        }
    }

    fn len_max(&self) -> usize {
        match self {
            Node::Leaf(_) => leaf_len_max::<T>(),
            Node::Inner(_) => FANOUT,
        }
    }

    pub(super) fn first_key(&self) -> T::Key {
        match self {
            Node::Leaf(items) => items[0].key(),
            Node::Inner(inner) => inner.keys[0],
        }
    }

    pub(super) fn weight(&self) -> usize {
        match self {
            Node::Leaf(items) => weight_of(items),
            Node::Inner(inner) => inner.sums().iter().sum(),
        }
    }

    /// Inserts below this node. What no longer fits comes back: a node of the same height that
    /// belongs behind this one.
    pub(super) fn insert(&mut self, path: &[u8], index: usize, item: T) -> Option<Node<T>> {
        match self {
            Node::Inner(inner) => inner.insert(path, index, item).map(Node::Inner),
            Node::Leaf(items) if items.len() < leaf_len_max::<T>() => {
                reserve(items, 1);
                items.insert(index, item);
                None
            }
            Node::Leaf(items) => Some(Node::Leaf(insert_in_full(items, index, item))),
        }
    }

    /// Changes one item; its weight before and after comes back too.
    pub(super) fn update<R>(
        &mut self,
        path: &[u8],
        index: usize,
        change: impl FnOnce(&mut T) -> R,
    ) -> (R, usize, usize) {
        match self {
            Node::Leaf(items) => {
                let before = items[index].weight();
                let result = change(&mut items[index]);
                (result, before, items[index].weight())
            }
            Node::Inner(inner) => {
                let child = usize::from(path[0]);
                let node = &mut inner.nodes[child];
                let (result, before, after) = node.update(&path[1..], index, change);
                inner.sums[child] = inner.sums[child] - before + after;
                if index == 0 {
                    inner.keys[child] = inner.nodes[child].first_key();
                }
                (result, before, after)
            }
        }
    }

    /// Changes the key of one item and moves it to its new place in the same leaf, behind the items
    /// whose key comes `before` it. Whether the leaf begins with another key now.
    pub(super) fn reorder(
        &mut self,
        path: &[u8],
        index: usize,
        change: impl FnOnce(&mut T),
        before: impl FnMut(T::Key) -> bool,
    ) -> bool {
        match self {
            Node::Leaf(items) => {
                change(&mut items[index]);
                let place = move_to_order(items, index, before);
                index == 0 || place == 0
            }
            Node::Inner(inner) => {
                let child = usize::from(path[0]);
                let is_first = inner.nodes[child].reorder(&path[1..], index, change, before);
                if is_first {
                    inner.keys[child] = inner.nodes[child].first_key();
                }
                is_first && child == 0
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Node::Leaf(items) => items.capacity() * size_of::<T>(),
            Node::Inner(inner) => {
                size_of::<Inner<T>>()
                    + inner.nodes[..inner.len].iter().map(Node::bytes).sum::<usize>()
            }
        }
    }

    /// Moves all of `right`, the next node of the same height, behind what is here.
    fn append(&mut self, right: Node<T>) {
        match (self, right) {
            (Node::Leaf(items), Node::Leaf(mut more)) => {
                reserve(items, more.len());
                items.append(&mut more);
            }
            (Node::Inner(inner), Node::Inner(mut more)) => {
                for child in 0..more.len {
                    let node = std::mem::replace(&mut more.nodes[child], Node::EMPTY);
                    inner.put(inner.len, more.keys[child], more.sums[child], node);
                }
            }
            _ => unreachable!("(1): neighbours are of the same kind"),
        }
    }
}

/// Moves the item at `index`, whose key has changed, behind the items whose key comes `before` it.
/// Most moves are short or none: the neighbours are asked first.
fn move_to_order<T: Item>(
    items: &mut [T],
    index: usize,
    mut before: impl FnMut(T::Key) -> bool,
) -> usize {
    if index > 0 && !before(items[index - 1].key()) {
        let place = partition(&items[..index - 1], before);
        items[place..=index].rotate_right(1);
        return place;
    }
    if index + 1 == items.len() || !before(items[index + 1].key()) {
        return index;
    }
    let place = index + 1 + partition(&items[index + 2..], before);
    items[index..=place].rotate_left(1);
    place
}

/// Splits a full leaf around an insertion and returns the right part. What is put at an end
/// begins a leaf of its own: more will follow it.
fn insert_in_full<T>(items: &mut Vec<T>, index: usize, item: T) -> Vec<T> {
    if index == items.len() {
        return vec![item];
    }
    if index == 0 {
        return std::mem::replace(items, vec![item]);
    }
    let middle = items.len() / 2;
    let mut right = Vec::with_capacity(capacity_for::<T>(items.len() - middle + 1));
    right.extend(items.drain(middle..));
    let (half, index) = if index <= middle { (items, index) } else { (&mut right, index - middle) };
    half.insert(index, item);
    right
}

impl<T: Item> Inner<T> {
    fn of_one(node: Node<T>) -> Inner<T> {
        let (key, sum) = (node.first_key(), node.weight());
        let mut nodes = [const { Node::EMPTY }; FANOUT];
        nodes[0] = node;
        let mut sums = [0; FANOUT];
        sums[0] = sum;
        Inner { len: 1, keys: [key; FANOUT], sums, nodes }
    }

    pub(super) fn of_two(left: Node<T>, right: Node<T>) -> Box<Inner<T>> {
        let mut inner = Box::new(Inner::of_one(left));
        inner.put(1, right.first_key(), right.weight(), right);
        inner
    }

    /// A node over up to [`FANOUT`] children.
    pub(super) fn of_many(children: impl IntoIterator<Item = Node<T>>) -> Box<Inner<T>> {
        let mut children = children.into_iter();
        let first = children.next().expect("(2): an inner node has a child");
        let mut inner = Box::new(Inner::of_one(first));
        for node in children {
            inner.put(inner.len, node.first_key(), node.weight(), node);
        }
        inner
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn keys(&self) -> &[T::Key] {
        &self.keys[..self.len]
    }

    #[inline]
    pub(super) fn sums(&self) -> &[usize] {
        &self.sums[..self.len]
    }

    #[inline]
    pub(super) fn node(&self, child: usize) -> &Node<T> {
        &self.nodes[child]
    }

    pub(super) fn node_mut(&mut self, child: usize) -> &mut Node<T> {
        &mut self.nodes[child]
    }

    /// Puts a child where there is room for it.
    fn put(&mut self, at: usize, key: T::Key, sum: usize, node: Node<T>) {
        let len = self.len;
        self.keys.copy_within(at..len, at + 1);
        self.sums.copy_within(at..len, at + 1);
        self.nodes[at..=len].rotate_right(1);
        self.keys[at] = key;
        self.sums[at] = sum;
        self.nodes[at] = node;
        self.len = len + 1;
    }

    /// Takes children out.
    pub(super) fn take(&mut self, range: std::ops::Range<usize>) -> impl Iterator<Item = Node<T>> {
        let (count, len) = (range.len(), self.len);
        self.keys.copy_within(range.end..len, range.start);
        self.sums.copy_within(range.end..len, range.start);
        self.nodes[range.start..len].rotate_left(count);
        self.len = len - count;
        self.nodes[len - count..len].iter_mut().map(|node| std::mem::replace(node, Node::EMPTY))
    }

    /// Notes what a child holds after it changed in more than one item (3).
    pub(super) fn refresh(&mut self, child: usize) {
        self.keys[child] = self.nodes[child].first_key();
        self.sums[child] = self.nodes[child].weight();
    }

    /// Notes that a child lost an item, the one at `index` of its leaf (3).
    pub(super) fn note_removed(&mut self, child: usize, index: usize, weight: usize) {
        self.sums[child] -= weight;
        if index == 0 {
            self.keys[child] = self.nodes[child].first_key();
        }
    }

    fn insert(&mut self, path: &[u8], index: usize, item: T) -> Option<Box<Inner<T>>> {
        let child = usize::from(path[0]);
        let node = &mut self.nodes[child];
        if path.len() == 1 && node.len() == leaf_len_max::<T>() {
            return self.insert_beside(child, index, item);
        }
        let weight = item.weight();
        let overflow = node.insert(&path[1..], index, item);
        if overflow.is_some() {
            self.refresh(child);
        } else {
            self.sums[child] += weight;
            if index == 0 {
                self.keys[child] = self.nodes[child].first_key();
            }
        }
        self.put_or_split(child + 1, overflow?)
    }

    /// Inserts into a full leaf, after giving to a neighbour that has room.
    fn insert_beside(&mut self, child: usize, index: usize, item: T) -> Option<Box<Inner<T>>> {
        let max = leaf_len_max::<T>();
        // Room for a few, or the next insert would only shift again; for two, or half of what both
        // hold could still be a full leaf.
        let has_room = |node: &Node<T>| node.len() <= max - (max / 8).max(2);
        let left = child.checked_sub(1).filter(|&left| has_room(&self.nodes[left]));
        let right = Some(child + 1).filter(|&r| r < self.len && has_room(&self.nodes[r]));
        let right =
            right.filter(|&r| left.is_none_or(|l| self.nodes[r].len() < self.nodes[l].len()));
        let (low, high) = match (left, right) {
            (_, Some(right)) => (child, right),
            (Some(left), None) => (left, child),
            (None, None) => {
                let overflow = self.nodes[child].insert(&[], index, item);
                self.refresh(child);
                return self.put_or_split(child + 1, overflow.expect("the leaf was full"));
            }
        };
        let [low_node, high_node] =
            self.nodes.get_disjoint_mut([low, high]).expect("a neighbour is another node");
        let (low_items, high_items) = (low_node.leaf_mut(), high_node.leaf_mut());
        let index = if child == low { index } else { index + low_items.len() };
        balance(low_items, high_items, index, item);
        self.refresh(low);
        self.refresh(high);
        None
    }

    fn put_or_split(&mut self, at: usize, node: Node<T>) -> Option<Box<Inner<T>>> {
        let (key, sum) = (node.first_key(), node.weight());
        if self.len < FANOUT {
            self.put(at, key, sum, node);
            return None;
        }
        if at == FANOUT {
            return Some(Inner::of_many([node]));
        }
        // What goes behind the first child was split off it by an insert before all others, and
        // more of that kind will follow.
        let middle = if at == 1 { 1 } else { FANOUT / 2 };
        let mut right = Inner::of_many(self.take(middle..FANOUT));
        if at <= middle && middle > 1 {
            self.put(at, key, sum, node);
        } else {
            right.put(at - middle, key, sum, node);
        }
        Some(right)
    }

    /// Unites a child that has become small with a neighbour, if they fill no more than three
    /// quarters of a node together.
    pub(super) fn tidy(&mut self, child: usize) {
        let (len, max) = (self.nodes[child].len(), self.nodes[child].len_max());
        if len >= max / 4 {
            return;
        }
        let fits = |other: usize| self.nodes[other].len() + len <= max * 3 / 4;
        let low = match child.checked_sub(1).filter(|&left| fits(left)) {
            Some(left) => left,
            None if child + 1 < self.len && fits(child + 1) => child,
            None => return,
        };
        let right = self.take(low + 1..low + 2).next().expect("it was there");
        self.nodes[low].append(right);
        self.refresh(low);
    }
}

/// Spreads the items of two neighbours evenly, with one more at `index` of both together.
fn balance<T>(low: &mut Vec<T>, high: &mut Vec<T>, index: usize, item: T) {
    let total = low.len() + high.len();
    let wanted = total / 2;
    if low.len() < wanted {
        let count = wanted - low.len();
        reserve(low, count + 1);
        low.extend(high.drain(..count));
    } else {
        let rest = low.len() - wanted;
        reserve(high, rest + 1);
        high.splice(0..0, low.drain(wanted..));
    }
    let (leaf, index) = if index <= low.len() { (low, index) } else { (high, index - wanted) };
    reserve(leaf, 1);
    leaf.insert(index, item);
}
