//! Entries by chance: a uniform one for RANDOMKEY, a handful of neighbours for eviction.

use super::bucket::LANES;
use super::directory::Directory;
use super::segment::{DEPTH, Segment};
use super::{Entry, Table};

/// A pick succeeds about every fourth time. This many misses mean a broken source of randomness.
const TRIES_MAX: usize = 100_000;

impl Table {
    /// One entry, each with the same chance (to 1 in 2^20), by rejection: draws a directory word
    /// and a lane of the largest segment there is, until that is an entry. None when empty.
    pub fn random(&self, mut next_u64: impl FnMut() -> u64) -> Option<Entry> {
        if self.len == 0 {
            return None;
        }
        for _ in 0..TRIES_MAX {
            if let Some(entry) = self.pick(next_u64()) {
                return Some(entry);
            }
        }
        let chance = next_u64() as usize % self.len;
        self.iter().nth(chance).map(|(entry, _)| entry)
    }

    fn pick(&self, chance: u64) -> Option<Entry> {
        let (index, word) = match Directory::of(self.root) {
            None => (0, self.root),
            Some(directory) => {
                let index = directory.index(chance);
                (index, directory.load(index))
            }
        };
        // Of the words that name a segment only the first one counts, so that deep and shallow
        // segments are drawn alike.
        let run = 1 << (u64::from(self.depth()) - (word & DEPTH));
        if index & (run - 1) != 0 {
            return None;
        }
        let segment = Segment::of(word)?;
        let lanes = u64::from(self.buckets_max) * LANES as u64;
        let pick = (((chance & 0xffff_ffff) * lanes) >> 32) as usize;
        let (index, lane) = (pick / LANES, pick % LANES);
        if index > segment.homes() && index >= segment.bucket_count() {
            return None;
        }
        let word = segment.bucket(index).slot(lane);
        let is_slot = Segment::slot_lanes(index) & 1 << lane != 0;
        (is_slot && !word.is_empty()).then(|| word.entry())
    }

    /// Hands about `want` entries that lie together, from a random `position` on, to `f` with their
    /// flags; only those with a TTL if `ttl_only`. Fewer only if the table has fewer.
    ///
    /// Neighbours share cache lines, so fifteen cost little more than one; their hashes being
    /// random, they are as good a sample as any. An entry is handed over at most once.
    pub fn sample(&self, position: u64, want: usize, ttl_only: bool, mut f: impl FnMut(Entry, u8)) {
        let mut left = want.min(if ttl_only { self.ttl_len } else { self.len });
        let Some(first) = self.segment(position).filter(|_| left > 0) else { return };
        let start = if first.homes() == 0 { 0 } else { first.home(first.tag(position)) };
        let mut visit = |segment: Segment, from: usize, to: usize| {
            if ttl_only && segment.counts().1 == 0 {
                return false;
            }
            for index in from..to {
                for (_, word) in segment.slots(index) {
                    if word.has_ttl() || !ttl_only {
                        f(word.entry(), word.flags());
                        left -= 1;
                        if left == 0 {
                            return true;
                        }
                    }
                }
            }
            false
        };
        if visit(first, start, first.bucket_count()) {
            return;
        }
        let mut at = first.end(position);
        while at != first.start(position) {
            let segment = self.segment(at).expect("the table is not being drained");
            if visit(segment, 0, segment.bucket_count()) {
                return;
            }
            at = segment.end(at);
        }
        visit(first, 0, start);
    }
}
