//! What a pipelined GET costs below the server: a table over a heap, keys in batches of 32.
//!
//! `cargo bench -p structures --bench lookahead -- [--small-pages] [--memory VALUE_BYTES] [records]`
//!
//! Times are processor time of the thread, the best of several rounds. Huge pages are the kernel's
//! choice, so compare two runs, one of them with `--small-pages`. The server spends hundreds of
//! instructions on a command, more than a processor looks ahead: so a fence after each key keeps it
//! from overlapping what it cannot overlap there; "free" is without. As a test it runs small.

use std::hint::black_box;
use std::time::Duration;
use structures::{Entries, Entry, HashKey, Heap, Peek, Reclaim, Table, pages};

const BATCH: usize = 32;
const ROUNDS: usize = 7;
/// Header and key, as records of the server have them.
const HEADER_BYTES: usize = 8;
const KEY_BYTES: usize = 16;

type Key = [u8; KEY_BYTES];

struct Store {
    hash_key: HashKey,
    table: Table,
    heap: Heap,
    peek: Peek,
    record_bytes: usize,
}

struct Records<'a>(&'a HashKey);

impl Entries for Records<'_> {
    fn hash(&self, entry: Entry) -> u64 {
        self.0.hash(key_of(entry))
    }

    fn expire_ms(&self, _: Entry) -> u64 {
        0
    }
}

fn key_of<'a>(entry: Entry) -> &'a Key {
    // SAFETY: every entry is a record of at least this size, alive while its store is.
    unsafe { entry.add(HEADER_BYTES).cast().as_ref() }
}

fn key(number: u64) -> Key {
    let mut key = *b"key:000000000000";
    let mut left = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    key
}

impl Store {
    fn new(value_bytes: usize) -> Store {
        Store {
            hash_key: HashKey::from_seed(*b"a seed for bench"),
            table: Table::new(0, Reclaim::Deferred),
            heap: Heap::new(),
            peek: Peek::new(),
            record_bytes: HEADER_BYTES + KEY_BYTES + value_bytes,
        }
    }

    fn fill(&mut self, count: u64) {
        for number in 0..count {
            let key = key(number);
            let record = self.heap.alloc(self.record_bytes);
            // SAFETY: the record is of this size.
            unsafe {
                record.write_bytes(number as u8, self.record_bytes);
                record.add(HEADER_BYTES).cast().write(key);
            }
            let hash = self.hash_key.hash(&key);
            self.table.insert(hash, record, 0, &Records(&self.hash_key));
            // SAFETY: the two belong together until the store is dropped.
            unsafe { self.peek.publish(&mut self.table) };
        }
    }

    /// Copies the value to the reply, as GET does.
    fn read(&self, hash: u64, key: &Key, reply: &mut [u8]) -> usize {
        let slot = self.table.find(hash, |entry| key_of(entry) == key).expect("every key is there");
        let value_at = HEADER_BYTES + KEY_BYTES;
        let value_bytes = self.record_bytes - value_at;
        // SAFETY: the record is of this size and alive; the reply is not part of it.
        unsafe {
            let value = slot.entry().add(value_at);
            reply.as_mut_ptr().copy_from_nonoverlapping(value.as_ptr(), value_bytes);
        }
        value_bytes
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.peek.clear();
    }
}

/// Nothing after it begins before all before it ended.
fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    }
}

// Functions of their own, so that callgrind names them.

#[inline(never)]
fn hash_keys(hash_key: &HashKey, keys: &[Key], hashes: &mut [u64]) {
    hashes.iter_mut().zip(keys).for_each(|(hash, key)| *hash = hash_key.hash(key));
}

#[inline(never)]
fn stage_one(peek: &Peek, hashes: &[u64], pinned: &crossbeam_epoch::Guard) {
    hashes.iter().for_each(|&hash| peek.prefetch_bucket(hash, 0, pinned));
}

#[inline(never)]
fn stage_two(peek: &Peek, hashes: &[u64], pinned: &crossbeam_epoch::Guard) {
    hashes.iter().for_each(|&hash| peek.prefetch_entry(hash, 0, pinned));
}

#[inline(never)]
fn find_and_read(store: &Store, keys: &[Key], hashes: &[u64], reply: &mut [u8], is_fenced: bool) {
    let mut at = 0;
    for (key, &hash) in keys.iter().zip(hashes) {
        at += store.read(hash, key, &mut reply[at..at + 512]);
        if is_fenced {
            fence();
        }
    }
    black_box(reply);
}

/// Processor time of this thread.
fn now() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn main() {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let small_pages = std::env::args().any(|arg| arg == "--small-pages");
    let records = std::env::args().filter_map(|arg| arg.parse().ok()).next_back();
    let records = records.unwrap_or(if is_bench { 1_000_000 } else { 2_000 });
    if small_pages {
        rustix::thread::disable_transparent_huge_pages(true).expect("the kernel knows the call");
    }
    let memory_of = std::env::args().skip_while(|arg| arg != "--memory").nth(1);
    match memory_of.and_then(|bytes| bytes.parse().ok()) {
        Some(value_bytes) => memory(value_bytes, records),
        None => speed(records, if is_bench { 2_000_000 } else { 2_000 }),
    }
}

fn speed(records: u64, finds: usize) {
    let mut store = Store::new(64);
    let before = now();
    store.fill(records);
    println!("fill            {:6.1} ns/key", (now() - before).as_nanos() as f64 / records as f64);
    let mut random: u64 = 1;
    let keys: Vec<Key> = (0..finds / BATCH * BATCH)
        .map(|_| {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            key((random >> 33) % records)
        })
        .collect();
    let mut hashes = [0; BATCH];
    let mut reply = vec![0; BATCH * 512];
    let modes = [(false, true), (true, true), (false, false), (true, false)];
    let mut best = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        for ((is_batched, is_fenced), best) in modes.into_iter().zip(&mut best) {
            let start = now();
            for keys in keys.chunks_exact(BATCH) {
                hash_keys(&store.hash_key, keys, &mut hashes);
                if is_batched {
                    let pinned = crossbeam_epoch::pin();
                    stage_one(&store.peek, &hashes, &pinned);
                    stage_two(&store.peek, &hashes, &pinned);
                }
                find_and_read(&store, keys, &hashes, &mut reply, is_fenced);
            }
            *best = (now() - start).min(*best);
        }
    }
    let per_key = |took: Duration| took.as_nanos() as f64 / keys.len() as f64;
    for ((is_batched, is_fenced), best) in modes.into_iter().zip(best) {
        let batched = if is_batched { "in batches" } else { "one by one" };
        let fenced = if is_fenced { "fenced" } else { "free" };
        println!("{batched}, {fenced:8}{:6.1} ns/key", per_key(best));
    }
}

fn memory(value_bytes: usize, count: u64) {
    let resident_before = resident_bytes();
    let mut store = Store::new(value_bytes);
    store.fill(count);
    let per_key = |bytes: usize| bytes as f64 / count as f64;
    let pool_waste = pages::bytes_free();
    println!(
        "{count} of 16+{value_bytes}: index {:.2}, heap {:.2} beside {HEADER_BYTES} of header, \
         pool {:.2}, all {:.2} B/key; resident {:.2}",
        per_key(store.table.bytes()),
        per_key(store.heap.bytes_held() - store.heap.bytes_in_use()),
        per_key(pool_waste),
        per_key(store.table.bytes() + store.heap.bytes_held() + pool_waste)
            - (KEY_BYTES + value_bytes) as f64,
        per_key(resident_bytes().saturating_sub(resident_before))
            - (KEY_BYTES + value_bytes) as f64,
    );
}
