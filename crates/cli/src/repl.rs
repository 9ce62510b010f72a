//! The prompt: a line, its command, the reply, again.
//!
//! At a terminal the line is edited with history, completion and hints; from a pipe it is just
//! read. Completion and hints come from COMMAND DOCS, asked for once, on a connection of its
//! own, when they are first needed: the prompt never waits for them and works without.

use crate::connection::Interrupts;
use crate::docs::Docs;
use crate::session::{Aside, Session, Trouble, write_out};
use crate::special::Words;
use crate::terminal::Lines;
use crate::{help, hint};
use base::split_args::split_args;
use rustyline::completion::Completer;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::{Editor, Helper, validate::Validator};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Lines of history kept in memory, and read back from the file.
const HISTORY_LINES_MAX: usize = 1000;

/// Replies that took longer say how long.
const SLOW: Duration = Duration::from_millis(500);

/// Reads and executes commands until the input ends.
pub fn run(mut session: Session) -> Result<(), Trouble> {
    let terminal = io::stdin().is_terminal();
    let input = if terminal { edited() } else { piped() };
    // After the editor: it takes Ctrl-C for itself when it is made.
    let interrupts = if terminal { Interrupts::catch().ok() } else { None };
    session.become_interactive(interrupts);
    report(session.connect())?;
    let mut repl = Repl { session, input };
    if terminal {
        repl.load_preferences();
    }
    repl.run()
}

/// Where lines come from.
enum Input {
    Terminal { editor: Box<Editor<Assistant, MemHistory>>, history_file: Option<PathBuf> },
    Pipe(Lines),
}

struct Repl<'a> {
    session: Session<'a>,
    input: Input,
}

enum Flow {
    Go,
    Quit,
}

impl Repl<'_> {
    fn run(&mut self) -> Result<(), Trouble> {
        loop {
            let Some(line) = self.read_line() else {
                if self.session.is_subscribed() && self.session.leave().is_ok() {
                    continue;
                }
                return Ok(());
            };
            if let Flow::Quit = self.execute(&line)? {
                return Ok(());
            }
            if self.session.is_subscribed() && !self.has_line() {
                report(self.session.follow_messages(io::stdin().as_fd()))?;
            }
        }
    }

    /// The next line; None at its end, on Ctrl-D and on Ctrl-C.
    fn read_line(&mut self) -> Option<Vec<u8>> {
        match &mut self.input {
            Input::Pipe(lines) => lines.next_line().ok().flatten(),
            Input::Terminal { editor, .. } => {
                if let Some(assistant) = editor.helper_mut() {
                    assistant.refresh(&self.session);
                }
                match editor.readline(&self.session.prompt()) {
                    Ok(line) => Some(line.into_bytes()),
                    Err(ReadlineError::Signal(_)) => Some(Vec::new()),
                    Err(_) => None,
                }
            }
        }
    }

    /// A line is here already, so messages have to wait.
    fn has_line(&self) -> bool {
        matches!(&self.input, Input::Pipe(lines) if lines.is_ready())
    }

    fn execute(&mut self, line: &[u8]) -> Result<Flow, Trouble> {
        let Some(words) = split_args(line) else {
            self.remember(line, false);
            write_out(b"Invalid argument(s)\n")?;
            return Ok(Flow::Go);
        };
        let Some((words, repeat)) = repetition(&words) else {
            write_out(b"Invalid redis-cli repeat command option value.\n")?;
            return Ok(Flow::Go);
        };
        let Some(first) = words.first() else { return Ok(Flow::Go) };
        let command = Words(words);
        self.remember(line, command.is_sensitive());
        if command.is("quit") || command.is("exit") {
            return Ok(Flow::Quit);
        } else if first.starts_with(b":") {
            write_out(self.set_preference("", words).as_bytes())?;
        } else if command.is("help") || command.is("?") {
            let page = self.help(&words[1..]);
            write_out(page.as_bytes())?;
        } else if command.is("clear") && words.len() == 1 {
            write_out(b"\x1b[H\x1b[2J")?;
        } else if command.is("connect") && words.len() == 3 {
            let text = |i: usize| String::from_utf8_lossy(&words[i]).into_owned();
            match text(2).parse() {
                Ok(port) => report(self.session.move_to(&text(1), port))?,
                Err(_) => write_out(b"Invalid server port.\n")?,
            }
        } else {
            let started = Instant::now();
            report(self.session.call(words, repeat))?;
            let took = started.elapsed();
            if took >= SLOW && self.session.style() == crate::format::Style::Standard {
                write_out(format!("({:.2}s)\n", took.as_secs_f64()).as_bytes())?;
            }
        }
        Ok(Flow::Go)
    }

    /// Keeps a line for the arrow keys, and in the file unless it holds a secret.
    fn remember(&mut self, line: &[u8], sensitive: bool) {
        let Input::Terminal { editor, history_file } = &mut self.input else { return };
        // A line that cannot be kept is no reason to stop.
        let _ = editor.add_history_entry(String::from_utf8_lossy(line));
        let Some(path) = history_file.as_ref().filter(|_| !sensitive) else { return };
        let file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let _ = file.and_then(|mut file| file.write_all(&[line, b"\n"].concat()));
    }

    /// `:set hints`; the answer is empty when all is well.
    fn set_preference(&mut self, from: &str, words: &[Vec<u8>]) -> String {
        let text = |i: usize| String::from_utf8_lossy(&words[i]).into_owned();
        let Input::Terminal { editor, .. } = &mut self.input else { return String::new() };
        let assistant = editor.helper_mut().expect("set when the editor was made");
        if !Words(words).is(":set") || words.len() < 2 {
            return format!("{from}unknown redis-cli internal command '{}'\n", text(0));
        }
        match text(1).to_lowercase().as_str() {
            "hints" => assistant.hints = true,
            "nohints" => assistant.hints = false,
            other => return format!("{from}unknown redis-cli preference '{other}'\n"),
        }
        String::new()
    }

    fn load_preferences(&mut self) {
        let Some(path) = dot_file("REDISCLI_RCFILE", ".redisclirc") else { return };
        let Ok(text) = fs::read(path) else { return };
        for line in text.split(|&byte| byte == b'\n') {
            if let Some(words) = split_args(line).filter(|words| !words.is_empty()) {
                eprint!("{}", self.set_preference(".redisclirc: ", &words));
            }
        }
    }

    fn help(&mut self, topic: &[Vec<u8>]) -> String {
        if topic.is_empty() {
            return help::general();
        }
        match load_docs(&self.session.aside()) {
            Ok(docs) => help::page(&docs, topic),
            Err(reason) => format!("no help from the server: {reason}\n"),
        }
    }
}

/// Help for one-shot `ochre-cli help SET`.
pub fn print_help(session: &Session, topic: &[Vec<u8>]) -> Result<(), Trouble> {
    if topic.is_empty() {
        return write_out(help::general().as_bytes());
    }
    match load_docs(&session.aside()) {
        Ok(docs) => write_out(help::page(&docs, topic).as_bytes()),
        Err(reason) => write_out(format!("no help from the server: {reason}\n").as_bytes()),
    }
}

/// The hint for a line, for `--test_hint`.
pub fn print_hint(session: &Session, line: &str) -> Result<(), Trouble> {
    let docs = load_docs(&session.aside()).unwrap_or_default();
    write_out(format!("{}\n", hint::for_line(&docs, line).unwrap_or_default()).as_bytes())
}

fn load_docs(aside: &Aside) -> Result<Docs, String> {
    let reply = aside.ask(&["COMMAND", "DOCS"]).map_err(|trouble| trouble.to_string())?;
    match Docs::from_reply(&reply) {
        docs if docs.is_empty() => {
            let said = reply.text().unwrap_or(Cow::Borrowed("COMMAND DOCS is empty"));
            Err(said.into_owned())
        }
        docs => Ok(docs),
    }
}

/// `5 INCR x` is INCR five times. None if the number makes no sense.
fn repetition(words: &[Vec<u8>]) -> Option<(&[Vec<u8>], i64)> {
    let number = words.first().map(|word| String::from_utf8_lossy(word));
    match number.map(|text| text.parse::<i64>()) {
        Some(Ok(repeat)) if words.len() > 1 => (repeat > 0).then_some((&words[1..], repeat)),
        _ => Some((words, 1)),
    }
}

/// Tells the user, and goes on; only a closed output ends the prompt.
fn report(result: Result<(), Trouble>) -> Result<(), Trouble> {
    match result {
        Err(trouble @ Trouble::Output(_)) => Err(trouble),
        Err(trouble) => {
            eprintln!("{trouble}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn piped() -> Input {
    Input::Pipe(Lines::default())
}

fn edited() -> Input {
    let Ok(mut editor) = Editor::with_history(rustyline::Config::default(), MemHistory::new())
    else {
        return piped();
    };
    editor.set_helper(Some(Assistant::new()));
    editor.set_completion_type(rustyline::CompletionType::List);
    // A full history only forgets its oldest line.
    let _ = editor.set_max_history_size(HISTORY_LINES_MAX);
    let history_file = dot_file("REDISCLI_HISTFILE", ".rediscli_history");
    if let Some(Ok(file)) = history_file.as_ref().map(fs::File::open) {
        for line in BufReader::new(file).lines().map_while(Result::ok) {
            let _ = editor.add_history_entry(line);
        }
    }
    Input::Terminal { editor: Box::new(editor), history_file }
}

/// A file in the home directory, or where the variable says; `/dev/null` means none.
fn dot_file(variable: &str, name: &str) -> Option<PathBuf> {
    match std::env::var_os(variable).filter(|path| !path.is_empty()) {
        Some(path) if path == "/dev/null" => None,
        Some(path) => Some(path.into()),
        None => std::env::var_os("HOME").map(|home| PathBuf::from(home).join(name)),
    }
}

/// Completion and hints for the line editor.
struct Assistant {
    /// Whom to ask for the docs; None before the first prompt.
    aside: Option<Aside>,
    /// Empty once asked in vain.
    docs: OnceCell<Docs>,
    hints: bool,
}

impl Assistant {
    fn new() -> Assistant {
        Assistant { aside: None, docs: OnceCell::new(), hints: true }
    }

    /// At each new line: another server has other commands, one that failed may answer now.
    fn refresh(&mut self, session: &Session) {
        let aside = session.aside();
        if self.aside.as_ref() != Some(&aside) || self.docs.get().is_some_and(Docs::is_empty) {
            self.docs = OnceCell::new();
        }
        self.aside = Some(aside);
    }

    fn docs(&self) -> &Docs {
        self.docs.get_or_init(|| {
            self.aside.as_ref().and_then(|aside| load_docs(aside).ok()).unwrap_or_default()
        })
    }
}

impl Completer for Assistant {
    type Candidate = String;

    /// Whole names of commands, and after `help` of groups too.
    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &rustyline::Context,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = &line[..pos];
        let after_help = typed.get(..5).filter(|word| word.eq_ignore_ascii_case("help "));
        let start = match after_help {
            Some(_) => pos - typed[5..].trim_start().len(),
            None => 0,
        };
        let typed = &typed[start..];
        let docs = self.docs();
        let mut names: Vec<String> = docs.commands().iter().map(|c| c.name.clone()).collect();
        if after_help.is_some() {
            names.extend(docs.groups());
        }
        names.retain(|name| {
            name.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed))
        });
        Ok((start, names))
    }
}

impl Hinter for Assistant {
    type Hint = ShownOnly;

    fn hint(&self, line: &str, pos: usize, _: &rustyline::Context) -> Option<ShownOnly> {
        if !self.hints || pos < line.len() || line.trim().is_empty() {
            return None;
        }
        let hint = hint::for_line(self.docs(), line).filter(|hint| !hint.is_empty())?;
        let gap = if line.ends_with(' ') { "" } else { " " };
        Some(ShownOnly(format!("{gap}{hint}")))
    }
}

/// A hint names what to type, so the arrow key must not insert it.
struct ShownOnly(String);

impl rustyline::hint::Hint for ShownOnly {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Highlighter for Assistant {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[90m{hint}\x1b[0m"))
    }
}

impl Validator for Assistant {}
impl Helper for Assistant {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_before_a_command_repeats_it() {
        let words = |line: &str| split_args(line.as_bytes()).expect("balanced");
        let five = words("5 INCR x");
        assert_eq!(repetition(&five), Some((&five[1..], 5)));
        assert_eq!(repetition(&words("-1 INCR x")), None);
        // Alone it is a command, if a strange one.
        let alone = words("5");
        assert_eq!(repetition(&alone), Some((alone.as_slice(), 1)));
    }
}
