//! A hash as readers see it, whatever its form and wherever it lies.

use structures::elements::{self, Element, Elements, Fields};
use structures::listpack::{self, Listpack, Value};

use super::super::View;
use super::packed::{Group, NEVER, moment};

#[derive(Clone, Copy)]
pub enum HashRef<'a> {
    Packed(Group, Listpack<'a>),
    Table(&'a Elements<Fields>),
}

/// A field with its value. Its moment may have come: see [`Field::expire_ms`].
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub name: Value<'a>,
    pub value: Value<'a>,
    /// When it expires, in unix ms; before that and through that millisecond it is there.
    pub expire_ms: Option<i64>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    pub value: Value<'a>,
    /// As [`Field::expire_ms`].
    pub expire_ms: Option<i64>,
}

impl Held<'_> {
    /// Whether its moment lies before this one.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.expire_ms.is_some_and(|at| at < now_ms)
    }
}

impl Field<'_> {
    /// Whether its moment lies before this one.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.expire_ms.is_some_and(|at| at < now_ms)
    }
}

fn expire_of(entry: Value<'_>) -> Option<i64> {
    Some(moment(entry)).filter(|&at| at != NEVER)
}

fn field_of(element: Element<'_, Fields>) -> Field<'_> {
    Field {
        name: Value::Bytes(element.member()),
        value: Value::Bytes(element.value()),
        expire_ms: element.expire_ms(),
    }
}

impl<'a> HashRef<'a> {
    /// What a field holds, due or not.
    #[inline]
    pub fn get(self, field: &[u8]) -> Option<Held<'a>> {
        match self {
            HashRef::Packed(group, pack) => {
                let value_at = pack.next(group.find(pack, field)?)?;
                let expire_ms = match group {
                    Group::Pairs => None,
                    Group::Triples => expire_of(pack.get(pack.next(value_at)?)),
                };
                Some(Held { value: pack.get(value_at), expire_ms })
            }
            HashRef::Table(table) => {
                let element = table.find(field)?;
                let value = Value::Bytes(element.value());
                Some(Held { value, expire_ms: element.expire_ms() })
            }
        }
    }

    /// No field expires before this; none if none ever does. Exact while packed.
    pub fn earliest_expire_ms(self) -> Option<i64> {
        match self {
            HashRef::Packed(Group::Pairs, _) => None,
            HashRef::Packed(Group::Triples, pack) => expire_of(pack.get(pack.nth(2)?)),
            HashRef::Table(table) => table.earliest_expire_ms(),
        }
    }

    /// Whether a field expires at all.
    pub fn expires(self) -> bool {
        match self {
            HashRef::Packed(..) => self.earliest_expire_ms().is_some(),
            HashRef::Table(table) => table.expiring_len() > 0,
        }
    }

    /// Whether a field's moment may lie before this one.
    #[inline]
    pub fn may_have_due(self, now_ms: i64) -> bool {
        self.earliest_expire_ms().is_some_and(|at| at < now_ms)
    }

    /// Fields whose moment does not lie before this one. O(1) when there are no others.
    pub fn live_len(self, now_ms: i64) -> usize {
        if !self.may_have_due(now_ms) {
            return self.len();
        }
        self.iter().filter(|field| !field.is_due(now_ms)).count()
    }

    /// All fields, due or not.
    pub fn iter(self) -> HashIter<'a> {
        HashIter(match self {
            HashRef::Packed(group, pack) => Walk::Packed(group, pack.iter()),
            HashRef::Table(table) => Walk::Table(table.iter()),
        })
    }

    /// The packed form and its bytes: what a DUMP contains. None for a table.
    pub fn packed(self) -> Option<(Group, Listpack<'a>)> {
        match self {
            HashRef::Packed(group, pack) => Some((group, pack)),
            HashRef::Table(_) => None,
        }
    }

    /// Hands the fields at a cursor to `f`: all while packed, else about a dozen. Begins at 0;
    /// gives the next cursor, 0 when all were handed over.
    pub fn scan(self, cursor: u64, mut f: impl FnMut(Field<'_>)) -> u64 {
        match self {
            HashRef::Packed(..) => {
                self.iter().for_each(f);
                0
            }
            HashRef::Table(table) => table.scan(cursor, |element| f(field_of(element))),
        }
    }

    /// A field, each with the same chance. None if it is empty.
    pub fn random(self, mut next_u64: impl FnMut() -> u64) -> Option<Field<'a>> {
        match self {
            HashRef::Packed(group, pack) => {
                let index = below(next_u64(), self.len()) * group.size();
                let at = pack.nth(index as i64)?;
                HashIter(Walk::Packed(group, pack.iter_span(at..pack.end()))).next()
            }
            HashRef::Table(table) => table.random(next_u64).map(field_of),
        }
    }

    /// `count` fields, each chosen among all.
    pub fn random_many(
        self,
        count: usize,
        mut next_u64: impl FnMut() -> u64,
        mut f: impl FnMut(Field<'a>),
    ) {
        match self {
            HashRef::Packed(..) => {
                let fields: Vec<Field<'a>> = self.iter().collect();
                (0..count).for_each(|_| f(fields[below(next_u64(), fields.len())]));
            }
            HashRef::Table(table) => {
                (0..count).filter_map(|_| table.random(&mut next_u64)).for_each(|e| f(field_of(e)));
            }
        }
    }

    /// `count` different fields, or all if there are fewer; each such choice has the same chance.
    pub fn sample(
        self,
        count: usize,
        mut next_u64: impl FnMut() -> u64,
        mut f: impl FnMut(Field<'_>),
    ) {
        match self {
            HashRef::Packed(..) => {
                // Each field is taken with the chance that is left for it.
                let (mut left, mut wanted) = (self.len(), count);
                for field in self.iter() {
                    if below(next_u64(), left) < wanted {
                        wanted -= 1;
                        f(field);
                    }
                    left -= 1;
                }
            }
            HashRef::Table(table) => table.sample(count, next_u64, |e| f(field_of(e))),
        }
    }
}

/// A number below `bound` from 64 random bits.
fn below(random: u64, bound: usize) -> usize {
    ((u128::from(random) * bound as u128) >> 64) as usize
}

/// See [`HashRef::iter`].
pub struct HashIter<'a>(Walk<'a>);

enum Walk<'a> {
    Packed(Group, listpack::Iter<'a>),
    Table(elements::Iter<'a, Fields>),
}

impl<'a> Iterator for HashIter<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        match &mut self.0 {
            Walk::Packed(group, entries) => {
                let (name, value) = (entries.next()?, entries.next()?);
                let expire_ms = match group {
                    Group::Pairs => None,
                    Group::Triples => expire_of(entries.next()?),
                };
                Some(Field { name, value, expire_ms })
            }
            Walk::Table(elements) => elements.next().map(field_of),
        }
    }
}
