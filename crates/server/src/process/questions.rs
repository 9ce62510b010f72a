//! Arguments that ask something and start no server: `--version`, `--help` and their like.

use std::ffi::OsString;
use std::process::ExitCode;

use super::{machine, version};

/// Answers on the standard output. None if the arguments ask for a server.
pub(crate) fn answer(arguments: &[OsString]) -> Option<ExitCode> {
    let code = |is_well| if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let first = arguments.get(1)?.to_str()?;
    match first {
        "-v" | "--version" => println!("{}", version::line()),
        "-h" | "--help" => print!("{HELP}"),
        "--check-system" => return Some(code(machine::check())),
        "--test-memory" => {
            let megabytes = arguments.get(2).and_then(|text| text.to_str()?.parse().ok());
            let Some(megabytes) = megabytes.filter(|n| (1..=MEGABYTES_MAX).contains(n)) else {
                eprintln!("Please specify the amount of memory to test in megabytes.");
                eprintln!("Example: ochre-server --test-memory 4096");
                return Some(ExitCode::FAILURE);
            };
            return Some(code(machine::test_memory(megabytes)));
        }
        _ => return None,
    }
    Some(ExitCode::SUCCESS)
}

/// More than any machine has; it keeps bytes within a number.
const MEGABYTES_MAX: usize = 1 << 30;

const HELP: &str = "\
Usage: ochre-server [/path/to/redis.conf] [options] [-]
       ochre-server -                      read the configuration from the standard input
       ochre-server -v | --version
       ochre-server -h | --help
       ochre-server --test-memory <megabytes>
       ochre-server --check-system
       ochre-server --restore-at <when> <data directory or backup> <new directory>

Each option of the configuration file is also an argument: its name after --, then its value.
Arguments win over the standard input, and that wins over the file.

Examples:
       ochre-server                        all options at their defaults
       echo 'maxmemory 128mb' | ochre-server -
       ochre-server /etc/redis/redis.conf
       ochre-server --port 7777
       ochre-server --port 7777 --io-threads 4
       ochre-server /etc/redis/redis.conf --loglevel verbose -
";
