//! `COMPAT.md`: what of Redis and Valkey is here, what is not, and what differs.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};
use command::table::CommandTable;
use config::Effect;
use engine::Handler;

use super::commands;
use crate::conform::{list, suite};
use crate::workspace;

const HEAD: &str = "# Compatibility\n\n\
    Written by `cargo x docs`; do not edit. An undocumented difference from Redis is a bug.\n\n\
    Contents: [commands](#commands) · [commands not there yet](#commands-not-there-yet) · \
    [intended differences](#intended-differences) · [options](#options) · \
    [Redis's own test suites](#rediss-own-test-suites)\n\n";

pub(super) fn text(table: &CommandTable<Handler>) -> Result<String> {
    let differences = workspace::root().join("docs/differences.md");
    let differences = fs::read_to_string(&differences).context("read docs/differences.md")?;
    let sections = [
        HEAD.to_owned(),
        here(table),
        missing(table)?,
        differences.trim_end().to_owned() + "\n\n",
        options(),
        suites()?,
    ];
    Ok(sections.concat().trim_end().to_owned() + "\n")
}

fn here(table: &CommandTable<Handler>) -> String {
    let mut page = "## Commands\n\n| command | group | since |\n|---|---|---|\n".to_owned();
    for (group, entries) in commands::by_group(table) {
        for entry in entries {
            let (name, file) = (entry.decl.name, commands::file_name(entry));
            let _ = write!(page, "| [{name}](docs/commands/{file})");
            if !entry.subcommands.is_empty() {
                let subs = entry.subcommands.iter().map(|id| table.get(*id).decl.name);
                let _ = write!(page, " {}", subs.collect::<Vec<_>>().join(", "));
            }
            let _ = writeln!(page, " | {group} | {} |", entry.decl.since);
        }
    }
    page + "\n"
}

/// A line of `docs/data/commands.tsv`.
struct Known {
    name: String,
    only_in: &'static str,
    topic: String,
}

fn known() -> Result<Vec<Known>> {
    let path = workspace::root().join("docs/data/commands.tsv");
    let text = fs::read_to_string(&path).context("read docs/data/commands.tsv")?;
    let mut known = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        ensure!(columns.len() == 3, "docs/data/commands.tsv: {line} has not three columns");
        let only_in = match columns[1] {
            "both" => "",
            "redis" => " (Redis)",
            "valkey" => " (Valkey)",
            other => anyhow::bail!("docs/data/commands.tsv: {other} is no server"),
        };
        let (name, topic) = (columns[0].to_owned(), columns[2].to_owned());
        known.push(Known { name, only_in, topic });
    }
    Ok(known)
}

fn missing(table: &CommandTable<Handler>) -> Result<String> {
    let known = known()?;
    for entry in table.entries() {
        let is_known = known.iter().any(|known| known.name == *entry.full_name);
        ensure!(is_known, "docs/data/commands.tsv has no line for {}", entry.full_name);
    }
    let mut topics: Vec<(&str, Vec<String>)> = Vec::new();
    for command in &known {
        if table.lookup_full(command.name.as_bytes()).is_some() {
            continue;
        }
        let name = command.name.replace('|', " ").to_uppercase();
        let shown = format!("{name}{}", command.only_in);
        match topics.iter_mut().find(|(topic, _)| *topic == command.topic) {
            Some((_, names)) => names.push(shown),
            None => topics.push((&command.topic, vec![shown])),
        }
    }
    let count: usize = topics.iter().map(|(_, names)| names.len()).sum();
    let mut page = format!(
        "## Commands not there yet\n\n{count} of those of Redis 8.10 and Valkey 9.1, with the \
         topic that brings them.\n\n"
    );
    for (topic, names) in topics {
        let _ = writeln!(page, "- **{topic}**: {}", names.join(", "));
    }
    Ok(page + "\n")
}

/// Every option: whether it acts, and if not, why.
fn options() -> String {
    let (mut acting, mut idle) = (Vec::new(), String::new());
    for option in config::options::all().map(config::OptId::opt) {
        let why = match option.effect {
            Effect::Now => {
                acting.push(format!("`{}`", option.name));
                continue;
            }
            Effect::Later(missing) => format!("not yet: {missing}"),
            Effect::Never(why) => format!("never: {why}"),
        };
        let _ = writeln!(idle, "| `{}` | {why} |", option.name);
    }
    format!(
        "## Options\n\n`ochre.conf` explains each. These act:\n{}.\n\n\
         These are read, shown and rewritten, and change nothing:\n\n\
         | option | why |\n|---|---|\n{idle}\n",
        acting.join(", ")
    )
}

fn suites() -> Result<String> {
    let mut page = "## Redis's own test suites\n\n\
                    `cargo x conform` runs files of the test suites of two versions of Redis, \
                    save the tests named here.\n\n"
        .to_owned();
    for suite in suite::SUITES {
        let files = list::read(suite)?;
        let exclusions: usize = files.iter().map(|file| file.exclusions.len()).sum();
        let (version, count) = (suite.version, files.len());
        let _ = writeln!(
            page,
            "### Redis {version}\n\n{count} files, {exclusions} exclusions (`{}`).\n",
            suite.list
        );
        for file in files {
            let _ = writeln!(page, "- `{}`", file.name);
            for exclusion in &file.exclusions {
                let _ = writeln!(page, "  - without *{}*: {}", exclusion.what, exclusion.reason);
            }
        }
        page.push('\n');
    }
    Ok(page)
}
