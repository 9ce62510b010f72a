//! A short history on each number of workers. `cargo x history` makes long ones.

use std::time::Duration;

use testkit::history;

#[test]
fn what_many_workers_do_one_could_have_done() {
    for workers in [1, 2, 4] {
        let report = history::run(workers, 3, 4, Duration::from_secs(10));
        assert!(report.judged > 500 && report.waited > 0, "there was much to judge: {report:?}");
        assert!(report.messages > 0, "somebody heard something: {report:?}");
    }
}
