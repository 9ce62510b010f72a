//! A node of a stream as it is held: open, to be changed, or sealed, to lie there.
//!
//! Entries are added to the last node of a stream only. All others stay as they are but for what is
//! deleted in them: they have given back the room to grow, and that they have none need not be
//! remembered.

use std::sync::Arc;

use structures::listpack::{self, HEADER_LEN, Listpack};
use structures::packed::{self, Invalid};

use super::id::StreamId;
use super::node::{DELETED, Forward, Master, Node, SAME_FIELDS, verify};
use crate::value::Limits;

/// Bytes of overhead that an element of a listpack has at most.
const ELEMENT_OVERHEAD_MAX: usize = 10;
/// Bytes of a master's and an entry's own numbers, at most.
const NUMBERS_BYTES_MAX: usize = 128;

/// What a shared node takes besides its bytes: two counts and where they lie.
const SHARED_BYTES: usize = 32;

/// A node that can be changed.
#[derive(Clone, Debug)]
pub(super) struct Open {
    first: StreamId,
    pack: Vec<u8>,
}

/// A node without room to grow.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    first: StreamId,
    pack: Pack,
}

/// The bytes of a sealed node.
#[derive(Clone, Debug)]
enum Pack {
    Own(Box<[u8]>),
    /// A snapshot may be looking at them: they are copied before they change, unless nobody does
    /// any more.
    Shared(Arc<Box<[u8]>>),
}

const _: () = assert!(size_of::<Sealed>() == 32);

impl Pack {
    fn bytes(&self) -> &[u8] {
        match self {
            Pack::Own(bytes) => bytes,
            Pack::Shared(bytes) => bytes,
        }
    }

    fn into_vec(self) -> Vec<u8> {
        match self {
            Pack::Own(bytes) => bytes.into_vec(),
            Pack::Shared(bytes) => Arc::unwrap_or_clone(bytes).into_vec(),
        }
    }
}

/// A node as it was when its stream was frozen.
#[derive(Debug)]
pub struct FrozenStreamNode {
    first: StreamId,
    pack: Arc<Box<[u8]>>,
}

impl FrozenStreamNode {
    pub fn view(&self) -> Node<'_> {
        Node::new(self.first, &self.pack)
    }
}

impl Sealed {
    pub(super) fn node(&self) -> Node<'_> {
        Node::new(self.first, self.pack.bytes())
    }

    /// Lends it to a snapshot. It is shared from now on, until it is changed.
    pub(super) fn share(&mut self) -> FrozenStreamNode {
        let shared = match std::mem::replace(&mut self.pack, Pack::Own(Box::default())) {
            Pack::Own(bytes) => Arc::new(bytes),
            Pack::Shared(bytes) => bytes,
        };
        self.pack = Pack::Shared(Arc::clone(&shared));
        FrozenStreamNode { first: self.first, pack: shared }
    }

    /// The ID by which it is known.
    pub(super) fn first(&self) -> StreamId {
        self.first
    }

    /// Bytes allocated for it.
    pub(super) fn allocated_bytes(&self) -> usize {
        let shared = if let Pack::Shared(_) = self.pack { SHARED_BYTES } else { 0 };
        packed::size_class(self.pack.bytes().len()) + shared
    }

    /// Opens it for a change that deletes.
    pub(super) fn change<R>(&mut self, change: impl FnOnce(&mut Open) -> R) -> R {
        let pack = std::mem::replace(&mut self.pack, Pack::Own(Box::default())).into_vec();
        let mut open = Open { first: self.first, pack };
        let changed = change(&mut open);
        *self = open.seal();
        changed
    }

    pub(super) fn open(self) -> Open {
        Open { first: self.first, pack: self.pack.into_vec() }
    }
}

impl Open {
    /// A node with its first entry. `words` are fields and values by turns.
    pub(super) fn begin<'w>(
        id: StreamId,
        words: impl Iterator<Item = &'w [u8]> + Clone,
        capacity: usize,
    ) -> Open {
        let mut pack = Vec::with_capacity(capacity);
        pack.extend_from_slice(Listpack::EMPTY.as_bytes());
        let fields = words.clone().count() / 2;
        listpack::append(&mut pack, 1);
        listpack::append(&mut pack, 0);
        listpack::append(&mut pack, fields as i64);
        words.clone().step_by(2).for_each(|name| listpack::append(&mut pack, name));
        listpack::append(&mut pack, 0);
        let mut node = Open { first: id, pack };
        node.write_entry(id, words, fields, true);
        node
    }

    /// Adds an entry behind all others.
    pub(super) fn append<'w>(
        &mut self,
        id: StreamId,
        words: impl Iterator<Item = &'w [u8]> + Clone,
    ) {
        let master = self.node().master();
        let fields = words.clone().count() / 2;
        let names = self.pack().iter_span(master.names_at..self.pack().end());
        let same_fields = fields == master.fields
            && names.zip(words.clone().step_by(2)).all(|(name, word)| name.is(word));
        listpack::replace(&mut self.pack, HEADER_LEN, master.live as i64 + 1);
        self.write_entry(id, words, fields, same_fields);
    }

    fn write_entry<'w>(
        &mut self,
        id: StreamId,
        words: impl Iterator<Item = &'w [u8]>,
        fields: usize,
        same_fields: bool,
    ) {
        let pack = &mut self.pack;
        let distance = |to: u64, from: u64| to.wrapping_sub(from) as i64;
        listpack::append(pack, if same_fields { SAME_FIELDS } else { 0 });
        listpack::append(pack, distance(id.ms, self.first.ms));
        listpack::append(pack, distance(id.seq, self.first.seq));
        if same_fields {
            words.skip(1).step_by(2).for_each(|value| listpack::append(pack, value));
            listpack::append(pack, 3 + fields as i64);
        } else {
            listpack::append(pack, fields as i64);
            words.for_each(|word| listpack::append(pack, word));
            listpack::append(pack, 4 + 2 * fields as i64);
        }
    }

    /// Whether an entry of so many words with so many bytes shall go into a new node.
    pub(super) fn is_full_for(&self, words: usize, bytes: usize, limits: &Limits) -> bool {
        let after = self.pack().byte_len() + bytes;
        let bytes_max = match limits.stream_node_bytes_max {
            0 => listpack::BYTES_MAX,
            max => max,
        };
        let entries_max = limits.stream_node_entries_max as u64;
        let master = self.node().master();
        after >= bytes_max
            || after + overhead_max(words) > listpack::BYTES_MAX
            || entries_max != 0 && master.live + master.deleted >= entries_max
    }

    /// Whether any node can hold an entry of so many words with so many bytes.
    pub(super) fn can_hold(words: usize, bytes: usize) -> bool {
        bytes + overhead_max(words) <= listpack::BYTES_MAX
    }

    /// Marks the entry with an ID as deleted; false if there is none or it is deleted.
    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let Some(entry) = self.node().find(id) else { return false };
        let (at, flags) = (entry.at, entry.flags);
        self.mark(at, flags);
        self.count_deleted(1);
        true
    }

    /// Marks entries from the first on as deleted, as long as `goes_on` says so, leaving out those
    /// that `may_go` keeps; gives how many.
    pub(super) fn delete_first(
        &mut self,
        mut goes_on: impl FnMut(StreamId, u64) -> bool,
        mut may_go: impl FnMut(StreamId) -> bool,
    ) -> u64 {
        let Forward { names_at, fields, mut at, .. } = self.node().forward();
        let mut deleted = 0;
        while at < self.pack().end() {
            let entry = self.node().entry_at(at, names_at, fields);
            if !goes_on(entry.id, deleted) {
                break;
            }
            let (id, flags, is_deleted, end) =
                (entry.id, entry.flags, entry.is_deleted(), entry.end());
            let length = self.pack.len();
            if !is_deleted && may_go(id) {
                self.mark(at, flags);
                deleted += 1;
            }
            // Flags from outside may lie in more bytes than they need.
            at = end - (length - self.pack.len());
        }
        self.count_deleted(deleted);
        deleted
    }

    /// Removes the bytes of deleted entries behind an ID; false if no entry is left.
    pub(super) fn forget_behind(&mut self, id: StreamId) -> bool {
        let behind = self.node().backward().take_while(|entry| entry.id > id);
        let (count, from) = behind.fold((0, None), |(n, _), entry| (n + 1, Some(entry.at)));
        if let Some(from) = from {
            let end = self.pack().end();
            listpack::delete_span(&mut self.pack, from, end);
            let Master { deleted, .. } = self.node().master();
            let at = self.pack().next(HEADER_LEN).expect("(1): a master entry");
            listpack::replace(&mut self.pack, at, deleted as i64 - count);
        }
        self.node().backward().next().is_some()
    }

    fn mark(&mut self, at: usize, flags: i64) {
        listpack::replace(&mut self.pack, at, flags | DELETED);
    }

    fn count_deleted(&mut self, more: u64) {
        let master = self.node().master();
        listpack::replace(&mut self.pack, HEADER_LEN, (master.live - more) as i64);
        let at = self.pack().next(HEADER_LEN).expect("(1): a master entry");
        listpack::replace(&mut self.pack, at, (master.deleted + more) as i64);
    }

    /// A node from outside, verified in full.
    pub(super) fn load(first: StreamId, pack: Vec<u8>) -> Result<Open, Invalid> {
        let (mut pack, elements) = listpack::from_redis(pack)?;
        verify(first, Listpack::new(&pack), elements)?;
        pack.shrink_to(packed::size_class(pack.len()));
        Ok(Open { first, pack })
    }

    /// Gives back what growing has left unused.
    pub(super) fn seal(self) -> Sealed {
        Sealed { first: self.first, pack: Pack::Own(self.pack.into_boxed_slice()) }
    }

    /// A copy for a snapshot.
    pub(super) fn freeze(&self) -> FrozenStreamNode {
        FrozenStreamNode { first: self.first, pack: Arc::new(self.pack.as_slice().into()) }
    }

    pub(super) fn node(&self) -> Node<'_> {
        Node::new(self.first, &self.pack)
    }

    fn pack(&self) -> Listpack<'_> {
        Listpack::new(&self.pack)
    }

    /// The ID by which it is known.
    pub(super) fn first(&self) -> StreamId {
        self.first
    }

    /// Bytes of its listpack, as it is held.
    pub(super) fn held_bytes(&self) -> usize {
        self.pack.len()
    }

    /// Bytes allocated for it.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.pack.capacity()
    }
}

fn overhead_max(words: usize) -> usize {
    words * ELEMENT_OVERHEAD_MAX + NUMBERS_BYTES_MAX
}
