//! `help` at the prompt: pages made from what the server says about its commands.

use crate::docs::{CommandDoc, Docs};
use crate::hint::syntax;

/// The page for `help` alone.
pub fn general() -> String {
    format!(
        "ochre-cli {}\n\
         To get help about commands type:\n      \
         \"help @<group>\" to get a list of commands in <group>\n      \
         \"help <command>\" for help on <command>\n      \
         \"help <tab>\" to get a list of possible help topics\n      \
         \"quit\" to exit\n\
         \n\
         To set ochre-cli preferences:\n      \
         \":set hints\" enable online hints\n      \
         \":set nohints\" disable online hints\n\
         Set your preferences in ~/.redisclirc\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The page for `help` and these words.
pub fn page(docs: &Docs, topic: &[Vec<u8>]) -> String {
    let mut out = String::new();
    match topic {
        [] => return general(),
        [group, ..] if group.starts_with(b"@") => {
            for command in docs.commands() {
                if command.group.as_bytes().eq_ignore_ascii_case(&group[1..]) {
                    add_command(&mut out, command, false);
                }
            }
        }
        words => {
            for command in docs.starting_with(words) {
                add_command(&mut out, command, true);
            }
        }
    }
    out.push_str("\r\n");
    out
}

fn add_command(out: &mut String, command: &CommandDoc, with_group: bool) {
    let syntax = syntax(&command.arguments);
    out.push_str(&format!("\r\n  \x1b[1m{}\x1b[0m \x1b[90m{syntax}\x1b[0m\r\n", command.name));
    let mut line = |label: &str, text: &str| {
        out.push_str(&format!("  \x1b[33m{label}:\x1b[0m {text}\r\n"));
    };
    line("summary", &command.summary);
    if let Some(since) = &command.since {
        line("since", since);
    }
    if with_group {
        line("group", &command.group);
    }
}
