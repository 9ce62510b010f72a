//! What several files of this group have in common.

#[test]
fn every_example_prints_what_it_says() {
    testkit::transcript::check_examples(super::COMMANDS);
}
