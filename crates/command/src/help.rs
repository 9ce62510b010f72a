//! How a command is written: the synopsis of redis-cli, and HELP of containers.
//!
//! ```text
//! SET key value [NX|XX] [GET] [EX seconds|PX milliseconds]       synopsis
//! SET <key> <value> [NX|XX] [GET] [EX <seconds>|PX <milliseconds>]   in HELP
//! ```

use crate::declare::{Arg, Command, Kind};
use crate::docs::documented_name;

/// The synopsis as redis-cli shows it, `SET key value [NX|XX] …`. A subcommand begins with its
/// container's name, given as `parent`.
pub fn syntax<H>(command: &Command<H>, parent: Option<&str>) -> String {
    let mut line = String::new();
    if let Some(parent) = parent {
        line.push_str(parent);
        line.push(' ');
    }
    line.push_str(command.name);
    if !command.args.is_empty() {
        line.push(' ');
        line.push_str(&arguments(command.args, " ", &plain));
    }
    line
}

/// The reply to `container HELP`, line by line: each subcommand and what it is for.
pub fn help_lines<H>(container: &Command<H>) -> Vec<String> {
    let name = container.name;
    let mut lines =
        vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    for subcommand in container.subcommands.iter().filter(|sub| sub.name != "HELP") {
        let args = arguments(subcommand.args, " ", &angled);
        lines.push(format!("{} {args}", subcommand.name).trim_end().to_owned());
        lines.push(format!("    {}", subcommand.summary));
    }
    lines.push("HELP".to_owned());
    lines.push("    Print this help.".to_owned());
    lines
}

fn plain(name: &str) -> String {
    name.to_owned()
}

fn angled(name: &str) -> String {
    format!("<{name}>")
}

fn arguments(args: &[Arg], between: &str, style: &dyn Fn(&str) -> String) -> String {
    let all: Vec<String> = args.iter().map(|arg| argument(arg, style)).collect();
    all.join(between)
}

/// One argument with its brackets, as it stands in a synopsis.
pub(crate) fn argument(arg: &Arg, style: &dyn Fn(&str) -> String) -> String {
    let value = match arg.kind {
        Kind::Block(parts) => arguments(parts, " ", style),
        Kind::OneOf(choices) => arguments(choices, "|", style),
        Kind::PureToken => String::new(),
        Kind::Key(_)
        | Kind::Text
        | Kind::Integer
        | Kind::Double
        | Kind::Pattern
        | Kind::UnixTime => arg.shown_as.map_or_else(|| style(&documented_name(arg)), style),
    };
    let introduced = match arg.token {
        Some("") => "\"\"".to_owned(),
        Some(token) if value.is_empty() => token.to_owned(),
        Some(token) => format!("{token} {value}"),
        None => value.clone(),
    };
    let all = match (arg.multiple, arg.multiple_token) {
        (false, _) => introduced,
        (true, true) => format!("{introduced} [{introduced} ...]"),
        (true, false) => format!("{introduced} [{value} ...]"),
    };
    if arg.optional { format!("[{all}]") } else { all }
}
