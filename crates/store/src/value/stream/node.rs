//! A node of a stream: entries in one listpack, in Redis's layout.
//!
//! A node begins with a *master entry*: how many entries are there, and the field names of the
//! first one. Entries with just these fields, which are most, hold values only. Their IDs are
//! distances from the ID of the node's first entry, by which the node is known.
//!
//! ```text
//!   master   | live | deleted | fields | name 1 | … | name n | 0 |
//!   entry    | flags | ms | seq | value 1 | … | value n | 3 + n |                       flag 2
//!   entry    | flags | ms | seq | n | name 1 | value 1 | … | value n | 4 + 2 n |
//!                      └ distance ┘                          └ elements before this one
//! ```
//!
//! The last number of an entry leads back to its beginning when one reads from the end; the
//! master's 0 says that there is no more. Deleting an entry sets flag 1 and moves it from `live` to
//! `deleted`: its bytes stay until the node goes.
//!
//! # Invariants
//!
//! [`Node::load`] verifies them for nodes from outside.
//!
//! (1) The listpack is valid and holds a master entry and whole entries, nothing else.
//! (2) IDs ascend strictly; none is smaller than the node's.
//! (3) `live` and `deleted` count the entries without and with flag 1.

use structures::listpack::{self, HEADER_LEN, Listpack, Value};
use structures::packed::{self, Invalid};

use super::id::StreamId;
use crate::value::Limits;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Bytes of overhead that an element of a listpack has at most.
const ELEMENT_OVERHEAD_MAX: usize = 10;
/// Bytes of a master's and an entry's own numbers, at most.
const NUMBERS_BYTES_MAX: usize = 128;

#[derive(Clone, Debug)]
pub struct Node {
    first: StreamId,
    pack: Vec<u8>,
}

/// What the master entry says.
struct Master {
    live: u64,
    deleted: u64,
    fields: usize,
    /// Position of the first field name.
    names_at: usize,
}

/// An entry of a stream: its ID and its fields, each with a value, in the order of XADD.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub id: StreamId,
    pack: Listpack<'a>,
    flags: i64,
    /// Position of the flags.
    at: usize,
    /// Position of the names of the master, if they are the entry's, and of the first value.
    names_at: Option<usize>,
    values_at: usize,
    fields: usize,
}

impl<'a> Entry<'a> {
    /// Fields, and so values.
    pub fn len(&self) -> usize {
        self.fields
    }

    pub fn is_empty(&self) -> bool {
        self.fields == 0
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }

    /// Each field with its value.
    pub fn pairs(&self) -> Pairs<'a> {
        let span = |from| self.pack.iter_span(from..self.pack.end());
        Pairs { names: self.names_at.map(span), values: span(self.values_at), left: self.fields }
    }

    /// The position behind it.
    fn end(&self) -> usize {
        let elements = if self.names_at.is_some() { self.fields } else { 2 * self.fields };
        skip(self.pack, self.values_at, elements + 1)
    }
}

/// See [`Entry::pairs`].
#[derive(Clone)]
pub struct Pairs<'a> {
    names: Option<listpack::Iter<'a>>,
    values: listpack::Iter<'a>,
    left: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Value<'a>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let names = self.names.as_mut().unwrap_or(&mut self.values);
        let name = names.next()?;
        Some((name, self.values.next()?))
    }
}

impl Node {
    /// A node with its first entry. `words` are fields and values by turns.
    pub(super) fn begin<'w>(
        id: StreamId,
        words: impl Iterator<Item = &'w [u8]> + Clone,
        capacity: usize,
    ) -> Node {
        let mut pack = Vec::with_capacity(capacity);
        pack.extend_from_slice(Listpack::EMPTY.as_bytes());
        let fields = words.clone().count() / 2;
        listpack::append(&mut pack, 1);
        listpack::append(&mut pack, 0);
        listpack::append(&mut pack, fields as i64);
        words.clone().step_by(2).for_each(|name| listpack::append(&mut pack, name));
        listpack::append(&mut pack, 0);
        let mut node = Node { first: id, pack };
        node.write_entry(id, words, fields, true);
        node
    }

    /// Adds an entry behind all others.
    pub(super) fn append<'w>(
        &mut self,
        id: StreamId,
        words: impl Iterator<Item = &'w [u8]> + Clone,
    ) {
        let master = self.master();
        let fields = words.clone().count() / 2;
        let names = self.view().iter_span(master.names_at..self.view().end());
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
        let after = self.view().byte_len() + bytes;
        let bytes_max = match limits.stream_node_bytes_max {
            0 => listpack::BYTES_MAX,
            max => max,
        };
        let entries_max = limits.stream_node_entries_max as u64;
        let master = self.master();
        after >= bytes_max
            || after + overhead_max(words) > listpack::BYTES_MAX
            || entries_max != 0 && master.live + master.deleted >= entries_max
    }

    /// Whether any node can hold an entry of so many words with so many bytes.
    pub(super) fn can_hold(words: usize, bytes: usize) -> bool {
        bytes + overhead_max(words) <= listpack::BYTES_MAX
    }

    /// Gives back what growing has left unused.
    pub(super) fn shrink(&mut self) {
        let class = packed::size_class(self.pack.len());
        if class < self.pack.capacity() {
            self.pack.shrink_to(class);
        }
    }

    /// The ID by which it is known: that of its first entry, deleted or not.
    pub fn first(&self) -> StreamId {
        self.first
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> u64 {
        self.master().live
    }

    /// Its listpack, as DUMP and RDB files contain it.
    pub fn to_redis(&self) -> Vec<u8> {
        self.view().to_redis()
    }

    /// Bytes of its listpack, as it is held.
    pub(super) fn held_bytes(&self) -> usize {
        self.pack.len()
    }

    /// Bytes allocated for it.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.pack.capacity()
    }

    fn view(&self) -> Listpack<'_> {
        Listpack::new(&self.pack)
    }

    fn master(&self) -> Master {
        let mut numbers = self.view().iter();
        let mut number = || numbers.next().and_then(Value::as_i64).expect("(1): a master entry");
        let (live, deleted, fields) = (number(), number(), number());
        Master {
            live: live as u64,
            deleted: deleted as u64,
            fields: fields as usize,
            names_at: numbers.position(),
        }
    }

    /// The entry whose flags are at a position.
    #[inline]
    fn entry_at(&self, at: usize, names_at: usize, master_fields: usize) -> Entry<'_> {
        let pack = self.view();
        let mut numbers = pack.iter_span(at..pack.end());
        let mut number = || numbers.next().and_then(Value::as_i64).expect("(1): whole entries");
        let (flags, ms, seq) = (number(), number(), number());
        let same = flags & SAME_FIELDS != 0;
        let fields = if same { master_fields } else { number() as usize };
        Entry {
            id: StreamId {
                ms: self.first.ms.wrapping_add(ms as u64),
                seq: self.first.seq.wrapping_add(seq as u64),
            },
            pack,
            flags,
            at,
            names_at: same.then_some(names_at),
            values_at: numbers.position(),
            fields,
        }
    }

    /// All entries, deleted ones included, from the first on.
    pub(super) fn forward(&self) -> Forward<'_> {
        let master = self.master();
        let at = skip(self.view(), master.names_at, master.fields + 1);
        Forward { node: self, names_at: master.names_at, fields: master.fields, at }
    }

    /// All entries, deleted ones included, from the last on.
    pub(super) fn backward(&self) -> Backward<'_> {
        let master = self.master();
        let (names_at, fields) = (master.names_at, master.fields);
        Backward { node: self, names_at, fields, end: self.view().end() }
    }

    /// The ID of its last entry, deleted or not.
    pub(super) fn last_id(&self) -> StreamId {
        self.backward().next().map_or(self.first, |entry| entry.id)
    }

    /// The entry with an ID, unless it is deleted.
    pub(super) fn find(&self, id: StreamId) -> Option<Entry<'_>> {
        let entry = self.forward().find(|entry| entry.id >= id)?;
        (entry.id == id && !entry.is_deleted()).then_some(entry)
    }

    /// Marks the entry with an ID as deleted; false if there is none or it is deleted.
    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let Some(entry) = self.find(id) else { return false };
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
        let Forward { names_at, fields, mut at, .. } = self.forward();
        let mut deleted = 0;
        while at < self.view().end() {
            let entry = self.entry_at(at, names_at, fields);
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
        let behind = self.backward().take_while(|entry| entry.id > id);
        let (count, from) = behind.fold((0, None), |(n, _), entry| (n + 1, Some(entry.at)));
        if let Some(from) = from {
            let end = self.view().end();
            listpack::delete_span(&mut self.pack, from, end);
            let Master { deleted, .. } = self.master();
            let at = self.view().next(HEADER_LEN).expect("(1): a master entry");
            listpack::replace(&mut self.pack, at, deleted as i64 - count);
        }
        self.backward().next().is_some()
    }

    fn mark(&mut self, at: usize, flags: i64) {
        listpack::replace(&mut self.pack, at, flags | DELETED);
    }

    fn count_deleted(&mut self, more: u64) {
        let master = self.master();
        listpack::replace(&mut self.pack, HEADER_LEN, (master.live - more) as i64);
        let at = self.view().next(HEADER_LEN).expect("(1): a master entry");
        listpack::replace(&mut self.pack, at, (master.deleted + more) as i64);
    }

    /// A node from outside, verified in full.
    pub(super) fn load(first: StreamId, pack: Vec<u8>) -> Result<Node, Invalid> {
        let (mut pack, elements) = listpack::from_redis(pack)?;
        verify(first, Listpack::new(&pack), elements)?;
        pack.shrink_to(packed::size_class(pack.len()));
        Ok(Node { first, pack })
    }

    /// Panics if an invariant is broken.
    pub fn check(&self) {
        let elements = listpack::validate(&self.pack).expect("(1): a listpack");
        verify(self.first, self.view(), elements).expect("a node of a stream");
    }
}

/// The position so many elements further on.
#[inline]
fn skip(pack: Listpack<'_>, mut at: usize, elements: usize) -> usize {
    for _ in 0..elements {
        at = pack.next(at).unwrap_or(pack.end());
    }
    at
}

fn overhead_max(words: usize) -> usize {
    words * ELEMENT_OVERHEAD_MAX + NUMBERS_BYTES_MAX
}

fn verify(first: StreamId, pack: Listpack<'_>, elements: usize) -> Result<(), Invalid> {
    let mut rest = pack.iter();
    let mut number = |what| rest.next().and_then(Value::as_i64).ok_or(Invalid(what));
    // A count from outside never exceeds the elements that are really there.
    let counted = |n: i64| usize::try_from(n).ok().filter(|&n| n <= elements);
    let (live, deleted) = (number("a node without counts")?, number("a node without counts")?);
    let no_fields = Invalid("a node with an impossible number of fields");
    let fields = counted(number("a node without fields")?).ok_or(no_fields)?;
    let mut taken = 3;
    for _ in 0..fields {
        rest.next().ok_or(Invalid("a node without the names of its fields"))?;
        taken += 1;
    }
    let mut number = |what| rest.next().and_then(Value::as_i64).ok_or(Invalid(what));
    if number("a master entry without an end")? != 0 {
        return Err(Invalid("a master entry without an end"));
    }
    taken += 1;

    let (mut seen_live, mut seen_deleted) = (0, 0);
    let mut previous: Option<StreamId> = None;
    while taken < elements {
        let what = "a stream entry cut off";
        let mut number = |what| rest.next().and_then(Value::as_i64).ok_or(Invalid(what));
        let (flags, ms, seq) = (number(what)?, number(what)?, number(what)?);
        let id = StreamId {
            ms: first.ms.wrapping_add(ms as u64),
            seq: first.seq.wrapping_add(seq as u64),
        };
        if id < first || previous.is_some_and(|previous| id <= previous) {
            return Err(Invalid("stream IDs that do not ascend"));
        }
        previous = Some(id);
        let (mut before, mut words) = (3, fields);
        if flags & SAME_FIELDS == 0 {
            let own = counted(number(what)?);
            words = 2 * own.ok_or(Invalid("a stream entry with an impossible number of fields"))?;
            before = 4;
        }
        for _ in 0..words {
            rest.next().ok_or(Invalid(what))?;
        }
        let mut number = |what| rest.next().and_then(Value::as_i64).ok_or(Invalid(what));
        if number(what)? != (before + words) as i64 {
            return Err(Invalid("a stream entry that leads back to a wrong place"));
        }
        taken += before + words + 1;
        *(if flags & DELETED == 0 { &mut seen_live } else { &mut seen_deleted }) += 1;
    }
    if (live, deleted) != (seen_live, seen_deleted) {
        return Err(Invalid("a node with wrong counts"));
    }
    Ok(())
}

/// See [`Node::forward`].
#[derive(Clone)]
pub(super) struct Forward<'a> {
    node: &'a Node,
    names_at: usize,
    fields: usize,
    at: usize,
}

impl<'a> Iterator for Forward<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        if self.at >= self.node.view().end() {
            return None;
        }
        let entry = self.node.entry_at(self.at, self.names_at, self.fields);
        self.at = entry.end();
        Some(entry)
    }
}

/// See [`Node::backward`].
#[derive(Clone)]
pub(super) struct Backward<'a> {
    node: &'a Node,
    names_at: usize,
    fields: usize,
    end: usize,
}

impl<'a> Iterator for Backward<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let pack = self.node.view();
        let mut at = pack.previous(self.end)?;
        let elements = pack.get(at).as_i64().expect("(1): entries end in a number");
        if elements == 0 {
            return None;
        }
        for _ in 0..elements {
            at = pack.previous(at).expect("(1): the number leads to the flags");
        }
        self.end = at;
        Some(self.node.entry_at(at, self.names_at, self.fields))
    }
}
