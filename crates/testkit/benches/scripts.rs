//! Scripts on one worker and on two, in process: no socket, no kernel.
//!
//! `cargo bench -p testkit --bench scripts [-- CALLS]`. Each worker is a thread that calls one
//! script on keys of its own, in pipelines of 16. One and two take turns; their median counts.

use std::sync::Barrier;
use std::time::Instant;

use engine::batch::Runner;
use testkit::TestServer;

const SCRIPT: &[u8] = b"redis.call('INCR', KEYS[1]) return redis.call('GET', KEYS[1])";
const DEPTH: usize = 16;
/// The speed of a shared machine changes from one second to the next.
const ROUNDS: usize = 9;

fn main() {
    let is_test = !std::env::args().any(|a| a == "--bench") && std::env::args().len() < 2;
    let calls = std::env::args().skip(1).find_map(|a| a.parse().ok());
    let calls: usize = calls.unwrap_or(if is_test { 1600 } else { 1_600_000 });
    let rounds = if is_test { 1 } else { ROUNDS };
    let mut ratios: Vec<f64> = (0..rounds)
        .map(|_| {
            let (one, two) = (rate(1, calls), rate(2, calls));
            println!("calls a second, 1 of 2 workers {one:.0}, 2 of 2 {two:.0}: {:.2}", two / one);
            two / one
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("two to one, median of {rounds}: {:.2}", ratios[rounds / 2]);
}

/// Calls a second when `active` of two workers have clients.
fn rate(active: usize, calls: usize) -> f64 {
    let mut server = TestServer::new(2);
    let mut ann = server.connect();
    let sha = server.call(&mut ann, &[b"SCRIPT", b"LOAD", SCRIPT]);
    let sha = sha.text().expect("a name").into_owned();
    let inputs: Vec<Vec<u8>> = (0..active)
        .map(|worker| {
            let mut input = Vec::new();
            for n in 0..DEPTH {
                let key = format!("key:{worker}:{n}");
                let words: [&[u8]; 4] = [b"EVALSHA", sha.as_bytes(), b"1", key.as_bytes()];
                resp::encode::write_request(&mut input, words.iter());
            }
            input
        })
        .collect();
    // Until it is known that the script keeps to its keys.
    for _ in 0..10 {
        server.feed(&mut ann, &inputs[0]);
    }
    let engine = server.engine.clone();
    let mut sessions: Vec<_> = (0..active).map(|worker| server.connect_to(worker)).collect();
    let mut seats = std::mem::take(&mut server.seats);
    let start = Barrier::new(active + 1);
    let mut began = Instant::now();
    std::thread::scope(|scope| {
        for (((session, seat), input), worker) in
            sessions.iter_mut().zip(&mut seats).zip(&inputs).zip(0..)
        {
            let (engine, start) = (&engine, &start);
            scope.spawn(move || {
                let mut runner = Runner::new(engine, worker);
                let mut out = Vec::new();
                start.wait();
                for _ in 0..calls / DEPTH {
                    let mut at = 0;
                    while at < input.len() {
                        // Nothing is consumed while another worker wants the world: it is let in here.
                        let mut inside = engine.gate.enter(seat);
                        at += runner
                            .run(engine, &mut inside, &mut session.client, &input[at..], &mut out)
                            .consumed;
                    }
                    out.clear();
                }
            });
        }
        start.wait();
        began = Instant::now();
    });
    (active * calls) as f64 / began.elapsed().as_secs_f64()
}
