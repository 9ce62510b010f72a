//! The sample file.

use config::{CommandLine, DIRECTIVES, Load, OPTIONS, options, sample};

use crate::{Memory, config, host};

/// Options without a default that could stand in a file.
const PLACEHOLDERS: [&str; 2] = ["replicaof", "io-threads"];

#[test]
fn the_sample_as_it_is_changes_nothing() {
    let files = Memory::of(&[("a.conf", &sample())]);
    let mut loaded = config();
    let args = CommandLine::parse(&[b"a.conf".to_vec()]);
    Load::new(&files, false).run(&mut loaded, &args, b"").expect("comments only");
    for id in options::all() {
        assert_eq!(loaded.value(id), config().value(id), "{}", id.opt().name);
    }
}

#[test]
fn every_line_it_suggests_is_the_default() {
    let text = sample();
    let is_option = |line: &&str| {
        let name = line.split(' ').next().unwrap_or_default();
        OPTIONS.iter().any(|opt| opt.name == name && !PLACEHOLDERS.contains(&name))
    };
    let stripped = text.lines().filter_map(|line| line.strip_prefix("# "));
    // Words of a sentence may look like an option; an option stands after an empty comment line.
    let lines: Vec<&str> = text
        .lines()
        .zip(text.lines().skip(1))
        .filter(|(before, _)| *before == "#")
        .filter_map(|(_, line)| line.strip_prefix("# "))
        .filter(is_option)
        .collect();
    assert!(stripped.count() > lines.len());
    let files = Memory::of(&[("a.conf", &lines.join("\n"))]);
    let mut host = host();
    host.dir = "./".to_owned();
    let (mut loaded, fresh) = (config::Config::new(&host), config::Config::new(&host));
    let args = CommandLine::parse(&[b"a.conf".to_vec()]);
    Load::new(&files, false).run(&mut loaded, &args, b"").expect("suggestions are right");
    for id in options::all() {
        assert_eq!(loaded.value(id), fresh.value(id), "{}", id.opt().name);
    }
}

#[test]
fn every_visible_option_and_directive_is_in_it() {
    let text = sample();
    for opt in OPTIONS.iter().filter(|opt| !opt.is_hidden) {
        assert!(text.contains(&format!("\n# {} ", opt.name)), "{}", opt.name);
    }
    for directive in DIRECTIVES.iter().filter(|directive| !directive.usage.is_empty()) {
        assert!(text.contains(directive.usage), "{}", directive.name);
    }
}

#[test]
fn no_line_is_wider_than_the_page() {
    for line in sample().lines().filter(|line| line.contains(". ")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
