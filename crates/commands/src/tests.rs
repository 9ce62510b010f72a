//! Every declared example, run.

use engine::Command;
use testkit::transcript::check_examples;

/// The commands of all groups, with their subcommands.
fn all() -> Vec<&'static Command> {
    let declared = super::all().iter().flat_map(|group| group.iter());
    declared.flat_map(|command| std::iter::once(command).chain(command.subcommands)).collect()
}

#[test]
fn every_example_prints_what_it_says() {
    all().into_iter().for_each(check_examples);
}

#[test]
fn every_command_shows_two_calls_and_one_that_is_refused() {
    /// HELP and QUIT do one thing whatever is said; the others answer whatever they are asked, or
    /// something else each time.
    const CANNOT: &[&str] = &[
        "HELP",
        "QUIT",
        "DOCS",
        "INFO",
        "RESET",
        "HISTOGRAM",
        "STATS",
        "NUMSUB",
        "SHARDNUMSUB",
        "UNSUBSCRIBE",
        "PUNSUBSCRIBE",
        "SUNSUBSCRIBE",
    ];
    for command in all().into_iter().filter(|command| command.subcommands.is_empty()) {
        let is_refused = |(_, prints): &(&str, &str)| prints.contains("(error)");
        assert!(
            CANNOT.contains(&command.name)
                || command.examples.len() >= 2 && command.examples.iter().any(is_refused),
            "{} shows too little",
            command.name
        );
    }
}
