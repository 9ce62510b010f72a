//! Spoilt payloads are refused or restored; either way quickly and within bounds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use base::random::Random;
use rdb::fuzz::{fuzz_restore, golden_count, spoilt};

/// Counts what the thread that asks has allocated and not freed.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn note(change: isize) {
    // A thread that ends may free after its counters are gone.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every request goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn input(random: &mut Random) -> Vec<u8> {
    let mut input = (random.below(golden_count() as u64) as u16).to_le_bytes().to_vec();
    input.push(random.next_u64() as u8);
    for _ in 0..1 + random.below(4) {
        input.extend_from_slice(&(random.next_u64() as u32).to_le_bytes());
    }
    input
}

#[test]
fn spoilt_payloads_break_nothing_and_take_no_more_than_a_multiple_of_their_size() {
    // What a structure asks for before the first element, and what the largest LZF run may need.
    const START_BYTES: usize = 300_000;
    const FACTOR: usize = 100;
    // `cargo x fuzz restore` goes on from here.
    const INPUTS: u64 = 4_000;
    for seed in 0..INPUTS {
        let mut random = Random::from_seed(seed);
        let input = input(&mut random);
        let bytes = spoilt(&input).len();
        LIVE.set(0);
        PEAK.set(0);
        fuzz_restore(&input);
        let peak = PEAK.get() as usize;
        assert!(peak < START_BYTES + FACTOR * bytes, "seed {seed}: {peak} bytes for {bytes}");
    }
}
