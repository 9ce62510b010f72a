//! The slot: one entry of a table in eight bytes.
//!
//! ```text
//!   63        48 47                                      2 1        0
//!  +------------+-----------------------------------------+--------+-------+
//!  |    tag     |   address of the entry / 4              | COLOUR |  TTL  |
//!  +------------+-----------------------------------------+--------+-------+
//! ```
//!
//! An entry is aligned to 4 bytes, so its address needs no shifting: mask the slot and it is there.
//! User addresses of x86-64 and AArch64 fit 48 bits. Zero is an empty slot; a full one is never
//! zero, because an address is not.

use std::ptr::NonNull;

/// An entry of a table: the address of something the owner allocated, aligned to 4 bytes.
pub type Entry = NonNull<u8>;

/// The entry expires: [`Entries::expire_ms`](super::Entries::expire_ms) may be asked.
pub const HAS_TTL: u8 = 1;
/// The snapshot's colour. The table only carries it along.
pub const COLOUR_A: u8 = 2;

const FLAGS: u64 = 3;
const ADDRESS: u64 = 0x0000_ffff_ffff_fffc;

/// The bits of one slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(pub(super) u64);

impl Word {
    pub(super) fn new(tag: u16, entry: Entry, flags: u8) -> Word {
        let address = entry.as_ptr().expose_provenance() as u64;
        assert!(address & !ADDRESS == 0, "an entry is 4-aligned and below 2^48");
        assert!(flags <= FLAGS as u8, "a slot has two flags");
        Word(u64::from(tag) << 48 | address | u64::from(flags))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub(super) fn tag(self) -> u16 {
        (self.0 >> 48) as u16
    }

    pub(super) fn with_tag(self, tag: u16) -> Word {
        Word(self.0 & 0x0000_ffff_ffff_ffff | u64::from(tag) << 48)
    }

    #[inline(always)]
    pub(super) fn flags(self) -> u8 {
        (self.0 & FLAGS) as u8
    }

    pub(super) fn with_flags(self, flags: u8) -> Word {
        assert!(flags <= FLAGS as u8, "a slot has two flags");
        Word(self.0 & !FLAGS | u64::from(flags))
    }

    pub(super) fn has_ttl(self) -> bool {
        self.flags() & HAS_TTL != 0
    }

    /// Where the entry lies, or lay: for prefetching, never to be read through.
    pub(super) fn address(self) -> *const u8 {
        std::ptr::without_provenance((self.0 & ADDRESS) as usize)
    }

    /// Whether both hold the same entry under the same tag, whatever their flags.
    pub(super) fn is_same_entry(self, other: Word) -> bool {
        (self.0 ^ other.0) & !FLAGS == 0
    }

    /// The entry of a slot that is not empty.
    #[inline(always)]
    pub(super) fn entry(self) -> Entry {
        let address = (self.0 & ADDRESS) as usize;
        NonNull::new(std::ptr::with_exposed_provenance_mut(address))
            .expect("only slots that are not empty are asked for their entry")
    }
}

/// Where an entry was found, and its slot as it was then.
///
/// Good until the next insert or remove on the same table, which may move entries; the table
/// asserts this where it can. [`Table::replace`](super::Table::replace) and
/// [`Table::set_flags`](super::Table::set_flags) keep the `Slot` they were given up to date.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub(super) word: Word,
    /// The hash, shard bits shifted out: leads to the segment.
    pub(super) position: u64,
    pub(super) block: u32,
    pub(super) lane: u32,
}

impl Slot {
    #[inline(always)]
    pub fn entry(&self) -> Entry {
        self.word.entry()
    }

    /// Any of [`HAS_TTL`], [`COLOUR_A`].
    #[inline(always)]
    pub fn flags(&self) -> u8 {
        self.word.flags()
    }
}
