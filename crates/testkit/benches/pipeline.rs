//! The engine's share of a command, in process: no socket, no kernel.
//!
//! `cargo bench -p testkit --bench pipeline [-- KEYS ROUNDS DEPTH]`; run as a test it is tiny. For
//! instruction counts: `valgrind --tool=callgrind --toggle-collect='*measured*' <binary> 10000 200`.

use std::hint::black_box;
use std::time::Instant;

use base::random::Random;
use testkit::TestServer;

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let is_test = !std::env::args().any(|a| a == "--bench") && std::env::args().len() < 2;
    let keys = args.next().unwrap_or(if is_test { 1000 } else { 1_000_000 });
    let rounds = args.next().unwrap_or(if is_test { 10 } else { 100_000 });
    let depth = args.next().unwrap_or(64);
    let mut server = TestServer::new(1);
    let mut session = server.connect();
    let value = "v".repeat(64);
    for i in 0..keys {
        server.call(&mut session, &[b"SET", key(i).as_bytes(), value.as_bytes()]);
    }
    let mut random = Random::from_seed(1);
    let mut pipelines = |words: &dyn Fn(String) -> Vec<String>| -> Vec<Vec<u8>> {
        (0..rounds.min(4096))
            .map(|_| {
                let mut input = Vec::new();
                for _ in 0..depth {
                    let words = words(key(random.below(keys)));
                    resp::encode::write_request(&mut input, words.iter());
                }
                input
            })
            .collect()
    };
    let get = pipelines(&|key| vec!["GET".into(), key]);
    let set = pipelines(&|key| vec!["SET".into(), key, value.clone()]);
    for (name, inputs) in [("GET", &get), ("SET", &set), ("GET", &get)] {
        let started = Instant::now();
        for round in 0..rounds {
            measured(&mut server, &mut session, &inputs[round as usize % inputs.len()]);
        }
        let ns = started.elapsed().as_nanos() as f64 / (rounds * depth) as f64;
        println!("{name}@{depth} over {keys} keys: {ns:.1} ns a command");
    }
}

#[inline(never)]
fn measured(server: &mut TestServer, session: &mut testkit::Session, input: &[u8]) {
    black_box(server.feed(session, input));
}

fn key(i: u64) -> String {
    format!("key:{i:012}")
}
