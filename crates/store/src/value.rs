//! What a key holds beyond a short string: collections, and values on their way between keys.
//!
//! ```text
//!   record ── inline bytes, in a Form ──────────► C::of_inline ─┐
//!     └────── pointer to Box<Collection> ──► C::unwrap, view ───┴─► C::Ref<'_>   to read
//!
//!   DbShard::edit   copies inline bytes out ► C::from_inline ► change ► inline() ► writes back
//!                   lends what is boxed     ► C::unwrap_mut  ► change
//! ```
//!
//! Each type of collection is one Rust type with all its operations, in all its forms; it converts
//! itself when [`Limits`] say so. It implements [`CollectionType`], which is all that records and
//! shards know of it. See `docs/design/001-values.md`.
//!
//! # Invariants
//!
//! (1) A collection in a table has elements, unless its type says that it stays when empty.
//! (2) What `inline` gives, `from_inline` and `of_inline` of the same form take.

mod freeze;
pub mod hash;
mod limits;
pub mod list;
pub mod set;
pub mod sorted_set;
pub mod stream;
mod string;

pub(crate) use freeze::Frozen;
pub use freeze::Part;
pub use hash::{FieldExpire, Hash, HashRef};
pub use limits::Limits;
pub use list::{End, List};
pub use set::{Set, SetRef};
pub use sorted_set::{SortedSet, SortedSetRef};
pub use stream::Stream;
pub use string::BigString;

use structures::elements::Ahead;

use crate::record::{StrRef, Type};

/// Inline payloads of collections are at most this long.
pub const INLINE_PACKED_BYTES_MAX: usize = 1024;

/// In which compact form a collection's bytes lie in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Listpack,
    Intset,
    /// A hash whose fields may expire: field, value and moment, the earliest first.
    ListpackEx,
}

/// A view of a collection for reading, the same for all its forms.
pub trait View: Copy {
    /// Elements in it.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As OBJECT ENCODING prints it.
    fn encoding_name(&self) -> &'static str;

    /// An estimate of the bytes it holds, from up to `samples` elements (0: all).
    fn bytes(&self, samples: usize) -> usize;
}

/// One of the types of collections. See the module's essay.
pub trait CollectionType: Clone + Sized {
    const TYPE: Type;
    /// Whether the key stays when the value is empty.
    const STAYS_EMPTY: bool = false;
    type Ref<'a>: View
    where
        Self: 'a;

    /// An empty one, as a command that creates a key begins with.
    fn empty(limits: &Limits) -> Self;

    /// The view of inline bytes.
    fn of_inline(form: Form, bytes: &[u8]) -> Self::Ref<'_>;

    /// Takes over inline bytes.
    fn from_inline(form: Form, bytes: Vec<u8>) -> Self;

    /// Its bytes, if it is in a form that may lie inline.
    fn inline(&self) -> Option<(Form, &[u8])>;

    /// What held its inline bytes, to be used again; anything else ends here.
    fn into_buffer(self) -> Vec<u8>;

    fn view(&self) -> Self::Ref<'_>;

    /// No element expires before this; none if none ever does.
    fn earliest_expire_ms(&self) -> Option<i64> {
        None
    }

    /// About how many allocations it holds.
    fn allocations(&self) -> usize {
        1
    }

    /// Frees a part, about `budget` allocations, of what nobody needs any more. True when what is
    /// left is freed at once.
    fn drain_some(&mut self, budget: usize) -> bool {
        let _ = budget;
        true
    }

    /// The table in which single elements are looked for, if it has one.
    fn table(&self) -> Option<&dyn Ahead> {
        None
    }

    fn wrap(self) -> Collection;

    /// None if it is of another type.
    fn unwrap(collection: &Collection) -> Option<&Self>;

    /// None if it is of another type.
    fn unwrap_mut(collection: &mut Collection) -> Option<&mut Self>;
}

/// A collection behind a record's pointer.
#[derive(Clone, Debug)]
pub enum Collection {
    List(List),
    Set(Set),
    Hash(Hash),
    SortedSet(SortedSet),
    Stream(Box<Stream>),
}

/// Evaluates an expression for whichever collection it is.
macro_rules! each {
    ($collection:expr, $value:ident => $result:expr) => {
        match $collection {
            Collection::List($value) => $result,
            Collection::Set($value) => $result,
            Collection::Hash($value) => $result,
            Collection::SortedSet($value) => $result,
            Collection::Stream($value) => {
                let $value = &**$value;
                $result
            }
        }
    };
}

impl Collection {
    pub fn value_type(&self) -> Type {
        fn of<C: CollectionType>(_: &C) -> Type {
            C::TYPE
        }
        each!(self, value => of(value))
    }

    /// Elements in it.
    pub fn len(&self) -> usize {
        each!(self, value => value.view().len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, if it is in a form that may lie inline.
    pub fn inline(&self) -> Option<(Form, &[u8])> {
        each!(self, value => value.inline())
    }

    /// No element expires before this; none if none ever does.
    pub fn earliest_expire_ms(&self) -> Option<i64> {
        each!(self, value => value.earliest_expire_ms())
    }

    /// About how many allocations it holds.
    pub fn allocations(&self) -> usize {
        each!(self, value => value.allocations())
    }

    /// The table in which single elements are looked for, if it has one.
    pub fn table(&self) -> Option<&dyn Ahead> {
        each!(self, value => value.table())
    }

    /// Frees a part. See [`CollectionType::drain_some`].
    pub fn drain_some(&mut self, budget: usize) -> bool {
        match self {
            Collection::List(list) => list.drain_some(budget),
            Collection::Set(set) => set.drain_some(budget),
            Collection::Hash(hash) => hash.drain_some(budget),
            Collection::SortedSet(set) => set.drain_some(budget),
            Collection::Stream(stream) => stream.drain_some(budget),
        }
    }

    pub fn encoding_name(&self) -> &'static str {
        each!(self, value => value.view().encoding_name())
    }

    /// An estimate of the bytes it holds, from up to `samples` elements (0: all).
    pub fn bytes(&self, samples: usize) -> usize {
        each!(self, value => value.view().bytes(samples))
    }

    /// Panics if an invariant is broken. For tests.
    pub fn check(&self) {
        each!(self, value => value.check());
    }

    pub(crate) fn from_inline(value_type: Type, form: Form, bytes: Vec<u8>) -> Collection {
        match value_type {
            Type::List => List::from_inline(form, bytes).wrap(),
            Type::Set => Set::from_inline(form, bytes).wrap(),
            Type::Hash => Hash::from_inline(form, bytes).wrap(),
            Type::SortedSet => SortedSet::from_inline(form, bytes).wrap(),
            _ => unreachable!("a record's type and form belong together"),
        }
    }

    fn view(&self) -> ValueRef<'_> {
        match self {
            Collection::List(list) => ValueRef::List(list.view()),
            Collection::Set(set) => ValueRef::Set(set.view()),
            Collection::Hash(hash) => ValueRef::Hash(hash.view()),
            Collection::SortedSet(set) => ValueRef::SortedSet(set.view()),
            Collection::Stream(stream) => ValueRef::Stream(stream.view()),
        }
    }
}

/// A value to be read, whatever it is and wherever it lies.
#[derive(Clone, Copy)]
pub enum ValueRef<'a> {
    String(StrRef<'a>),
    List(<List as CollectionType>::Ref<'a>),
    Set(<Set as CollectionType>::Ref<'a>),
    Hash(<Hash as CollectionType>::Ref<'a>),
    SortedSet(<SortedSet as CollectionType>::Ref<'a>),
    Stream(&'a Stream),
}

impl<'a> ValueRef<'a> {
    pub(crate) fn of_inline(value_type: Type, form: Form, bytes: &'a [u8]) -> ValueRef<'a> {
        match value_type {
            Type::List => ValueRef::List(List::of_inline(form, bytes)),
            Type::Set => ValueRef::Set(Set::of_inline(form, bytes)),
            Type::Hash => ValueRef::Hash(Hash::of_inline(form, bytes)),
            Type::SortedSet => ValueRef::SortedSet(SortedSet::of_inline(form, bytes)),
            _ => unreachable!("a record's type and form belong together"),
        }
    }

    pub(crate) fn of_boxed(collection: &'a Collection) -> ValueRef<'a> {
        collection.view()
    }

    /// As OBJECT ENCODING prints it; none for strings, whose record says it.
    pub(crate) fn encoding_name(&self) -> Option<&'static str> {
        match self {
            ValueRef::String(_) => None,
            ValueRef::List(list) => Some(list.encoding_name()),
            ValueRef::Set(set) => Some(set.encoding_name()),
            ValueRef::Hash(hash) => Some(hash.encoding_name()),
            ValueRef::SortedSet(set) => Some(set.encoding_name()),
            ValueRef::Stream(stream) => Some(stream.encoding_name()),
        }
    }
}

/// The bytes of `len` elements, guessed from the sizes of the first `samples` (0: all).
pub(crate) fn extrapolate(sizes: impl Iterator<Item = usize>, len: usize, samples: usize) -> usize {
    let take = if samples == 0 { usize::MAX } else { samples };
    let (count, sum) = sizes.take(take).fold((0, 0), |(count, sum), size| (count + 1, sum + size));
    (sum * len).checked_div(count).unwrap_or(0)
}

/// A value without a key: what RENAME, COPY, MOVE and RESTORE carry.
#[derive(Clone, Debug)]
pub enum OwnedValue {
    Int(i64),
    /// Bytes, and whether they count as `raw` however short (they were modified in place).
    Bytes(Vec<u8>, bool),
    Big(Box<BigString>),
    Collection(Box<Collection>),
}

impl OwnedValue {
    pub fn of(collection: impl CollectionType) -> OwnedValue {
        OwnedValue::Collection(Box::new(collection.wrap()))
    }

    pub fn view(&self) -> ValueRef<'_> {
        match self {
            OwnedValue::Int(n) => ValueRef::String(StrRef::Int(*n)),
            OwnedValue::Bytes(text, _) => ValueRef::String(StrRef::Bytes(text)),
            OwnedValue::Big(text) => ValueRef::String(StrRef::Bytes(text.bytes())),
            OwnedValue::Collection(collection) => collection.view(),
        }
    }
}
