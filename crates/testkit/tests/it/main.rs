//! Tests of the whole engine, in process.

mod examples;
mod grammar;
mod soak;
