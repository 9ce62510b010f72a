//! A short soak on each number of workers. `cargo x soak` runs it for as long as one likes.

use std::time::Duration;

use testkit::soak;

const TIME: Duration = Duration::from_secs(10);

#[test]
fn many_workers_lose_nothing_and_their_journal_replays() {
    for workers in [2, 4] {
        let report = soak::run(workers, 1, 4, TIME);
        assert!(report.increments > 0 && report.walks > 0, "the soak did something: {report:?}");
        assert!(report.undone > 0, "scripts were undone: {report:?}");
    }
}

#[test]
fn one_worker_gives_a_journal_that_replays() {
    let report = soak::run(1, 7, 4, TIME);
    assert!(report.replayed_bytes > 0, "the soak wrote something: {report:?}");
}
