//! One key is one allocation: type, clock, expiry, key and value behind one another.
//!
//! ```text
//!  0      4          5 (or 9)      +8 if it expires            + key length
//!  +------+----------+-------------+---------------------------+-----------------+
//!  | meta | key len  | expiry, ms  | key bytes                 | payload         |
//!  +------+----------+-------------+---------------------------+-----------------+
//!    u32    1 or 5 B   i64
//!
//!  meta     type:3 | has expiry:1 | encoding:4 | usage clock:24
//!  length   one byte below 254, else the byte 254 and a u32
//!  payload  Int         i64
//!           Embstr/Raw  length, bytes
//!           Listpack, Intset, ListpackEx    length, bytes of a small collection
//!           RawBig      pointer to a BigString
//!           Collection  pointer to a Collection
//! ```
//!
//! # Invariants
//!
//! (1) A record comes from its shard's heap with exactly `size()` bytes, 4-byte aligned.
//! (2) `meta`'s expiry bit says whether there is an expiry of the key's own. The slot's HAS_TTL flag
//!     also says whether elements of the value expire: it is set if [`Expiries::next_ms`] is some.
//! (3) A pointer payload is a `Box` that this record owns.
//! (4) Fields behind the meta word are not aligned: they are read and written as such.
//!
//! # Limits
//!
//! Keys and inline values are below 4 GiB; values that large are always behind a pointer.

use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::eviction_clock::Usage;
use crate::value::{BigString, Collection, CollectionType, Form, Hash, OwnedValue, ValueRef};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    String = 0,
    List = 1,
    Set = 2,
    SortedSet = 3,
    Hash = 4,
    Stream = 5,
}

impl Type {
    /// As TYPE prints it.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::SortedSet => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }

    fn from_bits(bits: u32) -> Type {
        match bits {
            0 => Type::String,
            1 => Type::List,
            2 => Type::Set,
            3 => Type::SortedSet,
            4 => Type::Hash,
            5 => Type::Stream,
            _ => unreachable!("a record's type is one of six"),
        }
    }
}

/// How a record holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    Int = 0,
    Embstr = 1,
    Raw = 2,
    RawBig = 3,
    /// Behind a pointer to a [`Collection`].
    Collection = 4,
    /// A small collection, its bytes in the [`Form`] of the same name.
    Listpack = 5,
    Intset = 6,
    ListpackEx = 7,
}

impl Encoding {
    fn from_bits(bits: u32) -> Encoding {
        match bits {
            0 => Encoding::Int,
            1 => Encoding::Embstr,
            2 => Encoding::Raw,
            3 => Encoding::RawBig,
            4 => Encoding::Collection,
            5 => Encoding::Listpack,
            6 => Encoding::Intset,
            7 => Encoding::ListpackEx,
            _ => unreachable!("a record's encoding is one of eight"),
        }
    }

    /// The form of a collection that lies inline.
    pub(crate) fn form(self) -> Option<Form> {
        match self {
            Encoding::Listpack => Some(Form::Listpack),
            Encoding::Intset => Some(Form::Intset),
            Encoding::ListpackEx => Some(Form::ListpackEx),
            _ => None,
        }
    }

    fn of_form(form: Form) -> Encoding {
        match form {
            Form::Listpack => Encoding::Listpack,
            Form::Intset => Encoding::Intset,
            Form::ListpackEx => Encoding::ListpackEx,
        }
    }
}

/// Strings up to this length that were never modified print as `embstr`.
pub const EMBSTR_BYTES_MAX: usize = 44;
/// Strings longer than this live behind a pointer.
pub const INLINE_BYTES_MAX: usize = 32 * 1024;

const META_BYTES: usize = 4;
const EXPIRE_BYTES: usize = 8;
const POINTER_BYTES: usize = 8;
const LONG_LENGTH: u8 = 254;
const HAS_EXPIRY: u32 = 1 << 3;

/// A string value as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl StrRef<'_> {
    /// Length of its text.
    pub fn len(&self) -> usize {
        match self {
            StrRef::Int(n) => base::number::i64_len(*n),
            StrRef::Bytes(b) => b.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, StrRef::Bytes(b) if b.is_empty())
    }

    /// Its text, written into `scratch` if it is held as an integer.
    pub fn as_bytes<'s>(&'s self, scratch: &'s mut Vec<u8>) -> &'s [u8] {
        match self {
            StrRef::Int(n) => {
                scratch.clear();
                base::number::write_i64(scratch, *n);
                scratch
            }
            StrRef::Bytes(b) => b,
        }
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut scratch = Vec::new();
        match self {
            StrRef::Int(_) => {
                self.as_bytes(&mut scratch);
                scratch
            }
            StrRef::Bytes(b) => b.to_vec(),
        }
    }

    /// The integer it is the canonical text of.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            StrRef::Int(n) => Some(*n),
            StrRef::Bytes(b) => base::number::parse_i64(b),
        }
    }
}

/// When a key and what it holds expire, in unix ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiries {
    /// The key itself.
    pub key: Option<i64>,
    /// No element of its value before this.
    pub elements: Option<i64>,
}

impl Expiries {
    /// Nothing expires before this.
    #[inline]
    pub fn next_ms(self) -> Option<i64> {
        match (self.key, self.elements) {
            (Some(key), Some(elements)) => Some(key.min(elements)),
            (key, elements) => key.or(elements),
        }
    }
}

/// A value about to become a record.
pub(crate) enum Payload<'a> {
    Int(i64),
    Inline(Encoding, &'a [u8]),
    /// A collection's bytes.
    Packed(Type, Form, &'a [u8]),
    Big(Box<BigString>),
    Collection(Type, Box<Collection>),
}

impl Payload<'_> {
    fn kind(&self) -> (Type, Encoding) {
        match self {
            Payload::Int(_) => (Type::String, Encoding::Int),
            Payload::Inline(encoding, _) => (Type::String, *encoding),
            Payload::Packed(t, form, _) => (*t, Encoding::of_form(*form)),
            Payload::Big(_) => (Type::String, Encoding::RawBig),
            Payload::Collection(t, _) => (*t, Encoding::Collection),
        }
    }

    fn size(&self) -> usize {
        match self {
            Payload::Int(_) => 8,
            Payload::Inline(_, b) | Payload::Packed(_, _, b) => length_size(b.len()) + b.len(),
            Payload::Big(_) | Payload::Collection(..) => POINTER_BYTES,
        }
    }
}

fn length_size(len: usize) -> usize {
    if len < LONG_LENGTH as usize { 1 } else { 5 }
}

/// Bytes of a record with this key and payload.
pub(crate) fn size_of_record(key_len: usize, expires: bool, payload: &Payload<'_>) -> usize {
    META_BYTES
        + length_size(key_len)
        + if expires { EXPIRE_BYTES } else { 0 }
        + key_len
        + payload.size()
}

/// A borrowed record: a pointer that obeys the invariants above for as long as `'a`.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    at: NonNull<u8>,
    of: PhantomData<&'a u8>,
}

impl<'a> Record<'a> {
    /// # Safety
    ///
    /// `at` is a live record, and nothing changes it during `'a` but through this handle.
    pub(crate) unsafe fn from_raw(at: NonNull<u8>) -> Record<'a> {
        Record { at, of: PhantomData }
    }

    pub(crate) fn raw(&self) -> NonNull<u8> {
        self.at
    }

    #[inline]
    fn meta(&self) -> u32 {
        // SAFETY: (1) the meta word lies at the aligned start of each live record.
        unsafe { self.at.cast::<u32>().read() }
    }

    #[inline]
    fn set_meta(&self, meta: u32) {
        // SAFETY: (1), and the shard's lock holder is the only one to touch a record.
        unsafe { self.at.cast::<u32>().write(meta) }
    }

    #[inline]
    fn byte(&self, offset: usize) -> u8 {
        // SAFETY: callers stay below `size()`.
        unsafe { self.at.add(offset).read() }
    }

    /// A length field at `offset`: its value and its size.
    #[inline]
    fn length_at(&self, offset: usize) -> (usize, usize) {
        let first = self.byte(offset);
        if first < LONG_LENGTH {
            (first as usize, 1)
        } else {
            // SAFETY: (1) a long length is followed by its four bytes; (4) unaligned.
            let len = unsafe { self.at.add(offset + 1).cast::<u32>().read_unaligned() };
            (len as usize, 5)
        }
    }

    pub fn value_type(&self) -> Type {
        Type::from_bits(self.meta() & 7)
    }

    pub fn is_string(&self) -> bool {
        self.meta() & 7 == Type::String as u32
    }

    pub fn encoding(&self) -> Encoding {
        Encoding::from_bits((self.meta() >> 4) & 15)
    }

    #[inline]
    pub fn has_expire(&self) -> bool {
        self.meta() & HAS_EXPIRY != 0
    }

    /// When it expires, in unix milliseconds.
    #[inline]
    pub fn expire_ms(&self) -> Option<i64> {
        if !self.has_expire() {
            return None;
        }
        let (_, size) = self.length_at(META_BYTES);
        // SAFETY: (2) the expiry follows the key's length; (4) unaligned.
        Some(unsafe { self.at.add(META_BYTES + size).cast::<i64>().read_unaligned() })
    }

    /// No element of the value expires before this; none if none ever does.
    #[inline]
    pub fn element_expire_ms(&self) -> Option<i64> {
        match self.encoding() {
            Encoding::ListpackEx => {
                Hash::of_inline(Form::ListpackEx, self.inline_bytes()).earliest_expire_ms()
            }
            Encoding::Collection => self.boxed()?.earliest_expire_ms(),
            _ => None,
        }
    }

    /// Both at once.
    #[inline]
    pub fn expiries(&self) -> Expiries {
        Expiries { key: self.expire_ms(), elements: self.element_expire_ms() }
    }

    pub(crate) fn write_expire_ms(&self, ms: i64) {
        assert!(self.has_expire(), "an expiry is rewritten in place only where there is one");
        let (_, size) = self.length_at(META_BYTES);
        // SAFETY: as in `expire_ms`; the caller holds the shard.
        unsafe { self.at.add(META_BYTES + size).cast::<i64>().write_unaligned(ms) }
    }

    /// The 24 bits of [`crate::eviction_clock`].
    #[inline]
    pub fn usage(&self) -> u32 {
        self.meta() >> 8
    }

    #[inline]
    pub fn set_usage(&self, bits: u32) {
        self.set_meta((self.meta() & 0xff) | (bits << 8));
    }

    /// Notes one more use. Writes only if the bits change: a read should not dirty a cache line.
    #[inline]
    pub fn touch(&self, usage: &Usage, chance: impl FnOnce() -> u64) {
        let bits = usage.touched(self.usage(), chance);
        if bits != self.usage() {
            self.set_usage(bits);
        }
    }

    #[inline]
    fn key_span(&self) -> (usize, usize) {
        let (len, size) = self.length_at(META_BYTES);
        let expire = if self.has_expire() { EXPIRE_BYTES } else { 0 };
        (META_BYTES + size + expire, len)
    }

    #[inline]
    pub fn key(&self) -> &'a [u8] {
        let (start, len) = self.key_span();
        // SAFETY: (1) the key's bytes lie inside the record, which lives for 'a.
        unsafe { std::slice::from_raw_parts(self.at.add(start).as_ptr(), len) }
    }

    #[inline]
    fn payload_at(&self) -> usize {
        let (start, len) = self.key_span();
        start + len
    }

    fn pointer(&self) -> *mut u8 {
        // SAFETY: (3), (4): pointer payloads are eight bytes behind the key.
        unsafe { self.at.add(self.payload_at()).cast::<*mut u8>().read_unaligned() }
    }

    /// The value, if it is a string.
    #[inline]
    pub fn string(&self) -> Option<StrRef<'a>> {
        if !self.is_string() {
            return None;
        }
        let at = self.payload_at();
        Some(match self.encoding() {
            // SAFETY: (1), (4): an integer payload is eight bytes.
            Encoding::Int => unsafe { StrRef::Int(self.at.add(at).cast::<i64>().read_unaligned()) },
            Encoding::RawBig => {
                // SAFETY: (3) the record owns the BigString and lives for 'a.
                StrRef::Bytes(unsafe { &*self.pointer().cast::<BigString>() }.bytes())
            }
            _ => StrRef::Bytes(self.inline_bytes()),
        })
    }

    /// The payload of an encoding that has length and bytes.
    #[inline]
    fn inline_bytes(&self) -> &'a [u8] {
        let at = self.payload_at();
        let (len, size) = self.length_at(at);
        // SAFETY: (1) the payload's bytes lie inside the record, which lives for 'a.
        unsafe { std::slice::from_raw_parts(self.at.add(at + size).as_ptr(), len) }
    }

    /// A small collection's form and bytes, if it lies in the record.
    pub(crate) fn packed(&self) -> Option<(Form, &'a [u8])> {
        self.encoding().form().map(|form| (form, self.inline_bytes()))
    }

    /// The value as a collection of this type, if it is one.
    #[inline]
    pub fn collection<C: CollectionType + 'a>(&self) -> Option<C::Ref<'a>> {
        if self.value_type() != C::TYPE {
            return None;
        }
        match self.packed() {
            Some((form, bytes)) => Some(C::of_inline(form, bytes)),
            None => C::unwrap(self.boxed()?).map(C::view),
        }
    }

    /// The value, whatever it is.
    pub fn value(&self) -> ValueRef<'a> {
        if let Some(string) = self.string() {
            return ValueRef::String(string);
        }
        match self.packed() {
            Some((form, bytes)) => ValueRef::of_inline(self.value_type(), form, bytes),
            None => ValueRef::of_boxed(self.boxed().expect("what is not inline is boxed")),
        }
    }

    /// As OBJECT ENCODING prints it.
    pub fn encoding_name(&self) -> &'static str {
        match self.encoding() {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw | Encoding::RawBig => "raw",
            _ => self.value().encoding_name().expect("a collection knows its encoding"),
        }
    }

    /// Whether it owns something behind a pointer.
    pub(crate) fn owns(&self) -> bool {
        matches!(self.encoding(), Encoding::RawBig | Encoding::Collection)
    }

    /// The value, if it is a collection behind a pointer.
    pub fn boxed(&self) -> Option<&'a Collection> {
        // SAFETY: (3) the record owns the Collection and lives for 'a.
        (self.encoding() == Encoding::Collection)
            .then(|| unsafe { &*self.pointer().cast::<Collection>() })
    }

    /// # Safety
    ///
    /// No other borrow of this record's value is alive.
    pub(crate) unsafe fn boxed_mut(&self) -> Option<&'a mut Collection> {
        // SAFETY: (3), and the caller promises that it is the only borrow.
        (self.encoding() == Encoding::Collection)
            .then(|| unsafe { &mut *self.pointer().cast::<Collection>() })
    }

    /// # Safety
    ///
    /// No other borrow of this record's value is alive.
    pub(crate) unsafe fn big_mut(&self) -> Option<&'a mut BigString> {
        // SAFETY: (3), and the caller promises that it is the only borrow.
        (self.encoding() == Encoding::RawBig)
            .then(|| unsafe { &mut *self.pointer().cast::<BigString>() })
    }

    /// The inline bytes, to be changed in place.
    ///
    /// # Safety
    ///
    /// No other borrow of this record's value is alive.
    pub(crate) unsafe fn inline_mut(&self) -> Option<&'a mut [u8]> {
        if !matches!(self.encoding(), Encoding::Embstr | Encoding::Raw) {
            return None;
        }
        let at = self.payload_at();
        let (len, size) = self.length_at(at);
        // SAFETY: (1) the bytes lie inside the record; the caller promises exclusiveness.
        Some(unsafe { std::slice::from_raw_parts_mut(self.at.add(at + size).as_ptr(), len) })
    }

    pub(crate) fn write_int(&self, n: i64) {
        assert!(self.encoding() == Encoding::Int, "only an integer is overwritten by an integer");
        // SAFETY: (1), (4): an integer payload is eight bytes.
        unsafe { self.at.add(self.payload_at()).cast::<i64>().write_unaligned(n) }
    }

    pub(crate) fn mark_raw(&self) {
        assert!(self.encoding() == Encoding::Embstr || self.encoding() == Encoding::Raw);
        self.set_meta((self.meta() & !0xf0) | ((Encoding::Raw as u32) << 4));
    }

    /// Bytes of the allocation (1).
    pub fn size(&self) -> usize {
        let at = self.payload_at();
        at + match self.encoding() {
            Encoding::Int => 8,
            Encoding::RawBig | Encoding::Collection => POINTER_BYTES,
            _ => {
                let (len, size) = self.length_at(at);
                size + len
            }
        }
    }

    /// Bytes of the record and of everything behind its pointer, from `samples` elements.
    pub fn memory(&self, samples: usize) -> usize {
        self.size()
            + match self.encoding() {
                Encoding::RawBig => match self.string() {
                    Some(StrRef::Bytes(b)) => b.len() + size_of::<BigString>(),
                    _ => 0,
                },
                Encoding::Collection => {
                    size_of::<Collection>() + self.boxed().map_or(0, |c| c.bytes(samples))
                }
                _ => 0,
            }
    }

    /// Takes the value out. The record's memory is left to the caller and must not be read again.
    ///
    /// # Safety
    ///
    /// The record is no longer in a table and its payload is never used again.
    pub(crate) unsafe fn take_value(&self) -> OwnedValue {
        match self.encoding() {
            Encoding::RawBig => {
                // SAFETY: (3) the box is the record's own and, by contract, never used again.
                OwnedValue::Big(unsafe { Box::from_raw(self.pointer().cast::<BigString>()) })
            }
            Encoding::Collection => {
                // SAFETY: as above.
                let boxed = unsafe { Box::from_raw(self.pointer().cast::<Collection>()) };
                OwnedValue::Collection(boxed)
            }
            _ => self.copy_inline(),
        }
    }

    /// A copy of a value that lies in the record.
    fn copy_inline(&self) -> OwnedValue {
        if let Some((form, bytes)) = self.packed() {
            let collection = Collection::from_inline(self.value_type(), form, bytes.to_vec());
            return OwnedValue::Collection(Box::new(collection));
        }
        match self.string().expect("what is no collection is a string") {
            StrRef::Int(n) => OwnedValue::Int(n),
            StrRef::Bytes(b) => OwnedValue::Bytes(b.to_vec(), self.encoding() == Encoding::Raw),
        }
    }

    /// A copy of the value.
    pub fn clone_value(&self) -> OwnedValue {
        match self.boxed() {
            Some(collection) => OwnedValue::Collection(Box::new(collection.clone())),
            None => self.copy_inline(),
        }
    }
}

/// Writes a record into fresh memory of `size_of_record` bytes.
///
/// # Safety
///
/// `at` is 4-byte aligned and has room for `size_of_record(key.len(), expire.is_some(), payload)`.
pub(crate) unsafe fn write(
    at: NonNull<u8>,
    key: &[u8],
    expire: Option<i64>,
    usage: u32,
    payload: Payload<'_>,
) {
    let (value_type, encoding) = payload.kind();
    let expiry_bit = if expire.is_some() { HAS_EXPIRY } else { 0 };
    let meta = value_type as u32 | expiry_bit | ((encoding as u32) << 4) | (usage << 8);
    // SAFETY: the caller gives room for every field; the writes below follow the drawing.
    unsafe {
        at.cast::<u32>().write(meta);
        let mut p = put_length(at.add(META_BYTES), key.len());
        if let Some(ms) = expire {
            p.cast::<i64>().write_unaligned(ms);
            p = p.add(EXPIRE_BYTES);
        }
        p.as_ptr().copy_from_nonoverlapping(key.as_ptr(), key.len());
        p = p.add(key.len());
        match payload {
            Payload::Int(n) => p.cast::<i64>().write_unaligned(n),
            Payload::Inline(_, bytes) | Payload::Packed(_, _, bytes) => {
                p = put_length(p, bytes.len());
                p.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
            Payload::Big(b) => p.cast::<*mut BigString>().write_unaligned(Box::into_raw(b)),
            Payload::Collection(_, c) => {
                p.cast::<*mut Collection>().write_unaligned(Box::into_raw(c));
            }
        }
    }
}

/// # Safety
///
/// There is room for the length field at `p`.
unsafe fn put_length(p: NonNull<u8>, len: usize) -> NonNull<u8> {
    // SAFETY: by contract.
    unsafe {
        if len < LONG_LENGTH as usize {
            p.write(len as u8);
            p.add(1)
        } else {
            p.write(LONG_LENGTH);
            p.add(1).cast::<u32>().write_unaligned(len as u32);
            p.add(5)
        }
    }
}
