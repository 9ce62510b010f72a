//! What the table looks like inside, and whether its invariants hold.

use super::directory::Directory;
use super::expire;
use super::segment::Segment;
use super::{Due, Entries, Entry, HAS_TTL, Reclaim, Table};
use std::collections::BTreeMap;
use std::ptr::NonNull;

/// Figures of a table. See [`Table::stats`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct TableStats {
    /// Bits of the directory; 0 means at most one segment.
    pub depth: u32,
    pub segments: usize,
    /// Of 128 bytes each.
    pub buckets: usize,
    /// Buckets of the largest segment.
    pub buckets_max: usize,
    pub entries: usize,
    /// Slots, full or not.
    pub slots: usize,
    /// Entries that lie in the bucket after their home.
    pub displaced: usize,
    /// Entries that lie in a stash.
    pub stash: usize,
    pub bytes: usize,
}

impl Table {
    /// Counts what is there, in O(N).
    pub fn stats(&self) -> TableStats {
        let mut stats =
            TableStats { depth: self.depth(), bytes: self.bytes, ..TableStats::default() };
        for (_, segment) in self.segments() {
            stats.segments += 1;
            stats.buckets += segment.bucket_count();
            stats.buckets_max = stats.buckets_max.max(segment.bucket_count());
            stats.slots += segment.capacity();
            for (index, _) in segment.buckets() {
                for (_, word) in segment.slots(index) {
                    stats.entries += 1;
                    if segment.is_stash(index) {
                        stats.stash += 1;
                    } else if segment.home(word.tag()) != index {
                        stats.displaced += 1;
                    }
                }
            }
        }
        stats
    }

    /// Panics if an invariant of the module's essay is broken, in O(N).
    pub fn check(&self, entries: &impl Entries) {
        let stats = self.stats();
        assert_eq!(stats.entries, self.len, "len");
        let directory = Directory::of(self.root);
        let directory_bytes = directory.map_or(0, |d| 8 * d.len());
        let segment_bytes: usize = self.segments().map(|(_, segment)| segment.bytes()).sum();
        assert_eq!(segment_bytes + directory_bytes, self.bytes, "bytes");
        let (mut ttl_len, mut deepest_count) = (0, 0);
        for (position, segment) in self.segments() {
            assert_eq!(position, segment.start(position), "(2) a run begins on its boundary");
            if let Some(directory) = directory {
                let first = directory.index(position);
                let run = 1 << (directory.depth() - segment.depth());
                for index in first..first + run {
                    assert_eq!(directory.load(index), segment.word(), "(2) a run is unbroken");
                }
            }
            deepest_count += u32::from(segment.depth() == self.depth());
            assert!(segment.bucket_count() <= self.buckets_max as usize, "buckets_max");
            ttl_len += self.check_segment(position, segment, entries);
        }
        assert_eq!(ttl_len, self.ttl_len, "ttl_len");
        if directory.is_some() {
            assert_eq!(deepest_count, self.deepest_count, "(2) deepest_count");
            assert!(deepest_count > 0, "(2) a segment is as deep as the directory");
        }
    }

    fn check_segment(&self, start: u64, segment: Segment, entries: &impl Entries) -> usize {
        let (mut count, mut ttl_count) = (0, 0);
        let mut next_counts = vec![0; 1 + segment.homes()];
        let mut stash_counts = next_counts.clone();
        for (index, bucket) in segment.buckets() {
            for (_, word) in segment.slots(index) {
                let position = self.position(entries.hash(word.entry()));
                assert_eq!(segment.start(position), start, "an entry is in its segment");
                assert_eq!(segment.tag(position), word.tag(), "an entry's tag is its hash's");
                if segment.homes() > 0 {
                    let home = segment.home(word.tag());
                    if segment.is_stash(index) {
                        stash_counts[home] += 1;
                    } else if index != home {
                        assert_eq!(index, segment.next(home), "(1) home, next or stash");
                        next_counts[home] += 1;
                    }
                }
                count += 1;
                if word.has_ttl() {
                    ttl_count += 1;
                    let expire_ms = entries.expire_ms(word.entry());
                    let watermark_ms = expire::decode(bucket.watermark(), segment.base_ms());
                    assert!(watermark_ms <= expire_ms, "(3) a watermark is never late");
                    assert!(segment.min_ms() <= expire_ms, "(3) a minimum is never late");
                    assert!(self.min_expire_ms <= expire_ms, "(3) nor is the table's");
                }
            }
        }
        assert_eq!(segment.counts(), (count, ttl_count), "a segment counts its entries");
        for home in 1..=segment.homes() {
            let bucket = segment.bucket(home);
            assert_eq!(bucket.next_count(), next_counts[home], "(1) next is counted");
            assert_eq!(bucket.stash_count(), stash_counts[home], "(1) stash is counted");
        }
        ttl_count
    }
}

/// An entry of the model tests and the fuzzer.
#[repr(align(8))]
pub(super) struct Model {
    pub(super) key: u64,
    pub(super) hash: u64,
    pub(super) expire_ms: u64,
}

impl Model {
    pub(super) fn leak(self) -> Entry {
        NonNull::from(Box::leak(Box::new(self))).cast()
    }

    /// The model behind an entry that [`Model::leak`] made and nobody freed.
    pub(super) fn of<'a>(entry: Entry) -> &'a Model {
        // SAFETY: test and fuzz tables hold only leaked models, and free them only once removed.
        unsafe { entry.cast().as_ref() }
    }

    pub(super) fn free(entry: Entry) -> Model {
        // SAFETY: as above, and the entry has just left its table.
        *unsafe { Box::from_raw(entry.cast::<Model>().as_ptr()) }
    }
}

/// [`Entries`] whose entries are [`Model`]s.
pub(super) struct Models;

impl Entries for Models {
    fn hash(&self, entry: Entry) -> u64 {
        Model::of(entry).hash
    }

    fn expire_ms(&self, entry: Entry) -> u64 {
        Model::of(entry).expire_ms
    }
}

/// Runs bytes as operations on a table and on a `BTreeMap`, and compares. Two bytes each: what to
/// do, and to which key. The first byte chooses how badly the hash is skewed.
pub fn fuzz_table(data: &[u8]) {
    let Some((&skew, operations)) = data.split_first() else { return };
    let hash_of = |key: u64| match skew % 4 {
        0 => key.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        1 => key << 30,
        2 => key.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xff00_0000_0000_ffff,
        _ => 0x1234_5678_9abc_def0,
    };
    let mut table = Table::new(u32::from(skew >> 2 & 7), Reclaim::Now);
    let mut model: BTreeMap<u64, (u64, u8)> = BTreeMap::new();
    let (mut now_ms, mut cursor) = (1 << 40, 0);
    for (step, operation) in operations.chunks_exact(2).enumerate() {
        // Keys repeat often enough to be found, and are many enough to grow a few segments.
        let key = u64::from(operation[1]) | (step as u64 % 24) << 8;
        let hash = hash_of(key);
        let flags = operation[0] >> 6;
        let ttl_ms = u64::from(operation[1]) << ((operation[0] >> 3 & 7) * 4);
        let expire_ms = now_ms + ttl_ms;
        let found = table.find(hash, |entry| Model::of(entry).key == key);
        assert_eq!(found.map(|slot| slot.flags()), model.get(&key).map(|m| m.1));
        match (operation[0] & 7, found) {
            (0..=3, None) => {
                let entry = Model { key, hash, expire_ms }.leak();
                table.insert(hash, entry, flags, &Models);
                model.insert(key, (expire_ms, flags));
            }
            (0 | 1, Some(mut slot)) => {
                let entry = Model { key, hash, expire_ms }.leak();
                Model::free(table.replace(&mut slot, entry, flags, &Models));
                model.insert(key, (expire_ms, flags));
            }
            (2, Some(mut slot)) => {
                table.set_flags(&mut slot, flags, &Models);
                model.get_mut(&key).expect("it was found").1 = flags;
            }
            (3..=5, Some(slot)) => {
                Model::free(table.remove(slot));
                model.remove(&key);
            }
            (6, _) => {
                now_ms += ttl_ms;
                let mut budget = usize::from(operation[1]);
                table.expire_due(now_ms, &mut cursor, &mut budget, &Models, |entry, _, _| {
                    let dead = Model::free(entry);
                    let (expire_ms, flags) = model[&dead.key];
                    assert!(expire_ms < now_ms && flags & HAS_TTL != 0, "only the due expire");
                    // Every third stays: half of these for a while, half for good.
                    if !dead.key.is_multiple_of(3) {
                        model.remove(&dead.key);
                        return Due::Gone;
                    }
                    let next_ms = dead.key.is_multiple_of(2).then_some(now_ms + ttl_ms);
                    let flags = if next_ms.is_some() { flags } else { flags & !HAS_TTL };
                    let expire_ms = next_ms.unwrap_or(expire_ms);
                    model.insert(dead.key, (expire_ms, flags));
                    Due::Stays(Model { expire_ms, ..dead }.leak(), next_ms)
                });
            }
            _ => {
                table.check(&Models);
                table.expect(usize::from(operation[1]) << 4);
            }
        }
        assert_eq!(table.len(), model.len());
    }
    table.check(&Models);
    while !table.expire_due(now_ms, &mut cursor, &mut usize::MAX.clone(), &Models, |entry, _, _| {
        model.remove(&Model::free(entry).key).expect("it was there");
        Due::Gone
    }) {}
    table.take_all(|entry, _| {
        model.remove(&Model::free(entry).key).expect("it was there");
    });
    assert!(model.is_empty(), "every entry is handed over once");
}
