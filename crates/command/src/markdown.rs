//! A command's page in `docs/commands`, from its declaration.

use std::fmt::Write;

use crate::declare::{Arg, Category, Flag, Kind};
use crate::docs::documented_name;
use crate::help::syntax;
use crate::table::{CommandId, CommandTable};

/// The page of one command; the pages of its subcommands follow it as sections.
pub fn docs_markdown<H>(table: &CommandTable<H>, id: CommandId) -> String {
    let mut page = String::new();
    section(table, id, 1, &mut page).expect("a String takes everything");
    page
}

fn section<H>(
    table: &CommandTable<H>,
    id: CommandId,
    level: usize,
    page: &mut String,
) -> std::fmt::Result {
    let entry = table.get(id);
    let decl = entry.decl;
    let parent = entry.parent.map(|id| table.get(id).decl.name);
    let title = parent.map_or(decl.name.to_owned(), |parent| format!("{parent} {}", decl.name));

    writeln!(page, "{} {title}\n\n{}\n", "#".repeat(level), decl.summary)?;
    if entry.subcommands.is_empty() {
        writeln!(page, "```\n{}\n```\n", syntax(decl, parent))?;
    }
    if let Some((since, instead)) = decl.deprecated {
        writeln!(page, "> Deprecated since {since}; use {instead}.\n")?;
    }
    let flags: Vec<_> =
        Flag::ALL.iter().filter(|f| entry.has(**f)).filter_map(|f| f.word()).collect();
    let categories: Vec<_> = Category::ALL
        .iter()
        .filter(|category| entry.categories & category.bit() != 0)
        .map(|category| category.at_word())
        .collect();
    let facts = [
        ("Group", decl.group.word().to_owned()),
        ("Since", decl.since.to_owned()),
        ("Complexity", decl.complexity.to_owned()),
        ("Flags", flags.join(", ")),
        ("ACL categories", categories.join(", ")),
    ];
    writeln!(page, "| | |\n|---|---|")?;
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        writeln!(page, "| {name} | {fact} |")?;
    }
    let below = "#".repeat(level + 1);
    if !decl.args.is_empty() {
        writeln!(page, "\n{below} Arguments\n")?;
        arguments(decl.args, 0, page)?;
    }
    if !decl.history.is_empty() {
        writeln!(page, "\n{below} History\n")?;
        for (version, change) in decl.history {
            writeln!(page, "- {version}: {change}")?;
        }
    }
    if !decl.examples.is_empty() {
        writeln!(page, "\n{below} Examples\n\n```")?;
        for (call, reply) in decl.examples {
            writeln!(page, "> {call}\n{reply}")?;
        }
        writeln!(page, "```")?;
    }
    for &subcommand in &entry.subcommands {
        writeln!(page)?;
        section(table, subcommand, level + 1, page)?;
    }
    Ok(())
}

fn arguments(args: &[Arg], depth: usize, page: &mut String) -> std::fmt::Result {
    for arg in args {
        write!(page, "{}- ", "  ".repeat(depth))?;
        match (arg.token, &arg.kind) {
            (Some(token), Kind::PureToken) => write!(page, "`{token}`")?,
            (Some(token), kind) => {
                write!(page, "`{token}` *{}*: {}", documented_name(arg), kind.word())?;
            }
            (None, kind) => write!(page, "*{}*: {}", documented_name(arg), kind.word())?,
        }
        let traits = [(arg.optional, "optional"), (arg.multiple, "may be repeated")];
        for (_, word) in traits.iter().filter(|(said, _)| *said) {
            write!(page, ", {word}")?;
        }
        if let Some(version) = arg.since {
            write!(page, ", since {version}")?;
        }
        writeln!(page)?;
        if let Kind::OneOf(parts) | Kind::Block(parts) = arg.kind {
            arguments(parts, depth + 1, page)?;
        }
    }
    Ok(())
}
