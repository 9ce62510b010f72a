//! What the counted tree and the scored set over it cost. `cargo bench -p structures --bench btree`;
//! as a test it runs small.
//!
//! Times are processor time of the thread, so a busy machine disturbs less.

use std::hint::black_box;
use std::time::Duration;

use base::random::Random;
use structures::btree::{CountedTree, Item};
use structures::scored::{Gathered, ScoredSet};

/// A key that weighs 1.
#[derive(Clone, Copy)]
struct Unit(u64);

impl Item for Unit {
    type Key = u64;
    const UNIT: bool = true;

    fn key(&self) -> u64 {
        self.0
    }
}

/// Like `std::time::Instant`, of the thread's processor time.
struct Instant(Duration);

impl Instant {
    fn now() -> Instant {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Instant(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }
}

/// Runs `work`, which does `count` things.
fn time<R>(what: &str, count: usize, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    let took = Instant::now().0 - start.0;
    println!("{what:44} {:8.1} ns", took.as_nanos() as f64 / count as f64);
    result
}

fn main() {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let scale = if is_bench { 1 } else { 1_000 };
    for count in [1_000_000 / scale, 10_000_000 / scale] {
        tree(count);
    }
    scored_set(1_000_000 / scale);
    gather(100_000 / scale);
}

fn tree(count: usize) {
    let mut random = Random::from_seed(1);
    let mut tree = CountedTree::new();
    time(&format!("tree of {count}: insert at random"), count, || {
        for _ in 0..count {
            let key = random.next_u64();
            tree.insert(tree.partition_point(|k| k < key), Unit(key));
        }
    });
    println!("{:44} {:8.2} bytes", "", tree.bytes() as f64 / count as f64);
    let finds = count.min(1_000_000);
    let sum = time("  search and rank", finds, || {
        let mut sum = 0;
        for _ in 0..finds {
            let key = random.next_u64();
            sum ^= tree.rank(tree.partition_point(|k| k < key));
        }
        sum
    });
    black_box(sum);
    time("  seek by rank", finds, || {
        for _ in 0..finds {
            let position = tree.gap(random.below(count as u64) as usize);
            black_box(tree.at(position).map(|unit| unit.0));
        }
    });
    let sum = time("  iterate", count, || tree.iter().fold(0, |sum, unit| sum ^ unit.0));
    black_box(sum);
    let sum =
        time("  iterate backward", count, || tree.iter().rev().fold(0, |sum, unit| sum ^ unit.0));
    black_box(sum);
    let copy = time("  build in order", count, || tree.iter().copied().collect::<CountedTree<_>>());
    black_box(copy.len());
    time("  remove at random", finds / 2, || {
        for _ in 0..finds / 2 {
            let position = tree.gap(random.below(tree.len() as u64) as usize);
            tree.remove(position);
        }
    });
    time("  append", count, || {
        let mut tree = CountedTree::new();
        (0..count as u64).for_each(|key| tree.push_back(Unit(key)));
        black_box(tree.len())
    });
}

fn member(number: u64) -> [u8; 16] {
    let mut text = *b"mem:000000000000";
    let digits = number.to_string();
    text[16 - digits.len()..].copy_from_slice(digits.as_bytes());
    text
}

fn scored_set(count: usize) {
    let mut random = Random::from_seed(2);
    let mut set = ScoredSet::new();
    time(&format!("scored set of {count}: add"), count, || {
        for n in 0..count as u64 {
            let score = random.below(1 << 40) as f64;
            set.update(&member(n), |_| Some(score));
        }
    });
    println!("{:44} {:8.2} bytes", "", set.bytes() as f64 / count as f64);
    time("  another score", count, || {
        for _ in 0..count {
            let score = random.below(1 << 40) as f64;
            set.update(&member(random.below(count as u64)), |_| Some(score));
        }
    });
    time("  a score near by", count, || {
        for _ in 0..count {
            let member = member(random.below(count as u64));
            set.update(&member, |score| score.map(|score| score + 1.0));
        }
    });
    time("  rank", count, || {
        for _ in 0..count {
            black_box(set.rank(&member(random.below(count as u64))));
        }
    });
    time("  range of 100, each element", count, || {
        let mut bytes = 0;
        for _ in 0..count / 100 {
            let from = random.below(count as u64 - 100) as usize;
            bytes +=
                set.range(from, from + 100).map(|element| element.member().len()).sum::<usize>();
        }
        black_box(bytes)
    });
    time("  remove", count / 2, || {
        for n in 0..count as u64 / 2 {
            set.remove(&member(n * 2));
        }
    });
}

fn gather(count: usize) {
    let mut random = Random::from_seed(3);
    let mut sets = [ScoredSet::new(), ScoredSet::new()];
    for (set, step) in sets.iter_mut().zip([2, 3]) {
        for n in 0..count as u64 {
            set.update(&member(n * step), |_| Some(random.below(1 << 40) as f64));
        }
    }
    let gathered = time(&format!("gather two sets of {count}, each element"), 2 * count, || {
        let mut gathered = Gathered::new();
        for set in &sets {
            for element in set.iter() {
                let score = element.score();
                gathered.put(element.member(), |before| before.unwrap_or(0.0) + score);
            }
        }
        gathered
    });
    let set = time("  put in order, each element", 2 * count, || gathered.finish());
    black_box(set.len());
}
