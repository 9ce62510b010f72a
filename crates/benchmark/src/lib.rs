//! The load generator: as many requests as a server takes, and how long it took over each.
//!
//! ```text
//!   arguments → options → workloads → run: a thread  ┐ clients ⇄ server
//!                                      a thread  ┘    ↓
//!                          report  ←  latencies, requests done
//! ```
//!
//! Scripts know redis-benchmark, so options, names of tests and output are its own. A test is a
//! request with places for numbers ([`template`]), the user's or one of [`workloads`]; each client
//! sends some copies of it, waits for as many replies, and begins again ([`client`]), until all
//! threads together have sent the number that was asked for ([`run`]).
//!
//! 1. No more requests are sent than asked for: the last pipeline is shorter if need be.
//! 2. The latency of a request is the time from handing its pipeline to the socket until the first
//!    reply to it arrives, as in redis-benchmark.
//! 3. An error reply ends the program with code 1, and so does a lost connection.
//!
//! The load is closed: a client waits for replies, so a server that stalls is asked less. Absent,
//! compared with redis-benchmark: `--cluster`, which needs a cluster.
#![forbid(unsafe_code)]

pub mod client;
pub mod options;
pub mod report;
pub mod run;
pub mod template;
pub mod workloads;
