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
//! [`Open::load`] verifies them for nodes from outside.
//!
//! (1) The listpack is valid and holds a master entry and whole entries, nothing else.
//! (2) IDs ascend strictly; none is smaller than the node's.
//! (3) `live` and `deleted` count the entries without and with flag 1.

use structures::listpack::{self, Listpack, Value};
use structures::packed::Invalid;

use super::id::StreamId;

pub(super) const DELETED: i64 = 1;
pub(super) const SAME_FIELDS: i64 = 2;

/// A node to be read, whoever holds it: see `Open` and `Sealed`.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    first: StreamId,
    pub(super) pack: Listpack<'a>,
}

/// What the master entry says.
pub(super) struct Master {
    pub(super) live: u64,
    pub(super) deleted: u64,
    pub(super) fields: usize,
    /// Position of the first field name.
    pub(super) names_at: usize,
}

/// An entry of a stream: its ID and its fields, each with a value, in the order of XADD.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub id: StreamId,
    pack: Listpack<'a>,
    pub(super) flags: i64,
    /// Position of the flags.
    pub(super) at: usize,
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
    pub(super) fn end(&self) -> usize {
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

impl<'a> Node<'a> {
    /// The node of a valid listpack (1) with entries from an ID on (2).
    pub(super) fn new(first: StreamId, pack: &'a [u8]) -> Node<'a> {
        Node { first, pack: Listpack::new(pack) }
    }

    /// The ID by which it is known: that of its first entry, deleted or not.
    pub fn first(self) -> StreamId {
        self.first
    }

    /// Entries that are not deleted.
    pub fn live(self) -> u64 {
        self.master().live
    }

    /// Its listpack, as DUMP and RDB files contain it.
    pub fn to_redis(self) -> Vec<u8> {
        self.pack.to_redis()
    }

    pub(super) fn master(self) -> Master {
        let mut numbers = self.pack.iter();
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
    pub(super) fn entry_at(self, at: usize, names_at: usize, master_fields: usize) -> Entry<'a> {
        let pack = self.pack;
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
    pub(super) fn forward(self) -> Forward<'a> {
        let master = self.master();
        let at = skip(self.pack, master.names_at, master.fields + 1);
        Forward { node: self, names_at: master.names_at, fields: master.fields, at }
    }

    /// All entries, deleted ones included, from the last on.
    pub(super) fn backward(self) -> Backward<'a> {
        let master = self.master();
        let (names_at, fields) = (master.names_at, master.fields);
        Backward { node: self, names_at, fields, end: self.pack.end() }
    }

    /// The ID of its last entry, deleted or not.
    pub(super) fn last_id(self) -> StreamId {
        self.backward().next().map_or(self.first, |entry| entry.id)
    }

    /// The entry with an ID, unless it is deleted.
    pub(super) fn find(self, id: StreamId) -> Option<Entry<'a>> {
        let entry = self.forward().find(|entry| entry.id >= id)?;
        (entry.id == id && !entry.is_deleted()).then_some(entry)
    }

    /// Panics if an invariant is broken.
    pub fn check(self) {
        let elements = listpack::validate(self.pack.as_bytes()).expect("(1): a listpack");
        verify(self.first, self.pack, elements).expect("a node of a stream");
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

/// See [`Node::forward`].
#[derive(Clone)]
pub(super) struct Forward<'a> {
    node: Node<'a>,
    pub(super) names_at: usize,
    pub(super) fields: usize,
    pub(super) at: usize,
}

impl<'a> Iterator for Forward<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        if self.at >= self.node.pack.end() {
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
    node: Node<'a>,
    names_at: usize,
    fields: usize,
    end: usize,
}

impl<'a> Iterator for Backward<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let pack = self.node.pack;
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

/// Whether a valid listpack of so many elements is a node.
pub(super) fn verify(first: StreamId, pack: Listpack<'_>, elements: usize) -> Result<(), Invalid> {
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
