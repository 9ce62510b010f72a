//! `conform.list` and its like: which files of a suite run, and which of their tests do not, and
//! why.
//!
//! ```text
//! # a comment
//! unit/type/string                                      run this file
//! unit/type/string :: SETRANGE with huge offset :: why  … but not this test
//! unit/other :: /^BGSAVE .* :: why                      … nor those whose name matches
//! unit/other :: tag needs:repl :: why                   … nor those with this tag
//! unit/other :: encodings :: why                        all tests, but any OBJECT ENCODING will do
//! unit/other :: line r debug jmap :: why                without this line, which is outside of tests
//! ```
//!
//! An exclusion without a reason is an error, and so is one for a file that does not run: the
//! list is published in `COMPAT.md`, where each line is a debt.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::suite::Suite;
use crate::workspace;

/// One file of the suite and what we leave out of it.
#[derive(Debug, PartialEq)]
pub(crate) struct SuiteFile {
    /// As the suite names it: `unit/type/string`.
    pub(crate) name: String,
    pub(crate) exclusions: Vec<Exclusion>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Exclusion {
    pub(crate) what: Excluded,
    pub(crate) reason: String,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Excluded {
    Test(String),
    /// A regular expression of Tcl, without the `/` that marks it.
    Matching(String),
    Tag(String),
    /// No test, but what tests expect of OBJECT ENCODING: the suite's `--ignore-encoding`.
    Encodings,
    /// A line of the file, wherever it is.
    Line(String),
}

impl std::fmt::Display for Excluded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Excluded::Test(name) => write!(f, "{name}"),
            Excluded::Matching(pattern) => write!(f, "/{pattern}"),
            Excluded::Tag(tag) => write!(f, "tag {tag}"),
            Excluded::Encodings => f.write_str("encodings"),
            Excluded::Line(line) => write!(f, "line {line}"),
        }
    }
}

fn path(suite: &Suite) -> PathBuf {
    workspace::root().join(suite.list)
}

pub(crate) fn read(suite: &Suite) -> Result<Vec<SuiteFile>> {
    let path = path(suite);
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    parse(&text).with_context(|| format!("read {}", path.display()))
}

fn parse(text: &str) -> Result<Vec<SuiteFile>> {
    let mut files: Vec<SuiteFile> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        add(&mut files, line).with_context(|| format!("line {}: {line}", index + 1))?;
    }
    Ok(files)
}

fn add(files: &mut Vec<SuiteFile>, line: &str) -> Result<()> {
    let Some((name, rest)) = line.split_once(" :: ") else {
        ensure!(!line.contains("::"), "an exclusion is `file :: test :: reason`");
        ensure!(files.iter().all(|file| file.name != line), "the file is listed twice");
        files.push(SuiteFile { name: line.to_owned(), exclusions: Vec::new() });
        return Ok(());
    };
    // From the right: a test's name may contain the separator, our reasons do not.
    let (what, reason) = rest.rsplit_once(" :: ").context("the exclusion gives no reason")?;
    ensure!(!reason.trim().is_empty(), "the exclusion gives no reason");
    let what = match what.trim() {
        "encodings" => Excluded::Encodings,
        what if what.starts_with('/') => Excluded::Matching(what[1..].to_owned()),
        what => match (what.strip_prefix("tag "), what.strip_prefix("line ")) {
            (Some(tag), _) => Excluded::Tag(tag.trim().to_owned()),
            (None, Some(line)) => Excluded::Line(line.trim().to_owned()),
            (None, None) => Excluded::Test(what.to_owned()),
        },
    };
    let file = files
        .iter_mut()
        .find(|file| file.name == name.trim())
        .context("the exclusion comes before its file, or the file is not listed")?;
    file.exclusions.push(Exclusion { what, reason: reason.trim().to_owned() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_exclusions_are_read_in_order() {
        let text = "# c\nunit/a\nunit/a :: x :: y :: no fork\nunit/b\n\
                    unit/b :: /^z :: later\nunit/b :: tag needs:repl :: no replicas\n\
                    unit/b :: encodings :: others since 9.0";
        let files = parse(text).unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].exclusions[0].what, Excluded::Test("x :: y".to_owned()));
        assert_eq!(files[0].exclusions[0].reason, "no fork");
        assert_eq!(files[1].exclusions[0].what, Excluded::Matching("^z".to_owned()));
        assert_eq!(files[1].exclusions[1].what, Excluded::Tag("needs:repl".to_owned()));
        assert_eq!(files[1].exclusions[2].what, Excluded::Encodings);
    }

    #[test]
    fn an_exclusion_needs_a_reason_and_a_listed_file() {
        for text in ["unit/a\nunit/a :: x", "unit/b :: x :: y", "unit/a\nunit/a", "unit/a :: "] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn our_own_lists_are_well_formed() {
        for suite in super::super::suite::SUITES {
            assert!(!read(suite).unwrap().is_empty(), "{}", suite.list);
        }
    }
}
