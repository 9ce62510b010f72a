//! Reading redis.conf, the standard input and command line arguments into a [`Config`].
//!
//! A file is lines: blank, a comment (`#`), or a directive with arguments, quoted as on an inline
//! command. The three sources count as one text, one after the other, so the last line wins. Two
//! directives add up instead: `save` lines make one list (the first of them replaces the default,
//! `save ""` empties it), and `client-output-buffer-limit` lines each set the classes they name.
//!
//! The first error ends the load. Its text starts exactly as Redis's does, and then adds what Redis
//! leaves out: the file, and what would have been allowed.
//!
//! Limits: includes nest at most [`DEPTH_MAX`] deep. `dir` takes effect after the load, so a relative
//! `include` is always relative to the directory the server was started in.

use std::fmt;

use base::split_args::split_args;

use crate::arguments::CommandLine;
use crate::directive::{self, Collected, Directive, Handling};
use crate::files::Files;
use crate::id;
use crate::option::OptId;
use crate::options;
use crate::sample::allowed;
use crate::value::{Refusal, Value};
use crate::values::Config;

/// A file that includes itself must end in an error, not in a full stack.
const DEPTH_MAX: usize = 16;

/// Why the configuration was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// A file cannot be read; `reason` is the system's.
    Unreadable { path: String, reason: String },
    /// A line is wrong.
    Line {
        /// The file, or the words for what is none.
        place: String,
        /// Counted from 1; arguments go on where the file ended.
        line: usize,
        text: String,
        refusal: Refusal,
        /// What would have been allowed, as a sentence.
        hint: Option<String>,
    },
    /// The lines are right, their sum is not.
    Whole { refusal: Refusal },
}

impl LoadError {
    /// What to print before exiting; `server` is name and version, as in `Redis 7.2.0`.
    pub fn report(&self, server: &str) -> String {
        let head = format!("\n*** FATAL CONFIG FILE ERROR ({server}) ***\n");
        match self {
            LoadError::Unreadable { .. } => format!("{self}\n"),
            LoadError::Whole { refusal } => format!("{head}{refusal}\n"),
            LoadError::Line { place, line, text, refusal, hint } => {
                let hint = hint.as_deref().unwrap_or_default();
                format!(
                    "{head}Reading the configuration file, at line {line}\n>>> '{text}'\n\
                     {refusal}\nIn {place}. {hint}"
                )
                .trim_end()
                .to_owned()
                    + "\n"
            }
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { path, reason } => {
                write!(f, "Fatal error, can't open config file '{path}': {reason}")
            }
            LoadError::Whole { refusal } => f.write_str(refusal),
            LoadError::Line { place, line, text, refusal, .. } => {
                write!(f, "{place}, line {line}: '{text}': {refusal}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// A load in progress.
pub struct Load<'a> {
    files: &'a dyn Files,
    /// `sentinel` lines are an error elsewhere.
    is_sentinel: bool,
    has_seen_save: bool,
    depth: usize,
}

impl<'a> Load<'a> {
    pub fn new(files: &'a dyn Files, is_sentinel: bool) -> Load<'a> {
        Load { files, is_sentinel, has_seen_save: false, depth: 0 }
    }

    /// Reads all that `command_line` asks for; `stdin` is the standard input if it asks for that.
    /// Returns warnings for the log. After an error `config` holds what came before it.
    pub fn run(
        mut self,
        config: &mut Config,
        command_line: &CommandLine,
        stdin: &[u8],
    ) -> Result<Vec<String>, LoadError> {
        let mut text = Vec::new();
        let mut place = "the arguments".to_owned();
        if let Some(file) = &command_line.file {
            text = self.read(file)?;
            place.clone_from(file);
        }
        if command_line.reads_stdin {
            text.extend_from_slice(stdin);
        }
        let lines_of_file = text.split(|c| *c == b'\n').count();
        text.push(b'\n');
        text.extend_from_slice(&command_line.options);
        self.lines(config, &text, &|line| match line <= lines_of_file {
            true => place.clone(),
            false => "the arguments".to_owned(),
        })?;
        finish(config)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.files.read(path).map_err(|error| {
            // Rust adds the number, which Redis does not print: "… (os error 2)".
            let reason = error.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
            LoadError::Unreadable { path: path.to_owned(), reason }
        })
    }

    fn lines(
        &mut self,
        config: &mut Config,
        text: &[u8],
        place_of: &dyn Fn(usize) -> String,
    ) -> Result<(), LoadError> {
        for (i, line) in text.split(|c| *c == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            self.line(config, line, i + 1).map_err(|stop| match stop {
                Stop::Inside(error) => error,
                Stop::Here(refusal, hint) => LoadError::Line {
                    place: place_of(i + 1),
                    line: i + 1,
                    text: String::from_utf8_lossy(line).into_owned(),
                    refusal,
                    hint,
                },
            })?;
        }
        Ok(())
    }

    fn line(&mut self, config: &mut Config, line: &[u8], number: usize) -> Result<(), Stop> {
        let words = split_args(line)
            .ok_or(Stop::Here("Unbalanced quotes in configuration line".into(), None))?;
        let Some((name, args)) = words.split_first() else { return Ok(()) };
        if let Some((id, _)) = options::lookup(name) {
            return self
                .option(config, id, args)
                .map_err(|refusal| Stop::Here(refusal, Some(allowed(id.opt()))));
        }
        let known = directive::lookup(name);
        let Some(directive) = known.filter(|d| (d.args_min..=d.args_max).contains(&args.len()))
        else {
            let hint = known.map(|directive| format!("It is written: {}", directive.usage));
            let hint = hint.or_else(|| nearest(name));
            return Err(Stop::Here("Bad directive or wrong number of arguments".into(), hint));
        };
        match directive.handling {
            Handling::Ignore => Ok(()),
            Handling::Include => self.include(config, &String::from_utf8_lossy(&args[0])),
            Handling::Collect => self.collect(config, directive, args, line, number),
        }
    }

    fn option(&mut self, config: &mut Config, id: OptId, args: &[Vec<u8>]) -> Result<(), Refusal> {
        let split;
        let args: Vec<&[u8]> = match args {
            // One quoted argument may hold all of several: save "900 1 300 10".
            [all] if id.opt().kind.is_multi() && !all.is_empty() => {
                split = split_args(all).ok_or("Unbalanced quotes in configuration line")?;
                split.iter().map(Vec::as_slice).collect()
            }
            args => args.iter().map(Vec::as_slice).collect(),
        };
        let value = config.parse(id, &args)?;
        let before = std::mem::replace(&mut config.values[id.index()], value);
        if id == id::SAVE {
            let adds_up = std::mem::replace(&mut self.has_seen_save, true) && args != [b""];
            if let (true, Value::Save(mut points)) = (adds_up, before)
                && let Value::Save(more) = &mut config.values[id.index()]
            {
                points.append(more);
                *more = points;
            }
        }
        Ok(())
    }

    fn include(&mut self, config: &mut Config, pattern: &str) -> Result<(), Stop> {
        if self.depth == DEPTH_MAX {
            return Err(Stop::Here("Too many files that include each other".into(), None));
        }
        let paths = match pattern.contains(['*', '?', '[']) {
            true => self.files.matching(pattern),
            false => vec![pattern.to_owned()],
        };
        self.depth += 1;
        for path in paths {
            let text = self.read(&path).map_err(Stop::Inside)?;
            self.lines(config, &text, &|_| path.clone()).map_err(Stop::Inside)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn collect(
        &self,
        config: &mut Config,
        directive: &'static Directive,
        args: &[Vec<u8>],
        text: &[u8],
        line: usize,
    ) -> Result<(), Stop> {
        if directive.name == "sentinel" {
            // The word alone only switches the mode, which the server has done by now.
            if args.is_empty() {
                return Ok(());
            }
            if !self.is_sentinel {
                let refusal = "sentinel directive while not in sentinel mode";
                return Err(Stop::Here(refusal.into(), None));
            }
        }
        config.collected.push(Collected {
            directive: directive.name,
            args: args.to_vec(),
            line,
            text: text.to_vec(),
        });
        Ok(())
    }
}

/// Why a line ended the load.
enum Stop {
    /// This line is wrong: the refusal, a hint.
    Here(Refusal, Option<String>),
    /// A file that it includes is.
    Inside(LoadError),
}

/// What only the sum of all lines can tell.
fn finish(config: &mut Config) -> Result<Vec<String>, LoadError> {
    let mut warnings = Vec::new();
    if config.flag(id::CLUSTER_ENABLED) {
        if config.host_port(id::REPLICAOF).is_some() {
            let refusal = "replicaof directive not allowed in cluster mode".into();
            return Err(LoadError::Whole { refusal });
        }
        let (before, after) = (config.int(id::DATABASES), config.int(id::CLUSTER_DATABASES));
        if before != after {
            warnings.push(format!(
                "WARNING: Changing databases number from {before} to {after} since we are in \
                 cluster mode"
            ));
            config.values[id::DATABASES.index()] = Value::Int(after);
        }
    }
    Ok(warnings)
}

/// The known name most like `name`, if one is near enough to be meant.
fn nearest(name: &[u8]) -> Option<String> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    // Longer than any name: not worth the quadratic comparison.
    if name.len() > 64 {
        return None;
    }
    let names = options::all().flat_map(|id| id.opt().names());
    let (distance, best) = names.map(|known| (edits(&name, known), known)).min()?;
    (distance <= name.len() / 4 + 1).then(|| format!("Did you mean '{best}'?"))
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<u8> = b.bytes().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
