//! What the words and files of a TLS configuration mean, for the server and its tools alike.
//!
//! Redis speaks TLS through OpenSSL, and its options are OpenSSL's: cipher lists, PEM files, a folder
//! of authorities. We speak it through rustls, which knows none of these.
//!
//! ```text
//!   "EECDH+AESGCM:!ECDSA"  --> ciphers --> cipher suites
//!   file.pem, folder       --> pem     --> certificates, keys, roots of trust
//! ```
//!
//! Errors are the reason alone; whoever asked knows which option it was, and says so.
#![forbid(unsafe_code)]

mod ciphers;
mod pem;

pub use ciphers::{NoSuite, suites};
pub use pem::{certificates, certified, private_key, roots};
