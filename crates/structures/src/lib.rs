//! A stand-in with the interface of the hash-ordered table, over std's maps, so that the crates
//! above can be built and tested while the real one is being written.

pub mod hash {
    use std::hash::{BuildHasher, Hasher, RandomState};

    #[derive(Clone)]
    pub struct HashKey(RandomState);

    impl HashKey {
        pub fn from_seed(_: [u8; 16]) -> HashKey {
            HashKey(RandomState::new())
        }
        pub fn hash(&self, bytes: &[u8]) -> u64 {
            let mut h = self.0.build_hasher();
            h.write(bytes);
            h.finish()
        }
    }
}

pub mod heap {
    use std::alloc::{Layout, alloc, dealloc};
    use std::ptr::NonNull;

    #[derive(Default)]
    pub struct Heap;

    impl Heap {
        pub fn new() -> Heap {
            Heap
        }
        pub fn alloc(&mut self, bytes: usize) -> NonNull<u8> {
            // SAFETY: records are never empty.
            NonNull::new(unsafe { alloc(Layout::from_size_align(bytes, 8).unwrap()) }).unwrap()
        }
        /// # Safety
        /// `p` came from `alloc(bytes)`, rounded up to 8.
        pub unsafe fn free(&mut self, p: NonNull<u8>, bytes: usize) {
            // SAFETY: by contract.
            unsafe { dealloc(p.as_ptr(), Layout::from_size_align(bytes, 8).unwrap()) }
        }
    }
}

pub mod table {
    use std::collections::BTreeMap;
    use std::ptr::NonNull;

    pub type Entry = NonNull<u8>;
    pub const HAS_TTL: u8 = 1;

    pub trait Entries {
        fn hash(&self, e: Entry) -> u64;
        fn expire_ms(&self, e: Entry) -> u64;
    }

    #[derive(Clone, Copy, PartialEq)]
    pub enum Reclaim {
        Now,
        Deferred,
    }

    #[derive(Clone, Copy)]
    pub struct Slot(u64, usize, u8);
    impl Slot {
        pub fn entry(&self) -> Entry {
            NonNull::new(self.1 as *mut u8).unwrap()
        }
        pub fn flags(&self) -> u8 {
            self.2
        }
    }

    #[derive(Debug, Default)]
    pub struct TableStats {
        pub segments: usize,
        pub buckets: usize,
        pub entries: usize,
    }

    pub struct Table(BTreeMap<(u64, usize), u8>);
    impl Table {
        pub fn new(_: u32, _: Reclaim) -> Table {
            Table(BTreeMap::new())
        }
        pub fn len(&self) -> usize {
            self.0.len()
        }
        pub fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
        pub fn ttl_len(&self) -> usize {
            self.0.values().filter(|f| **f & HAS_TTL != 0).count()
        }
        pub fn bytes(&self) -> usize {
            0
        }
        pub fn find(&self, hash: u64, mut eq: impl FnMut(Entry) -> bool) -> Option<Slot> {
            self.0
                .range((hash, 0)..=(hash, usize::MAX))
                .map(|((h, e), f)| Slot(*h, *e, *f))
                .find(|s| eq(s.entry()))
        }
        pub fn insert(&mut self, hash: u64, e: Entry, flags: u8, _: &impl Entries) -> Slot {
            self.0.insert((hash, e.as_ptr() as usize), flags);
            Slot(hash, e.as_ptr() as usize, flags)
        }
        pub fn remove(&mut self, slot: Slot) -> Entry {
            self.0.remove(&(slot.0, slot.1));
            slot.entry()
        }
        pub fn replace(&mut self, slot: Slot, e: Entry, flags: u8, x: &impl Entries) -> Entry {
            self.remove(slot);
            self.insert(slot.0, e, flags, x);
            slot.entry()
        }
        pub fn note_expire(&mut self, _: Slot, _: u64) {}
        pub fn scan(&self, cursor: u64, mut f: impl FnMut(Entry, u8)) -> u64 {
            let mut hash = None;
            for ((h, e), flags) in self.0.range((cursor, 0)..) {
                if hash.is_some_and(|x| x != *h) {
                    return *h;
                }
                hash = Some(*h);
                f(NonNull::new(*e as *mut u8).unwrap(), *flags);
            }
            0
        }
        pub fn for_each(&self, mut f: impl FnMut(Entry, u8)) {
            for ((_, e), flags) in &self.0 {
                f(NonNull::new(*e as *mut u8).unwrap(), *flags);
            }
        }
        pub fn random(&self, mut r: impl FnMut() -> u64) -> Option<Entry> {
            let n = self.0.len();
            (n > 0).then(|| {
                let at = (r() % n as u64) as usize;
                NonNull::new(self.0.keys().nth(at).unwrap().1 as *mut u8).unwrap()
            })
        }
        pub fn expire_due(
            &mut self,
            now_ms: u64,
            _: &mut u64,
            _: &mut usize,
            entries: &impl Entries,
            mut due: impl FnMut(Entry),
        ) -> bool {
            self.0.retain(|(_, e), f| {
                let e = NonNull::new(*e as *mut u8).unwrap();
                let gone = *f & HAS_TTL != 0 && entries.expire_ms(e) <= now_ms;
                if gone {
                    due(e);
                }
                !gone
            });
            true
        }
        pub fn next_expire_ms(&self) -> Option<u64> {
            (self.ttl_len() > 0).then_some(0)
        }
        pub fn drain_some(&mut self, budget: usize, mut f: impl FnMut(Entry)) -> bool {
            for _ in 0..budget {
                let Some(((_, e), _)) = self.0.pop_first() else { return false };
                f(NonNull::new(e as *mut u8).unwrap());
            }
            !self.0.is_empty()
        }
        pub fn stats(&self) -> TableStats {
            TableStats { entries: self.0.len(), ..Default::default() }
        }
        pub fn check(&self, _: &impl Entries) {}
    }

    #[derive(Default)]
    pub struct Peek;
    impl Peek {
        pub const fn new() -> Peek {
            Peek
        }
        pub fn publish(&self, _: &Table) {}
        pub fn prefetch_bucket(&self, _: u64, _: u32) {}
        pub fn prefetch_entry(&self, _: u64, _: u32) {}
    }
}
