//! What tests share: a whole server in process, without sockets, threads or a clock to wait for.
#![forbid(unsafe_code)]

pub mod crash;
pub mod disk;
pub mod golden;
pub mod history;
pub mod server;
pub mod soak;
pub mod transcript;

pub use server::{Session, TestServer};
