//! CONFIG GET, compared with what a real Redis 8.0.6 answered.

use std::collections::BTreeMap;

use config::options;

use crate::{config, get};

/// Where we mean to differ. Nothing else may.
const DIFFERENCES: &[(&str, &str)] = &[];

/// `name -> (text, is hidden)`.
fn recorded() -> BTreeMap<&'static str, (&'static str, bool)> {
    let lines = include_str!("../../testdata/redis-8.0.6.tsv").lines();
    let line = |line: &'static str| {
        let mut fields = line.split('\t');
        let name = fields.next().expect("a line has a name");
        (name, (fields.next().expect("and a value"), fields.next() == Some("hidden")))
    };
    lines.filter(|line| !line.starts_with('#')).map(line).collect()
}

#[test]
fn defaults_are_printed_as_redis_prints_them() {
    let config = config();
    for (name, (text, _)) in recorded() {
        let ours = DIFFERENCES.iter().find(|(n, _)| *n == name).map_or(text, |(_, ours)| ours);
        assert_eq!(get(&config, name), ours, "{name}");
    }
}

#[test]
fn a_pattern_finds_what_redis_finds() {
    let config = config();
    let all: Vec<Vec<u8>> = config.get(&[b"*"]).into_iter().map(|(name, _)| name).collect();
    for (name, (_, is_hidden)) in recorded() {
        assert_eq!(!all.contains(&name.as_bytes().to_vec()), is_hidden, "{name}");
    }
}

/// Redis's suite sets whatever `*` lists, except what its own skip list names.
#[test]
fn a_pattern_shows_no_immutable_option_that_redis_does_not_know() {
    let recorded = recorded();
    for id in options::all().filter(|id| id.opt().change == config::Change::AtStart) {
        let opt = id.opt();
        assert!(opt.is_hidden || recorded.contains_key(opt.name), "{}", opt.name);
    }
}

#[test]
fn a_plain_name_is_answered_as_it_was_spelt() {
    let found = config().get(&[b"MAXMEMORY", b"maxmemory", b"maxmemory-s*"]);
    let names: Vec<&[u8]> = found.iter().map(|(name, _)| name.as_slice()).collect();
    assert_eq!(names, [b"MAXMEMORY".as_slice(), b"maxmemory-samples"]);
}

#[test]
fn an_alias_is_a_name_of_its_own() {
    let found = config().get(&[b"slave-pri*", b"*-priority"]);
    let names: Vec<&[u8]> = found.iter().map(|(name, _)| name.as_slice()).collect();
    assert_eq!(names, [b"slave-priority".as_slice(), b"replica-priority"]);
}

#[test]
fn unknown_names_find_nothing() {
    assert!(config().get(&[b"nosuch", b"nosuch*", b""]).is_empty());
}
