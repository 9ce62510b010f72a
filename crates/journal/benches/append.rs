//! What one append costs: off, on, and with two workers at once; a reader consumes on the side.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use journal::{Journal, Reader};

const RECORD: &[u8] = b"*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$16\r\nvalue00000000001\r\n";

/// Nanoseconds for each append of `workers` threads, as seen by one of them.
fn ns_per_append(journal: &Journal, workers: usize, count: u32) -> f64 {
    let run = |worker: usize| {
        let start = Instant::now();
        for _ in 0..count {
            if journal.is_on() {
                black_box(journal.append(worker, 0, &[black_box(RECORD)]));
                journal.wake_readers();
            }
        }
        start.elapsed()
    };
    let slowest = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|w| scope.spawn(move || run(w))).collect();
        threads.into_iter().map(|t| t.join().expect("a worker ends")).max()
    });
    slowest.expect("there are workers").as_nanos() as f64 / f64::from(count)
}

/// Reads until stopped, and returns the bytes read: the checksum of the work.
fn drain(mut reader: Reader, is_stopped: &AtomicBool) -> usize {
    let mut bytes = 0;
    while !is_stopped.load(Ordering::Relaxed) {
        reader.wait(Duration::from_millis(10)).expect("no restart");
        bytes += reader.read(|chunk| _ = black_box(chunk.len())).expect("no limit on the lag");
    }
    bytes
}

fn main() {
    // `cargo test` runs benches too, there with little work.
    let count = if std::env::args().any(|arg| arg == "--bench") { 5_000_000 } else { 1_000 };
    let journal = Journal::new(2, 1 << 20);
    println!("off, 1 worker:              {:7.1} ns", ns_per_append(&journal, 1, count));
    let keep = journal.reader(None).expect("the tail can be read");
    for workers in [1, 2] {
        let ns = ns_per_append(&journal, workers, count);
        println!("on, nobody reads, {workers} worker(s): {ns:5.1} ns");
    }
    let is_stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = journal.reader(None).expect("the tail can be read");
        reader.allow_lag(u64::MAX);
        let drained = scope.spawn(|| drain(reader, &is_stopped));
        println!("on, 1 reader, 1 worker:     {:7.1} ns", ns_per_append(&journal, 1, count));
        is_stopped.store(true, Ordering::Relaxed);
        println!("the reader read {} bytes", drained.join().expect("the reader ends"));
    });
    drop(keep);
}
