//! Nanoseconds per name lookup: `cargo bench -p command`. Under `cargo test` it runs once, tiny.
//!
//! Two orders of names: in turn, which a branch predictor learns as it learns a client's habits;
//! and random, where each length is a surprise.
#![allow(clippy::print_stdout)] // A bench's result is what it prints.

use std::hint::black_box;
use std::time::Instant;

use command::CommandTable;
use command::declare::Command;

const fn named(name: &'static str) -> Command<()> {
    Command { name, ..Command::base(()) }
}

const COMMANDS: &[Command<()>] = &[
    named("GET"),
    named("SET"),
    named("SETEX"),
    named("ZADD"),
    named("HGETALL"),
    named("INCRBY"),
    named("LPUSH"),
    named("ZRANGEBYSCORE"),
    named("EXPIRE"),
    named("MGET"),
    named("GEORADIUSBYMEMBER"),
    named("XADD"),
    named("PING"),
    named("DEL"),
    named("HSET"),
    named("SADD"),
];

fn main() {
    let for_real = std::env::args().any(|arg| arg == "--bench");
    let rounds: u64 = if for_real { 50_000_000 } else { 1_000 };
    let table = CommandTable::build(&[COMMANDS]);
    let names: Vec<Vec<u8>> =
        COMMANDS.iter().map(|command| command.name.to_ascii_lowercase().into_bytes()).collect();
    let mut x = 1_u64;
    let random = move |_| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        x >> 60
    };
    measure("in turn", &table, &names, rounds, |n| n % 16);
    measure("random", &table, &names, rounds, random);
}

fn measure(
    order: &str,
    table: &CommandTable<()>,
    names: &[Vec<u8>],
    rounds: u64,
    mut pick: impl FnMut(u64) -> u64,
) {
    let (start, mut checksum) = (Instant::now(), 0_u64);
    for n in 0..rounds {
        let name = black_box(&names[pick(n) as usize][..]);
        checksum += u64::from(table.lookup(name).expect("declared").0);
    }
    let ns = start.elapsed().as_nanos() as f64 / rounds as f64;
    println!("{order}: {ns:.2} ns, checksum {checksum}");
}
