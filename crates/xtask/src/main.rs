//! Every chore of the repository, as `cargo x <chore>`: nothing to install, no shell scripts.
//!
//! | chore | what it answers |
//! |---|---|
//! | `check`   | may I push? |
//! | `conform` | does Redis's own test suite pass, with one worker and with four? |
//! | `clients` | do the client libraries people use work with us? |
//! | `bench`   | what does a command cost in CPU, a key in memory, beside a peer? |
//! | `differ`  | do random commands get the replies of a real Redis or Valkey? |
//! | `golden`  | what do real servers write into DUMP? (makes test data) |
//! | `fuzz`    | can bytes from outside break a parser or a structure? |
//! | `files`   | do real servers read our files, and we theirs, with equal data sets? |
//! | `crash`   | is what was acknowledged there after a kill -9? |
//! | `soak`    | do many workers on few keys lose, mix up or misorder anything? |
//! | `history` | is what many workers do what one could have done, in the journal's order? |
//! | `loom`    | do lock, gate and journal hold in every interleaving? |
//! | `docs`    | are the generated pages fresh? |
//!
//! Rules of the tree itself (arrows between crates, essays, `unsafe`) are in [`tidy`], which runs
//! as a test of this crate.
#![forbid(unsafe_code)]

mod bench;
mod check;
mod clients;
mod conform;
mod crash;
mod differ;
mod docs;
mod files;
mod fuzz;
mod golden;
mod history;
mod loom;
mod soak;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo x", about = "Every chore of the Ochre repository")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Format, lints, tests, freshness of docs: what must hold before a push.
    Check,
    /// Run Redis 7.0.15's own test suite against our server.
    Conform(conform::Args),
    /// Run redis-py, ioredis and node-redis against our server.
    Clients(clients::Args),
    /// Measure CPU, memory or expiry beside a peer, interleaved.
    Bench(bench::Args),
    /// Write the generated pages, or check that they are fresh.
    Docs(docs::Args),
    /// Send random commands to our server and to a real one, and compare.
    Differ(differ::Args),
    /// Write the payloads of a real server's DUMP into the test data.
    Golden(golden::Args),
    /// Attack a parser or structure with random and mutated bytes.
    Fuzz(fuzz::Args),
    /// Have real servers read our files, and ours theirs.
    Files(files::Args),
    /// Kill the server at random moments and look for what it had acknowledged.
    Crash(crash::Args),
    /// Run random commands on many workers and compare with a replica.
    Soak(soak::Args),
    /// Judge what many workers did at once by what one worker says.
    History(history::Args),
    /// Try every interleaving of lock, gate and journal.
    Loom,
    /// Check the rules of the tree: arrows between crates, essays, unsafe, file lengths.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Check => check::run(),
        Chore::Conform(args) => conform::run(&args),
        Chore::Clients(args) => clients::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Docs(args) => docs::run(&args),
        Chore::Differ(args) => differ::run(&args),
        Chore::Golden(args) => golden::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::Files(args) => files::run(&args),
        Chore::Crash(args) => crash::run(&args),
        Chore::Soak(args) => soak::run(&args),
        Chore::History(args) => history::run(&args),
        Chore::Loom => loom::run(),
        Chore::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
