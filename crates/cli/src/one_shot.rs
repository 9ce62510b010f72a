//! `ochre-cli SET k v`: one command, its reply, an exit code.

use crate::options::{FromStdin, Options, unquote};
use crate::session::{Session, Trouble};
use crate::terminal;

/// Why a command was not even sent.
#[derive(Debug)]
pub enum Failure {
    Trouble(Trouble),
    /// A line for the user.
    Arguments(String),
    /// A line about quoting, which redis-cli prints where replies go.
    Quoting(String),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure::Trouble(trouble)
    }
}

/// Runs the command of the options.
pub fn run(options: &Options) -> Result<(), Failure> {
    let mut session = Session::new(options);
    session.call(&arguments(options)?, options.repeat)?;
    Ok(session.print_messages()?)
}

/// EVAL of a file: the words are keys up to a lone comma, then arguments.
pub fn eval(options: &Options, path: &str) -> Result<(), Failure> {
    let script = std::fs::read(path).map_err(|error| {
        let reason = crate::connection::system_text(&error);
        Failure::Arguments(format!("Can't open file '{path}': {reason}"))
    })?;
    let words: Vec<_> = options.command.iter().map(|word| word.as_bytes().to_vec()).collect();
    let keys = words.iter().position(|word| word == b",").unwrap_or(words.len());
    let mut arguments = vec![b"EVAL".to_vec(), script, keys.to_string().into_bytes()];
    arguments.extend_from_slice(&words[..keys]);
    arguments.extend(words.into_iter().skip(keys + 1));
    Ok(Session::new(options).call(&arguments, options.repeat)?)
}

/// The words of the command as bytes, with what comes from standard input in place.
fn arguments(options: &Options) -> Result<Vec<Vec<u8>>, Failure> {
    let refused = |text: &str| Failure::Arguments(text.to_string());
    let mut arguments = Vec::new();
    for word in &options.command {
        arguments.push(if options.quoted_input {
            unquote(word).ok_or_else(|| Failure::Quoting("Invalid quoted string".to_string()))?
        } else {
            word.as_bytes().to_vec()
        });
    }
    let read = || terminal::read_all().map_err(Trouble::Output);
    match &options.from_stdin {
        FromStdin::Nothing => {}
        FromStdin::LastArgument => arguments.push(read()?),
        FromStdin::Tagged(tag) => {
            let tagged = arguments.iter_mut().find(|word| *word == tag.as_bytes());
            *tagged.ok_or_else(|| refused("Using -X option but stdin tag not match."))? = read()?;
        }
    }
    Ok(arguments)
}
