//! A set to be read, the same for all its forms.

use structures::elements::{self, Elements, Members};
use structures::intset::{self, Intset};
use structures::listpack::{self, Listpack, TextBuffer, Value};

use crate::value::View;

/// Members looked up together by [`SetRef::contains_each`].
const BATCH: usize = 16;

/// A view of a set.
#[derive(Clone, Copy)]
pub enum SetRef<'a> {
    Intset(Intset<'a>),
    Listpack(Listpack<'a>),
    Table(&'a Elements<Members>),
}

impl View for SetRef<'_> {
    #[inline]
    fn len(&self) -> usize {
        match self {
            SetRef::Intset(set) => set.len(),
            SetRef::Listpack(pack) => pack.len(),
            SetRef::Table(table) => table.len(),
        }
    }

    fn encoding_name(&self) -> &'static str {
        match self {
            SetRef::Intset(_) => "intset",
            SetRef::Listpack(_) => "listpack",
            SetRef::Table(_) => "hashtable",
        }
    }

    fn bytes(&self, _samples: usize) -> usize {
        match self {
            SetRef::Intset(set) => set.as_bytes().len(),
            SetRef::Listpack(pack) => pack.as_bytes().len(),
            SetRef::Table(table) => table.bytes(),
        }
    }
}

impl<'a> SetRef<'a> {
    #[inline]
    pub fn contains(self, member: &[u8]) -> bool {
        match self {
            SetRef::Intset(set) => match Value::of(member) {
                Value::Int(n) => set.contains(n),
                Value::Bytes(_) => false,
            },
            SetRef::Listpack(pack) => pack.find(member, 0).is_some(),
            SetRef::Table(table) => table.contains(member),
        }
    }

    /// [`SetRef::contains`] of a member of another set.
    pub fn contains_value(self, member: Value<'_>) -> bool {
        match (self, member) {
            (SetRef::Intset(set), _) => member.as_i64().is_some_and(|n| set.contains(n)),
            (_, Value::Int(_)) => self.contains(member.text(&mut TextBuffer::new())),
            (_, Value::Bytes(text)) => self.contains(text),
        }
    }

    /// Tells of each of these whether it is a member, in order. Those of a large set are looked up
    /// together, so that they wait for memory together.
    pub fn contains_each<'m>(
        self,
        members: impl IntoIterator<Item = &'m [u8]>,
        mut f: impl FnMut(bool),
    ) {
        match self {
            SetRef::Table(table) => {
                table.find_each(members, |_, found| {
                    f(found.is_some());
                    true
                });
            }
            _ => members.into_iter().for_each(|member| f(self.contains(member))),
        }
    }

    /// Keeps of the members of another set those that are members of this one, or are not.
    pub fn retain(self, candidates: &mut Vec<Value<'_>>, is_member: bool) {
        let SetRef::Table(table) = self else {
            return candidates.retain(|member| self.contains_value(*member) == is_member);
        };
        let (mut kept, mut from) = (0, 0);
        while from < candidates.len() {
            let batch: &[Value<'_>] = &candidates[from..candidates.len().min(from + BATCH)];
            let mut buffers = [TextBuffer::new(); BATCH];
            let texts = batch.iter().zip(&mut buffers).map(|(member, buffer)| member.text(buffer));
            let mut found: u32 = 0;
            let mut bit = 1;
            table.find_each(texts, |_, element| {
                found |= if element.is_some() == is_member { bit } else { 0 };
                bit <<= 1;
                true
            });
            let len = batch.len();
            for i in 0..len {
                if found & 1 << i != 0 {
                    candidates[kept] = candidates[from + i];
                    kept += 1;
                }
            }
            from += len;
        }
        candidates.truncate(kept);
    }

    pub fn iter(self) -> Iter<'a> {
        match self {
            SetRef::Intset(set) => Iter::Intset(set.iter()),
            SetRef::Listpack(pack) => Iter::Listpack(pack.iter()),
            SetRef::Table(table) => Iter::Table(Box::new(table.iter())),
        }
    }

    /// One member of a set that has some, each with the same chance.
    pub fn random(self, mut next_u64: impl FnMut() -> u64) -> Value<'a> {
        let mut below = |n: usize| ((u128::from(next_u64()) * n as u128) >> 64) as usize;
        match self {
            SetRef::Intset(set) => Value::Int(set.get(below(set.len()))),
            SetRef::Listpack(pack) => {
                let at = pack.nth(below(pack.len()) as i64).expect("the index is below the length");
                pack.get(at)
            }
            SetRef::Table(table) => {
                let element = table.random(next_u64).expect("a set in a table has members");
                Value::Bytes(element.member())
            }
        }
    }

    /// `count` different members, or all if there are fewer; each choice has the same chance.
    pub fn sample(self, count: usize, next_u64: impl FnMut() -> u64, mut f: impl FnMut(Value<'a>)) {
        match self {
            SetRef::Table(table) => {
                table.sample(count, next_u64, |element| f(Value::Bytes(element.member())));
            }
            _ => choose(self.iter(), self.len(), count, next_u64, f),
        }
    }

    /// Hands the members at a position to `f`; gives the next position and how many there were.
    /// Begins and ends at 0. A set without a table is handed over whole.
    pub fn scan(self, position: u64, mut f: impl FnMut(Value<'a>)) -> (u64, usize) {
        match self {
            SetRef::Table(table) => {
                let mut met = 0;
                let next = table.scan(position, |element| {
                    met += 1;
                    f(Value::Bytes(element.member()));
                });
                (next, met)
            }
            _ => {
                self.iter().for_each(f);
                (0, self.len())
            }
        }
    }
}

/// Hands `count` of `len` items to `f`, in their order; each choice has the same chance.
pub(super) fn choose<T>(
    items: impl Iterator<Item = T>,
    len: usize,
    count: usize,
    next_u64: impl FnMut() -> u64,
    mut f: impl FnMut(T),
) {
    split(items, len, count, next_u64, |item, is_chosen| {
        if is_chosen {
            f(item);
        }
    });
}

/// Hands all `len` items to `f`, in their order, and says which are among `count` chosen ones; each
/// choice has the same chance.
pub(super) fn split<T>(
    items: impl Iterator<Item = T>,
    len: usize,
    count: usize,
    mut next_u64: impl FnMut() -> u64,
    mut f: impl FnMut(T, bool),
) {
    let mut wanted = count;
    for (seen, item) in items.enumerate() {
        // With the chance that is left for it.
        let draw = (u128::from(next_u64()) * (len - seen) as u128) >> 64;
        let is_chosen = draw < wanted as u128;
        wanted -= usize::from(is_chosen);
        f(item, is_chosen);
    }
}

/// The members of a set. Those of an intset ascend, those of a table are in the order of hashes.
pub enum Iter<'a> {
    Intset(intset::Iter<'a>),
    Listpack(listpack::Iter<'a>),
    Table(Box<elements::Iter<'a, Members>>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        match self {
            Iter::Intset(iter) => iter.next().map(Value::Int),
            Iter::Listpack(iter) => iter.next(),
            Iter::Table(iter) => iter.next().map(|element| Value::Bytes(element.member())),
        }
    }
}
