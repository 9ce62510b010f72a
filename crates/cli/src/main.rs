//! `ochre-cli`: arguments in, exit code out.
#![forbid(unsafe_code)]

use cli::one_shot::Failure;
use cli::options::{Mode, Options, help};
use cli::session::{Session, Trouble};
use cli::tls::Tls;
use cli::{bulk, one_shot, repl, terminal};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match run(&arguments) {
        Ok(code) => code,
        // Whoever read our output has left: there is nobody to tell.
        Err(Failure::Trouble(Trouble::Output(_))) => ExitCode::FAILURE,
        Err(Failure::Trouble(trouble)) => {
            eprintln!("{trouble}");
            ExitCode::FAILURE
        }
        Err(Failure::Quoting(text)) => {
            println!("{text}");
            ExitCode::FAILURE
        }
        Err(Failure::Arguments(text)) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode, Failure> {
    let mut options = Options::parse(arguments).map_err(Failure::Arguments)?;
    if options.password_on_command_line && !options.no_auth_warning {
        eprintln!(
            "Warning: Using a password with '-a' or '-u' option on the command line interface \
             may not be safe."
        );
    }
    if options.ask_password {
        let password = terminal::read_password("Please input password: ");
        options.password = Some(password.map_err(Trouble::Output)?);
    } else if options.password.is_none() {
        options.password = std::env::var("REDISCLI_AUTH").ok();
    }
    let only_prints = matches!(options.mode, Mode::Help | Mode::Version);
    if options.tls_options.wanted && !only_prints {
        let tls = Tls::new(&options.tls_options).map_err(|reason| {
            Failure::Arguments(format!("Could not negotiate a TLS connection: {reason}"))
        })?;
        options.tls = Some(tls);
    }
    match &options.mode {
        Mode::Help => print!("{}", help()),
        Mode::Version => println!("ochre-cli {}", env!("CARGO_PKG_VERSION")),
        Mode::Pipe if bulk::pipe(&options)? > 0 => return Ok(ExitCode::FAILURE),
        Mode::Pipe => {}
        Mode::Scan => bulk::scan(&options)?,
        Mode::Eval(path) => one_shot::eval(&options, path)?,
        Mode::TestHint(line) => repl::print_hint(&Session::new(&options), line)?,
        Mode::Command => match options.command.as_slice() {
            [] => repl::run(Session::new(&options))?,
            [help, topic @ ..] if help.eq_ignore_ascii_case("help") || help == "?" => {
                let topic: Vec<_> = topic.iter().map(|word| word.as_bytes().to_vec()).collect();
                repl::print_help(&Session::new(&options), &topic)?;
            }
            _ => one_shot::run(&options)?,
        },
    }
    Ok(ExitCode::SUCCESS)
}
