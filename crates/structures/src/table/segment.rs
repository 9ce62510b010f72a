//! The segment: a run of buckets that holds one range of hashes.
//!
//! ```text
//!   bucket 0   | header | counts | base | min | 12 slots of stash           |
//!   bucket 1   | header | 15 slots |   home 0: the lowest hashes of the range
//!   bucket 2   | header | 15 slots |   home 1
//!     ...
//!   bucket n   | header | 15 slots |   home n-1
//!   further stash buckets, `extra` of them: none in a small segment, two in a large one
//! ```
//!
//! A tag is the 16 bits of the hash that follow those which led to the segment: where the entry
//! stands in the segment's range, as a fraction. Its home is `tag * homes >> 16`. An entry lies in
//! its home, or in the bucket after it (the first one is after the last), or in the stash. Before
//! the stash is used, an entry of that next bucket moves on by one, if that makes room.
//! A segment of one bucket has no homes, only the stash: a table of up to 12 entries takes 128 bytes.
//!
//! A segment is named by one word, which is all a lookup needs to know about it:
//!
//! ```text
//!   63          62..48   47..6             5..0
//!  +-----------+--------+-----------------+-------+
//!  | directory | homes  |  address        | depth |
//!  +-----------+--------+-----------------+-------+
//! ```

use super::bucket::{BUCKET_BYTES, Bucket, LANES, lanes};
use super::expire;
use super::slot::Word;
use crate::pages;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// This word names a directory, not a segment.
pub(super) const DIRECTORY: u64 = 1 << 63;
pub(super) const ADDRESS: u64 = 0x0000_ffff_ffff_ffc0;
pub(super) const DEPTH: u64 = 0x3f;

/// A segment splits rather than grow beyond this: about 8 KiB. Each eighth of all hashes has a
/// bound of its own, spread evenly over one doubling, so that a large table's segments are at all
/// stages between two splits at any time: its fill hardly depends on how many entries it has.
const BUCKETS_MAX: [usize; 8] = [48, 52, 56, 64, 68, 72, 80, 88];
/// The bound while there are too few segments for that.
const SMALL_BUCKETS_MAX: usize = 64;
const STAGGER_BITS: u32 = 3;

/// From here on, sizes are finer and fuller: an eighth more each time, in the pool's units.
const FINE_FROM: usize = 32;
const BUCKETS_PER_UNIT: usize = pages::UNIT_BYTES / BUCKET_BYTES;
/// Homes are 15 bits of a segment's word; stash counts are 16 bits of a header.
const HOMES_MAX: usize = 0x7fff;
const EXTRA_MAX: usize = 4096;

/// Measured: with stashes of 4 to 6 % of all slots a segment fills to 94 to 96 %, with only the
/// first bucket for a stash to 90 %.
const BUCKETS_PER_EXTRA: usize = 24;

/// Segments lie on huge pages from this depth on: when the table has some 16 of them, or 10,000
/// entries. It is in the segment's word, so it also says where to give its memory back.
const POOLED_DEPTH_MIN: u32 = 4;

/// Slots among the lanes of the first bucket, and of any other.
const STASH_LANES: u32 = 0xfff0;
const BUCKET_LANES: u32 = 0xfffe;

const COUNTS: usize = 1;
const BASE_MS: usize = 2;
const MIN_MS: usize = 3;

/// Handle of a segment. Copies name the same memory; the table that owns it frees it once.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    buckets: NonNull<Bucket>,
    homes: usize,
    depth: u32,
}

impl Segment {
    /// An empty one, which no lookup knows yet.
    pub(super) fn allocate(depth: u32, homes: usize, extra: usize) -> Segment {
        assert!(homes <= HOMES_MAX && extra <= EXTRA_MAX, "more equal hashes than can be");
        let count = 1 + homes + extra;
        let buckets: NonNull<Bucket> = match pooled_units(depth, count) {
            Some(units) => {
                let memory = pages::take(units);
                // SAFETY: the run is as long.
                unsafe { memory.write_bytes(0, count * BUCKET_BYTES) };
                memory.cast()
            }
            None => {
                let layout = Self::layout(count);
                // SAFETY: the layout is not empty.
                let memory = unsafe { alloc_zeroed(layout) };
                NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout))
            }
        };
        let address = buckets.as_ptr().expose_provenance() as u64;
        assert!(address & !ADDRESS == 0, "addresses have 48 bits");
        let segment = Segment { buckets, homes, depth };
        segment.bucket(0).set_extra(extra);
        segment.set_min_ms(u64::MAX);
        segment
    }

    /// # Safety
    /// Nobody may look at it again.
    pub(super) unsafe fn free(self) {
        let count = self.bucket_count();
        // SAFETY: neither depth nor homes nor extra ever change, so this is where it came from
        // and how much.
        unsafe {
            match pooled_units(self.depth, count) {
                Some(units) => pages::give_back(self.buckets.cast(), units),
                None => dealloc(self.buckets.as_ptr().cast(), Self::layout(count)),
            }
        }
    }

    fn layout(buckets: usize) -> Layout {
        Layout::array::<Bucket>(buckets).expect("a segment is far smaller than the address space")
    }

    /// None for the word of an empty table.
    #[inline(always)]
    pub(super) fn of(word: u64) -> Option<Segment> {
        let address = (word & ADDRESS) as usize;
        let buckets = NonNull::new(std::ptr::with_exposed_provenance_mut(address))?;
        Some(Segment { buckets, homes: (word >> 48) as usize, depth: (word & DEPTH) as u32 })
    }

    pub(super) fn word(&self) -> u64 {
        self.buckets.as_ptr().addr() as u64 | (self.homes as u64) << 48 | u64::from(self.depth)
    }

    /// How many bits of the position led here.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    pub(super) fn homes(&self) -> usize {
        self.homes
    }

    pub(super) fn extra(&self) -> usize {
        self.bucket(0).extra()
    }

    pub(super) fn bucket_count(&self) -> usize {
        1 + self.homes + self.extra()
    }

    pub(super) fn bytes(&self) -> usize {
        let count = self.bucket_count();
        pooled_units(self.depth, count)
            .map_or(count * BUCKET_BYTES, |units| units * pages::UNIT_BYTES)
    }

    pub(super) fn capacity(&self) -> usize {
        capacity(self.bucket_count())
    }

    #[inline(always)]
    pub(super) fn bucket(&self, index: usize) -> &Bucket {
        debug_assert!(index <= self.homes || index < self.bucket_count());
        // SAFETY: within the allocation; whoever holds a handle keeps the table or an epoch pinned.
        unsafe { &*self.buckets.as_ptr().add(index) }
    }

    /// Each bucket with its index and the lanes that are slots in it.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (usize, &Bucket)> {
        (0..self.bucket_count()).map(|index| (index, self.bucket(index)))
    }

    pub(super) fn slot_lanes(index: usize) -> u32 {
        if index == 0 { STASH_LANES } else { BUCKET_LANES }
    }

    /// The full slots of one bucket, with their lanes.
    pub(super) fn slots(&self, index: usize) -> impl Iterator<Item = (usize, Word)> {
        let bucket = self.bucket(index);
        lanes(bucket.full_lanes(Self::slot_lanes(index))).map(|lane| (lane, bucket.slot(lane)))
    }

    /// All full slots.
    pub(super) fn words(self) -> impl Iterator<Item = Word> {
        (0..self.bucket_count() * LANES).filter_map(move |i| {
            let (index, lane) = (i / LANES, i % LANES);
            let word = self.bucket(index).slot(lane);
            (Self::slot_lanes(index) & 1 << lane != 0 && !word.is_empty()).then_some(word)
        })
    }

    /// The 16 bits that follow the segment's own.
    #[inline(always)]
    pub(super) fn tag(&self, position: u64) -> u16 {
        (position.wrapping_shl(self.depth) >> 48) as u16
    }

    /// Index of the bucket where entries of this tag belong. Not for segments without homes.
    #[inline(always)]
    pub(super) fn home(&self, tag: u16) -> usize {
        1 + ((usize::from(tag) * self.homes) >> 16)
    }

    /// Index of the bucket where entries go that do not fit their home.
    #[inline(always)]
    pub(super) fn next(&self, home: usize) -> usize {
        if home == self.homes { 1 } else { home + 1 }
    }

    /// The stash: first bucket and those after the homes.
    pub(super) fn stash(&self) -> impl Iterator<Item = usize> {
        let first_extra = 1 + self.homes;
        std::iter::once(0).chain(first_extra..first_extra + self.extra())
    }

    /// Puts a slot where there is room for it: (bucket, lane). None when there is not.
    /// Counts of the segment and watermarks are the caller's.
    #[inline]
    pub(super) fn place(&self, word: Word) -> Option<(usize, usize)> {
        let empty = |index| self.empty_lanes(index);
        if let Some(place) = self.place_near(word, empty) {
            return Some(place);
        }
        if self.homes > 2 && self.make_room(self.next(self.home(word.tag()))) {
            return self.place_near(word, empty);
        }
        self.place_in_stash(word, empty)
    }

    /// Bit mask of a bucket's empty slots.
    pub(super) fn empty_lanes(&self, index: usize) -> u32 {
        self.bucket(index).empty_lanes() & Self::slot_lanes(index)
    }

    /// Puts a slot in its home or the next bucket. `empty` tells the lanes that are free.
    #[inline(always)]
    pub(super) fn place_near(
        &self,
        word: Word,
        empty: impl Fn(usize) -> u32,
    ) -> Option<(usize, usize)> {
        if self.homes == 0 {
            return None;
        }
        let home = self.home(word.tag());
        let place = self.put(word, home, empty(home));
        if place.is_some() || self.homes == 1 {
            return place;
        }
        let next = self.next(home);
        let place = self.put(word, next, empty(next))?;
        self.bucket(home).add_next_count(1);
        Some(place)
    }

    /// Puts a slot in the stash. `empty` tells the lanes that are free.
    #[cold]
    pub(super) fn place_in_stash(
        &self,
        word: Word,
        empty: impl Fn(usize) -> u32,
    ) -> Option<(usize, usize)> {
        let place = self.stash().find_map(|index| self.put(word, index, empty(index)))?;
        if self.homes > 0 {
            self.bucket(self.home(word.tag())).add_stash_count(1);
        }
        Some(place)
    }

    /// Puts a slot in one of these lanes, in the line it prefers if it can.
    #[inline(always)]
    fn put(&self, word: Word, index: usize, empty: u32) -> Option<(usize, usize)> {
        let preferred = empty & (0xff << (8 * u32::from(word.tag() & 1)));
        let lanes = if preferred != 0 { preferred } else { empty };
        if lanes == 0 {
            return None;
        }
        let lane = lanes.trailing_zeros() as usize;
        self.bucket(index).store(lane, word.0);
        Some((index, lane))
    }

    /// Moves an entry that lies in its home, a full bucket, on to the next one. True if it could.
    fn make_room(&self, home: usize) -> bool {
        let next = self.next(home);
        let source = self.bucket(home);
        let at_home = |&(_, word): &(usize, Word)| self.home(word.tag()) == home;
        let Some((lane, word)) = self.slots(home).find(at_home) else { return false };
        // First there, then not here: someone peeking finds it either way.
        if self.put(word, next, self.empty_lanes(next)).is_none() {
            return false;
        }
        source.store(lane, 0);
        source.add_next_count(1);
        if word.has_ttl() {
            self.lower_watermark(next, source.watermark());
        }
        true
    }

    /// Empties a slot and takes it off its home's counts.
    pub(super) fn vacate(&self, index: usize, lane: usize) -> Word {
        let word = self.bucket(index).slot(lane);
        self.bucket(index).store(lane, 0);
        if self.homes > 0 {
            let home = self.home(word.tag());
            if self.is_stash(index) {
                self.bucket(home).add_stash_count(-1);
            } else if index != home {
                self.bucket(home).add_next_count(-1);
            }
        }
        word
    }

    pub(super) fn is_stash(&self, index: usize) -> bool {
        index == 0 || index > self.homes
    }

    /// (entries, those with a TTL)
    pub(super) fn counts(&self) -> (usize, usize) {
        let counts = self.bucket(0).load(COUNTS);
        ((counts as u32) as usize, (counts >> 32) as usize)
    }

    pub(super) fn set_counts(&self, (entries, ttl): (usize, usize)) {
        self.bucket(0).store(COUNTS, entries as u64 | (ttl as u64) << 32);
    }

    /// No entry of the segment expires before this moment; `u64::MAX` if none ever does.
    pub(super) fn min_ms(&self) -> u64 {
        self.bucket(0).load(MIN_MS)
    }

    pub(super) fn set_min_ms(&self, min_ms: u64) {
        self.bucket(0).store(MIN_MS, min_ms);
    }

    /// The moment the watermarks of the buckets count from.
    pub(super) fn base_ms(&self) -> u64 {
        self.bucket(0).load(BASE_MS)
    }

    pub(super) fn set_base_ms(&self, base_ms: u64) {
        self.bucket(0).store(BASE_MS, base_ms);
    }

    /// Lowers watermark and minimum to an entry that lies in this bucket.
    pub(super) fn note_expire(&self, index: usize, expire_ms: u64) {
        if self.min_ms() == u64::MAX {
            self.set_base_ms(expire_ms);
        }
        self.set_min_ms(self.min_ms().min(expire_ms));
        self.lower_watermark(index, expire::encode(expire_ms, self.base_ms()));
    }

    pub(super) fn lower_watermark(&self, index: usize, code: u16) {
        let bucket = self.bucket(index);
        if code < bucket.watermark() {
            bucket.set_watermark(code);
        }
    }

    /// First position of the range this segment holds, given any position in it.
    pub(super) fn start(&self, position: u64) -> u64 {
        if self.depth == 0 { 0 } else { position >> (64 - self.depth) << (64 - self.depth) }
    }

    /// First position after the range; 0 when it ends at the end of all hashes.
    pub(super) fn end(&self, position: u64) -> u64 {
        if self.depth == 0 { 0 } else { self.start(position).wrapping_add(1 << (64 - self.depth)) }
    }

    /// First position after the home bucket with this index.
    pub(super) fn home_end(&self, position: u64, home: usize) -> u64 {
        if self.homes == 0 || home == self.homes {
            return self.end(position);
        }
        // The smallest tag whose home is the next one: home - 1 is this bucket's number among homes.
        let tag = (home << 16).div_ceil(self.homes) as u64;
        self.start(position) | tag << 48 >> self.depth
    }
}

/// Units of the [pool](pages) such a segment takes; none if the allocator serves it.
fn pooled_units(depth: u32, buckets: usize) -> Option<usize> {
    let units = (buckets * BUCKET_BYTES).div_ceil(pages::UNIT_BYTES);
    (depth >= POOLED_DEPTH_MIN && (4..pages::BLOCK_UNITS).contains(&units)).then_some(units)
}

/// Slots in a segment of this many buckets.
pub(super) fn capacity(buckets: usize) -> usize {
    STASH_LANES.count_ones() as usize + (buckets - 1) * (LANES - 1)
}

/// (homes, extra) of a segment of this many buckets.
pub(super) fn shape(buckets: usize) -> (usize, usize) {
    let extra = buckets / BUCKETS_PER_EXTRA;
    (buckets - 1 - extra, extra)
}

/// The next size of a segment. Small ones are those jemalloc has: four for each doubling.
pub(super) fn next_size(buckets: usize) -> usize {
    if buckets < 8 {
        buckets + 1
    } else if buckets < FINE_FROM {
        buckets + (1 << (buckets.ilog2() - 2))
    } else {
        let units = (buckets / 8 + BUCKETS_PER_UNIT / 2) / BUCKETS_PER_UNIT;
        (buckets / BUCKETS_PER_UNIT + units) * BUCKETS_PER_UNIT
    }
}

/// The smallest size that entries fill to at most four fifths, or seven eighths if it is large, so
/// that there is room to grow.
pub(super) fn size_for(entries: usize) -> usize {
    let is_roomy = |buckets| {
        let (filled, of) = if buckets < FINE_FROM { (4, 5) } else { (7, 8) };
        capacity(buckets) * filled >= entries * of
    };
    let mut buckets = 1;
    while !is_roomy(buckets) {
        buckets = next_size(buckets);
    }
    buckets.min(1 + HOMES_MAX)
}

/// A segment of this depth around this position splits rather than grow beyond so many buckets.
pub(super) fn buckets_max(position: u64, depth: u32) -> usize {
    if depth < STAGGER_BITS {
        SMALL_BUCKETS_MAX
    } else {
        BUCKETS_MAX[(position >> (64 - STAGGER_BITS)) as usize]
    }
}
