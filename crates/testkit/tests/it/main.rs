//! Tests of the whole engine, in process.

mod grammar;
mod soak;
