//! What hash, table and heap cost. `cargo bench -p structures`, with `-- memory` only bytes for
//! each key; as a test it runs small.
//!
//! Times are processor time of the thread, so a busy machine disturbs less.

use std::collections::HashMap;
use std::hint::black_box;
use std::ptr::NonNull;
use std::time::Duration;
use structures::hyperloglog::{DENSE_BYTES, Hll, HllRef, Place, Registers, write_dense};
use structures::{Entries, Entry, HashKey, Heap, Peek, Reclaim, Table, pages};

/// Entries are records of 16 bytes in one array: key and hash.
#[repr(align(8))]
struct Record {
    key: u64,
    hash: u64,
}

struct Records;

fn record<'a>(entry: Entry) -> &'a Record {
    // SAFETY: every entry points into the array of records, which outlives the tables.
    unsafe { entry.cast().as_ref() }
}

impl Entries for Records {
    fn hash(&self, entry: Entry) -> u64 {
        record(entry).hash
    }

    fn expire_ms(&self, _: Entry) -> u64 {
        0
    }
}

/// Like `std::time::Instant`, of the thread's processor time.
struct Instant(Duration);

impl Instant {
    fn now() -> Instant {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Instant(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }

    fn elapsed(&self) -> Duration {
        Instant::now().0 - self.0
    }
}

fn main() {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let scale = if is_bench { 1 } else { 1_000 };
    let key = HashKey::from_seed(*b"a seed for bench");
    if std::env::args().any(|arg| arg == "hyperloglog") {
        return hyperloglog(500);
    }
    if std::env::args().any(|arg| arg == "memory") {
        return memory(&key, 250_000 / scale);
    }
    hash(&key, 10_000_000 / scale);
    for count in [10_000, 1_000_000] {
        table(&key, (count / scale).max(100), 2_000_000 / scale);
    }
    growth(&key, 10_000_000 / scale);
    memory(&key, 250_000 / scale);
    heap(1_000_000 / scale);
    hyperloglog(500 / scale.min(100));
}

fn print(what: &str, count: usize, took: Duration) {
    println!("{what:40} {:8.1} ns", took.as_nanos() as f64 / count as f64);
}

fn hash(key: &HashKey, count: usize) {
    let bytes = [7u8; 256];
    for (name, key) in [("aes", key.clone()), ("sip", key.clone().without_aes())] {
        for len in [8, 16, 32, 100] {
            let (start, mut sum) = (Instant::now(), 0u64);
            for _ in 0..count {
                // Each waits for the one before: latency, not throughput.
                sum = key.hash(black_box(&bytes[(sum & 1) as usize..][..len]));
            }
            print(&format!("hash {name} {len} bytes"), count, start.elapsed());
            black_box(sum);
        }
    }
}

fn records(key: &HashKey, count: usize) -> Vec<Record> {
    (0..count as u64).map(|i| Record { key: i, hash: key.hash(&i.to_le_bytes()) }).collect()
}

fn insert(table: &mut Table, record: &Record) {
    table.insert(record.hash, NonNull::from(record).cast(), 0, &Records);
}

fn table(key: &HashKey, count: usize, finds: usize) {
    let records = records(key, count);
    // An order unlike that of memory, and the same for all.
    let order: Vec<usize> = (0..finds).map(|i| i.wrapping_mul(7_919_777) % count).collect();
    let mut table = Table::new(0, Reclaim::Deferred);
    let start = Instant::now();
    records.iter().for_each(|record| insert(&mut table, record));
    print(&format!("table {count}: insert"), count, start.elapsed());
    let stats = table.stats();
    println!("{stats:?}");
    let find = |wanted: &Record| table.find(wanted.hash, |entry| record(entry).key == wanted.key);
    let start = Instant::now();
    let found = order.iter().filter(|&&i| find(&records[i]).is_some()).count();
    print(&format!("table {count}: find"), finds, start.elapsed());
    assert_eq!(found, finds);
    let start = Instant::now();
    let found =
        order.iter().filter(|&&i| table.find(!records[i].hash, |_| false).is_some()).count();
    print(&format!("table {count}: find what is absent"), finds, start.elapsed());
    assert_eq!(found, 0);

    let peek = Peek::new();
    // SAFETY: the only Peek of this table, cleared before it goes.
    unsafe { peek.publish(&mut table) };
    let find = |wanted: &Record| table.find(wanted.hash, |entry| record(entry).key == wanted.key);
    let (start, mut found) = (Instant::now(), 0);
    for batch in order.chunks(32) {
        let guard = crossbeam_epoch::pin();
        batch.iter().for_each(|&i| peek.prefetch_bucket(records[i].hash, 0, &guard));
        batch.iter().for_each(|&i| peek.prefetch_entry(records[i].hash, 0, &guard));
        found += batch.iter().filter(|&&i| find(&records[i]).is_some()).count();
    }
    print(&format!("table {count}: find in batches of 32"), finds, start.elapsed());
    assert_eq!(found, finds);
    peek.clear();

    let map: HashMap<u64, &Record> = records.iter().map(|r| (r.hash, r)).collect();
    let start = Instant::now();
    let found = order.iter().filter(|&&i| map[&records[i].hash].key == records[i].key).count();
    print(&format!("std HashMap {count}: find"), finds, start.elapsed());
    assert_eq!(found, finds);
    let start = Instant::now();
    table.take_all(|entry, _| _ = black_box(record(entry).key));
    print(&format!("table {count}: take_all"), count, start.elapsed());
}

fn growth(key: &HashKey, count: usize) {
    let records = records(key, count);
    let mut table = Table::new(0, Reclaim::Now);
    let (mut longest, mut at) = (Duration::ZERO, 0);
    let (mut bytes_per_entry, mut samples) = (0.0, 0);
    let start = Instant::now();
    for (i, record) in records.iter().enumerate() {
        let before = Instant::now();
        insert(&mut table, record);
        let took = before.elapsed();
        if took > longest {
            (longest, at) = (took, i);
        }
        if i * 5 > count && i % (count / 50).max(1) == 0 {
            bytes_per_entry += table.bytes() as f64 / table.len() as f64;
            samples += 1;
        }
    }
    print(&format!("growth to {count}: insert and clock"), count, start.elapsed());
    println!("longest insert {longest:?}, of entry {at}");
    println!("bytes for each entry {:.2} on the way", bytes_per_entry / f64::from(samples));
    let start = Instant::now();
    for record in &records {
        let slot = table.find(record.hash, |e| e == NonNull::from(record).cast()).expect("inside");
        table.remove(slot);
    }
    print(&format!("shrink from {count}: find and remove"), count, start.elapsed());
    assert_eq!(table.bytes(), 0);
}

/// What a keyspace of one shard holds beyond its records of 48 bytes, each time `step` were added.
fn memory(key: &HashKey, step: usize) {
    let records = records(key, 16 * step);
    let (mut table, mut heap, peek) = (Table::new(0, Reclaim::Deferred), Heap::new(), Peek::new());
    let mut took = Duration::ZERO;
    println!("bytes for each of keys: table, of the pool what nobody has, heap, in all");
    for part in records.chunks(step) {
        let start = Instant::now();
        for batch in part.chunks(64) {
            for record in batch {
                black_box(heap.alloc(48));
                insert(&mut table, record);
            }
            // SAFETY: the only Peek of this table, cleared before it goes.
            unsafe { peek.publish(&mut table) };
        }
        took += start.elapsed();
        let per_key = |bytes: usize| bytes as f64 / table.len() as f64;
        println!(
            "{:9} {:6.2} {:6.2} {:6.2} {:6.2}",
            table.len(),
            per_key(table.bytes()),
            per_key(pages::bytes_free()),
            per_key(heap.bytes_held() - heap.bytes_in_use()),
            per_key(pages::bytes_held().saturating_sub(heap.bytes_in_use()))
        );
    }
    peek.clear();
    print("memory: alloc and insert", records.len(), took);
}

fn heap(count: usize) {
    let mut heap = Heap::new();
    let bytes = |i: usize| 40 + i * 7 % 60;
    let start = Instant::now();
    let records: Vec<_> = (0..count).map(|i| heap.alloc(bytes(i))).collect();
    print("heap: alloc", count, start.elapsed());
    println!("held / in use {:.3}", heap.bytes_held() as f64 / heap.bytes_in_use() as f64);
    let start = Instant::now();
    for (i, record) in records.into_iter().enumerate() {
        // SAFETY: allocated above with this size.
        unsafe { heap.free(record, bytes(i)) };
    }
    print("heap: free", count, start.elapsed());
    let start = Instant::now();
    let records: Vec<Vec<u8>> = (0..count).map(|i| Vec::with_capacity(bytes(i))).collect();
    print("global allocator: alloc", count, start.elapsed());
    let start = Instant::now();
    drop(black_box(records));
    print("global allocator: free", count, start.elapsed());
}

/// A hundred HyperLogLogs, small and large, merged and counted as PFMERGE and PFCOUNT do.
fn hyperloglog(rounds: usize) {
    for elements in [200, 1_500, 100_000] {
        let start = Instant::now();
        let sources: Vec<Vec<u8>> = (0..100u64).map(|i| filled(i << 32, elements)).collect();
        print(&format!("hyperloglog of {elements}: add"), 100 * elements as usize, start.elapsed());
        let hlls: Vec<_> = sources.iter().map(|b| HllRef::of(b).expect("it is one")).collect();
        let (mut dense, mut sum) = (vec![0; DENSE_BYTES], 0);
        let start = Instant::now();
        for _ in 0..rounds {
            let mut registers = Registers::new();
            match hlls[0].runs() {
                None => registers.merge_dense(&hlls),
                Some(_) => hlls.iter().for_each(|hll| registers.merge(*hll).expect("in order")),
            }
            write_dense(&mut dense, &registers);
        }
        print(&format!("hyperloglog of {elements}: merge 100"), rounds, start.elapsed());
        let start = Instant::now();
        for _ in 0..rounds {
            sum += hlls.iter().map(|hll| hll.cardinality().expect("in order")).sum::<u64>();
        }
        print(&format!("hyperloglog of {elements}: count"), 100 * rounds, start.elapsed());
        black_box(sum);
    }
}

fn filled(seed: u64, elements: u64) -> Vec<u8> {
    let mut hll = Hll::empty(3000);
    for i in 0..elements {
        hll.raise(Place::of(&(seed + i).to_le_bytes())).expect("in order");
    }
    hll.into_bytes()
}
