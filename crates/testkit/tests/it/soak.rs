//! A short soak on each number of workers. `cargo x soak` runs it for as long as one likes.

use std::time::Duration;

use testkit::soak;

const TIME: Duration = Duration::from_secs(20);

#[test]
fn four_workers_lose_no_update_and_the_journal_replays() {
    for seed in 1..=4 {
        let report = soak::run(4, seed, TIME, 20_000);
        assert!(report.increments > 0 && report.keys > 0, "the soak did something: {report:?}");
    }
}

#[test]
fn one_worker_gives_a_journal_that_replays() {
    let report = soak::run(1, 7, TIME, 20_000);
    assert!(report.replayed_bytes > 0, "the soak wrote something: {report:?}");
}
