//! The sample file: every option with what it means, what it allows and its default, printed from
//! the table. All options are commented out, so the file as it is changes nothing.

use std::fmt::Write;

use base::split_args::quote;

use crate::directive::{DIRECTIVES, Handling};
use crate::option::{Change, Effect, Kind, Opt};
use crate::options::TOPICS;

const WIDTH: usize = 92;

/// The text of the sample configuration file.
pub fn sample() -> String {
    let mut text = String::new();
    comment(
        &mut text,
        "Configuration of Ochre. Give this file as the first argument. One option per line, its \
         name and its values; values with spaces in quotes. Sizes take units: 1k is 1000 bytes, \
         1kb is 1024, and so on with m, mb, g, gb. Every option can also be given as an argument: \
         --port 6380.",
    );
    heading(&mut text, "Other files, users");
    for directive in DIRECTIVES.iter().filter(|d| d.handling != Handling::Ignore) {
        comment(&mut text, directive.doc);
        let _ = writeln!(text, "#\n# {}\n", directive.usage);
    }
    for topic in TOPICS {
        heading(&mut text, topic.title);
        for opt in topic.options.iter().filter(|opt| !opt.is_hidden || opt.effect == Effect::Now) {
            entry(&mut text, opt);
        }
    }
    text
}

fn heading(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n{}\n", format_args!("{:#<WIDTH$}", format!("#### {title} ")));
}

fn entry(text: &mut String, opt: &Opt) {
    comment(text, opt.doc);
    let mut note = format!("Allowed: {}.", words_allowed(opt.kind));
    note += match opt.change {
        Change::Anytime => "",
        Change::AtStart => " Takes effect at start only.",
        Change::Protected => " CONFIG SET may be forbidden: see enable-protected-configs.",
    };
    match opt.effect {
        Effect::Now => {}
        Effect::Later(missing) => note += &format!(" Not acted on yet: {missing}."),
        Effect::Never(why) => note += &format!(" Accepted without effect: {why}."),
    }
    comment(text, &note);
    let default = match (opt.kind, opt.default) {
        (Kind::HostPort, _) => "<host> <port>".to_owned(),
        (Kind::Text | Kind::TextOrNone | Kind::KeyspaceEvents, value) => {
            String::from_utf8_lossy(&quote(value.as_bytes())).into_owned()
        }
        (_, "") => "\"\"".to_owned(),
        (_, value) => value.to_owned(),
    };
    let _ = writeln!(text, "#\n# {} {default}\n", opt.name);
}

fn comment(text: &mut String, sentence: &str) {
    let mut column = WIDTH;
    for word in sentence.split_whitespace() {
        if column + 1 + word.len() > WIDTH {
            let is_first_line = text.is_empty() || text.ends_with('\n');
            text.push_str(if is_first_line { "#" } else { "\n#" });
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + word.len();
    }
    text.push('\n');
}

/// A sentence on what an option allows, for the operator whose line was refused.
pub(crate) fn allowed(opt: &Opt) -> String {
    format!("Allowed for {}: {}.", opt.name, words_allowed(opt.kind))
}

fn words_allowed(kind: Kind) -> String {
    let from_to = |what: &str, min: i64, max: i64| match (min, max) {
        (i64::MIN | -2_147_483_648, i64::MAX | 2_147_483_647) => what.to_owned(),
        (min, i64::MAX | 2_147_483_647) => format!("{what}, at least {min}"),
        (min, max) => format!("{what} from {min} to {max}"),
    };
    match kind {
        Kind::YesNo => "yes or no".to_owned(),
        Kind::Int { min, max } => from_to("an integer", min, max),
        Kind::Hint { low, high, .. } => format!("an integer, best from {low} to {high}"),
        Kind::Octal { max } => format!("an octal number up to {max:o}"),
        Kind::Memory { min, max } => from_to("a size in bytes", min, max),
        Kind::MemoryOrPercent => "a size in bytes, or a percentage".to_owned(),
        Kind::Real { min, max: f64::MAX } => format!("a number, at least {min}"),
        Kind::Real { min, max } => format!("a number from {min} to {max}"),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Flags(words) => format!("any of {}", words.join(", ")),
        Kind::Text | Kind::TextOrNone => "text".to_owned(),
        Kind::Words { max } => format!("up to {max} addresses"),
        Kind::HostPort => "a host and a port, or 'no one'".to_owned(),
        Kind::Save => "pairs of seconds and changes, or \"\"".to_owned(),
        Kind::OutputBufferLimits => {
            "groups of class, hard limit, soft limit and seconds".to_owned()
        }
        Kind::OomScores => "three numbers from -2000 to 2000".to_owned(),
        Kind::Percentiles => "numbers from 0 to 100, or \"\"".to_owned(),
        Kind::KeyspaceEvents => "letters of Ag$lshzxeKEtmdn".to_owned(),
        Kind::Dir => "the path of a directory".to_owned(),
    }
}
