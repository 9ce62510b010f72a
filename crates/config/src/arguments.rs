//! Command line arguments: they become lines of redis.conf.
//!
//! ```text
//!   server redis.conf --port 6380 --bind a b --save ''        -
//!          └─ file    └─ port "6380"                          └─ and read stdin
//!                     └─ bind "a" "b"
//!                     └─ save ""
//! ```
//!
//! The lines are read after the file and after stdin, so arguments win. Options start with `--`;
//! everything up to the next one is their value. A value may itself start with `--` where an
//! option still has none (`--requirepass --odd`). Two exceptions come from scripts that build such
//! lines from lists: `--save` and `--sentinel` directly before another option have no value.
//!
//! `-h`, `--help`, `-v`, `--version`, `--check-system` and `--test-memory` are no options; the
//! server looks for them first.

use base::split_args::{quote, split_args};

/// What the arguments ask for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommandLine {
    /// The configuration file, as given.
    pub file: Option<String>,
    /// `-` as the first or last argument: more configuration comes on the standard input.
    pub reads_stdin: bool,
    /// Lines of configuration to read last.
    pub options: Vec<u8>,
}

impl CommandLine {
    /// Reads arguments, the program's own name left out.
    pub fn parse(args: &[Vec<u8>]) -> CommandLine {
        let mut line = CommandLine::default();
        let mut first = 0;
        if let Some(file) = args.first().filter(|arg| !arg.starts_with(b"-")) {
            line.file = Some(String::from_utf8_lossy(file).into_owned());
            first = 1;
        }
        let mut wants_value = false;
        for (i, arg) in args.iter().enumerate().skip(first) {
            let next = args.get(i + 1);
            if arg == b"-" && (i == 0 || next.is_none()) {
                line.reads_stdin = true;
            } else if !wants_value && let Some(option) = arg.strip_prefix(b"--") {
                wants_value = line.add_option(option, next);
            } else {
                line.options.extend_from_slice(&quote(arg));
                line.options.push(b' ');
                wants_value = false;
            }
        }
        line
    }

    /// Begins a line. Must a value follow, whatever it looks like?
    fn add_option(&mut self, option: &[u8], next: Option<&Vec<u8>>) -> bool {
        if !self.options.is_empty() {
            self.options.push(b'\n');
        }
        self.options.extend_from_slice(option);
        self.options.push(b' ');
        // "--port 6380" as one argument brings its value along.
        if split_args(option).is_none_or(|words| words.len() > 1) {
            return false;
        }
        let is_last = next.is_none();
        let before_option = next.is_some_and(|next| next.starts_with(b"--"));
        if option.eq_ignore_ascii_case(b"save") && (is_last || before_option) {
            self.options.extend_from_slice(b"\"\"");
            return false;
        }
        !(option.eq_ignore_ascii_case(b"sentinel") && (is_last || before_option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str], expected: &str) -> CommandLine {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        let line = CommandLine::parse(&args);
        assert_eq!(String::from_utf8_lossy(&line.options), expected, "{args:?}");
        line
    }

    #[test]
    fn an_option_takes_all_words_up_to_the_next_one() {
        check(&["--port", "6380", "--bind", "a", "b"], "port \"6380\" \nbind \"a\" \"b\" ");
        check(&["--port 6380", "--hz", "5"], "port 6380 \nhz \"5\" ");
    }

    #[test]
    fn the_first_word_without_a_dash_is_the_file() {
        let line = check(&["a.conf", "--port", "1"], "port \"1\" ");
        assert_eq!(line.file.as_deref(), Some("a.conf"));
        assert_eq!(check(&["--port", "1"], "port \"1\" ").file, None);
    }

    #[test]
    fn a_dash_first_or_last_reads_stdin() {
        assert!(check(&["-"], "").reads_stdin);
        assert!(check(&["a.conf", "--port", "1", "-"], "port \"1\" ").reads_stdin);
        assert!(!check(&["a.conf", "-", "--port", "1"], "\"-\" \nport \"1\" ").reads_stdin);
    }

    #[test]
    fn save_without_a_value_is_an_empty_one() {
        check(&["--save"], "save \"\"");
        check(&["--save", "--port", "1"], "save \"\"\nport \"1\" ");
        check(&["--save", ""], "save \"\" ");
    }

    #[test]
    fn sentinel_needs_no_value() {
        check(&["--sentinel", "--port", "1"], "sentinel \nport \"1\" ");
    }

    #[test]
    fn a_value_may_look_like_an_option() {
        check(&["--requirepass", "--odd", "--hz", "5"], "requirepass \"--odd\" \nhz \"5\" ");
    }
}
