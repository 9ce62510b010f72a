//! `cargo x docs`: pages written from what the code declares, so that they cannot be wrong.
//!
//! | page | from |
//! |---|---|
//! | `COMPAT.md` | `conform.list`; the options we take and do not act on |
//! | `ochre.conf` | the table of options: the sample file, every line commented out |
//!
//! [`pages`] is the one list: a page is a path and a text, computed without looking at the disk.
//! `docs` writes what differs, `docs --check` only complains. `docs/commands/*.md` become further
//! entries, by `command::markdown::docs_markdown` for each command of the `commands` crate.

use std::fmt::Write;
use std::fs;

use anyhow::{Result, ensure};
use config::Effect;

use crate::conform::{REDIS_VERSION, list};
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
    let mut stale = Vec::new();
    for page in pages()? {
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
        stale.push(page.path);
    }
    ensure!(!args.check || stale.is_empty(), "run `cargo x docs`: {} is stale", stale.join(", "));
    Ok(())
}

fn pages() -> Result<Vec<Page>> {
    let compat = [COMPAT_HEAD, &suite_section(&list::read()?), &options_section()].concat();
    Ok(vec![
        Page { path: "COMPAT.md".to_owned(), text: compat },
        Page { path: "ochre.conf".to_owned(), text: config::sample() },
    ])
}

const COMPAT_HEAD: &str = "# Compatibility\n\n\
    Written by `cargo x docs`; do not edit. An undocumented difference from Redis is a bug.\n\n";

fn suite_section(files: &[list::SuiteFile]) -> String {
    let mut page = String::new();
    let exclusions: usize = files.iter().map(|file| file.exclusions.len()).sum();
    let _ = writeln!(
        page,
        "## Redis's own test suite\n\n\
         `cargo x conform` runs {} files of the suite of Redis {REDIS_VERSION}, each with one \
         worker and with four. {exclusions} exclusions, all listed here.\n",
        files.len(),
    );
    for file in files {
        let _ = writeln!(page, "- `{}`", file.name);
        for exclusion in &file.exclusions {
            let _ = writeln!(page, "  - without *{}*: {}", exclusion.what, exclusion.reason);
        }
    }
    page
}

/// Options that are read, shown and rewritten, and change nothing: not yet, or not ever.
fn options_section() -> String {
    let mut page =
        String::from("\n## Options that change nothing\n\n| option | why |\n|---|---|\n");
    for option in config::options::all().map(config::OptId::opt) {
        let why = match option.effect {
            Effect::Now => continue,
            Effect::Later(missing) => format!("not yet: {missing}"),
            Effect::Never(why) => format!("never: {why}"),
        };
        let _ = writeln!(page, "| `{}` | {why} |", option.name);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_pages_are_fresh() {
        run(&Args { check: true }).unwrap();
    }
}
