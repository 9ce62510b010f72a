//! Connections: who they are, what they are called, what they see of the others.
//!
//! ```text
//!   session   PING ECHO SELECT QUIT RESET       one connection, no questions
//!   hello     HELLO AUTH                        protocol and password
//!   client    CLIENT …                          itself and the others
//! ```
//!
//! Whatever touches only the caller is `Lock::Local`. CLIENT LIST and CLIENT KILL own the world:
//! then every other client is in the table of its worker, and the caller's is `cx.client`.

mod client;
mod hello;
mod session;
#[cfg(test)]
mod tests;

use engine::Command;

pub const COMMANDS: &[Command] = &[
    hello::AUTH,
    client::CLIENT,
    session::ECHO,
    hello::HELLO,
    session::PING,
    session::QUIT,
    session::RESET,
    session::SELECT,
];
