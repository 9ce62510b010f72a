//! The longest single command while millions of keys come in: tables grow without a pause.
//!
//! `cargo bench -p testkit --bench stall [-- KEYS]`; run as a test it is tiny. The machine steals
//! time too, so the largest few are printed, and the thread's own processor time of each.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use testkit::TestServer;

fn main() {
    let keys = std::env::args()
        .skip(1)
        .find_map(|a| a.parse::<u64>().ok())
        .unwrap_or(if std::env::args().any(|a| a == "--bench") { 10_000_000 } else { 1000 });
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    let mut longest: Vec<(Duration, u64)> = Vec::new();
    for i in 0..keys {
        let key = format!("key:{i:012}");
        let mut input = Vec::new();
        resp::encode::write_request(
            &mut input,
            [b"SET".as_slice(), key.as_bytes(), b"0123456789abcdef"].iter(),
        );
        let before = thread_time();
        let reply = server.feed(&mut session, &input);
        let took = thread_time() - before;
        assert_eq!(reply, b"+OK\r\n");
        if longest.last().is_none_or(|(least, _)| took > *least) || longest.len() < 5 {
            longest.push((took, i));
            longest.sort_by_key(|(took, _)| std::cmp::Reverse(*took));
            longest.truncate(5);
        }
    }
    println!("{keys} keys inserted; longest commands (processor time, at key):");
    for (took, at) in longest {
        println!("  {:8.1} µs at {at}", took.as_nanos() as f64 / 1000.0);
    }
}

fn thread_time() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}
