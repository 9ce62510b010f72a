//! The wire: RESP2 and RESP3, bytes to requests and replies to bytes.
//!
//! ```text
//!   socket bytes ──► request::Batch::parse ──► Args ──► handler ──► reply::Reply ──► socket bytes
//!                     │  inline (a line of words)         ▲
//!                     └─ ProtocolError ───────────────────┘ one error, then the connection closes
//!
//!   encode::write_request ──► server ──► value::decode        the other side: tools, tests, replicas
//! ```
//!
//! Nothing here reads a socket or knows a command. Everything works on bytes somebody else holds, so a test needs
//! nothing but byte strings. Bytes from outside never panic and never make us allocate more than a small multiple
//! of what really arrived, whatever length they declare.
//!
//! Read in this order: [`args`] (what a request is to everybody else), [`request`] (how one is found in the input),
//! [`inline`], [`protocol_error`], [`reply`], [`encode`], [`value`], [`scan`].

#![forbid(unsafe_code)]

pub mod args;
pub mod encode;
mod inline;
pub mod protocol_error;
pub mod reply;
pub mod request;
pub mod scan;
pub mod value;

pub use args::{ArgBuf, Args, Span};
pub use protocol_error::ProtocolError;
pub use reply::{Deferred, Protocol, Reply};
pub use request::{Batch, Limits, Parsed, Pending, Request};
pub use scan::Scan;
pub use value::{DecodeError, Value, decode};

#[cfg(test)]
mod test_random;
