//! `ochre-benchmark`: arguments in, figures out.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use benchmark::client::{Failure, greeting};
use benchmark::options::Options;
use benchmark::report::{self, ServerConfig};
use benchmark::workloads::{Test, choose};
use benchmark::{client, run};
use cli::connection::Connection;
use resp::value::Value;

fn main() -> ExitCode {
    let arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err((text, true)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err((text, false)) => {
            eprintln!("{}", text.trim_end());
            return ExitCode::FAILURE;
        }
    };
    match measure(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Trouble::Load(failure)) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
        // Whoever read our output has left: there is nobody to tell.
        Err(Trouble::Output) => ExitCode::FAILURE,
    }
}

enum Trouble {
    Load(Failure),
    Output,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Load(failure)
    }
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Trouble {
        Trouble::Output
    }
}

fn measure(options: &Options) -> Result<(), Trouble> {
    if options.is_idle {
        println!(
            "Creating {} idle connections and waiting forever (Ctrl+C when done)",
            options.clients
        );
        return Ok(run::idle(options)?);
    }
    // Also finds out soon whether there is a server at all.
    let config = ask_config(options)?;
    if config.is_none() {
        eprintln!("WARNING: Could not fetch server CONFIG");
    }
    let tests = choose(options);
    let mut out = io::stdout();
    if options.is_csv {
        writeln!(out, "{}", report::CSV_HEADER)?;
    }
    loop {
        for test in &tests {
            let outcome = run_one(options, test)?;
            out.write_all(
                report::outcome(options, &test.title, config.as_ref(), &outcome).as_bytes(),
            )?;
            out.flush()?;
        }
        if !options.is_endless {
            return Ok(());
        }
    }
}

/// Runs a test and tells of its progress.
fn run_one(options: &Options, test: &Test) -> Result<run::Outcome, Failure> {
    let mut before = ((0, 0), Duration::ZERO);
    let mut shown = 0;
    let mut show = |text: &str| {
        // Progress that cannot be shown is none.
        let _ = write!(io::stdout(), "\r{text:shown$}\r").and_then(|()| io::stdout().flush());
        shown = text.len();
    };
    let outcome = run::run(options, test, |shared, time| {
        if options.is_csv {
            return;
        }
        let (done, latency_us) = shared.so_far();
        let ((done_before, latency_before), time_before) = before;
        let new = (done - done_before, latency_us - latency_before);
        let now = report::rate(new, time.saturating_sub(time_before));
        show(&report::progress(&test.title, now, report::rate((done, latency_us), time)));
        before = ((done, latency_us), time);
    });
    if !options.is_csv {
        show("");
    }
    outcome
}

/// How the server keeps its data; None if it does not tell.
fn ask_config(options: &Options) -> Result<Option<ServerConfig>, Failure> {
    let server = &options.server;
    let endpoint = server.endpoint();
    let (tls, timeout) = (server.tls.as_ref(), server.connect_timeout);
    let connection = Connection::open(&endpoint, tls, timeout, server.prefer);
    let mut connection =
        connection.map_err(|error| client::Failure::Connect(endpoint.clone(), error))?;
    let mut ask = |words: &[&str]| connection.ask(words).ok();
    for words in greeting(options) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match ask(&words) {
            Some(Value::Error(text)) => {
                return Err(Failure::Refused(String::from_utf8_lossy(&text).into_owned()));
            }
            Some(_) => {}
            None => return Ok(None),
        }
    }
    let mut option = |name: &str| match ask(&["CONFIG", "GET", name])? {
        Value::Array(words) => Some(words.get(1)?.text()?.into_owned()),
        Value::Map(pairs) => Some(pairs.first()?.1.text()?.into_owned()),
        _ => None,
    };
    let config = option("save").zip(option("appendonly"));
    Ok(config.map(|(save, append_only)| ServerConfig { save, append_only }))
}
