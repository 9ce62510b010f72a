//! `cargo x docs`: pages written from what the code declares, so that they cannot be wrong.
//!
//! | page | from |
//! |---|---|
//! | `COMPAT.md` | declarations, `docs/data/commands.tsv`, the options, `docs/differences.md`, `conform.list`, `conform-8.0.6.list` |
//! | `docs/commands/*.md` | the declaration of each command |
//! | `ochre.conf` | the table of options: the sample file, every line commented out |
//!
//! [`pages`] is the one list: a page is a path and a text, computed without looking at the pages on
//! disk. `docs` writes what differs and removes the pages of commands that are gone; `docs --check`
//! only complains.

mod commands;
mod compat;

use std::fs;

use anyhow::{Result, ensure};

use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a page is not fresh.
    #[arg(long)]
    pub(crate) check: bool,
}

struct Page {
    /// From the repository's root.
    path: String,
    text: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let pages = pages()?;
    let mut stale = Vec::new();
    for page in &pages {
        let path = workspace::root().join(&page.path);
        if fs::read_to_string(&path).is_ok_and(|text| text == page.text) {
            continue;
        }
        if !args.check {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, &page.text)?;
            println!("wrote {}", page.path);
        }
        stale.push(page.path.clone());
    }
    for path in left_over(&pages)? {
        if !args.check {
            fs::remove_file(workspace::root().join(&path))?;
            println!("removed {path}");
        }
        stale.push(path);
    }
    ensure!(!args.check || stale.is_empty(), "run `cargo x docs`: {} is stale", stale.join(", "));
    Ok(())
}

/// Files among the commands' pages that no command has.
fn left_over(pages: &[Page]) -> Result<Vec<String>> {
    let folder = workspace::root().join(commands::FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut left_over = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = format!("{}/{}", commands::FOLDER, file?.file_name().to_string_lossy());
        if pages.iter().all(|page| page.path != path) {
            left_over.push(path);
        }
    }
    Ok(left_over)
}

fn pages() -> Result<Vec<Page>> {
    let table = command::table::CommandTable::build(::commands::all());
    let mut pages = commands::pages(&table);
    pages.push(Page { path: "COMPAT.md".to_owned(), text: compat::text(&table)? });
    pages.push(Page { path: "ochre.conf".to_owned(), text: config::sample() });
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_pages_are_fresh() {
        run(&Args { check: true }).unwrap();
    }
}
