//! `docs/commands`: a page for each command, and an index of them by group.

use std::fmt::Write;

use command::markdown::docs_markdown;
use command::table::{CommandTable, Entry};
use engine::Handler;

use super::Page;

pub(super) const FOLDER: &str = "docs/commands";

pub(super) fn pages(table: &CommandTable<Handler>) -> Vec<Page> {
    let mut pages = vec![Page { path: format!("{FOLDER}/README.md"), text: index(table) }];
    for entry in top(table) {
        let path = format!("{FOLDER}/{}", file_name(entry));
        pages.push(Page { path, text: docs_markdown(table, entry.id) });
    }
    pages
}

fn index(table: &CommandTable<Handler>) -> String {
    let mut page = "# Commands\n\nWritten by `cargo x docs` from the declarations.\n".to_owned();
    for (group, entries) in by_group(table) {
        let _ = writeln!(page, "\n## {group}\n\n| command | |\n|---|---|");
        for entry in entries {
            let decl = entry.decl;
            let _ = writeln!(page, "| [{}]({}) | {} |", decl.name, file_name(entry), decl.summary);
        }
    }
    page
}

/// The groups in the order in which they are declared, each with its commands in order of names.
pub(super) fn by_group(table: &CommandTable<Handler>) -> Vec<(&'static str, Vec<&Entry<Handler>>)> {
    let mut groups: Vec<(&'static str, Vec<&Entry<Handler>>)> = Vec::new();
    for entry in top(table) {
        let word = entry.decl.group.word();
        match groups.iter_mut().find(|(group, _)| *group == word) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((word, vec![entry])),
        }
    }
    for (_, entries) in &mut groups {
        entries.sort_by_key(|entry| entry.decl.name);
    }
    groups
}

/// The commands that are no subcommands.
fn top(table: &CommandTable<Handler>) -> impl Iterator<Item = &Entry<Handler>> {
    table.entries().filter(|entry| entry.parent.is_none())
}

/// The name of the command's page within the folder.
pub(super) fn file_name(entry: &Entry<Handler>) -> String {
    format!("{}.md", entry.decl.name.to_lowercase())
}
