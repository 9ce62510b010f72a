//! The hash-ordered table: a directory of segments of buckets of 8-byte slots, all in hash order.
//!
//! It holds pointers to entries the owner allocated and knows nothing of keys: the owner brings a
//! 64-bit hash ([`crate::HashKey`]) and an equality test. The keyspace, hashes and sets are this.
//!
//! ```text
//!    hash   | shard bits | directory bits | tag (16) | ......
//!                              |              |
//!   root -> directory [ . . . .*. . . . ]     |  the first `depth` bits pick a segment
//!                              |              |
//!           segment  [stash|home 0|home 1|...*...|home n-1]    home = tag * n >> 16
//!                                            |
//!           bucket   [header|15 slots: tag, address, flags]    home, else next, else stash
//! ```
//!
//! The bits below the shard bits, moved to the top, are a *position*. A segment holds a range of
//! positions, a bucket a range within it, each in ascending order. This one decision gives lookup,
//! SCAN, growth, expiry and sampling the same coordinate.
//!
//! # How it grows
//!
//! When an entry finds no room (at about 93 % fill) its segment is laid out anew an eighth larger
//! (small ones: a quarter): tags are enough for that, no entry is read. Beyond some 64 buckets it
//! splits in two by one more bit of the hash (`resize.rs`). Both take microseconds and touch one
//! segment, so there is never a second table, nor a slow spell. Hashes are even, so all segments
//! would be full, and then half empty, at the same time: each eighth of them splits at a size of its
//! own, and a large table takes 9.5 to 9.9 bytes for each entry at any size. Removal does the same
//! backwards. An empty table owns no memory, a small one 128 bytes.
//!
//! A table that is told how many entries will come ([`Table::expect`]) grows in fewer steps of up to
//! eight times, and is as full in the end as any other.
//!
//! # Invariants
//!
//! [`Table::check`] verifies them all.
//!
//! (1) An entry lies in its home bucket, the next one, or its segment's stash; the home's header
//!     counts those that lie elsewhere.
//! (2) The directory names a segment of depth d in 2^(depth - d) adjacent words, and in no other.
//!     At least one segment is as deep as the directory.
//! (3) A watermark or minimum is never later than the earliest expiry below it. Earlier is only a
//!     wasted visit, which corrects it.
//! (4) Only the owner writes, under its lock. Memory that [`Peek`] can reach is freed only when
//!     nobody looks at it any more ([`Reclaim::Deferred`]).
//!
//! # Limits
//!
//! One insert in a few hundred thousand doubles the directory, 8 bytes for about every 300 entries:
//! some 100 µs at 10 million entries. Shards keep tables smaller than that. More than about 40
//! entries whose hashes share 50 bits are kept correctly but searched one by one: with a keyed
//! hash, only someone who knows the key can make them.
//!
//! # Sources
//!
//! Extendible hashing (Fagin 1979); buckets, stash and fingerprints after Dash (VLDB 2020);
//! proportional homes as in linear hashing with partial expansions (Larson 1980).

mod ahead;
mod bucket;
mod check;
mod directory;
mod expire;
mod peek;
mod resize;
mod sample;
mod scan;
mod segment;
mod slot;
#[cfg(test)]
mod tests;

pub use check::{TableStats, fuzz_table};
pub use expire::Due;
pub use peek::Peek;
pub use slot::{COLOUR_A, Entry, HAS_TTL, Slot};

use crate::prefetch::prefetch;
use bucket::lanes;
use directory::Retired;
use expire::Walk;
use segment::Segment;
use slot::Word;

/// What the table must be able to ask about an entry. It asks rarely: when a segment splits, when
/// a slot with a TTL changes, and in due buckets.
pub trait Entries {
    /// The same hash the entry was inserted with.
    fn hash(&self, entry: Entry) -> u64;
    /// The moment it expires, in unix ms. Only asked of entries whose slot has [`HAS_TTL`].
    fn expire_ms(&self, entry: Entry) -> u64;
}

/// When the table's own memory is freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reclaim {
    /// At once. Nobody else looks at the table.
    Now,
    /// When no thread that might look at it through a [`Peek`] is pinned any more.
    Deferred,
}

/// The table. See the module's essay.
///
/// It does not own its entries: take them out ([`Table::take_all`]) before dropping it.
pub struct Table {
    /// 0, the word of the only segment, or the word of the directory (`directory.rs`).
    root: u64,
    len: usize,
    ttl_len: usize,
    bytes: usize,
    /// What the next `Peek::publish` or drop may free.
    retired: Vec<Retired>,
    /// No entry expires before this moment; `u64::MAX` if none ever does.
    min_expire_ms: u64,
    walk: Walk,
    /// Segments as deep as the directory, while there is one.
    deepest_count: u32,
    /// No segment has had more buckets since the table was last empty.
    buckets_max: u32,
    /// Directory words that [`Table::drain_some`] has already emptied.
    drained: u32,
    shard_bits: u8,
    reclaim: Reclaim,
    /// See [`Table::expect`].
    expected: usize,
}

impl Table {
    /// An empty table, without any allocation. The top `shard_bits` bits of all its hashes are the
    /// same, or at least meaningless to it.
    pub const fn new(shard_bits: u32, reclaim: Reclaim) -> Table {
        assert!(shard_bits < 24, "position bits must be left");
        Table {
            root: 0,
            len: 0,
            ttl_len: 0,
            bytes: 0,
            retired: Vec::new(),
            min_expire_ms: u64::MAX,
            walk: Walk::NONE,
            deepest_count: 0,
            buckets_max: 0,
            drained: 0,
            shard_bits: shard_bits as u8,
            reclaim,
            expected: 0,
        }
    }

    /// Entries in the table.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Entries whose slot has [`HAS_TTL`].
    #[inline]
    pub fn ttl_len(&self) -> usize {
        self.ttl_len
    }

    /// Bytes of segments and directory. Neither entries nor `Table` itself.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The entry with this hash that `eq` says is the one.
    #[inline]
    pub fn find(&self, hash: u64, mut eq: impl FnMut(Entry) -> bool) -> Option<Slot> {
        let position = self.position(hash);
        let segment = self.segment(position)?;
        let tag = segment.tag(position);
        if segment.homes() == 0 {
            return Self::find_in_stash(segment, position, tag, &mut eq);
        }
        let home = segment.home(tag);
        if let Some(slot) = Self::find_in_bucket(segment, home, position, tag, &mut eq) {
            return Some(slot);
        }
        // One load tells most absent keys that there is nowhere else to look.
        if segment.bucket(home).load(0) & 0x0000_ffff_ffff_0000 == 0 {
            return None;
        }
        Self::find_displaced(segment, position, tag, &mut eq)
    }

    #[inline(always)]
    fn find_in_bucket(
        segment: Segment,
        index: usize,
        position: u64,
        tag: u16,
        eq: &mut impl FnMut(Entry) -> bool,
    ) -> Option<Slot> {
        let bucket = segment.bucket(index);
        let mut line = usize::from(tag & 1);
        for _ in 0..2 {
            let slots = Segment::slot_lanes(index) >> (8 * line);
            let mut found = bucket.lanes_with_tag(line, tag) & slots & 0xff;
            while found != 0 {
                let lane = line * 8 + found.trailing_zeros() as usize;
                found &= found - 1;
                let word = bucket.slot(lane);
                // An empty slot looks like tag 0.
                if !word.is_empty() && eq(word.entry()) {
                    return Some(Slot { word, position, block: index as u32, lane: lane as u32 });
                }
            }
            line ^= 1;
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn find_displaced(
        segment: Segment,
        position: u64,
        tag: u16,
        eq: &mut impl FnMut(Entry) -> bool,
    ) -> Option<Slot> {
        let home = segment.home(tag);
        let bucket = segment.bucket(home);
        if bucket.next_count() > 0 {
            let next = segment.next(home);
            if let Some(slot) = Self::find_in_bucket(segment, next, position, tag, eq) {
                return Some(slot);
            }
        }
        if bucket.stash_count() > 0 {
            return Self::find_in_stash(segment, position, tag, eq);
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn find_in_stash(
        segment: Segment,
        position: u64,
        tag: u16,
        eq: &mut impl FnMut(Entry) -> bool,
    ) -> Option<Slot> {
        segment.stash().find_map(|i| Self::find_in_bucket(segment, i, position, tag, eq))
    }

    /// Adds an entry. The caller knows that no equal one is in the table.
    pub fn insert(&mut self, hash: u64, entry: Entry, flags: u8, entries: &impl Entries) -> Slot {
        let position = self.position(hash);
        if self.root == 0 {
            self.plant();
        }
        let (segment, word, (index, lane)) = loop {
            let segment = self.segment(position).expect("a table being drained takes no inserts");
            let word = Word::new(segment.tag(position), entry, flags);
            if let Some(place) = segment.place(word) {
                break (segment, word, place);
            }
            self.grow(position, entries);
        };
        let has_ttl = usize::from(word.has_ttl());
        let (count, ttl_count) = segment.counts();
        segment.set_counts((count + 1, ttl_count + has_ttl));
        self.len += 1;
        self.ttl_len += has_ttl;
        if word.has_ttl() {
            self.note(segment, index, entries.expire_ms(entry));
        }
        Slot { word, position, block: index as u32, lane: lane as u32 }
    }

    /// Takes an entry out; it is the caller's again. The table may shrink.
    pub fn remove(&mut self, slot: Slot) -> Entry {
        let (segment, word) = self.at(&slot);
        self.vacate(segment, slot.block as usize, slot.lane as usize);
        self.shrink(slot.position);
        word.entry()
    }

    /// Puts another entry with the same hash in the place of one, which is the caller's again.
    pub fn replace(
        &mut self,
        slot: &mut Slot,
        entry: Entry,
        flags: u8,
        entries: &impl Entries,
    ) -> Entry {
        let (_, old) = self.at(slot);
        self.rewrite(slot, Word::new(old.tag(), entry, flags), entries);
        old.entry()
    }

    /// The slot's flags as they are now.
    pub fn flags(&self, slot: &Slot) -> u8 {
        self.at(slot).1.flags()
    }

    /// Gives the slot these flags and no others.
    pub fn set_flags(&mut self, slot: &mut Slot, flags: u8, entries: &impl Entries) {
        let (_, old) = self.at(slot);
        self.rewrite(slot, old.with_flags(flags), entries);
    }

    /// The entry, whose slot has [`HAS_TTL`], now expires at this moment. Only an earlier one needs
    /// to be told.
    pub fn note_expire(&mut self, slot: Slot, expire_ms: u64) {
        let (segment, word) = self.at(&slot);
        assert!(word.has_ttl(), "only an entry with HAS_TTL expires");
        self.note(segment, slot.block as usize, expire_ms);
    }

    fn rewrite(&mut self, slot: &mut Slot, word: Word, entries: &impl Entries) {
        let (segment, _) = self.at(slot);
        let index = slot.block as usize;
        self.store(segment, index, slot.lane as usize, word);
        slot.word = word;
        if word.has_ttl() {
            self.note(segment, index, entries.expire_ms(word.entry()));
        }
    }

    /// Puts a word where another one of the same tag is. Watermarks are the caller's.
    fn store(&mut self, segment: Segment, index: usize, lane: usize, word: Word) {
        let bucket = segment.bucket(index);
        let old = bucket.slot(lane);
        bucket.store(lane, word.0);
        if old.has_ttl() != word.has_ttl() {
            let (count, ttl_count) = segment.counts();
            let (less, more) = (usize::from(old.has_ttl()), usize::from(word.has_ttl()));
            segment.set_counts((count, ttl_count + more - less));
            self.ttl_len = self.ttl_len + more - less;
        }
    }

    /// Empties a slot and counts it off. Never moves anything.
    fn vacate(&mut self, segment: Segment, index: usize, lane: usize) -> Word {
        let word = segment.vacate(index, lane);
        let has_ttl = usize::from(word.has_ttl());
        let (count, ttl_count) = segment.counts();
        segment.set_counts((count - 1, ttl_count - has_ttl));
        self.len -= 1;
        self.ttl_len -= has_ttl;
        word
    }

    /// The segment of a slot and what is there now.
    fn at(&self, slot: &Slot) -> (Segment, Word) {
        let segment = self.segment(slot.position).expect("the slot is of this table");
        assert!((slot.block as usize) < segment.bucket_count(), "the slot is out of date");
        let word = segment.bucket(slot.block as usize).slot(slot.lane as usize);
        assert!(word.is_same_entry(slot.word), "the slot is out of date");
        (segment, word)
    }

    #[inline(always)]
    fn position(&self, hash: u64) -> u64 {
        hash << self.shard_bits
    }

    /// All entries with their flags, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = (Entry, u8)> {
        self.segments()
            .flat_map(|(_, segment)| segment.words())
            .map(|word| (word.entry(), word.flags()))
    }

    /// Calls `f` for all entries with their flags.
    pub fn for_each(&self, mut f: impl FnMut(Entry, u8)) {
        for (_, segment) in self.segments() {
            for (index, bucket) in segment.buckets() {
                for lane in lanes(bucket.full_lanes(Segment::slot_lanes(index))) {
                    let word = bucket.slot(lane);
                    f(word.entry(), word.flags());
                }
            }
        }
    }

    /// Empties the table, handing over every entry with its flags.
    pub fn take_all(&mut self, mut f: impl FnMut(Entry, u8)) {
        while !self.drain_some(usize::MAX, true, &mut f) {}
    }

    /// Empties a table nobody needs any more, slice by slice: hands over about `budget` entries
    /// with their flags (to the next whole segment) and frees what held them. True when the table is empty.
    ///
    /// `reads` says that `f` reads entries: they are asked for ahead.
    ///
    /// Once begun, only this, [`Table::take_all`], counts and drop make sense on the table.
    pub fn drain_some(&mut self, budget: usize, reads: bool, mut f: impl FnMut(Entry, u8)) -> bool {
        const AHEAD: usize = 16;
        let mut left = budget;
        while left > 0 && self.root != 0 {
            let Some((run, segment)) = self.undrained() else {
                self.clear();
                break;
            };
            let mut ahead = segment.words().filter(|_| reads);
            ahead.by_ref().take(AHEAD).for_each(|word| prefetch(word.address()));
            for word in segment.words() {
                ahead.next().inspect(|next| prefetch(next.address()));
                f(word.entry(), word.flags());
            }
            let (count, ttl_count) = segment.counts();
            self.len -= count;
            self.ttl_len -= ttl_count;
            self.drop_run(run, segment);
            left = left.saturating_sub(count.max(1));
        }
        self.root == 0
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.clear();
        self.free_retired();
    }
}
