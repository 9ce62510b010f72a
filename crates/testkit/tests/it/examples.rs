//! Every declared example, run.

use engine::Command;
use testkit::transcript::check_examples;

/// The commands of all groups, with their subcommands.
fn all() -> Vec<&'static Command> {
    let declared = commands::all().iter().flat_map(|group| group.iter());
    declared.flat_map(|command| std::iter::once(command).chain(command.subcommands)).collect()
}

#[test]
fn every_example_prints_what_it_says() {
    all().into_iter().for_each(check_examples);
}

#[test]
fn every_command_shows_two_calls_and_every_one_that_can_fail_an_error() {
    /// Whatever is said to them, they answer.
    const NEVER_FAIL: &[&str] = &[];
    for command in all().into_iter().filter(|command| command.subcommands.is_empty()) {
        assert!(command.examples.len() >= 2, "{} has too few examples", command.name);
        let shows_error = command.examples.iter().any(|(_, prints)| prints.contains("(error)"));
        assert!(
            shows_error || NEVER_FAIL.contains(&command.name),
            "{} shows no error",
            command.name
        );
    }
}
