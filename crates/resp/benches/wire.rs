//! Nanoseconds and, under callgrind, instructions per request parsed and reply written.
//!
//! `cargo bench -p resp` prints a table. `wire NAME ROUNDS` runs one case only, for
//! `valgrind --tool=callgrind --toggle-collect='*::run_case'`.

use std::hint::black_box;
use std::time::Instant;

use resp::encode::write_request;
use resp::{Batch, Limits, Parsed, Pending, Protocol, Reply, Scan};

/// Requests of one batch, as the server parses them.
const BATCH: usize = 64;
const CASES: [&str; 7] =
    ["parse-get", "parse-set-64", "parse-mixed", "parse-mset-100", "bulk-64", "integers", "scan"];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [name, rounds] = &args[..] {
        let input = input(name);
        println!("{name} {}", run_case(name, &input, rounds.parse().expect("a number of rounds")));
        return;
    }
    for name in CASES {
        let input = input(name);
        run_case(name, &input, 1000);
        let start = Instant::now();
        let units = run_case(name, &input, 20_000);
        let ns = start.elapsed().as_nanos() as f64 / units as f64;
        println!("{name:15} {ns:7.1} ns each, {units} in all");
    }
}

fn input(name: &str) -> Vec<u8> {
    let mut input = Vec::new();
    for i in 0..BATCH {
        let key = format!("key:{:012}", i * 7919);
        let value = vec![b'v'; 64];
        let mixed = vec![b'v'; [1, 8, 20, 64, 110, 300, 1000][i * 31 % 7]];
        match name {
            "parse-get" => write_request(&mut input, [b"GET", key.as_bytes()].into_iter()),
            "parse-set-64" => {
                write_request(&mut input, [b"SET", key.as_bytes(), &value].into_iter())
            }
            "parse-mixed" => {
                write_request(&mut input, [b"SET", key.as_bytes(), &mixed].into_iter())
            }
            "parse-mset-100" => {
                write_request(&mut input, std::iter::repeat_n(key.as_bytes(), 100));
            }
            _ => Reply::new(&mut input, Protocol::Resp2).bulk(&value),
        }
    }
    input
}

/// Gives the number of requests or replies worked on.
#[inline(never)]
fn run_case(name: &str, input: &[u8], rounds: usize) -> usize {
    let mut units = 0;
    let (mut batch, mut pending, limits) = (Batch::new(), Pending::default(), Limits::default());
    let mut out = Vec::new();
    for _ in 0..rounds {
        match name {
            "bulk-64" => {
                out.clear();
                let mut reply = Reply::new(&mut out, Protocol::Resp2);
                for _ in 0..BATCH {
                    reply.bulk(black_box(&input[4..68]));
                }
                units += BATCH;
            }
            "integers" => {
                out.clear();
                let mut reply = Reply::new(&mut out, Protocol::Resp2);
                for i in 0..BATCH as i64 {
                    reply.integer(black_box(i));
                }
                units += BATCH;
            }
            "scan" => {
                let (mut scan, mut at) = (Scan::default(), 0);
                while at < input.len() {
                    at += scan.find_end(&input[at..]).expect("replies").expect("whole replies");
                    units += 1;
                }
            }
            _ => {
                batch.clear();
                let input = black_box(input);
                let said = batch.parse(input, 0, BATCH, &limits, &mut pending);
                assert_eq!(said, (input.len(), Parsed::Requests));
                units += batch.len();
            }
        }
        black_box(&out);
    }
    units
}
